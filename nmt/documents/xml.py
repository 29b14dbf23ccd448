"""XML of any kind, such as DocBook, DITA and strings of Android, by rules or by where its text is."""

import re
from collections import Counter
from collections.abc import Sequence

from nmt.documents.document import (
    InlineUnit,
    Kind,
    Languages,
    Lines,
    Splice,
    Splices,
    Token,
    Unit,
    build_inline_unit,
    describe_declared,
    describe_foreign,
    label_element,
)
from nmt.documents.encoding import decode_document
from nmt.documents.html import escape
from nmt.documents.placeholders import split_placeholders
from nmt.documents.segment import Segment
from nmt.documents.xml_events import DECLARED, XmlEvent, pair_elements, read_events
from nmt.documents.xml_rules import XmlRules, has_element
from nmt.text.languages import is_other_language
from nmt.text.units import Span

ALL_TEXT = XmlRules()
ATTRIBUTE = re.compile(r"""([^\s=/<>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
NOT_TRANSLATED = {"translate": "no", "its:translate": "no", "translatable": "false"}
CDATA, CDATA_END = "<![CDATA[", "]]>"


class Structure:
    """The parent of each element of a document, by the numbers of their start events, and which are inline."""

    def __init__(self, events: Sequence[XmlEvent], rules: XmlRules) -> None:
        self.events = events
        self.parents: dict[int, int] = {}
        self.children = Counter[int]()
        self.has_text: set[int] = set()
        opened = [-1]
        for number, event in enumerate(events):
            if event.kind == "start":
                self.parents[number] = opened[-1]
                self.children[opened[-1]] += 1
                opened.append(number)
            elif event.kind == "end":
                opened.pop()
            elif event.kind == "text" and event.text.strip():
                self.has_text.add(opened[-1])
        self.is_inline: dict[int, bool] = {-1: False}
        for number, parent in self.parents.items():
            self.is_inline[number] = self.decide_inline(number, parent, rules)

    def find_root(self) -> int:
        """The outermost element."""
        return next(number for number, parent in self.parents.items() if parent < 0)

    def decide_inline(self, number: int, parent: int, rules: XmlRules) -> bool:
        """Whether an element is inside text: by the rules, or else if its parent has text, or is inline around it."""
        own = self.events[number].name, self.name_parent(number)
        if has_element(rules.text, *own):
            return False
        is_around = self.is_inline[parent] and self.children[parent] == 1
        return has_element(rules.inline, *own) or parent in self.has_text or is_around

    def name_parent(self, number: int) -> str:
        """The name of the element that an element is in; empty of the root."""
        parent = self.parents[number]
        return self.events[parent].name if parent >= 0 else ""


class XmlDocument:
    """Text between block elements is a unit, and so are the attributes that rules name.

    Elements with translate="no", its:translate="no" or translatable="false" stay as they are, and so do those whose
    xml:lang is another language than those of the source and of the whole document. So does a CDATA section
    beside other text; the text of one that is alone in its element is translated.
    """

    def __init__(self, content: bytes, name: str, languages: Languages, rules: XmlRules = ALL_TEXT) -> None:
        """`name` is what messages call the file. Raises DataError for what is not XML, or may be an attack."""
        declared = DECLARED.match(content)
        self.decoded = decode_document(content, name, declared[1].decode() if declared else None)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        self.rules = rules
        self.language = languages.source
        self.foreign: list[str] = []  # the language of each part that stays as it is because of that
        self.events = read_events(self.decoded.text, name)
        self.partners = pair_elements(self.events)
        self.structure = Structure(self.events, rules)
        self.runs: list[list[Token]] = [[]]
        self.attribute_spans: list[tuple[Span, str]] = []
        self.lone_sections: set[int] = set()  # where the texts of CDATA sections begin that are translated
        self.declared = self.find_language(self.structure.find_root()) or ""  # the language of the document
        self.divide()
        if is_other_language(self.declared, self.language):
            self.notes = [*self.notes, describe_declared(name, self.declared, self.language)]
        self.notes = [*self.notes, *describe_foreign(name, self.foreign, self.language)]
        lines = Lines(self.decoded.text)
        self.texts = [unit for run in self.runs if (unit := build_inline_unit(run, lines))]
        self.runs.clear()  # tokens take more memory than the document
        self.attributes = [
            (Unit(Segment(value), (), lines.find(span[0])), span)
            for span, value in self.attribute_spans
            if any(map(str.isalpha, value))
        ]
        self.units: Sequence[Unit] = [*(unit for unit, _ in self.attributes), *(one.unit for one in self.texts)]

    def divide(self) -> None:
        """Divide the events into runs of text and inline tags."""
        opened = [-1]
        is_read = [not self.rules.text]  # whether text is translated, in each element that is open
        is_foreign = [False]  # whether its language is another one
        number = 0
        while number < len(self.events):
            event = self.events[number]
            if event.kind == "start":
                own = event.name, self.structure.name_parent(number)
                code = self.find_language(number)
                is_other = is_foreign[-1] if code is None else self.is_other(code)
                if is_other and not is_foreign[-1]:
                    self.foreign.append(code or "")
                if self.is_untranslated(number) or (is_other and self.structure.is_inline[number]):
                    self.add_tag(number, self.events[self.partners[number]].end, "single", number)
                    number = self.partners[number]
                else:
                    if not is_other:
                        self.find_attributes(event)
                    opened.append(number)
                    is_foreign.append(is_other)
                    is_read.append(is_read[-1] or has_element(self.rules.text, *own))
                    is_empty = self.events[number + 1].kind == "end" and event.end == self.events[number + 1].end
                    self.add_tag(number, event.end, "single" if is_empty else "open", number)
            elif event.kind == "end":
                is_read.pop()
                is_foreign.pop()
                start = opened.pop()
                if event.begin < event.end:
                    self.add_tag(number, event.end, "close", start)
            elif is_foreign[-1]:
                self.runs.append([])
            elif event.kind == "text" and is_read[-1]:
                self.runs[-1] += split_placeholders(Token("text", event.begin, event.end, event.text))
            elif event.kind == "other" and is_read[-1]:
                number = self.add_other(number)
            number += 1

    def find_language(self, number: int) -> str | None:
        """The language that an element is marked with."""
        return self.events[number].attributes.get("xml:lang")

    def is_other(self, code: str) -> bool:
        """Whether a language is another one than those of the source and of the document."""
        return is_other_language(code, self.language) and is_other_language(code, self.declared or self.language)

    def is_untranslated(self, number: int) -> bool:
        """Whether an element, and all in it, stays as it is."""
        event = self.events[number]
        is_named = has_element(self.rules.untranslated, event.name, self.structure.name_parent(number))
        return is_named or any(event.attributes.get(name) == value for name, value in NOT_TRANSLATED.items())

    def add_tag(self, number: int, end: int, kind: Kind, start: int) -> None:
        """Add a tag of the element that begins at event `start` to a run, or begin a new run."""
        event = self.events[number]
        if self.structure.is_inline[start]:
            name = self.events[start].name
            is_whole = kind == "single" and end > event.end
            label = label_element(name, self.decoded.text[event.begin : end]) if is_whole else f"<{name}>"
            self.runs[-1].append(Token(kind, event.begin, end, label, f"{start}"))
        else:
            self.runs.append([])

    def add_other(self, number: int) -> int:
        """Add a comment, an instruction or a CDATA section to a run. -> the number of its last event"""
        event = self.events[number]
        if not self.decoded.text.startswith(CDATA, event.begin):
            self.runs[-1].append(
                Token("single", event.begin, event.end, self.decoded.text[event.begin : event.end][:20])
            )
            return number
        last = number + 1
        while self.events[last].kind == "text":
            last += 1
        if self.events[number - 1].kind == "start" and self.events[last + 1].kind == "end":
            self.lone_sections.add(event.end)
            texts = self.events[number + 1 : last]
            for one in texts:
                self.runs[-1] += split_placeholders(Token("text", one.begin, one.end, one.text))
        else:
            self.runs[-1].append(Token("single", event.begin, self.events[last].end, "CDATA"))
        return last

    def find_attributes(self, event: XmlEvent) -> None:
        """Note the attributes of a start tag that people read, by the rules."""
        if not self.rules.attributes:
            return
        for match in ATTRIBUTE.finditer(self.decoded.text, event.begin, event.end):
            if self.rules.is_read(event.name, match[1]) and match[1] in event.attributes:
                self.attribute_spans.append((match.span(2 if match[2] is not None else 3), event.attributes[match[1]]))

    def write(self, translations: Sequence[Segment]) -> bytes:
        """See nmt.documents.document.Document. Characters that the encoding does not have become references."""
        original, count = self.decoded.text, len(self.attributes)
        attributes = Splices(
            Splice(*span, escape(translation.text, original[slice(*span)], original[span[0] - 1]))
            for (unit, span), translation in zip(self.attributes, translations[:count], strict=True)
            if translation != unit.segment
        )
        texts = [
            self.render(one, translation, attributes)
            for one, translation in zip(self.texts, translations[count:], strict=True)
            if translation != one.unit.segment
        ]
        return self.decoded.encode(attributes.join(texts).apply(original), "xmlcharrefreplace")

    def render(self, inline: InlineUnit, translation: Segment, attributes: Splices) -> Splice:
        """The translation of a unit as XML."""
        place = self.decoded.text.rfind(CDATA, 0, inline.begin) + len(CDATA)
        if place in self.lone_sections and self.decoded.text.find(CDATA_END, place) >= inline.end:
            return inline.render(translation, self.decoded.text, escape_section, attributes)
        return inline.render(translation, self.decoded.text, escape, attributes)


def escape_section(text: str, original: str) -> str:
    """A text as content of a CDATA section."""
    return text.replace(CDATA_END, f"]]{CDATA_END}{CDATA}>")
