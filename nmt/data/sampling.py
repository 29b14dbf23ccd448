"""Training batches with drawn pieces: the same text, divided into other pieces each time it is read.

Which pieces a batch has is a function of the seed and of the batch's place in training, as the order of batches is. So
it does not depend on the number of processes, and a resumed training has the same pieces.
"""

# B sentences   S source positions   T target positions   N pieces of all sentences

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from nmt.data.batches import Batch, Cursor, Rows, Side, build_batch, make_guide, pad_rows, read_side
from nmt.data.prepared import PreparedCorpus
from nmt.data.split import Split
from nmt.errors import UsageError
from nmt.settings import TrainSettings
from nmt.text.sampling import Segmentations, SegmentationSampler, build_sampler, keep_pieces


class BatchSampler:
    """Makes the batches of a split with drawn segmentations of the source, the target or both.

    Batches are planned by the lengths of the stored pieces, so that those made here may have somewhat more tokens.
    """

    def __init__(self, split: Split, seed: int, samplers: Sequence[SegmentationSampler | None]) -> None:
        """`samplers` are those of source and target, None for a side whose pieces are those that are stored."""
        self.split = split
        self.seed = seed
        self.samplers = samplers

    def make_batch(self, rows: Rows, place: Cursor) -> Batch:
        """The batch of the pairs with these numbers, which has this place in training."""
        split = self.split.of_epoch(place.epoch)
        stored = [
            read_side(split.source_ids, split.source_offsets, rows),
            read_side(split.target_ids, split.target_offsets, rows),
        ]
        drawn = []
        for number, (sampler, side) in enumerate(zip(self.samplers, stored, strict=True), 1):
            # numpy does not tell the seeds [1, 2] and [1, 2, 0, 0] apart, and the order of batches has the former
            generator = np.random.PCG64([self.seed, *place, number])
            drawn.append(keep_pieces(*side) if sampler is None else sampler.sample(*side, generator))
        guide_BTS = None
        if split.links is not None:
            guide_BTS = make_guide(split.links, rows, stored[0].lengths_B, stored[1].lengths_B)
            guide_BTS = spread_guide(guide_BTS, stored, drawn)
        source, target = (Side(texts.ids_M, texts.lengths_B) for texts in drawn)
        return build_batch(source, target, guide_BTS)


def spread_guide(guide_BTS: Tensor, stored: Sequence[Side], drawn: Sequence[Segmentations]) -> Tensor:
    """The attention to learn for drawn pieces of source and target, from the one for stored pieces. -> guide_BTS

    A drawn piece has the links of all stored pieces with which it shares characters.
    """
    nowhere = max(guide_BTS.shape[1:])  # has no links
    linked_BTS = F.pad(
        (guide_BTS > 0).int(), (1, nowhere + 1 - guide_BTS.shape[2], 1, nowhere + 1 - guide_BTS.shape[1])
    )
    sums_BTS = linked_BTS.cumsum(1).cumsum(2)  # links up to a target and a source piece
    (first_sources, last_sources), (first_targets, last_targets) = (
        [pad_rows(ends_M, texts.lengths_B, side.lengths_B, nowhere) for ends_M in (texts.firsts_M, texts.lasts_M)]
        for side, texts in zip(stored, drawn, strict=True)
    )
    sentences_B11 = torch.arange(len(guide_BTS))[:, None, None]

    def count(targets_BT: Tensor, sources_BS: Tensor) -> Tensor:
        """The links of all stored pieces before some target and source pieces. -> counts_BTS"""
        return sums_BTS[sentences_B11, targets_BT[:, :, None], sources_BS[:, None, :]]

    above_BTS = count(first_targets, last_sources + 1) - count(first_targets, first_sources)
    counts_BTS = count(last_targets + 1, last_sources + 1) - count(last_targets + 1, first_sources) - above_BTS
    spread_BTS = (counts_BTS > 0).to(guide_BTS.dtype)
    return spread_BTS / spread_BTS.sum(2, keepdim=True).clamp(min=1)


def build_batch_sampler(prepared: PreparedCorpus, split: Split, settings: TrainSettings) -> BatchSampler | None:
    """The sampler of training batches that `settings` ask for, None if there is nothing to draw.

    Raises UsageError for a probability of dropout above 1.
    """
    strengths = {"sample_source": settings.sample_source, "sample_target": settings.sample_target}
    subwords = prepared.source_subword, prepared.target_subword
    longest = int(prepared.manifest.settings["max_length"])  # type: ignore[arg-type]
    samplers = []
    for (name, strength), subword in zip(strengths.items(), subwords, strict=True):
        if subword.is_bpe and strength > 1:
            raise UsageError(
                f"train.{name} = {strength:g} is the probability of BPE-dropout, because the subword models of "
                f"{prepared.path} are of the type bpe\n  It must be at most 1; 0.1 is usual"
            )
        samplers.append(build_sampler(subword, strength, longest) if strength else None)
    return BatchSampler(split, settings.seed, samplers) if any(strengths.values()) else None


def describe_sampling(prepared: PreparedCorpus, settings: TrainSettings) -> str:
    """`draws segmentations in each epoch: source by unigram sampling with alpha 0.2`; empty if there is nothing to."""
    names = prepared.manifest.source_lang, prepared.manifest.target_lang
    if settings.both_epochs:
        names = "sources", "targets"
    parts = [
        f"{name} by " + (f"BPE-dropout of {strength:g}" if subword.is_bpe else f"sampling with alpha {strength:g}")
        for name, strength, subword in (
            (names[0], settings.sample_source, prepared.source_subword),
            (names[1], settings.sample_target, prepared.target_subword),
        )
        if strength
    ]
    return f"draws other pieces each time a pair is read: {', '.join(parts)}" if parts else ""
