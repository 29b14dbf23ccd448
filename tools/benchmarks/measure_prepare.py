"""Show that the memory of `nmt prepare` does not grow with the corpus: the same pairs, once and many times over.

    python tools/benchmarks/measure_prepare.py data/multi30k/train data/multi30k/val --times 1 10 100

Each row is one `nmt prepare` in a process of its own: the number of pairs, seconds, and its peak memory (resident set).
With --sample-lines no larger than the corpus, SentencePiece learns from the same number of lines each time, so that any
growth would come from the rest of the program. Needs POSIX.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from measuring import wait_for

from nmt.text.corpus import ParallelFiles


def repeat(corpus: ParallelFiles, times: int, prefix: Path) -> int:
    """Write `times` copies of a corpus, one after the other, as prefix.source and prefix.target. -> number of pairs"""
    pairs = 0
    with (
        open(f"{prefix}.source", "w", encoding="utf-8") as source,
        open(f"{prefix}.target", "w", encoding="utf-8") as target,
    ):
        for _ in range(times):
            for pair in corpus.read():
                source.write(pair.source + "\n")
                target.write(pair.target + "\n")
                pairs += 1
    return pairs


def measure(command: Sequence[str]) -> tuple[float, float]:
    """Run a command. -> seconds, peak MiB"""
    began = time.monotonic()
    code, peak = wait_for(subprocess.Popen(command, stderr=subprocess.DEVNULL))
    if code:
        sys.exit(f"failed: {' '.join(command)}")
    return time.monotonic() - began, peak


def main() -> None:
    """Print a row for each number of copies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", help="PREFIX of the corpus to repeat")
    parser.add_argument("valid", help="PREFIX of validation text")
    parser.add_argument("--langs", nargs=2, default=["en", "de"], help="endings of the two files (default: en de)")
    parser.add_argument(
        "--times", nargs="+", type=int, default=[1, 10, 100], help="numbers of copies (default: 1 10 100)"
    )
    parser.add_argument("--vocab-size", default="4000", help="pieces, few enough for the sample (default: %(default)s)")
    parser.add_argument(
        "--sample-lines", default="29000", help="lines that SentencePiece learns from (default: %(default)s)"
    )
    parser.add_argument("--drop-duplicates", action="store_true", help="pass --drop-duplicates to nmt prepare")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="folder for the copies (default: a temporary one)")
    arguments = parser.parse_args()
    print(f"{'pairs':>12}{'seconds':>10}{'peak MiB':>10}")
    for times in arguments.times:
        with tempfile.TemporaryDirectory(dir=arguments.scratch) as folder:
            pairs = repeat(ParallelFiles(Path(arguments.train), *arguments.langs), times, Path(folder, "train"))
            repeat(ParallelFiles(Path(arguments.valid), *arguments.langs), 1, Path(folder, "valid"))
            command = [sys.executable, "-m", "nmt", "prepare", "--source-lang", "source", "--target-lang", "target"]
            command += ["--train", f"{folder}/train", "--valid", f"{folder}/valid", "--out", f"{folder}/out"]
            command += ["--vocab-size", arguments.vocab_size, "--sample-lines", arguments.sample_lines]
            seconds, peak = measure(command + ["--drop-duplicates"] * arguments.drop_duplicates)
        print(f"{pairs:>12,}{seconds:>10.1f}{peak:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
