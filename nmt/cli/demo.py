"""`nmt demo`: prepares, trains, translates, scores and aligns on the sample corpus, and prints the command of each."""

import os
import shlex
import sys
import time
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from shutil import which

import click

import nmt
from nmt.cli.command import NmtCommand
from nmt.errors import FolderError

SAMPLE = Path(nmt.__file__).parents[1] / "data" / "sample"
SHOWN = 5


@click.command(cls=NmtCommand)
@click.option(
    "--out", default="demo", type=click.Path(path_type=Path), metavar="DIR", help="folder to make  [default: demo]"
)
@click.option(
    "--corpus", default=SAMPLE, type=click.Path(path_type=Path), metavar="DIR", help="folder of the sample corpus"
)
@click.option("--max-epochs", type=click.IntRange(1), metavar="N", help="train for fewer epochs than the recipe does")
def command(out: Path, corpus: Path, max_epochs: int | None) -> None:
    """Do all five jobs on the sample corpus, and print the command of each.

    About two minutes on two CPU cores.
    """
    from nmt.text.corpus import read_lines

    if not (corpus / "train.en").exists():
        raise FolderError(f"{corpus} does not hold the sample corpus\n  It is in data/sample of the repository")
    if out.exists() and any(out.iterdir()):
        raise FolderError(f"{out} already holds files\n  Remove it, or run nmt demo with another --out")
    begin = time.monotonic()
    prepared, run, links = out / "prepared", out / "run", out / "test.links"
    source, reference, hypotheses = corpus / "test.en", corpus / "test.de", out / "test.hypotheses.de"
    out.mkdir(parents=True, exist_ok=True)
    splits = [word for split in ("train", "valid", "test") for word in (f"--{split}", corpus / split)]
    nmt_command(
        "prepare", "--source-lang", "en", "--target-lang", "de", *splits, "--vocab-size", 800, "--out", prepared
    )
    epochs = ["--max-epochs", max_epochs] if max_epochs else []
    nmt_command("train", "--data", prepared, "--out", run, "--recipe", "sample", *epochs)
    nmt_command("translate", "--model", run, source, "--output", hypotheses)
    lines = zip(*map(read_lines, (source, reference, hypotheses)), strict=True)
    for number, (sentence, truth, translation) in enumerate(lines):
        if number < SHOWN:
            click.echo(f"\n  source       {sentence}\n  reference    {truth}\n  translation  {translation}")
    nmt_command("score", "--reference", reference, hypotheses)
    pair = ["--source", source, "--target", reference]
    pictures = ["--show", 2, "--plot", out / "pictures", "--limit", 5]
    nmt_command("align", "--model", run, *pair, "--gold", corpus / "test.align", *pictures, save_as=links)
    program = "nmt" if which("nmt") else os.path.relpath(sys.argv[0])
    click.echo(
        f"\nAll of it took {time.monotonic() - begin:.0f} seconds. The results are in {out}:\n"
        f"  {prepared}  the corpus as subwords\n"
        f"  {run}  the translator, its log and its learning curve (curve.png)\n"
        f"  {hypotheses}  translations of the test set\n"
        f"  {links}  word links of the test set\n"
        f"  {out / 'pictures'}  attention as heat maps\n"
        f"Now try: echo 'The old man reads a book.' | {program} translate --model {run}"
    )


def nmt_command(name: str, *words: object, save_as: Path | None = None) -> None:
    """Print a command line and run it; its output goes to a file when one is named."""
    arguments = [str(word) for word in words]
    into = f" > {shlex.quote(str(save_as))}" if save_as else ""
    click.secho(f"\n$ nmt {name} {shlex.join(arguments)}{into}", bold=True)
    module = import_module(f"nmt.cli.{name}")
    if save_as is None:
        module.command.main(args=arguments, prog_name=f"nmt {name}", standalone_mode=False)
        return
    with open(save_as, "w", encoding="utf-8", newline="\n") as file, redirect_stdout(file):
        module.command.main(args=arguments, prog_name=f"nmt {name}", standalone_mode=False)
