"""What a run is, for a person, and whether its files are as they were written.

It reads files, and makes no model.
"""

from pathlib import Path
from typing import Any

from nmt.checkpoint import (
    TENSOR_COPIES,
    check_size,
    list_checkpoints,
    read_checkpoint_info,
    read_run,
)
from nmt.errors import DamageError
from nmt.files import hash_file, locate_folder
from nmt.progress import format_figure
from nmt.run_log import read_log
from nmt.settings import to_toml


def describe_run(path: Path) -> str:
    """A description of a run: languages, size, checkpoints with their scores, settings."""
    run = read_run(path)
    count = sum(parameter.numel() for parameter in run.outline_model().parameters())
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
    settings = to_toml(run.settings).partition("\n")[2]  # without its checksum
    return "\n".join([*lines, "", settings.rstrip()])


def verify_run(path: Path) -> int:
    """Compare every file of a run that decides anything with its checksum. -> number of files

    Raises DamageError with the name of each file that has changed. Pictures and events are not compared.
    """
    run = read_run(path)
    shapes = {name: tuple(parameter.shape) for name, parameter in run.outline_model().named_parameters()}
    problems, count = [], 3 if run.info.joint else 4  # run.json, settings.toml and the subword models
    for name in list_checkpoints(path):
        folder = locate_folder(path / name)
        sums = read_checkpoint_info(folder)["sha256"]
        count += 1 + len(sums)
        for file, expected in sums.items():
            check_size(folder / file, shapes, copies=TENSOR_COPIES[file])
            if not (folder / file).is_file() or hash_file(folder / file) != expected:
                problems.append(f"{name}/{file} has changed: its SHA-256 is not the one in checkpoint.json")
    lines = list(read_log(path / "log.jsonl"))
    count += bool(lines)
    damaged = [number for number, line in enumerate(lines, 1) if line.record is None and line.is_complete]
    if damaged:
        problems.append(f"log.jsonl has {len(damaged):,} changed lines, first line {damaged[0]:,}")
    elif lacking := find_lacking_record(path, [line.record for line in lines if line.record and line.is_complete]):
        problems.append(f"log.jsonl is incomplete: it has no record of {lacking}")
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise DamageError(f"{path} is damaged{listed}\n  Restore these files from a copy, or remove the checkpoints")
    return count


def find_lacking_record(path: Path, records: list[dict[str, Any]]) -> str:
    """What the checkpoint `last` has, and no log record is about: an update or a validation. Empty if there is none."""
    if "last" not in list_checkpoints(path):
        return ""
    facts = read_checkpoint_info(path / "last")
    update, validated = facts["update"], (facts.get("place") or {}).get("validated")
    if validated and not any(record["kind"] == "valid" and record["update"] == validated for record in records):
        return f"the validation of update {validated:,}"
    return "" if any(record["update"] == update for record in records) else f"update {update:,}"
