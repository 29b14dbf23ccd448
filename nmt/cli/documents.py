"""`nmt translate --document`: translates whole documents, file to file or folder to folder."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from nmt.cli.command import CommandError
from nmt.cli.memory import COLUMNS as MEMORY_COLUMNS
from nmt.cli.memory import describe_match, note_memory
from nmt.cli.options import INPUT, OUTPUT, combine
from nmt.cli.output import is_standard_output, refuse_overlap, refuse_unwritable
from nmt.cli.reports import open_report
from nmt.cli.review import open_review
from nmt.cli.terms import COLUMNS as TERM_COLUMNS
from nmt.cli.terms import describe_use, note_terms
from nmt.documents.formats import FORMATS, STANDARD
from nmt.errors import UsageError, describe_unreadable

if TYPE_CHECKING:
    from nmt.documents.translate import LineTranslator

# options of nmt translate that are about lines of text and have no effect on documents
LINE_OPTIONS = (
    *("n_best", "style", "with_attention", "alignments", "offset", "threshold", "units", "probabilities"),
    *("resume_output", "input_format", "prefix"),
)
TAG_COLUMNS = ("file", "line", "tag", "share", "source", "translation")
document_options = combine(
    click.option("--document", is_flag=True, help="translate whole documents, such as pages, and keep their markup"),
    click.option(
        "--document-format",
        "form",
        type=click.Choice(list(FORMATS)),
        help="format of the documents, such as standard input; means --document, too  [default: by suffix]",
    ),
    click.option(
        "--xml-rules",
        type=INPUT,
        metavar="FILE",
        help="TOML file of XML elements that are text, inline, block or untranslated, and of attributes that people "
        "read; DocBook, DITA and Android have rules of their own",
    ),
    click.option(
        "--tag-report",
        type=OUTPUT,
        metavar="FILE",
        help="table of the tags whose place in the translation is not sure; JSON Lines if FILE ends with .jsonl, else "
        "tab-separated",
    ),
)


class DocumentReports(NamedTuple):
    """The files of the reports of documents."""

    tags: Path | None
    terms: Path | None
    memory: Path | None
    review: Path | None


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
        flag = name_document_flag(ctx)
        raise UsageError(f"{' and '.join(given)} cannot be used with {flag}, which translates whole documents")


def name_document_flag(ctx: click.Context) -> str:
    """The flag that asks for documents: --document, or --document-format without it."""
    return "--document" if ctx.params["document"] else "--document-format"


def translate_documents(
    files: Sequence[str],
    output: Path | None,
    form: str | None,
    reports: DocumentReports,
    quiet: bool,
    run: str,
    load: "Callable[[], LineTranslator]",
    inputs: Sequence[str],
    options: dict[str, Any],
) -> None:
    """Translate documents, and report tags to look at and terms. `load` loads the run `run`; `inputs` are other files
    that are read, and `options` those of nmt.documents.files.translate_files."""
    from nmt.checkpoint import read_run
    from nmt.documents.document import Languages
    from nmt.documents.files import describe_left_out, plan_outputs, refuse_unused_rules, translate_files
    from nmt.progress import Progress, TerminalProgress, WithoutBars, format_count
    from nmt.translation.memory import MemoryTranslator
    from nmt.translation.units import is_target_spaced

    if form is None and (not files or "-" in files):
        raise UsageError("--document translates files: name them, or the format of standard input by --document-format")
    files = files or ("-",)
    if output is None and files != ("-",):
        flag = name_document_flag(click.get_current_context())
        raise UsageError(f"{flag} needs --output: a file for one document, a folder, or - for standard output")
    if output is None or is_standard_output(output):
        output = STANDARD
    elif not output.is_dir() and len(files) == 1 and not Path(files[0]).is_dir():
        refuse_unwritable(output)
    paths = [Path(file) for file in files]
    planned, left_out = plan_outputs(paths, output, form), describe_left_out(paths, output, form)
    if options["xml_rules"] is not None:
        refuse_unused_rules(planned, form)
    outputs = {"--tag-report": reports.tags, "--term-report": reports.terms, "--memory-report": reports.memory}
    outputs["--review"] = reports.review
    refuse_overlap(outputs, [*map(str, planned), *inputs], [path for path in planned.values() if path != STANDARD])
    first = read_run(Path(run))
    translator = load()
    progress: Progress = WithoutBars() if quiet else TerminalProgress()
    languages = Languages(first.info.source_lang, first.info.target_lang, is_target_spaced(first))
    done, segments, left, sentences, tags, weak, terms, missing = 0, 0, 0, 0, 0, 0, 0, 0
    scores: list[int] = []  # of what the memory has
    with (
        open_report(reports.tags, TAG_COLUMNS) as add_tag,
        open_report(reports.terms, TERM_COLUMNS) as add_term,
        open_report(reports.memory, MEMORY_COLUMNS) as add_match,
        open_review(reports.review, files, run, "documents", quiet) as page,
    ):
        options |= {"form": form, "progress": progress, "review": page}
        for report in translate_files(planned, translator, languages, **options):
            done, segments, tags = done + 1, segments + report.segments, tags + report.tags
            left, sentences = left + report.left, sentences + report.sentences
            for tag in report.weak_tags:
                weak += 1
                add_tag({"file": str(report.source), **tag._asdict()})
            for one in report.terms:
                terms, missing = terms + 1, missing + (one.use.used is None)
                add_term(describe_use(str(report.source), *one))
            for known in report.matches:
                scores.append(known.match.score)
                add_match(describe_match(str(report.source), *known))
    if not quiet:
        counts = f"{format_count(done, 'document')} with {format_count(segments - left, 'segment')}"
        where = "" if output == STANDARD else f" in {output}"
        stays = (
            f"; {format_count(left, 'segment')} {'stays as it is' if left == 1 else 'stay as they are'}" if left else ""
        )
        others = f"; {left_out}" if left_out else ""
        click.echo(f"nmt: {counts} {'is' if done == 1 else 'are'} translated{where}{stays}{others}", err=True)
    if weak:
        where = f"{reports.tags} lists them" if reports.tags else "--tag-report FILE lists them"
        click.echo(f"nmt: {weak:,} of {format_count(tags, 'tag')} may be in a wrong place: {where}", err=True)
    note_terms(terms, missing, reports.terms)
    if isinstance(translator, MemoryTranslator) and not quiet:
        note_memory(scores, sentences, "sentence", reports.memory)
