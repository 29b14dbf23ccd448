"""What formats share: documents as units of text to translate, and translations written into the original text.

A format finds where text and markup are with the parser of a library. Here the translations replace the text at these
places, so that everything else comes out as it went in.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape as quote
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from nmt.documents.labels import LINE_END, label_element
from nmt.documents.segment import Mark, Segment
from nmt.progress import format_count
from nmt.text.units import Span

if TYPE_CHECKING:  # it imports torch, which --help does not wait for
    from nmt.translation.result import MemoryMatch

Kind = Literal["text", "open", "close", "single"]
MOST_DOUBTS = 5  # of a segment, in a comment
MOST_SHOWN = 5  # languages in a note
BLANK = " \t\n\r\f"
BLANKS = re.compile(f"[{BLANK}]+")


class Languages(NamedTuple):
    """The languages of a translator, as codes such as "en" and "pt-BR", and whether words of the target have blanks
    between them."""

    source: str
    target: str
    is_target_spaced: bool = True


class Part(NamedTuple):
    """A part of a unit that is translated on its own: its text from `begin` to `end`, and its marks from the number
    `first` to `stop`."""

    begin: int
    end: int
    first: int
    stop: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A segment of a document, such as a paragraph. `labels` has for each tag how a report names it: `<b>`.

    `line` is the line of the document where it begins, counted from 1. `dividers` are the unpaired tags that divide it
    into cues or lines, which keep their order. `parts` are the paragraphs and items of a list in one string of a
    program: what is between them stays as it is. Without any, the whole unit is translated as one text.
    """

    segment: Segment
    labels: tuple[str, ...]
    line: int
    dividers: frozenset[int] = frozenset()
    parts: tuple[Part, ...] = ()


class Document(Protocol):
    """A document of some format, read whole.

    `notes` are what was not as it should be and was repaired, or left as it is.
    """

    units: Sequence[Unit]
    notes: Sequence[str]

    def write(self, translations: Iterable[Segment]) -> bytes:
        """The document with the translation of each unit, in the order of `units`. They are read one by one.

        A unit whose translation is its segment stays as it is.
        """


class Annotation(NamedTuple):
    """What is known about the translation of a unit: whether a memory has it, or else similar ones that it has.

    `confidence` is that of nmt.Translation, over all sentences that a model has translated, and `doubts` describe what
    to check of them.
    """

    is_known: bool = False
    matches: "Sequence[MemoryMatch]" = ()
    confidence: float | None = None
    doubts: Sequence[str] = ()


def describe_doubts(doubts: Sequence[str]) -> str:
    """`; check "Haus" (low probability)`, for the first few of them; nothing for none."""
    more = f" and {len(doubts) - MOST_DOUBTS} more" if len(doubts) > MOST_DOUBTS else ""
    return f"; check {', '.join(doubts[:MOST_DOUBTS])}{more}" if doubts else ""


@runtime_checkable
class AnnotatedDocument(Document, Protocol):
    """A document of a format that has a place for annotations."""

    def write_annotated(self, translations: Iterable[Segment], annotations: Iterable[Annotation]) -> bytes:
        """Write the document, with an annotation of each unit."""


class Token(NamedTuple):
    """A piece of markup or text of a document, from `begin` to `end`.

    `name` tells which tag closes which; `text` is text without escapes, or the label of markup. An opening tag with
    `is_kept` is of an element that stays as it is, such as one in another language than the source.
    """

    kind: Kind
    begin: int
    end: int
    text: str
    name: str = ""
    is_break: bool = False  # whether it separates words, such as a line break
    is_kept: bool = False


class Splice(NamedTuple):
    """A new text in the place of what is from `begin` to `end`."""

    begin: int
    end: int
    text: str


class InlineUnit(NamedTuple):
    """A unit whose text and tags are the tokens from `begin` to `end`; `spans` has the place of each of its marks."""

    unit: Unit
    begin: int
    end: int
    spans: tuple[Span, ...] = ()

    def locate_marks(self) -> dict[Mark, Span]:
        """The place of each mark. A dict of its own in each unit would be most of the memory of a large document."""
        marks = (mark for _, mark in self.unit.segment.marks)
        return dict(zip(marks, self.spans, strict=True))

    def render(
        self, translation: Segment, original: str, escape: Callable[[str, str], str], inner: "Splices"
    ) -> Splice:
        """The translation as text of the document, by `escape(text, the unit's original)`.

        `inner` are replacements in the markup, such as in attributes. Beside line ends there are no blanks.
        """
        own, spans = original[self.begin : self.end], self.locate_marks()
        parts = (
            escape(part, own) if isinstance(part, str) else inner.apply(original, *spans[part])
            for part in strip_lines(translation.split(), self.unit.labels)
        )
        return Splice(self.begin, self.end, "".join(parts))


def strip_lines(parts: Iterable[str | Mark], labels: Sequence[str]) -> list[str | Mark]:
    """Parts of a translation without blanks before and after line ends, which are tags."""
    found = list(parts)
    is_end = [isinstance(part, Mark) and labels[part.tag] == LINE_END for part in found]
    for number, part in enumerate(found):
        if isinstance(part, str):
            part = part.rstrip(BLANK) if any(is_end[number + 1 : number + 2]) else part
            found[number] = part.lstrip(BLANK) if number and is_end[number - 1] else part
    return found


class Lines:
    """The lines of a text, which end with "\\n"."""

    def __init__(self, text: str) -> None:
        self.begins = array("I", (0, *(match.end() for match in re.finditer("\n", text))))

    def find(self, place: int) -> int:
        """The number of the line of a place, counted from 1."""
        return bisect_right(self.begins, place)


class Splices:
    """Replacements in a text, which do not overlap."""

    def __init__(self, splices: Iterable[Splice]) -> None:
        self.splices = sorted(splices)

    def join(self, others: Iterable[Splice]) -> "Splices":
        """The others, and those of these that are not inside them."""
        outer = Splices(others)
        inside = {splice for other in outer.splices for splice in self.find(other.begin, other.end)}
        return Splices([*outer.splices, *(splice for splice in self.splices if splice not in inside)])

    def find(self, begin: int, end: int) -> Iterator[Splice]:
        """The replacements that begin between two places."""
        for number in range(bisect_left(self.splices, (begin,)), len(self.splices)):
            if self.splices[number].begin >= end:
                break
            yield self.splices[number]

    def apply(self, text: str, begin: int = 0, end: int | None = None) -> str:
        """The text from `begin` to `end` with the replacements that are in it."""
        end = len(text) if end is None else end
        parts = []
        for splice in self.find(begin, end):
            parts += [text[begin : splice.begin], splice.text]
            begin = splice.end
        return "".join([*parts, text[begin:end]])


def build_inline_unit(tokens: Sequence[Token], lines: Lines, blanks: re.Pattern[str] = BLANKS) -> InlineUnit | None:
    """The unit of a run of text and inline tags; None where nothing in it has a letter.

    Blanks at its ends, and tags before or after or around all of its text, stay outside. What `blanks` matches in text,
    such as a line end with indentation, is one space.
    """
    tokens = join_kept(tokens)
    texts = [number for number, token in enumerate(tokens) if token.kind == "text" and token.text.strip()]
    if not any(any(map(str.isalpha, tokens[number].text)) for number in texts):
        return None
    marks = pair_tokens(tokens)
    inside = close_under_pairs(range(texts[0], texts[-1] + 1), marks)
    parts: list[str | Mark] = []
    spans: list[Span] = []
    labels: list[str] = []
    numbers: dict[int, int] = {}
    last = " "
    begin, end = tokens[inside[0]].begin, tokens[inside[-1]].end
    for number in inside:
        token = tokens[number]
        if token.kind == "text":
            text = token.text
            if number == inside[0]:
                text = text.lstrip(BLANK)
                begin += len(token.text) - len(text)
            if number == inside[-1]:
                end -= len(text) - len(text.rstrip(BLANK))
                text = text.rstrip(BLANK)
            text = blanks.sub(" ", text)
            if parts and isinstance(parts[-1], str) and parts[-1].endswith(" "):
                text = text.removeprefix(" ")
            last = text or last
            parts.append(text)
        else:
            mark = marks[number].mark
            if mark.tag not in numbers:
                numbers[mark.tag] = len(labels)
                labels.append(token.text)
            mark = Mark(numbers[mark.tag], mark.side)
            if token.is_break and not last.endswith(" "):
                parts.append(" ")
                last = " "
            parts.append(mark)
            spans.append((token.begin, token.end))
    unit = Unit(Segment.join(parts), tuple(labels), lines.find(begin))
    return InlineUnit(unit, begin, end, tuple(spans))


def join_elements(tokens: Sequence[Token], is_joined: Callable[[int, int], bool]) -> list[Token]:
    """The tokens with an unpaired tag in place of each element that stays as it is, with what is in it.

    `is_joined` tells which do, by the numbers of the tokens that open and close an element.
    """
    marks = pair_tokens(tokens)
    joined: list[Token] = []
    number = 0
    while number < len(tokens):
        token = tokens[number]
        partner = marks[number].partner if token.kind == "open" else number
        if partner > number and is_joined(number, partner):
            text = "".join(one.text for one in tokens[number:partner] if one.kind == "text")
            token = Token(
                "single",
                token.begin,
                tokens[partner].end,
                label_element(token.text.strip("<>").split()[0], quote(text)),
            )
            number = partner
        joined.append(token)
        number += 1
    return joined


def join_kept(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens with an unpaired tag in place of each element that stays as it is."""
    kept = [token.is_kept for token in tokens]
    return join_elements(tokens, lambda number, _: kept[number]) if any(kept) else tokens


def describe_foreign(name: str, codes: Sequence[str], source: str) -> list[str]:
    """A note on the parts of a document that stay as they are because they are marked as of these other languages."""
    if not codes:
        return []
    shown = sorted(set(codes))
    more = f" and {len(shown) - MOST_SHOWN} more" if len(shown) > MOST_SHOWN else ""
    stays = "stays as it is" if len(codes) == 1 else "stay as they are"
    return [
        f"{name}: {format_count(len(codes), 'part')} marked as {', '.join(shown[:MOST_SHOWN])}{more} {stays}, because "
        f"the run translates from {source}"
    ]


def describe_declared(name: str, code: str, source: str) -> str:
    """A note on a document that is as a whole marked as of another language."""
    return f"{name} is marked as {code}, and the run translates from {source}: it is translated as {source}"


class PairedMark(NamedTuple):
    """The mark of a token, and the number of the token that is the other end of its pair."""

    mark: Mark
    partner: int


def close_under_pairs(inside: range, marks: Mapping[int, PairedMark]) -> range:
    """The smallest range around `inside` that has none or both ends of each pair."""
    checked = range(inside[0], inside[0])
    while checked != inside:
        new = (*range(inside[0], checked.start), *range(checked.stop, inside.stop))
        partners = [marks[number].partner for number in new if number in marks]
        checked = inside
        inside = range(min(inside[0], *partners), max(inside[-1], *partners) + 1) if partners else inside
    return inside


def pair_tokens(tokens: Sequence[Token]) -> dict[int, PairedMark]:
    """The mark of each tag by its number among the tokens, and the number of the other end of its pair."""
    found: dict[int, PairedMark] = {}
    opened: dict[str, list[int]] = {}
    for number, token in enumerate(tokens):
        if token.kind == "text":
            continue
        found[number] = PairedMark(Mark(number, "single"), number)
        if token.kind == "open":
            opened.setdefault(token.name, []).append(number)
        elif token.kind == "close" and opened.get(token.name):
            partner = opened[token.name].pop()
            found[partner] = PairedMark(Mark(partner, "open"), number)
            found[number] = PairedMark(Mark(partner, "close"), partner)
    return found
