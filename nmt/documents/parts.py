"""Units of several parts, such as the paragraphs and items of a list in one string of a program.

Each part is translated as a unit of its own; what is between the parts stays as it is. Reports, notes and a translation
memory have the whole unit.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from nmt.documents.alignment import Alignment
from nmt.documents.document import Languages, Part, Unit
from nmt.documents.joining import TranslatedUnit, is_too_complex, join_sentences
from nmt.documents.projection import Placement
from nmt.documents.segment import Mark, PlacedMark, Segment
from nmt.text.units import Span
from nmt.translation.result import Translation


def list_parts(unit: Unit) -> Sequence[Part]:
    """The parts of a unit: the whole of it if it has no others."""
    return unit.parts or (Part(0, len(unit.segment.text), 0, len(unit.segment.marks)),)


def cut_part(unit: Unit, part: Part) -> tuple[Unit, frozenset[Mark]]:
    """A part as a unit, and the marks that it has in place of those outside it.

    A pair that reaches out of the part begins or ends with it.
    """
    own = unit.segment.marks[part.first : part.stop]
    inside = {mark for _, mark in own}
    size = part.end - part.begin
    opening = [tag for _, (tag, side) in own if side == "close" and Mark(tag, "open") not in inside]
    closing = [tag for _, (tag, side) in own if side == "open" and Mark(tag, "close") not in inside]
    before = [PlacedMark(0, Mark(tag, "open")) for tag in reversed(opening)]
    after = [PlacedMark(size, Mark(tag, "close")) for tag in reversed(closing)]
    moved = [PlacedMark(place - part.begin, mark) for place, mark in own]
    segment = Segment(unit.segment.text[part.begin : part.end], (*before, *moved, *after))
    dividers = unit.dividers.intersection(tag for _, (tag, _) in own)
    return replace(unit, segment=segment, dividers=dividers, parts=()), frozenset(mark for _, mark in before + after)


def cut_parts(unit: Unit, spans: Sequence[Span]) -> Iterator[tuple[Part, Unit, frozenset[Mark], list[Span]]]:
    """Each part with its unit and marks as of cut_part, and those of the sentences at `spans` that are in it."""
    for part in list_parts(unit):
        first, last = (bisect_left(spans, (place,)) for place in (part.begin, part.end))
        own = [(begin - part.begin, end - part.begin) for begin, end in spans[first:last]]
        yield part, *cut_part(unit, part), own


def has_complex_part(unit: Unit, spans: Sequence[Span]) -> bool:
    """Whether the tags of a part cannot be placed in reasonable time; see is_too_complex."""
    return any(is_too_complex(own, inside) for _, own, _, inside in cut_parts(unit, spans))


def join_parts(
    unit: Unit,
    spans: Sequence[Span],
    sentences: list[Translation],
    languages: Languages,
    align: Callable[[Translation], Alignment],
) -> TranslatedUnit:
    """The same as join_sentences for a unit of several parts, whose sentences are at `spans`."""
    source = unit.segment
    texts: list[str] = []
    marks: list[PlacedMark] = []
    shares: dict[int, float] = {}
    places: list[tuple[int, int]] = []
    moved: list[int] = []
    size = 0  # of the translation so far
    done = Part(0, 0, 0, 0)
    for part, own, added, inside in cut_parts(unit, spans):
        texts.append(source.text[done.end : part.begin])
        marks += (PlacedMark(place - done.end + size, mark) for place, mark in source.marks[done.stop : part.first])
        moved += range(size, size + len(texts[-1]))
        size += len(texts[-1])
        first = len(places)
        joined = join_sentences(own, inside, sentences[first : first + len(inside)], languages, align)
        places += ((begin + part.begin, place + len(moved)) for begin, place in joined.places)
        marks += (PlacedMark(place + size, mark) for place, mark in joined.segment.marks if mark not in added)
        for tag, share in joined.placements:
            shares[tag] = min(share, shares.get(tag, 1.0))
        moved += (place + size for place in joined.moved[:-1])
        texts.append(joined.segment.text)
        size += len(texts[-1])
        done = part
    marks += (PlacedMark(place - done.end + size, mark) for place, mark in source.marks[done.stop :])
    texts.append(source.text[done.end :])
    moved += range(size, size + len(texts[-1]) + 1)
    placements = [Placement(tag, shares.get(tag, 1.0)) for tag in range(len(unit.labels))]
    return TranslatedUnit(unit, Segment("".join(texts), tuple(marks)), placements, sentences, places, moved)
