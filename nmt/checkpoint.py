"""A run folder on disk: settings, subword models, and checkpoints with weights and the state of training.

Loading a run executes no code from it: weights and optimizer states are safetensors, all other files JSON and TOML.
Every file of a checkpoint has a checksum. If the program is killed, the previous checkpoint stays complete.
"""

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError
from safetensors.torch import load as parse_tensors
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from nmt.errors import DamageError, FolderError, FormatError, Option, did_you_mean
from nmt.files import (
    hash_file,
    locate_folder,
    lock_exclusively,
    refuse_special_files,
    replace_folder,
    write_atomically,
)
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import format_figure
from nmt.settings import RunSettings, read_settings, to_toml
from nmt.text.subword import Subword

RUN_FORMAT_VERSION = 1


class RunInfo(BaseModel):
    """The content of a run folder's `run.json`. `is_source_unspaced`: whether the text has no blanks between words."""

    format_version: int
    source_lang: str
    target_lang: str
    joint: bool
    source_fingerprint: str
    target_fingerprint: str
    data_fingerprint: str
    is_source_unspaced: bool | None = None  # None: the run is older than this field
    is_target_unspaced: bool | None = None


@dataclass(frozen=True)
class Run:
    """A run folder without its weights."""

    path: Path
    info: RunInfo
    settings: RunSettings
    source_subword: Subword
    target_subword: Subword

    def build_model(self, *, initialise: bool = True) -> Seq2Seq:
        """A model with this run's settings. Its weights are random, or undefined when `initialise` is False."""
        return Seq2Seq(self.settings.model, self.source_subword.size, self.target_subword.size, initialise=initialise)


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run with the weights of one of its checkpoints, in evaluation mode."""

    model: Seq2Seq
    checkpoint: str


def create_run(
    path: Path, settings: RunSettings, info: RunInfo, source_subword: Subword, target_subword: Subword
) -> Run:
    """Make a new run folder, in place of an empty folder or of a run whose training has only begun.

    Raises FolderError when `path` has anything else, or another program trains there.
    """
    is_begun = has_only_begun(path)
    if path.exists() and not is_begun and (not path.is_dir() or any(path.iterdir())):
        what = "a run" if (path / "run.json").exists() else "something else"
        raise FolderError(
            f"{path} already holds {what}\n  Name another ",
            *(Option("out"), "; ", Option("resume"), " continues a run"),
        )
    lock = lock_exclusively(path, path) if is_begun else nullcontext()
    with lock, replace_folder(path) as folder:
        (folder / "settings.toml").write_text(to_toml(settings), encoding="utf-8")
        (folder / "source.model").write_bytes(source_subword.model_bytes)
        if not info.joint:
            (folder / "target.model").write_bytes(target_subword.model_bytes)
        (folder / "run.json").write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
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
        ".last.new",
    }
    return (path / "run.json").is_file() and {file.name for file in path.iterdir()} <= ours


def read_run(path: Path) -> Run:
    """Read a run folder, without its weights.

    Raises FolderError when `path` is not a run folder, FormatError for another format version, and DamageError when a
    subword model is not the one that the run was trained with.
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
            f"{path} has format version {facts.get('format_version')}, and this version of nmt reads "
            f"{RUN_FORMAT_VERSION}\n  Use the version that wrote it, or train again"
        )
    try:
        info = RunInfo.model_validate(facts)
    except ValidationError as error:
        raise make_damage_error(path / "run.json", "a field is missing or has a wrong type") from error
    source_subword = Subword.read(path / "source.model")
    target_subword = source_subword if info.joint else Subword.read(path / "target.model")
    for name, subword, fingerprint in (
        ("source.model", source_subword, info.source_fingerprint),
        ("target.model", target_subword, info.target_fingerprint),
    ):
        if subword.fingerprint != fingerprint:
            raise DamageError(
                f"{path / name} is not the subword model that this run was trained with\n  Its SHA-256 begins with "
                f"{subword.fingerprint[:12]}, not with {fingerprint[:12]}: restore the file"
            )
    return Run(path, info, read_settings(path / "settings.toml"), source_subword, target_subword)


def load_run(path: Path | str, which: str = "best") -> LoadedRun:
    """Load a run with the weights of the checkpoint `which`: best, last, or a numbered one such as update-000500.

    Before the first validation there is no best checkpoint; then `best` stands for the last one.
    """
    run = read_run(Path(path))
    names = list_checkpoints(run.path)
    if which == "best" and "best" not in names and "last" in names:
        which = "last"
    if which not in names:
        existing = f"It has {', '.join(names)}" if names else "It has no checkpoints yet: train first"
        raise FolderError(f'{path} has no checkpoint "{which}"{did_you_mean(which, names)}\n  {existing}')
    with torch.random.fork_rng([]):  # PyTorch's layers draw random weights when they are built
        model = run.build_model(initialise=False)
    load_weights(model, run.path / which, is_shared=True)
    return LoadedRun(run.path, run.info, run.settings, run.source_subword, run.target_subword, model.eval(), which)


def list_checkpoints(path: Path) -> list[str]:
    """The names of a run's checkpoints: best, last, then the numbered ones, oldest first."""
    names = [name for name in ("best", "last") if (locate_folder(path / name) / "checkpoint.json").exists()]
    return names + [folder.name for folder in list_numbered_checkpoints(path)]


def list_numbered_checkpoints(path: Path) -> list[Path]:
    """The folders of a run's numbered checkpoints, oldest first."""
    updates = {folder: folder.name.removeprefix("update-") for folder in path.glob("update-*")}
    found = [
        folder for folder, update in updates.items() if update.isdecimal() and (folder / "checkpoint.json").exists()
    ]
    return sorted(found, key=lambda folder: int(updates[folder]))


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
        text = json.dumps({"sha256": sums, **facts}, indent=2)
        (temporary / "checkpoint.json").write_text(text + "\n", encoding="utf-8")


def read_checkpoint_info(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's `checkpoint.json`."""
    return read_json(locate_folder(folder) / "checkpoint.json")


def update_checkpoint_info(folder: Path, facts: Mapping[str, Any]) -> None:
    """Change some of the facts in a checkpoint's `checkpoint.json`."""
    text = json.dumps({**read_checkpoint_info(folder), **facts}, indent=2)
    with write_atomically(folder / "checkpoint.json") as file:
        file.write(text + "\n")


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint, memory-mapped where its path is UTF-8.

    Raises DamageError when its checksum is wrong.
    """
    path = locate_folder(folder) / name
    expected = read_checkpoint_info(folder).get("sha256", {}).get(name)
    if not path.exists() or hash_file(path) != expected:
        raise make_damage_error(path, "its checksum is not the one in checkpoint.json")
    try:
        os.fspath(path).encode()
        tensors = load_tensors(path)
    except UnicodeEncodeError:  # safetensors takes paths in UTF-8 only
        tensors = parse_tensors(path.read_bytes())
    return {update_parameter_name(key): value for key, value in tensors.items()}


def update_parameter_name(parameter: str) -> str:
    """The present name of a parameter, from a name that an older version of nmt may have written."""
    return parameter.replace(".attention.kinds.", ".attention.branches.").replace(".cover.", ".coverage_weight.")


def load_weights(model: nn.Module, folder: Path, *, is_shared: bool = False) -> None:
    """Load the weights of a checkpoint into a model with the same settings.

    With `is_shared` the weights stay memory-mapped: processes on one machine share them, and changes are not written.
    """
    weights = read_tensors(folder, "weights.safetensors")
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if shapes != {name: tuple(parameter.shape) for name, parameter in parameters.items()}:
        raise make_damage_error(
            folder / "weights.safetensors",
            "its tensors do not fit the model in settings.toml, which may have been changed",
        )
    if is_shared:
        model.load_state_dict(weights, strict=False, assign=True)  # of tied embeddings the file has only one
        return
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def average_run(path: Path, last: int, out: Path) -> list[str]:
    """Write a run to `out` whose weights are the mean of the last checkpoints of another run. -> their names

    `last` is the number of numbered checkpoints to average.
    """
    run = read_run(path)
    folders = list_numbered_checkpoints(path)[-last:]
    if len(folders) < last:
        raise FolderError(
            f"{path} has {len(folders)} numbered checkpoints, fewer than ",
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


def describe_run(path: Path) -> str:
    """A description of a run: languages, size, checkpoints with their scores, settings."""
    run = read_run(path)
    model = run.build_model()
    count = sum(parameter.numel() for parameter in model.parameters())
    vocabulary = f"{run.source_subword.size:,} pieces" + (
        " for both sides" if run.info.joint else f" and {run.target_subword.size:,} pieces"
    )
    lines = [
        f"{path}: a run, {run.info.source_lang} to {run.info.target_lang}",
        f"  attention   {run.settings.model.attention}",
        f"  parameters  {count:,}",
        f"  vocabulary  {vocabulary}",
    ]
    for name in list_checkpoints(path):
        facts = read_checkpoint_info(path / name)
        figures = [f"update {facts['update']:,}"]
        shown = dict.fromkeys(["bleu", "perplexity", run.settings.train.metric])
        figures += [f"{key} {format_figure(facts[key])}" for key in shown if facts.get(key) is not None]
        if "average_of" in facts:
            figures.append("mean of " + ", ".join(facts["average_of"]))
        lines.append(f"  {name:13} {', '.join(figures)}")
    return "\n".join([*lines, "", to_toml(run.settings).rstrip()])


def verify_run(path: Path) -> int:
    """Compare the files of every checkpoint with their checksums. -> number of files, subword models included

    Raises DamageError with the name of each file that has changed. Subword models are verified by `read_run`.
    """
    problems, count = [], len({"source.model", "target.model"} & {file.name for file in path.iterdir()})
    for name in list_checkpoints(path):
        for file, expected in read_checkpoint_info(path / name).get("sha256", {"weights.safetensors": ""}).items():
            count += 1
            location = locate_folder(path / name) / file
            if not location.is_file() or hash_file(location) != expected:
                problems.append(f"\n  {name}/{file} has changed: its SHA-256 is not the one in checkpoint.json")
    if problems:
        raise DamageError(
            f"{path} is damaged{''.join(problems)}\n  Restore these files from a copy, or remove the checkpoints"
        )
    return count


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises DamageError when the file does not have one."""
    try:
        facts = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise make_damage_error(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise make_damage_error(path, "it is not JSON") from error
    if not isinstance(facts, dict):
        raise make_damage_error(path, "it is not a JSON object")
    return facts


def make_damage_error(path: Path, why: str) -> DamageError:
    """The error for a file that has changed or cannot be read."""
    return DamageError(f"{path} is damaged: {why}\n  Restore it from a copy, or use another checkpoint of the run")
