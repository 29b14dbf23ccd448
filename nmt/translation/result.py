"""Translations: text, score, words and pieces, and the attention and links between them."""

# T target positions   S source positions

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.alignment import Matrix, compute_link_shares, extract_links, merge_attention
from nmt.ids import EOS, UNK
from nmt.search.hypothesis import Hypothesis
from nmt.text.links import Link
from nmt.text.subword import SegmentedLine, Subword
from nmt.text.words import split_words
from nmt.translation import batching

BLANKS = re.compile("  +")


@dataclass(frozen=True, eq=False)
class Translation:
    """A line, its translation, and the attention between their pieces.

    `log_prob` is the natural logarithm of the translation's probability and the sum of `token_log_probs`. Translations
    are ranked by `score`. `tokens` and `source_pieces` are subwords and end with "</s>"; but `tokens` do not when the
    translation reached the length limit (`is_finished` is False). `attention_TS` has a row for each of `tokens` and a
    column for each of `source_pieces`. An empty line has empty fields and scores of zero. `is_whole` is False when only
    the first 1,000 pieces of the line were translated.

    A line that was translated in parts has a block of attention for each part. The "</s>" of each part have word -1.
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
    source_word_of_piece: list[int]
    target_word_of_piece: list[int]
    attention_blocks: tuple[NDArray[np.float32], ...]
    is_finished: bool
    is_whole: bool

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
        """Target words x source words; see nmt.analysis.alignment.merge_attention."""
        counts = len(self.source_words), len(self.target_words)
        return merge_attention(self.attention_TS, self.source_word_of_piece, self.target_word_of_piece, *counts)

    @property
    def alignment(self) -> list[Link]:
        """Links (source word, target word), counted from 0: each target word to the source word with most attention."""
        return list(self.links())

    def links(self, threshold: float | None = None, offset: int = 0) -> dict[Link, float]:
        """The links, with the share of the target word's attention that each has.

        `threshold` and `offset` are those of extract_links and select_rows in nmt.analysis.alignment.
        """
        found: dict[Link, float] = {}
        row, column = 0, 0
        for block in self.attention_blocks:  # attention_TS would take memory by the square of the line's length
            sources = self.source_word_of_piece[column : column + block.shape[1]]
            targets = self.target_word_of_piece[row : row + block.shape[0]]
            source, target = (min((word for word in words if word >= 0), default=0) for words in (sources, targets))
            own_sources, own_targets = [word - source for word in sources], [word - target for word in targets]
            weights_JI = merge_attention(block, own_sources, own_targets, offset=offset)
            for (i, j), share in compute_link_shares(weights_JI, extract_links(weights_JI, threshold)).items():
                found[i + source, j + target] = share
            row, column = row + block.shape[0], column + block.shape[1]
        return dict(sorted(found.items()))


def build_translation(
    source: SegmentedLine, found: Hypothesis, source_subword: Subword, target_subword: Subword, is_copying: bool = False
) -> Translation:
    """Build the translation of a hypothesis. With `is_copying`, words with UNK are replaced by source words."""
    target = target_subword.segment_ids(found.tokens)
    if is_copying and UNK in target.ids:
        target = copy_unknown(target, target_subword, source, found.attention_TS.numpy())
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
        source_word_of_piece=source.word_of_piece[: batching.MAX_PIECES],
        target_word_of_piece=target.word_of_piece,
        attention_blocks=(found.attention_TS.numpy(),),
        is_finished=found.is_finished,
        is_whole=len(source.ids) <= batching.MAX_PIECES,
    )


def build_empty_translation(source: SegmentedLine) -> Translation:
    """The translation of an empty line."""
    return Translation(
        source.text, "", 0.0, 0.0, (), [], [], source.words, [], [], [], (np.zeros((0, 0), np.float32),), True, True
    )


def join_parts(parts: Sequence[Translation]) -> Translation:
    """Join the translations of a line's parts. Indices of words and pieces are those of the whole line.

    Each part keeps its "</s>" among the pieces, which belongs to no word. Log-probabilities and scores are summed.
    """
    if len(parts) == 1:
        return parts[0]
    line = "".join(part.source for part in parts)
    source_word_of_piece: list[int] = []
    target_word_of_piece: list[int] = []
    sources, targets, before = 0, 0, " "
    for part in parts:
        sources -= not (before[-1] in " \t" or part.source[0] in " \t")  # the line was split inside a word
        source_word_of_piece += [sources + word for word in part.source_word_of_piece]
        source_word_of_piece += [-1] * (len(part.source_pieces) - len(part.source_word_of_piece))
        target_word_of_piece += [targets + word for word in part.target_word_of_piece]
        target_word_of_piece += [-1] * (len(part.tokens) - len(part.target_word_of_piece))
        sources, targets, before = sources + len(part.source_words), targets + len(part.target_words), part.source
    return Translation(
        source=line,
        text=" ".join(part.text for part in parts if part.text),
        score=sum(part.score for part in parts),
        log_prob=sum(part.log_prob for part in parts),
        token_log_probs=tuple(log_prob for part in parts for log_prob in part.token_log_probs),
        source_pieces=[piece for part in parts for piece in part.source_pieces],
        tokens=[token for part in parts for token in part.tokens],
        source_words=split_words(line),
        target_words=[word for part in parts for word in part.target_words],
        source_word_of_piece=source_word_of_piece,
        target_word_of_piece=target_word_of_piece,
        attention_blocks=tuple(block for part in parts for block in part.attention_blocks),
        is_finished=all(part.is_finished for part in parts),
        is_whole=all(part.is_whole for part in parts),
    )


def copy_unknown(
    target: SegmentedLine, subword: Subword, source: SegmentedLine, attention_TS: NDArray[np.float32]
) -> SegmentedLine:
    """Replace each word of a translation that contains UNK by the source word with most of its attention.

    Punctuation marks at the ends of a word, such as the comma after a name, are those of the target, where the subword
    model has them. As in Luong et al. 2015, arXiv:1410.8206, with attention in place of their pointers, and without a
    dictionary. Without attention the words are not replaced.
    """
    unit_of_piece = np.cumsum([piece.startswith("▁") for piece in subword.ids_to_pieces(target.ids)])
    unit_of_piece -= unit_of_piece[:1]
    units = int(unit_of_piece[-1]) + 1
    weights_JI = merge_attention(
        attention_TS, source.word_of_piece[: batching.MAX_PIECES], unit_of_piece.tolist(), len(source.words), units
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
    return SegmentedLine(" ".join(words), target.ids, words, [min(word, final) for word in word_of_piece])


def count_marks(word: str, subword: Subword) -> int:
    """The number of punctuation marks at the beginning of a word, up to one that the subword model cannot encode."""
    marks = takewhile(lambda one: unicodedata.category(one)[0] == "P" and UNK not in subword.encode(one), word)
    return sum(1 for _ in marks)
