"""Output that survives what ends a program: complete lines in order beside their final place, to go on from.

Knows files and the index with which a line of an n-best list begins; what the lines say is not its business.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from nmt.errors import DataError, UsageError
from nmt.files import exclusive_lock, sync_folder

Index = Callable[[bytes], int]  # which line of the input a line of the output belongs to


def partial_path(path: Path) -> Path:
    """Where a file grows before it is whole."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.part")


@contextmanager
def write_in_parts(path: Path, size: int = 0) -> Iterator[IO[bytes]]:
    """An open file that grows at FILE.part and becomes FILE when the block ends well.

    The first `size` bytes of FILE.part are kept. An error leaves in FILE.part what was flushed, and no such file when
    that is nothing; FILE itself stays as it was. What is no file, /dev/null or a pipe, is written to as it is.

    Raises FolderError when another program writes to the same place.
    """
    if path.exists() and not path.is_file():
        with open(path, "wb") as file:
            yield file
        return
    part = partial_path(path)
    with open(part, "ab") as file, exclusive_lock(part, path):
        file.truncate(size)
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


def find_resume_point(paths: list[Path], index: Index | None) -> tuple[int, list[int]]:
    """How many lines of the input some files already cover, and how many bytes of each FILE.part say so.

    The files have as many lines each. What counts is in FILE.part, or else in FILE, which is copied there, and ends
    after the last line of the input all of whose lines are in every file. `index` says which line of the input one of
    the first file belongs to, where there may be several for one; then the last is done again, since more of it might
    be missing.

    Raises UsageError for places that cannot be read again, DataError for lines without an index.
    """
    for path in paths:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is no file that can be gone on with\n  Leave out --resume-output")
    parts = [partial_path(path) for path in paths]
    if not all(path.exists() or part.exists() for path, part in zip(paths, parts, strict=True)):
        return 0, [0] * len(paths)
    there = [part if part.exists() else path for path, part in zip(paths, parts, strict=True)]
    lines = min(sum(1 for _ in complete_lines(one)) for one in there)
    done, lines = (lines, lines) if index is None else last_group(there[0], lines, index)
    sizes = [sum(len(line) for line in islice(complete_lines(one), lines)) for one in there]
    for one, part in zip(there, parts, strict=True):
        if one != part:
            shutil.copyfile(one, part)
    return done, sizes


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
