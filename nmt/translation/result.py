"""Translations: text, score, words and pieces, and the attention and links between them."""

# T target positions   S source positions

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.alignment import (
    Matrix,
    check_link_options,
    compute_link_shares,
    extract_links,
    list_words,
    merge_attention,
    spread_attention,
)
from nmt.ids import EOS, UNK
from nmt.search.hypothesis import Hypothesis
from nmt.text.links import Link
from nmt.text.segmented import SegmentedLine
from nmt.text.subword import Subword
from nmt.text.units import WORDS, UnitName, Units, find_units
from nmt.text.words import is_blank, split_words
from nmt.translation import batching

BLANKS = re.compile("  +")


class MemoryMatch(NamedTuple):
    """What a translation memory has for a text: both sides of a unit, and how similar its source is, in percent.

    100 is an equal source.
    """

    score: int
    source: str
    target: str


@dataclass(frozen=True, eq=False)
class Translation:
    """A line, its translation, and the attention between their pieces.

    `log_prob` is the natural logarithm of the translation's probability and the sum of `token_log_probs`. Translations
    are ranked by `score`. `tokens` and `source_pieces` are subwords and end with "</s>"; but `tokens` do not when the
    translation reached the length limit (`is_finished` is False). `attention_TS` has a row for each of `tokens` and a
    column for each of `source_pieces`. An empty line has empty fields and scores of zero. `is_whole` is False when only
    the first 1,000 pieces of the line were translated; `source_words` then end soon after those of these pieces.

    `source_words` and `target_words` are the `units` of source and target, such as characters. Words that share a piece
    are a group; see nmt.text.segmented.SegmentedLine.

    A line that was translated in parts has a block of attention for each part. The "</s>" of each part have group -1.

    `match` is what a translation memory has for the line. A translation by a match of 100 is the one of the memory.
    """

    source: str
    text: str
    score: float
    log_prob: float
    token_log_probs: tuple[float, ...]
    source_pieces: list[str]
    tokens: list[str]
    source_words: list[str]
    target_words: list[str]
    source_group_of_piece: list[int]
    target_group_of_piece: list[int]
    source_group_of_word: list[int]
    target_group_of_word: list[int]
    attention_blocks: tuple[NDArray[np.float32], ...]
    is_finished: bool
    is_whole: bool
    units: tuple[UnitName, UnitName]
    match: MemoryMatch | None = None

    @property
    def is_missing(self) -> bool:
        """Whether a line that is not blank has an empty translation, which a model may prefer for a single word."""
        return is_blank(self.text) and not is_blank(self.source)

    @property
    def confidence(self) -> float:
        """The geometric mean of the probabilities of `tokens`, between 0 and 1; 1 where there are none.

        Of the signs that a translation itself has, it goes best with chrF; see tools/README.md, and "TP" of Fomicheva
        et al. 2020, arXiv:2005.10608. It tells which of a run's translations to check first. It is no probability that
        a translation is right, and those of different runs cannot be compared.
        """
        return math.exp(min(self.log_prob, 0.0) / max(len(self.token_log_probs), 1))

    @cached_property
    def attention_TS(self) -> NDArray[np.float32]:  # noqa: N802
        """Attention between pieces; zero between the pieces of different parts."""
        if len(self.attention_blocks) == 1:
            return self.attention_blocks[0]
        whole_TS = np.zeros((len(self.tokens), sum(block.shape[1] for block in self.attention_blocks)), np.float32)
        row, column = 0, 0
        for block in self.attention_blocks:
            whole_TS[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return whole_TS

    @cached_property
    def word_attention(self) -> Matrix:
        """Target words x source words; see merge_attention and spread_attention in nmt.analysis.alignment."""
        groups = self.source_group_of_word, self.target_group_of_word
        counts = (max(of_word, default=-1) + 1 for of_word in groups)
        pieces = self.source_group_of_piece, self.target_group_of_piece
        return spread_attention(merge_attention(self.attention_TS, *pieces, *counts), *groups)

    @property
    def alignment(self) -> list[Link]:
        """Links (source word, target word), counted from 0: each target word to the source word with most attention."""
        return list(self.links())

    def links(self, threshold: float | None = None, offset: int = 0) -> dict[Link, float]:
        """The links, with the share of the target word's attention that each has.

        `threshold` and `offset` are those of extract_links and select_rows in nmt.analysis.alignment. Raises UsageError
        for a `threshold` that is not above 0 and at most 1, and for an `offset` other than 0 and 1.
        """
        check_link_options(offset, threshold)
        found: dict[Link, float] = {}
        row, column = 0, 0
        for block in self.attention_blocks:  # attention_TS would take memory by the square of the line's length
            sources = self.source_group_of_piece[column : column + block.shape[1]]
            targets = self.target_group_of_piece[row : row + block.shape[0]]
            source, target = (min((group for group in one if group >= 0), default=0) for one in (sources, targets))
            own_sources, own_targets = [group - source for group in sources], [group - target for group in targets]
            weights_YX = merge_attention(block, own_sources, own_targets, offset=offset)
            for (x, y), share in compute_link_shares(weights_YX, extract_links(weights_YX, threshold)).items():
                found[x + source, y + target] = share
            row, column = row + block.shape[0], column + block.shape[1]
        source_words, target_words = map(list_words, (self.source_group_of_word, self.target_group_of_word))
        return dict(
            sorted(
                (link, share) for (x, y), share in found.items() for link in product(source_words[x], target_words[y])
            )
        )


def build_translation(
    source: SegmentedLine,
    found: Hypothesis,
    source_subword: Subword,
    target_subword: Subword,
    is_copying: bool = False,
    units: tuple[Units, Units] = (WORDS, WORDS),
) -> Translation:
    """Build the translation of a hypothesis. With `is_copying`, words with UNK are replaced by source words."""
    target = target_subword.segment_ids(found.tokens, units[1])
    if is_copying and UNK in target.ids:
        words = source_subword.segment(source_subword.cut(source.text, batching.MAX_PIECES))
        target = copy_unknown(target, target_subword, words, found.attention_TS, units[1])
    return Translation(
        source=source.text,
        text=BLANKS.sub(" ", target.text).strip(" "),  # there are pieces that are only a blank
        score=found.score,
        log_prob=found.log_prob,
        token_log_probs=found.token_log_probs,
        source_pieces=source_subword.ids_to_pieces([*source.ids[: batching.MAX_PIECES], EOS]),
        tokens=target_subword.ids_to_pieces(found.tokens),
        source_words=source.words,
        target_words=target.words,
        source_group_of_piece=source.group_of_piece[: batching.MAX_PIECES],
        target_group_of_piece=target.group_of_piece,
        source_group_of_word=source.group_of_word,
        target_group_of_word=target.group_of_word,
        attention_blocks=(found.attention_TS,),
        is_finished=found.is_finished,
        is_whole=len(source.ids) <= batching.MAX_PIECES,
        units=(units[0].name, units[1].name),
    )


def build_empty_translation(source: SegmentedLine, units: tuple[Units, Units] = (WORDS, WORDS)) -> Translation:
    """The translation of an empty line."""
    return Translation(
        source=source.text,
        text="",
        score=0.0,
        log_prob=0.0,
        token_log_probs=(),
        source_pieces=[],
        tokens=[],
        source_words=source.words,
        target_words=[],
        source_group_of_piece=[],
        target_group_of_piece=[],
        source_group_of_word=source.group_of_word,
        target_group_of_word=[],
        attention_blocks=(np.zeros((0, 0), np.float32),),
        is_finished=True,
        is_whole=True,
        units=(units[0].name, units[1].name),
    )


def join_parts(parts: Sequence[Translation]) -> Translation:
    """Join the translations of a line's parts. Indices of words, groups and pieces are those of the whole line.

    Each part keeps its "</s>" among the pieces, which belongs to no word. Log-probabilities and scores are summed.
    """
    if len(parts) == 1:
        return parts[0]
    line = "".join(part.source for part in parts)
    is_source_split_at_blanks = parts[0].units[0] == "words"
    source_words: list[str] = []
    of_source_piece: list[int] = []
    of_target_piece: list[int] = []
    of_source_word: list[int] = []
    of_target_word: list[int] = []
    before = " "
    for part in parts:
        is_inside_word = is_source_split_at_blanks and not (before[-1] in " \t" or part.source[0] in " \t")
        sources, targets = (max(groups, default=-1) + 1 for groups in (of_source_word, of_target_word))
        sources -= is_inside_word
        of_source_piece += [sources + group for group in part.source_group_of_piece]
        of_source_piece += [-1] * (len(part.source_pieces) - len(part.source_group_of_piece))
        of_target_piece += [targets + group for group in part.target_group_of_piece]
        of_target_piece += [-1] * (len(part.tokens) - len(part.target_group_of_piece))
        of_source_word += [sources + group for group in part.source_group_of_word[is_inside_word:]]
        of_target_word += [targets + group for group in part.target_group_of_word]
        source_words += part.source_words
        before = part.source
    return Translation(
        source=line,
        text=" ".join(part.text for part in parts if part.text),
        score=sum(part.score for part in parts),
        log_prob=sum(part.log_prob for part in parts),
        token_log_probs=tuple(log_prob for part in parts for log_prob in part.token_log_probs),
        source_pieces=[piece for part in parts for piece in part.source_pieces],
        tokens=[token for part in parts for token in part.tokens],
        source_words=split_words(line) if is_source_split_at_blanks else source_words,
        target_words=[word for part in parts for word in part.target_words],
        source_group_of_piece=of_source_piece,
        target_group_of_piece=of_target_piece,
        source_group_of_word=of_source_word,
        target_group_of_word=of_target_word,
        attention_blocks=tuple(block for part in parts for block in part.attention_blocks),
        is_finished=all(part.is_finished for part in parts),
        is_whole=all(part.is_whole for part in parts),
        units=parts[0].units,
    )


def copy_unknown(
    target: SegmentedLine,
    subword: Subword,
    source: SegmentedLine,
    attention_TS: NDArray[np.float32],
    target_units: Units = WORDS,
) -> SegmentedLine:
    """Replace each word of a translation that contains UNK by the source word with most of its attention.

    Punctuation marks at the ends of a word, such as the comma after a name, are those of the target, where the subword
    model has them. As in Luong et al. 2015, arXiv:1410.8206, with attention in place of their pointers, and without a
    dictionary. Without attention the words are not replaced. The units of a word are one group, because its pieces are
    not those of its text.
    """
    unit_of_piece = np.cumsum([piece.startswith("▁") for piece in subword.ids_to_pieces(target.ids)])
    unit_of_piece -= unit_of_piece[:1]
    units = int(unit_of_piece[-1]) + 1
    weights_JI = merge_attention(
        attention_TS, source.group_of_piece[: batching.MAX_PIECES], unit_of_piece.tolist(), len(source.words), units
    )
    source_word = {unit: word for word, unit in extract_links(weights_JI)}
    words: list[str] = []
    word_of_piece: list[int] = []
    for unit in range(units):
        ids = [index for index, own in zip(target.ids, unit_of_piece, strict=True) if own == unit]
        text = subword.decode(ids)
        if UNK in ids and unit in source_word:
            first, last = ids.index(UNK), len(ids) - ids[::-1].index(UNK)
            before, after = subword.decode(ids[:first]).strip(), subword.decode(ids[last:]).strip()
            copied = source.words[source_word[unit]]
            inner = copied[count_marks(copied, subword) : len(copied) - count_marks(copied[::-1], subword)] or copied
            text = (
                before[: count_marks(before, subword)] + inner + after[len(after) - count_marks(after[::-1], subword) :]
            )
        word_of_piece += [len(words)] * len(ids)
        words += split_words(text)
    final = len(words) - 1
    parts = [
        [word[begin:end] for begin, end in find_units(word, target_units, [(0, len(word))])] or [word] for word in words
    ]
    return SegmentedLine(
        " ".join(words),
        target.ids,
        [part for word in parts for part in word],
        [min(word, final) for word in word_of_piece],
        [number for number, word in enumerate(parts) for _ in word],
    )


def count_marks(word: str, subword: Subword) -> int:
    """The number of punctuation marks at the beginning of a word, up to one that the subword model cannot encode."""
    marks = takewhile(lambda one: unicodedata.category(one)[0] == "P" and UNK not in subword.encode(one), word)
    return sum(1 for _ in marks)
