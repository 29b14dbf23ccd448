"""Line breaks in a paragraph: at which of them a text ends, because what follows is another one.

Two breaks in a row are the end of a paragraph, as in what e-mail programs and editors on web pages write. A single one
is part of a text, as in titles and addresses, unless a sentence ends before it, or items of a list begin after it.

A string of a program stays one unit, of several parts. There, sentences may end where lines do not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from nmt.documents.apart import LISTED
from nmt.documents.document import BLANK, InlineUnit, Part, Token, Unit
from nmt.documents.inline_units import pair_tokens
from nmt.documents.labels import is_break
from nmt.documents.placeholders import is_plain
from nmt.text.units import Span
from nmt.translation.long_lines import CLOSING, SENTENCE_ENDS

BLANK_LINES = re.compile(r"[ \t]*\r?\n\s*")
NO_TEXT = "\ufffc"
COMMENT = "<!-- -->"  # the label of one
SENTENCE_END = re.compile(rf"[.!?…{SENTENCE_ENDS}][{re.escape(CLOSING)}]*\Z")
LIST_BEFORE = re.compile(rf"{SENTENCE_END.pattern}|[:：]\Z")
ITEM = re.compile(r"\s*(?:[-–—−*+•‣⁃◦▪▫●○■□·✓✔➤►★☆→]|\(?\d{1,2}[.)]|[a-z]\))\s+")
BULLET = re.compile(r"\s*[*•‣⁃◦▪▫●○■□·✓✔➤►★☆→]\s+")  # of an item even where there is one alone
LINE_END = re.compile(r"\n|\\n|(?:<|&lt;|&#60;)br\b|&#(?:0*10|x0*a);", re.IGNORECASE)  # how a break is written
BLOCK = re.compile(  # a tag that begins or ends an item or a cell, or else a paragraph or the like
    r"(?:<|&lt;|&#60;)/?(?:(li|[uod]l|d[td]|t(?:able|head|body|foot|[rdh]))|p|h[1-6r]|div|blockquote|caption|pre)"
    r"(?![\w:.-])",
    re.IGNORECASE,
)


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
        yield from split_listed(run)
        return
    partners = {run[number].begin: run[mark.partner].begin for number, mark in pair_tokens(run).items()}
    for begin, end in zip([0, *(begin for _, begin in ends)], [*(end for end, _ in ends), len(run)], strict=True):
        part = drop_item_mark(run[begin:end]) if is_list else run[begin:end]
        yield from split_listed(close_pairs(strip_blanks(part), partners))


def split_listed(run: Sequence[Token]) -> Sequence[Sequence[Token]]:
    """The links of a run that is nothing but links, such as a navigation, or its labels; else the whole run.

    Links with no more than a blank between them may be one text, if one of them begins with a small letter.
    """
    if sum(token.kind == "open" and token.name in LISTED for token in run) < 2:
        return [run]
    marks = pair_tokens(run)
    elements: list[Sequence[Token]] = []
    names: set[str] = set()
    gap, number = "", 0
    while number < len(run):
        token, partner = run[number], marks[number].partner if number in marks else number
        if token.kind == "open" and token.name in LISTED and partner > number:
            element = run[number : partner + 1]
            text = "".join(one.text for one in element if one.kind == "text").strip()
            if elements and gap.isspace() and text[:1].islower():
                return [run]
            elements.append(element)
            names.add(token.name)
            gap, number = "", partner
        elif token.kind == "text":
            gap += token.text
            if any(map(str.isalpha, gap)):
                return [run]
        number += 1
    return elements if len(names) == 1 and len(elements) > 1 else [run]


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


class StringLine(NamedTuple):
    """A line of a string: its place in the text, its marks by number, and how many line ends are before it."""

    begin: int
    end: int
    first: int
    stop: int
    breaks: int


def divide_string(inline: InlineUnit, original: str) -> InlineUnit:
    """The unit of a string of a program with its paragraphs and the items of its lists as parts.

    The marks of items are in no part. A single item is one, too, if its mark is a bullet, or if the line before ends a
    sentence or announces it.
    """
    unit, text = inline.unit, inline.unit.segment.text
    lines = list(find_string_lines(inline, original))
    marks = [ITEM.match(text, one.begin, one.end) for one in lines]
    is_list = sum(mark is not None for mark in marks) > 1
    parts: list[Part] = []
    before = ""
    for line, mark in zip(lines, marks, strict=True):
        if mark and not begins_item(mark, is_list, before):
            mark = None
        if mark or line.breaks > 1 or not parts:
            parts.append(Part(mark.end() if mark else line.begin, line.end, line.first, line.stop))
        else:
            parts[-1] = parts[-1]._replace(end=line.end, stop=line.stop)
        before = text[line.begin : line.end]
    if len(parts) == 1 and parts[0].begin == 0:
        return inline
    found = (trim_marks(one, unit) for one in parts if any(map(str.isalpha, text[one.begin : one.end])))
    return inline._replace(unit=replace(unit, parts=tuple(found)))


def begins_item(mark: re.Match[str], is_list: bool, before: str) -> bool:
    """Whether what looks like the mark of an item after a text is one, and not a dash or a number at a line's begin."""
    return is_list or BULLET.match(mark[0]) is not None or LIST_BEFORE.search(before[-9:].rstrip()) is not None


def find_dividing_ends(original: str, begin: int, end: int, *, beside_tags: bool) -> list[Span]:
    """Where the line ends are that divide a string whose other line ends are blanks, with the blanks around them.

    `beside_tags` is whether blank lines before and after tags are among them: in XML they are often only its layout.
    """
    ends = [match.span() for match in BLANK_LINES.finditer(original, begin, end)]
    marks = [ITEM.match(original, place, end) for place in (begin, *(last for _, last in ends))]
    is_list = sum(mark is not None for mark in marks) > 1
    return [
        (first, last)
        for (first, last), mark in zip(ends, marks[1:], strict=True)
        if (mark and begins_item(mark, is_list, original[max(begin, first - 9) : first]))
        or (
            original.count("\n", first, last) > 1
            and (beside_tags or (original[first - 1 : first] != ">" and original[last : last + 1] != "<"))
        )
    ]


def find_string_lines(inline: InlineUnit, original: str) -> Iterator[StringLine]:
    """The lines of a string that have text, or a tag in its place.

    A tag such as <p> is as two line ends, but not where a sentence mentions it: "the <p> element".
    """
    text, marks = inline.unit.segment.text, inline.unit.segment.marks
    last = StringLine(0, 0, 0, 0, 0)
    blocks: set[int] = set()  # the pairs that divide
    for number in range(len(marks) + 1):
        is_end = number == len(marks)
        breaks = 0 if is_end else count_breaks(inline, number, original)
        if not is_end and (block := BLOCK.match(original, *inline.spans[number])):
            place, (tag, side) = marks[number]
            before = text[last.begin : place].strip()
            divides = tag in blocks if side == "close" else not before or LIST_BEFORE.search(before[-9:]) is not None
            divides = divides or (block[1] is not None and (side != "single" or bool(blocks)))
            blocks |= {tag} if divides else set()
            breaks = 2 * divides
        if not (is_end or breaks):
            continue
        end = len(text) if is_end else marks[number].place
        if text[last.begin : end].strip() or any(mark.side == "single" for _, mark in marks[last.first : number]):
            yield last._replace(end=end, stop=number)
            last = last._replace(breaks=0)
        last = StringLine(end, end, number + 1, number + 1, last.breaks + breaks)


def count_breaks(inline: InlineUnit, number: int, original: str) -> int:
    """How many line ends a mark of a string stands for."""
    is_written = is_break(inline.unit.labels[inline.unit.segment.marks[number].mark.tag])
    return len(LINE_END.findall(original, *inline.spans[number])) if is_written else 0


def trim_marks(part: Part, unit: Unit) -> Part:
    """The part without the marks before its text, and without those that close a pair there or open one at its end."""
    text, marks = unit.segment.text, unit.segment.marks
    first, stop = part.first, part.stop
    while (
        first < stop
        and marks[first].place <= part.begin
        and (marks[first].place < part.begin or marks[first].mark.side == "close")
    ):
        first += 1
    while first < stop and marks[stop - 1].mark.side == "open" and not text[marks[stop - 1].place : part.end].strip():
        stop -= 1
    return part._replace(first=first, stop=stop)
