"""HTML pages. Python's own html.parser finds markup and text, and tells where they are.

It splits a page as browsers do, however broken it is, and keeps no tree that would have to be written anew. A parser
that builds a tree (lxml, html5lib, selectolax) cannot give the page back as it was. tree-sitter, which has places, too,
takes `a < b` for a tag.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache
from html import unescape
from html.parser import attrfind_tolerant, tagfind_tolerant  # type: ignore[attr-defined]
from typing import NamedTuple

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
from nmt.documents.encoding import DecodedText, decode_document
from nmt.documents.html_events import Event, Scanner
from nmt.documents.segment import Segment
from nmt.text.languages import format_language, is_other_language, is_own_language
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
WHOLE = names("html body")  # whose language is that of the page
LANGUAGE = names("lang xml:lang")
READ = names("alt title placeholder aria-label aria-description summary")
READ_IN = {  # attributes that people read in some elements, by another attribute and its values
    "meta": ("content", ("name", "property"), names("description keywords og:title og:description")),
    "input": ("value", ("type",), names("button submit reset")),
}
DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);?")


class HtmlDocument:
    """A page. The texts between block elements are units, and so are the attributes that people read.

    The language of the page, if it is marked as that of the source, becomes that of the target.

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
        self.texts: list[InlineUnit] = []

        def take(run: list[Token]) -> None:
            if unit := build_inline_unit(run, lines):
                self.texts.append(unit)

        finder = Finder(text, take, languages.source)
        self.notes += finder.describe_languages(name)
        self.attributes = [
            InlineUnit(Unit(Segment(value), (), lines.find(span[0])), *span)
            for span in finder.attributes
            if any(map(str.isalpha, value := unescape(text[slice(*span)])))
        ]
        self.units: Sequence[Unit] = [one.unit for one in (*self.attributes, *self.texts)]
        self.languages = [Splice(*span, format_language(languages.target)) for span in finder.own if self.units]

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. Characters that the encoding does not have become references."""
        return write_markup(self.decoded, self.attributes, self.texts, translations, self.languages)


def write_markup(
    decoded: DecodedText,
    attributes: Sequence[InlineUnit],
    texts: Sequence[InlineUnit],
    translations: Iterable[Segment],
    others: Iterable[Splice] = (),
    choose_escape: Callable[[InlineUnit], Callable[[str, str], str]] = lambda _: escape,
) -> bytes:
    """A document with the translations of its attributes, then of its texts, where they differ from their segments.

    `others` are other replacements in its markup. `choose_escape` is what writes the translation of a text; see
    InlineUnit.render.
    """
    original, segments = decoded.text, iter(translations)
    values = (
        Splice(one.begin, one.end, escape(found.text, original[one.begin : one.end], original[one.begin - 1]))
        for one, found in zip(attributes, segments, strict=False)  # the rest are those of texts
        if found != one.unit.segment
    )
    inner = Splices([*others, *values])
    outer = [
        one.render(found, original, choose_escape(one), inner)
        for one, found in zip(texts, segments, strict=True)
        if found != one.unit.segment
    ]
    return decoded.encode(inner.join(outer).apply(original), "xmlcharrefreplace")


def escape(text: str, original: str, quote: str = "") -> str:
    """A text as HTML; with `quote`, the character before it, as the value of an attribute.

    Characters that the original has as references, such as &nbsp; or &quot;, are written in the same way.
    """
    references = dict.fromkeys(reversed(REFERENCE.findall(original)))  # of those for one character the last is written
    return text.translate(build_escapes(tuple(references), ">" in original, quote))


@lru_cache
def build_escapes(references: tuple[str, ...], has_bracket: bool, quote: str) -> dict[int, str | int | None]:
    """How characters are written in a text whose original has these references, and perhaps ">" as it is."""
    written: dict[str, str | int | None] = {}
    for reference in references:
        if len(character := unescape(reference)) == 1 and not character.isalnum():
            written.setdefault(character, reference)
    written |= {"&": "&amp;", "<": "&lt;", ">": written.get(">", ">" if has_bracket else "&gt;")}
    if quote in ("'", '"'):
        written[quote] = {"'": "&#39;", '"': "&quot;"}[quote]
    elif quote:  # a value without quotation marks ends at these
        written |= {one: f"&#{ord(one)};" for one in " \t\n\r\f\"'=`>"}
    return str.maketrans(written)


class Skip(NamedTuple):
    """An element that is not translated and is open; `depth` counts it and those of the same name in it."""

    event: Event
    depth: int = 1


class Finder:
    """Finds the runs of text and inline tags in a page, and the attributes that people read."""

    def __init__(
        self, text: str, take: Callable[[list[Token]], object], language: str = "", is_fragment: bool = False
    ) -> None:
        """`take` gets each run. Of a fragment all is one run, in which elements are inline.

        What is marked as of another language than `language`, if that is given, stays as it is; but the language that a
        whole page is marked with is that of its text. In a fragment nothing else stays untranslated.
        """
        self.text = text
        self.take = take
        self.language = language
        self.declared = ""  # the language of the page
        self.foreign: list[str] = []  # of each part that stays as it is because of its language
        self.pending = ""  # the language of such a part without a letter so far
        self.opened: list[tuple[str, str | None]] = [("", None)]  # block elements, and their language if another one
        self.is_fragment = is_fragment
        self.run: list[Token] = []
        self.attributes: list[Span] = []
        self.own: list[Span] = []  # the values that mark the page as of its language
        self.skip: Skip | None = None
        Scanner(text, self.read)
        self.end_run(self.skip)

    def read(self, event: Event, end: int) -> None:
        """Read an event, which lasts until `end`."""
        code = self.find_foreign(event)
        if self.skip is not None and self.is_skipped(self.skip, event, end):
            return
        if code is None:
            if event.kind == "start" and event.name in WHOLE and is_own_language(read_language(event), self.language):
                self.own += find_values(self.text, event, end, LANGUAGE & event.attributes.keys())
            self.add(event, end)
            return
        self.end_run()
        self.pending = code or self.pending
        if self.pending and event.kind == "text" and any(map(str.isalpha, self.text[event.begin : end])):
            self.foreign.append(self.pending)
            self.pending = ""

    def find_foreign(self, event: Event) -> str | None:
        """The language of the block elements around an event, if it is another one; "" where it began before."""
        opened = self.opened
        is_block_start = event.kind == "start" and event.name not in VOID and is_block(event)
        if self.is_fragment or not (is_block_start or event.kind == "end"):
            return opened[-1][1] and ""
        if is_block_start:
            while is_closed_before(opened[-1][0], event.name):
                opened.pop()
            outer, code = opened[-1][1], read_language(event)
            if code and event.name in WHOLE:
                self.declared = code
            code = outer if code is None else code if self.is_other(code) else None
            opened.append((event.name, code))
            return code if outer is None else code and ""
        found = opened[-1][1] and ""
        if any(name == event.name for name, _ in reversed(opened)):
            while opened.pop()[0] != event.name:
                pass
        return found

    def is_other(self, code: str | None) -> bool:
        """Whether a language is another one than those of the source and of the page."""
        known = [one for one in (self.language, self.declared) if one]
        return code is not None and known != [] and all(is_other_language(code, one) for one in known)

    def describe_languages(self, name: str) -> list[str]:
        """Notes on the language of the page that messages call `name`, and on what stays as it is in it."""
        is_other = is_other_language(self.declared, self.language)
        declared = [describe_declared(name, self.declared, self.language)] if is_other else []
        return declared + describe_foreign(name, self.foreign, self.language)

    def end_run(self, skip: Skip | None = None) -> None:
        """End a run at a block element, or at the end, where an element may be open that is not translated."""
        if skip:
            self.end_skip(skip, len(self.text))
        if self.run:
            self.take(self.run)
        self.run = []

    def add_text(self, begin: int, end: int) -> None:
        """Add text, whose references are texts of their own, to the run."""
        for match in REFERENCE.finditer(self.text, begin, end):
            if begin < match.start():
                self.run.append(Token("text", begin, match.start(), self.text[begin : match.start()]))
            self.run.append(Token("text", *match.span(), unescape(match[0])))
            begin = match.end()
        if begin < end:
            self.run.append(Token("text", begin, end, self.text[begin:end]))

    def add(self, event: Event, end: int) -> None:
        """Add an event, which lasts until `end`, to the run that it belongs to."""
        if event.kind == "text":
            self.add_text(event.begin, end)
        elif event.kind == "other":
            self.run.append(Token("single", event.begin, end, "<!-- -->"))
        elif event.kind == "start" and (
            (is_untranslated(event) and not self.is_fragment)
            or (event.name not in VOID and self.is_other(read_language(event)))
        ):
            self.skip = Skip(event)
        else:
            if event.kind != "end" and not self.is_other(read_language(event)):
                self.attributes += find_read_attributes(self.text, event, end)
            if event.name not in INLINE and not self.is_fragment:
                self.end_run()
                return
            kind: Kind = "close" if event.kind == "end" else "open"
            if event.name in VOID or event.kind == "empty":
                kind = "single"
            is_break = event.name == "br"
            self.run.append(Token(kind, event.begin, end, f"<{event.name}>", event.name, is_break))

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
            self.run.append(Token("single", skip.event.begin, place, label))
        else:
            self.end_run()


def read_fragment(text: str) -> list[Token]:
    """The text and tags of a part of a page, in which elements are inline and none stays as it is."""
    tokens: list[Token] = []
    Finder(text, tokens.extend, is_fragment=True)
    return tokens


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
    """The values in a start tag that people read."""
    names = set(READ)
    if event.name in READ_IN:
        name, by, values = READ_IN[event.name]
        names |= {name} if any((event.attributes.get(one) or "").lower() in values for one in by) else set()
    names &= event.attributes.keys()
    if (event.attributes.get("translate") or "").lower() == "no":
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
