"""The option of the page on which translations are checked and edited."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from nmt.cli.options import OUTPUT
from nmt.errors import NmtError

if TYPE_CHECKING:
    from nmt.documents.review import ReviewPage

review_option = click.option(
    "--review",
    type=OUTPUT,
    metavar="FILE",
    help="page to check and edit translations in a browser, the least sure ones first",
)


@contextmanager
def open_review(
    path: Path | None, files: Sequence[str], run: str, kind: Literal["lines", "documents"], quiet: bool
) -> "Iterator[ReviewPage | None]":
    """A page that is written to a file at the end, and also after an error that the user can mend; None without one."""
    from nmt.checkpoint import read_run
    from nmt.documents.review import ReviewPage, name_files
    from nmt.progress import format_count

    if path is None:
        yield None
        return
    info = read_run(Path(run)).info
    title = name_files([Path(file) for file in files if file != "-"])
    page = ReviewPage(title, info.source_lang, info.target_lang, kind)
    failure: NmtError | None = None
    try:
        yield page
    except NmtError as error:
        failure = error
    if page.segments or failure is None:
        page.write(path)
        if not quiet:
            count = format_count(page.segments, "translation")
            click.echo(f"nmt: {path} shows {count}, the least sure first: open it in a browser", err=True)
    if failure:
        raise failure
