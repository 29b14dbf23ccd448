"""`nmt average`: the mean of a run's last checkpoints as a run of its own.

Only words and messages; how checkpoints are averaged stands in nmt.checkpoint.
"""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--last", default=3, type=click.IntRange(1), metavar="N", help="numbered checkpoints  [default: 3]")
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="RUN", help="run folder to make")
def command(run: Path, last: int, out: Path) -> None:
    """Average the weights of the last numbered checkpoints of RUN into a new run."""
    from nmt.checkpoint import average_run

    names = average_run(run, last, out)
    print(f"{out} holds the mean of {', '.join(names)}", file=sys.stderr)
