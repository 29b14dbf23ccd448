"""Parallel corpora in files of translators' tools: TMX, XLIFF, gettext PO, CSV and XLSX."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nmt.errors import DataError, Option, UsageError, describe_unreadable
from nmt.progress import format_count
from nmt.text.compression import READ_ERRORS, SUFFIXES, decompress
from nmt.text.corpus import Pair, find_file, read_lines
from nmt.text.languages import get_primary_language, matches_language
from nmt.text.spreadsheet import find_end, read_sheets
from nmt.text.xml_units import BLANKS, LINE_BREAK, Code, Side, TmxReader, XliffReader

try:
    import polib
except ImportError:  # the extra `documents` is not installed
    polib = None

SUFFIXES_OF = {
    "tmx": (".tmx",),
    "xliff": (".xlf", ".xliff"),
    "po": (".po",),
    "csv": (".csv",),
    "xlsx": (".xlsx", ".xlsm"),
}
CHARSET = re.compile(rb'Content-Type:[^"]*charset=([\w.:-]+)')  # of a PO file
LINE_BREAKS = re.compile(r"(\s*[\n\t]\s*)")
DELIMITERS = ",;\t"
NO_ROW = re.compile(r'[\s,;]*|"?sep=(.)"?\s*', re.IGNORECASE)  # without text, or the delimiter as Excel writes it
QUOTATION_ADVICE = "Perhaps a quotation mark does not end, or is missing around a text"
LINES_OF_LONG_ROW = 5
HEAD_ROWS = 10  # of a table, of which one may name the languages
MOST_SHOWN = 10  # languages in a message
MOST_CHARACTERS = 30  # of a cell in a message


def find_bitext_form(path: Path | str) -> str | None:
    """The name of the format that the suffix of a file stands for, also if it is compressed."""
    name = str(path).lower()
    return next(
        (
            form
            for form, suffixes in SUFFIXES_OF.items()
            if name.endswith(tuple(f"{suffix}{packed}" for suffix in suffixes for packed in SUFFIXES))
        ),
        None,
    )


NAME_LANGUAGES = "\n  ", Option("source_lang"), " and ", Option("target_lang"), " must name them as the file does"


@dataclass(frozen=True)
class BilingualFile:
    """A corpus in a file of translation units.

    Its pairs are the units with text in both languages. A language is a code such as `en`, which en-US has too, or
    `en-US`, which en has not. A file from the target to the source language is turned. `counts` has the numbers of
    units, pairs and what was left out, of the last reading, and `notes` what else a person must know of it. `advice` is
    the end of the message for a file in other languages.
    """

    path: Path
    form: str
    source_lang: str
    target_lang: str
    counts: Counter[str] = field(default_factory=Counter, compare=False, repr=False)
    notes: list[str] = field(default_factory=list, compare=False, repr=False)
    advice: tuple[str | Option, ...] = field(default=NAME_LANGUAGES, compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.path)

    def find(self) -> tuple[Path]:
        """The file. Raises DataError when it does not exist or is not a file."""
        return find_file(self.path)

    def read(self) -> Iterator[Pair]:
        """All pairs. May be called several times. Raises as `read_sides` does."""
        return (Pair(source.text, target.text) for source, target in self.read_sides())

    def read_sides(self) -> Iterator[tuple[Side, Side]]:
        """Both sides of all pairs.

        Raises DataError for a file that is not of its format, and after the last unit if there is no pair; UsageError
        where a library is missing.
        """
        self.counts.clear()
        self.notes.clear()
        languages: Counter[str] = Counter()
        kinds: dict[str, Counter[str]] = {self.source_lang: Counter(), self.target_lang: Counter()}  # of the pairs
        for sides in self.read_units():
            self.counts["units"] += 1
            languages.update(side.language for side in sides)
            source, target = (choose_side(sides, lang, kinds[lang]) for lang in (self.source_lang, self.target_lang))
            for side, lang in ((source, self.source_lang), (target, self.target_lang)):
                self.counts[f"without {lang}"] += side is None
            if source is None or target is None:
                continue
            if not (source.text and target.text):
                self.counts["empty"] += 1
                continue
            self.counts["pairs"] += 1
            kinds[self.source_lang][source.language] += 1
            kinds[self.target_lang][target.language] += 1
            yield source, target
        if not self.counts["pairs"]:
            shown = [language or "none" for language, _ in languages.most_common(MOST_SHOWN)]
            has = f"\n  Its languages are {', '.join(shown)}" if shown else ""
            is_foreign = any(self.counts[f"without {lang}"] == self.counts["units"] for lang in kinds)
            raise DataError(f"{self.describe()}{has}", *(self.advice if shown and is_foreign else ()))
        self.notes.extend(
            describe_kinds(str(self.path), lang, found) for lang, found in kinds.items() if len(found) > 1
        )

    def read_units(self) -> Iterator[Sequence[Side]]:
        """The sides of each unit."""
        match self.form:
            case "tmx":
                yield from TmxReader(str(self.path)).read(self.path)
            case "xliff":
                yield from XliffReader(str(self.path), self.counts).read(self.path)
            case "po":
                yield from read_po(self.path, self.source_lang, self.target_lang, self.counts)
            case "xlsx":
                yield from read_xlsx(self.path, self.source_lang, self.target_lang, self.notes)
            case _:
                yield from read_csv(self.path, self.source_lang, self.target_lang, self.notes)

    def describe(self) -> str:
        """`memory.tmx: 12 units, 9 pairs; 2 without de, 1 empty`"""
        counts = dict(self.counts)
        units, pairs = counts.pop("units", 0), counts.pop("pairs", 0)
        left_out = ", ".join(f"{count:,} {reason}" for reason, count in counts.items() if count)
        counted = f"{self.path}: {format_count(units, 'unit')}, {format_count(pairs, 'pair')}"
        return f"{counted}; {left_out}" if left_out else counted


def choose_side(sides: Sequence[Side], wanted: str, earlier: Counter[str]) -> Side | None:
    """The first side in a language or, without one, in that of its kinds that most `earlier` pairs have.

    So the kinds do not alternate where a file has zh-CN and zh-TW in every unit, in any order.
    """
    exact = (side for side in sides if side.language.lower().replace("_", "-") == wanted.lower().replace("_", "-"))
    kinds = (side for side in sides if matches_language(side.language, wanted))
    return next(exact, None) or max(kinds, key=lambda side: earlier[side.language], default=None)


def describe_kinds(name: str, language: str, kinds: Counter[str]) -> str:
    """`memory.tmx: zh is zh-CN in 120 pairs, zh-TW in 7`"""
    (first, count), *others = kinds.most_common()
    more = "".join(f", {kind} in {number:,}" for kind, number in others)
    return f"{name}: {language} is {first} in {format_count(count, 'pair')}{more}"


def read_po(path: Path, source_lang: str, target_lang: str, counts: Counter[str]) -> Iterator[Sequence[Side]]:
    """The messages of a PO file, and their translations but for fuzzy ones, which `counts` counts, and obsolete ones.

    Its language is that of its header. Without one, it is the target language. The messages are in the other language.
    Of a plural, the first form translates the singular and the last one the plural.

    Raises DataError for a file that is no PO file, UsageError without polib.
    """
    if polib is None:
        raise UsageError(f'{path} can be read with the extra documents: pip install "nmt[documents]"')
    entries = parse_po(path)
    language = entries.metadata.get("Language", "") or target_lang
    is_turned = not matches_language(language, target_lang) and matches_language(language, source_lang)
    original = target_lang if is_turned else source_lang
    if get_primary_language(language) == get_primary_language(target_lang):
        language = target_lang  # whatever the country
    for entry in entries:
        if entry.obsolete:
            continue
        if entry.fuzzy:
            counts["units"] += 1
            counts["fuzzy"] += 1
            continue
        forms = [text for _, text in sorted(entry.msgstr_plural.items())] or [entry.msgstr]
        texts = [(entry.msgid, forms[0]), *([(entry.msgid_plural, forms[-1])] if entry.msgid_plural else [])]
        for text, translation in texts[1:] if len(forms) == 1 and entry.msgid_plural else texts:
            yield [split_lines(text, original), *([split_lines(translation, language)] if translation else [])]


def split_lines(text: str, language: str) -> Side:
    """A side with a code for each line end and tab that is not at an end of its text."""
    first, *others = LINE_BREAKS.split(text.strip())
    codes = (Code(part, LINE_BREAK) if number % 2 == 0 else part for number, part in enumerate(others))
    return Side(language, to_line(text), (first, *codes) if others else ())


def parse_po(path: Path) -> Any:
    """The entries of a PO file, as polib reads them."""
    try:
        with open(path, "rb") as file:
            content = decompress(file, str(path)).read()
    except READ_ERRORS as error:
        message = describe_unreadable(path, error) if isinstance(error, OSError) else f"{path} cannot be read: {error}"
        raise DataError(message) from error
    try:
        declared = CHARSET.search(content)
        encoding = declared[1].decode() if declared and declared[1] != b"CHARSET" else "utf-8"
        return polib.pofile(content.decode(encoding) + "\n")
    except (OSError, UnicodeError, LookupError, ValueError) as error:
        raise DataError(f"{path} is not a PO file: {error}\n  Correct it; msgfmt tells more") from error


def read_csv(path: Path, source_lang: str, target_lang: str, notes: list[str]) -> Iterator[Sequence[Side]]:
    """The rows of a file with commas, semicolons or tabs between columns, and quotation marks around some.

    One of the first rows may name the languages of its columns. Otherwise there are two columns, and `notes` get a
    note. A row may lack its last columns, if they are not read.

    Raises DataError for rows with another number of columns.
    """
    lines = read_lines(path)
    head = list(islice(lines, HEAD_ROWS))
    is_empty = [NO_ROW.fullmatch(line) for line in head]
    found = [
        (number, mark)
        for number, line in enumerate(head)
        for mark in DELIMITERS
        if find_columns(split_row(line, mark), source_lang, target_lang)
    ]
    if found:
        begin, delimiter = found[0]
        notes += describe_before(str(path), is_empty[:begin].count(None))
    else:
        begin = is_empty.index(None) if None in is_empty else len(head)
        declared = [match[1] for match in is_empty[:begin] if match and match[1]]
        delimiter = declared[0] if declared else max(DELIMITERS, key="".join(head[begin : begin + 1]).count)
    rows = csv.reader((f"{line}\n" for line in chain(head[begin:], lines)), delimiter=delimiter)
    places, width = (0, 1), 2
    row_ended = begin  # lines of the file, as a row may have several
    lines_of_row: dict[int, int] = {}  # of the rows with several, by the line where they begin
    try:
        for number, row in enumerate(rows):
            row_began, row_ended = row_ended + 1, begin + rows.line_num
            if row_ended > row_began:
                lines_of_row[row_began] = row_ended + 1 - row_began
            if number == 0 and (named := find_columns(row, source_lang, target_lang)):
                places, width = named, len(row)
                notes += describe_unread(str(path), row, source_lang, target_lang)
                continue
            if row and (len(row) > width or len(row) <= max(places)):
                advice = f"A file of several columns names {source_lang} and {target_lang} in its first row"
                if found:
                    advice = QUOTATION_ADVICE
                raise DataError(
                    f"{path}, line {row_began:,} has {format_count(len(row), 'column')}, not {width}\n  {advice}"
                )
            if row:
                notes += [] if number or found else [describe_unnamed(str(path), row, source_lang, target_lang)]
                yield make_sides(row, places, source_lang, target_lang)
    except csv.Error as error:
        raise DataError(f"{path}, line {row_ended + 1:,} is not CSV: {error}\n  {QUOTATION_ADVICE}") from error
    notes += describe_long_rows(str(path), lines_of_row)


def describe_long_rows(name: str, lines_of_row: dict[int, int]) -> list[str]:
    """A note where a row of a table has so many lines that they may be rows of their own."""
    begin = max(lines_of_row, key=lambda number: lines_of_row[number], default=0)
    if lines_of_row.get(begin, 0) < LINES_OF_LONG_ROW:
        return []
    return [
        f"{name}, line {begin:,}: {lines_of_row[begin]:,} lines are one row\n  {QUOTATION_ADVICE}; "
        f"{format_count(len(lines_of_row), 'row')} of the file {'has' if len(lines_of_row) == 1 else 'have'} several"
    ]


def split_row(line: str, delimiter: str) -> list[str]:
    """The cells of a row in one line; none where it is not CSV."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def read_xlsx(path: Path, source_lang: str, target_lang: str, notes: list[str]) -> Iterator[Sequence[Side]]:
    """The rows of each sheet whose first row names both languages. Without one, the first sheet has two columns.

    `notes` get a note on sheets that are left out, and on a first row that is a pair.

    Raises DataError for a file that cannot be read, and for a sheet with more columns whose names are others.
    """
    is_named = False
    others = []  # sheets that have rows and do not name the languages
    for title, rows in read_sheets(path):
        head = list(islice(rows, HEAD_ROWS))
        found = ((number, find_columns(row, source_lang, target_lang)) for number, row in enumerate(head))
        begin, places = next(((number, one) for number, one in found if one), (0, None))
        if places:
            is_named = True
            sheet = f'{path}, sheet "{title}"'
            notes += describe_before(sheet, begin) + describe_unread(sheet, head[begin], source_lang, target_lang)
            for row in chain(head[begin + 1 :], rows):
                yield make_sides(row, places, source_lang, target_lang)
        elif head:
            others.append(title)
    left_out = others if is_named else others[1:]
    if left_out:
        names = ", ".join(f'"{title}"' for title in left_out)
        sheets = f"sheet {names} is" if len(left_out) == 1 else f"sheets {names} are"
        notes.append(f"{path}: the {sheets} left out: the first row does not name {source_lang} and {target_lang}")
    if is_named:
        return
    for title, rows in read_sheets(path):
        is_first = True
        for row in rows:
            if (width := find_end(row)) > 2:
                raise DataError(
                    f'{path}, sheet "{title}" has {width} columns, not 2\n'
                    f"  A sheet of several columns names {source_lang} and {target_lang} in its first row"
                )
            if is_first:
                notes.append(describe_unnamed(f'{path}, sheet "{title}"', row, source_lang, target_lang))
            is_first = False
            yield make_sides(row, (0, 1), source_lang, target_lang)
        if not is_first:
            return


def describe_before(name: str, count: int) -> list[str]:
    """A note on rows of a table that are before the one that names the languages."""
    are = "is" if count == 1 else "are"
    return [f"{name}: {format_count(count, 'row')} before the names of the languages {are} left out"] if count else []


def describe_unnamed(name: str, row: Sequence[str], source_lang: str, target_lang: str) -> str:
    """A note on the first row of a table that does not name the languages, and may be a header nevertheless."""
    shown = " | ".join(to_line(cell)[:MOST_CHARACTERS] for cell in row[:2])
    return f"{name}: its first row is a pair, because it does not name {source_lang} and {target_lang}: {shown}"


def make_sides(row: Sequence[str], places: tuple[int, int], source_lang: str, target_lang: str) -> list[Side]:
    """The sides of a row of a table."""
    return [Side(lang, to_line(row[place])) for lang, place in zip((source_lang, target_lang), places, strict=True)]


def find_columns(row: Sequence[str], source_lang: str, target_lang: str) -> tuple[int, int] | None:
    """The columns that a first row names by the languages; None if it does not name both."""
    source, target = (next(iter(list_columns(row, language)), None) for language in (source_lang, target_lang))
    return None if source is None or target is None or source == target else (source, target)


def list_columns(row: Sequence[str], language: str) -> list[int]:
    """The columns that a first row names by a language, or by one of its kinds; the language itself comes first."""
    found = [number for number, cell in enumerate(row) if matches_language(cell.strip(), language)]
    return sorted(found, key=lambda number: len(row[number].strip()))


def describe_unread(name: str, row: Sequence[str], *languages: str) -> list[str]:
    """Notes on columns of a table that its first row names by a language, but of which another one is read."""
    notes = []
    for language in languages:
        first, *others = (f'"{to_line(row[number])}"' for number in list_columns(row, language))
        if others:
            notes.append(f"{name}: of the columns in {language}, {first} is read, not {' or '.join(others)}")
    return notes


def to_line(text: str) -> str:
    """A text as one line."""
    return BLANKS.sub(" ", text).strip()
