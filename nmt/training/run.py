"""Training from a prepared folder to a run folder: creating or reopening the run, and everything the trainer needs.

The training loop is in nmt.training.trainer. The caller provides the function that scores the validation set.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from nmt.checkpoint import (
    RUN_FORMAT_VERSION,
    Run,
    RunInfo,
    create_run,
    list_checkpoints,
    read_checkpoint_info,
    read_run,
)
from nmt.data.batches import compute_padding_share, plan_epoch
from nmt.data.prepared import PreparedCorpus
from nmt.devices import choose_precision, describe_device
from nmt.errors import FolderError, Option, UsageError, did_you_mean
from nmt.files import hash_file, lock_exclusively, write_atomically
from nmt.model.seq2seq import Seq2Seq
from nmt.progress import Progress
from nmt.settings import RunSettings, TrainSettings, to_toml
from nmt.training.optim import count_updates
from nmt.training.trainer import Trainer, TrainingOutcome
from nmt.validation import check

Record = Mapping[str, Any]
CHANGEABLE = [  # settings that may change when a run is resumed
    f"train.{name}"
    for name in (
        *("metric", "tokenize", "patience", "learning_rate", "validate_every", "validation_beam", "keep"),
        *("max_minutes", "max_epochs", "max_updates", "precision", "compile"),
    )
]


def start_run(prepared: PreparedCorpus, out: Path, settings: RunSettings, device: torch.device) -> Run:
    """Make a run folder at `out`.

    Raises UsageError for settings that do not fit the corpus or the machine, before the folder is made, and FolderError
    when `out` already holds files.
    """
    check_compiler(settings.train, device)
    manifest = prepared.manifest
    if settings.model.tie == "all" and not manifest.joint:
        raise UsageError(
            'model.tie = "all" needs one vocabulary for both languages, and this corpus has two\n  Prepare it with ',
            *(Option("joint", True), ', or set model.tie="target"'),
        )
    prepared.open_split("train", with_links=settings.train.guided_weight > 0)
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
    )
    return create_run(out, settings, info, prepared.source_subword, prepared.target_subword)


def reopen_run(
    data: Path, out: Path, device: torch.device, limits: dict[str, Any]
) -> tuple[Run, PreparedCorpus, RunSettings]:
    """A run to resume, its corpus, and its settings with `limits` in place of some in `train`: max_epochs and so on.

    Raises FolderError when the run has no checkpoint, or was trained on another corpus, and UsageError for settings
    that a run cannot change.
    """
    refuse_fixed_settings(f"train.{name}" for name in limits)
    run = read_run(out)
    if "last" not in list_checkpoints(run.path):
        raise FolderError(
            f"{out} has no checkpoint to resume from\n  Remove it and train without ", Option("resume", True)
        )
    prepared = PreparedCorpus.open(data)
    if hash_file(data / "manifest.json") != run.info.data_fingerprint:
        raise FolderError(
            f"{data} is not the corpus that {out} was trained on\n  Name the corpus of its first training with ",
            Option("data"),
        )
    train = check(TrainSettings, run.settings.train.model_dump() | limits, "the options that change a resumed run")
    check_compiler(train, device)
    return run, prepared, run.settings.model_copy(update={"train": train})


def refuse_fixed_settings(names: Iterable[str]) -> None:
    """Raise UsageError for settings, as `section.key`, that cannot change when a run is resumed."""
    settings = {f"{section}.{key}" for section, entries in RunSettings() for key in type(entries).model_fields}
    for name in names:
        if name not in CHANGEABLE:
            guess = (
                ""
                if name in settings
                else did_you_mean(name.split(".")[-1], [one.split(".")[-1] for one in CHANGEABLE])
            )
            raise UsageError(f"{name} cannot change when a run is resumed{guess}\n  These can: {', '.join(CHANGEABLE)}")


def check_compiler(settings: TrainSettings, device: torch.device) -> None:
    """Raise UsageError when `settings` ask for compiled kernels and this machine has no compiler."""
    if settings.compile:
        from nmt.kernels.compiled import require_compiler  # a second of imports

        require_compiler(device)


def train_run(
    run: Run,
    prepared: PreparedCorpus,
    settings: RunSettings,
    device: torch.device,
    *,
    is_resumed: bool,
    compute_scores: Callable[[Seq2Seq], dict[str, float]],
    tokenizer: str,
    progress: Progress,
    observers: Sequence[Callable[[Record], None]] = (),
) -> TrainingOutcome:
    """Train a run, from its last checkpoint if it is resumed. `progress` and `observers` get every log record.

    `compute_scores` gives the scores of a model's translations of the validation set, with BLEU by `tokenizer`.
    """
    precision = choose_precision(settings.train.precision, device)
    train_split = prepared.open_split("train", with_links=settings.train.guided_weight > 0)
    lengths = train_split.source_lengths, train_split.target_lengths
    plan = plan_epoch(*lengths, settings.train.max_tokens, settings.train.seed, epoch=0)
    model = run.build_model()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    padding = compute_padding_share(train_split, plan)
    progress.note(f"{len(train_split):,} pairs, {len(plan):,} batches per epoch, {padding:.1%} padding")
    if prepared.manifest.splits["train"].links is not None and not settings.train.guided_weight:
        progress.note("the corpus has word alignments, which are not used: to use them, set train.guided_weight=0.1")
    progress.note(f"{settings.model.attention}, {parameters:,} parameters, {describe_device(device, precision)}")
    progress.note(f"validation: best by {settings.train.metric}; BLEU by sacreBLEU's tokenizer {tokenizer}")
    updates_in_all = count_updates(settings.train, len(plan))
    done = read_checkpoint_info(run.path / "last")["update"] if is_resumed else 0
    with lock_exclusively(run.path, run.path), open_event_writer(run.path / "events", done) as write_events:

        def report(record: dict[str, Any]) -> None:
            for observe in (write_events, progress.record, *observers):
                observe(record)

        trainer = Trainer(
            run.path,
            model,
            train_split,
            prepared.open_split("valid"),
            settings.train,
            device=device,
            precision=precision,
            updates_in_all=updates_in_all,
            compute_scores=compute_scores,
            tokenizer=tokenizer,
            report=report,
            note=progress.note,
        )
        state = trainer.resume() if is_resumed else None
        if settings != run.settings:
            with write_atomically(run.path / "settings.toml") as file:  # for the next time the run is resumed
                file.write(to_toml(settings))
        begin = {"kind": "begin", "update": done, "updates_in_all": updates_in_all}
        progress.record(begin | {"max_minutes": settings.train.max_minutes})
        try:
            outcome = trainer.fit(state)
        finally:
            progress.record({"kind": "end"})
    progress.note(f"stopped: {outcome.reason}; {run.path} is ready to translate")
    return outcome


@contextmanager
def open_event_writer(folder: Path, done: int) -> Iterator[Callable[[Record], None]]:
    """A function that writes log records as TensorBoard events, if the extra `tensorboard` is installed.

    TensorBoard hides earlier events after update `done`, at which training continues.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        yield lambda record: None
        return
    with SummaryWriter(str(folder), purge_step=done + 1 if done else None) as writer:

        def write_events(record: Record) -> None:
            for name, value in record.items():
                if isinstance(value, float):
                    writer.add_scalar(f"{record['kind']}/{name}", value, record["update"])

        yield write_events
