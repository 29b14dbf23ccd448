"""Plain text in paragraphs, which blank lines separate, and items of lists."""

import re
from collections.abc import Iterable, Iterator, Sequence

from nmt.documents.document import InlineUnit, Languages, Lines, Splices, Token, Unit
from nmt.documents.encoding import decode_lines
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.placeholders import KEPT, keep_parts
from nmt.documents.segment import Segment
from nmt.text.units import Span

ITEM = r"(?:[-*+•–—]|\d+[.)])[^\S\n]+"  # how an item of a list begins
PARAGRAPH = re.compile(
    rf"(?m:^)[^\S\n]*(?:{ITEM})?(?P<text>\S(?:[^\n]*\S)?(?:[^\S\n]*\n[^\S\n]*(?!{ITEM})\S(?:[^\n]*\S)?)*)"
)
LINE_END = re.compile(r"[^\S\n]*\n[^\S\n]*")
KEPT_LINES = re.compile(rf"(?m)^[^\S\n]*(?:(?>{KEPT.pattern})[^\S\n]*+)++$")


class TextDocument:
    """A text; its paragraphs are units. Line ends in a paragraph are blanks, so that its translation is one line.

    URLs, e-mail addresses and templates stay as they are; lines that have nothing else divide a paragraph.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the text. Raises DataError for bytes that are not UTF-8, UTF-16 or UTF-32."""
        self.decoded = decode_lines(content, name)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        text = self.decoded.text
        lines = Lines(text)
        self.texts: list[InlineUnit] = []
        for match in PARAGRAPH.finditer(text):
            for begin, end in split_lines(text, *match.span("text")):
                tokens = keep_parts([Token("text", begin, end, text[begin:end])], text)
                if unit := build_inline_unit(tokens, lines, LINE_END):
                    self.texts.append(unit)
        self.units: Sequence[Unit] = [one.unit for one in self.texts]

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document."""
        text = self.decoded.text
        splices = [
            one.render(translation, text, lambda part, _: part, Splices(()))
            for one, translation in zip(self.texts, translations, strict=True)
            if translation != one.unit.segment
        ]
        return self.decoded.encode(Splices(splices).apply(text))


def split_lines(text: str, begin: int, end: int) -> Iterator[Span]:
    """The parts of a paragraph between lines that have only what stays as it is, such as a URL."""
    for match in KEPT_LINES.finditer(text, begin, end):
        if begin < match.start():
            yield begin, match.start()
        begin = match.end()
    if begin < end:
        yield begin, end
