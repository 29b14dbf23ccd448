"""Output that survives what ends a program: complete lines in order beside their final place, to go on from.

Knows files and the index with which a line of an n-best list begins; what the lines say is not its business.
"""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from nmt.errors import DataError, UsageError
from nmt.files import sole_writer, sync_folder

Index = Callable[[bytes], int]  # which line of the input a line of the output belongs to


def part_of(path: Path) -> Path:
    """Where a file grows before it is whole."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.part")


@contextmanager
def write_in_parts(path: Path) -> Iterator[IO[bytes]]:
    """An open file that grows at FILE.part and becomes FILE when the block ends well.

    What is there already is kept and added to. An error leaves in FILE.part what was flushed, and no such file when
    that is nothing; FILE itself stays as it was. What is no file, /dev/null or a pipe, is written to as it is.

    Raises FolderError when another program writes to the same place.
    """
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    part = part_of(path)
    with open(part, "ab") as file, sole_writer(part, path):
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            if not part.stat().st_size:
                part.unlink()
            raise
        os.replace(part, os.path.realpath(path))
    sync_folder(part.parent)


def begin(paths: list[Path], index: Index | None, is_resumed: bool) -> int:
    """Make ready to write files of as many lines each, and say how many lines of the input they already cover.

    Without `is_resumed` that is none, and what an earlier run left in parts is dropped. With it, what is there is cut
    after the last line of the input all of whose lines are in every file; `index` says which one a line of the first
    file belongs to, where one may have several. Then the last is done again, since more of it might be missing.

    Raises UsageError for places that cannot be read again, DataError for lines without an index.
    """
    for path in paths:
        if is_resumed and path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file that can be gone on with\n  Leave out --resume-output")
        if not is_resumed:
            part_of(path).unlink(missing_ok=True)
        elif path.exists() and not part_of(path).exists():
            shutil.copyfile(path, part_of(path))
    if not is_resumed or not all(part_of(path).exists() for path in paths):
        for path in paths:
            part_of(path).unlink(missing_ok=True)
        return 0
    lines = min(sum(1 for _ in complete_lines(part_of(path))) for path in paths)
    done = lines
    if index is not None:
        done, lines = last_group(part_of(paths[0]), lines, index)
    for path in paths:
        size = sum(len(line) for line in islice(complete_lines(part_of(path)), lines))
        os.truncate(part_of(path), size)
    return done


def complete_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, less a last one that was cut."""
    with open(path, "rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def last_group(path: Path, lines: int, index: Index) -> tuple[int, int]:
    """(index, lines before it) of the last group of the first so many lines."""
    last, before = 0, 0
    for number, line in enumerate(islice(complete_lines(path), lines)):
        try:
            current = index(line)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number + 1:,} has no index, so that it cannot be gone on with\n"
                "  Use the --format and --n-best that it was written with, or leave out --resume-output"
            ) from error
        if current != last:
            last, before = current, number
    return last, before


@contextmanager
def outputs(paths: list[Path]) -> Iterator[list[IO[bytes]]]:
    """`write_in_parts` for several files, and a word of what is left of them when something goes wrong."""
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(write_in_parts(path)) for path in paths]
    except BaseException:
        left = [str(part_of(path)) for path in paths if part_of(path).exists()]
        if left:
            print(f"nmt: what is done is in {' and '.join(left)}; --resume-output goes on from there", file=sys.stderr)
        raise
