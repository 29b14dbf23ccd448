"""How many updates an epoch of training has, and which pairs it reads."""

from typing import NamedTuple

from nmt.data.batches import Batch, make_batch, survey_epoch
from nmt.data.prepared import PreparedCorpus
from nmt.data.split import Split
from nmt.errors import Option, UsageError
from nmt.progress import format_count
from nmt.settings import TrainSettings
from nmt.text.corpus import TAG


class EpochSizes(NamedTuple):
    """Updates in an epoch: `in_both` in each of the first `both_epochs`, which read both directions, then `in_one`.

    Other epochs of a kind may have slightly different numbers.
    """

    in_one: int
    both_epochs: int = 0
    in_both: int = 0

    def of_epoch(self, epoch: int) -> int:
        """The updates of an epoch."""
        return self.in_both if epoch < self.both_epochs else self.in_one

    def count(self, epochs: int) -> int:
        """The updates of the first `epochs`."""
        both = min(epochs, self.both_epochs)
        return both * self.in_both + (epochs - both) * self.in_one


def open_training_pairs(prepared: PreparedCorpus, settings: TrainSettings) -> Split:
    """The pairs to train on. Pairs whose source a model wrote are not turned around.

    Raises UsageError for both directions of a corpus whose languages have a vocabulary each, and what
    PreparedCorpus.open_split raises.
    """
    split = prepared.open_split("train", with_links=settings.guided_weight > 0)
    if not settings.both_epochs:
        return split
    if not prepared.manifest.joint:
        raise UsageError(
            f"train.both_epochs needs one vocabulary for both languages, and {prepared.path} has two\n  Prepare it "
            "with ",
            *(Option("joint", True), ", or set train.both_epochs=0"),
        )
    subword = prepared.source_subword
    return split.with_both_directions(settings.both_epochs, subword.encode(TAG) if TAG in subword.symbols else [])


def survey_epochs(split: Split, settings: TrainSettings) -> tuple[EpochSizes, Batch, str]:
    """The sizes of the epochs of a training, its first batch, and a description for a person."""
    both_epochs = split.both_epochs
    plan = split, settings.max_tokens, settings.seed
    one = survey_epoch(*plan, both_epochs)
    first = survey_epoch(*plan, 0) if both_epochs else one
    text = f"{format_count(len(split), 'pair')}, {format_count(one[0], 'batch')} per epoch, {one[1]:.1%} padding"
    if both_epochs:
        text += f"; both directions in {describe_first(both_epochs)}: {format_count(first[0], 'batch')}"
    in_both, in_one = (-(-batches // settings.accumulate) for batches, *_ in (first, one))
    return EpochSizes(in_one, both_epochs, in_both), make_batch(split.of_epoch(0), first[2]), text


def describe_first(epochs: int) -> str:
    """`the first epoch`, `each of the first 8 epochs`"""
    return "the first epoch" if epochs == 1 else f"each of the first {epochs:,} epochs"
