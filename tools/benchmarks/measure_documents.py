"""Time a page through `nmt translate --document`, and show that its memory does not grow with the number of files.

    python tools/benchmarks/measure_documents.py --model RUN --source FILE [--words 2000] [--files 100 1000]
                                                 [--megabytes 1 10] [-- --precision float32 --threads 1 …]

Pages are made of the lines of FILE, each a paragraph with a word in bold. The first row is one page of `--words` words;
the next are folders of `--files` pages of one paragraph, and the last pages of `--megabytes`. These repeat the lines of
FILE, which are then translated once, so that most of their time is that of reading, placing tags and writing. Each row
is one command in a process of its own, with the options after `--`: seconds from its start to its end, seconds of
processors, and peak memory (resident set). Exits with code 1 if files are lost, or if the peak memory of two folders
differs by more than 50 MiB. Needs POSIX.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import accumulate, cycle, islice, takewhile
from pathlib import Path

from measuring import wait_for

COMMAND = [sys.executable, "-m", "nmt", "translate", "--document", "--quiet"]
MOST_MIB = 50  # by which the peak memory of two folders may differ


def make_page(lines: Sequence[str]) -> str:
    """A page of paragraphs whose second words are bold."""
    words = [line.split() for line in lines]
    inside = (" ".join([*some[:1], *(f"<b>{one}</b>" for one in some[1:2]), *some[2:]]) for some in words)
    return "<!DOCTYPE html>\n<html><body>\n" + "".join(f"<p>{one}</p>\n" for one in inside) + "</body></html>\n"


def take_bytes(lines: Sequence[str], size: int) -> list[str]:
    """Lines until a page of them has `size` bytes."""
    pages = accumulate(len(make_page([line]).encode()) - len(make_page([]).encode()) for line in cycle(lines))
    return list(islice(cycle(lines), 1 + sum(1 for _ in takewhile(lambda done: done < size, pages))))


def take_words(lines: Sequence[str], count: int) -> list[str]:
    """Lines until they have `count` words."""
    taken: list[str] = []
    for line in cycle(lines):
        if count <= 0:
            break
        taken.append(line)
        count -= len(line.split())
    return taken


def measure(command: Sequence[str], source: Path, output: Path) -> tuple[float, float, float]:
    """Translate a file or a folder. -> seconds, seconds of a processor, peak MiB"""
    began, spent = time.monotonic(), measure_spent()
    code, peak = wait_for(subprocess.Popen([*command, str(source), "--output", str(output)]))
    if code:
        sys.exit(f"failed: {' '.join(command)}")
    return time.monotonic() - began, measure_spent() - spent, peak


def measure_spent() -> float:
    """The seconds that ended processes took of processors."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def print_page(command: Sequence[str], lines: Sequence[str], folder: Path) -> None:
    """Translate a page of some lines and print its row."""
    page = folder / "page.html"
    page.write_text(make_page(lines), "utf-8")
    print_row(1, lines, *measure(command, page, folder / "out.html"))


def print_row(files: int, lines: Sequence[str], seconds: float, spent: float, peak: float) -> None:
    """Print what files of some lines took."""
    words = sum(len(line.split()) for line in lines)
    print(f"{files:>8,}{words:>12,}{len(lines):>12,}{seconds:>10.1f}{spent:>10.1f}{peak:>10,.0f}", flush=True)


def main() -> None:
    """Print a row for the page and for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="RUN", help="run folder to translate with")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="lines of pages, as plain text")
    parser.add_argument("--words", type=int, default=2000, help="words of the page (default: 2000)")
    parser.add_argument(
        "--files", nargs="*", type=int, default=[100, 1000], help="numbers of files (default: 100 1000)"
    )
    parser.add_argument("--megabytes", nargs="*", type=float, default=[], help="sizes of large pages (default: none)")
    parser.add_argument("options", nargs="*", help="options of nmt translate, after --")
    arguments = parser.parse_args()
    lines = [line for line in arguments.source.read_text("utf-8").splitlines() if line.strip()]
    command = [*COMMAND, "--model", arguments.model, *arguments.options]
    peaks = []
    print(f"{'files':>8}{'words':>12}{'segments':>12}{'seconds':>10}{'CPU s':>10}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        print_page(command, take_words(lines, arguments.words), Path(folder))
        for count in arguments.files:
            source, output = Path(folder) / f"{count}", Path(folder) / f"{count}.out"
            source.mkdir()
            taken = list(islice(cycle(lines), count))
            for number, line in enumerate(taken):
                (source / f"{number}.html").write_text(make_page([line]), "utf-8")
            seconds, spent, peak = measure(command, source, output)
            peaks.append(peak)
            print_row(count, taken, seconds, spent, peak)
            if (written := len(list(output.iterdir()))) != count:
                sys.exit(f"{count - written:,} files are lost")
        for megabytes in arguments.megabytes:
            print_page(command, take_bytes(lines, int(megabytes * 1e6)), Path(folder))
    if peaks and max(peaks) - min(peaks) > MOST_MIB:
        sys.exit(f"peak memory differs by {max(peaks) - min(peaks):,.0f} MiB; at most {MOST_MIB} are allowed")


if __name__ == "__main__":
    main()
