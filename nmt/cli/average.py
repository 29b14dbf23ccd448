"""`nmt average`: the options of nmt.weights.average_run."""

from pathlib import Path

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER


@click.command(cls=NmtCommand)
@click.argument("run", type=FOLDER)
@click.option(
    "--last",
    default=3,
    type=click.IntRange(1),
    metavar="N",
    help="number of last checkpoints to average  [default: 3]",
)
@click.option("--out", required=True, type=FOLDER, metavar="RUN", help="run folder to make")
@import_option
def command(run: Path, last: int, out: Path) -> None:
    """Average the weights of the last numbered checkpoints of RUN into a new run."""
    from nmt.weights import average_run

    names = average_run(run, last, out)
    click.echo(f"{out} holds the mean of {', '.join(names)}", err=True)
