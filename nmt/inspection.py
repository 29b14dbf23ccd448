"""What a run is and how its training went, for a person, and whether its files are as they were written.

It reads files, and makes no model.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmt.checkpoint import TENSOR_COPIES, Run, check_size, list_checkpoints, read_checkpoint_info, read_run
from nmt.errors import DamageError
from nmt.files import hash_file, is_locked, locate_folder
from nmt.progress import format_count, format_figure
from nmt.run_history import HISTORY, HistoryEvent, describe_time, read_history
from nmt.run_log import read_log
from nmt.settings import RunSettings
from nmt.training.best import LEAST_BLEU
from nmt.training.state import TrainingState, read_state
from nmt.weights import outline_model

WIDTH = 14  # of the first column


def collect_run_facts(path: Path) -> dict[str, Any]:
    """Everything that `describe_run` writes, as values for JSON. Raises what read_run and read_state raise."""
    run = read_run(path)
    names = list_checkpoints(path)
    checkpoints = {name: read_checkpoint_info(path / name) for name in names}
    shown = {
        name: {key: value for key, value in facts.items() if key not in ("sha256", "place")}
        for name, facts in checkpoints.items()
    }
    has_state = "last" in names and checkpoints["last"].get("place") is not None
    return {
        "kind": "run",
        "path": os.fsencode(path).decode("utf-8", "replace"),
        **run.info.model_dump(),
        "attention": run.settings.model.attention,
        "parameters": sum(parameter.numel() for parameter in outline_model(run).parameters()),
        "vocabulary": [run.source_subword.size, run.target_subword.size],
        "checkpoints": shown,
        "training": vars(read_state(path)) if has_state else None,
        "sessions": list(list_sessions(path)),
        "settings": {name: values[0] for name, values in list_changed_settings(run.settings).items()},
        "bytes": measure_folder(path),
    }


def describe_run(path: Path) -> str:
    """A description of a run: how it was made, its checkpoints, the course of training, settings, sizes on disk."""
    run, facts = read_run(path), collect_run_facts(path)
    pieces = f"{run.source_subword.size:,} pieces"
    pieces += " for both sides" if run.info.joint else f" and {run.target_subword.size:,} pieces"
    rows = {"made": describe_origin(run), "corpus": describe_corpus(run)}
    rows |= {"started from": describe_start(run), "embeddings": describe_embeddings(run)}
    rows |= {"attention": facts["attention"], "parameters": f"{facts['parameters']:,}", "vocabulary": pieces}
    lines = [f"{path}: a run, {run.info.source_lang} to {run.info.target_lang}", *write_rows(rows), "", "checkpoints"]
    metric = run.settings.train.metric
    lines += write_rows(
        {name: describe_checkpoint(one, metric) for name, one in facts["checkpoints"].items()}
        or {"none": "training has not saved any"}
    )
    if facts["training"]:
        lines += ["", "training", *write_rows(describe_training(TrainingState(**facts["training"]), facts, metric))]
    if facts["sessions"]:
        lines += ["", "sessions", *(f"  {describe_session(session)}" for session in facts["sessions"])]
    changed = list_changed_settings(run.settings)
    lines += ["", "settings that differ from the defaults" if changed else "settings: all are the defaults"]
    lines += [f"  {name} = {write(value)}  (default {write(default)})" for name, (value, default) in changed.items()]
    sizes = {name: format_size(size) for name, size in facts["bytes"].items()}
    return "\n".join([*lines, "", "on disk", *write_rows(sizes)])


def write_rows(rows: Mapping[str, str]) -> list[str]:
    """Lines of two columns, without rows that have nothing in the second."""
    return [f"  {name:{WIDTH - 1}} {value}" for name, value in rows.items() if value]


def format_size(size: int) -> str:
    """`3.4 MiB`, or KiB for less than one of them."""
    return f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.1f} KiB"


def write(value: Any) -> str:
    """A setting as in TOML."""
    return json.dumps(value)


def describe_origin(run: Run) -> str:
    """`2026-11-26 13:42 UTC, with nmt 0.1.0 and torch 2.13.0`"""
    info = run.info
    if info.created is None:
        return ""
    return f"{describe_time(info.created)}, with nmt {info.nmt_version} and torch {info.torch_version}"


def describe_corpus(run: Run) -> str:
    """`data/multi30k, 29,000 training pairs`"""
    return "" if run.info.pairs is None else f"{run.info.corpus}, {format_count(run.info.pairs, 'training pair')}"


def describe_start(run: Run) -> str:
    """`general, checkpoint best, update 1,200, weights 3f2a5b1c9d8e`"""
    start = run.info.start
    if start is None:
        return ""
    return f"{start.run}, checkpoint {start.checkpoint}, update {start.update:,}, weights {start.sha256[:12]}"


def describe_embeddings(run: Run) -> str:
    """`source: wiki.en.vec.gz, 7,312 pieces; target: wiki.de.vec.gz, 6,950 pieces`"""
    origins = {"source": run.info.source_embeddings, "target": run.info.target_embeddings}
    return "; ".join(
        f"{side}: {origin.file}, {format_count(origin.pieces, 'piece')}" for side, origin in origins.items() if origin
    )


def describe_checkpoint(facts: Mapping[str, Any], metric: str) -> str:
    """`update 1,200, bleu 35.20, perplexity 5.10, moving average with decay 0.999`"""
    figures = [f"update {facts['update']:,}"]
    shown = dict.fromkeys(["bleu", "perplexity", metric])
    figures += [f"{key} {format_figure(facts[key])}" for key in shown if facts.get(key) is not None]
    if facts.get("average_decay"):
        figures.append(f"moving average with decay {facts['average_decay']:g}")
    if facts.get("average_of"):
        figures.append("mean of " + ", ".join(facts["average_of"]))
    return ", ".join(figures)


def describe_training(state: TrainingState, facts: Mapping[str, Any], metric: str) -> dict[str, str]:
    """How far training has come, when it was best, and what went wrong, as rows."""
    epochs = format_count(state.epoch, "complete epoch")
    so_far = f"{epochs} and {format_count(state.batch, 'batch')}, "
    so_far += f"{format_count(state.update, 'update')}, {state.seconds / 60:,.1f} minutes"
    best = facts["checkpoints"].get("best")
    rows = {"so far": so_far}
    if best is not None:
        is_last = best["update"] == state.update
        since = (
            f", {format_count(state.stale, 'validation')} ago" if state.stale else ", in the last validation" * is_last
        )
        rows["best"] = f"by {describe_criterion(state.criterion or metric, best)}, at update {best['update']:,}{since}"
    rows["rate lowered"] = format_count(state.plateaus, "time") if state.plateaus else ""
    rows["unchanged"] = f"{format_count(state.unchanged, 'update')} changed nothing" if state.unchanged else ""
    rows["memory"] = (
        f"batches of {state.split_from:,} positions or more are split, because one did not fit"
        if state.split_from
        else ""
    )
    rows["attention"] = f"had collapsed to one position at update {state.collapsed:,}" if state.collapsed else ""
    return rows


def describe_criterion(criterion: str, best: Mapping[str, Any]) -> str:
    """What the best checkpoint is the best by: perplexity where its BLEU is so small that it counts as 0."""
    bleu = best.get("bleu")
    if criterion.startswith("bleu") and bleu is not None and bleu < LEAST_BLEU:
        return f"perplexity, because {criterion} is below {LEAST_BLEU:g}"
    return criterion


def list_sessions(path: Path) -> Iterator[dict[str, Any]]:
    """The trainings of a run, oldest first: when and where each began, and how it ended, if that is known."""
    begin: HistoryEvent | None = None
    for event in read_history(path):
        if event is None:
            continue
        if begin is not None:
            yield join_events(begin, event if event.event == "end" else None)
        begin = event if event.event == "begin" else None
    if begin is not None:
        yield join_events(begin, None, goes_on=is_locked(path))


def join_events(begin: HistoryEvent, end: HistoryEvent | None, *, goes_on: bool | None = False) -> dict[str, Any]:
    """A training as values for JSON. One without an end was killed, unless it `goes_on`; None if that is not known."""
    facts: dict[str, Any] = {"began": begin.time, "nmt": begin.nmt, "torch": begin.torch, "device": begin.device}
    facts |= {"first_update": begin.update, "last_update": end and end.update, "reason": end and end.reason}
    return facts | {"seconds": end and max(end.seconds - begin.seconds, 0.0), "goes_on": goes_on}


def describe_session(session: Mapping[str, Any]) -> str:
    """`2026-11-26 13:42 UTC  from update 0 to 900 in 8.2 minutes on cpu (2 threads), bfloat16: interrupted`"""
    begin = f"{describe_time(session['began'])}  from update {session['first_update']:,}"
    where = f" on {session['device']}, nmt {session['nmt']}, torch {session['torch']}"
    if session["last_update"] is None:
        ending = {True: "still running", False: "killed", None: "still running, or killed"}
        return f"{begin}{where}: {ending[session['goes_on']]}"
    return (
        f"{begin} to {session['last_update']:,} in {session['seconds'] / 60:,.1f} minutes{where}: {session['reason']}"
    )


def list_changed_settings(settings: RunSettings) -> dict[str, tuple[Any, Any]]:
    """The settings that differ from the defaults: {"train.clip": (0.5, 1.0)}"""
    return {
        f"{section}.{name}": (value, type(entries).model_fields[name].default)
        for section, entries in settings
        for name, value in entries
        if value != type(entries).model_fields[name].default
    }


def measure_folder(path: Path) -> dict[str, int]:
    """Bytes on disk by kind: checkpoints, exported graphs, shortlist, events and so on, and all together."""
    sizes = dict.fromkeys(("checkpoints", "graphs", "shortlist", "events", "profile", "other", "in all"), 0)
    for folder, _, files in os.walk(path):
        for name in files:
            parts = Path(folder, name).relative_to(path).parts
            graphs = any(part.startswith("graphs-") for part in parts)
            kind = "checkpoints" if len(parts) > 1 else parts[0].partition(".")[0]
            kind = "graphs" if graphs else "events" if parts[0] == "events" else kind
            size = os.lstat(Path(folder, name)).st_size
            sizes[kind if kind in sizes else "other"] += size
            sizes["in all"] += size
    return {kind: size for kind, size in sizes.items() if size}


def verify_run(path: Path) -> int:
    """Compare every file of a run that decides anything with its checksum. -> number of files

    Raises DamageError with the name of each file that has changed. Pictures and events are not compared.
    """
    run = read_run(path)
    shapes = {name: tuple(parameter.shape) for name, parameter in outline_model(run).named_parameters()}
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
    events = list(read_history(path))
    count += bool(events)
    if lost := events.count(None):
        problems.append(f"{HISTORY} has {format_count(lost, 'changed line')}: remove it, since nothing depends on it")
    if problems:
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise DamageError(f"{path} is damaged{listed}\n  Restore these files from a copy, or remove the checkpoints")
    return count


def find_lacking_record(path: Path, records: list[dict[str, Any]]) -> str:
    """What the checkpoint `last` has, and no log record is about: an update or a validation. Empty if there is none."""
    if "last" not in list_checkpoints(path):
        return ""
    facts = read_checkpoint_info(path / "last")
    place = facts.get("place") or {}
    validated, unlogged = place.get("validated"), place.get("unlogged")
    update = facts["update"] - (unlogged if isinstance(unlogged, int) else 0)
    if validated and not any(record["kind"] == "valid" and record["update"] == validated for record in records):
        return f"the validation of update {validated:,}"
    return "" if not update or any(record["update"] == update for record in records) else f"update {update:,}"
