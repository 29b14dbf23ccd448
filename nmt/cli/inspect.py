"""`nmt inspect`: describes a run or a prepared folder.

It reads files and runs no model.
"""

from pathlib import Path

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER
from nmt.errors import FolderError


@click.command(cls=NmtCommand)
@click.argument("folder", type=FOLDER)
@click.option("--verify", is_flag=True, help="compare every file that decides anything with its checksum")
@import_option
def command(folder: Path, verify: bool) -> None:
    """Describe a run or a prepared folder."""
    from nmt.data.prepared import MANIFEST, PreparedCorpus, describe_prepared, verify_prepared
    from nmt.files import recover_folder

    recover_folder(folder)
    if (folder / "run.json").is_file():
        from nmt.inspection import describe_run, verify_run

        click.echo(describe_run(folder))
        if verify:
            click.echo(f"all {verify_run(folder)} files are unchanged")
    elif (folder / MANIFEST).is_file():
        prepared = PreparedCorpus.open(folder)
        click.echo(describe_prepared(prepared))
        if verify:
            verify_prepared(folder, prepared.manifest)
            click.echo(f"all {len(prepared.manifest.files)} files are unchanged")
    else:
        what = "is neither a run nor a prepared folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}\n  A run has a file run.json, a prepared folder has {MANIFEST}")
