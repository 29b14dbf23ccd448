"""HTML pages. Python's own html.parser finds markup and text, and tells where they are.

It splits a page as browsers do, however broken it is, and keeps no tree that would have to be written anew. A parser
that builds a tree (lxml, html5lib, selectolax) cannot give the page back as it was. tree-sitter, which has places, too,
takes `a < b` for a tag.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from html.parser import HTMLParser, attrfind_tolerant, tagfind_tolerant  # type: ignore[attr-defined]
from typing import Any, Literal, NamedTuple

from nmt.documents.document import (
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
from nmt.documents.segment import Segment
from nmt.text.languages import is_other_language
from nmt.text.units import Span


def names(text: str) -> frozenset[str]:
    """The names between blanks."""
    return frozenset(text.split())


INLINE = names(
    "a abbr acronym b bdi bdo big br cite data del dfn em font i img input ins label mark nobr q rb rp rt ruby s small "
    "span strike strong sub sup time tt u wbr"
)
INLINE_UNTRANSLATED = names("code kbd samp var svg math audio video canvas iframe object")
UNTRANSLATED = names("script style pre textarea template noscript")
VOID = names("area base br col embed hr img input link meta param source track wbr")
PHRASES = INLINE | names("code kbd samp var")  # do not contain block elements
IN_PARAGRAPHS = names(  # may be inside <p>, although they end the text before them
    "button select optgroup option textarea output progress meter datalist map picture slot template script style "
    "noscript"
)
CLOSED_BY_NEXT = names("p li dt dd tr td th option")  # their end tags may be left out
READ = names("alt title placeholder aria-label aria-description summary")
READ_IN = {  # attributes that people read in some elements, by another attribute and its values
    "meta": ("content", ("name", "property"), names("description keywords og:title og:description")),
    "input": ("value", ("type",), names("button submit reset")),
}
DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);?")


class HtmlDocument:
    """A page. The texts between block elements are units, and so are the attributes that people read.

    An element that is not translated, such as <code>, is an unpaired tag of the text around it. What is marked as of
    another language than the source, by `lang`, stays as it is.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the page. Raises DataError for bytes in no declared or usual encoding."""
        declared = DECLARED.search(content[:4096])
        self.decoded = decode_document(content, name, declared[1].decode() if declared else None, ["windows-1252"])
        self.notes = [self.decoded.note] if self.decoded.note else []
        text = self.decoded.text
        lines = Lines(text)
        finder = Finder(text, lines, languages.source)
        self.notes += finder.describe_languages(name)
        self.texts = [unit for run in finder.runs if (unit := build_inline_unit(run, lines))]
        self.attributes = [
            (Unit(Segment(value), (), lines.find(span[0])), span)
            for span in finder.attributes
            if any(map(str.isalpha, value := unescape(text[slice(*span)])))
        ]
        self.units: Sequence[Unit] = [*(unit for unit, _ in self.attributes), *(one.unit for one in self.texts)]

    def write(self, translations: Sequence[Segment]) -> bytes:
        """See nmt.documents.document.Document. Characters that the encoding does not have become references."""
        original, count = self.decoded.text, len(self.attributes)
        attributes = Splices(
            Splice(*span, escape(translation.text, original[slice(*span)], original[span[0] - 1]))
            for (unit, span), translation in zip(self.attributes, translations[:count], strict=True)
            if translation != unit.segment
        )
        texts = [
            one.render(translation, original, escape, attributes)
            for one, translation in zip(self.texts, translations[count:], strict=True)
            if translation != one.unit.segment
        ]
        written = attributes.join(texts).apply(original)
        return self.decoded.encode(written, "xmlcharrefreplace")


def escape(text: str, original: str, quote: str = "") -> str:
    """A text as HTML; with `quote`, the character before it, as the value of an attribute.

    Characters that the original has as references, such as &nbsp; or &quot;, are written in the same way.
    """
    written: dict[str, str | int | None] = {}
    for reference in REFERENCE.findall(original):
        if len(character := unescape(reference)) == 1 and not character.isalnum():
            written[character] = reference
    written |= {"&": "&amp;", "<": "&lt;", ">": written.get(">", ">" if ">" in original else "&gt;")}
    if quote in ("'", '"'):
        written[quote] = {"'": "&#39;", '"': "&quot;"}[quote]
    elif quote:  # a value without quotation marks ends at these
        written |= {one: f"&#{ord(one)};" for one in " \t\n\r\f\"'=`>"}
    return text.translate(str.maketrans(written))


class Event(NamedTuple):
    """What the parser found at a place."""

    kind: Literal["start", "empty", "end", "text", "other", "declaration"]
    begin: int
    name: str
    attributes: Mapping[str, str | None]


class Skip(NamedTuple):
    """An element that is not translated and is open; `depth` counts it and those of the same name in it."""

    event: Event
    depth: int = 1


class Finder(HTMLParser):
    """Finds the runs of text and inline tags in a page, and the attributes that people read."""

    def __init__(self, text: str, lines: Lines, language: str = "", is_fragment: bool = False) -> None:
        """Of a fragment all is one run, in which elements are inline.

        What is marked as of another language than `language`, if that is given, stays as it is; but the language that a
        whole page is marked with is that of its text. In a fragment nothing else stays untranslated.
        """
        super().__init__(convert_charrefs=False)
        self.text = text
        self.lines = lines
        self.language = language
        self.declared = ""  # the language of the page
        self.foreign: list[str] = []  # of each part that stays as it is because of its language
        self.is_fragment = is_fragment
        self.events: list[Event] = []
        self.runs: list[list[Token]] = [[]]
        self.attributes: list[Span] = []
        self.skip: Skip | None = None
        end = text.rfind(">") + 1  # the parser takes time by the square of what is after it, where there is no markup
        self.feed(text[:end])
        self.close()
        if end < len(text):
            self.events.append(Event("text", end, "", {}))
        self.divide()

    def divide(self) -> None:
        """Divide the events into runs at block elements."""
        ends = [*(event.begin for event in self.events[1:]), len(self.text)][: len(self.events)]
        pending = ""  # the language of a part without a letter so far
        for event, end, code in zip(self.events, ends, list(self.find_foreign()), strict=True):
            if self.skip is not None and self.is_skipped(self.skip, event, end):
                continue
            if code is None:
                self.add(event, end)
                continue
            self.runs.append([])
            pending = code or pending
            if pending and event.kind == "text" and any(map(str.isalpha, self.text[event.begin : end])):
                self.foreign.append(pending)
                pending = ""
        if self.skip is not None:
            self.end_skip(self.skip, len(self.text))

    def find_foreign(self) -> Iterator[str | None]:
        """For each event the language of the block elements around it, if it is another one; "" inside such."""
        opened: list[tuple[str, str | None]] = [("", None)]
        for event in self.events:
            is_block_start = event.kind == "start" and event.name not in VOID and is_block(event)
            if self.is_fragment or not (is_block_start or event.kind == "end"):
                yield opened[-1][1] and ""
            elif is_block_start:
                while is_closed_before(opened[-1][0], event.name):
                    opened.pop()
                outer, code = opened[-1][1], read_language(event)
                if code and event.name in ("html", "body"):
                    self.declared = code
                code = outer if code is None else code if self.is_other(code) else None
                opened.append((event.name, code))
                yield code if outer is None else code and ""
            else:
                yield opened[-1][1] and ""
                if any(name == event.name for name, _ in opened):
                    while opened.pop()[0] != event.name:
                        pass

    def is_other(self, code: str | None) -> bool:
        """Whether a language is another one than those of the source and of the page."""
        known = [one for one in (self.language, self.declared) if one]
        return code is not None and known != [] and all(is_other_language(code, one) for one in known)

    def describe_languages(self, name: str) -> list[str]:
        """Notes on the language of the page that messages call `name`, and on what stays as it is in it."""
        is_other = is_other_language(self.declared, self.language)
        declared = [describe_declared(name, self.declared, self.language)] if is_other else []
        return declared + describe_foreign(name, self.foreign, self.language)

    def note_event(self, kind: Any, name: str = "", attributes: Any = ()) -> None:
        """Keep an event that the parser reports, with its place."""
        line, column = self.getpos()
        place = self.lines.begins[line - 1] + column
        self.events.append(Event(kind, place, name, dict(attributes)))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.note_event("start", tag, attrs)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.note_event("empty", tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self.note_event("end", tag)

    def handle_data(self, data: str) -> None:
        self.note_event("text")

    def handle_entityref(self, name: str) -> None:
        self.note_event("text")

    def handle_charref(self, name: str) -> None:
        self.note_event("text")

    def handle_comment(self, data: str) -> None:
        self.note_event("other")

    def handle_pi(self, data: str) -> None:
        self.note_event("other")

    def handle_decl(self, decl: str) -> None:
        self.note_event("declaration")

    def unknown_decl(self, data: str) -> None:
        self.note_event("other")

    def add(self, event: Event, end: int) -> None:
        """Add an event, which lasts until `end`, to the run that it belongs to."""
        if event.kind == "text":
            self.runs[-1].append(Token("text", event.begin, end, unescape(self.text[event.begin : end])))
        elif event.kind == "other":
            self.runs[-1].append(Token("single", event.begin, end, "<!-- -->"))
        elif event.kind == "start" and (
            (is_untranslated(event) and not self.is_fragment)
            or (event.name not in VOID and self.is_other(read_language(event)))
        ):
            self.skip = Skip(event)
        else:
            if event.kind != "end" and not self.is_other(read_language(event)):
                self.attributes += find_read_attributes(self.text, event, end)
            if event.name not in INLINE and not self.is_fragment:
                self.runs.append([])
                return
            kind: Kind = "close" if event.kind == "end" else "open"
            if event.name in VOID or event.kind == "empty":
                kind = "single"
            is_break = event.name == "br"
            self.runs[-1].append(Token(kind, event.begin, end, f"<{event.name}>", event.name, is_break))

    def is_skipped(self, skip: Skip, event: Event, end: int) -> bool:
        """Whether an event belongs to an element that is not translated. The element may end with it, or before it."""
        is_same = event.name == skip.event.name
        if event.kind == "start" and is_same and event.name not in CLOSED_BY_NEXT:
            self.skip = skip._replace(depth=skip.depth + 1)
        elif event.kind == "end" and is_same:
            self.skip = skip._replace(depth=skip.depth - 1)
            if skip.depth == 1:
                self.end_skip(skip, end)
        elif (event.kind == "start" and is_same) or (skip.event.name in PHRASES and is_block(event)):
            self.end_skip(skip, event.begin)
            return False
        return True

    def end_skip(self, skip: Skip, place: int) -> None:
        """End an element that is not translated: an unpaired tag of the text around it, or the end of a run."""
        self.skip = None
        name, code = skip.event.name, read_language(skip.event)
        if code and self.is_other(code):
            self.foreign.append(code)
        if name in INLINE | INLINE_UNTRANSLATED or self.is_fragment:
            has_text = name in PHRASES
            label = label_element(name, self.text[skip.event.begin : place]) if has_text else f"<{name}>"
            self.runs[-1].append(Token("single", skip.event.begin, place, label))
        else:
            self.runs.append([])


def is_untranslated(event: Event) -> bool:
    """Whether an element, and all in it, stays as it is."""
    if event.name in INLINE_UNTRANSLATED | UNTRANSLATED:
        return True
    classes = (event.attributes.get("class") or "").split()
    is_marked = (event.attributes.get("translate") or "").lower() == "no" or "notranslate" in classes
    return is_marked and event.name not in VOID


def read_language(event: Event) -> str | None:
    """The language that an element is marked with."""
    return event.attributes.get("lang", event.attributes.get("xml:lang"))


def is_closed_before(name: str, following: str) -> bool:
    """Whether an element, whose end tag may be left out, ends where a block element begins."""
    groups = ({"dt", "dd"}, {"td", "th"}, {"tr", "td", "th"} if following == "tr" else ())
    if name == "p":
        return following not in IN_PARAGRAPHS
    return name in CLOSED_BY_NEXT and (name == following or any({name, following} <= {*group} for group in groups))


def is_block(event: Event) -> bool:
    """Whether an event ends the text before it."""
    return event.kind in ("start", "empty", "end") and event.name not in INLINE | INLINE_UNTRANSLATED


def find_read_attributes(text: str, event: Event, end: int) -> list[Span]:
    """The values in a start tag that people read. None where the tag is so broken that their places are not sure."""
    names = set(READ)
    if event.name in READ_IN:
        name, by, values = READ_IN[event.name]
        names |= {name} if any((event.attributes.get(one) or "").lower() in values for one in by) else set()
    names &= event.attributes.keys()
    if not names or (event.attributes.get("translate") or "").lower() == "no":
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
