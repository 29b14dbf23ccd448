"""Output files: checked before a command starts its work, and written so that an interrupted command can be resumed."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

from nmt.errors import DataError, FolderError, UsageError
from nmt.files import lock_exclusively, name_errors, open_named, open_stream, refuse_link, sync_folder

LINE_END = re.compile("[\x85\u2028\u2029]")
Index = Callable[[bytes], int]  # the number of the input line that a line of the output belongs to


def refuse_overlap(
    outputs: Mapping[str, Path | None], inputs: Sequence[str] = (), documents: Sequence[Path] = ()
) -> None:
    """`refuse_unwritable` for output files by the names of their options. --output stands for `documents`.

    Also raises UsageError if a file would be written over another output or over an input, and if two inputs are
    standard input.
    """
    if inputs.count("-") > 1:
        raise UsageError('standard input, "-", is named more than once, but can be read only once')
    taken = {os.path.realpath(path): "the input" for path in inputs if path != "-"}
    for path in outputs.values():
        refuse_unwritable(path)
    for name, path in [*(("--output", path) for path in documents), *outputs.items()]:
        if path is None or (path.exists() and not path.is_file()):  # /dev/null, a pipe
            continue
        real_path = os.path.realpath(path)
        if real_path in taken:
            raise UsageError(f"{taken[real_path]} and {name} cannot both be {path}")
        taken[real_path] = name


def refuse_unwritable(path: Path | None) -> None:
    """Raise FolderError if the file cannot be written, UsageError if its name would be misleading."""
    from nmt.text.compression import SUFFIXES

    if path is None:
        return
    if path == Path("-"):
        raise UsageError('"-" cannot be written to: name a file, or use /dev/stdout if standard output is a pipe')
    if is_standard_output(path):
        raise UsageError(f"standard output is already written to {path}\n  Name another file")
    if path.is_dir():
        raise FolderError(f"{path} cannot be written: it is a folder\n  Name a file in it")
    if path.suffix.lower() in SUFFIXES[1:]:
        raise UsageError(f"{path} would not be compressed: leave out {path.suffix}, or compress standard output")
    folder = path.resolve().parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise FolderError(f"{path} cannot be written: there is no folder {folder}\n  Make it first")


def is_standard_output(path: Path) -> bool:
    """Whether a path is that of standard output: `-`, or a name of the file that a shell directs it to."""
    with suppress(OSError):  # standard output may be closed
        return path == Path("-") or (path.is_file() and os.path.samestat(path.stat(), os.fstat(1)))
    return False


def to_json_line(facts: Any) -> str:
    """JSON without any line end: those of Unicode, which JSON allows inside strings, are escaped."""
    text = json.dumps(facts, ensure_ascii=False)
    return LINE_END.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def get_partial_path(path: Path) -> Path:
    """The path FILE.part at which a file grows until it is complete."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.part")


@contextmanager
def write_in_parts(path: Path, size: int = 0) -> Iterator[IO[bytes]]:
    """Open FILE.part for writing. When the block ends without an error, it is renamed to FILE.

    The first `size` bytes of FILE.part are kept. After an error FILE.part has everything that was flushed, and is
    removed if that is nothing; FILE is unchanged. A device or a pipe, such as /dev/null, is written to directly.

    Raises FolderError when another program writes to the same file, or FILE.part is a symbolic link.
    """
    if path.exists() and not path.is_file():
        with open_stream(path) as stream:
            yield stream
        return
    part = get_partial_path(path)
    refuse_link(part)
    with open_named(part, "ab") as file, lock_exclusively(part, path):
        file.truncate(size)
        try:
            yield file
            file.flush()
            with name_errors(part):
                os.fsync(file.fileno())
        except BaseException:
            if not part.stat().st_size:
                part.unlink()
            raise
        os.replace(part, os.path.realpath(path))
    sync_folder(part.parent)


def find_resume_point(paths: list[Path], index: Index | None) -> tuple[int, list[int]]:
    """The number of input lines that output files already cover, and the number of bytes of each FILE.part with them.

    The files have the same number of output lines for each input line. They are read from FILE.part or, if it does not
    exist, from FILE, which is then copied to FILE.part. An input line is covered if every file has all its output
    lines. If input lines may have several output lines, `index` reads from an output line of the first file which
    input line it belongs to; then the last input line is translated again, because output lines may be missing.

    Raises UsageError for outputs that are not files, DataError for lines without an index.
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


def refuse_other_output(path: Path, number: int, text: str, style: str) -> None:
    """Raise DataError unless line `number` of FILE.part, the last one, has a translation."""
    line = next(islice(read_complete_lines(get_partial_path(path)), number - 1, None)).decode()
    with suppress(ValueError, KeyError, TypeError):
        if text == (json.loads(line)["text"] if style == "jsonl" else line.removesuffix("\n")):
            return
    raise DataError(
        f"line {number:,} of {path} is not what this command writes there\n"
        "  It was made from another input, by other options or another model: leave out --resume-output to start again"
    )


def read_complete_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, without an incomplete last line."""
    with open(path, "rb") as file:
        yield from (line for line in file if line.endswith(b"\n"))


def find_last_group(path: Path, lines: int, index: Index) -> tuple[int, int]:
    """(index, number of lines before it) of the last group of lines with the same index in the first `lines` lines."""
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
