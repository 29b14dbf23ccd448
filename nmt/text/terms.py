"""Terms: words of a source that a glossary translates, and parts of it that stay as they are, such as numbers.

Found in the source by whole words; a search then requires them, see nmt.translation.constraints.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from nmt.arguments import SHOWN_CHARACTERS, check_text, read_names, read_several
from nmt.errors import DataError, Option, UsageError, did_you_mean
from nmt.progress import format_count
from nmt.text import cases
from nmt.text.atoms import find_atoms
from nmt.text.cases import capitalize, is_same, write_in_capitals
from nmt.text.corpus import names_columns, read_lines
from nmt.text.normalization import list_plain_forms
from nmt.text.particles import list_stems
from nmt.text.words import UNSPACED, is_blank, is_boundary, is_whole_words, match_texts

CaseRule = Literal["ignore", "exact", "follow"]
CASE_RULES: tuple[CaseRule, ...] = get_args(CaseRule)
CASES = f"{', '.join(CASE_RULES[:-1])} or {CASE_RULES[-1]}"
INNER_STAR = re.compile(r"[^\W\d_]{2}\*(?:[^\W\d_]{2}|\s)")  # in small letters, unlike SQL*Plus and M*A*S*H
INITIAL = re.compile(r"(?:.*[.!?…:。！？])?[\W_]*")  # what stands before the first word of a sentence
MOST_SHOWN = 10  # lines of a glossary in one message
DELIMITERS = {mark: f'"{mark}"' for mark in (";", ",", "|", "=", "->", "→")} | {"  ": "blanks"}  # in place of tabs
SIGNS = "©®‼⁉™ℹ\u2190-\u21ffⓂ\u2900-\u297f〰〽㊗㊙"  # which are emoji before a variation selector
EMOJI = (
    rf"(?:[\U0001f000-\U0001faff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff]|[{SIGNS}](?=\ufe0f))"
    "[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]*[\U000e0020-\U000e007f]*"  # the last are tags, as in the flag of England
)
LATIN = "A-Za-z0-9_\u00c0-\u024f"  # what names of programs consist of
UNSPACED_TEXT = rf"{UNSPACED.pattern[1:-1]}\u3000-\u303f\uff00-\uff65"  # may stand directly beside an address
TEMPLATE = r"\$?\{\{[^\n]{0,300}?\}\}\}?|\{%[^{}\n]*%\}|\{#[^{}\n]*#\}"  # of Jinja, Liquid, Handlebars, Hugo
IN_URL = (
    rf"(?:{TEMPLATE}|\([^\s()<>]*\)|&amp;"
    rf"|(?!\{{[{{%]|&(?:amp|lt|gt|quot|nbsp);)[^\s<>()\[\]\"'“”«»`|{UNSPACED_TEXT}])"
)
# In running text without blanks an address ends before such letters, but not where the text shows that they are in it:
AFTER_DELIMITER = rf"(?<=[/=#?&+_.-])(?![ぁ-ん]){UNSPACED.pattern}++(?=[\s!-~）」』】〉》]|\Z)"  # wiki/北京
BEFORE_BLANK = rf"{UNSPACED.pattern}++(?=\s)"
SCHEME = "(?ai:https?|s?ftp|file|wss?|git|ssh)"
URL_BEGIN = rf"(?:(?<![A-Za-z]){SCHEME}://|(?:(?<![\w.])|(?<=[{UNSPACED_TEXT}]))(?ai:www)\.(?=\w))"
URL = (
    rf"(?:(?<![{UNSPACED_TEXT}]){URL_BEGIN}(?:{IN_URL}|{AFTER_DELIMITER}|{BEFORE_BLANK})+"
    rf"|{URL_BEGIN}(?:{IN_URL}|{AFTER_DELIMITER})+)"
    r"(?:(?<=\}\})|(?<=%\})|(?<![.,;:!?*_~}]))"
)
IN_NAME = rf"[^\W{UNSPACED_TEXT}]"
EMAIL = rf"(?<!{IN_NAME})(?ai:mailto:)?(?:{IN_NAME}|[.+%-]){{1,64}}@(?:{IN_NAME}|-)+(?:\.(?:{IN_NAME}|-)+)+(?<!-)"
VARIABLE = rf"\$(?!\d+[.,:/’'\u00a0\u202f]\d)[{LATIN}]+"  # of templates and shells; $1,000.50 is a price
DATE = r"\d{4}-\d\d-\d\d(?:T\d\d:?\d\d(?::?\d\d(?:[.,]\d+)?)?(?:Z|[+−-]\d\d(?::?\d\d)?)?)?"  # of ISO 8601
KEPT = {
    "numbers": (
        rf"(?<![^\W{UNSPACED_TEXT}])(?<![\d.,٫])"
        rf"(?:{DATE}(?!\d|-\d)|(?:(?<!\w)-|[+−±])?\d++(?:[.,:/’'\u00a0\u202f٫٬．：／]\d++)*+)"
        r"(?!(?:st|nd|rd|th)\b|[A-Za-z]*[\d_])"  # 250 in 250권을 and 5 in 5kg, but none in 1st, 0x1F or 2x4
    ),
    "urls": URL,
    "placeholders": (
        rf"{TEMPLATE}|[$%#]?\{{[^{{}}\s]*\}}|%<\w+>[-+#0]*\d*(?:\.\d+)?[a-zA-Z]"
        r"|%(?:\(\w+\)|\d+\$)?[-+#0]*+\d*+(?:\.\d+)?(?:hh|h|ll|l|L|q|j|z|t)?[diouxXeEfFgGcrsa@]"
        rf"(?![{LATIN}])|%[{LATIN}]+%|{VARIABLE}"
    ),
    "emails": EMAIL,
    "emoji": (f"[\U0001f1e6-\U0001f1ff]{{2}}|[0-9#*]\ufe0f?\u20e3|{EMOJI}(?:\u200d{EMOJI})*"),
}
OWN_ENDS = frozenset(KEPT.values())


class GlossaryEntry(NamedTuple):
    """A line of a glossary.

    By the rule "ignore" the term is found in any case, by "exact" only as it is written; both require the target as it
    is written. By "follow" it is found in any case, and the target has the capitals of the source: only capitals, one
    at the beginning of each word, or one at the beginning, which it need not have where a sentence begins. A source
    that ends with "*" has every ending of its last word; elsewhere a "*" is that character, as in SQL*Plus. A target is
    text that stays as it is.
    """

    source: str
    target: str
    case: CaseRule = "ignore"
    line: int = 0  # of a file; 0 for an entry that is from none

    def describe(self, glossary: str) -> str:
        """Where it stands, for a message: `my.tsv, line 3`, or `the glossary, "fence"`."""
        return f"{glossary}, line {self.line:,}" if self.line else f'{glossary}, "{self.source}"'


class FoundTerm(NamedTuple):
    """A part of a source, from `begin` to `end`, for which the translation has one of `targets`.

    Of what is kept, the first target is required that the model can write.
    """

    begin: int
    end: int
    text: str
    targets: tuple[str, ...]
    kind: Literal["glossary", "keep"]


class TermUse(NamedTuple):
    """A term of a source, and which of its targets is in the translation; None if none is."""

    term: FoundTerm
    used: str | None


@dataclass(frozen=True)
class Terms:
    """What to look for in each source: terms of a glossary, and what patterns match.

    >>> terms = Terms.build([GlossaryEntry("fence", "Zaun")], keep=["numbers"])
    >>> [(one.text, one.targets) for one in terms.find("The fence has 12 posts.")]
    [('fence', ('Zaun',)), ('12', ('12',))]
    """

    entries: Mapping[str, Sequence[GlossaryEntry]] = field(default_factory=dict)  # by the term, without case
    sizes: Sequence[int] = ()  # the numbers of atoms that terms have, in descending order
    patterns: Sequence[re.Pattern[str]] = ()
    has_stems: bool = False  # whether a term ends with "*"
    name: str = "the glossary"

    def __post_init__(self) -> None:
        """Raises UsageError for entries without their sizes, which would never be found."""
        if self.entries and not self.sizes:
            raise UsageError('a glossary is built by Terms.build, as in Terms.build({"fence": "Zaun"})')

    @classmethod
    def build(
        cls,
        glossary: Mapping[str, str] | Iterable[Sequence[str] | GlossaryEntry] = (),
        keep: Iterable[str] = (),
        name: str = "the glossary",
    ) -> "Terms":
        """The terms of a glossary, and `keep`: regular expressions, or names of KEPT.

        A glossary has entries, or pairs of source and target, or is a mapping from sources to targets. Raises DataError
        that lists the entries which cannot be used, and UsageError for a regular expression that is not one.
        """
        entries = read_several("glossary", glossary.items() if isinstance(glossary, Mapping) else glossary)
        return cls._index(check_entries(entries, name), keep, name)

    @classmethod
    def read(
        cls, glossary: Path | str | None = None, keep: Iterable[str] = (), languages: Sequence[str] = ()
    ) -> "Terms":
        """The same with a glossary from a file; see read_glossary."""
        entries = read_glossary(glossary, languages) if glossary else ()
        return cls._index(entries, keep, str(glossary or "the glossary"))

    @classmethod
    def _index(cls, glossary: Iterable[GlossaryEntry], keep: Iterable[str], name: str) -> "Terms":
        entries: dict[str, list[GlossaryEntry]] = {}
        for entry in glossary:
            entries.setdefault(fold(entry.source), []).append(entry)
        sizes = {len(find_atoms(entry.source.removesuffix("*"))) for some in entries.values() for entry in some}
        has_stems = any(one.endswith("*") for one in entries)
        patterns = [compile_pattern(one) for one in read_names("keep", keep)]
        return cls(entries, sorted(sizes, reverse=True), patterns, has_stems, name)

    def join(self, others: "Terms") -> "Terms":
        """These terms and others. What both translate is translated as these do."""
        sizes = sorted({*self.sizes, *others.sizes}, reverse=True)
        patterns, has_stems = [*self.patterns, *others.patterns], self.has_stems or others.has_stems
        return Terms({**others.entries, **self.entries}, sizes, patterns, has_stems, self.name)

    def find(self, source: str) -> list[FoundTerm]:
        """The terms in a source, in its order. Of those that overlap, the first one counts, and then the longest."""
        found = sorted([*self.find_glossary(source), *self.find_kept(source)], key=lambda one: (one.begin, -one.end))
        chosen: list[FoundTerm] = []
        for one in found:
            if not chosen or chosen[-1].end <= one.begin:
                chosen.append(one)
        return chosen

    def find_glossary(self, source: str) -> Iterator[FoundTerm]:
        """The longest term of the glossary at each place. Particles of Korean may follow it in a word."""
        atoms = find_atoms(source) if self.sizes else []
        for number, (begin, _) in enumerate(atoms):
            for size in self.sizes:
                if number + size <= len(atoms) and (found := self.find_term(source, begin, *atoms[number + size - 1])):
                    yield found
                    break

    def find_term(self, source: str, begin: int, last: int, end: int) -> FoundTerm | None:
        """The term from `begin` to `end`, or without an ending of its last word, which begins at `last`."""
        is_initial = INITIAL.fullmatch(source[max(0, begin - 9) : begin]) is not None
        for stop in (end, *(last + size for size in list_stems(source[last:end]))):
            if targets := self.translate(source[begin:stop], is_initial):
                return FoundTerm(begin, stop, source[begin:stop], targets, "glossary")
        for stop in range(end, last, -1) if self.has_stems else ():
            if targets := self.translate(f"{source[begin:stop]}*", is_initial):
                return FoundTerm(begin, end, source[begin:end], targets, "glossary")
        return None

    def translate(self, text: str, is_initial: bool) -> tuple[str, ...]:
        """The translations of a term that the glossary has; none if it has not the term.

        `is_initial` tells whether a sentence begins with it.
        """
        text = normalize(text)
        some = [one for one in self.entries.get(fold(text), ()) if is_same(normalize(one.source), text)]
        exact = [one.target for one in some if one.case == "exact" and one.source == text]
        others = (target for one in some if one.case != "exact" for target in adapt_case(one, text, is_initial))
        return tuple(dict.fromkeys(exact or others))

    def find_kept(self, source: str) -> Iterator[FoundTerm]:
        """What the patterns match, as whole words; those of KEPT tell themselves where a match ends."""
        for pattern in self.patterns:
            for match in pattern.finditer(source):
                text = normalize(match[0])
                begin, end = match.span()
                if not text or not is_boundary(source[max(0, begin - 1) : begin], source[begin]):
                    continue
                if pattern.pattern in OWN_ENDS or is_whole_words(source, begin, end):
                    yield FoundTerm(begin, end, match[0], list_plain_forms(text), "keep")

    def list_uses(self, source: str, translation: str) -> list[TermUse]:
        """The terms of a source, and whether its translation has them."""
        found = self.find(source)
        used = match_texts(translation, [one.targets for one in found])
        return [TermUse(term, one) for term, one in zip(found, used, strict=True)]


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A name of KEPT, or a regular expression, as a pattern.

    Raises UsageError if it is no regular expression, is empty, is a word that is almost a name, or has several names.
    """
    if not pattern.strip():
        raise UsageError(Option("keep", pattern), " keeps nothing\n  Name one of ", ", ".join(KEPT))
    if len(names := re.split(r"[\s,;|+]+", pattern.strip())) > 1 and {*names} <= {*KEPT, ""}:
        raise UsageError(
            f'"{pattern}" has several names\n  Name each by itself: ',
            *(part for name in names if name for part in (Option("keep", name), " ")),
        )
    if pattern not in KEPT and pattern.isalpha() and (guess := did_you_mean(pattern, KEPT)):
        raise UsageError(
            f'"{pattern}" is not one of {", ".join(KEPT)}{guess}\n',
            "  As a regular expression for the word itself, write ",
            Option("keep", rf"\b{pattern}\b"),
        )
    try:
        return re.compile(KEPT.get(pattern, pattern))
    except re.error as error:
        raise UsageError(
            f'"{pattern}" is no regular expression: {error}{did_you_mean(pattern, KEPT)}\n  Correct ',
            Option("keep"),
            f", or name one of {', '.join(KEPT)}",
        ) from error


def read_glossary(path: Path | str, languages: Sequence[str] = ()) -> list[GlossaryEntry]:
    """The entries of a file with tabs between columns: source, target, a rule for case, which may be empty, and a note.

    The last two columns may be missing. Several lines with one source are several translations of it, of which each
    will do. Blank lines have no meaning.

    Raises DataError that lists the lines which cannot be used, and for a first line that names the columns, as source
    and target or, where they are given, as the `languages` of both.
    """
    lines = [(number, line.split("\t")) for number, line in enumerate(read_lines(path), 1) if not is_blank(line)]
    for number, columns in lines[:1]:
        if len(columns) > 1 and names_columns(columns[:2], languages):
            named = "\t".join(columns)[:SHOWN_CHARACTERS]
            raise DataError(
                f"{path}, line {number:,} is no term but names the columns: {named!r}\n"
                "  Remove it, and put the source first"
            )
    hint = f"A line has the source, a tab and the target; then perhaps a tab and {CASES}, and a tab and a note"
    if mark := find_other_delimiter([columns[0] for _, columns in lines if len(columns) == 1]):
        hint += f"\n  {path} has {mark} between its columns: save it with tabs"
    if not (entries := build_entries(lines, str(path), hint)):
        raise DataError(f"{path} is empty: it has no terms")
    return entries


def find_other_delimiter(lines: Sequence[str]) -> str:
    """What lines without tabs all have between their columns, as a message names it; empty where there is nothing."""
    if not lines or lines[0].startswith("<"):  # of XML, such as TMX and TBX
        return ""
    return next((name for mark, name in DELIMITERS.items() if all(line.strip().find(mark) > 0 for line in lines)), "")


def build_entries(rows: Iterable[tuple[int, Sequence[str]]], name: str, hint: str) -> list[GlossaryEntry]:
    """The entries of rows with numbers, whose columns are those of read_glossary.

    Raises DataError that lists the rows which cannot be used, and ends with `hint`. Messages call the whole `name`.
    """
    placed = ((number, f"line {number:,}", row) for number, row in rows)
    return collect_entries(placed, f"{name} has lines that cannot be used:", hint)


def check_entries(rows: Iterable[Any], name: str) -> list[GlossaryEntry]:
    """The entries of a glossary from Python. Raises DataError as build_entries does."""

    def place_rows() -> Iterator[tuple[int, str, Any]]:
        for number, row in enumerate(rows, 1):
            line, columns = (row.line, row[:3]) if isinstance(row, GlossaryEntry) else (0, row)
            yield line, f"line {line:,}" if line else f"entry {number:,}", columns

    hint = f"An entry is a pair of source and target, or GlossaryEntry(source, target, case), where case is {CASES}"
    return collect_entries(place_rows(), f"{name} has entries that cannot be used:", hint)


def collect_entries(rows: Iterable[tuple[int, str, Any]], title: str, hint: str) -> list[GlossaryEntry]:
    """The entries of rows, each with its line and what a message calls it. Raises DataError that lists problems."""
    entries: list[GlossaryEntry] = []
    problems: list[str] = []
    for line, place, row in rows:
        if problem := find_wrong_type(row):
            problems.append(f"{place}: {problem}")
            continue
        columns = [normalize(column) for column in row]
        if problem := find_problem(columns):
            problems.append(f"{place}: {problem}")
            continue
        source, target, case = [*columns, ""][:3]
        entries.append(GlossaryEntry(source, target, case or "ignore", line))  # type: ignore[arg-type]
    if problems:
        more = [f"and {len(problems) - MOST_SHOWN:,} more"] if len(problems) > MOST_SHOWN else []
        raise DataError("\n  ".join([title, *problems[:MOST_SHOWN], *more, hint]))
    return entries


def find_wrong_type(row: Any) -> str:
    """What is wrong with an entry that has no columns of text; empty if nothing is."""
    if not isinstance(row, tuple | list):
        return f"it is {type(row).__name__}, not a pair: {str(row)[:SHOWN_CHARACTERS]!r}"
    try:
        for column in row:
            check_text(repr(column)[:SHOWN_CHARACTERS], column)
    except DataError as error:
        return str(error).partition("\n")[0]
    return ""


def find_problem(columns: Sequence[str]) -> str:
    """What is wrong with a line of a glossary; empty if nothing is."""
    if not 2 <= len(columns) <= 4:
        return f"it has {format_count(len(columns), 'column')}, not 2 to 4"
    if not find_atoms(columns[0].removesuffix("*")):
        return "its source is empty"
    if not columns[1]:
        return "its target is empty"
    if any(match[0] == match[0].lower() for match in INNER_STAR.finditer(columns[0])):
        return f'its source "{columns[0]}" has a "*" that is not at its end, where it would stand for every ending'
    if len(columns) > 2 and columns[2] not in ("", *CASE_RULES):
        return f'there is no case rule "{columns[2]}"{did_you_mean(columns[2], CASE_RULES)}'
    if re.search(r"\w\*$", columns[1]):
        return f'its target "{columns[1]}" would have the "*": only a source ends with it, for every ending of its word'
    return ""


def adapt_case(entry: GlossaryEntry, text: str, is_initial: bool) -> list[str]:
    """The targets of an entry for a term that the source has as `text`; see GlossaryEntry."""
    plain = entry.target
    if entry.case != "follow" or text == entry.source:
        return [plain]
    if text.isupper() and sum(map(str.isalpha, text)) > 1:
        return [write_in_capitals(plain)]
    words = text.split()
    if len(words) > 1 and all(word[0].isupper() for word in words if word[0].isalpha()):
        return [" ".join(map(capitalize, plain.split()))]
    if text[0].isupper() and not entry.source[0].isupper():
        return [plain, capitalize(plain)] if is_initial else [capitalize(plain)]
    return [plain]


def normalize(text: str) -> str:
    """A text in composed characters with single blanks."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """A text by which terms are found, whatever their case; of those found, is_same tells which are meant."""
    return cases.fold(normalize(text))


def check_terms(terms: object) -> None:
    """Raise UsageError for the argument `terms` of a translation if it is something else, such as a path."""
    if not isinstance(terms, Terms):
        raise UsageError(
            f"terms are {type(terms).__name__}, not nmt.Terms: {str(terms)[:SHOWN_CHARACTERS]!r}\n"
            '  Read a glossary by nmt.Terms.read("glossary.tsv"), or build one by nmt.Terms.build({"fence": "Zaun"})'
        )
