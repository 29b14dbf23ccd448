"""Sentences per second of translation: each precision of ours, our plain search and the installed peers, in turn.

    python tools/benchmarks/benchmark_translate.py \\
        --model RUN --source FILE --reference FILE [--shortlist FILE] [--peers DIR] …

Everybody translates the same sentences with the same number of threads, greedily and with a beam, all together and one
at a time. `nmt reference` is the model as it was trained in float32, step by step, with every word scored. `nmt
processes` shares the threads out to as many processes, and gets the sentences LONGER times over, as they pay for long
files. The peers are to be of the run's size, as run.sh trains them (12 M parameters). Each measurement is a process of
its own, so its peak memory is its own too (of several, the largest times their number); the systems take turns,
`--rounds` times. Rates leave loading out and are medians over passes and rounds, with the slowest and the fastest.

It also times whole processes that translate one sentence, from the command to its end.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmark_train import MIB, in_fresh_process, peak_mib, refuse_unusable, serve, spread, with_threads

from nmt.cli.translate import command
from nmt.errors import UsageError

# torch is imported by the jobs alone: what this process holds at a fork counts in its children's peak memory.

PRECISION = next(option for option in command.params if option.name == "precision")
PRECISIONS = [name for name in PRECISION.type.choices if name != "auto"]
WARM_LINES = 64  # translated before the clock runs
BATCH_SIZES = 64, 1
LONGER = 4  # times the sentences that several processes get


class Peer(NamedTuple):
    """What a peer is called, how it is trained by `run.sh`, and where its log has seconds and BLEU."""

    folder: str
    training: tuple[str, ...]
    seconds: str
    bleu: str


PEERS = {
    "opennmt-py": Peer("opennmt", ("mlp", "1"), r"Total translation time \(s\): ([\d.]+)", r'"score": ([\d.]+)'),
    "joeynmt": Peer("joeynmt", ("bahdanau", "True"), r"Generation took ([\d.]+)\[sec\]", r"bleu: +([\d.]+)"),
}


class System(NamedTuple):
    """What is measured: one row of the table."""

    system: str
    precision: str
    beam: int
    batch_size: int


def systems(
    precisions: Sequence[str], beams: Sequence[int], batch_sizes: Sequence[int], shortlist: bool, peers: bool
) -> list[System]:
    """Every row, those that are compared beside each other. Processes have nothing to share one at a time."""
    ours = ["nmt", *["nmt shortlist"] * shortlist, "nmt processes"]
    kinds = [(name, precision) for precision in precisions for name in ours]
    kinds += [("nmt reference", "float32"), *((name, "float32") for name in PEERS if peers)]
    rows = [System(*kind, beam, size) for beam in beams for size in batch_sizes for kind in kinds]
    return [row for row in rows if (row.system, row.batch_size) != ("nmt processes", 1)]


# Jobs: what runs in a process of its own


def translate(
    model: str,
    source: str,
    reference: str,
    shortlist: str | None,
    reference_search: bool,
    precision: str,
    beam: int,
    batch_size: int,
    seconds: float,
) -> dict[str, Any]:
    """What one of ours does: rates of passes over the sentences for so long, BLEU and peak memory."""
    import sacrebleu

    from nmt import Translator
    from nmt.text.corpus import read_lines

    translator = Translator.load(
        model, device="cpu", precision=precision, **{"shortlist": shortlist} if shortlist else {}
    )
    if reference_search:
        translator.model = translator.runs[0].model
    lines, right = list(read_lines(source)), list(read_lines(reference))
    how = {"beam": beam, "batch_size": batch_size}
    translator.translate(lines[:WARM_LINES], **how)
    rates, texts = passes(lambda: [one.text for one in translator.translate(lines, **how)], seconds)
    return {"rates": rates, "bleu": sacrebleu.corpus_bleu(texts, [right]).score, "peak_mib": peak_mib("cpu")}


def translate_side_by_side(
    model: str, source: str, reference: str, precision: str, beam: int, batch_size: int, seconds: float, processes: int
) -> dict[str, Any]:
    """The same of several processes, with a thread each."""
    import sacrebleu

    from nmt.text.corpus import read_lines
    from nmt.translation.workers import WorkerPool

    lines, right = list(read_lines(source)), list(read_lines(reference))
    how = {"beam": beam, "batch_size": batch_size}
    with WorkerPool(processes, 1, runs=model, device="cpu", precision=precision) as crew:
        list(crew.stream(lines, **how))
        rates, texts = passes(lambda: [one.text for (one,) in crew.stream(lines * LONGER, **how)], seconds)
    peak = processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB
    return {"rates": rates, "bleu": sacrebleu.corpus_bleu(texts[: len(lines)], [right]).score, "peak_mib": peak}


def passes(translate: Callable[[], list[str]], seconds: float) -> tuple[list[float], list[str]]:
    """Translate for so long, at least once. -> sentences a second of each pass, what the last one gave"""
    rates: list[float] = []
    began = since = time.perf_counter()
    while not rates or since - began < seconds:
        texts = translate()
        now = time.perf_counter()
        rates.append(len(texts) / (now - since))
        since = now
    return rates, texts


# Peers


def checkpoint_of(name: str, peers: Path) -> Path | None:
    """What a peer translates with: OpenNMT-py's newest checkpoint, or the folder that JoeyNMT finds its own in."""
    peer = PEERS[name]
    stem = peers / "runs" / "-".join([peer.folder, *peer.training])
    if name == "joeynmt":
        return stem if any(stem.glob("*.ckpt")) else None
    steps = {int(file.stem.rpartition("_")[2]): file for file in stem.parent.glob(f"{stem.name}_step_*.pt")}
    return steps[max(steps)] if steps else None


def configuration(checkpoint: Path, beam: int, batch_size: int, folder: Path) -> Path:
    """JoeyNMT's configuration of a run, for other figures and for the test set alone."""
    text = (checkpoint / "config.yaml").read_text()
    head, testing, tail = re.split(r"(?m)^(testing:\n(?:[ #].*\n)+)", text)
    head = re.sub(r"(?m)^ +dev: .*\n", "", head)
    for key, value in (("beam_size", beam), ("batch_size", batch_size)):
        testing, count = re.subn(rf"(?m)^( +{key}:) .*$", rf"\1 {value}", testing)
        assert count == 1, f"{key} stands {count} times in the part `testing` of {checkpoint}/config.yaml"
    path = folder / "joeynmt.yaml"
    path.write_text(head + testing + tail)
    return path


def watch(command: Sequence[Any], threads: int) -> tuple[int, str, float]:
    """What became of a command: exit code, log, and the peak memory of the largest of its processes."""
    process = subprocess.Popen(
        [str(word) for word in command],
        env=with_threads(threads),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    with process.stdout:
        log = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, log, usage.ru_maxrss / MIB


def measure_peer(system: System, scripts: Path, peers: Path, threads: int, lines: int) -> dict[str, Any]:
    """What a peer says of its own pass over test_2016_flickr, which has so many `lines`."""
    peer, checkpoint = PEERS[system.system], checkpoint_of(system.system, peers)
    assert checkpoint
    with tempfile.TemporaryDirectory() as folder:
        if system.system == "joeynmt":
            words = ["test", configuration(checkpoint, system.beam, system.batch_size, Path(folder))]
        else:
            words = ["translate", checkpoint, system.beam, system.batch_size]
        code, log, peak = watch(["bash", scripts / "run.sh", peers, peer.folder, *words], threads)
    seconds, bleu = re.search(peer.seconds, log), re.search(peer.bleu, log)
    if code or not seconds or not bleu:
        tail = "".join(f"\n  {line}" for line in log.splitlines()[-5:])
        raise UsageError(f"{system.system} ended with code {code} and gave no time or no BLEU{tail}")
    return {"rates": [lines / float(seconds[1])], "bleu": float(bleu[1]), "peak_mib": peak}


def train_peers(scripts: Path, peers: Path, threads: int, seconds: float) -> None:
    """Give each peer without a checkpoint one, of so much training."""
    for name, peer in PEERS.items():
        if checkpoint_of(name, peers) is None:
            print(f"{name} has no checkpoint: training it for {seconds:,.0f} seconds", file=sys.stderr)
            words = [peer.folder, "train", *peer.training, f"{seconds:.0f}"]
            code, log, _ = watch(["bash", scripts / "run.sh", peers, *words], threads)
            if code or checkpoint_of(name, peers) is None:
                tail = "".join(f"\n  {line}" for line in log.splitlines()[-5:])
                raise UsageError(
                    f"{name} had no checkpoint after {seconds:,.0f} seconds{tail}\n  Give more --peer-seconds"
                )


# The run and its report


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every system in turn, so many rounds. -> what --json writes"""
    threads, count = arguments.threads, len(arguments.source.read_bytes().splitlines())
    if arguments.peers:
        train_peers(arguments.peer_scripts, arguments.peers, threads, arguments.peer_seconds)

    def measure(system: System) -> dict[str, Any]:
        if system.system in PEERS:
            return measure_peer(system, arguments.peer_scripts, arguments.peers, threads, count)
        job = system._asdict()
        kind = job.pop("system")
        for name in "model", "source", "reference":
            job[name] = str(getattr(arguments, name))
        job["seconds"] = arguments.seconds
        if kind == "nmt processes":
            return in_fresh_process(threads, "translate_side_by_side", __file__, processes=threads, **job)
        job["shortlist"] = str(arguments.shortlist) if kind == "nmt shortlist" else None
        return in_fresh_process(threads, "translate", __file__, reference_search=kind == "nmt reference", **job)

    rows = systems(
        arguments.precision, arguments.beam, arguments.batch_size, bool(arguments.shortlist), bool(arguments.peers)
    )
    found: dict[System, list[dict[str, Any]]] = defaultdict(list)
    whole: list[float] = []
    for number in range(arguments.rounds):
        for system in rows:
            found[system].append(measure(system))
            rate = found[system][-1]["rates"][-1]
            print(f"round {number + 1}: {' '.join(map(str, system))}: {rate:,.1f} sentences/s", file=sys.stderr)
        whole.append(one_sentence(arguments.model, arguments.source, threads))
    return {
        "threads": threads,
        "rounds": arguments.rounds,
        "lines": count,
        "one_sentence_seconds": spread(whole),
        "rows": [report_row(system, found[system]) for system in rows],
    }


def one_sentence(model: Path, source: Path, threads: int) -> float:
    """Seconds from the command to the end of a process that translates the first line."""
    line = source.read_bytes().splitlines(keepends=True)[0]
    words = [sys.executable, "-m", "nmt", "translate", "--model", str(model), "--device", "cpu"]
    begin = time.perf_counter()
    subprocess.run(words, input=line, env=with_threads(threads), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def report_row(system: System, found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One system over all rounds."""
    return {
        **system._asdict(),
        "sentences_per_second": spread([rate for one in found for rate in one["rates"]]),
        "bleu": found[-1]["bleu"],
        "peak_mib": max(one["peak_mib"] for one in found),
    }


def table(rows: Sequence[dict[str, Any]], against: Sequence[str]) -> str:
    """A line for each row, and by how much it is faster than others at the same beam and batch size."""
    standard = {
        (row["system"], row["beam"], row["batch_size"]): row["sentences_per_second"]["median"]
        for row in rows
        if row["system"] in against
    }
    heads = [
        "system",
        "precision",
        "beam",
        "batch size",
        "sentences/s (min–max)",
        *(f"times {name}" for name in against),
    ]
    lines = [f"| {' | '.join([*heads, 'BLEU', 'peak MiB'])} |", "|---" * (len(heads) + 2) + "|"]
    for row in rows:
        rate = row["sentences_per_second"]
        cells = [
            row["system"],
            row["precision"],
            str(row["beam"]),
            str(row["batch_size"]),
            f"{rate['median']:,.1f} ({rate['min']:,.1f}–{rate['max']:,.1f})",
            *(f"{rate['median'] / standard[name, row['beam'], row['batch_size']]:.2f}" for name in against),
            f"{row['bleu']:.2f}",
            f"{row['peak_mib']:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="RUN")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="sentences, plain text")
    parser.add_argument("--reference", type=Path, required=True, metavar="FILE", help="their translations")
    parser.add_argument("--shortlist", type=Path, metavar="FILE", help="measure ours with it, too")
    parser.add_argument(
        "--peers", type=Path, metavar="DIR", help="where setup.sh of --peer-scripts installed the peers"
    )
    parser.add_argument("--peer-scripts", type=Path, default=Path("../shared/peers"), metavar="DIR", help="%(default)s")
    parser.add_argument(
        "--peer-seconds", type=float, default=900, help="a peer without checkpoint is trained so long (%(default)s)"
    )
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--beam", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--batch-size", nargs="+", type=int, default=list(BATCH_SIZES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of a measurement of ours, at least one pass")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    for path in arguments.source, arguments.reference:
        if not path.is_file():
            parser.error(f"{path} is not there")
    refuse_unusable(parser, arguments, [peer.folder for peer in PEERS.values()])
    if arguments.peers:
        own = arguments.peers / "data" / "test_2016_flickr.en"
        if own.read_bytes() != arguments.source.read_bytes():
            parser.error(f"--source {arguments.source} is not what peers translate: give {own}")
    return arguments


def main() -> None:
    """Print the table and write the JSON."""
    arguments = parse()
    report = run(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    whole = report["one_sentence_seconds"]
    print(f"{report['lines']:,} sentences, {report['threads']} threads, {report['rounds']} rounds")
    print(f"one sentence, whole process: {whole['median']:.2f} s ({whole['min']:.2f}–{whole['max']:.2f})")
    print(f"\n{table(report['rows'], ['nmt reference', *(PEERS if arguments.peers else [])])}")


if __name__ == "__main__":
    serve(main, {"translate": translate, "translate_side_by_side": translate_side_by_side})
