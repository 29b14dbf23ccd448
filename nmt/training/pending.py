"""Updates that no whole log record is about: their figures in a log record, and how a checkpoint keeps them.

So a training that stops between two log records writes the same ones as a training that does not.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from nmt.data.batches import Cursor
from nmt.files import locate_folder
from nmt.metadata import make_damage_error
from nmt.progress import format_count
from nmt.settings import TrainSettings
from nmt.training.health import UpdateRecord
from nmt.training.update import Updater, UpdateSums
from nmt.weights import PENDING

FIGURES = 11  # of an update, before the norms of its gradients; its divergence is after them


def summarise(updates: Sequence[UpdateRecord], settings: TrainSettings) -> dict[str, float]:
    """The means of some updates: `loss`, `perplexity`, and `guided_loss` and `consistency_loss` where there are any.

    The last two are not multiplied by their weights. `unchanged` is how many of them changed nothing, if any did.
    """
    sums = [update.sums for update in updates]
    tokens = sum(one.tokens for one in sums)
    means = {
        "loss": float(torch.stack([one.loss for one in sums]).cpu().sum()) / tokens,
        "perplexity": math.exp(min(float(torch.stack([one.nll for one in sums]).sum()) / tokens, 700)),
    }
    if settings.guided_weight:
        guided, linked = (torch.stack([getattr(one, name) for one in sums]).sum() for name in ("guided", "linked"))
        if linked:  # the weight of guided attention may have decayed to nothing
            means["guided_loss"] = float(guided / linked)
    if settings.consistency != "none":
        means["consistency_loss"] = float(torch.stack([one.divergence for one in sums]).sum()) / tokens
    if unchanged := sum(bool(update.sums.is_unchanged) and update.rate > 0 for update in updates):
        means["unchanged"] = unchanged
    return means


def pack_updates(updates: Sequence[UpdateRecord]) -> Tensor:
    """The figures of some updates in one tensor of float64, which represents all of them exactly: a row for each."""
    rows = []
    for sums, rate, begin, batches, _ in updates:
        tensors = [float(one) for one in (sums.loss, sums.nll, sums.guided, sums.linked, sums.is_unchanged)]
        figures = [*tensors, sums.tokens, sums.split_from, rate, *begin, batches]
        rows.append([*figures, *sums.norms_P.tolist(), float(sums.divergence)])
    return torch.tensor(rows, dtype=torch.float64)


def unpack_updates(packed: Tensor, device: torch.device) -> list[UpdateRecord]:
    """The updates that `pack_updates` packed."""
    updates = []
    for row, numbers in zip(packed.float().to(device), packed.tolist(), strict=True):
        loss, nll, guided, linked, unchanged = row[:5]
        tokens, split_from, rate, epoch, batch, batches = numbers[5:FIGURES]
        sums = UpdateSums(
            *(loss, nll, int(tokens), guided, linked, row[-1], row[FIGURES:-1], unchanged.bool()),
            split_from=int(split_from),
        )
        updates.append(UpdateRecord(sums, rate, Cursor(int(epoch), int(batch)), int(batches), is_counted=True))
    return updates


def read_pending(folder: Path, tensors: Mapping[str, Tensor], count: int, updater: Updater) -> list[UpdateRecord]:
    """The last `count` updates of a run folder, from the tensors of its checkpoint `last`.

    Raises DamageError when they do not have the figures of so many.
    """
    packed = tensors.get(PENDING, torch.zeros(0))
    if count == len(packed) == 0:
        return []
    width = FIGURES + len(updater.parameter_names) + 1
    if packed.shape == (count, width - 1):  # an older version, which had no consistency
        packed = F.pad(packed, (0, 1))
    if packed.shape != (count, width):
        why = f"it lacks the figures of {format_count(count, 'update')} without a log record"
        raise make_damage_error(locate_folder(folder / "last") / "training.safetensors", why)
    return unpack_updates(packed, updater.device)
