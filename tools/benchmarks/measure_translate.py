"""Show that the memory of `nmt translate` does not grow with its input: the same lines from a pipe, over and over.

    python tools/benchmarks/measure_translate.py --model RUN --source FILE --lines 1000 1000000
                                                 [-- --beam 1 --processes 2 …]

Each row is one `nmt translate` in a process of its own, with the options after `--`: the number of lines that went in
and came out, the seconds from the start of the command to its end, and the peak memory of the largest of its processes
(resident set). Exits with code 1 if lines are lost, or if the peak memory of two rows differs by more than 50 MiB.
Needs POSIX.
"""

import argparse
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from threading import Thread

from measuring import wait_for

COMMAND = [sys.executable, "-m", "nmt", "translate"]
MOST_MIB = 50  # by which the peak memory of two numbers of lines may differ


def measure(command: Sequence[str], lines: Sequence[bytes], count: int) -> tuple[int, float, float]:
    """Send `count` lines through a command. -> number of lines that came back, seconds, peak MiB"""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin
    assert process.stdout
    counted = deque[int](maxlen=1)
    reader = Thread(target=lambda pipe: counted.append(sum(1 for _ in pipe)), args=(process.stdout,))
    reader.start()
    with process.stdin:
        process.stdin.writelines(islice(cycle(lines), count))
    reader.join()
    process.stdout.close()
    code, peak = wait_for(process)
    if code:
        sys.exit(f"failed: {' '.join(command)}")
    return counted.pop(), time.monotonic() - began, peak


def main() -> None:
    """Print a row for each number of lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="RUN", help="run folder to translate with")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="lines to repeat, as plain text")
    parser.add_argument(
        "--lines", nargs="+", type=int, default=[1000, 1_000_000], help="numbers of lines (default: 1000 1000000)"
    )
    parser.add_argument("options", nargs="*", help="options of nmt translate, after --")
    arguments = parser.parse_args()
    lines = arguments.source.read_bytes().splitlines(keepends=True)
    command = [*COMMAND, "--model", arguments.model, *arguments.options]
    peaks = []
    print(f"{'in':>12}{'out':>12}{'seconds':>10}{'peak MiB':>10}")
    for count in arguments.lines:
        returned, seconds, peak = measure(command, lines, count)
        peaks.append(peak)
        print(f"{count:>12,}{returned:>12,}{seconds:>10.1f}{peak:>10,.0f}", flush=True)
        if returned != count:
            sys.exit(f"{count - returned:,} lines are lost")
    if max(peaks) - min(peaks) > MOST_MIB:
        sys.exit(f"peak memory differs by {max(peaks) - min(peaks):,.0f} MiB; at most {MOST_MIB} are allowed")


if __name__ == "__main__":
    main()
