"""Show that memory and the time to the first update do not grow with the corpus: generated pairs, few and many.

    python tools/benchmarks/measure_memory.py --pairs 29000 1000000 10000000

Each row is two processes: `nmt prepare`, and a training of a few updates with one validation, by default with the
default settings. It has their peak memory (resident set), the seconds that preparing took, and those from the start of
training to its first update, on the clock and of this process on its CPU. Beyond --prepare pairs the ids of training
pairs are generated too, instead of text that is prepared. Needs POSIX, and 60 bytes of disk for each pair, or 250 for
each pair of text.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from measuring import MIB, limit_threads, run_in_fresh_process, run_tool, wait_for

WORDS = 20_000
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
MEAN_LENGTH = 13  # words, as in Multi30k
VALID_PAIRS = 500
FIRST_ID = 300  # of those that are generated
CHUNK = 100_000  # pairs that are generated together


def draw_lengths(random: np.random.Generator, pairs: int) -> np.ndarray[Any, Any]:
    """Lengths from 1 to 60."""
    return np.clip(random.poisson(MEAN_LENGTH, pairs), 1, 60)


def write_text(prefix: Path, pairs: int, seed: int) -> None:
    """Write prefix.x and prefix.y: sentences of words whose frequencies follow Zipf's law; y has x's in reverse."""
    random = np.random.default_rng(seed)
    letters = np.random.default_rng(0)
    words = np.array(["".join(letters.choice(SYLLABLES, 1 + number % 4)) for number in range(WORDS)], object)
    shares = 1 / np.arange(3, WORDS + 3)
    with open(f"{prefix}.x", "w") as source, open(f"{prefix}.y", "w") as target:
        for begin in range(0, pairs, CHUNK):
            lengths = draw_lengths(random, min(CHUNK, pairs - begin))
            drawn = words[random.choice(WORDS, int(lengths.sum()), p=shares / shares.sum())]
            for line in np.split(drawn, np.cumsum(lengths)[:-1]):
                source.write(" ".join(line) + "\n")
                target.write(" ".join(line[::-1]) + "\n")


def prepare(folder: Path, pairs: int) -> tuple[float, float]:
    """Generate text and prepare it to folder/data. -> seconds, peak MiB"""
    write_text(folder / "train", pairs, 1)
    write_text(folder / "valid", VALID_PAIRS, 2)
    command = [sys.executable, "-m", "nmt", "prepare", "--source-lang", "x", "--target-lang", "y"]
    command += ["--train", str(folder / "train"), "--valid", str(folder / "valid"), "--out", str(folder / "data")]
    began = time.monotonic()
    code, peak = wait_for(subprocess.Popen(command, stderr=subprocess.DEVNULL, env=limit_threads(1)))
    if code:
        sys.exit(f"failed: {' '.join(command)}")
    for path in folder.glob("train.*"):
        path.unlink()
    return time.monotonic() - began, peak


def enlarge(data: Path, out: Path, pairs: int) -> None:
    """Copy a prepared folder with `pairs` training pairs of random ids in place of its own."""
    from nmt.data.prepared import ArrayWriter, PreparedCorpus, write_manifest

    prepared = PreparedCorpus.open(data)
    out.mkdir()
    for name in prepared.manifest.files:
        if not name.startswith("train."):
            shutil.copy(data / name, out / name)
    random, counts = np.random.default_rng(3), {}
    all_lengths = draw_lengths(random, pairs).astype(np.uint8)
    for side in ("source", "target"):
        with (
            ArrayWriter(out / f"train.{side}.ids.npy", np.uint16) as ids,
            ArrayWriter(out / f"train.{side}.offsets.npy", np.int64) as offsets,
        ):
            offsets.append(np.zeros(1, np.int64))
            for begin in range(0, pairs, CHUNK):
                lengths = all_lengths[begin : begin + CHUNK].astype(np.int64)
                offsets.append(ids.size + np.cumsum(lengths))
                ids.append(random.integers(FIRST_ID, getattr(prepared, f"{side}_subword").size, int(lengths.sum())))
            counts[side] = ids.size
    splits = {name: one.model_dump() for name, one in prepared.manifest.splits.items()}
    splits["train"] = {"pairs": pairs, "source_tokens": counts["source"], "target_tokens": counts["target"]}
    facts = prepared.manifest.model_dump(mode="json", exclude={"files", "splits", "kind", "format_version"})
    write_manifest(out, splits=splits, **facts)


def train(data: str, out: str, updates: int, settings: list[str], began: float) -> dict[str, float]:
    """Train in this process, which was started at the time `began`. -> seconds to its first update, peak MiB"""
    import nmt
    from nmt.settings import resolve_settings

    class Clock(nmt.Progress):
        def record(self, record: Mapping[str, Any]) -> None:
            if record["kind"] == "update":
                times.append((time.time() - began, time.process_time()))

    times: list[tuple[float, float]] = []
    words = [f"train.max_updates={updates}", *settings]
    nmt.train(data, out, resolve_settings(overrides=words), device="cpu", progress=Clock())
    return {"first": times[0][0], "cpu": times[0][1], "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB}


def main() -> None:
    """Print a row for each number of pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", type=int, default=[29_000, 1_000_000, 10_000_000], help="sizes")
    parser.add_argument("--prepare", type=int, default=1_000_000, help="pairs up to which text is prepared")
    parser.add_argument("--updates", type=int, default=20, help="updates of each training (default: %(default)s)")
    parser.add_argument("--set", nargs="+", default=[], metavar="SECTION.KEY=VALUE", help="other settings")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="folder for the corpora (default: a temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as root:
        small = Path(root, "small")
        print(f"{'pairs':>12}{'prepare, s':>12}{'MiB':>8}{'first update, s':>18}{'CPU s':>8}{'MiB':>8}")
        for number, pairs in enumerate(sorted(arguments.pairs)):
            folder = Path(root, "corpus")
            folder.mkdir()
            if not number or pairs <= arguments.prepare:
                prepared = "".join(
                    f"{figure:>{width},.0f}" for figure, width in zip(prepare(folder, pairs), (12, 8), strict=True)
                )
                if not number:
                    shutil.copytree(folder / "data", small)
            else:
                enlarge(small, folder / "data", pairs)
                prepared = f"{'-':>12}{'-':>8}"
            os.sync()
            words = {"data": str(folder / "data"), "out": str(folder / "run"), "settings": arguments.set}
            found = run_in_fresh_process(__file__, "train", 1, updates=arguments.updates, began=time.time(), **words)
            print(
                f"{pairs:>12,}{prepared}{found['first']:>18.1f}{found['cpu']:>8.1f}{found['peak']:>8,.0f}", flush=True
            )
            shutil.rmtree(folder)


if __name__ == "__main__":
    run_tool(main, {"train": train})
