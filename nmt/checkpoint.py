"""A run folder on disk: settings, subword models, and checkpoints with weights and the state of training.

Loading a run executes no code from it: weights and optimizer states are safetensors, all other files JSON and TOML.
Every file that decides anything has a checksum: those of tensors are in checkpoint.json, those of the subword models in
run.json; the files of facts carry their own. If the program is killed, the previous checkpoint stays complete.
"""

import json
import math
import os
import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from nmt.errors import DamageError, FolderError, FormatError, Option, did_you_mean
from nmt.files import (
    LEFTOVER,
    hash_file,
    locate_folder,
    lock_exclusively,
    refuse_special_files,
    replace_folder,
    write_atomically,
)
from nmt.metadata import (
    ANOTHER,
    CHECKSUM,
    RESTORE,
    add_checksum,
    advise_version,
    check_facts,
    has_right_checksum,
    make_damage_error,
    parse_toml,
    read_object,
    read_text,
    remove_checksum,
)
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import format_count
from nmt.run_facts import CheckpointInfo
from nmt.run_facts import Count as Count
from nmt.run_facts import EmbeddingOrigin as EmbeddingOrigin
from nmt.run_facts import RunInfo as RunInfo
from nmt.run_facts import StartingPoint as StartingPoint
from nmt.settings import RunSettings, to_toml
from nmt.text.subword import Subword
from nmt.validation import check
from nmt.version import __version__

RUN_FORMAT_VERSION = 1
HEADER_BYTES = 2**20  # room for the header of a file of tensors
TENSOR_COPIES = {"weights.safetensors": 1, "training.safetensors": 3}  # numbers for each weight; Adam has two
PENDING = "pending"  # the tensor with the figures of updates that no whole log record has; see nmt.training.update
RAW = "weights."  # of tensors of training: the weights, where those of the checkpoint are their moving average
NUMBERED = re.compile(r"update-[0-9]{1,18}")


@dataclass(frozen=True)
class Run:
    """A run folder without its weights."""

    path: Path
    info: RunInfo
    settings: RunSettings
    source_subword: Subword
    target_subword: Subword

    @property
    def fingerprints(self) -> tuple[str, str]:
        """Those of the subword models of source and target."""
        return self.source_subword.fingerprint, self.target_subword.fingerprint

    def build_model(self, *, initialise: bool = True) -> Seq2Seq:
        """A model with this run's settings. Its weights are random, or undefined when `initialise` is False."""
        return Seq2Seq(self.settings.model, self.source_subword.size, self.target_subword.size, initialise=initialise)

    def outline_model(self) -> Seq2Seq:
        """That model without memory for its weights: its parameters have only names and shapes."""
        with torch.device("meta"):
            return self.build_model(initialise=False)


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run with the weights of one of its checkpoints, in evaluation mode."""

    model: Seq2Seq
    checkpoint: str


def create_run(
    path: Path,
    settings: RunSettings,
    info: RunInfo,
    source_subword: Subword,
    target_subword: Subword,
    *,
    may_resume: bool = False,
) -> Run:
    """Make a new run folder, in place of an empty folder or of a run whose training has only begun.

    Raises FolderError when `path` has anything else, or another program trains there; with `may_resume` it tells how a
    run is continued.
    """
    is_begun = has_only_begun(path)
    if path.exists() and not is_begun and (not path.is_dir() or any(path.iterdir())):
        is_run = (path / "run.json").exists()
        raise FolderError(
            f"{path} already holds {'a run' if is_run else 'something else'}\n  Name another ",
            *(Option("out"), *(("; ", Option("resume"), " continues a run") if is_run and may_resume else ())),
        )
    info = info.model_copy(
        update={"created": time.time(), "nmt_version": __version__, "torch_version": torch.__version__}
    )
    lock = lock_exclusively(path, path) if is_begun else nullcontext()
    with lock, replace_folder(path) as folder:
        (folder / "settings.toml").write_text(to_toml(settings), encoding="utf-8")
        (folder / "source.model").write_bytes(source_subword.model_bytes)
        if not info.joint:
            (folder / "target.model").write_bytes(target_subword.model_bytes)
        text = json.dumps(add_checksum(info.model_dump()), indent=2)
        (folder / "run.json").write_text(text + "\n", encoding="utf-8")
    return Run(path, info, settings, source_subword, target_subword)


def has_only_begun(path: Path) -> bool:
    """Whether a folder is a run without any checkpoint, and nothing else: training ended before its first one."""
    ours = {
        "run.json",
        "settings.toml",
        "source.model",
        "target.model",
        "log.jsonl",
        "events",
        "curve.png",
        "history.jsonl",
        "profile.json.gz",
    }
    names = {file.name for file in path.iterdir() if not LEFTOVER.fullmatch(file.name)} if path.is_dir() else set()
    return "run.json" in names and names <= ours


def read_run(path: Path) -> Run:
    """Read a run folder, without its weights.

    Raises FolderError when `path` is not a run folder, FormatError for another format version, and DamageError for a
    file that has changed, among them a subword model that is not the one that the run was trained with.
    """
    if not (path / "run.json").exists():
        what = "is not a run folder" if path.exists() else "does not exist"
        hint: list[str | Option] = ["A run is a folder that `nmt train` writes; it has a file run.json"]
        if (path / "checkpoint.json").exists():
            hint = [f"It is a checkpoint of a run: use {path.parent} with ", Option("checkpoint", path.name)]
        raise FolderError(f"{path} {what}\n  ", *hint)
    refuse_special_files(path, allow_links=True)
    facts = read_json(path / "run.json")
    if facts.get("format_version") != RUN_FORMAT_VERSION:
        raise FormatError(
            f"{path} has format version {str(facts.get('format_version'))[:40]}, and this version of nmt, "
            f"{__version__}, reads {RUN_FORMAT_VERSION}\n  {advise_version(facts)}"
        )
    info = check_facts(RunInfo, facts, path / "run.json", [RESTORE])
    source_subword = Subword.read(path / "source.model", info.source_fingerprint)
    target_subword = source_subword
    if not info.joint:
        target_subword = Subword.read(path / "target.model", info.target_fingerprint)
    elif info.target_fingerprint != info.source_fingerprint:
        why = "joint is true, and the fingerprints of source and target differ"
        raise make_damage_error(path / "run.json", why, [RESTORE])
    settings = read_settings(path / "settings.toml", has_checksum=CHECKSUM in facts)
    return Run(path, info, settings, source_subword, target_subword)


def read_settings(path: Path, *, has_checksum: bool) -> RunSettings:
    """The settings of a run. `has_checksum` is False for a run that a version without checksums may have written.

    Raises DamageError when the file has changed, and SettingsError for settings that this version cannot use.
    """
    try:
        text = read_text(path)
        tables = parse_toml(text)
    except (OSError, ValueError) as error:
        raise make_damage_error(path, getattr(error, "strerror", None) or str(error), [RESTORE]) from error
    if not has_right_checksum(text, is_required=has_checksum):
        raise DamageError(
            f"{path} has changed since nmt wrote it\n  Undo the change, or restore the file from a copy. Some settings "
            "may change when the run is resumed: ",
            *(Option("resume", True), " ", Option("set", "train.patience=5")),
        )
    return check(RunSettings, tables, str(path))


def load_run(path: Path | str, which: str = "best") -> LoadedRun:
    """Load a run with the weights of the checkpoint `which`: best, last, or a numbered one such as update-000500.

    Before the first validation there is no best checkpoint; then `best` stands for the last one. The weights stay
    memory-mapped: processes on one machine share them, and changes are not written.
    """
    run = read_run(Path(path))
    names = list_checkpoints(run.path)
    if which == "best" and "best" not in names and "last" in names:
        which = "last"
    if which not in names:
        existing = f"It has {', '.join(names)}" if names else "It has no checkpoints yet: train first"
        raise FolderError(f'{path} has no checkpoint "{which}"{did_you_mean(which, names)}\n  {existing}')
    with torch.random.fork_rng([]):  # PyTorch's layers draw random weights when they are built
        weights = read_weights(run.outline_model(), run.path / which)
        model = run.build_model(initialise=False)
    model.load_state_dict(weights, strict=False, assign=True)  # of tied embeddings the file has only one
    return LoadedRun(run.path, run.info, run.settings, run.source_subword, run.target_subword, model.eval(), which)


def list_checkpoints(path: Path) -> list[str]:
    """The names of a run's checkpoints: best, last, then the numbered ones, oldest first."""
    names = [name for name in ("best", "last") if locate_folder(path / name).exists()]
    return names + [folder.name for folder in list_numbered_checkpoints(path)]


def list_numbered_checkpoints(path: Path) -> list[Path]:
    """The folders of a run's numbered checkpoints, oldest first."""
    folders = [folder for folder in path.glob("update-*") if NUMBERED.fullmatch(folder.name)]
    return sorted(folders, key=lambda folder: int(folder.name.removeprefix("update-")))


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


def read_checkpoint_info(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's `checkpoint.json`. Raises DamageError when it has changed."""
    path = locate_folder(folder) / "checkpoint.json"
    facts = read_json(path)
    check_facts(CheckpointInfo, facts, path, [ANOTHER])
    return remove_checksum(facts)


def update_checkpoint_info(folder: Path, facts: Mapping[str, Any]) -> None:
    """Change some of the facts in a checkpoint's `checkpoint.json`."""
    text = json.dumps(add_checksum({**read_checkpoint_info(folder), **facts}), indent=2)
    with write_atomically(folder / "checkpoint.json") as file:
        file.write(text + "\n")


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


def check_size(path: Path, shapes: Mapping[str, tuple[int, ...]], copies: int) -> None:
    """Raise DamageError when a file is larger than so many `copies` of a model, before it is read."""
    most = 4 * copies * sum(map(math.prod, shapes.values())) + HEADER_BYTES
    if path.is_file() and path.stat().st_size > most:
        raise make_damage_error(path, f"it has {path.stat().st_size:,} bytes, too many for this model")


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


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of facts, with its checksum. Raises DamageError when it has none."""
    try:
        return read_object(path)
    except ValueError as error:
        raise make_damage_error(path, str(error)) from error
