"""Runs of text and tags as units: which tags are pairs, and which are at the ends of a text."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape as quote
from itertools import groupby
from typing import NamedTuple

from nmt.documents.apart import is_apart
from nmt.documents.document import BLANK, BLANKS, NO_EDGES, Edges, InlineUnit, Lines, Token, Unit
from nmt.documents.labels import label_element
from nmt.documents.segment import Mark, Segment
from nmt.text.units import Span

OF_CLASS = re.compile(r"<\w+ class=[^\s=]+>")  # a tag of one


def build_inline_unit(tokens: Sequence[Token], lines: Lines, blanks: re.Pattern[str] = BLANKS) -> InlineUnit | None:
    """The unit of a run of text and inline tags; None where nothing in it has a letter.

    Blanks at its ends, and tags before or after or around all of its text, are its edges. What `blanks` matches in
    text, such as a line end with indentation, is one space. Elements that touch, but hold separate words, have a space
    between them; see Unit.
    """
    tokens = join_kept(tokens)
    texts = [number for number, token in enumerate(tokens) if token.kind == "text" and token.text.strip()]
    if not any(any(map(str.isalpha, tokens[number].text)) for number in texts):
        return None
    marks = pair_tokens(tokens)
    inside = close_under_pairs(range(texts[0], texts[-1] + 1), marks)
    parts: list[str | Mark] = []
    spans: list[Span] = []
    labels: list[str] = []
    numbers: dict[int, int] = {}
    apart = set(find_apart(tokens, inside, marks, lines.text))
    joined: set[tuple[int, int]] = set()
    last = " "
    begin, end = tokens[inside[0]].begin, tokens[inside[-1]].end
    for number in inside:
        token = tokens[number]
        if token.kind == "text":
            text = token.text
            if number == inside[0]:
                text = text.lstrip(BLANK)
                begin += len(token.text) - len(text)
            if number == inside[-1]:
                end -= len(text) - len(text.rstrip(BLANK))
                text = text.rstrip(BLANK)
            text = blanks.sub(" ", text)
            if parts and isinstance(parts[-1], str) and parts[-1].endswith(" "):
                text = text.removeprefix(" ")
            last = text or last
            parts.append(text)
        else:
            mark = marks[number].mark
            if mark.tag not in numbers:
                numbers[mark.tag] = len(labels)
                labels.append(token.text)
            mark = Mark(numbers[mark.tag], mark.side)
            if number in apart:
                joined.add((numbers[marks[number - 1].mark.tag], mark.tag))
            is_before_blank = number < inside[-1] and tokens[number + 1].text[:1].isspace()
            if (number in apart or (token.is_break and not is_before_blank)) and not last.endswith(" "):
                parts.append(" ")
                last = " "
            parts.append(mark)
            spans.append((token.begin, token.end))
    outer = find_outer(tokens, inside)
    count = len(labels)

    def read_edge(edge: range, first: str = "", last: str = "") -> tuple[str | Mark, ...]:
        """The tags of an edge, whose labels are added, and its blanks."""
        own: list[str | Mark] = [first] if first else []
        for token, mark in ((tokens[number], marks[number].mark if number in marks else None) for number in edge):
            if mark is None:
                own += [] if own[-1:] == [" "] else [" "]
                continue
            if mark.tag not in numbers:
                numbers[mark.tag] = len(labels)
                labels.append(token.text)
            own += [" "] if token.is_break and own[-1:] != [" "] else []
            own.append(Mark(numbers[mark.tag], mark.side))
        return (*own, *([last] if last and own[-1:] != [last] else []))

    own_begin, own_end = tokens[inside[0]].begin, tokens[inside[-1]].end
    before = range(outer.start, inside[0])
    after = range(inside[-1] + 1, outer.stop)
    edges = NO_EDGES
    if before or after:
        two = (
            read_edge(before, last=" " if before and own_begin < begin else ""),
            read_edge(after, first=" " if after and end < own_end else ""),
        )
        edges = Edges(*two, tuple(labels[count:]))
    markup = tuple(
        tokens[number].original or lines.text[slice(*tokens[number][1:3])] for number in outer if number in marks
    )
    segment, own = Segment.join(parts), tuple(labels[:count])
    unit = Unit(segment, own, lines.find(begin), edges=edges, markup=markup, joined=frozenset(joined))
    places = [
        tuple((one.begin, one.end) for one in map(tokens.__getitem__, edge) if one.kind != "text")
        for edge in (before, after)
    ]
    ends = (tokens[before[0]].begin if before else begin), (tokens[after[-1]].end if after else end)
    return InlineUnit(unit, begin, end, tuple(spans), ends, *places)


def find_apart(
    tokens: Sequence[Token], inside: range, marks: Mapping[int, "PairedMark"], original: str
) -> Iterator[int]:
    """The tokens that open a pair where another one ends, if the two hold separate words."""
    groups = [[*group] for _, group in groupby(inside, lambda number: tokens[number].kind == "text")]
    for before, tags, after in zip(groups, groups[1:], groups[2:], strict=False):
        sides = [marks[number].mark.side for number in tags] if tokens[tags[0]].kind != "text" else []
        closed = sides.count("close")
        if not 0 < closed < len(sides) or sides != ["close"] * closed + ["open"] * (len(sides) - closed):
            continue
        texts = ["".join(tokens[number].text for number in group) for group in (before, after)]
        two = tokens[marks[tags[closed - 1]].partner], tokens[tags[closed]]
        written = [original[one.begin : one.end] for one in two]
        is_same = written[0] == written[1] and OF_CLASS.fullmatch(written[0]) is not None
        if all(texts) and is_apart(*texts, *(one.text for one in two), is_same=is_same):
            yield tags[closed]


def find_outer(tokens: Sequence[Token], inside: range) -> range:
    """The range with the tags before and after the tokens of a unit, as far as nothing is between these."""
    first, stop = inside[0], inside[-1] + 1
    begins, ends = first, stop
    while begins and tokens[begins - 1].end == tokens[begins].begin:
        begins -= 1
        first = first if tokens[begins].kind == "text" else begins
    while ends < len(tokens) and tokens[ends - 1].end == tokens[ends].begin:
        stop = stop if tokens[ends].kind == "text" else ends + 1
        ends += 1
    return range(first, stop)


def join_elements(tokens: Sequence[Token], is_joined: Callable[[int, int], bool]) -> list[Token]:
    """The tokens with an unpaired tag in place of each element that stays as it is, with what is in it.

    `is_joined` tells which do, by the numbers of the tokens that open and close an element.
    """
    marks = pair_tokens(tokens)
    joined: list[Token] = []
    number = 0
    while number < len(tokens):
        token = tokens[number]
        partner = marks[number].partner if token.kind == "open" else number
        if partner > number and is_joined(number, partner):
            text = "".join(one.text for one in tokens[number:partner] if one.kind == "text")
            token = Token(
                "single",
                token.begin,
                tokens[partner].end,
                label_element(token.text.strip("<>").split()[0], quote(text)),
            )
            number = partner
        joined.append(token)
        number += 1
    return joined


def join_kept(tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens with an unpaired tag in place of each element that stays as it is."""
    kept = [token.is_kept for token in tokens]
    return join_elements(tokens, lambda number, _: kept[number]) if any(kept) else tokens


class PairedMark(NamedTuple):
    """The mark of a token, and the number of the token that is the other end of its pair."""

    mark: Mark
    partner: int


def close_under_pairs(inside: range, marks: Mapping[int, PairedMark]) -> range:
    """The smallest range around `inside` that has none or both ends of each pair."""
    checked = range(inside[0], inside[0])
    while checked != inside:
        new = (*range(inside[0], checked.start), *range(checked.stop, inside.stop))
        partners = [marks[number].partner for number in new if number in marks]
        checked = inside
        inside = range(min(inside[0], *partners), max(inside[-1], *partners) + 1) if partners else inside
    return inside


def pair_tokens(tokens: Sequence[Token]) -> dict[int, PairedMark]:
    """The mark of each tag by its number among the tokens, and the number of the other end of its pair."""
    found: dict[int, PairedMark] = {}
    opened: dict[str, list[int]] = {}
    for number, token in enumerate(tokens):
        if token.kind == "text":
            continue
        found[number] = PairedMark(Mark(number, "single"), number)
        if token.kind == "open":
            opened.setdefault(token.name, []).append(number)
        elif token.kind == "close" and opened.get(token.name):
            partner = opened[token.name].pop()
            found[partner] = PairedMark(Mark(partner, "open"), number)
            found[number] = PairedMark(Mark(partner, "close"), partner)
    return found
