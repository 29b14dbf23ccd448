"""`nmt export`: the network of a run for other programs."""

from pathlib import Path

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER, checkpoint_option


@click.command(cls=NmtCommand)
@click.argument("run", type=FOLDER)
@click.option("--out", required=True, type=FOLDER, metavar="DIR", help="folder to make")
@click.option(
    "--format", "style", type=click.Choice(["onnx"]), default="onnx", help="format of graphs  [default: onnx]"
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "int8"]),
    default="float32",
    help="float32, which every program reads, or int8, which ONNX Runtime reads  [default: float32]",
)
@checkpoint_option
@import_option
def command(run: Path, out: Path, style: str, precision: str, checkpoint: str) -> None:
    """Write the network of RUN as ONNX graphs: the encoder, and one step of the decoder.

    DIR gets encoder.onnx, step.onnx, the subword models and graphs.json, which names inputs and outputs. For an
    attention with a history, such as coverage, it also gets first.onnx, the first step. How to call the graphs is in
    nmt/README.md.
    """
    from nmt.inference.export import export_graphs

    names = export_graphs(run, out, precision, checkpoint)
    click.echo(f"{out} holds {', '.join(names)}", err=True)
