"""`nmt translate`: translates files or standard input to text, JSON Lines and word links."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nmt.cli.command import NmtCommand
from nmt.cli.documents import (
    DocumentReports,
    document_options,
    refuse_folders,
    refuse_line_options,
    translate_documents,
)
from nmt.cli.loading import load_translator
from nmt.cli.memory import COLUMNS as MEMORY_COLUMNS
from nmt.cli.memory import MemoryOptions, describe_match, memory_options, note_memory
from nmt.cli.options import (
    FOLDER,
    INPUT_OR_FOLDER,
    OUTPUT,
    format_option,
    given_settings,
    link_options,
    model_option,
    parallel_options,
    run_options,
    settings_options,
    shortlist_option,
)
from nmt.cli.output import (
    find_resume_point,
    get_partial_path,
    is_standard_output,
    refuse_other_output,
    refuse_overlap,
    write_in_parts,
)
from nmt.cli.reports import open_report
from nmt.cli.review import open_review, review_option
from nmt.cli.terms import COLUMNS as TERM_COLUMNS
from nmt.cli.terms import describe_use, note_terms, read_terms, term_options
from nmt.cli.translations import format_link_lines, read_json_index, read_text_index, write_line, write_lines
from nmt.errors import DataError, FolderError, UsageError
from nmt.settings import SearchSettings

if TYPE_CHECKING:
    from nmt.translation.request import Request


@click.command(cls=NmtCommand)
@model_option("for an ensemble")
@click.argument("files", nargs=-1, type=INPUT_OR_FOLDER, metavar="[FILE]...")
@click.option(
    "--output", type=FOLDER, metavar="FILE", help="file of translations, or folder  [default: standard output]"
)
@document_options
@click.option(
    "--n-best", type=click.IntRange(1), default=1, metavar="N", help="translations of each line  [default: 1]"
)
@format_option("text", "jsonl")
@click.option("--with-attention", is_flag=True, help="add the attention between pieces to --format jsonl")
@click.option(
    "--alignments", type=OUTPUT, metavar="FILE", help="file of the word links of each translation, in Pharaoh format"
)
@link_options
@review_option
@click.option("--resume-output", is_flag=True, help="continue after the lines that are already in --output")
@click.option(
    "--input-format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="input format; jsonl is an object with constraints on each line  [default: text]",
)
@click.option(
    "--prefix",
    default="",
    metavar="TEXT",
    help="beginning of every translation; a blank at its end means that a new word follows",
)
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="TEXT",
    help="word or phrase that every translation contains; repeat for more",
)
@click.option(
    "--ban",
    "banned",
    multiple=True,
    metavar="TEXT",
    help="string that no translation contains; repeat for more",
)
@term_options
@memory_options
@click.option("--quiet", is_flag=True, help="write no progress bar, and no line at the end, to standard error")
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=64,
    metavar="N",
    help="sentences in a batch; 1 reads, translates and writes one line at a time  [default: 64]",
)
@shortlist_option
@parallel_options("1, then what a trial finds, on four cores or more")
@settings_options(SearchSettings)
@run_options
def command(
    model: tuple[str, ...],
    files: tuple[str, ...],
    output: Path | None,
    document: bool,
    form: str | None,
    xml_rules: str | None,
    tag_report: Path | None,
    n_best: int,
    style: str,
    with_attention: bool,
    alignments: Path | None,
    offset: int,
    threshold: float | None,
    units: str,
    probabilities: bool,
    review: Path | None,
    resume_output: bool,
    input_format: str,
    prefix: str,
    constraints: tuple[str, ...],
    banned: tuple[str, ...],
    glossary: str | None,
    keep: tuple[str, ...],
    term_report: Path | None,
    memory: tuple[str, ...],
    memory_threshold: int | None,
    memory_report: Path | None,
    quiet: bool,
    batch_size: int,
    shortlist: Path | None,
    processes: int,
    threads: int | None,
    checkpoint: str,
    device: str,
    precision: str,
    **options: Any,
) -> None:
    """Translate files, or standard input, line by line.

    Every input line gives one output line; an empty line stays empty. The defaults of search options are the settings
    of the run. With --n-best above 1, text lines are `index ||| translation ||| score`; the index counts input lines
    from 0. --format jsonl writes an object for each translation, with scores, tokens and word links. --alignments and
    --format jsonl link each target word j to the source word i with most of its attention, as i-j counted from 0; see
    `nmt align --help`. The attention of an ensemble is the mean over its members. Compressed files (.gz, .bz2, .xz,
    .zst) are decompressed; `-` is standard input. Lines are read ahead and sorted by length, except from a terminal
    or with --batch-size 1. Each of several --processes loads the run, which takes seconds and memory, and is worthwhile
    for many lines. On a CPU with four cores or more, several processes are tried after 30 seconds, and go on if they
    are faster; --processes 1 prevents this.

    With --input-format jsonl a line is an object with "source" and, for this line, "prefix", "constraints" (words or
    phrases that the translation contains), "banned" (strings that it does not contain; " cat" only at the beginning of
    words) and "max_length" in pieces, the end of the sentence included.

    Translations are written to FILE.part, which is renamed to --output FILE when it is complete. If the program ends
    earlier, the same command with --resume-output continues, with the same input and options.

    --document, or --document-format alone, translates whole documents, by their suffixes or this format: one to a file,
    several or the documents of folders to a folder, standard input, whose format is named, to standard output (`-`). A
    document keeps its format. Sentences are translated one by one; whatever is not text stays as it is, and so does
    what is marked as of another language than the source (lang, xml:lang). Inline tags go where the attention shows
    that their words went; --tag-report lists those whose place is not sure.

    --glossary has terms and their translations, and --keep tells what stays as it is. A translation contains them as
    often as the source, where the model finds it most probable; of several translations of a term, one. A translation
    that contains them anyway does not change.

    --memory has translations that people made. Those of equal sources are used as they are. For other lines the most
    similar source is reported if it has --memory-threshold percent of the words (of the characters, in scripts without
    blanks between words) in the same order: with both sides in --memory-report, in "memory" of JSON Lines, in XLIFF as
    <alt-trans> or, in version 2, <mtc:match>, and in PO as a comment.

    --format jsonl, XLIFF and PO have the confidence of each translation, the geometric mean of the probabilities of its
    pieces, and what to check first. --review shows that on a page, on which translations are edited; the browser keeps
    the edits. They are saved as lines, or as a translation memory: with it the same command and --memory writes the
    edited document.
    """
    from tqdm import tqdm

    from nmt.checkpoint import read_run
    from nmt.documents.xml_rules import XmlRules
    from nmt.files import is_closed_by_reader
    from nmt.progress import format_count, open_bar
    from nmt.text.links import describe_inner_blank
    from nmt.text.units import describe_units
    from nmt.translation.batching import MAX_PIECES
    from nmt.translation.places import choose_translation_device, choose_translation_precision
    from nmt.translation.request import Request
    from nmt.translation.units import choose_units_of_run
    from nmt.translation.workers import share_cores

    is_document = document or form is not None
    named = [*([glossary] if glossary else []), *memory]
    if is_document:
        refuse_line_options(click.get_current_context())
    else:
        refuse_folders(files)
        if not quiet:
            note_documents(files)
        if output and output != Path("-") and is_standard_output(output):
            output = None
        for flag, value in (("--tag-report", tag_report), ("--xml-rules", xml_rules)):
            if value:
                raise UsageError(f"{flag} is about documents: add --document")
        outputs = {"--output": output, "--alignments": alignments, "--term-report": term_report}
        outputs |= {"--memory-report": memory_report, "--review": review}
        refuse_overlap(outputs, [*(files or "-"), *named])
    terms = read_terms(glossary, keep, model[0])
    memories = MemoryOptions(memory, memory_threshold, memory_report, quiet)
    memories.check(resume_output)
    if term_report and (terms is None or resume_output):
        raise UsageError(
            "--term-report lists the terms of --glossary and --keep: name one of them"
            if terms is None
            else "--term-report would have the terms of the last lines only: leave it out, or leave out --resume-output"
        )
    if review and resume_output:
        raise UsageError("--review would have the last lines only: leave it out, or leave out --resume-output")
    if (threshold or probabilities or offset or units != "auto") and not alignments and style != "jsonl":
        raise UsageError(
            "--threshold, --probabilities, --offset and --units apply to word links: name a file with --alignments, or "
            "use --format jsonl"
        )
    if with_attention and style != "jsonl":
        raise UsageError("--with-attention has no effect without --format jsonl")
    if resume_output and output is None:
        raise UsageError("--resume-output continues a file: name it with --output")
    source = click.get_current_context().get_parameter_source
    is_automatic = {source("processes"), source("threads")} == {ParameterSource.DEFAULT}
    threads = share_cores(processes, threads, batch_size, device)
    precision = choose_translation_precision(precision, choose_translation_device(device))  # one for all processes
    loading: dict[str, Any] = {"model": model, "checkpoint": checkpoint, "device": device, "precision": precision}
    loading["shortlist"] = shortlist
    search = given_settings(SearchSettings, options)
    if is_document:
        streaming = {"batch_size": batch_size, "split_long": True, "terms": terms, **search}
        streaming["xml_rules"] = XmlRules.read(xml_rules) if xml_rules else None
        streaming["make_request"] = partial(Request, constraints=constraints, banned=banned)
        load = partial(load_translator, processes, threads, loading, memories)
        reports = DocumentReports(tag_report, term_report, memory_report, review)
        translate_documents(files, output, form, reports, quiet, model[0], load, named, streaming)
        return

    def write_note(text: str) -> None:
        if not quiet:
            tqdm.write(f"nmt: {text}", file=sys.stderr)

    translator = load_translator(processes, threads, loading, memories, write_note if is_automatic else None)
    if options["replace_unk"] and read_run(Path(model[0])).target_subword.has_byte_fallback:
        click.echo(
            f"nmt: --replace-unk has no effect: {model[0]} spells unknown characters in bytes\n"
            "  A corpus prepared with --no-byte-fallback and a --character-coverage below 1 has unknown characters",
            err=True,
        )
    if alignments and all(read_run(Path(run)).settings.model.attention == "none" for run in model):
        raise UsageError(f"{model[0]} has no attention, so there are no links: leave out --alignments")
    batch_size = 1 if files in ((), ("-",)) and sys.stdin.isatty() else batch_size
    paths = [path for path in (output, alignments) if path is not None]
    index = {"text": read_text_index, "jsonl": read_json_index}[style] if n_best > 1 else None
    done, sizes = find_resume_point(paths, index) if resume_output else (0, [0] * len(paths))
    places: deque[tuple[str, int]] = deque()  # of the lines that are read and not yet translated
    requests = note_places(files or ("-",), places, input_format, prefix, constraints, banned)
    last = deque(enumerate(islice(requests, done), 1), maxlen=1)
    if (skipped := last[0][0] if last else 0) < done:
        raise DataError(
            f"{output} already holds {format_count(done, 'line')}, and the input has only {skipped:,}\n"
            "  It was made from another input: leave out --resume-output to start again"
        )
    if output and last and n_best == 1 and precision == "int8":  # a line is the same whatever else is in its batch
        [[again, *_]] = translator.stream([last[0][1]], batch_size=batch_size, first=done, terms=terms, **search)
        refuse_other_output(output, done, again.text, style)
    linked = choose_units_of_run(units, read_run(Path(model[0])))
    if alignments and (note := describe_units(linked)):
        click.echo(f"nmt: {note}", err=True)
    warning = ""
    missing, all_terms = 0, 0
    scores: list[int] = []  # of what the memory has
    places.clear()
    streaming = {"n_best": n_best, "batch_size": batch_size, "first": done + 1, "units": linked, "terms": terms}
    results = translator.stream(requests, **streaming, **search)
    hides_bar = quiet or (output is None and sys.stdout.isatty())  # a progress bar would stand between the translations
    total = None if hides_bar or not sys.stderr.isatty() else count_lines(files)
    number = done
    bar = open_bar(results, precision, total, initial=done, unit=" lines", disable=hides_bar or None)
    try:
        with ExitStack() as stack:
            add_term = stack.enter_context(open_report(term_report, TERM_COLUMNS))
            add_match = stack.enter_context(open_report(memory_report, MEMORY_COLUMNS))
            page = stack.enter_context(open_review(review, files, model[0], "lines", quiet))
            opened = [stack.enter_context(write_in_parts(path, size)) for path, size in zip(paths, sizes, strict=True)]
            out: IO[bytes] = opened[0] if output else sys.stdout.buffer
            written = [out, *opened[1 if output else 0 :]]
            for number, found in enumerate(bar, done + 1):
                place = places.popleft()
                for use in terms.list_uses(found[0].source, found[0].text) if terms else ():
                    all_terms, missing = all_terms + 1, missing + (use.used is None)
                    add_term(describe_use(*place, use, found[0].source, found[0].text))
                if found[0].match:
                    scores.append(found[0].match.score)
                    add_match(describe_match(*place, found[0].match, found[0].source, found[0].text))
                if page:
                    page.add_line(found[0], f"{place[0]}:{place[1]}")
                if not found[0].is_whole:
                    tqdm.write(
                        f"nmt: line {number:,} is too long: only its first {MAX_PIECES:,} pieces are translated\n"
                        "  Split it into sentences, or use --split-long, to translate all of it",
                        file=sys.stderr,
                    )
                if alignments:
                    both = found[0].source, found[0].text
                    if not warning and (warning := describe_inner_blank(both, f"line {number:,}")):
                        tqdm.write(f"nmt: {warning}", file=sys.stderr)
                    write_lines(opened[-1], format_link_lines(found, threshold, offset, probabilities))
                links = (threshold, offset, probabilities)
                ranked = enumerate(found)
                write_lines(
                    out,
                    (write_line(one, number - 1, rank, style, n_best, with_attention, *links) for rank, one in ranked),
                )
                if all(map(is_closed_by_reader, written)):
                    break
    except BaseException as error:
        if output and get_partial_path(output).exists() and not isinstance(error, FolderError):
            part = get_partial_path(output)
            click.echo(f"nmt: finished lines are in {part}; the same command with --resume-output continues", err=True)
        raise
    if output and output.is_file() and not quiet:
        is_or_are = "is" if number == 1 else "are"
        before = f", {done:,} of them before" if done else ""
        click.echo(f"nmt: {format_count(number, 'line')} {is_or_are} translated in {output}{before}", err=True)
    note_terms(all_terms, missing, term_report)
    if memory and not quiet:
        note_memory(scores, number - done, "line", memory_report)


def note_documents(files: Sequence[str]) -> None:
    """Tell that documents, by their suffixes, are translated line by line."""
    from nmt.documents.formats import find_format

    for file in files:
        if find_format(Path(file)) not in (None, "text"):
            click.echo(
                f"nmt: {file} is translated line by line, with its markup\n"
                "  With --document its text is translated, and its markup stays",
                err=True,
            )


def note_places(files: Sequence[str], places: deque[tuple[str, int]], form: str, *more: Any) -> "Iterator[Request]":
    """The requests of files, while `places` gets the file and the line of each."""
    from nmt.translation.request import read_requests

    for file in files:
        for number, request in enumerate(read_requests([file], form, *more), 1):
            places.append(("standard input" if file == "-" else file, number))
            yield request


def count_lines(files: Sequence[str]) -> int | None:
    """The number of input lines, or None if the input cannot be read twice."""
    from nmt.text.corpus import read_lines

    if not files or not all(Path(file).is_file() for file in files):
        return None
    return sum(1 for file in files for _ in read_lines(file))
