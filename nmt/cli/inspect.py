"""`nmt inspect`: what a run or a prepared folder holds.

Reads what the folders say of themselves; the models in them are not run.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nmt.errors import FolderError

if TYPE_CHECKING:
    from nmt.data.prepared import Prepared


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="hold every file against its checksum")
def command(folder: Path, verify: bool) -> None:
    """Say what a run or a prepared folder holds."""
    from nmt.data.prepared import MANIFEST, Prepared, require_whole
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


def describe_prepared(prepared: "Prepared") -> str:
    """The manifest as people read it."""
    manifest = prepared.manifest
    size = sum(record.size for record in manifest.files.values())
    pieces = [f"{prepared.source_subword.size:,} {'joint' if manifest.joint else manifest.source_lang}"]
    if not manifest.joint:
        pieces.append(f"{prepared.target_subword.size:,} {manifest.target_lang}")
    lines = [
        f"{prepared.path}: prepared corpus, {manifest.source_lang} to {manifest.target_lang}",
        f"  format version {manifest.format_version}, {len(manifest.files)} files, {size / 2**20:,.1f} MiB",
        f"  subwords: {manifest.settings['subword']}, {', '.join(pieces)}",
        "",
        f"  {'':6}{'pairs':>12}{'source tokens':>16}{'target tokens':>16}",
    ]
    for name, counts in manifest.splits.items():
        lines.append(f"  {name:6}{counts.pairs:>12,}{counts.source_tokens:>16,}{counts.target_tokens:>16,}")
    linked = [f"{counts.links:,} in {name}" for name, counts in manifest.splits.items() if counts.links is not None]
    lines += ["", f"  word alignments, as links of pieces: {', '.join(linked)}"] if linked else []
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in manifest.dropped.items()) or "nothing"
    lines += ["", f"  left out of train: {left_out}", "  settings:"]
    lines += [f"    {name} = {value}" for name, value in manifest.settings.items()]
    return "\n".join(lines)
