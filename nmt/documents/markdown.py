"""Markdown: CommonMark with the tables, footnotes and so on of GitHub.

pyromark (pulldown-cmark) finds markup and text, and tells where they are, also inside lines. markdown-it-py has the
lines of blocks alone, and by its design cannot have more.
"""

import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from html import unescape
from itertools import accumulate, chain, islice, pairwise, zip_longest
from typing import Any, NamedTuple

from nmt.documents.breaks import split_at_breaks
from nmt.documents.document import InlineUnit, Languages, Lines, Splice, Splices, Token, Unit, describe_foreign
from nmt.documents.encoding import decode_lines
from nmt.documents.html import Finder
from nmt.documents.inline_units import build_inline_unit, pair_tokens
from nmt.documents.labels import LINE_END
from nmt.documents.markdown_escapes import escape, escape_inner, replace_underscores
from nmt.documents.markdown_jsx import mask_markup
from nmt.documents.markdown_syntax import DIRECTIVE, HTML_SYNTAX, find_terms, is_own_line, split_at_syntax
from nmt.documents.markdown_tags import KeptBlocks, keep_elements, leave_out, read_tag
from nmt.documents.markup import InnerText, read_attribute, replace_markup
from nmt.documents.placeholders import keep_parts
from nmt.documents.segment import Mark, Segment
from nmt.errors import UsageError
from nmt.text.languages import format_language
from nmt.text.units import Span

try:
    import pyromark
except ImportError:  # the extra `documents` is not installed
    pyromark = None  # type: ignore[assignment, unused-ignore]

INLINE = frozenset(("Emphasis", "Strong", "Strikethrough", "Superscript", "Subscript", "Link"))
MOST_IN_LINE = 100  # tokens of a term
JOINING = "`*_~"  # markup that two elements beside each other would share
BLOCK = 256  # bytes
CONTINUING = bytes(range(0x80, 0xC0))  # bytes of UTF-8 with which no character begins
TITLE = r"""(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|\(((?:\\.|[^()\\])*)\))"""
INNER_TITLE = re.compile(rf"\s{TITLE}\s*\)\Z")
DEFINED_TITLE = re.compile(rf"(?m)^[ \t>]*\[(?:\\.|[^\]\\\n])+\]:\s*\S+\s+{TITLE}[ \t\r]*$")
SHORT_LINK = re.compile(r"\](?:\[\]|(?![\[(]))")  # the end of one whose text is the name of its target
LABEL = re.compile(r"\]\[(.*)\]\Z", re.DOTALL)


class MarkdownEvent(NamedTuple):
    """What the parser found from `begin` to `end`; `name` is that of an element, which `facts` describe."""

    kind: str  # Start, End, Text, Code, SoftBreak and so on
    name: str
    facts: Any
    begin: int
    end: int


NO_EVENT = MarkdownEvent("", "", None, 0, 0)


class MarkdownDocument:
    """Paragraphs, headings, items and cells are units, and so are the descriptions of images, titles, and the texts of
    HTML blocks.

    Code, front matter, the targets of links and the syntax of programs that extend Markdown, such as
    `:::note` and `{% if %}`, stay as they are. A translated unit is one line.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the file. Raises DataError for bytes that are not UTF-8, UTF-16 or UTF-32;
        UsageError without pyromark."""
        if pyromark is None:
            raise UsageError(f'{name} can be read with the extra documents: pip install "nmt[documents]"')
        self.decoded = decode_lines(content, name)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        self.lines = Lines(self.decoded.text)
        self.masked = mask_markup(self.decoded.text, name)  # what is parsed
        self.html: list[InlineUnit] = []  # the texts of HTML blocks
        self.html_inner: list[InnerText] = []  # what people read in tags, and in drawings
        self.inner: list[InnerText] = []  # descriptions of images, and titles
        self.titles: set[str] = set()  # of links whose targets are elsewhere
        self.code: list[Span] = []
        self.texts: list[InlineUnit] = []
        self.labels: dict[int, tuple[int, str]] = {}  # by where a link's text ends: where it begins, as it is written
        self.language, self.target = languages.source, format_language(languages.target)
        self.foreign: list[str] = []  # the language of each part that stays as it is because of that
        self.html_own: set[Span] = set()  # the values that mark elements of HTML as of the source's language
        self.kept: list[Span] = []  # elements of HTML in text that stay as they are
        self.blocks = KeptBlocks(languages.source)
        self.run: list[Token] = []
        self.name = name
        self.divide()
        self.leave_kept()
        self.add_defined_titles()
        self.notes = [*self.notes, *describe_foreign(name, self.foreign, languages.source)]
        self.units: Sequence[Unit] = [
            *(one.text.unit for one in self.html_inner),
            *(one.unit for one in self.html),
            *(one.text.unit for one in self.inner),
            *(one.unit for one in self.texts),
        ]

    def divide(self) -> None:
        """Divide the events into runs of text and inline markup, each of which may be a unit."""
        text = self.decoded.text
        html: list[Span] = []  # the lines of a block
        terms = 0  # where those of definitions end, each of which is a line
        skipped = 0  # how many elements are open in one that stays as it is
        before, *ahead = (
            NO_EVENT,
            *islice(events := read_events(self.masked), 3),
        )  # all events would take much memory
        while ahead:
            event, *after = ahead
            if skipped:
                skipped += (event.kind == "Start") - (event.kind == "End")
                if event.kind == "Html":
                    html.append((event.begin, event.end))
                elif html and not skipped:
                    self.add_html(html)
                    html = []
            elif event.kind == "Start" and event.name == "Image":
                skipped = 1
                self.add_image(event, *after)
                self.add_title(event)
                self.run.append(Token("single", event.begin, event.end, "image"))
            elif event.kind == "Start" and is_autolink(event):
                skipped = 1
                self.run.append(Token("single", event.begin, event.end, text[event.begin : event.end]))
            elif event.kind == "Start" and event.name in ("CodeBlock", "HtmlBlock", "MetadataBlock"):
                skipped = 1
                self.code += [(event.begin, event.end)] if event.name == "CodeBlock" else []
                self.end_run()
            elif event.kind in ("Start", "End") and event.name in INLINE:
                self.add_title(event)
                self.run.append(self.make_tag(event, after[0] if event.kind == "Start" else before))
            elif event.kind in ("Start", "End", "Rule", "Html"):
                terms = event.end if event.kind == "Start" and event.name == "DefinitionListTitle" else 0
                if event.kind == "Start" and event.name == "Paragraph":
                    terms = find_terms(text, event.begin, event.end)
                self.end_run()
            elif event.kind == "SoftBreak" and self.is_line_apart(event, terms):
                self.end_run()
            elif event.kind in ("Text", "SoftBreak"):
                own = event.facts if event.kind == "Text" else " "
                self.run.append(Token("text", event.begin, event.end, own))
            elif event.kind == "InlineHtml" and text[event.begin] == "<":
                self.run.append(read_tag(self.masked, event.begin, event.end, self.language))
            else:
                is_break = event.kind == "HardBreak"
                label = LINE_END if is_break else text[event.begin : event.end]
                self.run.append(Token("single", event.begin, event.end, label, is_break=is_break))
            before, ahead = event, [*after, *islice(events, 1)]
        self.end_run()

    def is_line_apart(self, event: MarkdownEvent, terms: int) -> bool:
        """Whether what is before a line end is a term, an abbreviation or a title, which do not go on after it."""
        is_apart = event.begin < terms or is_own_line(self.decoded.text, event.begin)
        if not is_apart or len(self.run) > MOST_IN_LINE:
            return False
        marks = pair_tokens(self.run).items()
        return not any(self.run[number].kind == "open" and mark.partner == number for number, mark in marks)

    def end_run(self) -> None:
        """End a run, whose parts between lines of other syntax are units, if they have text."""
        text = self.decoded.text
        run = self.keep_elements() if any(token.text.startswith("<") for token in self.run) else self.run
        parts = chain.from_iterable(map(split_at_breaks, split_at_syntax(run, text)))
        self.texts += (unit for part in parts if (unit := build_inline_unit(fill_gaps(part, text), self.lines)))
        self.run = []

    def keep_elements(self) -> list[Token]:
        """The tokens of the run, with what people read in its tags added, and elements that stay as they are joined."""
        begins = {token.begin for token in self.run if token.is_kept}
        run = keep_elements(self.run)
        for token in run:
            is_kept = token.kind == "single" and token.begin in begins
            self.kept += [(token.begin, token.end)] if is_kept else []
            if is_kept or (token.kind != "close" and token.text == f"<{token.name}>"):
                finder = self.read_page(token.begin, token.end, lambda run: None)
                self.foreign += finder.foreign if is_kept else []
        return run

    def leave_kept(self) -> None:
        """Remove texts that are in elements that stay as they are from the units."""
        blocks = self.blocks.spans
        for spans in (self.kept, blocks):
            self.inner = leave_out(self.inner, spans, lambda one: one.text.begin)
        self.html_inner = leave_out(self.html_inner, blocks, lambda one: one.text.begin)
        self.html = leave_out(self.html, blocks, lambda one: one.begin)
        self.texts = leave_out(self.texts, blocks, lambda one: one.begin)

    def make_tag(self, event: MarkdownEvent, inner: MarkdownEvent) -> Token:
        """One end of an inline element: from its beginning to that of its content, or from that's end to its own.

        `inner` is the event beside it in the element.
        """
        if event.kind == "Start":
            begin, end = event.begin, event.end if inner.kind == "End" and inner.name == event.name else inner.begin
            end -= inner.kind == "Text" and self.decoded.text[end - 1] == "\\"  # which belongs to what it escapes
            return Token("open", begin, end, event.name.lower(), event.name)
        begin = event.end if inner.kind == "Start" and inner.name == event.name else inner.end
        if event.name == "Link":
            self.labels[begin] = event.begin, " ".join(self.decoded.text[event.begin + 1 : begin].split())
        return Token("close", begin, event.end, event.name.lower(), event.name)

    def add_image(self, event: MarkdownEvent, inner: MarkdownEvent, following: MarkdownEvent) -> None:
        """Add the description of an image, which is in the events after its first, to the units if it is plain text."""
        if inner.kind == "Text" and following.kind == "End" and any(map(str.isalpha, inner.facts)):
            link = self.decoded.text[inner.end : event.end]
            if not link.startswith("](") and LABEL.match(link) is None:
                return  # its text is the name of its target
            self.add_inner(inner.facts, (inner.begin, inner.end))

    def add_inner(self, plain: str, span: Span) -> None:
        """Add a description or a title, which is `plain` without escapes, to the units."""
        original = self.decoded.text
        text: InlineUnit | None = InlineUnit(Unit(Segment(plain), (), self.lines.find(span[0])), *span)
        if original[slice(*span)] == plain:
            text = build_inline_unit(keep_parts([Token("text", *span, plain)], original), self.lines)
        self.inner += [InnerText(text, original[span[0] - 1])] if text else []

    def add_title(self, event: MarkdownEvent) -> None:
        """Add the title of a link or an image, whose first event this is, to the units if it is there."""
        title = event.facts["title"] if event.kind == "Start" and isinstance(event.facts, dict) else ""
        if not any(map(str.isalpha, title)):
            return
        if event.facts["link_type"] != "Inline":
            self.titles.add(title)
        elif (found := INNER_TITLE.search(self.decoded.text, event.begin, event.end)) is not None:
            self.add_title_at(found, {title})

    def add_defined_titles(self) -> None:
        """Add the titles that are beside the targets of links, outside the text."""
        for found in DEFINED_TITLE.finditer(self.decoded.text) if self.titles else ():
            if not any(begin <= found.end() <= end for begin, end in self.code):
                self.add_title_at(found, self.titles)

    def add_title_at(self, found: re.Match[str], known: Collection[str]) -> None:
        """Add a title that was found, if it is one of those that are known."""
        span = found.span(found.lastindex or 0)
        title = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", unescape(found[found.lastindex or 0]))
        if title in known:
            self.add_inner(title, span)

    def add_html(self, lines: Sequence[Span]) -> None:
        """Add the texts of an HTML block to the units, unless markup of Markdown is between its lines."""
        text = self.decoded.text
        if any(text[end:begin].strip() for (_, end), (begin, _) in pairwise(lines)):
            return
        place = lines[0][0]
        self.blocks.read(self.masked, place, lines[-1][1])
        runs: list[Sequence[Token]] = []
        finder = self.read_page(place, lines[-1][1], runs.append)
        self.notes = [*self.notes, *finder.describe_unended(self.name, self.lines, place)]
        self.foreign += finder.foreign
        self.html += (unit for run in runs if (unit := self.build_html(run, place)))

    def read_page(self, begin: int, end: int, take: Callable[[Sequence[Token]], object]) -> Finder:
        """Read HTML as a page: add what people read in its tags and drawings to the units. `take` gets its texts."""
        text = self.decoded.text
        finder = Finder(self.masked[begin:end], take, self.language)
        own = [*finder.labels.values, *(span for one in finder.labels.list_open() for span in one.values)]
        self.html_own |= {*self.place_values(own, begin)}
        for span in self.place_values(finder.attributes, begin):
            self.html_inner += read_attribute(text, span, self.lines)
        self.html_inner += (InnerText(unit) for run in finder.drawn if (unit := self.build_html(run, begin)))
        return finder

    def place_values(self, spans: Iterable[Span], place: int) -> Iterator[Span]:
        """The places of values in tags of HTML, which is at a place; but no expressions of JSX: `alt={title}`."""
        for first, last in spans:
            if not self.decoded.text.startswith("={", place + first - 1):
                yield place + first, place + last

    def build_html(self, run: Sequence[Token], place: int) -> InlineUnit | None:
        """The unit of a run of text in HTML, which is at a place."""
        moved = [token._replace(begin=place + token.begin, end=place + token.end) for token in run]
        return build_inline_unit(keep_parts(moved, self.decoded.text, HTML_SYNTAX), self.lines)

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document."""
        original, segments = self.decoded.text, iter(translations)
        own = (Splice(*span, self.target) for span in self.html_own if self.units)
        html = replace_markup(original, self.html_inner, self.html, segments, own)
        translated = (
            one.text.render(translation, original, partial(escape_inner, quote=one.quote), Splices(()))
            for one, translation in zip(self.inner, segments, strict=False)  # the others are those of texts
            if translation != one.text.unit.segment
        )
        inner = Splices([*html.splices, *translated])
        texts = [
            self.render(one, translation, inner)
            for one, translation in zip(self.texts, segments, strict=True)
            if translation != one.unit.segment
        ]
        labels = self.find_outer_labels(Splices(texts))
        return self.decoded.encode(Splices([*labels, *inner.join(texts).splices]).apply(original))

    def find_outer_labels(self, changed: Splices) -> Iterator[Splice]:
        """The names of targets that are the texts of links around whole units, where these are changed."""
        for place, (begin, label) in self.labels.items():
            mark = SHORT_LINK.match(self.decoded.text, place)
            inside = list(changed.find(begin, place)) if mark else []
            if mark and inside and all(splice.end <= place for splice in inside):
                yield Splice(*mark.span(), f"][{label}]")

    def render(self, inline: InlineUnit, translation: Segment, others: Splices) -> Splice:
        """The translation of a unit as Markdown."""
        inline = inline.cover(translation)
        original, spans = self.decoded.text, inline.locate_marks()
        labels = [  # of links whose text is the name of their target
            Splice(*mark.span(), f"][{self.labels[begin][1]}]")
            for begin, end in inline.spans
            if begin in self.labels and begin < end and (mark := SHORT_LINK.match(original, begin))
        ]
        inner = Splices([*others.find(inline.begin, inline.end), *labels])
        before = original[original.rfind("\n", 0, inline.begin) + 1 : inline.begin]
        begins_block = not before.strip(" \t>*+-0123456789.):")
        own = Splices(Splice(*span, "") for span in inline.spans).apply(original, inline.begin, inline.end)
        parts: list[str] = []
        written = list(translation.split())
        ended = False  # whether the part before is markup that does not go on
        for part, following in zip_longest(written, written[1:]):
            if isinstance(part, str):
                is_line = isinstance(following, Mark) and inline.unit.labels[following.tag] == LINE_END
                part = part.rstrip(" ") if is_line else part
                parts.append(escape(part, own, begins_block and not "".join(parts)))
                ended = False
                continue
            markup = replace_underscores(inner.apply(original, *spans[part]), written, part)
            joins = parts and parts[-1][-1:] == markup[:1] and markup[:1] in JOINING
            parts.append(f" {markup}" if joins and part.side != "close" and ended else markup)
            ended = part.side != "open"
        return Splice(inline.begin, inline.end, "".join(parts))


def read_events(text: str) -> Iterator[MarkdownEvent]:
    """The events of a text, with places in characters."""
    options = pyromark.Options
    chosen = (
        options.ENABLE_TABLES
        | options.ENABLE_FOOTNOTES
        | options.ENABLE_STRIKETHROUGH
        | options.ENABLE_TASKLISTS
        | options.ENABLE_HEADING_ATTRIBUTES
        | options.ENABLE_YAML_STYLE_METADATA_BLOCKS
        | options.ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        | options.ENABLE_MATH
        | options.ENABLE_GFM
    )
    if not DIRECTIVE.search(text):  # which would be read as definitions
        chosen |= options.ENABLE_DEFINITION_LIST
    places = CharacterPlaces(text.encode())
    for event, span in pyromark.events_with_range(text, options=chosen):
        kind, facts = next(iter(event.items())) if isinstance(event, dict) else (event, None)
        name, facts = next(iter(facts.items())) if isinstance(facts, dict) else (facts, facts)
        yield MarkdownEvent(kind, str(name), facts, places.find(span["start"]), places.find(span["end"]))


class CharacterPlaces:
    """Places in a text by their places in its bytes, as UTF-8."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        blocks = (self.count(begin, begin + BLOCK) for begin in range(0, len(content), BLOCK))
        self.before = array("I", accumulate(blocks, initial=0))  # the characters before each block of bytes

    def count(self, begin: int, end: int) -> int:
        """The number of characters that begin between two places."""
        return len(self.content[begin:end].translate(None, CONTINUING))

    def find(self, byte: int) -> int:
        """The number of characters before a byte."""
        block = byte // BLOCK
        return self.before[block] + self.count(block * BLOCK, byte)


def is_autolink(event: MarkdownEvent) -> bool:
    """Whether an element is a link whose text is its target."""
    return event.name == "Link" and isinstance(event.facts, dict) and event.facts["link_type"] in ("Autolink", "Email")


def fill_gaps(run: Sequence[Token], text: str) -> list[Token]:
    """The tokens of a run without gaps: what is after a line end belongs to it, and a backslash to what it escapes."""
    filled: list[Token] = []
    for token in run:
        if filled and filled[-1].end < token.begin:
            last = filled[-1]
            if text[last.end : token.begin] == "\\":
                token = token._replace(begin=last.end)
            else:
                filled[-1] = last._replace(end=token.begin)
        filled.append(token)
    if filled and filled[0].kind == "text" and text[filled[0].begin - 1 : filled[0].begin] == "\\":
        filled[0] = filled[0]._replace(begin=filled[0].begin - 1)
    return filled
