"""A run folder on disk: settings, subword models, and checkpoints with weights and the state of training.

Loading a run executes no code from it: weights and optimizer states are safetensors, all other files JSON and TOML.
Every file that decides anything has a checksum: those of tensors are in checkpoint.json, those of the subword models in
run.json; the files of facts carry their own. If the program is killed, the previous checkpoint stays complete.
"""

import json
import math
import re
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nmt.errors import DamageError, FolderError, FormatError, Option
from nmt.files import (
    LEFTOVER,
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
from nmt.run_facts import CheckpointInfo
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

    @property
    def languages(self) -> tuple[str, str]:
        """The language that it translates, and the one that it translates to."""
        return self.info.source_lang, self.info.target_lang


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
        update={"created": time.time(), "nmt_version": __version__, "torch_version": version("torch")}
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


def list_checkpoints(path: Path) -> list[str]:
    """The names of a run's checkpoints: best, last, then the numbered ones, oldest first."""
    names = [name for name in ("best", "last") if locate_folder(path / name).exists()]
    return names + [folder.name for folder in list_numbered_checkpoints(path)]


def list_numbered_checkpoints(path: Path) -> list[Path]:
    """The folders of a run's numbered checkpoints, oldest first."""
    folders = [folder for folder in path.glob("update-*") if NUMBERED.fullmatch(folder.name)]
    return sorted(folders, key=lambda folder: int(folder.name.removeprefix("update-")))


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


def check_size(path: Path, shapes: Mapping[str, tuple[int, ...]], copies: int) -> None:
    """Raise DamageError when a file is larger than so many `copies` of a model, before it is read."""
    most = 4 * copies * sum(map(math.prod, shapes.values())) + HEADER_BYTES
    if path.is_file() and path.stat().st_size > most:
        raise make_damage_error(path, f"it has {path.stat().st_size:,} bytes, too many for this model")


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of facts, with its checksum. Raises DamageError when it has none."""
    try:
        return read_object(path)
    except ValueError as error:
        raise make_damage_error(path, str(error)) from error
