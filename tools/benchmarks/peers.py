"""The peers, OpenNMT-py and JoeyNMT: how their script run.sh is called, and what their logs report.

The script and its companion setup.sh stand in the folder that `--peer-scripts` names; tools/README.md describes them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measuring import limit_threads, wait_for

from nmt.errors import NmtError

WARM_REPORTS = 2  # reports, of ten updates each, that belong to the warm-up
HEAD_START_SECONDS = 90  # for loading and for the warm-up


class PeerError(NmtError):
    """A peer failed, or its log does not report what was to be measured."""


class Peer(NamedTuple):
    """Arguments of run.sh, and regular expressions for figures in a log."""

    folder: str
    scores: dict[str, str]  # our name of an attention: the nearest one of the peer
    input_feeding: tuple[str, str]  # without and with it
    training_rate: str  # target tokens per second
    translation_seconds: str
    bleu: str

    def training_arguments(self, attention: str, input_feeding: bool) -> tuple[str, ...]:
        """Arguments of run.sh that train with an attention."""
        return self.folder, "train", self.scores[attention], self.input_feeding[input_feeding]


PEERS = {
    "opennmt-py": Peer(
        "opennmt",
        {"bahdanau": "mlp", "luong-concat": "mlp", "luong-general": "general", "luong-dot": "general"},
        ("0", "1"),
        r"Step +\d+/.*?/ *(\d+) tok/s",
        r"Total translation time \(s\): ([\d.]+)",
        r'"score": ([\d.]+)',
    ),
    "joeynmt": Peer(
        "joeynmt",
        {"bahdanau": "bahdanau", "luong-concat": "bahdanau", "luong-general": "luong", "luong-dot": "luong"},
        ("False", "True"),
        r"Tokens per Sec: +(\d+)",
        r"Generation took ([\d.]+)\[sec\]",
        r"bleu: +([\d.]+)",
    ),
}


class Installation(NamedTuple):
    """Where the peers are, and how many threads they compute with."""

    folder: Path
    scripts: Path
    threads: int

    def run(self, *arguments: Any) -> tuple[int, str, float]:
        """Call run.sh. -> exit code, log, peak memory in MiB of the largest of its processes"""
        process = subprocess.Popen(
            ["bash", self.scripts / "run.sh", self.folder, *map(str, arguments)],
            env=limit_threads(self.threads),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout
        with process.stdout:
            log = process.stdout.read()
        code, peak = wait_for(process)
        return code, log, peak


def last_lines(log: str) -> str:
    """The end of a log, as part of a message."""
    return "".join(f"\n  {line}" for line in log.splitlines()[-5:])


# Training


def read_training_rates(name: str, log: str) -> list[float]:
    """Target tokens per second as a peer reported them, without the warm-up.

    The report after a validation is left out, because OpenNMT-py counts the time of the validation in it.
    """
    rates, is_disturbed = [], False
    for line in log.splitlines():
        if match := re.search(PEERS[name].training_rate, line):
            rates.append(None if is_disturbed else float(match[1]))
            is_disturbed = False
        is_disturbed = is_disturbed or "alidation" in line
    return [rate for rate in rates[WARM_REPORTS:] if rate is not None]


def measure_training(name: str, arguments: Sequence[str], peers: Installation, seconds: float) -> dict[str, Any]:
    """Train with a peer. -> its rates and its peak memory. Raises PeerError."""
    seconds += HEAD_START_SECONDS
    code, log, peak = peers.run(*arguments, f"{seconds:.0f}")
    rates = read_training_rates(name, log)
    if code or not rates:
        raise PeerError(
            f"{name} reported no rate after its warm-up in {seconds:.0f} seconds and ended with code "
            f"{code}{last_lines(log)}\n  Give more --seconds, or leave out --peers"
        )
    return {"rates": rates, "peak_mib": peak}


# Translation


def find_checkpoint(name: str, peers: Installation) -> Path | None:
    """The newest checkpoint of OpenNMT-py, or the folder of JoeyNMT's run, which finds its best one itself."""
    folder, _, *options = PEERS[name].training_arguments("bahdanau", True)
    stem = peers.folder / "runs" / "-".join([folder, *options])
    if name == "joeynmt":
        return stem if any(stem.glob("*.ckpt")) else None
    steps = {int(file.stem.rpartition("_")[2]): file for file in stem.parent.glob(f"{stem.name}_step_*.pt")}
    return steps[max(steps)] if steps else None


def train_missing(peers: Installation, seconds: float) -> None:
    """Train every peer that has no checkpoint yet. Raises PeerError."""
    for name, peer in PEERS.items():
        if find_checkpoint(name, peers) is None:
            print(f"{name} has no checkpoint: training it for {seconds:,.0f} seconds", file=sys.stderr)
            code, log, _ = peers.run(*peer.training_arguments("bahdanau", True), f"{seconds:.0f}")
            if code or find_checkpoint(name, peers) is None:
                raise PeerError(
                    f"{name} had no checkpoint after {seconds:,.0f} seconds{last_lines(log)}\n"
                    "  Give more --peer-seconds"
                )


def write_configuration(checkpoint: Path, beam: int, batch_size: int, path: Path) -> None:
    """Copy the configuration of a JoeyNMT run, for another beam and batch size, and for the test set alone."""
    text = (checkpoint / "config.yaml").read_text()
    head, testing, tail = re.split(r"(?m)^(testing:\n(?:[ #].*\n)+)", text)
    head = re.sub(r"(?m)^ +dev: .*\n", "", head)
    for key, value in (("beam_size", beam), ("batch_size", batch_size)):
        testing, count = re.subn(rf"(?m)^( +{key}:) .*$", rf"\1 {value}", testing)
        assert count == 1, f"{key} stands {count} times in the section `testing` of {checkpoint}/config.yaml"
    path.write_text(head + testing + tail)


def measure_translation(name: str, beam: int, batch_size: int, peers: Installation, lines: int) -> dict[str, Any]:
    """Translate test_2016_flickr, which has `lines` lines, with a peer. -> rate, BLEU and peak memory

    Raises PeerError.
    """
    checkpoint = find_checkpoint(name, peers)
    assert checkpoint
    with tempfile.TemporaryDirectory() as folder:
        arguments: list[Any] = ["translate", checkpoint, beam, batch_size]
        if name == "joeynmt":
            arguments = ["test", Path(folder) / "joeynmt.yaml"]
            write_configuration(checkpoint, beam, batch_size, arguments[1])
        code, log, peak = peers.run(PEERS[name].folder, *arguments)
    seconds, bleu = (re.search(pattern, log) for pattern in (PEERS[name].translation_seconds, PEERS[name].bleu))
    if code or not seconds or not bleu:
        raise PeerError(f"{name} ended with code {code} and reported no time or no BLEU{last_lines(log)}")
    return {"rates": [lines / float(seconds[1])], "bleu": float(bleu[1]), "peak_mib": peak}


# Options


def add_peer_options(parser: argparse.ArgumentParser) -> None:
    """--peers and --peer-scripts."""
    parser.add_argument("--peers", type=Path, metavar="DIR", help="measure the peers that setup.sh installed in DIR")
    parser.add_argument(
        "--peer-scripts",
        type=Path,
        default=Path("../shared/peers"),
        metavar="DIR",
        help="folder with setup.sh and run.sh of the peers (default: %(default)s)",
    )


def check_peers(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """End with a message if the peers are to be measured but are not installed."""
    if arguments.peers:
        scripts = arguments.peer_scripts
        for path in (scripts / "run.sh", *(arguments.peers / peer.folder for peer in PEERS.values())):
            if not path.exists():
                parser.error(f"{path} does not exist; run {scripts / 'setup.sh'} {arguments.peers} first")
