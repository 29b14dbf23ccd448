"""Lines and pairs of raw text, from plain and compressed files.

Lines are read one by one, so that a corpus may be larger than memory.
"""

import gzip
import lzma
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from glob import escape
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, NamedTuple

from nmt.errors import DataError, UsageError
from nmt.text.words import is_blank

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:  # before Python 3.14
    try:
        from backports import zstd
    except ImportError:  # the extra `zstd` is not installed
        zstd = None

SUFFIXES = ("", ".gz", ".xz", ".zst")
BYTE_ORDER_MARK = "\ufeff"
READ_ERRORS = (OSError, EOFError, lzma.LZMAError, zlib.error) + ((zstd.ZstdError,) if zstd else ())


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


def read_lines(path: Path | str) -> Iterator[str]:
    """The lines of a UTF-8 file, without line ends. .gz, .xz and .zst are decompressed; `-` is standard input.

    Lines are split at "\\n" only, and one "\\r" before it is dropped: U+2028, form feeds and control characters stay
    inside a line. A byte order mark at the start is dropped.

    Raises DataError for a file that cannot be opened, decompressed or decoded; for the last the error gives the byte.
    """
    if str(path) == "-":
        yield from decode_lines(sys.stdin.buffer, "standard input")
        return
    with open_decompressed(Path(path)) as stream:
        yield from decode_lines(stream, str(path))


def decode_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines of an open binary stream, as in `read_lines`. Error messages call the stream `name`."""
    offset = 0
    number = 0
    lines = iter(stream)
    while True:
        try:
            line = next(lines, None)
        except READ_ERRORS as error:
            raise DataError(
                f"{name} cannot be read beyond line {number:,}: {error}\n"
                "  The file is incomplete or damaged: download or copy it again"
            ) from error
        if line is None:
            return
        number += 1
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise DataError(describe_bad_byte(name, number, offset + error.start, error)) from error
        offset += len(line)
        if number == 1:
            text = text.removeprefix(BYTE_ORDER_MARK)
        yield text.removesuffix("\n").removesuffix("\r")


def describe_bad_byte(name: str, number: int, offset: int, error: UnicodeDecodeError) -> str:
    """The message for a byte that is not UTF-8, with a guess at the encoding."""
    guess = "UTF-16" if error.object[:2] in (b"\xff\xfe", b"\xfe\xff") and number == 1 else "ISO-8859-1"
    return (
        f"{name} is not UTF-8: line {number:,}, byte {offset:,} of the text is 0x{error.object[error.start]:02X}\n"
        f"  If it is {guess}, convert it first: iconv -f {guess} -t UTF-8"
    )


@contextmanager
def open_decompressed(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed according to its suffix."""
    with ExitStack() as stack:
        try:
            file: Any = stack.enter_context(open(path, "rb"))
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from error
        match path.suffix:
            case ".gz":
                file = stack.enter_context(gzip.open(file))
            case ".xz":
                file = stack.enter_context(lzma.open(file))
            case ".zst":
                if zstd is None:
                    raise DataError(
                        f'reading {path} needs the extra zstd: pip install "nmt[zstd]"\n  Or decompress the file first'
                    )
                file = stack.enter_context(zstd.open(file))
        yield file


def find_side(prefix: Path, lang: str) -> Path:
    """The file of one side of a corpus: PREFIX.LANG, plain or compressed.

    Raises DataError when there is no such file, with similar names that exist; and when there are several.
    """
    candidates = [prefix.with_name(f"{prefix.name}.{lang}{suffix}") for suffix in SUFFIXES]
    found = [path for path in candidates if path.exists()]
    if not found:
        names = ", ".join(path.name for path in candidates)
        similar = sorted(path.name for path in prefix.parent.glob(f"{escape(prefix.name)}*"))
        existing = f"; it has {', '.join(similar[:8])}" if similar else ""
        hint = f"\n  Give the prefix without its ending: {prefix.with_suffix('')}" if prefix.is_file() else ""
        raise DataError(f"{prefix}.{lang} does not exist\n  {prefix.parent} has none of {names}{existing}{hint}")
    if not found[0].is_file():
        raise DataError(f"{found[0]} is not a file\n  Text is read twice, so it cannot be a folder or a pipe")
    if len(found) > 1:
        raise DataError(f"{prefix}.{lang} exists several times: {', '.join(map(str, found))}\n  Keep one of them")
    return found[0]


class LineCounter:
    """The lines of a file. Counts them, and the empty ones among them, while they are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = 0
        self.empty = 0
        self.first_empty = 0

    def __iter__(self) -> Iterator[str]:
        for line in read_lines(self.path):
            self.lines += 1
            if is_blank(line):
                self.empty += 1
                self.first_empty = self.first_empty or self.lines
            yield line

    def describe_empty(self) -> str:
        """`train.en has 12, the first at line 40,112`"""
        if not self.empty:
            return f"{self.path.name} has none"
        return f"{self.path.name} has {self.empty:,}, the first at line {self.first_empty:,}"


def read_parallel(paths: Sequence[Path | str]) -> list[list[str]]:
    """The lines of several files, where line n of one belongs to line n of the others; `-` is standard input.

    Raises DataError for empty files and for files of different lengths, which sacreBLEU would shorten silently;
    UsageError when standard input is named more than once.
    """
    names = ["standard input" if str(path) == "-" else str(path) for path in paths]
    if names.count("standard input") > 1:
        raise UsageError('standard input, "-", is named more than once, but can be read only once')
    sides = [LineCounter(Path(path)) for path in paths]
    lines = [list(side) for side in sides]
    for name, side in zip(names, sides, strict=True):
        if side.lines != sides[0].lines:
            raise DataError(
                f"{names[0]} has {sides[0].lines:,} lines and {name} has {side.lines:,}\n"
                "  Line n of one must belong to line n of the other. Look first at empty lines:\n"
                f"  {sides[0].describe_empty()}; {side.describe_empty()}"
            )
    if not sides[0].lines:
        raise DataError(f"{names[0]} is empty: it has no lines")
    return lines


def read_pairs(source_path: Path | str, target_path: Path | str) -> Iterator[Pair]:
    """Pairs of line n of one file and line n of the other.

    Raises DataError after the last pair when the files have different numbers of lines.
    """
    source_side, target_side = LineCounter(Path(source_path)), LineCounter(Path(target_path))
    lines = zip_longest(source_side, target_side)
    for source, target in lines:
        if source is None or target is None:
            break
        yield Pair(source, target)
    else:
        return
    for _ in lines:
        pass
    raise DataError(
        f"{source_path} has {source_side.lines:,} lines and {target_path} has {target_side.lines:,}\n"
        f"  Line n of one must translate line n of the other. Look first at empty lines:\n"
        f"  {source_side.describe_empty()}; {target_side.describe_empty()}.\n"
        f'  Lines are split at "\\n" only; U+2028 and form feeds stay inside a line.'
    )


def read_tsv(path: Path | str) -> Iterator[Pair]:
    """Pairs of source and target, the two columns of a file with a tab between them.

    Raises DataError for a line with another number of columns.
    """
    for number, line in enumerate(read_lines(path), 1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise DataError(
                f"{path}, line {number:,} has {len(columns):,} columns, not 2: {line[:60]!r}\n"
                "  A line has the source, one tab and the target"
            )
        yield Pair(*columns)


@dataclass(frozen=True)
class ParallelFiles:
    """A corpus in two files, PREFIX.SOURCE-LANG and PREFIX.TARGET-LANG, whose lines belong together."""

    prefix: Path
    source_lang: str
    target_lang: str

    def __str__(self) -> str:
        return str(self.prefix)

    def find(self) -> tuple[Path, Path]:
        """The two files. Raises DataError when a file cannot be found, with both names when both are missing."""
        if self.source_lang == self.target_lang:
            raise DataError(f"{self.prefix}.{self.source_lang} cannot be both source and target")
        problems, paths = [], []
        for lang in (self.source_lang, self.target_lang):
            try:
                paths.append(find_side(self.prefix, lang))
            except DataError as error:
                problems.append(str(error))
        if problems:
            raise DataError("\n".join(problems))
        source_path, target_path = paths
        return source_path, target_path

    def read(self) -> Iterator[Pair]:
        """All pairs. May be called several times."""
        return read_pairs(*self.find())


@dataclass(frozen=True)
class TsvFile:
    """A corpus in one file with two columns, source and target."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def find(self) -> tuple[Path]:
        """The file. Raises DataError when it does not exist or is not a file."""
        if not self.path.is_file():
            what = "is not a file" if self.path.exists() else "does not exist"
            raise DataError(f"{self.path} {what}")
        return (self.path,)

    def read(self) -> Iterator[Pair]:
        """All pairs. May be called several times."""
        return read_tsv(*self.find())


Corpus = ParallelFiles | TsvFile


def sample_pairs(pairs: Iterable[Pair], size: int, seed: int) -> list[Pair]:
    """A uniform random sample of `size` pairs, in one pass and with memory for `size` pairs.

    Reservoir sampling: Vitter 1985, algorithm R. When there are at most `size` pairs, all are returned in order.
    """
    random = Random(seed)
    sample: list[Pair] = []
    for number, pair in enumerate(pairs):
        if number < size:
            sample.append(pair)
        elif (index := random.randrange(number + 1)) < size:
            sample[index] = pair
    return sample
