"""HTML pages. Python's own html.parser finds markup and text, and tells where they are.

It splits a page as browsers do, however broken it is, and keeps no tree that would have to be written anew. A parser
that builds a tree (lxml, html5lib, selectolax) cannot give the page back as it was. tree-sitter, which has places, too,
takes `a < b` for a tag.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from nmt.documents.breaks import split_at_breaks
from nmt.documents.document import InlineUnit, Kind, Languages, Lines, Token, Unit, describe_declared, describe_foreign
from nmt.documents.encoding import decode_document
from nmt.documents.html_attributes import (
    can_resume,
    find_read_attributes,
    is_marked,
    is_untranslated,
    read_language,
    read_translate,
)
from nmt.documents.html_events import Event, Scanner
from nmt.documents.html_languages import LanguageLabels
from nmt.documents.html_names import (
    CLOSED_BY_NEXT,
    CODES,
    DRAWN,
    EMBEDDED,
    HIDING,
    INLINE,
    INLINE_UNTRANSLATED,
    OBJECT,
    PHRASES,
    READINGS,
    VOID,
    WHOLE,
    is_block,
    is_closed_before,
)
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.labels import label_element
from nmt.documents.markup import InnerText, read_attribute, replace_markup, split_references, write_markup
from nmt.documents.placeholders import keep_parts
from nmt.documents.segment import Segment
from nmt.text.languages import is_other_language
from nmt.text.units import Span

DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
TITLE_END = re.compile("</title", re.IGNORECASE)
ENDS_OF_READING = {"start": READINGS, "end": frozenset(("ruby",))}
MOST_OBJECTS = 10  # inside each other; what is in more of them stays as it is
UNENDED = re.compile(r"<[!?/]?(?:--|\w+)?")


class HtmlDocument:
    """A page. The texts between block elements are units, and so are the attributes that people read and the texts of
    drawings.

    What is marked as of the source's language is marked as of the target's, and the direction of the page follows.

    An element that is not translated, such as <code>, is an unpaired tag of the text around it; what is marked in it as
    to be translated, translate="yes", has texts of its own, as in drawings. What is marked as of
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

        def take(run: Sequence[Token]) -> None:
            if unit := build_inline_unit(keep_parts(run, text), lines):
                self.texts.append(unit)

        finder = Finder(text, take, languages.source)
        self.notes += finder.describe_languages(name)
        self.notes += finder.describe_unended(name, lines)
        self.inner = [one for span in finder.attributes for one in read_attribute(text, span, lines)]
        drawn = (build_inline_unit(keep_parts(run, text), lines) for run in finder.drawn)
        self.inner += (InnerText(unit) for unit in drawn if unit)
        self.units: Sequence[Unit] = [*(one.text.unit for one in self.inner), *(one.unit for one in self.texts)]
        self.labels = list(finder.labels.replace(languages)) if self.units else []

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document. Characters that the encoding does not have become references."""
        return write_markup(
            self.decoded, replace_markup(self.decoded.text, self.inner, self.texts, translations, self.labels)
        )


class Skip(NamedTuple):
    """An element that is not translated and is open; `depth` counts it and those of the same name in it.

    `is_read` tells whether people read its attributes and, if it is embedded, what is in it.
    """

    event: Event
    depth: int = 1
    is_read: bool = False


class Outside(NamedTuple):
    """What is around a translated element in one that is not: that element, the run that it belongs to, and what takes
    that.

    The element inside is called `name`, and `block` is the open block element that it is or is in: the one with the
    number `blocks`. `depth` counts it and those of the same name in it, and `inner` those in it that are called as the
    element around it.
    """

    skip: Skip
    run: list[Token]
    take: Callable[[Sequence[Token]], object]
    name: str
    block: tuple[str, str | None]
    blocks: int
    depth: int = 1
    inner: int = 0

    def follow(self, event: Event) -> "Outside":
        """The same after a tag in the element."""
        step = {"start": 1, "end": -1}.get(event.kind, 0)
        same, outer = (step * (event.name == name) for name in (self.name, self.skip.event.name))
        return self._replace(depth=self.depth + same, inner=self.inner + outer)


class Finder:
    """Finds the runs of text and inline tags in a page, and the attributes that people read."""

    def __init__(
        self, text: str, take: Callable[[Sequence[Token]], object], language: str = "", is_fragment: bool = False
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
        self.drawn: list[list[Token]] = []  # the texts of drawings
        self.objects: list[Outside | None] = []  # the open elements that are translated, and <foreignObject>, or None
        self.is_drawing_text = False  # whether the last of them goes on
        self.labels = LanguageLabels(text, language)
        self.translated = 0  # texts and values so far
        self.skip: Skip | None = None
        hidden = Scanner(text, self.read, is_fragment).hidden
        self.unended = self.find_unended(hidden)  # where what hides all that follows begins
        for outside in self.objects[::-1]:
            self.leave_object(outside, len(text))
        self.end_run(self.skip)
        self.labels.finish(self.translated)

    def find_unended(self, hidden: int | None) -> int | None:
        """Where an element begins that does not end and hides what follows; or else `hidden`."""
        return self.skip.event.begin if self.skip and self.skip.event.name in HIDING else hidden

    def read(self, event: Event, end: int) -> None:
        """Read an event, which lasts until `end`."""
        self.labels.read(event, end, self.translated)
        code = self.find_foreign(event)
        if self.ends_marked(event):
            return
        if event.name == OBJECT and event.kind == "end" and self.objects:
            self.leave_object(self.objects.pop(), event.begin)
        if event.name == OBJECT and event.kind == "start" and self.enter_object(event, end):
            return
        if self.skip is not None and code is None and self.enter_marked(self.skip, event, end):
            return
        if self.skip is not None and self.is_skipped(self.skip, event, end):
            return
        if code is None:
            self.add(event, end)
            return
        self.end_run()
        self.pending = code or self.pending
        if self.pending and event.kind == "text" and any(map(str.isalpha, self.text[event.begin : end])):
            self.foreign.append(self.pending)
            self.pending = ""

    def enter_object(self, event: Event, end: int) -> bool:
        """Begin an object in a drawing, whose runs are texts of the drawing. -> whether it is translated"""
        is_drawn = self.skip is not None and self.skip.event.name == "svg" and self.skip.is_read
        if self.skip is None or not is_drawn or len(self.objects) >= MOST_OBJECTS:
            self.objects.append(None)
            return False
        self.enter(self.skip, event, end)
        return True

    def enter_marked(self, skip: Skip, event: Event, end: int) -> bool:
        """Begin an element that is marked as to be translated, in one that is not. -> whether the event is read"""
        is_start = event.kind in ("start", "empty") and read_translate(event) is True and not is_marked(event)
        if not (is_start and can_resume(skip.event)) or self.is_other(read_language(event)):
            return False
        if event.kind == "empty" or event.name in VOID:
            self.add_attributes(event, end)
            return True
        if is_untranslated(event) or event.name == OBJECT or len(self.objects) >= MOST_OBJECTS:
            return False
        self.enter(skip, event, end)
        return True

    def enter(self, skip: Skip, event: Event, end: int) -> None:
        """Begin an element whose text is translated, in one that is not."""
        self.add_attributes(event, end)
        self.objects.append(Outside(skip, self.run, self.take, event.name, self.opened[-1], len(self.opened)))
        self.skip, self.run, self.take = None, [], lambda run: self.drawn.append([*run])
        self.is_drawing_text = False

    def ends_marked(self, event: Event) -> bool:
        """End elements that are marked as to be translated, with an event or before it. -> whether it is their own"""
        while self.objects and (outside := self.objects[-1]) is not None and outside.name != OBJECT:
            own = outside.follow(event)
            is_inside = len(self.opened) >= own.blocks and self.opened[own.blocks - 1] is own.block
            if own.depth and own.inner >= 0 and is_inside:
                self.objects[-1] = own
                return False
            self.leave_object(self.objects.pop(), event.begin)
            if not own.depth:
                return True
        return False

    def leave_object(self, outside: Outside | None, place: int) -> None:
        """End an object in a drawing, in which an element may be open that is not translated."""
        if outside:
            self.end_run(self.skip, place)
            self.skip, self.run, self.take = outside.skip, outside.run, outside.take

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

    def describe_unended(self, name: str, lines: Lines, begin: int = 0) -> list[str]:
        """A note on what does not end and hides all that follows, in a page that is at `begin` of a document."""
        if self.unended is None:
            return []
        return [
            f'{name}, line {lines.find(begin + self.unended):,}: "{self.name_unended()}" does not end, so that '
            "browsers hide what follows: it stays as it is"
        ]

    def name_unended(self) -> str:
        """The beginning of what does not end, such as `<p`; empty if all ends."""
        shown = None if self.unended is None else UNENDED.match(self.text, self.unended)
        return shown[0] if shown else ""

    def end_run(self, skip: Skip | None = None, place: int | None = None) -> None:
        """End a run at a block element, or at the end, where an element may be open that is not translated."""
        if skip:
            self.end_skip(skip, len(self.text) if place is None else place)
        if self.run:
            for part in [self.run] if self.is_fragment else split_at_breaks(self.run):
                self.take(part)
        self.run = []

    def add(self, event: Event, end: int) -> None:
        """Add an event, which lasts until `end`, to the run that it belongs to."""
        if event.kind == "text":
            self.run += self.split_text(event, end)
        elif event.kind == "other":
            self.run.append(Token("single", event.begin, end, "<!-- -->"))
        elif event.kind == "start" and (
            (is_untranslated(event) and not self.is_fragment)
            or (event.name not in VOID and self.is_other(read_language(event)))
            or (event.name == "title" and not self.is_fragment and not TITLE_END.search(self.text, end))
        ):
            self.skip = Skip(event, is_read=not is_marked(event) and not self.is_other(read_language(event)))
            if self.skip.is_read:
                self.add_attributes(event, end)
        else:
            if event.kind != "end" and not self.is_other(read_language(event)):
                self.add_attributes(event, end)
            if event.name not in INLINE | CODES and not self.is_fragment:
                self.end_run()
                return
            kind: Kind = "close" if event.kind == "end" else "open"
            if event.name in VOID or event.kind == "empty":
                kind = "single"
            is_break = event.name == "br"
            self.run.append(Token(kind, event.begin, end, f"<{event.name}>", event.name, is_break))

    def split_text(self, event: Event, end: int) -> Iterator[Token]:
        """The tokens of text that is translated."""
        self.translated += any(map(str.isalpha, self.text[event.begin : end]))
        return split_references(self.text, event.begin, end)

    def add_attributes(self, event: Event, end: int) -> None:
        """Add the values in a start tag that people read."""
        found = find_read_attributes(self.text, event, end)
        self.attributes += found
        self.translated += len(found)

    def is_skipped(self, skip: Skip, event: Event, end: int) -> bool:
        """Whether an event belongs to an element that is not translated. The element may end with it, or before it."""
        if skip.is_read and skip.event.name in EMBEDDED:
            self.add_embedded(skip, event, end)
        is_same = event.name == skip.event.name
        if skip.event.name in READINGS and event.name in ENDS_OF_READING.get(event.kind, ()):
            self.end_skip(skip, event.begin)
            return False
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

    def add_embedded(self, skip: Skip, event: Event, end: int) -> None:
        """Add what people read of an event in a drawing or another embedded element."""
        is_start = event.kind in ("start", "empty")
        if is_start:
            self.add_attributes(event, end)
        if skip.event.name == "svg" and event.name in DRAWN:
            self.is_drawing_text = event.kind == "start"
            self.drawn += [[]] if event.kind == "start" else []
        elif self.is_drawing_text and event.kind == "text":
            self.drawn[-1] += self.split_text(event, end)
        elif self.is_drawing_text:
            kind: Kind = {"start": "open", "end": "close"}.get(event.kind, "single")  # type: ignore[assignment]
            self.drawn[-1].append(Token(kind, event.begin, end, f"<{event.name}>", event.name))

    def end_skip(self, skip: Skip, place: int) -> None:
        """End an element that is not translated: an unpaired tag of the text around it, or the end of a run."""
        self.skip = None
        self.is_drawing_text = False
        name, code = skip.event.name, read_language(skip.event)
        if code and self.is_other(code):
            self.foreign.append(code)
        if name in INLINE | INLINE_UNTRANSLATED or self.is_fragment:
            has_text = name in PHRASES - READINGS
            label = label_element(name, self.text[skip.event.begin : place]) if has_text else f"<{name}>"
            self.run.append(Token("single", skip.event.begin, place, label))
        else:
            self.end_run()


def read_fragment(text: str) -> list[Token]:
    """The text and tags of a part of a page, in which elements are inline and none stays as it is."""
    tokens: list[Token] = []
    Finder(text, tokens.extend, is_fragment=True)
    return tokens
