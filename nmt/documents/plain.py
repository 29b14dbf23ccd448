"""Plain text in paragraphs, which blank lines and lines without letters or digits separate, and items of lists."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from string import ascii_lowercase, ascii_uppercase

from nmt.documents.breaks import ITEM as BREAKS_ITEM
from nmt.documents.document import InlineUnit, Languages, Lines, Splices, Token, Unit
from nmt.documents.encoding import decode_lines
from nmt.documents.inline_units import build_inline_unit
from nmt.documents.placeholders import KEPT, keep_parts
from nmt.documents.segment import Segment
from nmt.text.units import Span

BOX = r"\[[ xX_✓✔~-]?\](?:\s+|$)"  # of a task
ITEM = re.compile(rf"\s*(?:(?:[-*+•–—]|\d+[.)])\s+(?:{BOX})?|{BOX})")  # how an item begins, wherever it stands
LIST_ITEM = re.compile(  # and how one begins beside others, or where a paragraph begins
    rf"{ITEM.pattern}|{BREAKS_ITEM.pattern}|\s*(?:\(?(?:[a-zA-Z]|[ivx]+|[IVX]+|\d+)\)|[☐☑☒])\s+"
)
LETTERED_ITEM = re.compile(r"\s*([a-zA-Z])\.\s+")  # one of several whose letters follow each other
LIST_OR_LETTERED_ITEM = re.compile(rf"{LIST_ITEM.pattern}|{LETTERED_ITEM.pattern}")
LINE = re.compile("(?m)^.*$")
LINE_END = re.compile(r"[^\S\n]*\n[^\S\n]*")
KEPT_CHARACTER = "\ufffc"  # stands for each character of what stays as it is
RULE = "[-=_*~#─━═–—]"
DIVIDER = re.compile(  # a line that is blank, has only what stays, has no letters or digits, or a number between rules
    rf"(?:{ITEM.pattern})?(?:[\s{KEPT_CHARACTER}]*|(?:[^\w{KEPT_CHARACTER}]|_)*)|\s*{RULE}[\W\d_]*{RULE}\s*"
)


class TextDocument:
    """A text; its paragraphs are units. Line ends in a paragraph are blanks, so that its translation is one line.

    URLs, e-mail addresses and templates stay as they are. Lines that have nothing else, and those without letters or
    digits, such as underlines, divide a paragraph, as do the marks of items; these stay, too.
    """

    def __init__(self, content: bytes, name: str, languages: Languages) -> None:
        """`name` is what messages call the text. Raises DataError for bytes that are not UTF-8, UTF-16 or UTF-32."""
        self.decoded = decode_lines(content, name)
        self.notes: Sequence[str] = [self.decoded.note] if self.decoded.note else []
        text = self.decoded.text
        lines = Lines(text)
        self.texts: list[InlineUnit] = []
        for begin, end in find_texts(text):
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


def find_texts(text: str) -> Iterator[Span]:
    """The paragraphs and items of a text, without the marks of items and the blanks around them."""
    masked = KEPT.sub(lambda match: KEPT_CHARACTER * len(match[0]), text)  # it may have line ends
    lines = (match.span() for match in LINE.finditer(masked))
    for divides, paragraph in groupby(lines, lambda line: DIVIDER.fullmatch(masked, *line) is not None):
        for begin, end in [] if divides else split_items(masked, list(paragraph)):
            inside = text[begin:end]
            yield begin + len(inside) - len(inside.lstrip()), begin + len(inside.rstrip())


def split_items(text: str, lines: Sequence[Span]) -> Iterator[Span]:
    """The parts of a paragraph, which has these lines, between the marks of items."""
    pattern = choose_pattern(text, lines)
    is_list = sum(pattern.match(text, *line) is not None for line in lines) > 1
    begins, ends = [], []
    for number, line in enumerate(lines):
        mark = (pattern if is_list or number == 0 else ITEM).match(text, *line)
        if mark or number == 0:
            begins.append(mark.end() if mark else line[0])
            ends.append(line[0])
    yield from zip(begins, [*ends[1:], lines[-1][1]], strict=True)


def choose_pattern(text: str, lines: Sequence[Span]) -> re.Pattern[str]:
    """How items begin beside others in a paragraph: with "a." only where several letters follow each other."""
    letters = "".join(mark[1] for line in lines if (mark := LETTERED_ITEM.match(text, *line)))
    is_sequence = len(letters) > 1 and (letters in ascii_lowercase or letters in ascii_uppercase)
    return LIST_OR_LETTERED_ITEM if is_sequence else LIST_ITEM
