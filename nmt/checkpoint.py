"""A run folder on disk: settings, subword models, weights and where training stands.

No code runs when one is loaded: weights and optimizer are safetensors, the rest JSON and TOML. Every file is known by
its checksum, and a kill at any instant leaves the previous checkpoint whole.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as dump_tensors
from torch import Tensor, nn

from nmt.config import RunSettings, read_settings, to_toml
from nmt.errors import DamageError, FolderError, FormatError, Option, did_you_mean
from nmt.files import locate_folder, replace_folder, sha256
from nmt.model.seq2seq import Seq2Seq
from nmt.text.subword import Subword

FORMAT_VERSION = 1


class RunInfo(BaseModel):
    """The content of a run folder's `run.json`."""

    format_version: int
    source_lang: str
    target_lang: str
    joint: bool
    source_fingerprint: str
    target_fingerprint: str
    data_fingerprint: str


@dataclass(frozen=True)
class Run:
    """A run folder, read: everything that translating needs."""

    path: Path
    info: RunInfo
    settings: RunSettings
    source_subword: Subword
    target_subword: Subword

    def build_model(self, *, initialise: bool = True) -> Seq2Seq:
        """A model of this run's shape, with weights freshly drawn; not where others are about to take their place."""
        return Seq2Seq(self.settings.model, self.source_subword.size, self.target_subword.size, initialise=initialise)


@dataclass(frozen=True)
class LoadedRun(Run):
    """A run with the weights of one of its checkpoints, in evaluation mode."""

    model: Seq2Seq
    checkpoint: str


def create_run(
    path: Path, settings: RunSettings, info: RunInfo, source_subword: Subword, target_subword: Subword
) -> Run:
    """Make a new run folder. Raises FolderError when something is there already."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "a run" if (path / "run.json").exists() else "something else"
        raise FolderError(
            f"{path} already holds {what}\n  Name another ",
            *(Option("out"), "; ", Option("resume", True), " continues a run"),
        )
    with replace_folder(path) as folder:
        (folder / "settings.toml").write_text(to_toml(settings), encoding="utf-8")
        (folder / "source.model").write_bytes(source_subword.model_bytes)
        if not info.joint:
            (folder / "target.model").write_bytes(target_subword.model_bytes)
        (folder / "run.json").write_text(info.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Run(path, info, settings, source_subword, target_subword)


def read_run(path: Path) -> Run:
    """A run folder without its weights.

    Raises FolderError when it is none, FormatError for another version, DamageError when a subword model is not the
    run's.
    """
    if not (path / "run.json").exists():
        what = "is not a run folder" if path.exists() else "does not exist"
        hint: list[str | Option] = ["A run is a folder that `nmt train` writes; it holds a run.json"]
        if (path / "checkpoint.json").exists():
            hint = [f"It is a checkpoint of a run: name {path.parent}, and ", Option("checkpoint", path.name)]
        raise FolderError(f"{path} {what}\n  ", *hint)
    facts = read_json(path / "run.json")
    if facts.get("format_version") != FORMAT_VERSION:
        raise FormatError(
            f"{path} has format version {facts.get('format_version')}, and this program reads {FORMAT_VERSION}\n"
            "  Use the program that wrote it, or train again"
        )
    try:
        info = RunInfo.model_validate(facts)
    except ValidationError as error:
        raise damage_error(path / "run.json", "it lacks a field, or has one of a wrong type") from error
    source_subword = Subword.read(path / "source.model")
    target_subword = source_subword if info.joint else Subword.read(path / "target.model")
    for name, subword, fingerprint in (
        ("source.model", source_subword, info.source_fingerprint),
        ("target.model", target_subword, info.target_fingerprint),
    ):
        if subword.fingerprint != fingerprint:
            raise DamageError(
                f"{path / name} is not the subword model this run was trained with\n"
                f"  Its SHA-256 begins {subword.fingerprint[:12]}, the run's {fingerprint[:12]}: restore the file"
            )
    return Run(path, info, read_settings(path / "settings.toml"), source_subword, target_subword)


def open_run(path: Path | str, which: str = "best") -> LoadedRun:
    """A run with the weights of checkpoint `which`: best, last or a numbered one.

    Before the first validation there is no best yet; the last is taken then.
    """
    run = read_run(Path(path))
    names = checkpoint_names(run.path)
    if which == "best" and "best" not in names and "last" in names:
        which = "last"
    if which not in names:
        there = f"There are: {', '.join(names)}" if names else "There is none yet: train first"
        raise FolderError(f'{path} has no checkpoint "{which}"{did_you_mean(which, names)}\n  {there}')
    with torch.random.fork_rng([]):  # layers draw weights when they are made
        model = run.build_model(initialise=False)
    load_weights(model, run.path / which, is_shared=True)
    return LoadedRun(run.path, run.info, run.settings, run.source_subword, run.target_subword, model.eval(), which)


def checkpoint_names(path: Path) -> list[str]:
    """The checkpoints of a run: best, last, then the numbered ones, oldest first."""
    named = [name for name in ("best", "last") if (locate_folder(path / name) / "checkpoint.json").exists()]
    return named + [folder.name for folder in numbered_checkpoints(path)]


def numbered_checkpoints(path: Path) -> list[Path]:
    """The numbered checkpoint folders of a run, oldest first."""
    updates = {folder: folder.name.removeprefix("update-") for folder in path.glob("update-*")}
    there = [
        folder for folder, update in updates.items() if update.isdecimal() and (folder / "checkpoint.json").exists()
    ]
    return sorted(there, key=lambda folder: int(updates[folder]))


def save_checkpoint(
    folder: Path, weights: Mapping[str, Tensor], facts: Mapping[str, Any], training: Mapping[str, Tensor] | None = None
) -> None:
    """Write weights, and what training needs to go on, as one folder that appears whole or not at all."""
    with replace_folder(folder) as temporary:
        host = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        (temporary / "weights.safetensors").write_bytes(dump_tensors(host))  # save_file hides that a disk is full
        if training is not None:
            (temporary / "training.safetensors").write_bytes(dump_tensors(dict(training)))
        sums = {file.name: sha256(file) for file in sorted(temporary.iterdir())}
        text = json.dumps({"sha256": sums, **facts}, indent=2)
        (temporary / "checkpoint.json").write_text(text + "\n", encoding="utf-8")


def read_checkpoint_info(folder: Path) -> dict[str, Any]:
    """The content of a checkpoint's `checkpoint.json`."""
    return read_json(locate_folder(folder) / "checkpoint.json")


def read_tensors(folder: Path, name: str) -> dict[str, Tensor]:
    """The tensors of one file of a checkpoint, memory-mapped. Raises DamageError when it is not as it was written."""
    path = locate_folder(folder) / name
    expected = read_checkpoint_info(folder).get("sha256", {}).get(name)
    if not path.exists() or sha256(path) != expected:
        raise damage_error(path, "its checksum is not the one in checkpoint.json")
    return {current_name(key): value for key, value in load_tensors(path).items()}


def current_name(parameter: str) -> str:
    """What a parameter is called now, whose name may be that of an older version."""
    return parameter.replace(".attention.kinds.", ".attention.branches.").replace(".cover.", ".coverage_weight.")


def load_weights(model: nn.Module, folder: Path, *, is_shared: bool = False) -> None:
    """Put the weights of a checkpoint into a model of the same shape.

    Those that are shared stay memory-mapped: processes on one machine hold them once, and a change is the model's own.
    """
    weights = read_tensors(folder, "weights.safetensors")
    parameters = dict(model.named_parameters())
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if shapes != {name: tuple(parameter.shape) for name, parameter in parameters.items()}:
        raise damage_error(
            folder / "weights.safetensors",
            "its tensors are not those of the model in settings.toml, or that file was changed",
        )
    if is_shared:
        model.load_state_dict(weights, strict=False, assign=True)  # of tables that are tied the file holds one
        return
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def average_run(path: Path, last: int, out: Path) -> list[str]:
    """Write to `out` a copy of a run whose weights are the mean of its `last` numbered checkpoints; their names."""
    run = read_run(path)
    folders = numbered_checkpoints(path)[-last:]
    if len(folders) < last:
        raise FolderError(
            f"{path} has {len(folders)} numbered checkpoints, fewer than ",
            Option("last", last),
            "\n  The setting train.keep is how many a run keeps, one for each validation",
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
    """A run in words: languages, size, checkpoints with their scores, settings."""
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
    for name in checkpoint_names(path):
        facts = read_checkpoint_info(path / name)
        figures = [f"update {facts['update']:,}"]
        figures += [f"{key} {facts[key]:.2f}" for key in ("bleu", "perplexity") if facts.get(key) is not None]
        if "average_of" in facts:
            figures.append("mean of " + ", ".join(facts["average_of"]))
        lines.append(f"  {name:13} {', '.join(figures)}")
    return "\n".join([*lines, "", to_toml(run.settings).rstrip()])


def verify_run(path: Path) -> int:
    """Hold every file with a checksum, of every checkpoint, against it. -> how many files

    Raises DamageError that names each one that is not as it was written. Subword models are verified by `read_run`.
    """
    problems, count = [], len({"source.model", "target.model"} & {file.name for file in path.iterdir()})
    for name in checkpoint_names(path):
        for file, expected in read_checkpoint_info(path / name).get("sha256", {"weights.safetensors": ""}).items():
            count += 1
            place = locate_folder(path / name) / file
            if not place.is_file() or sha256(place) != expected:
                problems.append(f"\n  {name}/{file} has other bytes than were written (SHA-256)")
    if problems:
        raise DamageError(
            f"{path} is damaged{''.join(problems)}\n  Restore them from a copy, or remove those checkpoints"
        )
    return count


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises DamageError when it is none."""
    try:
        facts = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise damage_error(path, error.strerror or str(error)) from error
    except ValueError as error:
        raise damage_error(path, "it is not JSON") from error
    if not isinstance(facts, dict):
        raise damage_error(path, "it is not a JSON object")
    return facts


def damage_error(path: Path, why: str) -> DamageError:
    """The error for a file that is not what was written."""
    return DamageError(f"{path} is damaged: {why}\n  Restore it from a copy, or use another checkpoint of the run")
