"""The checkpoint `last`: all that a training needs to go on as if it had not stopped."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.files import locate_folder
from nmt.metadata import make_damage_error
from nmt.training.averaging import WeightAverage
from nmt.training.health import UpdateRecord
from nmt.training.pending import pack_updates, read_pending
from nmt.training.random_states import collect_random_states, restore_random_states
from nmt.training.state import TrainingState
from nmt.training.update import Updater
from nmt.weights import PENDING, RAW, load_weights, read_training_tensors, save_checkpoint


def save_last(
    folder: Path,
    updater: Updater,
    average: WeightAverage | None,
    state: TrainingState,
    pending: Sequence[UpdateRecord],
) -> None:
    """Save the checkpoint `last` of a run folder. All processes of a group call this, and rank 0 writes.

    Like every checkpoint it has the weights to translate with. Where they are an `average`, those that training goes
    on with are among the tensors of training. `pending` are the updates that no whole log record is about.
    """
    tensors = collect_random_states(updater.group, updater.device)
    if not updater.group.is_main:
        return
    if pending:
        tensors[PENDING] = pack_updates(pending)
    for name, parameter in updater.model.named_parameters():
        for key, value in updater.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().contiguous()
    weights: dict[str, Tensor] = dict(updater.model.named_parameters())
    facts: dict[str, Any] = {"update": state.update, "place": asdict(state)}
    if average is not None:
        tensors |= {RAW + name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
        weights, facts = average.averages, facts | {"average_decay": average.decay}
    save_checkpoint(folder / "last", weights, facts, tensors)


def load_last(
    folder: Path, updater: Updater, average: WeightAverage | None, state: TrainingState
) -> tuple[list[UpdateRecord], str]:
    """Load weights, optimizer and random generators of the checkpoint `last`, which has `state` and rank 0 reads.

    Where there is an `average`, it is loaded too.

    -> the updates that no whole log record is about, and a note if it was trained by another number of processes

    Raises DamageError when it lacks something.
    """
    last, group = folder / "last", updater.group
    if group.is_main:
        load_weights(updater.model, last)
    group.share_parameters(updater.model)
    tensors = group.share(lambda: read_training_tensors(last, updater.model))
    if (average is not None) != any(key.startswith(RAW) for key in tensors):
        why = "its tensors do not fit train.average in settings.toml"
        raise make_damage_error(locate_folder(last) / "training.safetensors", why)
    if average is not None:
        average.exchange()  # what was loaded is the average
        with torch.no_grad():
            for name, weight in average.weights.items():
                weight.copy_(tensors[RAW + name])
    for name, parameter in updater.model.named_parameters():
        prefix = f"optimizer.{name}."
        moments = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        if moments:
            updater.optimizer.state[parameter] = {
                key: value if key == "step" and updater.device.type == "cpu" else value.to(updater.device)
                for key, value in moments.items()
            }
    try:
        note = restore_random_states(tensors, group, updater.device, updater.settings.seed, state.update)
    except (TypeError, RuntimeError) as error:
        why = f"it has no state of a random generator: {error}"
        raise make_damage_error(locate_folder(last) / "training.safetensors", why) from error
    return read_pending(folder, tensors, state.unlogged, updater), note
