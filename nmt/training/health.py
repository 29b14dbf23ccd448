"""Numerical health of training: updates that change nothing, losses that are not numbers, and collapsed attention.

Each is described to a person with what is known about its cause, and what to do about it.
"""

# P parameters   B sentences   T target positions   S source positions

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.checkpoint import list_checkpoints, read_checkpoint_info
from nmt.data.batches import Batch, Cursor, Rows, plan_epoch
from nmt.data.split import Split
from nmt.errors import Option, TrainingError
from nmt.ids import PAD
from nmt.progress import format_count
from nmt.settings import TrainSettings
from nmt.training.state import TrainingState
from nmt.training.update import UpdateSums

SHOWN_LINES = 40  # of a batch in a message
SHOWN_PARAMETERS = 3
COLLAPSED_SHARE = 0.95  # of all attention, on one position
COLLAPSED_BITS = 0.5  # mean entropy of the attention of a target position, below which it is on one source position
TOO_SMALL = "no parameter is another number after it"  # why an update changed nothing
MIN_POSITIONS = 20  # target positions, fewer of which show nothing


class UpdateRecord(NamedTuple):
    """An update that has been made: its sums, its learning rate, and its batches, which are those from `begin` on.

    `is_counted` is whether `HealthCheck.count_unchanged` has counted it: before a stop.
    """

    sums: UpdateSums
    rate: float
    begin: Cursor
    batches: int
    is_counted: bool = False


@dataclass(frozen=True)
class HealthCheck:
    """Finds updates that changed nothing, and the pairs and parameters that they were about.

    An update changes nothing if its gradients are zero or not finite, so that they are not used, or if no parameter is
    another number after it. `parameter_names` are in the order of `UpdateSums.norms_P`. `dropped` is the number of
    training pairs that preparing left out, which makes pairs and lines of text differ.
    """

    folder: Path
    split: Split
    settings: TrainSettings
    parameter_names: Sequence[str]
    dropped: int

    def count_unchanged(self, state: TrainingState, updates: Sequence[UpdateRecord]) -> tuple[TrainingState, str]:
        """Count those of the last `updates` that changed nothing, each once. -> the state after them, and a note or ""

        There is a note at each power of two. Raises TrainingError after `settings.max_unchanged` in a row, and for the
        first update whose loss is not a number.
        """
        updates = [update for update in updates if not update.is_counted]
        if not updates:
            return state, ""
        finite = torch.stack([update.sums.loss for update in updates]).isfinite().tolist()
        unchanged = torch.stack([update.sums.is_unchanged for update in updates]).tolist()
        first, note = state.update - len(updates) + 1, ""
        for number, update in enumerate(updates, first):
            if not finite[number - first]:
                raise self.make_error(f"the loss of update {number:,} is not a number", update)
            if not unchanged[number - first] or not update.rate:  # a schedule may end with a learning rate of zero
                state = replace(state, unchanged_in_row=0)
                continue
            count = state.unchanged + 1
            state = replace(state, unchanged=count, unchanged_in_row=state.unchanged_in_row + 1)
            reason = find_reason(update.sums)
            if 0 < self.settings.max_unchanged <= state.unchanged_in_row:  # it may have been lowered since
                counted = format_count(state.unchanged_in_row, "update")
                what = f"{counted} in a row changed nothing, the last of them update {number:,}: {reason}"
                raise self.make_error(what, update, is_too_small=reason == TOO_SMALL)
            if count & (count - 1) == 0:
                so_far = f"; {format_count(count, 'such update')} so far" if count > 1 else ""
                note = f"update {number:,} changed nothing: {reason}{so_far}"
        return state, note

    def make_error(
        self,
        what: str,
        update: UpdateRecord | None = None,
        parameters: Sequence[str] = (),
        *,
        is_too_small: bool = False,
    ) -> TrainingError:
        """The error that ends training because of `what`: its batch, its parameters, and what to do next.

        `is_too_small` is whether larger updates are what helps.
        """
        lines = []
        if update is not None:
            lines.append(f"its batch: {self.describe_rows(self.find_rows(update.begin, update.batches))}")
            norms = dict(zip(self.parameter_names, update.sums.norms_P.tolist(), strict=True))
            largest = sorted(norms, key=lambda name: (math.isfinite(norms[name]), -norms[name]))[:SHOWN_PARAMETERS]
            lines.append(f"largest gradients: {', '.join(f'{name} {norms[name]:.2g}' for name in largest)}")
        elif parameters:
            more = f" and {len(parameters) - SHOWN_PARAMETERS} more" if len(parameters) > SHOWN_PARAMETERS else ""
            lines.append(f"its parameters: {', '.join(parameters[:SHOWN_PARAMETERS])}{more}")
        remedies: list[str | Option] = [*self.list_smaller_updates()]
        parts: list[str | Option] = [f"{self.folder} has no checkpoint yet and can be removed. Train again with "]
        if "last" in list_checkpoints(self.folder):
            saved = read_checkpoint_info(self.folder / "last")["update"]
            text = f"{self.folder / 'last'} is unchanged and has update {saved:,}. Continue from it with "
            parts = [text, Option("resume", True), " and "]
        else:
            remedies.append("a longer train.warmup")
        if self.settings.precision != "float32":
            remedies.append(Option("precision", "float32"))
        if update is not None and is_too_small:
            remedies = [*self.list_larger_updates(update.rate)]
        parts += join_remedies(remedies)
        parts.append(", and look at these pairs" * (update is not None))
        return TrainingError(what, *(f"\n  {line}" for line in lines), "\n  ", *parts)

    def make_divergence_error(self, update: int) -> TrainingError:
        """The error that ends training because the weights after `update`, which are saved, predict no numbers."""
        found = [
            f"training has diverged: after update {update:,} the model predicts what is not a finite number\n"
            f"  Train again in another folder, with {', '.join(self.list_smaller_updates())} or a longer "
            f"train.warmup (now {self.settings.warmup:,})"
        ]
        if "best" in list_checkpoints(self.folder):
            best = read_checkpoint_info(self.folder / "best")["update"]
            return TrainingError(*found, f"; update {best:,} is a start: ", Option("start_from", self.folder))
        return TrainingError(*found)

    def list_smaller_updates(self) -> list[str]:
        """Settings with which updates change less."""
        clip = f"a smaller train.clip (now {self.settings.clip:g})" if self.settings.clip else "train.clip=1"
        return [f"a lower train.learning_rate (now {self.settings.learning_rate:g})", clip]

    def list_larger_updates(self, rate: float) -> list[str]:
        """Settings with which updates change more than one whose learning rate was `rate`."""
        peak = self.settings.learning_rate
        found = [f"a higher train.learning_rate (now {peak:g}{f', and {rate:g} in this update' * (rate < peak)})"]
        if self.settings.clip:
            found.append(f"a larger train.clip (now {self.settings.clip:g})")
        return found

    def find_rows(self, begin: Cursor, batches: int) -> Rows:
        """The numbers of the pairs of some batches, each once."""
        plan = plan_epoch(self.split, self.settings.max_tokens, self.settings.seed, begin.epoch)
        return self.split.find_pairs(np.concatenate(list(islice(plan, begin.batch, begin.batch + batches))))

    def describe_rows(self, rows: Rows) -> str:
        """`lines 3, 17 and 20 of the training text`, or of the training pairs that were kept, where lines differ."""
        numbers = [f"{row + 1:,}" for row in sorted(rows.tolist())]
        more = len(numbers) - SHOWN_LINES
        shown = numbers[:SHOWN_LINES] + ([f"{more:,} more"] if more > 0 else [])
        listed = ", ".join(shown[:-1]) + " and " * (len(shown) > 1) + shown[-1]
        plural = "s" if len(numbers) > 1 else ""
        if not self.dropped:
            return f"line{plural} {listed} of the training text"
        return f"pair{plural} {listed} of the {len(self.split):,} that were kept, after {self.dropped:,} were dropped"


def find_reason(sums: UpdateSums) -> str:
    """Why an update changed nothing."""
    norm = float(torch.linalg.vector_norm(sums.norms_P))
    if not math.isfinite(norm):
        return "its gradients are not finite"
    return TOO_SMALL if norm else "its gradients are zero"


def join_remedies(remedies: Sequence[str | Option]) -> list[str | Option]:
    """Parts of a message: `one, another or a third`."""
    signs = [", "] * (len(remedies) - 2) + [" or "] * (len(remedies) > 1) + [""]
    return [part for both in zip(remedies, signs, strict=True) for part in both]


class AttentionSums:
    """Sums over the attention of a validation set, from which `describe_collapse` tells whether it has collapsed.

    Only pairs with two words or more on each side count: attention to one word is right where there is only one.
    """

    def __init__(self) -> None:
        self.positions = 0
        self.bits = 0.0
        self.weights: dict[str, Tensor] = {}  # of each source position, counted from the beginning and from the end

    def add(self, attention_BTS: Tensor, batch: Batch) -> None:
        """Add the attention at every target position of a batch."""
        kept_B = (batch.source_lengths_B > 2) & (batch.target_lengths_B > 2)  # EOS is one
        if not attention_BTS.shape[2] or not bool(kept_B.any()):
            return
        real_BT = (batch.target_BT != PAD) & kept_B[:, None]
        attention_BTS = attention_BTS.float() * real_BT[:, :, None]
        entropy = torch.special.entr(attention_BTS).sum()
        weight_BS = attention_BTS.sum(1)
        from_end_BS = (
            batch.source_lengths_B[:, None] - 1 - torch.arange(weight_BS.shape[1], device=weight_BS.device)
        ).clamp_min(0)
        reversed_S = torch.zeros_like(weight_BS[0]).index_add_(0, from_end_BS.flatten(), weight_BS.flatten())
        self.positions += int(real_BT.sum())
        self.bits += float(entropy) / math.log(2)
        for side, weight_S in (("beginning", weight_BS.sum(0)), ("end", reversed_S)):
            self.weights[side] = add_padded(self.weights.get(side, weight_S.new_zeros(0).cpu()), weight_S.cpu())

    def describe_collapse(self) -> str:
        """What a collapse of attention is, and what to do about it; "" if there is none."""
        if self.positions < MIN_POSITIONS or self.bits / self.positions > COLLAPSED_BITS:
            return ""
        side = max(self.weights, key=lambda side: float(self.weights[side].max()))
        total, place = float(self.weights[side].sum()), int(self.weights[side].argmax())
        share = float(self.weights[side][place]) / total if total else 0.0
        if share <= COLLAPSED_SHARE:
            return ""
        where = "the end of the sentence (</s>)" if (side, place) == ("end", 0) else f"piece {place + 1} of the source"
        if side == "end" and place:
            where = f"piece {place} of the source from the end"
        return (
            f"attention has collapsed: {100 * share:.1f} % of it in validation is on {where}, whatever the target word "
            f"(mean entropy {self.bits / self.positions:.2f} bits). Translations then depend on other source words "
            "through the encoder alone. If later validations are no better, train with a lower train.learning_rate, "
            "another model.attention, such as luong-concat, or word alignments and train.guided_weight"
        )


def add_up(parts: Sequence[AttentionSums]) -> AttentionSums:
    """The sums over several parts of a validation set, in their order."""
    total = AttentionSums()
    for part in parts:
        total.positions += part.positions
        total.bits += part.bits
        for side, weight_S in part.weights.items():
            total.weights[side] = add_padded(total.weights.get(side, weight_S.new_zeros(0)), weight_S)
    return total


def add_padded(one_S: Tensor, other_S: Tensor) -> Tensor:
    """The sum of two vectors, of which the shorter is filled with zeros."""
    size = max(len(one_S), len(other_S))
    return sum((torch.nn.functional.pad(part, (0, size - len(part))) for part in (one_S, other_S)), torch.zeros(size))
