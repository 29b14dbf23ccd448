"""What a translation memory has for a whole unit of a document, with tags where a person has placed them."""

from typing import NamedTuple

from nmt.documents.document import Unit
from nmt.documents.segment import Segment
from nmt.documents.tag_names import drop_tags, find_invented_tag, name_tags, read_tags, split_names, write_tags
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
    """
    text = unit.segment.text
    whole = [(0, len(text))]
    tags = name_tags(unit)
    match = memory.find_equal(text) or memory.find_equal(write_tags(unit.segment, tags))
    if match is None:
        known = [(span, one) for span in spans if (one := memory.find_equal(text[slice(*span)]))]
        invented = {span: tag for span, one in known if (tag := find_invented_tag(text, one.target))}
        note = describe_invented(next(iter(invented.values()))) if invented else ""
        similar = None if spans == whole else memory.find(text)
        return Sentences(spans, similar, fresh=frozenset(invented), note=note)
    names = {one for name in tags for one in name if one}
    parts = memory.parts.get(match.source) or tuple(split_names(match.target, tags))
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
            shown = plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}…"
            note = f'the tags of the memory\'s translation "{shown}" are placed anew, because {error}'
            return Sentences(whole, known=match._replace(target=plain), note=note)
        return Sentences(whole, known=match._replace(target=placed.text), placed=placed)
    return Sentences(whole, known=match._replace(target=plain))


def describe_invented(tag: str) -> str:
    """A note on a translation that is not used."""
    return f"the memory's translation is not used, because {tag} in it is no tag of the segment"


def require_fresh(request: str | Request) -> FreshRequest:
    """The request, for which no memory is used."""
    return FreshRequest(request) if isinstance(request, str) else FreshRequest(**vars(request))
