"""Markup and text of XML with their places, from expat, the parser in Python.

A tree of lxml would be written anew; expat tells where each thing is in the bytes, and refuses what is not XML.
"""

import re
from array import array
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from xml.parsers import expat

from nmt.errors import DataError

Kind = Literal["start", "end", "text", "other"]
NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
DECLARED = re.compile(rb"""(?:\xef\xbb\xbf)?<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)""")
PREFIX = re.compile(r"<([^\s/>:]+):")  # in a start tag
MAX_DEPTH = 1000  # of elements in each other
PREDEFINED = frozenset(("amp", "apos", "gt", "lt", "quot"))  # a document may define them as they are
ESCAPED = b"&\r"  # how text begins that is not written as it is


class XmlEvent(NamedTuple):
    """Something in an XML document, from `begin` to `end` in its text. `text` is text without escapes.

    `name` has no prefix; an attribute's name has its prefix. An empty element, <br/>, is a "start" and an "end" without
    length.
    """

    kind: Kind
    begin: int
    end: int
    name: str
    attributes: Mapping[str, str]
    text: str


class XmlEvents:
    """The events of a document, by number. They are kept in columns: as objects, they would take ten times its memory.

    `parents` has the start event of the element that each start event is in, or -1, and `partners` the end event of
    each start event, and the reverse.
    """

    def __init__(self, text: str) -> None:
        self.source = text
        self.kinds: list[Kind] = []
        self.names: list[str] = []
        self.begins = array("I")
        self.parents = array("i")
        self.partners = array("i")
        self.attributes: dict[int, tuple[str, ...]] = {}  # names and values in turn
        self.unescaped: dict[int, str] = {}  # of the texts that are not written as they are

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, number: int) -> XmlEvent:
        begin, end, kind = self.begins[number], self.find_end(number), self.kinds[number]
        text = self.read_text(number) if kind == "text" else ""
        return XmlEvent(kind, begin, end, self.names[number], self.read_attributes(number), text)

    def find_end(self, number: int) -> int:
        """Where an event ends."""
        return self.begins[number + 1] if number + 1 < len(self.begins) else len(self.source)

    def is_empty(self, number: int) -> bool:
        """Whether an event has no length, as the "end" of an empty element."""
        return self.begins[number] == self.find_end(number)

    def read_text(self, number: int) -> str:
        """The text of a text event."""
        text = self.unescaped.get(number)
        return self.source[self.begins[number] : self.find_end(number)] if text is None else text

    def read_attributes(self, number: int) -> Mapping[str, str]:
        """The attributes of a start event."""
        found = self.attributes.get(number)
        return dict(zip(found[::2], found[1::2], strict=True)) if found else NO_ATTRIBUTES

    def find_namespace(self, number: int) -> str | None:
        """The namespace of the element that begins with an event; None if nothing around it declares one."""
        found = PREFIX.match(self.source, self.begins[number])
        declaration = f"xmlns:{found[1]}" if found else "xmlns"
        while number >= 0:
            attributes = self.read_attributes(number)
            if declaration in attributes:
                return attributes[declaration]
            number = self.parents[number]
        return None

    def find_starts(self, name: str) -> list[int]:
        """The start events of the elements with a name."""
        return [number for number, own in enumerate(self.names) if own == name and self.kinds[number] == "start"]


def read_events(text: str, name: str) -> XmlEvents:
    """The events of an XML document, without its byte order mark. `name` is what messages call it.

    A reference to an entity that the document defines is an event of the kind "other", and is not expanded.

    Raises DataError for text that is not well-formed, for entities that are defined by other ones or by a file, which
    may be an attack, and for elements nested too deeply.
    """
    content = text.encode()
    is_ascii = len(content) == len(text)
    parser = expat.ParserCreate("utf-8")
    parser.ordered_attributes = True
    found = XmlEvents(text)
    local_names: dict[str, str] = {}
    opened = [-1]
    place, byte = 0, 0

    def add(kind: Kind, own: str = "", partner: int = -1) -> None:
        nonlocal place, byte
        now = parser.CurrentByteIndex
        place += now - byte if is_ascii else len(content[byte:now].decode())  # from bytes to characters
        byte = now
        found.kinds.append(kind)
        found.names.append(local_names.get(own) or local_names.setdefault(own, own.rpartition(":")[2]))
        found.begins.append(place)
        found.parents.append(opened[-1])
        found.partners.append(partner)

    def start(own: str, attributes: list[str]) -> None:
        if len(opened) > MAX_DEPTH:
            raise DataError(
                f"{name}, line {parser.CurrentLineNumber:,}: elements are nested more than {MAX_DEPTH} deep"
            )
        add("start", own)
        opened.append(len(found) - 1)
        if attributes:
            found.attributes[opened[-1]] = tuple(attributes)

    def end(own: str) -> None:
        partner = opened.pop()
        found.partners[partner] = len(found)
        add("end", own, partner)

    def read_text(data: str) -> None:
        last = len(found) - 1
        is_escaped = content[parser.CurrentByteIndex] in ESCAPED
        if not is_escaped and found.kinds[last] == "text" and last not in found.unescaped:
            return  # the text before it goes on
        add("text")
        if is_escaped:
            found.unescaped[last + 1] = data

    def check_entity(entity: str, is_parameter: bool, value: str | None, *_: Any) -> None:
        if value is not None and ("&" not in value or (entity in PREDEFINED and not is_parameter)):
            return  # only references in attributes are expanded; parameter entities, not at all
        raise DataError(
            f"{name}, line {parser.CurrentLineNumber:,}: it defines the entity {entity!r} by others, or by a file, "
            "which may be an attack\n  Remove the definition, and write what it stands for"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = read_text
    parser.DefaultHandler = lambda data: add("other")
    parser.EntityDeclHandler = check_entity
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(
            f"{name}, line {error.lineno:,}: it is not XML: {expat.ErrorString(error.code)}\n  Correct it first"
        ) from error
    return found
