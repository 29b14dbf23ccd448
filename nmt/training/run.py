"""Training from a prepared folder to a run folder: creating or reopening the run, and everything the trainer needs.

The training loop is in nmt.training.trainer. The caller provides the function that scores the validation set.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nmt.checkpoint import RUN_FORMAT_VERSION, Run, RunInfo, create_run, has_only_begun, list_checkpoints, read_run
from nmt.data.prepared import PreparedCorpus
from nmt.data.sampling import build_batch_sampler, describe_sampling
from nmt.devices import choose_precision, compute_deterministically, describe_device
from nmt.errors import FolderError, Option, SettingsError, UsageError
from nmt.files import hash_file, lock_exclusively, refuse_special_files, remove_leftovers, write_atomically
from nmt.kernels.registered import check_registered_attention
from nmt.model.parts import freeze_parts
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import Progress, format_count
from nmt.settings import RESUMABLE, RunSettings, TrainSettings, merge, to_toml
from nmt.training.automatic import choose_automatic, is_choice_of, limit_threads
from nmt.training.best import Criterion
from nmt.training.distributed import ALONE, Group
from nmt.training.epochs import EpochSizes, open_training_pairs, survey_epochs
from nmt.training.intervals import plan_validations
from nmt.training.memory import check_memory
from nmt.training.observers import Record, ignore_errors, open_event_writer
from nmt.training.optim import compute_learning_rate, count_updates
from nmt.training.profiling import trace_updates
from nmt.training.random_states import seed_process
from nmt.training.remarks import remark_on_settings
from nmt.training.sessions import Session, record_session
from nmt.training.state import TrainingState, read_state
from nmt.training.trainer import Trainer, TrainingOutcome
from nmt.validation import check
from nmt.weights import build_model, find_damage, outline_model


def start_run(
    prepared: PreparedCorpus,
    out: Path,
    settings: RunSettings,
    device: torch.device,
    group: Group = ALONE,
    origin: Mapping[str, Any] | None = None,
) -> Run:
    """Make a run folder at `out`. Of several processes rank 0 makes it. `origin` are more fields of its RunInfo.

    Before the folder is made, raises UsageError for settings that do not fit the corpus or the machine, and
    RegistrationError for a registered kind of attention that does not compute what its class promises. Raises
    FolderError when `out` already holds files.
    """
    check_compiler(settings.train, device)
    check_registered_attention(settings.model, settings.train.loop)
    manifest = prepared.manifest
    if settings.model.tie == "all" and not manifest.joint:
        raise UsageError(
            'model.tie = "all" needs one vocabulary for both languages, and this corpus has two\n  Prepare it with ',
            *(Option("joint", True), ', or set model.tie="target"'),
        )
    build_batch_sampler(prepared, open_training_pairs(prepared, settings.train), settings.train)  # may raise an error
    with torch.device("meta"):
        sizes = prepared.source_subword.size, prepared.target_subword.size
        outline = Seq2Seq(settings.model, *sizes, initialise=False)
    check_memory(outline, settings, device)
    if not freeze_parts(outline, settings.train.freeze):
        raise SettingsError("train.freeze names every part that has parameters, so that nothing would be trained")
    info = RunInfo(
        format_version=RUN_FORMAT_VERSION,
        source_lang=manifest.source_lang,
        target_lang=manifest.target_lang,
        joint=manifest.joint,
        source_fingerprint=prepared.source_subword.fingerprint,
        target_fingerprint=prepared.target_subword.fingerprint,
        data_fingerprint=hash_file(prepared.path / "manifest.json"),
        is_source_unspaced=prepared.is_unspaced("source"),
        is_target_unspaced=prepared.is_unspaced("target"),
        corpus=os.fsencode(prepared.path).decode("utf-8", "replace"),
        pairs=manifest.splits["train"].pairs,
        **(origin or {}),
    )
    subwords = prepared.source_subword, prepared.target_subword
    run = group.share(lambda: create_run(out, settings, info, *subwords, may_resume=True))
    if run.info.data_fingerprint != info.data_fingerprint:
        raise FolderError(
            f"{prepared.path} on the host of rank {group.rank} is another corpus than on that of rank 0\n  Copy the "
            "prepared folder of rank 0 to the other hosts"
        )
    return run


def is_run_of(out: Path, prepared: PreparedCorpus, settings: RunSettings) -> bool:
    """Whether `out` is a run on this corpus, with these settings, that has a checkpoint to continue from."""
    if not (out / "run.json").exists() or "last" not in list_checkpoints(out):
        return False
    run = read_run(out)
    is_same_corpus = run.info.data_fingerprint == hash_file(prepared.path / "manifest.json")
    chosen = settings.model_copy(update={"train": run.settings.train})
    return is_same_corpus and run.settings == chosen and is_choice_of(run.settings.train, settings.train)


def reopen_run(
    data: Path, out: Path, device: torch.device, changes: Mapping[str, Any], group: Group = ALONE
) -> tuple[Run, PreparedCorpus, RunSettings]:
    """A run to resume, its corpus, and its settings with `changes`: see `change_settings`. Rank 0 reads the run folder.

    Raises FolderError when the run has no checkpoint, or was trained on another corpus, and UsageError for settings
    that a run cannot change.
    """
    run = group.share(lambda: read_run_to_resume(out))
    check_memory(outline_model(run), run.settings, device)
    prepared = PreparedCorpus.open(data)
    if hash_file(data / "manifest.json") != run.info.data_fingerprint:
        raise FolderError(
            f"{data} is not the corpus that {out} was trained on\n  Name the corpus of its first training with ",
            Option("data"),
        )
    settings = change_settings(run.settings, changes)
    check_compiler(settings.train, device)
    check_registered_attention(settings.model, settings.train.loop)
    return run, prepared, settings


def read_run_to_resume(out: Path) -> Run:
    """A run. Raises FolderError when it has no checkpoint."""
    run = read_run(out)
    checkpoints = list_checkpoints(run.path)
    if checkpoints and "last" not in checkpoints:  # as nmt average writes it
        raise FolderError(
            f"{out} has weights, but no training to resume\n  To train on from them, start another run with ",
            Option("start_from", out),
        )
    if not checkpoints:
        advice = "Train again without " if has_only_begun(run.path) else "Remove it and train without "
        raise FolderError(f"{out} has no checkpoint to resume from\n  {advice}", Option("resume", True))
    return run


def change_settings(settings: RunSettings, changes: Mapping[str, Any]) -> RunSettings:
    """The settings of a run, changed to resume it: {"train": {"max_epochs": 30}}. Equal values of any setting may be
    given too.

    Raises SettingsError for a setting that may not change, or cannot have this value.
    """
    values = settings.model_dump()
    merge(values, changes)
    changed = check(RunSettings, values, "the options that change a resumed run")
    fixed = {
        name: value
        for name, value in list_differences(settings, changed).items()
        if name not in {f"train.{name}" for name in RESUMABLE}
    }
    if fixed:
        raise SettingsError(
            f"{format_count(len(fixed), 'setting')} cannot change when a run is resumed",
            *(
                f"\n  {name} = {json.dumps(after)}   the run has {json.dumps(before)}"
                for name, (before, after) in fixed.items()
            ),
            f"\n  Only {', '.join(RESUMABLE)} may change: leave out the others, or train a new run",
        )
    return changed


def list_differences(before: RunSettings, after: RunSettings) -> dict[str, tuple[Any, Any]]:
    """The settings that differ: {"train.clip": (1.0, 0.5)}"""
    return {
        f"{section}.{name}": (value, getattr(getattr(after, section), name))
        for section, entries in before
        for name, value in entries
        if value != getattr(getattr(after, section), name)
    }


def check_compiler(settings: TrainSettings, device: torch.device) -> None:
    """Raise UsageError when `settings` ask for compiled kernels and this machine has no compiler."""
    if settings.compile is True:
        from nmt.kernels.compiled import require_compiler  # a second of imports

        require_compiler(device)


def train_run(
    run: Run,
    prepared: PreparedCorpus,
    settings: RunSettings,
    device: torch.device,
    *,
    is_resumed: bool,
    max_valid_pieces: int,
    compute_scores: Callable[[Seq2Seq], dict[str, float]],
    tokenizer: str,
    progress: Progress,
    observers: Mapping[str, Callable[[Record], None]],
    with_profile: bool = False,
    group: Group = ALONE,
    load_start: Callable[[Seq2Seq], None] | None = None,
) -> TrainingOutcome:
    """Train a run, from its last checkpoint if it is resumed. `progress` and `observers` get the trainer's records.

    All processes of a `group` call this. Rank 0 alone reads and writes the run folder.

    `compute_scores` gives the scores of a model's translations of the validation set, with BLEU by `tokenizer`. The
    names of `observers` are those of the files they write. Their errors are noted and do not end training. Nor do those
    of the profile of a few updates, which `with_profile` asks for. `load_start` replaces initial weights, in rank 0.

    Raises as Trainer.fit does, and FolderError when another program trains the run, before anything is written.
    """
    train_split = open_training_pairs(prepared, settings.train)
    valid_split = prepared.open_split("valid")
    epochs, first_batch, sizes = survey_epochs(train_split, settings.train)
    batch_sampler = build_batch_sampler(prepared, train_split, settings.train)
    model = build_model(run)
    if load_start is not None and group.is_main:
        load_start(model)
    trained = freeze_parts(model, settings.train.freeze)
    group.share_parameters(model)
    seed_process(group, settings.train.seed)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    progress.note(sizes)
    if prepared.manifest.splits["train"].links is not None and not settings.train.guided_weight:
        progress.note("the corpus has word alignments, which are not used: to use them, set train.guided_weight=0.1")
    if text := describe_sampling(prepared, settings.train):
        progress.note(text)
    progress.note(f"{settings.model.attention}, {parameters:,} parameters")
    if trained < parameters:
        progress.note(describe_freezing(settings, parameters - trained))
    progress.note(f"validation: best by {settings.train.metric}; BLEU by sacreBLEU's tokenizer {tokenizer}")
    longest = np.maximum(valid_split.source_lengths, valid_split.target_lengths)
    if too_long := int((longest > max_valid_pieces).sum()):
        progress.note(
            f"{format_count(too_long, 'validation pair')} with a side of more than {max_valid_pieces:,} pieces: "
            f"only the first {max_valid_pieces:,} are read"
        )
    updates_in_all = count_updates(settings.train, epochs)
    tokens = tuple(len(split.target_ids) + len(split) for split in (train_split, valid_split))
    tokens_in_all = tokens[0] * updates_in_all / epochs.in_one if updates_in_all else math.inf
    for text in remark_on_settings(settings, updates_in_all):
        progress.note(text)

    with ExitStack() as stack:
        if group.is_main:
            stack.enter_context(open_folder(run.path))
        state = group.share(lambda: read_state(run.path)) if is_resumed else TrainingState()
        if is_resumed:
            if settings != run.settings:
                refuse_useless_limits(run.path, settings.train, tokenizer, state)
            for text in describe_resumption(run.settings, settings, state, epochs):
                progress.note(text)
        train = group.share(
            lambda: choose_automatic(
                settings.train, model, first_batch, device, tokens_in_all=tokens_in_all, note=progress.note
            )
        )
        settings = settings.model_copy(update={"train": train})
        precision = choose_precision(train.precision, device)
        stack.enter_context(limit_threads(train.threads))
        if device.type == "cpu" and train.threads > (own := torch.get_num_threads()):
            progress.note(
                f"train.threads is {train.threads:,}, and torch has {format_count(own, 'thread')}: $OMP_NUM_THREADS "
                "or the number of cores limits them"
            )
        if train.deterministic:
            stack.enter_context(compute_deterministically(device))
        where = describe_device(device, precision) + ", compiled" * bool(train.compile)
        where += f", each of {group.size} processes" * (group.size > 1)
        progress.note(f"trains on {where}")
        optional, session = dict(observers), Session(state)
        with ExitStack() as writers:
            if group.is_main:
                events = open_event_writer(run.path / "events", state.update, progress)
                optional["events"] = writers.enter_context(events)
                session = writers.enter_context(record_session(run.path, state, where, progress))
                if with_profile:
                    optional["profile.json.gz"] = writers.enter_context(trace_updates(run.path, device, progress))
            guarded = [ignore_errors(observe, name, progress) for name, observe in optional.items()]

            def report(record: dict[str, Any]) -> None:
                for observe in (session.observe, progress.record, *guarded):
                    observe(record)

            trainer = Trainer(
                run.path,
                model,
                train_split,
                valid_split,
                settings.train,
                device=device,
                precision=precision,
                updates_in_all=updates_in_all,
                validation_plan=plan_validations(settings.train, epochs, updates_in_all, *tokens),
                max_valid_pieces=max_valid_pieces,
                compute_scores=compute_scores,
                tokenizer=tokenizer,
                dropped=sum(prepared.manifest.dropped.values()),
                report=report,
                note=progress.note,
                make_batch=batch_sampler.make_batch if batch_sampler else None,
                group=group,
            )
            if is_resumed:
                state = trainer.resume(state)
            if settings != run.settings and group.is_main:
                with write_atomically(run.path / "settings.toml") as file:  # for the next time the run is resumed
                    file.write(to_toml(settings))
            begin = {"kind": "begin", "update": state.update, "updates_in_all": updates_in_all}
            progress.record(begin | {"max_minutes": settings.train.max_minutes})
            try:
                outcome = trainer.fit(state)
            finally:
                progress.record({"kind": "end"})
            session.reason = outcome.reason
    damage = group.share(lambda: find_damage(run.path / "best"))
    ready = f"translates with its checkpoint last, not best: {damage}" if damage else "is ready to translate"
    progress.note(f"stopped: {outcome.reason}; {run.path} {ready}")
    return outcome


def describe_freezing(settings: RunSettings, parameters: int) -> str:
    """`not trained: encoder (394,752 parameters)`"""
    frozen = dict.fromkeys(settings.train.freeze)
    text = f"not trained: {', '.join(frozen)} ({format_count(parameters, 'parameter')})"
    if "target-embeddings" in frozen and settings.model.tie != "none":
        text += f'; with model.tie = "{settings.model.tie}" these embeddings are the vectors of the output layer, too'
    return text


@contextmanager
def open_folder(run: Path) -> Iterator[None]:
    """Lock a run folder, and remove what killed programs left in it."""
    with lock_exclusively(run, run):
        refuse_special_files(run, allow_links=False)
        remove_leftovers(run)
        yield


def refuse_useless_limits(run: Path, settings: TrainSettings, tokenizer: str, state: TrainingState) -> None:
    """Raise UsageError if `settings` change a run so that there is nothing to train."""
    done = {"max_updates": state.update, "max_epochs": state.epoch + (state.batch > 0)}
    for name, count in done.items():
        limit = getattr(settings, name)
        if 0 < limit < count:
            noun = name.removeprefix("max_").removesuffix("s")
            raise UsageError(
                *(f"{run} is in {noun} {count:,} already, so ", Option(name, limit), " cannot be met\n  Use a "),
                *("larger one, or 0 for no limit. The run is unchanged",),
            )
    is_same_metric = state.criterion == str(Criterion(settings.metric, tokenizer))
    if is_same_metric and 0 < settings.patience <= state.stale:
        raise UsageError(
            f"training of {run} has ended: {settings.metric} has not improved for "
            f"{format_count(state.stale, 'validation')}, and train.patience is {settings.patience}\n  To continue, set "
            "a larger train.patience, or 0 for no limit. The run is unchanged"
        )


def describe_resumption(
    before: RunSettings, settings: RunSettings, state: TrainingState, epochs: EpochSizes
) -> Iterator[str]:
    """Where training continues, which settings have changed, what counts as its time, and whether the rate jumps."""
    trained = f"{state.seconds / 60:.1f} minutes of training"
    yield f"continues after update {state.update:,}, in epoch {state.epoch + 1:,}, after {trained}"
    for name, (old, new) in list_differences(before, settings).items():
        yield f"{name} is {json.dumps(new)} now, and was {json.dumps(old)}"
    if settings.train.max_minutes:
        yield f"the limit of {format_count(settings.train.max_minutes, 'minute')} counts from now"
    ends = [count_updates(one.train, epochs) for one in (before, settings)]
    if settings.train.schedule == "cosine" and ends[0] != ends[1]:
        last, following = (
            compute_learning_rate(one.train, update, end, state.plateaus)
            for one, update, end in zip((before, settings), (state.update, state.update + 1), ends, strict=True)
        )
        yield (
            f"the cosine schedule reaches zero at update {ends[1]:,} now, not at {ends[0]:,}: "
            f"the learning rate goes from {last:.2g} to {following:.2g}"
        )
