"""Output files: checked before any work is done, and written so that an interrupted command can be resumed.

Knows files and the index with which a line of an n-best list begins, and nothing of the content of the lines.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO

from nmt.errors import DataError, FolderError, UsageError
from nmt.files import lock_exclusively, sync_folder

Index = Callable[[bytes], int]  # which line of the input a line of the output belongs to


def refuse_overlap(outputs: Mapping[str, Path | None], inputs: Sequence[str] = ()) -> None:
    """`refuse_unwritable` for output files by the names of their options.

    Also raises UsageError where one would be written over another one, or over an input.
    """
    taken = {os.path.realpath(path): "the input" for path in inputs if path != "-"}
    for name, path in outputs.items():
        refuse_unwritable(path)
        if path is None or (path.exists() and not path.is_file()):  # /dev/null, a pipe
            continue
        place = os.path.realpath(path)
        if place in taken:
            raise UsageError(f"{taken[place]} and {name} cannot both be {path}")
        taken[place] = name


def refuse_unwritable(path: Path | None) -> None:
    """Raise FolderError where no file can be written, UsageError where its name would mislead."""
    from nmt.text.corpus import SUFFIXES

    if path is None:
        return
    if path == Path("-"):
        raise UsageError('"-" is not a file to write to: name one, or use /dev/stdout where that is a pipe')
    with suppress(OSError):  # standard output may be closed
        if path.is_file() and os.path.samestat(path.stat(), os.fstat(1)):
            raise UsageError(f"{path} is where standard output goes already\n  Name another file")
    if path.is_dir():
        raise FolderError(f"{path} cannot be written: it is a folder\n  Name a file in it")
    if path.suffix in SUFFIXES[1:]:
        raise UsageError(f"{path} would not be compressed: leave out {path.suffix}, or compress standard output")
    folder = path.resolve().parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise FolderError(f"{path} cannot be written: there is no folder {folder}\n  Make it first")


def get_partial_path(path: Path) -> Path:
    """The file that grows until it is whole."""
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
    part = get_partial_path(path)
    with open(part, "ab") as file, lock_exclusively(part, path):
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
    """How many input lines are already covered by some output files, and how many bytes of each FILE.part cover them.

    All files have the same number of lines. What counts is in FILE.part, or else in FILE, which is copied there, up to
    the last input line all of whose output lines are in every file. Where an input line may have several output lines,
    `index` reads from a line of the first file which input line it belongs to; then the last input line is translated
    again, since some of its lines might be missing.

    Raises UsageError for outputs that cannot be read again, DataError for lines without an index.
    """
    for path in paths:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a file, so writing to it cannot be resumed\n  Leave out --resume-output")
    parts = [get_partial_path(path) for path in paths]
    if not all(path.exists() or part.exists() for path, part in zip(paths, parts, strict=True)):
        return 0, [0] * len(paths)
    there = [part if part.exists() else path for path, part in zip(paths, parts, strict=True)]
    lines = min(sum(1 for _ in read_complete_lines(one)) for one in there)
    done, lines = (lines, lines) if index is None else find_last_group(there[0], lines, index)
    sizes = [sum(len(line) for line in islice(read_complete_lines(one), lines)) for one in there]
    for one, part in zip(there, parts, strict=True):
        if one != part:
            shutil.copyfile(one, part)
    return done, sizes


def read_complete_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, without a last one that was cut."""
    with open(path, "rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def find_last_group(path: Path, lines: int, index: Index) -> tuple[int, int]:
    """(index, lines before it) of the last group of lines with one index, among the first `lines` lines."""
    last, before = 0, 0
    for number, line in enumerate(islice(read_complete_lines(path), lines)):
        try:
            current = index(line)
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}, line {number + 1:,} has no index, so writing to it cannot be resumed\n"
                "  Use the --format and --n-best that it was written with, or leave out --resume-output"
            ) from error
        if current != last:
            last, before = current, number
    return last, before
