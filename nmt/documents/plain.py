"""Plain text in paragraphs, which blank lines separate, and items of lists."""

import re
from collections.abc import Iterable, Sequence

from nmt.documents.document import Languages, Lines, Splice, Splices, Unit
from nmt.documents.encoding import decode_document
from nmt.documents.segment import Segment

ITEM = r"(?:[-*+•–—]|\d+[.)])[^\S\n]+"  # how an item of a list begins
PARAGRAPH = re.compile(
    rf"(?m:^)[^\S\n]*(?:{ITEM})?(?P<text>\S(?:[^\n]*\S)?(?:[^\S\n]*\n[^\S\n]*(?!{ITEM})\S(?:[^\n]*\S)?)*)"
)
LINE_END = re.compile(r"[^\S\n]*\n[^\S\n]*")


class TextDocument:
    """A text; its paragraphs are units. Line ends in a paragraph are blanks, so that its translation is one line."""

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the text. Raises DataError for bytes that are not UTF-8, UTF-16 or UTF-32."""
        self.decoded = decode_document(content, name)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        text = self.decoded.text
        lines = Lines(text)
        self.spans = [match.span("text") for match in PARAGRAPH.finditer(text) if any(map(str.isalpha, match[0]))]
        self.units = [
            Unit(Segment(LINE_END.sub(" ", text[begin:end])), (), lines.find(begin)) for begin, end in self.spans
        ]

    def write(self, translations: Iterable[Segment]) -> bytes:
        """See nmt.documents.document.Document."""
        splices = [
            Splice(*span, translation.text)
            for span, unit, translation in zip(self.spans, self.units, translations, strict=True)
            if translation != unit.segment
        ]
        return self.decoded.encode(Splices(splices).apply(self.decoded.text))
