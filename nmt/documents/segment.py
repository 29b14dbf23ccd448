"""Segments: text with inline tags at places between its characters.

A format makes segments of its documents, and writes segments back. What a tag is called and how it is written only the
format knows: here a tag is a number.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from nmt.errors import DataError

Side = Literal["open", "close", "single"]


class Mark(NamedTuple):
    """An end of a tag: it opens a pair, closes one, or is the whole of an unpaired tag."""

    tag: int
    side: Side


class PlacedMark(NamedTuple):
    """A mark and the number of characters before it."""

    place: int
    mark: Mark


@dataclass(frozen=True, slots=True)
class Segment:
    """Text without markup, and the marks of its tags in the order of the document.

    The order matters where several marks have one place: `<b></b><i></i>` and `<b><i></i></b>` differ in it alone.
    Tags may be nested in each other, and may cross.

    With `is_whole` it is a translation with the tags outside of its unit, too; see nmt.documents.document.Edges.

    Raises DataError for places that descend or are outside the text, and for a tag that is not opened once and then
    closed once.
    """

    text: str
    marks: tuple[PlacedMark, ...] = ()
    is_whole: bool = False

    def __post_init__(self) -> None:
        place = 0
        open_tags: set[int] = set()
        seen: set[int] = set()
        for at, (tag, side) in self.marks:
            if not place <= at <= len(self.text):
                raise DataError(f"tag {tag} is at character {at} of {len(self.text)}, after a tag at {place}")
            place = at
            if (side == "close") != (tag in open_tags) or (side != "close" and tag in seen):
                raise DataError(f"tag {tag} is not opened once and then closed once")
            seen.add(tag)
            (open_tags.add if side == "open" else open_tags.discard)(tag)
        if open_tags:
            raise DataError(f"tag {min(open_tags)} is not closed")

    @classmethod
    def join(cls, parts: Iterable[str | Mark]) -> "Segment":
        """The segment of these parts: texts, and marks between them.

        >>> Segment.join(["press ", Mark(0, "open"), "Save", Mark(0, "close")]).text
        'press Save'
        """
        texts: list[str] = []
        marks: list[PlacedMark] = []
        length = 0
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                length += len(part)
            else:
                marks.append(PlacedMark(length, part))
        return cls("".join(texts), tuple(marks))

    def split(self) -> Iterator[str | Mark]:
        """The parts that `join` joins, without empty texts."""
        begin = 0
        for place, mark in self.marks:
            if begin < place:
                yield self.text[begin:place]
                begin = place
            yield mark
        if begin < len(self.text):
            yield self.text[begin:]
