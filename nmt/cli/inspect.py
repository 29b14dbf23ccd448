"""`nmt inspect`: describes a run or a prepared folder.

Reads what the folders record; the models in them are not run.
"""

from pathlib import Path

import click

from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import FOLDER
from nmt.errors import FolderError


@click.command(cls=NmtCommand)
@click.argument("folder", type=FOLDER)
@click.option("--verify", is_flag=True, help="compare every file with its checksum")
@import_option
def command(folder: Path, verify: bool) -> None:
    """Describe a run or a prepared folder."""
    from nmt.data.prepared import MANIFEST, Prepared, describe_prepared, require_whole
    from nmt.files import recover_folder

    recover_folder(folder)
    if (folder / "run.json").is_file():
        from nmt.checkpoint import describe_run, verify_run

        click.echo(describe_run(folder))
        if verify:
            click.echo(f"each of {verify_run(folder)} models and checkpoint files is as it was written")
    elif (folder / MANIFEST).is_file():
        prepared = Prepared.open(folder)
        click.echo(describe_prepared(prepared))
        if verify:
            require_whole(folder, prepared.manifest)
            click.echo(f"every one of {len(prepared.manifest.files)} files is as it was written")
    else:
        what = "is neither a run nor a prepared folder" if folder.exists() else "does not exist"
        raise FolderError(f"{folder} {what}\n  A run has run.json, a prepared folder has {MANIFEST}")
