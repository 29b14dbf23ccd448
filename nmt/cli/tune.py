"""`nmt tune`: the options of nmt.tune, and its table."""

import json
from typing import Any

import click

from nmt.cli.command import NmtCommand
from nmt.cli.options import (
    FiniteRange,
    batch_size_option,
    format_option,
    model_option,
    parallel_options,
    run_options,
    shortlist_option,
)
from nmt.cli.tables import tabulate


@click.command(cls=NmtCommand)
@model_option("to tune an ensemble")
@click.option(
    "--source", metavar="FILE", help="source sentences, one a line  [default: the validation text of the run's corpus]"
)
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="FILE",
    help="reference translations; repeat it if lines have several references",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="what is best: bleu, chrf, chrf++, ter, accuracy, f1  [default: the metric of the run's validation]",
)
@click.option(
    "--tokenize", metavar="NAME", help="sacreBLEU's tokenizer for BLEU  [default: that of the run's validation]"
)
@click.option(
    "--beam",
    "beams",
    multiple=True,
    type=click.IntRange(1),
    metavar="N",
    help="hypotheses kept for each sentence; repeat for more  [default: 1, 2, 5 and 10]",
)
@click.option(
    "--alpha",
    "alphas",
    multiple=True,
    type=FiniteRange(min=0),
    metavar="X",
    help="exponent of Wu's length penalty; repeat for more  [default: 0.2, 0.4 … 1.4]",
)
@click.option(
    "--beta",
    "betas",
    multiple=True,
    type=FiniteRange(min=0),
    metavar="X",
    help="weight of Wu's coverage penalty, tried with the best length normalization; repeat for more"
    "  [default: 0.1, 0.2 and 0.4]",
)
@click.option("--write", is_flag=True, help="make the best settings those of the run, which translation uses")
@format_option("text", "json")
@batch_size_option
@shortlist_option
@parallel_options("1")
@run_options
def command(
    model: tuple[str, ...],
    source: str | None,
    references: tuple[str, ...],
    style: str,
    processes: int,
    threads: int | None,
    **options: Any,
) -> None:
    """Choose the beam, length normalization and coverage penalty of a run by its scores on a validation text.

    Every beam is tried with every length normalization, and then the best normalization with a coverage penalty. Rows
    and a column are added for the settings that the run has now, where they are none of these. The scores are those of
    the translations that `nmt translate` prints with these settings: one search for each beam keeps all its hypotheses,
    of which each normalization chooses the best ones, because it does not change what the beam finds. (Without
    --split-long and --keep-symbols, that is.)

    The best settings are marked by *. --write stores them in the run, and `nmt translate` then uses them unless other
    options are given; so do the validations of a run that is resumed. The scores are of the text that chose them: on
    other text expect a little less.
    """
    import nmt
    from nmt.text.corpus import read_parallel
    from nmt.translation.workers import share_cores

    threads = share_cores(processes, threads, options["batch_size"], options["device"])
    texts: dict[str, Any] = {}
    if source is not None and references:
        texts["source"], *texts["references"] = read_parallel([source, *references])
    elif source is not None or references:
        texts = {"source": [], "references": None} if source is not None else {"references": []}
    given = {name: value for name, value in options.items() if value not in (None, ())}
    found = nmt.tune(model, **texts, **given, processes=processes, threads=threads, progress=True)
    if style == "json":
        facts = found._asdict() | {"trials": [trial._asdict() for trial in found.trials]}
        facts |= {"best": found.best._asdict(), "present": found.present._asdict()}
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(write_table(found))
    if not found.changes:
        click.echo("the run has the best of these settings already", err=True)
    elif options["write"]:
        click.echo(f"{model[0]} translates with the best settings now", err=True)
    elif len(model) == 1:
        click.echo(f"--write makes the best settings those of {model[0]}", err=True)


def write_table(found: Any) -> str:
    """A row for each normalization and penalty, a column for each beam; then the best and the present settings."""
    rows = list(dict.fromkeys(trial[1:4] for trial in found.trials))
    beams = list(dict.fromkeys(trial.beam for trial in found.trials))
    scores = {trial[:4]: trial.score for trial in found.trials}
    table = [["normalization", "alpha", "beta", *(f"beam {beam}" for beam in beams)]]
    for row in rows:
        normalization, alpha, beta = row
        cells = [f"{scores[beam, *row]:.2f}{'*' if (beam, *row) == found.best[:4] else ' '}" for beam in beams]
        table.append([normalization, "" if alpha is None else f"{alpha:g}", f"{beta:g}", *cells])
    lines = [
        f"{name}  {trial.score:.2f}  {' '.join(f'--{key} {value}' for key, value in trial.settings.items())}"
        for name, trial in (("best", found.best), ("now ", found.present))
    ]
    return "\n".join([tabulate(table), "", *lines, "", f"{found.metric}|{found.signature}"])
