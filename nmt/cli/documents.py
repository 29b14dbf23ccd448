"""`nmt translate --document`: translates whole documents, file to file or folder to folder."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nmt.cli.command import CommandError
from nmt.cli.options import OUTPUT, combine
from nmt.cli.output import refuse_overlap, refuse_unwritable
from nmt.documents.formats import FORMATS
from nmt.errors import UsageError, describe_unreadable

if TYPE_CHECKING:
    from nmt.documents.translate import LineTranslator

# options of nmt translate that are about lines of text and have no effect on documents
LINE_OPTIONS = (
    *("n_best", "style", "with_attention", "alignments", "offset", "threshold", "units", "probabilities"),
    *("resume_output", "input_format", "prefix", "constraints", "banned"),
)
document_options = combine(
    click.option("--document", is_flag=True, help="translate whole documents, such as pages, and keep their markup"),
    click.option(
        "--document-format",
        "form",
        type=click.Choice(list(FORMATS)),
        help="format of the documents  [default: by suffix]",
    ),
    click.option(
        "--tag-report",
        type=OUTPUT,
        metavar="FILE",
        help="tab-separated table of the tags whose place in the translation is not sure",
    ),
)


def refuse_folders(files: Sequence[str]) -> None:
    """Raise CommandError for a folder among files."""
    for file in files:
        if file != "-" and Path(file).is_dir():
            raise CommandError(
                f"{describe_unreadable(file, IsADirectoryError())}\n  --document translates the documents in a folder"
            )


def refuse_line_options(ctx: click.Context) -> None:
    """Raise UsageError for options that documents do not have."""
    flags = {parameter.name: parameter.opts[0] for parameter in ctx.command.params}
    given = [flags[name] for name in LINE_OPTIONS if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT]
    if given:
        raise UsageError(f"{' and '.join(given)} cannot be used with --document, which translates whole documents")


def translate_documents(
    files: Sequence[str],
    output: Path | None,
    form: str | None,
    tag_report: Path | None,
    quiet: bool,
    run: str,
    load: "Callable[[], LineTranslator]",
    options: dict[str, Any],
) -> None:
    """Translate documents and report tags to look at. `load` loads the run `run`, with `options` of its `stream`."""
    from nmt.checkpoint import read_run
    from nmt.documents.document import Languages
    from nmt.documents.files import plan_outputs, translate_files
    from nmt.progress import Progress, TerminalProgress, WithoutBars, format_count
    from nmt.translation.units import is_target_spaced

    if not files or "-" in files:
        raise UsageError("--document translates files: name them, and where they go with --output")
    if output is None:
        raise UsageError("--document needs --output: a file for one document, or a folder")
    if not output.is_dir() and len(files) == 1 and not Path(files[0]).is_dir():
        refuse_unwritable(output)
    planned = plan_outputs([Path(file) for file in files], output, form)
    refuse_overlap({"--tag-report": tag_report}, [*map(str, planned), *map(str, planned.values())])
    first = read_run(Path(run))
    translator = load()
    progress: Progress = WithoutBars() if quiet else TerminalProgress()
    languages = Languages(first.info.source_lang, first.info.target_lang, is_target_spaced(first))
    rows = ["file\tline\ttag\tshare\tsource\ttranslation"]
    done, segments, tags, weak = 0, 0, 0, 0
    try:
        for report in translate_files(planned, translator, languages, form=form, progress=progress, **options):
            done, segments, tags = done + 1, segments + report.segments, tags + report.tags
            for one in report.weak_tags:
                weak += 1
                texts = (text.replace("\t", " ").replace("\n", " ") for text in (one.source, one.translation))
                rows.append("\t".join([str(report.source), str(one.line), one.tag, f"{one.share:.2f}", *texts]))
    finally:
        if tag_report:
            write_rows(tag_report, rows)
    if not quiet:
        counts = f"{format_count(done, 'document')} with {format_count(segments, 'segment')}"
        click.echo(f"nmt: {counts} {'is' if done == 1 else 'are'} translated in {output}", err=True)
    if weak:
        where = f"{tag_report} lists them" if tag_report else "--tag-report FILE lists them"
        click.echo(f"nmt: {weak:,} of {format_count(tags, 'tag')} may be in a wrong place: {where}", err=True)


def write_rows(path: Path, rows: Iterable[str]) -> None:
    """Write lines of text to a file."""
    from nmt.files import write_atomically

    with write_atomically(path) as file:
        file.writelines(f"{row}\n" for row in rows)
