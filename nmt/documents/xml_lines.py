"""Text of XML whose line ends are content, as in verse and addresses.

A line end is a tag, and so is its indentation. A run of text ends at an empty line, and where a line ends a sentence.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nmt.documents.document import InlineUnit, Token
from nmt.documents.labels import LINE_END
from nmt.text.units import Span

LINE = re.compile(r"[ \t]*\r?\n\s*")
SENTENCE_ENDS = tuple(".!?:;…。！？：；")
MOST_LINES = 20  # in a unit, whose tags are then placed in little time


def find_line_ends(text: str, begin: int, end: int) -> list[Span]:
    """Where the line ends in a part of a text are, with the blanks around them."""
    return [match.span() for match in LINE.finditer(text, begin, end)]


def split_lines(tokens: Sequence[Token], original: str) -> Iterator[list[Token]]:
    """The runs between the line ends that end one, which are in none, and in no inline element."""
    run: list[Token] = []
    depth, lines, last = 0, 0, ""
    for token in tokens:
        depth += {"open": 1, "close": -1}.get(token.kind, 0)
        last = token.text.rstrip()[-1:] or last if token.kind == "text" else last
        if token.text == LINE_END and token.kind == "single":
            lines += 1
            is_empty = original.count("\n", token.begin, token.end) > 1
            if depth <= 0 and (is_empty or last in SENTENCE_ENDS or lines >= MOST_LINES):
                yield run
                run, lines = [], 0
                continue
        run.append(token)
    yield run


def divide_lines(inline: InlineUnit) -> InlineUnit:
    """The unit with its lines, which keep their order, as parts that line ends divide."""
    unit, depth = inline.unit, 0
    if LINE_END not in unit.labels:
        return inline
    dividers = set()
    for _, (tag, side) in unit.segment.marks:
        depth += {"open": 1, "close": -1, "single": 0}[side]
        if not depth and unit.labels[tag] == LINE_END:
            dividers.add(tag)
    return inline._replace(unit=replace(unit, dividers=frozenset(dividers)))
