"""Given pairs in a model's eyes: how probable each target is, and which source word each of its words came from.

Runs any step model; it reads no folder and writes no file.
"""

# T target positions   S source positions   H parts of attention

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from nmt.analysis.alignment import Matrix, extract_links, merge_attention, piece_membership, select_rows
from nmt.ids import EOS
from nmt.search.forced import Forced, force
from nmt.step import StepModel
from nmt.text.corpus import Pair
from nmt.text.links import Link
from nmt.text.subword import SegmentedLine, Subword
from nmt.translation.pipeline import MAX_PIECES, WINDOW_BATCHES, pad_ids, plan_batches, run_in_halves


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
            self.source.word_of_piece[:MAX_PIECES],
            self.target.word_of_piece[:MAX_PIECES],
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
        """Pairs (source word, target word), counted from 0: where each target word looked most."""
        return extract_links(self.word_attention)


def piece_averages(side: SegmentedLine) -> Matrix:
    """What makes a mean over each word's pieces of what every piece has, and 0 where it has none: pieces x words."""
    belongs = piece_membership(side.word_of_piece[:MAX_PIECES], len(side.words))
    means: Matrix = belongs / belongs.sum(axis=0).clip(min=1)
    return means


def force_pairs(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    pairs: Iterable[Pair],
    *,
    batch_sentences: int = 64,
    device: torch.device | str = "cpu",
) -> Iterator[ForcedPair]:
    """Every pair as the model sees it, in order. Reads a window of pairs ahead, to batch those of like length.

    An empty side is EOS alone: an empty target has a probability too, that of saying nothing.
    """

    def force_batch(some: Sequence[tuple[SegmentedLine, SegmentedLine]]) -> list[Forced]:
        sources = pad_ids([[*source.ids[:MAX_PIECES], EOS] for source, _ in some])
        targets = pad_ids([[*target.ids[:MAX_PIECES], EOS] for _, target in some])
        return force(model, *(tensor.to(device) for tensor in (*sources, *targets)))

    stream = iter(pairs)
    while read := list(islice(stream, WINDOW_BATCHES * batch_sentences)):
        sources = [source_subword.segment(pair.source) for pair in read]
        targets = [target_subword.segment(pair.target) for pair in read]
        lengths = [min(max(len(s.ids), len(t.ids)), MAX_PIECES) + 1 for s, t in zip(sources, targets, strict=True)]
        found: dict[int, ForcedPair] = {}
        for rows in plan_batches(lengths, batch_sentences):
            forced = run_in_halves(force_batch, [(sources[row], targets[row]) for row in rows])
            for row, one in zip(rows, forced, strict=True):
                found[row] = ForcedPair(
                    sources[row],
                    targets[row],
                    one.log_prob,
                    one.token_log_probs,
                    one.attention_TS.numpy(),
                    None if one.parts_HTS is None else one.parts_HTS.numpy(),
                )
        yield from (found[row] for row in range(len(read)))
