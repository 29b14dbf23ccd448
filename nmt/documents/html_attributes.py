"""Attributes in the start tags of HTML: which people read, what they tell of it, and where their values are."""

from collections.abc import Collection
from html import unescape
from html.parser import attrfind_tolerant, tagfind_tolerant  # type: ignore[attr-defined]

from nmt.documents.html_events import Event
from nmt.documents.html_names import CODES, INLINE_UNTRANSLATED, LABELLED, READ, READ_IN, UNTRANSLATED, VOID
from nmt.text.units import Span


def read_language(event: Event) -> str | None:
    """The language that an element is marked with."""
    return event.attributes.get("lang", event.attributes.get("xml:lang"))


def read_translate(event: Event) -> bool | None:
    """Whether an element is marked as to be translated; None where it is as what it is in."""
    value = (event.attributes["translate"] or "").lower() if "translate" in event.attributes else None
    return {"no": False, "yes": True, "": True}.get(value) if value is not None else None


def is_untranslated(event: Event) -> bool:
    """Whether an element stays as it is, but for what is marked in it."""
    if event.name in INLINE_UNTRANSLATED | UNTRANSLATED:
        return event.name not in CODES or not read_translate(event) or is_marked(event)
    return is_marked(event) and event.name not in VOID


def is_marked(event: Event) -> bool:
    """Whether an element is marked as one that stays as it is."""
    classes = (event.attributes.get("class") or "").split()
    return read_translate(event) is False or "notranslate" in classes


def can_resume(event: Event) -> bool:
    """Whether elements in one that stays as it is are translated if they are marked so."""
    return event.name in CODES or (is_marked(event) and event.name not in INLINE_UNTRANSLATED | UNTRANSLATED)


def find_read_attributes(text: str, event: Event, end: int) -> list[Span]:
    """The values in a start tag that people read."""
    names = set(READ)
    if event.name in READ_IN:
        name, by, values = READ_IN[event.name]
        names |= {name} if any((event.attributes.get(one) or "").lower() in values for one in by) else set()
    names |= {"label"} if event.name in LABELLED else set()
    names &= event.attributes.keys()
    if read_translate(event) is False:
        return []
    return find_values(text, event, end, names)


def find_values(text: str, event: Event, end: int, names: Collection[str]) -> list[Span]:
    """The values of attributes in a start tag. None where the tag is so broken that their places are not sure."""
    if not names:
        return []
    found: dict[str, Span] = {}
    place = tagfind_tolerant.match(text, event.begin + 1).end()
    while match := attrfind_tolerant.match(text, place, end):
        begin, stop = match.span(3)
        if begin < stop and text[begin] in "\"'" and text[stop - 1] == text[begin]:
            begin, stop = begin + 1, stop - 1
        found[match[1].lower()] = begin, stop  # of several the last, as in the parser's attributes
        place = match.end()
    is_sure = all(
        name in found and unescape(text[slice(*found[name])]) == (event.attributes[name] or "") for name in names
    )
    return [found[name] for name in sorted(names) if found[name][0] < found[name][1]] if is_sure else []
