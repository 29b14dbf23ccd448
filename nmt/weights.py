"""The tensors of checkpoints: weights, and the state of training. They are safetensors files, with checksums elsewhere.

Here torch is loaded; nmt.checkpoint reads all else of a run.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from nmt.checkpoint import (
    TENSOR_COPIES,
    Run,
    check_size,
    create_run,
    list_numbered_checkpoints,
    read_checkpoint_info,
    read_run,
)
from nmt.errors import DamageError, FolderError, Option
from nmt.files import hash_file, locate_folder, replace_folder
from nmt.metadata import add_checksum, make_damage_error
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import format_count

PENDING = "pending"  # the tensor with the figures of updates that no whole log record has; see nmt.training.update
RAW = "weights."  # of tensors of training: the weights, where those of the checkpoint are their moving average


def build_model(run: Run, *, initialise: bool = True) -> Seq2Seq:
    """A model with a run's settings. Its weights are random, or undefined when `initialise` is False."""
    return Seq2Seq(run.settings.model, run.source_subword.size, run.target_subword.size, initialise=initialise)


def outline_model(run: Run) -> Seq2Seq:
    """That model without memory for its weights: its parameters have only names and shapes."""
    with torch.device("meta"):
        return build_model(run, initialise=False)


def read_model(run: Run, checkpoint: str) -> Seq2Seq:
    """The model of a run with the weights of a checkpoint, in evaluation mode.

    The weights stay memory-mapped: processes on one machine share them, and changes are not written. Raises DamageError
    as read_weights does.
    """
    with torch.random.fork_rng([]):  # PyTorch's layers draw random weights when they are built
        weights = read_weights(outline_model(run), run.path / checkpoint)
        model = build_model(run, initialise=False)
    model.load_state_dict(weights, strict=False, assign=True)  # of tied embeddings the file has only one
    return model.eval()


def save_checkpoint(
    folder: Path, weights: Mapping[str, Tensor], facts: Mapping[str, Any], training: Mapping[str, Tensor] | None = None
) -> None:
    """Write a checkpoint folder atomically: weights, `facts` in checkpoint.json and, if given, `training` tensors."""
    with replace_folder(folder) as temporary:
        on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        (temporary / "weights.safetensors").write_bytes(dump_tensors(on_cpu))  # save_file ignores that a disk is full
        if training is not None:
            (temporary / "training.safetensors").write_bytes(dump_tensors(dict(training)))
        sums = {file.name: hash_file(file) for file in sorted(temporary.iterdir())}
        text = json.dumps(add_checksum({"sha256": sums, **facts}), indent=2)
        (temporary / "checkpoint.json").write_text(text + "\n", encoding="utf-8")


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint, memory-mapped where its path is UTF-8.

    Raises DamageError when its checksum is wrong.
    """
    path = locate_folder(folder) / name
    expected = read_checkpoint_info(folder)["sha256"].get(name)
    if not path.is_file() or hash_file(path) != expected:
        raise make_damage_error(path, "its checksum is not the one in checkpoint.json")
    try:
        os.fspath(path).encode()
        tensors = load_tensors(path)
    except UnicodeEncodeError:  # safetensors takes paths in UTF-8 only
        tensors = parse_tensors(path.read_bytes())
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise make_damage_error(path, f"its tensors cannot be read: {error}") from error
    return {update_parameter_name(key): value for key, value in tensors.items()}


def find_damage(checkpoint: Path) -> str:
    """What is wrong with the files of a checkpoint, compared with their checksums. Empty if nothing is."""
    try:
        for name in read_checkpoint_info(checkpoint)["sha256"]:
            read_tensors(checkpoint, name)
    except DamageError as error:
        return str(error).partition("\n")[0]
    return ""


def update_parameter_name(parameter: str) -> str:
    """The present name of a parameter, from a name that an older version of nmt may have written."""
    return parameter.replace(".attention.kinds.", ".attention.branches.").replace(".cover.", ".coverage_weight.")


def read_weights(model: nn.Module, folder: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint for a model of the same settings, which may be an outline.

    Raises DamageError when they are not weights of such a model.
    """
    path = locate_folder(folder) / "weights.safetensors"
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    check_size(path, shapes, copies=1)
    weights = read_tensors(folder, path.name)
    if shapes != {name: tuple(tensor.shape) for name, tensor in weights.items()}:
        raise make_damage_error(path, "its tensors do not fit the model in settings.toml, which may have been changed")
    for name, tensor in weights.items():
        if tensor.dtype != torch.float32:
            raise make_damage_error(path, f"{name} has the type {tensor.dtype}, and weights have torch.float32")
    return weights


def load_weights(model: nn.Module, folder: Path) -> None:
    """Load the weights of a checkpoint into a model with the same settings. Raises DamageError as read_weights does."""
    weights = read_weights(model, folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])


def read_training_tensors(folder: Path, model: nn.Module) -> dict[str, Tensor]:
    """Optimizer and random generators of a checkpoint to resume from. Raises DamageError when they do not fit `model`.

    A parameter has no averages of gradients before its first update.
    """
    path = locate_folder(folder) / "training.safetensors"
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters.items()}
    check_size(path, shapes, TENSOR_COPIES[path.name])
    tensors = read_tensors(folder, path.name)
    found = {
        name: (tuple(tensor.shape), tensor.dtype)
        for name, tensor in tensors.items()
        if "random." not in name and name != PENDING
    }
    expected: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}
    for name, shape in shapes.items():
        if f"optimizer.{name}.step" in found:
            sizes = {"step": (), "exp_avg": shape, "exp_avg_sq": shape}
            expected |= {f"optimizer.{name}.{key}": (size, torch.float32) for key, size in sizes.items()}
    if any(name.startswith(RAW) for name in found):
        expected |= {RAW + name: (shape, torch.float32) for name, shape in shapes.items()}
    if found != expected or "random.cpu" not in tensors:
        raise make_damage_error(path, "its tensors are not those of an optimizer of the model in settings.toml")
    return tensors


def average_run(path: Path, last: int, out: Path) -> list[str]:
    """Write a run to `out` whose weights are the mean of the last checkpoints of another run. -> their names

    `last` is the number of numbered checkpoints to average.
    """
    run = read_run(path)
    folders = list_numbered_checkpoints(path)[-last:]
    if len(folders) < last:
        raise FolderError(
            f"{path} has {format_count(len(folders), 'numbered checkpoint')}, fewer than ",
            Option("last", last),
            "\n  The setting train.keep is the number of checkpoints that training keeps",
        )
    mean: dict[str, Tensor] = {}
    for folder in folders:
        for name, tensor in read_tensors(folder, "weights.safetensors").items():
            mean[name] = mean.get(name, 0) + tensor.double() / last
    create_run(out, run.settings, run.info, run.source_subword, run.target_subword)
    names = [folder.name for folder in folders]
    weights = {name: tensor.float() for name, tensor in mean.items()}
    save_checkpoint(out / "best", weights, {"update": read_checkpoint_info(folders[-1])["update"], "average_of": names})
    return names
