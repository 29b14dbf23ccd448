"""`nmt train`: the options of nmt.train and nmt.resume."""

import errno
import json
import shlex
from pathlib import Path
from typing import Any

import click

from nmt.cli.command import CommandError, InterruptionError, NmtCommand
from nmt.cli.imports import get_imported_modules, import_option
from nmt.cli.options import FOLDER, INPUT, FiniteRange, checkpoint_option, device_option, settings_source_options
from nmt.errors import PeerError, SettingsError, TrainingInterrupted, UsageError
from nmt.files import locate_folder
from nmt.settings import RESUMABLE, RunSettings, collect_settings, resolve_settings

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # errors of a disk without room
HELP = f"""Train a translator on a prepared corpus.

Settings are the defaults, overridden by --recipe, then by --config, then by --set and the options below. `nmt settings
--recipes` describes the recipes; one is suggested where nothing is chosen. The run folder has everything that
translating needs.

Every validation computes BLEU (by the tokenizer for the target language), chrF, accuracy and F1 of whole lines, and
perplexity. The setting train.metric chooses which of them decides what is best.

Ctrl-C saves the state of training, and --resume continues from it with the settings of the run. Of these
{", ".join(f"train.{name}" for name in RESUMABLE)} may change; others may be given again as they are. With another
metric, `best` becomes the best by it of the checkpoints that the run still has.

--from RUN starts with the weights of another run: the best, or those of --checkpoint. The corpus is prepared with its
subwords: `nmt prepare --subwords-from RUN`. Model and search have its settings; of --set, those of the model are
refused with which its weights would not fit, and others, such as model.dropout, may change. Training is a new one: its
settings are the defaults or those given here, and the optimizer starts anew.

--source-embeddings and --target-embeddings take the embeddings of pieces from word vectors: of the same word, else of
the word without SentencePiece's mark of a word's beginning, else of the word in lower case. Other pieces start at
random. The vectors have model.embedding_size numbers, and their scale stays as it is. train.freeze=source-embeddings
keeps them as they are.

--processes N trains on N GPUs, or on the cores of a CPU; `torchrun ... -m nmt train` on several hosts. The result is
that of one process, and --resume may have another N.

On a CPU the same command gives the same parameters, to the bit, on the same machine with the same versions, number
format, threads and compiled kernels, also if it is stopped and resumed. Without --precision, --threads and --compile
these are measured when a run starts. With --deterministic they are not: they are float32, $OMP_NUM_THREADS or all
cores, and none; and torch refuses algorithms that may not repeat. On a GPU, resuming has been tested, but not whether
a command that is given twice repeats.
"""


@click.command(cls=NmtCommand, help=HELP)
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="prepared folder, which `nmt prepare` wrote")
@click.option("--out", required=True, type=FOLDER, metavar="RUN", help="run folder to make")
@settings_source_options
@click.option("--resume", is_flag=True, help="continue from the last checkpoint of --out, with its settings")
@click.option(
    "--from", "start_from", type=FOLDER, metavar="RUN", help="run to start from, with its weights; --out is a new run"
)
@checkpoint_option
@click.option(
    "--source-embeddings",
    type=INPUT,
    metavar="FILE",
    help="word vectors that source embeddings start with, in the text format of word2vec, GloVe and fastText; plain or "
    "compressed",
)
@click.option("--target-embeddings", type=INPUT, metavar="FILE", help="the same for target embeddings")
@click.option(
    "--max-minutes",
    type=FiniteRange(min=0),
    metavar="M",
    help="stop after this many minutes, the last validation included; with --resume they count anew; 0 for no limit",
)
@click.option(
    "--max-epochs", type=click.IntRange(min=0), metavar="N", help="stop after this many epochs; 0 for no limit"
)
@click.option(
    "--max-updates", type=click.IntRange(min=0), metavar="N", help="stop after this many updates; 0 for no limit"
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="random seed for initial weights, batch order and dropout",
)
@device_option
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    metavar="N",
    help="processes that share each batch, one on each GPU; on a CPU they share the cores, and are no faster than the "
    "threads of one  [default: 1]",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="number format of matrix products; auto chooses the faster  [default: auto]",
)
@click.option(
    "--threads",
    type=click.IntRange(0),
    metavar="N",
    help="threads on a CPU; 0 for the number that is fastest when training starts  [default: 0]",
)
@click.option(
    "--compile/--no-compile",
    default=None,
    help="compile element-wise operations first, which takes seconds; training then runs faster  [default: in long "
    "trainings, where there is a compiler]",
)
@click.option("--profile", is_flag=True, help="trace five updates to RUN/profile.json.gz, and print where time goes")
@click.option(
    "--deterministic/--no-deterministic",
    default=None,
    help="use only algorithms that repeat to the bit, and end with an error where torch has none",
)
@import_option
def command(
    data: Path,
    out: Path,
    recipe: str | None,
    config: Path | None,
    overrides: tuple[str, ...],
    resume: bool,
    start_from: Path | None,
    checkpoint: str,
    source_embeddings: str | None,
    target_embeddings: str | None,
    device: str,
    processes: int,
    profile: bool,
    **limits: Any,
) -> None:
    import nmt
    from nmt.cli.recipes import check_recipe, name_recipe, suggest_recipe

    given = {key: value for key, value in limits.items() if value is not None}
    words = [*overrides, *(f"train.{key}={json.dumps(value)}" for key, value in given.items())]
    try:
        if resume:
            if start_from is not None:
                raise UsageError("--from starts a new run, and --resume continues one: leave one of them out")
            if source_embeddings or target_embeddings:
                raise UsageError("word vectors are where a new run starts, and --resume continues one: leave them out")
            if checkpoint != "best":
                raise UsageError("--resume continues from the checkpoint last: leave out --checkpoint")
            changes, _ = collect_settings(recipe, config, words)
            nmt.resume(data, out, device=device, progress=True, processes=processes, changes=changes, profile=profile)
        else:
            sources = recipe, config, words
            is_new = start_from is None  # otherwise the settings of a run complete them
            settings = resolve_settings(*sources) if is_new else collect_settings(*sources)[0]
            if recipe:
                check_recipe(data, recipe, settings if isinstance(settings, RunSettings) else None)
            elif is_new and not config and not overrides:
                suggest_recipe(data)
            start: dict[str, Any] = {"start_from": start_from, "checkpoint": checkpoint}
            start |= {"source_embeddings": source_embeddings, "target_embeddings": target_embeddings}
            nmt.train(data, out, settings, device=device, progress=True, processes=processes, profile=profile, **start)
    except SettingsError as error:
        if recipe and (resume or start_from):
            name_recipe(error, recipe)
        raise
    except PeerError as error:  # the process that failed prints why
        raise SystemExit(CommandError.code) from error
    except TrainingInterrupted as stop:
        if stop.update is None:
            raise InterruptionError("interrupted: nothing is saved yet") from stop
        advice = describe_continuation(data, out, device, processes)
        raise InterruptionError(f"interrupted: update {stop.update:,} is saved\n  To continue{advice}") from stop
    except OSError as error:
        if error.errno in FULL and locate_folder(out / "last").exists():
            advice = describe_continuation(data, out, device, processes)
            error.add_note(f"The last checkpoint is whole: free disk space. To continue{advice}")
        raise


def describe_continuation(data: Path, out: Path, device: str, processes: int) -> str:
    """How to continue a training, after the words "To continue"."""
    from nmt.training.distributed import is_started_by_torchrun

    if is_started_by_torchrun():
        return ", add --resume to the same torchrun command"
    words: list[object] = ["nmt", "train", "--data", data, "--out", out, "--resume"]
    words += ["--device", device] if device != "auto" else []
    words += ["--processes", processes] if processes > 1 else []
    words += [word for name in get_imported_modules() for word in ("--import", name)]
    return f": {shlex.join(map(str, words))}"
