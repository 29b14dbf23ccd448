"""Which words of a translation to check first, and why.

Doubts are computed from finished translations: from the probabilities of pieces, attention, and both texts. Units of
translations may be words, pieces or characters; doubts are about words, where the text has blanks between them.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, get_args

import numpy as np

from nmt.analysis.alignment import LOW_ATTENTION
from nmt.text.units import WORDS, Span, find_units, locate_words
from nmt.text.words import UNSPACED, split_words
from nmt.translation.result import Translation

Side = Literal["source", "target"]
Reason = Literal[
    "no translation",
    "length limit",
    "source cut",
    "repeated",
    "number not in translation",
    "number not in source",
    "copied",
    "low probability",
    "low attention",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
LOW_PROBABILITY = 0.3  # of all pieces of a word together; see the section Confidence of tools/README.md
LONGEST_REPETITION = 6  # words
SHORTEST_COPY = 3  # words: fewer are mostly names
NUMBER = re.compile(r"\d+(?:[.,:'’٫٬\u00a0\u202f]\d+| \d{3}(?!\d))*")
UNSPACED_REPETITION = re.compile(rf"({UNSPACED.pattern}\S{{3,19}}?)(\1)")  # fewer characters are words
HYPHENATED_WORD = re.compile(r"\w(?:[\w‐-]*\w)?")
REPEATED_SYLLABLES = re.compile(r"(?i)(\w[\w‐-]{0,18}?\w)(?:[‐-]?\1){3}")  # as in "bananananananas", "Ma-Ma-Ma-Ma"
NO_DIGITS = re.compile(r"\D+")
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
MARKS = re.compile(r"^\W+|\W+$")


class Doubt(NamedTuple):
    """A part of the source or the translation to check, from character `begin` to `end`, and the reason.

    "length limit" and "source cut" are about what is missing at the end, where they are empty.
    """

    side: Side
    begin: int
    end: int
    text: str
    reason: Reason

    def describe(self) -> str:
        """`"Haus" (low probability)`, without line ends and other control characters, which a model may generate."""
        return f'"{CONTROLS.sub(" ", self.text)}" ({self.reason})' if self.text else self.reason


class Word(NamedTuple):
    """A word: its characters, and the groups of pieces that it consists of; see SegmentedLine."""

    begin: int
    end: int
    groups: range


def find_doubts(one: Translation) -> list[Doubt]:
    """What to check of a translation, in the order of urgency: by reason, then by probability or place.

        no translation              the whole source, whose translation is empty; it has no other doubts
        length limit, source cut    the translation, or what was read of the source, ends too early
        repeated                    words that follow the same words, where the source has no such repetition
        number not in ...           digits that the other side has not, however it groups them
        copied                      three words or more as the source has them, of which one begins with a small letter
        low probability             a word whose pieces have a probability below 0.3 together
        low attention               a source word of which every piece has less than 0.2 of attention in sum

    A translation without pieces, of an empty line or from a memory, has none.
    """
    if one.is_missing:
        return [Doubt("source", 0, len(one.source), one.source, "no translation")]
    if not one.tokens:
        return []
    found: list[tuple[Side, Span, Reason]] = []
    if not one.is_finished:
        found.append(("target", (len(one.text), len(one.text)), "length limit"))
    if not one.is_whole:
        found.append(("source", (len(one.source), len(one.source)), "source cut"))
    found += [("target", span, "repeated") for span in find_repetitions(one.source, one.text)]
    found += [("source", span, "number not in translation") for span in find_lost_numbers(one.source, one.text)]
    found += [("target", span, "number not in source") for span in find_lost_numbers(one.text, one.source)]
    found += [("target", span, "copied") for span in find_copies(one.source, one.text)]
    found += [("target", span, "low probability") for span in find_improbable_words(one)]
    found += [("source", span, "low attention") for span in find_unattended_words(one)]
    texts = {"source": one.source, "target": one.text}
    return [Doubt(side, begin, end, texts[side][begin:end], reason) for side, (begin, end), reason in found]


def rank_doubt(doubt: Doubt) -> int:
    """The place of a doubt's reason in the order of urgency."""
    return REASONS.index(doubt.reason)


def list_whole_words(text: str, units: Sequence[str], group_of_unit: Sequence[int]) -> list[Word]:
    """The words that units, such as pieces, make up. Where text has no blanks, they are the units.

    Units of a group are one word, because their probabilities cannot be told apart.
    """
    words: list[Word] = []
    for (begin, end), group in zip(locate_words(text, units), group_of_unit, strict=True):
        last = words[-1] if words else Word(0, 0, range(0))
        is_inside = last.end == begin > 0 and not UNSPACED.match(text[begin - 1]) and not UNSPACED.match(text[begin])
        if words and (group in last.groups or is_inside):
            words[-1] = Word(last.begin, end, range(last.groups.start, group + 1))
        else:
            words.append(Word(begin, end, range(group, group + 1)))
    return words


def find_improbable_words(one: Translation) -> list[Span]:
    """Target words with a low probability, that of all their pieces together, the least probable first."""
    by_group: Counter[int] = Counter()
    for group, log_prob in zip(one.target_group_of_piece, one.token_log_probs, strict=False):  # without the last "</s>"
        by_group[group] += log_prob  # type: ignore[assignment]
    limit = math.log(LOW_PROBABILITY)
    if sum(by_group.values()) >= limit:
        return []
    words = list_whole_words(one.text, one.target_words, one.target_group_of_word)
    scored = [(sum(by_group[group] for group in groups), begin, end) for begin, end, groups in words]
    return [
        (begin, end)
        for log_prob, begin, end in sorted(scored)
        if log_prob < limit and any(map(str.isalnum, one.text[begin:end]))
    ]


def find_unattended_words(one: Translation) -> list[Span]:
    """Source words with little attention from the whole translation; none if the model has no attention."""
    most: dict[int, float] = {}
    column = 0
    for block_TS in one.attention_blocks:
        groups = one.source_group_of_piece[column : column + block_TS.shape[1]]
        for group, total in zip(groups, block_TS.sum(axis=0).tolist(), strict=False):  # without the last "</s>"
            most[group] = max(most.get(group, 0.0), total)
        column += block_TS.shape[1]
    if min(most.values(), default=np.inf) >= LOW_ATTENTION:
        return []
    words = list_whole_words(one.source, one.source_words, one.source_group_of_word)
    return [
        (begin, end)
        for begin, end, groups in words
        if max((most.get(group, np.inf) for group in groups), default=np.inf) < LOW_ATTENTION
        and any(map(str.isalnum, one.source[begin:end]))
    ]


def find_lost_numbers(text: str, other: str) -> Iterator[Span]:
    """The numbers of a text that another one has not. 1,000.5 is 1 000,5, and 31/12 is 12/31."""
    if not NUMBER.search(text):
        return
    whole = Counter(read_digits(match[0]) for match in NUMBER.finditer(other))
    runs = Counter(map(read_digits, re.findall(r"\d+", other)))
    for match in NUMBER.finditer(text):
        own = Counter(map(read_digits, re.findall(r"\d+", match[0])))
        digits = read_digits(match[0])
        if not whole[digits] and not own <= runs:
            yield match.span()
        whole[digits] -= whole[digits] > 0
        runs -= own


def read_digits(text: str) -> str:
    """The digits of a text, of any script, as those of ASCII."""
    if text.isascii():
        return NO_DIGITS.sub("", text)
    return "".join(str(unicodedata.decimal(one)) for one in text if one.isdecimal())


def find_repetitions(source: str, text: str) -> Iterator[Span]:
    """Words that follow the same words at once, in a translation of a source without such a repetition."""
    found = list(repeat_words(text))
    if found and not any(True for _ in repeat_words(source)):
        yield from found


def repeat_words(text: str) -> Iterator[Span]:
    """The (begin, end) of words that repeat those before them, whatever their case and marks."""
    yield from (match.span(2) for match in UNSPACED_REPETITION.finditer(text))
    for word in HYPHENATED_WORD.finditer(text):
        repeated = REPEATED_SYLLABLES.search(word[0])
        if repeated and any(map(str.isalpha, repeated[1])):
            yield word.span()
    spans = find_units(text, WORDS)
    folded = [MARKS.sub("", text[begin:end]).casefold() for begin, end in spans]
    if len(set(folded)) == len(folded):
        return
    place = 0
    while place < len(folded):
        for size in range(1, LONGEST_REPETITION + 1):
            if size > place or folded[place - size] != folded[place]:
                continue
            before = folded[place - size : place]
            if before == folded[place : place + size] and all(before) and not all(map(str.isdecimal, before)):
                yield spans[place][0], spans[place + size - 1][1]
                place += size
                break
        else:
            place += 1


def find_copies(source: str, text: str) -> Iterator[Span]:
    """Runs of words that the source has in the same order, of which some are no names."""
    words, wanted = split_words(text), split_words(source)
    spans = find_units(text, WORDS)
    known = {tuple(wanted[place : place + SHORTEST_COPY]) for place in range(len(wanted) - SHORTEST_COPY + 1)}
    copied = [False] * len(words)
    for place in range(len(words) - SHORTEST_COPY + 1):
        if tuple(words[place : place + SHORTEST_COPY]) in known:
            copied[place : place + SHORTEST_COPY] = [True] * SHORTEST_COPY
    for is_copied, numbers in groupby(range(len(words)), key=lambda number: copied[number]):
        run = list(numbers)
        if is_copied and any(words[number][0].islower() for number in run):
            yield spans[run[0]][0], spans[run[-1]][1]
