"""XML of any kind, such as DocBook, DITA and strings of Android, by rules or by where its text is."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence

from nmt.documents.breaks import divide_string, find_dividing_ends
from nmt.documents.document import (
    InlineUnit,
    Kind,
    Languages,
    Lines,
    Splice,
    Token,
    Unit,
    describe_declared,
    describe_foreign,
)
from nmt.documents.encoding import decode_document
from nmt.documents.escaped import find_escaped_tags
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.its import apply_its
from nmt.documents.labels import LINE_END, label_element
from nmt.documents.markup import InnerText, escape, read_attribute, replace_markup, write_markup
from nmt.documents.placeholders import PLACEHOLDER, describe_messages, find_messages, keep_parts, keep_spans
from nmt.documents.segment import Segment
from nmt.documents.xml_events import DECLARED, XmlEvents, read_events
from nmt.documents.xml_lines import divide_lines, find_line_ends, split_lines
from nmt.documents.xml_rules import ALL_TEXT, Layout, XmlRules, has_element
from nmt.text.languages import format_language, is_other_language, is_own_language
from nmt.text.units import Span

ATTRIBUTE = re.compile(r"""([^\s=/<>"']+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
TRANSLATED = {  # by the attribute that marks it, and its value
    ("translate", "no"): False,
    ("translate", "yes"): True,
    ("its:translate", "no"): False,
    ("its:translate", "yes"): True,
    ("translatable", "false"): False,
    ("translatable", "true"): True,
}
PROGRAMS = frozenset(("script", "style"))  # the elements of pages and drawings that have no text
WITH_PROGRAMS = {"http://www.w3.org/1999/xhtml": "html", "http://www.w3.org/2000/svg": "svg"}  # namespaces and roots
CDATA, CDATA_END = "<![CDATA[", "]]>"


class Structure:
    """Which elements of a document are inside text, by the numbers of their start events.

    Those that are nested have a text of their own, and are a tag of the one around them.
    """

    def __init__(self, events: XmlEvents, rules: XmlRules) -> None:
        self.events = events
        children = array("i", bytes(4 * len(events)))  # the number of elements in each
        has_text = bytearray(len(events))
        for number, (kind, parent) in enumerate(zip(events.kinds, events.parents, strict=True)):
            if parent < 0:
                continue
            if kind == "start":
                children[parent] += 1
            elif kind == "text" and not has_text[parent]:
                has_text[parent] = not events.read_text(number).isspace()
        self.is_inline = bytearray(len(events))
        self.is_nested = bytearray(len(events))
        self.layouts: dict[tuple[str, str], Layout | None] = {}  # by the name and the parent's name
        for number, (kind, parent) in enumerate(zip(events.kinds, events.parents, strict=True)):
            if kind != "start":
                continue
            named = self.name_element(number)
            if named not in self.layouts:
                self.layouts[named] = rules.find_layout(*named)
            layout = self.layouts[named]
            if layout is None and parent >= 0:
                layout = "inline" if has_text[parent] or (self.is_inline[parent] and children[parent] == 1) else None
            self.is_inline[number] = layout == "inline"
            self.is_nested[number] = layout == "nested"

    def name_element(self, number: int) -> tuple[str, str]:
        """The name of an element, and of the one that it is in; that is empty of the root."""
        parent = self.events.parents[number]
        return self.events.names[number], self.events.names[parent] if parent >= 0 else ""


class XmlDocument:
    """Text between block elements is a unit, and so are the attributes that rules name.

    The units of a nested element come before the one around it, of which the element is an unpaired tag.

    Elements with translate="no", its:translate="no" or translatable="false" stay as they are, but for those inside that
    have "yes" or "true", which are like nested ones. So do elements whose xml:lang, or `lang` in DocBook 4, is another
    language than those of the source and of the whole document. So does a CDATA section
    beside other text; the text of one that is alone in its element is translated. The language of the whole document,
    if it is that of the source, becomes that of the target. Rules of ITS in the document count more than those of its
    vocabulary. Styles and scripts of XHTML and SVG stay as they are, unless rules name them.
    """

    def __init__(
        self,
        content: bytes,
        name: str,
        languages: Languages,
        rules: XmlRules = ALL_TEXT,
        vocabulary: XmlRules = ALL_TEXT,
    ) -> None:
        """`name` is what messages call the file. `rules` extend those of its vocabulary.

        Raises DataError for what is not XML, or may be an attack.
        """
        declared = DECLARED.match(content)
        self.decoded = decode_document(content, name, declared[1].decode() if declared else None)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        self.language = languages.source
        self.foreign: list[str] = []  # the language of each part that stays as it is because of that
        self.messages: list[str] = []  # of ICU
        self.events = read_events(self.decoded.text, name)
        self.lines = Lines(self.decoded.text)
        vocabulary, notes = apply_its(self.events, vocabulary, self.lines, name)
        self.notes = [*self.notes, *notes]
        self.rules = vocabulary.extend(rules)
        self.structure = Structure(self.events, self.rules)
        self.marked = [one for one in sorted(self.events.attributes) if self.read_mark(one)]
        self.run: list[Token] = []
        self.line_ends: list[Span] = []  # in the run, where they are content
        self.outer: list[tuple[list[Token], list[Span]]] = []  # the runs around each nested element that is open
        self.texts: list[InlineUnit] = []
        self.attributes: list[InnerText] = []
        self.lone_sections: list[Span] = []  # the texts of CDATA sections that are translated
        self.declared = self.find_language(self.events.kinds.index("start")) or ""  # the language of the document
        self.divide()
        if is_other_language(self.declared, self.language):
            self.notes = [*self.notes, describe_declared(name, self.declared, self.language)]
        self.notes = [
            *self.notes,
            *describe_messages(name, self.messages),
            *describe_foreign(name, self.foreign, self.language),
        ]
        self.units: Sequence[Unit] = [*(one.text.unit for one in self.attributes), *(one.unit for one in self.texts)]
        self.languages = [Splice(*span, format_language(languages.target)) for span in self.find_own() if self.units]

    def find_own(self) -> Iterator[Span]:
        """The value that marks the whole document as of the language of the source."""
        root = self.events.kinds.index("start")
        if is_own_language(self.declared, self.language):
            for match in ATTRIBUTE.finditer(self.decoded.text, self.events.begins[root], self.events.find_end(root)):
                span = match.span(2 if match[2] is not None else 3)
                is_own = is_own_language(self.decoded.text[slice(*span)], self.language)
                if is_own and self.rules.tells_language(self.events.names[root], match[1]):
                    yield span

    def list_names(self) -> set[str]:
        """The elements and attributes that the document has, as rules name them: in each way, and always with an @."""
        found = {name for own, parent in self.structure.layouts for name in (own, f"{parent}/{own}")}
        for number, values in self.events.attributes.items():
            found.update(f"{element}@{name}" for name in values[::2] for element in ("", self.events.names[number]))
        return found

    def divide(self) -> None:
        """Divide the events into runs of text and inline tags, each of which may be a unit."""
        events = self.events
        is_read = [not self.rules.text]  # whether text is translated, in each element that is open
        is_kept = [False]  # whether it is marked as one that stays as it is
        is_foreign = [False]  # whether its language is another one
        has_lines = [False]  # whether its line ends are content
        number = 0
        while number < len(events):
            kind = events.kinds[number]
            if kind == "start":
                code = self.find_language(number)
                is_other = is_foreign[-1] if code is None else self.is_other(code)
                if is_other and not is_foreign[-1]:
                    self.foreign.append(code or "")
                is_inside = self.structure.is_inline[number] or self.structure.is_nested[number]
                is_untranslated = self.is_untranslated(number)
                if (is_untranslated and not self.has_translated(number)) or (is_other and is_inside):
                    partner = events.partners[number]
                    self.add_tag(number, events.find_end(partner), "single", number)
                    number = partner
                else:
                    keeps = is_untranslated or (is_kept[-1] and self.read_mark(number) is None)
                    if keeps != is_kept[-1] and self.structure.is_inline[number]:
                        self.structure.is_nested[number] = True
                    if not is_other and not keeps:
                        self.find_attributes(number)
                    is_kept.append(keeps)
                    is_foreign.append(is_other)
                    has_lines.append(self.has_lines(number, has_lines[-1]))
                    is_read.append(is_read[-1] or has_element(self.rules.text, *self.structure.name_element(number)))
                    if self.structure.is_nested[number]:
                        self.outer.append((self.run, self.line_ends))
                        self.run, self.line_ends = [], []
                    else:
                        is_empty = events.kinds[number + 1] == "end" and events.is_empty(number + 1)
                        self.add_tag(number, events.find_end(number), "single" if is_empty else "open", number)
            elif kind == "end":
                is_read.pop()
                is_kept.pop()
                is_foreign.pop()
                has_lines.pop()
                start = events.partners[number]
                if self.structure.is_nested[start]:
                    self.end_run()
                    self.run, self.line_ends = self.outer.pop()
                    self.add_tag(start, events.find_end(number), "single", start)
                elif not events.is_empty(number):
                    self.add_tag(number, events.find_end(number), "close", start)
            elif is_foreign[-1]:
                self.end_run()
            elif is_kept[-1]:
                pass
            elif kind == "text" and is_read[-1]:
                self.add_text(number, has_lines[-1])
            elif kind == "other" and is_read[-1]:
                number = self.add_other(number, has_lines[-1])
            number += 1
        self.end_run()

    def end_run(self) -> None:
        """End a run, which is a unit if it has text, or several if its line ends are content."""
        text = self.decoded.text
        run = find_escaped_tags(self.run, text)
        if run and not self.line_ends:
            run = keep_spans(run, text, find_dividing_ends(text, run[0].begin, run[-1].end, beside_tags=False))
        for part in split_lines(keep_spans(run, text, self.line_ends), text) if self.line_ends else [run]:
            tokens = keep_parts(part, text, PLACEHOLDER)
            self.messages += find_messages(tokens)
            if unit := build_inline_unit(tokens, self.lines):
                self.texts.append(divide_string(divide_lines(unit), text))
        self.run, self.line_ends = [], []

    def find_language(self, number: int) -> str | None:
        """The language that an element is marked with."""
        attributes, name = self.events.read_attributes(number), self.events.names[number]
        own = (value for key, value in attributes.items() if key != "xml:lang" and self.rules.tells_language(name, key))
        return attributes.get("xml:lang", next(own, None))

    def is_other(self, code: str) -> bool:
        """Whether a language is another one than those of the source and of the document."""
        return is_other_language(code, self.language) and is_other_language(code, self.declared or self.language)

    def has_lines(self, number: int, is_around: bool) -> bool:
        """Whether the line ends in an element are content; `is_around` tells whether those around it are."""
        space = self.events.read_attributes(number).get("xml:space")
        if space in ("default", "preserve"):
            return space == "preserve"
        return is_around or has_element(self.rules.lines, *self.structure.name_element(number))

    def read_mark(self, number: int) -> bool | None:
        """Whether an element is marked as to be translated; None without a mark of its own."""
        marked = [TRANSLATED[one] for one in self.events.read_attributes(number).items() if one in TRANSLATED]
        return all(marked) if marked else None

    def has_translated(self, number: int) -> bool:
        """Whether an element inside another one is marked as to be translated."""
        first = bisect_right(self.marked, number)
        return first < len(self.marked) and self.marked[first] < self.events.partners[number]

    def is_untranslated(self, number: int) -> bool:
        """Whether an element stays as it is, but for what is marked in it. A mark of its own counts more than rules."""
        mark = self.read_mark(number)
        if mark is not None:
            return not mark
        named = self.structure.name_element(number)
        return has_element(self.rules.untranslated, *named) or (
            named[0] in PROGRAMS and self.structure.layouts[named] is None and self.is_program(number)
        )

    def is_program(self, number: int) -> bool:
        """Whether a style or a script is of XHTML or SVG, by its namespace, or without one by an element around it."""
        namespace = self.events.find_namespace(number)
        if namespace is not None:
            return namespace in WITH_PROGRAMS
        while number >= 0 and self.events.names[number] not in WITH_PROGRAMS.values():
            number = self.events.parents[number]
        return number >= 0

    def add_tag(self, number: int, end: int, kind: Kind, start: int) -> None:
        """Add a tag of the element that begins at event `start` to a run, or begin a new run."""
        name, begin = self.events.names[start], self.events.begins[number]
        if self.structure.is_nested[start]:
            self.run.append(Token(kind, begin, end, f"<{name}>", f"{start}"))
        elif self.structure.is_inline[start]:
            is_whole = kind == "single" and end > self.events.find_end(number)
            label = label_element(name, self.decoded.text[begin:end]) if is_whole else f"<{name}>"
            self.run.append(Token(kind, begin, end, label, f"{start}"))
        else:
            self.end_run()

    def add_text(self, number: int, has_lines: bool) -> None:
        """Add text to a run."""
        events, original = self.events, self.decoded.text
        begin, end, text = events.begins[number], events.find_end(number), events.read_text(number)
        if has_lines and events.kinds[number - 1] != "text":
            last = number
            while events.kinds[last + 1] == "text":
                last += 1
            self.line_ends += find_line_ends(original, begin, events.find_end(last))
        if has_lines and text == "\n" and not original[begin:end].isspace():  # a reference
            self.run.append(Token("single", begin, end, LINE_END, is_break=True))
        else:
            text = "\r\n" if original[begin:end] == "\r\n" else text
            self.run.append(Token("text", begin, end, text))

    def add_other(self, number: int, has_lines: bool) -> int:
        """Add a comment, an instruction or a CDATA section to a run. -> the number of its last event"""
        events, text = self.events, self.decoded.text
        begin, end = events.begins[number], events.find_end(number)
        if not text.startswith(CDATA, begin):
            self.run.append(Token("single", begin, end, text[begin : min(end, begin + 20)]))
            return number
        last = number + 1
        while events.kinds[last] == "text":
            last += 1
        if events.kinds[number - 1] == "start" and events.kinds[last + 1] == "end":
            self.lone_sections.append((end, events.begins[last]))
            for one in range(number + 1, last):
                self.add_text(one, has_lines)
        else:
            self.run.append(Token("single", begin, events.find_end(last), "CDATA"))
        return last

    def find_attributes(self, number: int) -> None:
        """Add the attributes of a start tag that people read, by the rules, to the units."""
        if not self.rules.attributes:
            return
        name, values = self.events.names[number], self.events.read_attributes(number)
        begin, end = self.events.begins[number], self.events.find_end(number)
        for match in ATTRIBUTE.finditer(self.decoded.text, begin, end) if values else ():
            if self.rules.is_read(name, match[1]):
                span = match.span(2 if match[2] is not None else 3)
                self.attributes += read_attribute(self.decoded.text, span, self.lines, PLACEHOLDER)

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. Characters that the encoding does not have become references."""
        parts = self.decoded.text, self.attributes, self.texts
        return write_markup(self.decoded, replace_markup(*parts, translations, self.languages, self.choose_escape))

    def choose_escape(self, inline: InlineUnit) -> Callable[[str, str], str]:
        """What writes the text of a unit: as that of a CDATA section, if it is in one."""
        number = bisect_right(self.lone_sections, (inline.begin, len(self.decoded.text))) - 1
        is_section = number >= 0 and inline.end <= self.lone_sections[number][1]
        return escape_section if is_section else escape


def escape_section(text: str, original: str) -> str:
    """A text as content of a CDATA section."""
    return text.replace(CDATA_END, f"]]{CDATA_END}{CDATA}>")
