"""What a translation memory has for a whole unit of a document, with tags where a person has placed them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from nmt.documents.document import Unit
from nmt.documents.labels import read_label, show_text
from nmt.documents.segment import Segment
from nmt.documents.tag_names import (
    TagName,
    drop_tags,
    find_invented_tag,
    name_tags,
    read_tags,
    split_names,
    write_tags,
)
from nmt.errors import DataError
from nmt.text.units import Span
from nmt.text.xml_units import Code
from nmt.translation.memory import FreshRequest, TranslationMemory
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch

SHOWN = 60  # characters of a translation in a note


class Sentences(NamedTuple):
    """The (begin, end) of each sentence of a unit, which is one if a memory has it; `match` as in TranslatedUnit.

    `known` is the memory's translation of the unit, and `placed` the same with its tags, if these are in it. The spans
    in `fresh` are translated whatever the memory has.
    """

    spans: list[Span]
    match: MemoryMatch | None = None
    known: MemoryMatch | None = None
    placed: Segment | None = None
    fresh: frozenset[Span] = frozenset()
    note: str = ""
    is_left: bool = False  # because its tags cannot be placed; then it has no spans


def look_up(unit: Unit, spans: list[Span], memory: TranslationMemory) -> Sentences:
    """The sentences of a unit that are at `spans`, or the whole unit if the memory has it, without or with its tags.

    The tags of a memory's translation may be inline codes, or text, with the names of nmt.documents.tag_names. Those
    that are not the unit's, each once, are left out and placed by the alignment. A translation with what looks like a
    tag, and is none, is not used.

    Words that readers see in place of a tag belong to the source, unless inline codes of the memory stand for them.
    """
    text, shown = unit.segment.text, show_text(unit.segment, unit.labels)
    whole = [(0, len(text))]
    tags = name_tags(unit)
    match = memory.find_equal(shown) or memory.find_equal(write_tags(unit.segment, tags))
    if match is None and (bare := memory.find_equal(text)) and bare.source in memory.parts:
        match = bare
    if match is None:
        spans = join_known_parts(unit, spans, memory)
        hiding = find_hiding(unit, spans)
        known = [(span, one) for span in spans if span not in hiding and (one := memory.find_equal(text[slice(*span)]))]
        invented = {span: tag for span, one in known if (tag := find_invented_tag(text, one.target))}
        note = describe_invented(next(iter(invented.values()))) if invented else ""
        similar = None if spans == whole and not hiding else memory.find(shown)
        return Sentences(spans, similar, fresh=hiding.union(invented), note=note)
    names = {one for name in tags for one in name if one}
    parts = memory.parts.get(match.source) or tuple(split_target(match.target, unit, tags))
    plain = drop_tags(parts)
    invented_tag = find_invented_tag(text, plain)
    if invented_tag or not plain:
        note = (
            describe_invented(invented_tag) if invented_tag else "the memory's translation has no text: it is not used"
        )
        return Sentences(spans, fresh=frozenset(spans), note=note)
    if any(isinstance(part, Code) and part.text in names for part in parts):
        try:
            placed = read_tags(parts, unit)
        except DataError as error:
            begin = plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"
            note = f'the tags of the memory\'s translation "{begin}" are placed anew, because {error}'
            return Sentences(whole, known=match._replace(target=plain), note=note)
        return Sentences(whole, known=match._replace(target=placed.text), placed=placed)
    return Sentences(whole, known=match._replace(target=plain))


def join_known_parts(unit: Unit, spans: Sequence[Span], memory: TranslationMemory) -> list[Span]:
    """The sentences of a unit at `spans`, where those of each part that the memory has as a whole are one."""
    joined: list[Span] = []
    for _, own in groupby(spans, key=lambda span: bisect_right(unit.parts, span[0], key=attrgetter("begin"))):
        inside = list(own)
        whole = inside[0][0], inside[-1][1]
        joined += [whole] if memory.find_equal(unit.segment.text[slice(*whole)]) else inside
    return joined


def find_hiding(unit: Unit, spans: Iterable[Span]) -> frozenset[Span]:
    """The sentences whose text lacks words that readers see, in place of a tag in them or beside them."""
    text, marks = unit.segment.text, unit.segment.marks
    gaps: list[Span] = []  # the places of these tags, with the blanks around
    for place, mark in marks:
        if mark.side == "single" and read_label(unit.labels[mark.tag]):
            first = last = place
            while first > 0 and text[first - 1].isspace():
                first -= 1
            while last < len(text) and text[last].isspace():
                last += 1
            gaps.append((first, last))
    return frozenset(
        (begin, end) for begin, end in spans if any(begin <= last and first <= end for first, last in gaps)
    )


def split_target(target: str, unit: Unit, tags: Sequence[TagName]) -> Iterator[str | Code]:
    """A memory's translation, and its tags: names of them, or the words that readers see in place of one."""
    words: dict[str, list[str]] = {}
    for label, (begin, end) in zip(reversed(unit.labels), reversed(tags), strict=True):
        if not end and (word := read_label(label)) and word != begin:
            words.setdefault(word, []).append(begin)
    for part in split_names(target, [*tags, *map(TagName, words)]):
        if isinstance(part, Code) and part.text in words:
            names = words[part.text]
            yield Code(names.pop()) if names else part.text
        else:
            yield part


def describe_invented(tag: str) -> str:
    """A note on a translation that is not used."""
    return f"the memory's translation is not used, because {tag} in it is no tag of the segment"


def require_fresh(request: str | Request) -> FreshRequest:
    """The request, for which no memory is used."""
    return FreshRequest(request) if isinstance(request, str) else FreshRequest(**vars(request))
