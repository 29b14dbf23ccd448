"""Line breaks in a paragraph: at which of them a text ends, because what follows is another one.

Two breaks in a row are the end of a paragraph, as in what e-mail programs and editors on web pages write. A single one
is part of a text, as in titles and addresses, unless a sentence ends before it, or items of a list begin after it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from nmt.documents.document import BLANK, Token
from nmt.documents.inline_units import pair_tokens
from nmt.documents.placeholders import is_plain
from nmt.translation.long_lines import CLOSING, SENTENCE_ENDS

NO_TEXT = "\ufffc"
COMMENT = "<!-- -->"  # the label of one
SENTENCE_END = re.compile(rf"[.!?…{SENTENCE_ENDS}][{re.escape(CLOSING)}]*\Z")
ITEM = re.compile(r"\s*(?:[-–—−*+•‣⁃◦▪▫●○■□·✓✔➤►★☆→]|\(?\d{1,2}[.)]|[a-z]\))\s+")


class Line(NamedTuple):
    """The tokens from `begin` to `end` between two breaks, and their text, with NO_TEXT for an image or the like."""

    begin: int
    end: int
    text: str

    @property
    def is_item(self) -> bool:
        """Whether the line begins as an item of a list."""
        return ITEM.match(self.text) is not None


def split_at_breaks(run: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The parts of a run of text and inline tags between the breaks that divide it, without these breaks.

    The marks of a list's items, such as "•", are left out, too. A tag around a divided text begins or ends with each of
    its parts, see close_pairs.
    """
    lines = [line for line in find_lines(run) if line.text.strip()]
    is_list = sum(line.is_item for line in lines) > 1
    ends = [
        (before.end, line.begin)
        for before, line in pairwise(lines)
        if line.begin > before.end + 1 or SENTENCE_END.search(before.text.rstrip()[-9:]) or (is_list and line.is_item)
    ]
    if not ends:
        yield run
        return
    partners = {run[number].begin: run[mark.partner].begin for number, mark in pair_tokens(run).items()}
    for begin, end in zip([0, *(begin for _, begin in ends)], [*(end for end, _ in ends), len(run)], strict=True):
        part = drop_item_mark(run[begin:end]) if is_list else run[begin:end]
        yield close_pairs(strip_blanks(part), partners)


def find_lines(run: Sequence[Token]) -> Iterator[Line]:
    """The lines of a run."""
    begin = 0
    texts: list[str] = []
    for number, token in enumerate(run):
        if token.is_break:
            yield Line(begin, number, "".join(texts))
            begin, texts = number + 1, []
        elif token.kind == "text":
            texts.append(token.text)
        elif token.kind == "single" and token.text != COMMENT:
            texts.append(NO_TEXT)
    yield Line(begin, len(run), "".join(texts))


def drop_item_mark(run: Sequence[Token]) -> Sequence[Token]:
    """A part of a run without the mark of an item with which it begins, unless a tag around the mark goes on."""
    mark = ITEM.match("".join(token.text for token in run if token.kind == "text"))
    left = mark.end() if mark else 0  # characters to leave out
    opened: list[str] = []
    number = 0
    while number < len(run) and (left or run[number].kind == "close"):
        token = run[number]
        if token.kind == "open":
            opened.append(token.name)
        elif token.kind == "close" and token.name in opened:
            opened.remove(token.name)
        elif token.kind == "text" and left < len(token.text):
            break
        elif token.kind == "text":
            left -= len(token.text)
        number += 1
    if not mark or opened or (left and not is_plain(run[number])):
        return run
    rest = run[number:]
    return [rest[0]._replace(begin=rest[0].begin + left, text=rest[0].text[left:]), *rest[1:]] if left else rest


def strip_blanks(run: Sequence[Token]) -> Sequence[Token]:
    """A part of a run without the blanks at its ends."""
    inside = [number for number, token in enumerate(run) if token.kind != "text" or token.text.strip()]
    stripped = list(run[inside[0] : inside[-1] + 1]) if inside else []
    if stripped and is_plain(first := stripped[0]):
        text = first.text.lstrip(BLANK)
        stripped[0] = first._replace(begin=first.end - len(text), text=text)
    if stripped and is_plain(last := stripped[-1]):
        text = last.text.rstrip(BLANK)
        stripped[-1] = last._replace(end=last.begin + len(text), text=text)
    return stripped


def close_pairs(part: Sequence[Token], partners: Mapping[int, int]) -> Sequence[Token]:
    """A part of a run with an empty tag where a pair that reaches out of it leaves it.

    So the pair is around the words that it is around, and not a tag somewhere between words. `partners` has where the
    other end of each tag's pair begins.
    """
    if not part:
        return part
    begin, end = part[0].begin, part[-1].end
    opening, closing = [], []
    for token in part:
        partner = partners.get(token.begin, token.begin)
        if token.kind == "close" and partner < begin:
            opening.append(token._replace(kind="open", begin=begin, end=begin))
        elif token.kind == "open" and partner >= end:
            closing.append(token._replace(kind="close", begin=end, end=end))
    return [*opening[::-1], *part, *closing[::-1]]
