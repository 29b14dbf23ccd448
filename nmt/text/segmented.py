"""A line with its pieces and its words, or other units, and which piece belongs to which word."""

import re
from itertools import accumulate
from typing import NamedTuple

from nmt.text.units import Units, find_units

SPACES = re.compile("[ \t]")


class SegmentedLine(NamedTuple):
    """A line, its pieces, and its words, which may be other units; see nmt.text.units.

    Words that share a piece are a group, as characters often are; words between spaces are groups of one. The attention
    of a piece cannot be divided among the words of its group. `group_of_piece[i]` is the index of piece i's group, or
    -1 if there are no words; `group_of_word[j]` is that of word j.
    """

    text: str
    ids: list[int]
    words: list[str]
    group_of_piece: list[int]
    group_of_word: list[int]

    @property
    def groups(self) -> int:
        """The number of groups."""
        return self.group_of_word[-1] + 1 if self.group_of_word else 0


def segment_by_offsets(text: str, found: dict[str, list[int] | list[tuple[int, int]]], units: Units) -> SegmentedLine:
    """The words of a text and the group of each piece, from the offsets that SentencePiece gives.

    A piece belongs to the words that it covers after its last blank. So a piece that begins with the blank before a
    word ("▁the") belongs to that word, and a word that the subword model treats as blanks has no pieces. A piece that
    is only the blank belongs to the word after it.
    """
    ids: list[int] = found["ids"]  # type: ignore[assignment]
    offsets: list[tuple[int, int]] = found["offsets"]  # type: ignore[assignment]
    spans = find_units(text, units, offsets)
    word_at: list[int] = []
    for number, (_, end) in enumerate(spans):
        word_at += [number] * (end - len(word_at))
    last = len(spans) - 1
    word_at += [last] * (len(text) + 1 - len(word_at))
    begins_group = [True] * len(spans)
    last_words = []
    for begin, end in offsets:
        content = text[begin:end].rstrip(" \t")
        first = begin + 1 + max(content.rfind(" "), content.rfind("\t"))
        last_words.append(word_at[max(first, begin + len(content) - 1)])
        for word in range(word_at[first] + 1, last_words[-1] + 1):
            begins_group[word] = False
    group_of_word = [count - 1 for count in accumulate(begins_group)]
    words = [SPACES.sub("\u00a0", text[begin:end]) for begin, end in spans]
    group_of_piece = [group_of_word[word] if words else -1 for word in last_words]
    return SegmentedLine(text, ids, words, group_of_piece, group_of_word)
