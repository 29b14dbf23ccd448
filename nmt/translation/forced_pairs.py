"""Forced decoding of given pairs with any step model: the probability of each target and the attention of its words."""

# T target positions   S source positions   H parts of attention

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmt.analysis.alignment import (
    Matrix,
    build_piece_membership,
    extract_links,
    merge_attention,
    select_rows,
    spread_attention,
    spread_links,
)
from nmt.ids import EOS, pad_ids
from nmt.search.forced_decoding import ForcedTarget, force_decode
from nmt.step import StepModel
from nmt.text.corpus import Pair
from nmt.text.links import Link
from nmt.text.segmented import SegmentedLine
from nmt.text.subword import Subword
from nmt.text.units import WORDS, Units
from nmt.translation import batching
from nmt.translation.batching import choose_window_size, count_threads, read_windows, run_batches


@dataclass(frozen=True, eq=False)
class ForcedPair:
    """A given source and target, with the probability and the attention of the target's tokens, EOS included.

    `token_log_probs` are natural logarithms and sum to `log_prob`. Of each side at most 1,000 pieces are read, as when
    a source is translated, and the words end soon after those of these pieces; `is_whole` is then False.
    """

    source: SegmentedLine
    target: SegmentedLine
    log_prob: float
    token_log_probs: tuple[float, ...]
    attention_TS: NDArray[np.float32]
    parts_HTS: NDArray[np.float32] | None = None  # heads, branches or gates of the attention

    @property
    def is_whole(self) -> bool:
        """Whether all pieces of both sides were read."""
        return max(len(self.source.ids), len(self.target.ids)) <= batching.MAX_PIECES

    @cached_property
    def word_attention(self) -> Matrix:
        """Target words x source words; see merge_attention and spread_attention in nmt.analysis.alignment."""
        return spread_attention(self.group_attention, self.source.group_of_word, self.target.group_of_word)

    @cached_property
    def group_attention(self) -> Matrix:
        """Groups of target words x groups of source words; see nmt.text.segmented.SegmentedLine."""
        return merge_attention(
            self.attention_TS,
            self.source.group_of_piece[: batching.MAX_PIECES],
            self.target.group_of_piece[: batching.MAX_PIECES],
            self.source.groups,
            self.target.groups,
        )

    def select_part(self, number: int) -> "ForcedPair":
        """The same pair with one part of the attention in place of the whole."""
        assert self.parts_HTS is not None
        return replace(self, attention_TS=self.parts_HTS[number], parts_HTS=None)

    def compute_total_weight(self, offset: int = 0) -> Matrix:
        """The sum of each target word's attention, averaged over its pieces. -> weight_J

        It is one for the attention as a whole. For one attention of a mixture it is its share, which is smaller where a
        window fades; for a gate it is the number of source positions that are open.
        """
        means_TJ = build_piece_averages(self.target)
        weight_J: Matrix = select_rows(self.attention_TS, len(means_TJ), offset).sum(axis=1) @ means_TJ
        return weight_J

    def compute_mean_attention(self, offset: int = 0) -> Matrix:
        """Target words x source words: the mean over the pieces of both words, which suits gates.

        `offset` is that of nmt.analysis.alignment.select_rows.
        """
        means_TJ, means_SI = build_piece_averages(self.target), build_piece_averages(self.source)
        rows_TS = select_rows(self.attention_TS, len(means_TJ), offset)[:, : len(means_SI)]
        means_JI: Matrix = means_TJ.T @ rows_TS @ means_SI
        return means_JI

    @property
    def alignment(self) -> list[Link]:
        """Links (source word, target word), counted from 0: each target word to the source word with most attention."""
        links = extract_links(self.group_attention)
        return spread_links(links, self.source.group_of_word, self.target.group_of_word)


def build_piece_averages(side: SegmentedLine) -> Matrix:
    """A matrix, pieces x words, that averages over the pieces of each word; zero for words without pieces."""
    belongs = build_piece_membership(side.group_of_piece[: batching.MAX_PIECES], side.groups)
    means: Matrix = (belongs / belongs.sum(axis=0).clip(min=1))[:, side.group_of_word]
    return means


def force_pairs(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    pairs: Iterable[Pair],
    *,
    batch_size: int = 64,
    units: tuple[Units, Units] = (WORDS, WORDS),
    check: Callable[[], object] = bool,
) -> Iterator[ForcedPair]:
    """Forced decoding of every pair, in order. Reads a window of pairs ahead, to batch pairs of similar length.

    `units` are those of source and target, which become the words of the pairs. `check` is that of
    force_decode.

    An empty side is EOS alone. So an empty target has a probability too, that of EOS as the first token.
    """

    def force_batch(some: Sequence[tuple[SegmentedLine, SegmentedLine]]) -> list[ForcedTarget]:
        sources = pad_ids([[*source.ids[: batching.MAX_PIECES], EOS] for source, _ in some])
        targets = pad_ids([[*target.ids[: batching.MAX_PIECES], EOS] for _, target in some])
        return force_decode(model, *sources, *targets, check)

    def segment(subword: Subword, line: str, own: Units) -> SegmentedLine:
        return subword.segment(subword.cut(line, batching.MAX_PIECES), own)._replace(text=line)

    for window in read_windows(pairs, choose_window_size(batch_size)):
        sides = [
            (segment(source_subword, pair.source, units[0]), segment(target_subword, pair.target, units[1]))
            for pair in window
        ]
        lengths = [min(max(len(source.ids), len(target.ids)), batching.MAX_PIECES) + 1 for source, target in sides]
        found = run_batches(force_batch, sides, lengths, batch_size, count_threads(model))
        for (source, target), forced in zip(sides, found, strict=True):
            assert forced is not None
            yield ForcedPair(source, target, **vars(forced))
