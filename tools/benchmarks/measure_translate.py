"""Show that the memory of `nmt translate` does not grow with its input: the same lines from a pipe, over and over.

    python tools/benchmarks/measure_translate.py \\
        --model RUN --source FILE --lines 1000 1000000 [-- --beam 1 --processes 2 …]

Each row is one `nmt translate`, with what stands after `--`, in a process of its own: the lines that went in and came
out, seconds from the command to its end, and the most memory that the largest of its processes held (resident set).
Ends with code 1 when lines are lost, or when more of them take more than 50 MiB more. Needs POSIX.
"""

import argparse
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from threading import Thread

from benchmark_train import MIB

COMMAND = [sys.executable, "-m", "nmt", "translate"]
MOST = 50  # MiB that any number of lines may take more than any other


def measure(words: Sequence[str], lines: Sequence[bytes], count: int) -> tuple[int, float, float]:
    """Send so many lines through one command. -> lines that came back, seconds, peak MiB"""
    began = time.monotonic()
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    counted = deque[int](maxlen=1)
    reader = Thread(target=lambda pipe: counted.append(sum(1 for _ in pipe)), args=(process.stdout,))
    reader.start()
    with process.stdin:
        process.stdin.writelines(islice(cycle(lines), count))
    reader.join()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit(f"failed: {' '.join(words)}")
    return counted.pop(), time.monotonic() - began, usage.ru_maxrss / MIB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="RUN")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="lines to repeat, plain text")
    parser.add_argument("--lines", nargs="+", type=int, default=[1000, 1_000_000])
    parser.add_argument("words", nargs="*", help="of nmt translate")
    arguments = parser.parse_args()
    lines = arguments.source.read_bytes().splitlines(keepends=True)
    command = [*COMMAND, "--model", arguments.model, *arguments.words]
    peaks = []
    print(f"{'in':>12}{'out':>12}{'seconds':>10}{'peak MiB':>10}")
    for count in arguments.lines:
        found, seconds, peak = measure(command, lines, count)
        peaks.append(peak)
        print(f"{count:>12,}{found:>12,}{seconds:>10.1f}{peak:>10,.0f}", flush=True)
        if found != count:
            sys.exit(f"{count - found:,} lines are lost")
    if max(peaks) - min(peaks) > MOST:
        sys.exit(f"memory grows by {max(peaks) - min(peaks):,.0f} MiB, and {MOST} are allowed")


if __name__ == "__main__":
    main()
