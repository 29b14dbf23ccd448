"""Markup and text of XML with their places, from expat, the parser in Python.

A tree of lxml would be written anew; expat tells where each thing is in the bytes, and refuses what is not XML.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from xml.parsers import expat

from nmt.errors import DataError

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)""")
MAX_DEPTH = 1000  # of elements in each other


class XmlEvent(NamedTuple):
    """Something in an XML document, from `begin` to `end` in its text. `text` is text without escapes.

    `name` has no prefix; an attribute's name has its prefix. An empty element, <br/>, is a "start" and an "end" without
    length.
    """

    kind: Literal["start", "end", "text", "other"]
    begin: int
    end: int
    name: str = ""
    attributes: Mapping[str, str] = NO_ATTRIBUTES
    text: str = ""


def read_events(text: str, name: str) -> list[XmlEvent]:
    """The events of an XML document, without its byte order mark. `name` is what messages call it.

    Raises DataError for text that is not well-formed, for entities that the document defines, which may be an attack,
    and for elements nested too deeply.
    """
    content = text.encode()
    parser = expat.ParserCreate("utf-8")
    found: list[XmlEvent] = []
    begun: tuple[Any, ...] = ()  # kind, begin, name, attributes and text of the event whose end is not known
    place, byte = 0, 0

    def add(kind: str, own: str = "", attributes: Mapping[str, str] = NO_ATTRIBUTES, data: str = "") -> None:
        nonlocal begun, place, byte
        place += len(content[byte : parser.CurrentByteIndex].decode())  # from bytes to characters
        byte = parser.CurrentByteIndex
        finish(place)
        begun = kind, place, own.rpartition(":")[2], attributes or NO_ATTRIBUTES, data

    def finish(end: int) -> None:
        if begun:
            kind, begin, *more = begun
            found.append(XmlEvent(kind, begin, end, *more))

    def refuse_entity(entity: str, *_: Any) -> None:
        raise DataError(
            f"{name}, line {parser.CurrentLineNumber:,}: it defines the entity {entity!r}, and a definition may be an "
            "attack that fills memory\n  Remove the definitions, and write what they stand for"
        )

    depth = 0

    def start(own: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise DataError(
                f"{name}, line {parser.CurrentLineNumber:,}: elements are nested more than {MAX_DEPTH} deep"
            )
        add("start", own, attributes)

    def end(own: str) -> None:
        nonlocal depth
        depth -= 1
        add("end", own)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda data: add("text", data=data)
    parser.DefaultHandler = lambda data: add("other")
    parser.EntityDeclHandler = refuse_entity
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"{name}, line {error.lineno:,}: it is not XML: {expat.ErrorString(error.code)}\n  Correct it first"
        ) from error
    finish(len(text))
    return found


def pair_elements(events: Sequence[XmlEvent]) -> dict[int, int]:
    """The number of the end of each element by the number of its start."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    for number, event in enumerate(events):
        if event.kind == "start":
            opened.append(number)
        elif event.kind == "end":
            partners[opened.pop()] = number
    return partners
