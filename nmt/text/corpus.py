"""Lines and pairs of raw text, from plain and compressed files.

Lines are read one by one, so that a corpus may be larger than memory.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import BinaryIO, NamedTuple, Protocol

from nmt.errors import DataError, UsageError, describe_unreadable
from nmt.progress import format_count
from nmt.text.compression import READ_ERRORS, SUFFIXES, decompress
from nmt.text.encodings import describe_bad_byte, find_wide_encoding
from nmt.text.languages import matches_language
from nmt.text.normalization import BYTE_ORDER_MARK
from nmt.text.words import is_blank

TAG = "<BT>"  # before the source of back-translated pairs: Caswell et al. 2019, arXiv:1906.06442


READ_TWICE = "Text is read twice, so it cannot be a folder or a pipe"
ONE_FILE = "name one that has both languages with .tsv, .csv, .xlsx, .tmx, .xlf or .po at its end"


NO_TEXT = re.compile(r"[\W\d_]*(?:[eE][-+]?\d+)?\s*|\w+://\S*")  # a number, perhaps as 1.5e-7, or an address


class Pair(NamedTuple):
    """A sentence and its translation."""

    source: str
    target: str


def read_lines(path: Path | str) -> Iterator[str]:
    """The lines of a UTF-8 file, without line ends; `-` is standard input. Either may be compressed: gz, bz2, xz, zst.

    Lines are split at "\\n" only, and one "\\r" before it is dropped: U+2028, form feeds and control characters stay
    inside a line. A byte order mark at the start is dropped.

    Raises DataError for a file that cannot be opened, decompressed or decoded; for the last the error gives the byte.
    """
    if str(path) == "-":
        yield from decode_lines(sys.stdin.buffer, "standard input")
        return
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(describe_unreadable(path, error)) from error
    with file:
        yield from decode_lines(file, str(path))


def decode_lines(stream: BinaryIO, name: str) -> Iterator[str]:
    """The lines of an open binary stream, as in `read_lines`. Error messages call the stream `name`."""
    offset = number = 0
    is_ascii = True
    lines: Iterator[bytes] = iter(())
    while True:
        try:
            if not number:
                lines = iter(decompress(stream, name))
                refuse_wide_encoding(lines.peek(), name)  # type: ignore[attr-defined]
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
            raise DataError(describe_bad_byte(name, number, offset + error.start, error, not is_ascii)) from error
        offset += len(line)
        is_ascii = is_ascii and line.isascii()
        if number == 1:
            text = text.removeprefix(BYTE_ORDER_MARK)
            refuse_carriage_returns(text, name)
        yield text.removesuffix("\n").removesuffix("\r")


def refuse_wide_encoding(head: bytes, name: str) -> None:
    """Raise DataError for text that begins with `head` in UTF-16 or UTF-32."""
    encoding = find_wide_encoding(head)
    if encoding:
        raise DataError(f"{name} is not UTF-8 but {encoding}\n  Convert it first: iconv -f {encoding} -t UTF-8")


def refuse_carriage_returns(first_line: str, name: str) -> None:
    """Raise DataError for text without "\\n" whose lines end with "\\r", as on old Macintosh computers."""
    if "\r" in first_line.rstrip("\r") and not first_line.endswith("\n"):
        raise DataError(
            f"{name} ends its lines with \"\\r\" (CR) alone, and would be one line\n  Convert it first: tr '\\r' '\\n'"
        )


def find_side(prefix: Path, lang: str) -> Path:
    """The file of one side of a corpus: PREFIX.LANG, plain or compressed.

    Raises DataError when there is no such file, with similar names that exist; and when there are several.
    """
    stem = f"{prefix.name}.{lang}"
    same_stem = sorted(prefix.parent.glob(f"{escape(stem)}*"))
    found = [path for path in same_stem if path.name[len(stem) :].lower() in SUFFIXES]
    if not found:
        others = sorted(path.name for path in prefix.parent.glob(f"{escape(prefix.name)}*"))
        existing = f"\n  Files that begin so are {', '.join(others[:8])}" if prefix.name and others else ""
        missing = prefix.parent / stem
        raise DataError(f"{missing} does not exist, nor with {', '.join(SUFFIXES[1:])}{existing}")
    if not found[0].is_file():
        raise DataError(f"{found[0]} is not a file\n  {READ_TWICE}")
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


def locate_empty_lines(*sides: LineCounter) -> str:
    """Where files of different lengths may differ; nothing if they have no empty lines."""
    if not any(side.empty for side in sides):
        return ""
    return f". Look first at empty lines:\n  {'; '.join(side.describe_empty() for side in sides)}"


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
                f"{names[0]} has {format_count(sides[0].lines, 'line')} and {name} has {side.lines:,}\n"
                f"  Line n of one must belong to line n of the other{locate_empty_lines(sides[0], side)}"
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
        f"{source_path} has {format_count(source_side.lines, 'line')} and {target_path} has {target_side.lines:,}\n"
        f"  Line n of one must translate line n of the other{locate_empty_lines(source_side, target_side)}.\n"
        f'  Lines are split at "\\n" only; U+2028 and form feeds stay inside a line.'
    )


def read_tsv(path: Path | str, languages: Sequence[str] = ()) -> Iterator[Pair]:
    """Pairs of source and target, the two columns of a file with a tab between them. A line without text is a pair
    without text, so that line n stays pair n.

    Raises DataError for a line with another number of columns, and for a first line that names `languages`, in one
    order or the other.
    """
    for number, line in enumerate(read_lines(path), 1):
        columns = line.split("\t") if line.strip() else ["", ""]
        if len(columns) != 2:
            raise DataError(
                f"{path}, line {number:,} has {format_count(len(columns), 'column')}, not 2: {line[:60]!r}\n"
                f"  A line has the source, one tab and the target{advise_columns(columns)}"
            )
        if number == 1 and names_columns(columns, languages):
            raise DataError(
                f"{path}, line 1 is no pair but names the columns: {line[:60]!r}\n"
                "  Remove it, with tail -n +2, and put the source first; or give the file as CSV, which may have names"
            )
        yield Pair(*columns)


def advise_columns(columns: Sequence[str]) -> str:
    """How to keep two columns, of text if others have numbers or addresses; empty for a row that lacks a column."""
    if len(columns) < 3:
        return ""
    texts = [str(number) for number, cell in enumerate(columns, 1) if not NO_TEXT.fullmatch(cell)]
    if len(texts) < 2 or texts[:2] == ["1", "2"]:
        return "; cut -f 1,2 keeps the first two columns"
    return f"; cut -f {','.join(texts[:2])} keeps the first two that have text"


def names_columns(cells: Sequence[str], languages: Sequence[str] = ()) -> bool:
    """Whether the two cells of a row name the languages, or source and target, in one order or the other."""
    first, second = (cell.strip() for cell in cells)
    return any(
        (matches_language(first, source) and matches_language(second, target))
        or (matches_language(first, target) and matches_language(second, source))
        for source, target in (("source", "target"), *([languages] if languages else []))
    )


def find_file(path: Path) -> tuple[Path]:
    """The file of a corpus. Raises DataError when it does not exist or is not a file."""
    if str(path) == "-":
        raise DataError(f'standard input, "-", is not a file\n  {READ_TWICE}')
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is not a file\n  {READ_TWICE}")
    if not path.exists():
        raise DataError(describe_unreadable(path, FileNotFoundError()))
    return (path,)


def describe_prefix(prefix: Path, languages: Sequence[str]) -> str:
    """What to give in place of a prefix that is the name of a file; nothing where it is none."""
    endings = [f".{lang}{suffix}" for lang in languages for suffix in SUFFIXES]
    for ending in endings:
        shorter = prefix.name.removesuffix(ending)
        if shorter not in ("", prefix.name) and any((prefix.parent / f"{shorter}{one}").is_file() for one in endings):
            return f"\n  Give the prefix without its ending: {prefix.parent / shorter}"
    return f"\n  {prefix} is one file: {ONE_FILE}" if prefix.is_file() else ""


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
            hint = describe_prefix(self.prefix, (self.source_lang, self.target_lang))
            raise DataError("\n  ".join(problems) + hint)
        source_path, target_path = paths
        return source_path, target_path

    def read(self) -> Iterator[Pair]:
        """All pairs. May be called several times."""
        return read_pairs(*self.find())


@dataclass(frozen=True)
class TsvFile:
    """A corpus in one file with two columns, source and target. A first line that names its languages is refused."""

    path: Path
    languages: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.path)

    def find(self) -> tuple[Path]:
        """The file. Raises DataError when it does not exist or is not a file."""
        return find_file(self.path)

    def read(self) -> Iterator[Pair]:
        """All pairs. May be called several times."""
        return read_tsv(*self.find(), self.languages)


class FileCorpus(Protocol):
    """A corpus in files, which can be read again."""

    def find(self) -> tuple[Path, ...]:
        """The files. Raises DataError for one that cannot be found."""

    def read(self) -> Iterator[Pair]:
        """All pairs."""


@dataclass(frozen=True)
class TaggedCorpus:
    """A corpus whose source lines begin with a tag, as those of back-translation do."""

    corpus: FileCorpus
    tag: str

    def __str__(self) -> str:
        return str(self.corpus)

    def find(self) -> tuple[Path, ...]:
        """The files of the corpus."""
        return self.corpus.find()

    def read(self) -> Iterator[Pair]:
        """All pairs, with the tag but before a blank source. May be called several times."""
        return (
            Pair(source if is_blank(source) else f"{self.tag} {source}", target)
            for source, target in self.corpus.read()
        )


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
