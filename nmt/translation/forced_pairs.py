"""Forced decoding of given pairs: how probable each target is, and which source word each of its words came from.

Runs any step model; it reads no folder and writes no file.
"""

# T target positions   S source positions   H parts of attention

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from nmt.analysis.alignment import Matrix, extract_links, merge_attention, piece_membership, select_rows
from nmt.ids import EOS
from nmt.search.forced_decoding import ForcedTarget, force_decode
from nmt.step import StepModel
from nmt.text.corpus import Pair
from nmt.text.links import Link
from nmt.text.subword import SegmentedLine, Subword
from nmt.translation import batching
from nmt.translation.batching import pad_ids, read_windows, run_batches, window_size


@dataclass(frozen=True, eq=False)
class ForcedPair:
    """A source and a target that were both given, with EOS as the last of the target's tokens.

    `token_log_probs` are natural logarithms and sum up to `log_prob`. Both sides are read up to 1,000 pieces, as a
    source is when it is translated.
    """

    source: SegmentedLine
    target: SegmentedLine
    log_prob: float
    token_log_probs: tuple[float, ...]
    attention_TS: NDArray[np.float32]
    parts_HTS: NDArray[np.float32] | None = None  # what the attention is made of, from a model that shows it

    @cached_property
    def word_attention(self) -> Matrix:
        """Target words x source words; see nmt.analysis.alignment.merge_attention."""
        return merge_attention(
            self.attention_TS,
            self.source.word_of_piece[: batching.MAX_PIECES],
            self.target.word_of_piece[: batching.MAX_PIECES],
            len(self.source.words),
            len(self.target.words),
        )

    def part(self, number: int) -> "ForcedPair":
        """The same pair with one part of the attention for all of it."""
        assert self.parts_HTS is not None
        return replace(self, attention_TS=self.parts_HTS[number], parts_HTS=None)

    def total_weight(self, offset: int = 0) -> Matrix:
        """The attention that each target word gives in all, a mean over its pieces: one but for parts. -> weight_J

        In a mixture it is the share of a kind, below one too where a window fades; of a gate it counts how much of the
        source is open.
        """
        means_TJ = piece_averages(self.target)
        weight_J: Matrix = select_rows(self.attention_TS, len(means_TJ), offset).sum(axis=1) @ means_TJ
        return weight_J

    def mean_attention(self, offset: int = 0) -> Matrix:
        """Target words x source words: the mean over the pieces of both, which is how far a gate is open.

        See `total_weight` for what words give in all, and nmt.analysis.alignment.select_rows for `offset`.
        """
        means_TJ, means_SI = piece_averages(self.target), piece_averages(self.source)
        rows_TS = select_rows(self.attention_TS, len(means_TJ), offset)[:, : len(means_SI)]
        means_JI: Matrix = means_TJ.T @ rows_TS @ means_SI
        return means_JI

    @property
    def alignment(self) -> list[Link]:
        """Links (source word, target word), counted from 0: each target word with the source word of most attention."""
        return extract_links(self.word_attention)


def piece_averages(side: SegmentedLine) -> Matrix:
    """What makes a mean over each word's pieces of what every piece has, and 0 where it has none: pieces x words."""
    belongs = piece_membership(side.word_of_piece[: batching.MAX_PIECES], len(side.words))
    means: Matrix = belongs / belongs.sum(axis=0).clip(min=1)
    return means


def force_pairs(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    pairs: Iterable[Pair],
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
) -> Iterator[ForcedPair]:
    """Forced decoding of every pair, in order. Reads a window of pairs ahead, to batch pairs of like length.

    An empty side is EOS alone: an empty target has a probability too, that of generating nothing.
    """

    def force_batch(some: Sequence[tuple[SegmentedLine, SegmentedLine]]) -> list[ForcedTarget]:
        sources = pad_ids([[*source.ids[: batching.MAX_PIECES], EOS] for source, _ in some])
        targets = pad_ids([[*target.ids[: batching.MAX_PIECES], EOS] for _, target in some])
        return force_decode(model, *(tensor.to(device) for tensor in (*sources, *targets)))

    for window in read_windows(pairs, window_size(batch_size)):
        sides = [(source_subword.segment(pair.source), target_subword.segment(pair.target)) for pair in window]
        lengths = [min(max(len(source.ids), len(target.ids)), batching.MAX_PIECES) + 1 for source, target in sides]
        found = run_batches(force_batch, sides, lengths, batch_size)
        for (source, target), forced in zip(sides, found, strict=True):
            assert forced is not None
            parts_HTS = None if forced.parts_HTS is None else forced.parts_HTS.numpy()
            yield ForcedPair(
                source, target, forced.log_prob, forced.token_log_probs, forced.attention_TS.numpy(), parts_HTS
            )
