"""Training, for the public API: `nmt.train` and `nmt.resume`. They print only with `progress=True`."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from nmt.analysis.metrics import make_metrics
from nmt.analysis.tokenizers import resolve_tokenizer
from nmt.data.prepared import SIDES, PreparedCorpus
from nmt.errors import UsageError
from nmt.progress import Progress, choose_progress
from nmt.settings import RunSettings, merge
from nmt.training.distributed import Group, is_restarted
from nmt.training.launch import run_in_processes
from nmt.training.observers import Record
from nmt.training.run import is_run_of, reopen_run, start_run, train_run
from nmt.training.start import StartRequest, read_start
from nmt.training.trainer import TrainingOutcome
from nmt.translation.batching import MAX_PIECES
from nmt.translation.validation import build_validation_scores
from nmt.validation import write_value


def train(
    data: Path | str,
    out: Path | str,
    settings: RunSettings | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    progress: bool | Progress = False,
    processes: int = 1,
    profile: bool = False,
    start_from: Path | str | None = None,
    checkpoint: str = "best",
    source_embeddings: Path | str | None = None,
    target_embeddings: Path | str | None = None,
) -> TrainingOutcome:
    """Train on the prepared folder `data` and write a run folder to `out`.

    The weights of the run `start_from`, at one of its checkpoints, take the place of random ones; the corpus needs its
    subwords. Settings of model and search that were not given are then those of that run. `settings` may be values by
    section and name, {"train": {"clip": 0.5}}.

    Several `processes` train as one would, each on its share of every batch: on GPUs each has its own, on a CPU they
    share the cores. A script starts them below `if __name__ == "__main__":`, because each of them imports it. In a
    process that torchrun has started, this call trains together with the others; one that torchrun has restarted
    continues the run, if it has the same settings and corpus.

    With `profile`, a trace of a few updates is written to the run folder, and a table of it goes to `progress`.
    The state of torch's global random generator is the same afterwards as before.

    Raises UsageError for settings that do not fit the corpus or the machine and for a corpus that does not fit
    `start_from`, SettingsError for a model that does not; FolderError when `out` already holds files; TrainingError
    when the loss is not a number or one of several processes is killed.
    """
    check_settings("settings", settings)
    request = StartRequest(start_from, source_embeddings, target_embeddings, checkpoint)
    arguments = Path(out), Path(data), settings or RunSettings(), profile, request
    return run_in_processes(train_in_group, processes, device, choose_progress(progress), *arguments)


def check_settings(name: str, settings: object) -> None:
    """Raise UsageError for what is neither settings nor values of them, such as the name of a recipe."""
    if not isinstance(settings, RunSettings | Mapping | None):
        raise UsageError(
            f"{name} are {type(settings).__name__}, and must be values by section and name: {write_value(settings)}\n"
            "  nmt.settings.resolve_settings gives those of a recipe or a file"
        )


def train_in_group(
    group: Group,
    device: torch.device,
    progress: Progress,
    out: Path,
    data: Path,
    settings: RunSettings | Mapping[str, Any],
    profile: bool,
    request: StartRequest,
) -> TrainingOutcome:
    """Train a new run in each process of a group, or continue one in a process that torchrun has restarted."""
    prepared = PreparedCorpus.open(data)
    start = read_start(request, prepared, settings, progress, group)
    settings = start.settings
    if is_restarted() and group.share(lambda: is_run_of(out, prepared, settings)):
        return resume_in_group(group, device, progress, out, data, {}, profile)
    hooks = build_hooks(out, prepared, settings, progress, group)
    run = start_run(prepared, out, settings, device, group, start.facts)
    hooks |= {"with_profile": profile, "group": group, "load_start": start.load}
    with fork_random(device):
        torch.manual_seed(settings.train.seed)
        return train_run(run, prepared, settings, device, is_resumed=False, **hooks)


def resume(
    data: Path | str,
    out: Path | str,
    *,
    device: str = "auto",
    progress: bool | Progress = False,
    processes: int = 1,
    changes: Mapping[str, Any] | None = None,
    profile: bool = False,
    **limits: Any,
) -> TrainingOutcome:
    """Continue the run `out` from its last checkpoint. `limits` change settings of its training: max_epochs and so on.

    `processes` are those of nmt.train. Their number may be another one than before.

    `changes` are settings of every section, {"model": {"dropout": 0.3}}; nmt.settings.RESUMABLE may change, and all
    others may be given if they are those of the run. `max_minutes` counts from this call. After a change of `metric` or
    `tokenize`, `best` is the best by the new one of the checkpoints that the run still has, or is chosen from the next
    validation on if their scores are not known. `profile` is that of nmt.train.

    Raises FolderError when the run has no checkpoint, or when `data` is not the corpus that it was trained on;
    SettingsError for settings that may not change or cannot have this value.
    """
    check_settings("changes", changes)
    values: dict[str, Any] = {}
    for some in (changes or {}, {"train": limits}):
        merge(values, some)
    arguments = Path(out), Path(data), values, profile
    return run_in_processes(resume_in_group, processes, device, choose_progress(progress), *arguments)


def resume_in_group(
    group: Group,
    device: torch.device,
    progress: Progress,
    out: Path,
    data: Path,
    changes: Mapping[str, Any],
    profile: bool = False,
) -> TrainingOutcome:
    """Continue a run in each process of a group."""
    run, prepared, settings = reopen_run(data, out, device, changes, group)
    hooks = build_hooks(run.path, prepared, settings, progress, group)
    with fork_random(device):
        return train_run(run, prepared, settings, device, is_resumed=True, with_profile=profile, group=group, **hooks)


def fork_random(device: torch.device) -> Any:
    """A context that restores torch's random generators, also that of the device, when it ends."""
    return torch.random.fork_rng([device] if device.type == "cuda" else [])


def build_hooks(
    folder: Path, prepared: PreparedCorpus, settings: RunSettings, progress: Progress, group: Group
) -> dict[str, Any]:
    """The arguments of train_run that come from other rooms: validation scores, progress and the learning curve."""
    search = settings.search.model_copy(update={"beam": settings.train.validation_beam})
    sources, references = (prepared.read_raw_lines("valid", side) for side in SIDES)
    tokenizer = resolve_tokenizer(settings.train.tokenize, prepared.manifest.target_lang, [references])
    make_metrics(["bleu"], tokenizer, lowercase=False)  # raises an error if a library is missing
    subwords = prepared.source_subword, prepared.target_subword
    compute_scores = build_validation_scores(
        sources,
        references,
        *subwords,
        search,
        tokenizer,
        progress,
        rank=group.rank,
        processes=group.size,
        gather=group.gather,
    )

    def draw_curve(record: Record) -> None:
        if record["kind"] == "valid" and find_spec("matplotlib"):
            from nmt.analysis.plots import save_curve_of_log

            save_curve_of_log(folder / "curve.png", folder / "log.jsonl")

    return {
        "compute_scores": compute_scores,
        "tokenizer": tokenizer,
        "max_valid_pieces": MAX_PIECES,
        "progress": progress,
        "observers": {"curve.png": draw_curve} if group.is_main else {},
    }
