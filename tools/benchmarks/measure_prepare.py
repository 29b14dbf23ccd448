"""Show that the memory of `nmt prepare` does not grow with the corpus: the same pairs, once and many times over.

    python tools/benchmarks/measure_prepare.py data/multi30k/train data/multi30k/val --times 1 10 100

Each row is one `nmt prepare` in a process of its own, and the most memory that the process held (resident set). With
--sample-lines no larger than the corpus, SentencePiece learns from equally many lines each time, and what is left to
grow is ours. Needs POSIX.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nmt.text.corpus import ParallelFiles


def repeat(corpus: ParallelFiles, times: int, prefix: Path) -> int:
    """Write `times` copies of a corpus, end to end, as prefix.source and prefix.target. -> pairs"""
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


def measure(words: list[str]) -> tuple[float, float]:
    """Run one command. -> seconds, peak MiB"""
    began = time.monotonic()
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(words)}")
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return time.monotonic() - began, usage.ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("train", help="PREFIX of the corpus to repeat")
    parser.add_argument("valid", help="PREFIX of validation text")
    parser.add_argument("--langs", nargs=2, default=["en", "de"])
    parser.add_argument("--times", nargs="+", type=int, default=[1, 10, 100])
    parser.add_argument("--vocab-size", default="4000", help="few enough for any sample")
    parser.add_argument("--sample-lines", default="29000")
    parser.add_argument("--drop-duplicates", action="store_true")
    parser.add_argument("--scratch", type=Path, help="where to write the copies; a temporary folder if not given")
    options = parser.parse_args()
    print(f"{'pairs':>12}{'seconds':>10}{'peak MiB':>10}")
    for times in options.times:
        with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
            place = Path(folder)
            pairs = repeat(ParallelFiles(Path(options.train), *options.langs), times, place / "train")
            repeat(ParallelFiles(Path(options.valid), *options.langs), 1, place / "valid")
            words = [sys.executable, "-m", "nmt", "prepare", "--source-lang", "source", "--target-lang", "target"]
            words += ["--train", f"{place}/train", "--valid", f"{place}/valid", "--out", f"{place}/out"]
            words += ["--vocab-size", options.vocab_size, "--sample-lines", options.sample_lines]
            seconds, peak = measure(words + ["--drop-duplicates"] * options.drop_duplicates)
        print(f"{pairs:>12,}{seconds:>10.1f}{peak:>10,.0f}", flush=True)


if __name__ == "__main__":
    main()
