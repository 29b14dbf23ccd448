"""The checkpoint `last`: all that a training needs to go on as if it had not stopped."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nmt.checkpoint import PENDING, load_weights, read_training_tensors, save_checkpoint
from nmt.files import locate_folder
from nmt.metadata import make_damage_error
from nmt.training.health import UpdateRecord
from nmt.training.pending import pack_updates, read_pending
from nmt.training.random_states import collect_random_states, restore_random_states
from nmt.training.state import TrainingState
from nmt.training.update import Updater


def save_last(folder: Path, updater: Updater, state: TrainingState, pending: Sequence[UpdateRecord]) -> None:
    """Save the checkpoint `last` of a run folder. All processes of a group call this, and rank 0 writes.

    `pending` are the updates that no whole log record is about.
    """
    tensors = collect_random_states(updater.group, updater.device)
    if not updater.group.is_main:
        return
    if pending:
        tensors[PENDING] = pack_updates(pending)
    for name, parameter in updater.model.named_parameters():
        for key, value in updater.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}.{key}"] = value.detach().cpu().contiguous()
    facts = {"update": state.update, "place": asdict(state)}
    save_checkpoint(folder / "last", dict(updater.model.named_parameters()), facts, tensors)


def load_last(folder: Path, updater: Updater, state: TrainingState) -> tuple[list[UpdateRecord], str]:
    """Load weights, optimizer and random generators of the checkpoint `last`, which has `state` and rank 0 reads.

    -> the updates that no whole log record is about, and a note if it was trained by another number of processes

    Raises DamageError when it lacks something.
    """
    last, group = folder / "last", updater.group
    if group.is_main:
        load_weights(updater.model, last)
    group.share_parameters(updater.model)
    tensors = group.share(lambda: read_training_tensors(last, updater.model))
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
