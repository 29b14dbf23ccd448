"""`nmt inspect`: describes a run or a prepared folder.

It reads files and runs no model.
"""

import json
from pathlib import Path

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER
from nmt.errors import FolderError


@click.command(cls=NmtCommand)
@click.argument("folder", type=FOLDER)
@click.option("--verify", is_flag=True, help="compare every file that decides anything with its checksum")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="a description, or the same facts as JSON",
)
@import_option
def command(folder: Path, verify: bool, form: str) -> None:
    """Describe a run or a prepared folder.

    Of a run: when, where and with which versions it was made, its corpus, checkpoints with scores, the course of its
    training with stops and warnings, settings that differ from the defaults, and sizes on disk. `settings.toml` in the
    run has all settings.
    """
    from nmt.data.prepared import MANIFEST, PreparedCorpus, describe_prepared, verify_prepared
    from nmt.files import recover_folder

    recover_folder(folder)
    if (folder / "run.json").is_file():
        from nmt.inspection import collect_run_facts, describe_run, verify_run

        click.echo(json.dumps(collect_run_facts(folder), indent=2) if form == "json" else describe_run(folder))
        unchanged = verify_run(folder) if verify else 0
    elif (folder / MANIFEST).is_file():
        prepared = PreparedCorpus.open(folder)
        facts = prepared.manifest.model_dump(mode="json")
        click.echo(json.dumps(facts, indent=2) if form == "json" else describe_prepared(prepared))
        unchanged = len(prepared.manifest.files) if verify else 0
        if verify:
            verify_prepared(folder, prepared.manifest)
    else:
        what = "is neither a run nor a prepared folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}\n  A run has a file run.json, a prepared folder has {MANIFEST}")
    if unchanged:
        click.echo(f"all {unchanged} files are unchanged", err=form == "json")
