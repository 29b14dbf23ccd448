"""What formats share: documents as units of text to translate, and translations written into the original text.

A format finds where text and markup are with the parser of a library. Here the translations replace the text at these
places, so that everything else comes out as it went in.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

from nmt.documents.labels import LINE_END
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


class Edges(NamedTuple):
    """Tags and blanks before and after the text of a unit, which are outside of its segment.

    `labels` are those of the tags, whose numbers follow those of the segment.
    """

    before: tuple[str | Mark, ...] = ()
    after: tuple[str | Mark, ...] = ()
    labels: tuple[str, ...] = ()


NO_EDGES = Edges()


@dataclass(frozen=True, slots=True)
class Unit:
    """A segment of a document, such as a paragraph. `labels` has for each tag how a report names it: `<b>`.

    `line` is the line of the document where it begins, counted from 1. `dividers` are the unpaired tags that divide it
    into cues or lines, which keep their order. `markup` has each tag in the order of the document, also those of the
    edges, as other files of translators have it: `<a href="/">`, or `<x 1>` for a code of XLIFF without content.
    `parts` are the paragraphs and items of a list in one string of a program: what is between them stays as it is.
    Without any, the whole unit is translated as one text. `joined` are the tags of two pairs that touch in the document
    and have a blank between them in the segment, because they hold separate words.
    """

    segment: Segment
    labels: tuple[str, ...]
    line: int
    dividers: frozenset[int] = frozenset()
    parts: tuple[Part, ...] = ()
    edges: Edges = NO_EDGES
    markup: tuple[str, ...] = ()
    joined: frozenset[tuple[int, int]] = frozenset()

    def wrap(self, translation: Segment) -> Segment:
        """The segment of the unit, or a translation of it, between the unit's edges."""
        inside = translation.split()
        return replace(Segment.join([*self.edges.before, *inside, *self.edges.after]), is_whole=True)

    def widen(self) -> "Unit":
        """The unit with its edges in its segment, and without parts."""
        if self.edges == NO_EDGES:
            return self
        labels = (*self.labels, *self.edges.labels)
        return replace(self, segment=self.wrap(self.segment), labels=labels, edges=NO_EDGES, parts=())


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
    `is_kept` is of an element that stays as it is, such as one in another language than the source. `original` is
    markup as other files have it, if it is not what the document has from `begin` to `end`; see Unit.
    """

    kind: Kind
    begin: int
    end: int
    text: str
    name: str = ""
    is_break: bool = False  # whether it separates words, such as a line break
    is_kept: bool = False
    original: str = ""


class Splice(NamedTuple):
    """A new text in the place of what is from `begin` to `end`."""

    begin: int
    end: int
    text: str


class InlineUnit(NamedTuple):
    """A unit whose text and tags are the tokens from `begin` to `end`; `spans` has the place of each of its marks.

    `outer` is where its edges begin and end, and `before` and `after` have the places of their marks.
    """

    unit: Unit
    begin: int
    end: int
    spans: tuple[Span, ...] = ()
    outer: Span = (0, 0)
    before: tuple[Span, ...] = ()
    after: tuple[Span, ...] = ()

    def cover(self, translation: Segment) -> "InlineUnit":
        """What a translation is written in the place of: the unit with its edges, if the translation has these."""
        if not translation.is_whole or self.unit.edges == NO_EDGES:
            return self
        return InlineUnit(self.unit.widen(), *self.outer, (*self.before, *self.spans, *self.after))

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
        if (covered := self.cover(translation)) is not self:
            return covered.render(translation, original, escape, inner)
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
        self.text = text
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
