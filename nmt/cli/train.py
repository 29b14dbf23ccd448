"""`nmt train` and `nmt.train`: a prepared folder in, a run folder out.

Joins corpus, model, trainer and metrics, and shows a person how training goes; the loop stands in nmt.training.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nmt.config import RunSettings, TrainSettings, check, recipe_names, resolve, to_toml
from nmt.errors import FolderError, UsageError

if TYPE_CHECKING:
    import torch

    from nmt.checkpoint import Run
    from nmt.data.prepared import Prepared
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.trainer import TrainingOutcome

FOLDER = click.Path(path_type=Path)


@click.command()
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="folder that `nmt prepare` wrote")
@click.option("--out", required=True, type=FOLDER, metavar="RUN", help="run folder to make")
@click.option("--recipe", metavar="NAME", help=f"settings that ship with the program: {', '.join(recipe_names())}")
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="settings in a TOML file")
@click.option("--set", "overrides", multiple=True, metavar="SECTION.KEY=VALUE", help="one setting; repeat for more")
@click.option("--resume", is_flag=True, help="go on from the last checkpoint of --out, with its settings")
@click.option(
    "--max-minutes", type=click.FloatRange(min=0), metavar="M", help="stop cleanly after this time; 0 for no limit"
)
@click.option("--max-epochs", type=click.IntRange(min=0), metavar="N", help="passes over the corpus; 0 for no limit")
@click.option("--max-updates", type=click.IntRange(min=0), metavar="N", help="updates in all; 0 for no limit")
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="of initial weights, order and dropout")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@click.option("--precision", type=click.Choice(["auto", "float32", "bfloat16"]), help="of matrix products")
@click.option("--compile/--no-compile", default=None, help="compile element-wise work first; it is faster after that")
def command(
    data: Path,
    out: Path,
    recipe: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    resume: bool,
    device: str,
    **limits: Any,
) -> None:
    """Train a translator on a prepared corpus.

    Settings are the defaults, then --recipe, then --config, then --set and the options below; the later wins. The run
    folder holds all that translating needs. Ctrl-C saves first; --resume goes on as if nothing had happened.
    """
    given = {key: value for key, value in limits.items() if value is not None}
    if resume:
        if recipe or config or overrides or "seed" in given:
            raise UsageError(
                "--resume goes on with the settings of the run: no --recipe, --config, --set or --seed beside it\n"
                "  --max-minutes, --max-epochs, --max-updates, --precision and --compile may be given anew"
            )
        resume_training(data, out, device=device, **given)
    else:
        words = [*overrides, *(f"train.{key}={toml(value)}" for key, value in given.items())]
        train(data, out, resolve(recipe, config, words), device=device)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(value)


def train(
    data: Path | str, out: Path | str, settings: RunSettings | None = None, *, device: str = "auto"
) -> "TrainingOutcome":
    """Train on the prepared folder `data` and leave a run folder at `out`.

    Raises FolderError when `out` holds something already, TrainingError when the loss is not a number.
    """
    import torch

    from nmt.checkpoint import FORMAT_VERSION, RunInfo, create_run
    from nmt.data.prepared import Prepared
    from nmt.devices import choose_device
    from nmt.files import sha256

    settings = settings or RunSettings()
    where = choose_device(device)
    refuse_unfit(settings.train, where)
    prepared = Prepared.open(Path(data))
    manifest = prepared.manifest
    if settings.model.tie == "all" and not manifest.joint:
        raise UsageError(
            'model.tie = "all" needs one vocabulary for both languages, and this corpus has two\n'
            '  Prepare it with --joint, or set model.tie="target"'
        )
    prepared.split("train", with_links=settings.train.guided_weight > 0)  # raises before there is a run
    info = RunInfo(
        format_version=FORMAT_VERSION,
        source_lang=manifest.source_lang,
        target_lang=manifest.target_lang,
        joint=manifest.joint,
        source_fingerprint=prepared.source_subword.fingerprint,
        target_fingerprint=prepared.target_subword.fingerprint,
        data_fingerprint=sha256(Path(data) / "manifest.json"),
    )
    run = create_run(Path(out), settings, info, prepared.source_subword, prepared.target_subword)
    torch.manual_seed(settings.train.seed)
    return fit(run, prepared, settings, where, is_resumed=False)


def resume_training(data: Path | str, out: Path | str, *, device: str = "auto", **limits: Any) -> "TrainingOutcome":
    """Go on with the run `out` from its last checkpoint. `limits` are train settings to change: max_epochs and so on.

    Raises FolderError when there is nothing to resume, or when `data` is not what the run was trained on.
    """
    from nmt.checkpoint import checkpoint_names, read_run
    from nmt.data.prepared import Prepared
    from nmt.devices import choose_device
    from nmt.files import sha256, write_atomically

    run = read_run(Path(out))
    if "last" not in checkpoint_names(run.path):
        raise FolderError(f"{out} has no checkpoint to resume from\n  Remove it and train without --resume")
    prepared = Prepared.open(Path(data))
    if sha256(Path(data) / "manifest.json") != run.info.data_fingerprint:
        raise FolderError(
            f"{data} is not the corpus that {out} was trained on\n  Give the --data of its first training"
        )
    changed = check(TrainSettings, run.settings.train.model_dump() | limits, "the options beside --resume")
    settings = run.settings.model_copy(update={"train": changed})
    where = choose_device(device)
    refuse_unfit(changed, where)
    if limits:
        with write_atomically(run.path / "settings.toml") as file:  # what the next --resume goes by
            file.write(to_toml(settings))
    return fit(run, prepared, settings, where, is_resumed=True)


def refuse_unfit(settings: TrainSettings, device: "torch.device") -> None:
    """Raise UsageError for what this machine cannot do, before anything is written."""
    if settings.compile:
        from nmt.kernels.compiled import require_compiler

        require_compiler(device)


def fit(
    run: "Run", prepared: "Prepared", settings: RunSettings, device: "torch.device", *, is_resumed: bool
) -> "TrainingOutcome":
    """Put together everything that a training needs, and train; from the run's last checkpoint when it is resumed."""
    from nmt.checkpoint import read_facts
    from nmt.data.batches import padding_share, plan_epoch
    from nmt.devices import choose_precision, describe
    from nmt.files import exclusive_lock
    from nmt.training.optim import count_updates
    from nmt.training.trainer import Trainer

    precision = choose_precision(settings.train.precision, device)
    train_split = prepared.split("train", with_links=settings.train.guided_weight > 0)
    lengths = train_split.source_lengths, train_split.target_lengths
    plan = plan_epoch(*lengths, settings.train.max_tokens, settings.train.seed, epoch=0)
    model = run.build_model()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    say(f"{len(train_split):,} pairs, {len(plan):,} batches an epoch, {padding_share(train_split, plan):.1%} padding")
    if prepared.manifest.splits["train"].links is not None and not settings.train.guided_weight:
        say("its word alignments are not used: --set train.guided_weight=0.1, say, guides attention by them")
    say(f"{settings.model.attention}, {parameters:,} parameters, {describe(device, precision)}")
    updates_in_all = count_updates(settings.train, len(plan))
    done = read_facts(run.path / "last")["update"] if is_resumed else 0
    watched = watch(run.path, done, updates_in_all, settings.train.max_minutes)
    with exclusive_lock(run.path, run.path), watched as report:
        trainer = Trainer(
            run.path,
            model,
            train_split,
            prepared.split("valid"),
            settings.train,
            device=device,
            precision=precision,
            updates_in_all=updates_in_all,
            decode_bleu=bleu_of_validation(prepared, settings),
            report=report,
        )
        outcome = trainer.fit(trainer.resume() if is_resumed else None)
    say(f"stopped: {outcome.reason}; {run.path} is ready to translate")
    return outcome


def bleu_of_validation(prepared: "Prepared", settings: RunSettings) -> Callable[["Seq2Seq"], float]:
    """A function that translates the validation text with a model and scores it against the text as it was given."""
    from nmt.analysis.metrics import score_corpus
    from nmt.translation.pipeline import translate_lines

    sources, references = prepared.lines("valid", "source"), prepared.lines("valid", "target")
    search = settings.search.model_dump() | {"beam": settings.train.validation_beam}

    def decode_bleu(model: "Seq2Seq") -> float:
        device = next(model.parameters()).device
        subwords = prepared.source_subword, prepared.target_subword
        found = translate_lines(model, *subwords, sources, device=device, **search)
        (bleu,) = score_corpus([translations[0].text for translations in found], [references], ["bleu"])
        return bleu.score

    return decode_bleu


@contextmanager
def watch(
    folder: Path, done: int, updates_in_all: int, max_minutes: float
) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that shows log records: in a bar on a terminal, a line for each validation, curve and TensorBoard."""
    from tqdm import tqdm

    bar = tqdm(total=updates_in_all or None, initial=done, unit="update", disable=None, dynamic_ncols=True)
    with bar, tensorboard(folder / "events", done) as add_events:

        def report(record: dict[str, Any]) -> None:
            add_events(record)
            if record["kind"] == "train":
                figures = [
                    f"loss {record['loss']:.2f}",
                    f"perplexity {record['perplexity']:.1f}",
                    f"{record['tokens_per_second']:,.0f} tokens/s",
                ]
                if "guided_loss" in record:
                    figures.insert(2, f"guided {record['guided_loss']:.2f}")
                if max_minutes:
                    figures.append(f"{max(0, max_minutes - bar.format_dict['elapsed'] / 60):.1f} minutes left")
                bar.set_postfix_str(", ".join(figures), refresh=False)
                bar.update(record["update"] - bar.n)
            else:
                figures = [f"{name} {record[name]:.2f}" for name in ("perplexity", "bleu")]
                figures += ["best so far"] if record["is_best"] else []
                place = f"epoch {record['epoch']}, update {record['update']:,}, {record['seconds'] / 60:.1f} min"
                tqdm.write(f"{place}: {', '.join(figures)}", file=sys.stderr)
                draw_curve(folder)

        yield report


@contextmanager
def tensorboard(folder: Path, done: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """A function that turns log records into TensorBoard events, where the extra `tensorboard` is installed.

    What was written after update `done`, from which training goes on, is forgotten.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        yield lambda record: None
        return
    with SummaryWriter(str(folder), purge_step=done + 1 if done else None) as writer:

        def add_events(record: dict[str, Any]) -> None:
            for name, value in record.items():
                if isinstance(value, float):
                    writer.add_scalar(f"{record['kind']}/{name}", value, record["update"])

        yield add_events


def draw_curve(folder: Path) -> None:
    """The learning curve so far as `curve.png`, where the extra `plot` is installed."""
    from nmt.analysis.plots import save_curve

    if find_spec("matplotlib"):
        with open(folder / "log.jsonl", encoding="utf-8") as file:
            save_curve(folder / "curve.png", [json.loads(line) for line in file])


def say(message: str) -> None:
    """A message for the person at the terminal."""
    print(message, file=sys.stderr)
