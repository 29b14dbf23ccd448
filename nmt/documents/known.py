"""What a translation memory has for a whole unit of a document, with tags where a person has placed them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, takewhile
from operator import attrgetter
from typing import NamedTuple

from nmt.documents.document import NO_EDGES, Unit
from nmt.documents.labels import is_break, read_label, show_text
from nmt.documents.segment import Mark, Segment
from nmt.documents.tag_names import (
    TagReader,
    find_invented_tag,
    is_placeholder,
    name_tags,
    spell_out,
    write_markup,
    write_tags,
)
from nmt.errors import DataError
from nmt.text.units import Span
from nmt.text.xml_units import LINE_BREAK, Code
from nmt.translation.memory import FreshRequest, TranslationMemory
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch

SHOWN = 60  # characters of a translation in a note
NO_TEXT = "the memory's translation has no text: it is not used"


class Sentences(NamedTuple):
    """The (begin, end) of each sentence of a unit, which is one if a memory has it; `match` as in TranslatedUnit.

    `known` is the memory's translation of the unit, and `placed` the same with its tags, if these are in it. `unit` is
    the unit with its edges, if the translation has them. `spelled` is a unit whose tags are to be placed, with
    placeholders as text: those that are `kept` stay where a person has them. The spans in `fresh` are translated
    whatever the memory has.
    """

    spans: list[Span]
    match: MemoryMatch | None = None
    known: MemoryMatch | None = None
    placed: Segment | None = None
    fresh: frozenset[Span] = frozenset()
    note: str = ""
    is_left: bool = False  # because its tags cannot be placed; then it has no spans
    unit: Unit | None = None
    spelled: Unit | None = None
    kept: Sequence[int] = ()


class Entry(NamedTuple):
    """What a memory has for a unit, with or without its edges: text and inline codes of both sides.

    `has_placeholders` is whether its source is known to have those of the unit.
    """

    unit: Unit
    match: MemoryMatch
    target: Sequence[str | Code]
    source: Sequence[str | Code] = ()
    has_placeholders: bool = True


def look_up(unit: Unit, spans: list[Span], memory: TranslationMemory) -> Sentences:
    """The sentences of a unit that are at `spans`, or the whole unit if the memory has it, without or with its tags.

    A translation is used as it is, with its tags where it has them, as inline codes or as text; see TagReader.
    Placeholders that it lacks, or has beside those of the source, are as the person wanted. If it has not each other
    tag of the unit once, these are placed by the alignment, but those at the ends of the unit stay there. A translation
    with what looks like a tag, and is none, is not used.

    Words that readers see in place of a tag belong to the source, unless inline codes of the memory stand for them.
    """
    refused = None
    others = []
    for entry in find_entries(unit, memory):
        found = use_entry(entry, unit)
        if found.placed:
            return found
        if not found.known:
            refused = refused or found._replace(spans=spans, fresh=frozenset(spans))
        elif entry.unit is unit or show_words(entry.unit) != show_words(unit):
            others.append(found)
    return others[0] if others else refused or look_up_sentences(unit, spans, memory)


def show_words(unit: Unit) -> list[str]:
    """What readers see of a unit, whatever its blanks."""
    return show_text(unit.segment, unit.labels).split()


def look_up_sentences(unit: Unit, spans: list[Span], memory: TranslationMemory) -> Sentences:
    """The sentences of a unit that the memory does not have as a whole."""
    text, whole = unit.segment.text, unit.widen()
    spans = join_known_parts(unit, spans, memory)
    hiding = find_hiding(unit, spans)
    known = [(span, one) for span in spans if span not in hiding and (one := memory.find_equal(text[slice(*span)]))]
    invented = {span: tag for span, one in known if (tag := find_invented_tag(text, one.target))}
    note = describe_invented(next(iter(invented.values()))) if invented else ""
    similar = None
    if spans != [(0, len(text))] or hiding or whole.segment.marks:
        keys = dict.fromkeys((show_text(whole.segment, whole.labels), write_markup(whole)))
        matches = [match for key in keys if (match := memory.find(key)) and match.score < 100]
        similar = max(matches, key=lambda match: match.score, default=None)
    return Sentences(spans, similar, fresh=hiding.union(invented), note=note)


def find_entries(unit: Unit, memory: TranslationMemory) -> Iterator[Entry]:
    """The entries of a memory with the same source, the likest ones first: those with the same codes, then others."""
    whole = unit.widen()
    units = [whole] if whole is unit else [whole, unit]
    for one in units:
        if coded := memory.find_coded(write_markup(one)):
            yield Entry(one, coded.match, coded.target, coded.source)
    for one in units:
        markup = write_markup(one)
        keys = (show_text(one.segment, one.labels), write_tags(one.segment, name_tags(one)), markup)
        found = [match for key in (*keys, re.sub(" (<br)", r"\1", markup)) if (match := memory.find_equal(key))]
        bare = memory.find_equal(one.segment.text)
        if found or (bare and bare.source in memory.parts):
            match = found[0] if found else bare
            assert match is not None
            yield Entry(one, match, memory.parts.get(match.source) or (match.target,), (), bool(found))


def use_entry(entry: Entry, own: Unit) -> Sentences:
    """The translation of a unit that a memory has, or a note on why it is not used. `own` is the unit without edges."""
    unit, labels = entry.unit, entry.unit.labels
    reader = TagReader(unit, [part for part in entry.source if isinstance(part, Code)])
    found = reader.read(entry.target)
    places = {mark for mark in reader.marks if is_placeholder(labels[mark.tag])}
    omitted = {mark for mark in places if mark not in reader.used} if entry.has_placeholders else set()
    if any(isinstance(part, Code) and part.key == LINE_BREAK for part in (*entry.source, *entry.target)):
        omitted |= {mark for mark in reader.line_ends if mark not in reader.used}
    kept = [mark.tag for mark in reader.used if mark in places]
    text = "".join(
        part if isinstance(part, str) else " " if is_break(labels[part.tag]) else ""
        for part in spell_out(found, labels, kept)
    )
    plain = " ".join(text.split())
    invented = find_invented_tag(unit.segment.text, plain)
    if invented or not plain:
        return Sentences([], note=describe_invented(invented) if invented else NO_TEXT)
    match = entry.match._replace(target=plain)
    before, after = (
        list(takewhile(lambda part: isinstance(part, str) or part not in {*reader.used, *omitted}, edge))
        for edge in ((own.edges.before, own.edges.after[::-1]) if unit is not own else ((), ()))
    )
    try:
        placed = reader.join([*before, *strip_parts(found), *after[::-1]], omitted)
    except DataError as error:
        is_tried = any(mark not in places for mark in reader.used)
        begin = plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"
        note = f'the tags of the memory\'s translation "{begin}" are placed anew, because {error}' if is_tried else ""
        text_tags = {*kept, *(mark.tag for mark in omitted)}
        kept += [tag for tag in text_tags.difference(kept) if labels[tag] in plain]  # whose parts it has as tags
        parts = list(spell_out(unit.segment.split(), labels, text_tags))
        spelled = replace(unit, segment=Segment.join(parts), edges=NO_EDGES, markup=(), parts=())
        whole = [(0, len(spelled.segment.text))]
        return Sentences(whole, known=match, note=note, unit=unit, spelled=spelled, kept=kept)
    if unit is own or (len(before), len(after)) == (len(own.edges.before), len(own.edges.after)):
        placed = Segment.join(strip_parts(found))
        unit = own
    else:
        placed = replace(placed, is_whole=True)
    known = match._replace(target=" ".join(show_text(placed, labels).split()))
    return Sentences([(0, len(unit.segment.text))], known=known, placed=placed, unit=unit)


def strip_parts(parts: Iterable[str | Mark]) -> list[str | Mark]:
    """The parts of a translation without blanks at its ends."""
    found = [part for part in parts if part]
    for place, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if found and isinstance(part := found[place], str):
            found[place] = strip(part)
    return [part for part in found if part]


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


def describe_invented(tag: str) -> str:
    """A note on a translation that is not used."""
    return f"the memory's translation is not used, because {tag} in it is no tag of the segment"


def require_fresh(request: str | Request) -> FreshRequest:
    """The request, for which no memory is used."""
    return FreshRequest(request) if isinstance(request, str) else FreshRequest(**vars(request))
