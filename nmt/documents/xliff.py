"""XLIFF 1.2 and 2, the files of translators' tools."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from nmt.documents.document import InlineUnit, Kind, Languages, Lines, Splice, Splices, Token, Unit, build_inline_unit
from nmt.documents.encoding import decode_document
from nmt.documents.segment import Segment
from nmt.documents.xml_events import DECLARED, XmlEvent, pair_elements, read_events
from nmt.errors import DataError
from nmt.text.languages import get_primary_language

PAIRED = frozenset(("g", "mrk", "pc"))
OPENING = {
    "bpt": ("rid", "id"),
    "bx": ("rid", "id"),
    "sc": ("id",),
    "sm": ("id",),
}  # by which attribute they are paired
CLOSING = {"ept": ("rid", "id"), "ex": ("rid", "id"), "ec": ("startRef",), "em": ("startRef",)}
EMPTY_STATES = frozenset(("new", "needs-translation", "initial"))  # of targets that are to be translated
BLANKS_BEFORE = re.compile(r"\s*\Z")


class Slot(NamedTuple):
    """A segment of the file: its source, and where its translation is written.

    `owner` is the element that has the state of the translation, `before` what the target comes after.
    """

    inline: InlineUnit
    source: range  # events between the source's tags
    owner: int
    before: int
    target: int | None


class XliffDocument:
    """A file of segments. Those without a translation, or with one to be made again, are units.

    Ours have the state "needs-review-translation" with the qualifier "mt-suggestion" in XLIFF 1.2, and "translated" in
    XLIFF 2. Other translations, and what is marked translate="no", stay as they are.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the file. Raises DataError for what is not XLIFF, or of other languages."""
        declared = DECLARED.match(content)
        self.decoded = decode_document(content, name, declared[1].decode() if declared else None)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        self.languages = languages
        self.events = read_events(self.decoded.text, name)
        self.partners = pair_elements(self.events)
        self.root = next(number for number, event in enumerate(self.events) if event.kind == "start")
        if self.events[self.root].name != "xliff":
            raise DataError(f"{name} is not XLIFF: its first element is <{self.events[self.root].name}>, not <xliff>")
        self.is_version_2 = self.events[self.root].attributes.get("version", "").startswith("2")
        lines = Lines(self.decoded.text)
        self.check_languages(name, lines)
        self.slots = [slot for number in self.list_owners() if (slot := self.make_slot(number, lines))]
        self.units: Sequence[Unit] = [slot.inline.unit for slot in self.slots]

    def check_languages(self, name: str, lines: Lines) -> None:
        """Raise DataError if the file is of other languages than the translator."""
        for event in self.events:
            if event.kind == "start" and event.name in ("file", "xliff"):
                own = [
                    next((event.attributes[one] for one in names if one in event.attributes), "")
                    for names in (("source-language", "srcLang"), ("target-language", "trgLang"))
                ]
                known = self.languages.source, self.languages.target
                if any(
                    one and get_primary_language(one) != get_primary_language(two)
                    for one, two in zip(own, known, strict=True)
                ):
                    own_from, own_to = (one or "any language" for one in own)
                    raise DataError(
                        f"{name}, line {lines.find(event.begin):,}: it is from {own_from} to {own_to}, and the run "
                        f"from {known[0]} to {known[1]}\n  Use a run of its languages"
                    )

    def list_owners(self) -> list[int]:
        """The elements with a source and a target that may be translated."""
        found = []
        allowed = [True]
        for number, event in enumerate(self.events):
            if event.kind == "start":
                own = event.attributes.get("translate")
                allowed.append(own == "yes" if own in ("yes", "no") else allowed[-1])
                is_owner = event.name == ("segment" if self.is_version_2 else "trans-unit")
                if is_owner and allowed[-1] and event.attributes.get("approved") != "yes":
                    found.append(number)
            elif event.kind == "end":
                allowed.pop()
        return found

    def make_slot(self, owner: int, lines: Lines) -> Slot | None:
        """The slot of an element; None if it is translated, or there is nothing to translate."""
        children: dict[str, int] = {}
        number = owner + 1
        while number < self.partners[owner]:
            if self.events[number].kind == "start":
                children.setdefault(self.events[number].name, number)
                number = self.partners[number]
            number += 1
        source, target = children.get("source"), children.get("target")
        if source is None or (target is not None and self.is_translated(owner, target)):
            return None
        inside = range(source + 1, self.partners[source])
        inline = build_inline_unit(list(self.make_tokens(inside)), lines)
        before = children.get("seg-source", source)
        return inline and Slot(inline, inside, owner, before, target)

    def is_translated(self, owner: int, target: int) -> bool:
        """Whether a target has text, and its state is not one of text to be translated."""
        state = self.events[owner if self.is_version_2 else target].attributes.get("state")
        texts = (event.text for event in self.events[target : self.partners[target]] if event.kind == "text")
        return state not in EMPTY_STATES and any(text.strip() for text in texts)

    def make_tokens(self, inside: range) -> list[Token]:
        """The text and inline tags of a source."""
        tokens: list[Token] = []
        closing: dict[int, Token] = {}
        number = inside.start
        while number < inside.stop:
            event = self.events[number]
            if event.kind == "text":
                tokens.append(Token("text", event.begin, event.end, event.text))
            elif event.kind == "start":
                label = f"<{event.name}>"
                partner = self.partners[number]
                end = self.events[partner].end
                if event.name in PAIRED and partner > number + 1:
                    tokens.append(Token("open", event.begin, event.end, label, f"{number}"))
                    closing[partner] = Token("close", self.events[partner].begin, end, label, f"{number}")
                else:
                    keys = OPENING.get(event.name) or CLOSING.get(event.name) or ()
                    key = next((event.attributes[one] for one in keys if one in event.attributes), None)
                    kind: Kind = "single" if key is None else "open" if event.name in OPENING else "close"
                    tokens.append(Token(kind, event.begin, end, label, f"id {key}"))
                    number = partner
            elif event.kind == "end":
                tokens.append(closing[number])
            elif not self.decoded.text.startswith(("<![CDATA[", "]]>"), event.begin):
                tokens.append(Token("single", event.begin, event.end, "<!-- -->"))
            number += 1
        return tokens

    def write(self, translations: Sequence[Segment]) -> bytes:
        """See nmt.documents.document.Document. Every unit gets a target."""
        splices: list[Splice] = []
        text = self.decoded.text
        for slot, translation in zip(self.slots, translations, strict=True):
            splices += self.fill(slot, translation)
        root = self.events[self.root]
        if splices and self.is_version_2 and "trgLang" not in root.attributes:
            splices.append(self.set_attributes(root, {"trgLang": self.languages.target}))
        return self.decoded.encode(Splices(splices).apply(text), "xmlcharrefreplace")

    def fill(self, slot: Slot, translation: Segment) -> list[Splice]:
        """The target of a slot, and its state."""
        text, events = self.decoded.text, self.events
        inline, source = slot.inline, events[slot.source.start - 1]
        rendered = inline.render(translation, text, lambda part, _: escape(part), Splices([]))
        content_end = events[slot.source.stop].begin
        before = text[source.end : inline.begin].replace("<![CDATA[", "")
        content = before + rendered.text + text[inline.end : content_end].replace("]]>", "")
        tag = text[source.begin + 1 : source.end].split("source", 1)[0] + "target"  # with the prefix of the source
        state = {} if self.is_version_2 else {"state": "needs-review-translation", "state-qualifier": "mt-suggestion"}
        splices = []
        if self.is_version_2:
            splices.append(self.set_attributes(events[slot.owner], {"state": "translated"}))
        if slot.target is None:
            last = events[self.partners[slot.before]].end
            indent = BLANKS_BEFORE.search(text, max(source.begin - 200, 0), source.begin)
            start = write_start_tag(tag, state)
            return [*splices, Splice(last, last, f"{indent[0] if indent else ''}{start}{content}</{tag}>")]
        target = events[slot.target]
        start = write_start_tag(tag, {**target.attributes, **state})
        return [*splices, Splice(target.begin, events[self.partners[slot.target]].end, f"{start}{content}</{tag}>")]

    def set_attributes(self, event: XmlEvent, attributes: Mapping[str, str]) -> Splice:
        """A start tag with these attributes."""
        raw = self.decoded.text[event.begin : event.end]
        if not attributes.keys() & event.attributes.keys():
            more = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
            return Splice(event.end - 1, event.end - 1, more)  # before ">"; what is filled has content
        tag = re.split(r"[\s/>]", raw[1:], maxsplit=1)[0]
        return Splice(event.begin, event.end, write_start_tag(tag, {**event.attributes, **attributes}))


def write_start_tag(tag: str, attributes: Mapping[str, str]) -> str:
    """`<target state="new">`"""
    return f"<{tag}{''.join(f' {name}={quoteattr(value)}' for name, value in attributes.items())}>"
