"""`nmt distill`: the options of nmt.distill."""

import shlex
from pathlib import Path
from typing import Any

import click

from nmt.cli.command import NmtCommand
from nmt.cli.options import FOLDER, INPUT, FiniteRange, given_settings, parallel_options, run_options, settings_options
from nmt.settings import SearchSettings


@click.command(cls=NmtCommand)
@click.option("--data", required=True, type=FOLDER, metavar="DIR", help="prepared folder whose pairs to translate")
@click.option("--out", required=True, type=FOLDER, metavar="DIR", help="prepared folder to make")
@click.option(
    "--model", multiple=True, metavar="RUN", help="run that translates the sources; repeat it for an ensemble"
)
@click.option(
    "--backward",
    multiple=True,
    metavar="RUN",
    help="run of the opposite direction, which translates the targets; repeat it for an ensemble",
)
@click.option("--each", is_flag=True, help="let every run translate alone; their pairs are put together")
@click.option(
    "--source-text",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="text that --model translates in place of the sources of --data; repeat for more",
)
@click.option(
    "--target-text",
    multiple=True,
    type=INPUT,
    metavar="FILE",
    help="text that --backward translates in place of the targets of --data; repeat for more",
)
@click.option(
    "--tag/--no-tag", default=True, help="mark sources that come from --target-text with <BT>  [default: yes]"
)
@click.option(
    "--n-best",
    type=click.IntRange(1),
    metavar="N",
    help="translations of each line  [default: 1, or the beam with --closest]",
)
@click.option(
    "--closest",
    type=click.Choice(["none", "bleu", "chrf"]),
    default="none",
    help="of these, keep only the one closest to the other side of its pair  [default: none]",
)
@click.option(
    "--original", type=click.IntRange(0), default=1, metavar="N", help="copies of the pairs of --data  [default: 1]"
)
@click.option(
    "--max-ratio",
    type=FiniteRange(min=1),
    metavar="X",
    help="largest ratio of lengths in pieces of new pairs  [default: that of --data]",
)
@click.option(
    "--pairs", metavar="PREFIX", help="write the new pairs as text too: PREFIX.SOURCE-LANG and PREFIX.TARGET-LANG"
)
@click.option("--overwrite", is_flag=True, help="replace a prepared folder; never anything else")
@click.option("--resume", is_flag=True, help="go on with the translations of a command that has not ended well")
@click.option(
    "--batch-size", type=click.IntRange(1), default=64, metavar="N", help="sentences in a batch  [default: 64]"
)
@parallel_options("1")
@settings_options(SearchSettings)
@run_options
def command(data: Path, out: Path, processes: int, threads: int | None, **options: Any) -> None:
    """Translate the training text of a prepared folder with trained runs, and prepare a corpus with the new pairs.

    Knowledge distillation (Kim and Rush 2016): the translations of an ensemble, or of a large run, train one small run.

      nmt distill --data data/mine --model RUN --model RUN --out data/distilled

    Data diversification (Nguyen et al. 2020): runs of both directions, which differ in their --seed, each translate the
    corpus.

      nmt distill --data data/mine --each --model RUN --model RUN --backward RUN --backward RUN --out data/diverse

    Back-translation (Sennrich et al. 2016): a run of the opposite direction translates text of the target language.
    `nmt prepare --symbol '<BT>'` makes room for the tag.

      nmt distill --data data/mine --backward RUN --target-text mono.de --sample --out data/both

    The new corpus has the pairs, validation, test and subwords of --data, and the new pairs. A new pair is dropped if
    its translation is cut off at the length limit, has bytes that are no characters, or is too long, if its sides
    differ too much in length, or if it was there before; what is dropped is counted. Trained runs may have other
    subwords than --data.

    Translations grow in OUT.part, which is removed at the end. If the program ends earlier, the same command with
    --resume continues. The defaults of search options are the settings of each run.
    """
    from nmt.distillation.distill import distill
    from nmt.distillation.work import get_work_folder
    from nmt.errors import DataError, FolderError, UsageError
    from nmt.translation.workers import share_cores

    threads = share_cores(processes, threads, options["batch_size"], options["device"])
    names = SearchSettings.model_fields
    search = given_settings(SearchSettings, options)
    others = {name: value for name, value in options.items() if name not in names}
    try:
        distill(data, out, processes=processes, threads=threads, progress=True, **others, **search)
    except BaseException as error:
        work = get_work_folder(out)
        if work.exists() and not isinstance(error, DataError | FolderError | UsageError):
            click.echo(f"nmt: finished translations are in {work}; the same command with --resume continues", err=True)
        raise
    click.echo(f"nmt: to train on it: {shlex.join(['nmt', 'train', '--data', str(out), '--out', 'RUN'])}", err=True)
