"""Files of documents: which are translated to where, and their translation, each written completely or not at all."""

import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from nmt.documents.document import Document, Languages
from nmt.documents.formats import FORMATS, STANDARD, find_format, name_document, read_document, require_format
from nmt.documents.joining import TranslatedUnit
from nmt.documents.review import ReviewPage
from nmt.documents.translate import LineTranslator, translate_documents, write_document
from nmt.documents.xml import XmlDocument
from nmt.documents.xml_rules import RuleUse, XmlRules
from nmt.errors import DataError, NmtError, Option, UsageError, indent
from nmt.files import write_atomically
from nmt.progress import Progress, format_count
from nmt.text.terms import Terms, TermUse
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch

NO_PROGRESS = Progress()
MOST_SHOWN = 3  # files in a note
LARGE = 5_000_000  # bytes of a document that takes seconds to read


class WeakTag(NamedTuple):
    """A tag whose place in the translation has weak support, by its share; see nmt.documents.projection.Placement.

    `line` is that of the segment in the document, counted from 1.
    """

    line: int
    tag: str
    share: float
    source: str
    translation: str


class DocumentTerm(NamedTuple):
    """A term of a sentence of a document, and what of it the translation of the sentence has."""

    line: int
    use: TermUse
    source: str
    translation: str


class DocumentMatch(NamedTuple):
    """What a memory has for a segment of a document, or for a sentence of it."""

    line: int
    match: MemoryMatch
    source: str
    translation: str


@dataclass
class DocumentReport:
    """A document that was translated: how many segments, sentences and tags it has, which tags to look at, its terms,
    and what a memory has for it. `left` counts the segments that stay as they are because they have too many tags, and
    `notes` are what a person must know of segments. `missing` counts the sentences that stay as they are because their
    translation is empty; `first_missing` is the line of the first one's segment."""

    source: Path
    target: Path
    segments: int = 0
    left: int = 0
    missing: int = 0
    first_missing: int = 0
    sentences: int = 0
    tags: int = 0
    weak_tags: list[WeakTag] = field(default_factory=list)
    terms: list[DocumentTerm] = field(default_factory=list)
    matches: list[DocumentMatch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, one: TranslatedUnit, terms: Terms | None) -> None:
        """Count a translated unit, and list what is to be reported of it."""
        line = one.unit.line
        self.segments += 1
        self.left += one.is_left
        if missing := sum(sentence.is_missing for sentence in one.sentences):
            self.missing += missing
            self.first_missing = self.first_missing or line
        self.sentences += len(one.sentences)
        self.tags += len(one.placements)
        self.weak_tags += (WeakTag(line, *tag, one.unit.segment.text, one.segment.text) for tag in one.weak_tags)
        self.matches += (DocumentMatch(line, *match) for match in one.matches)
        if terms:
            self.terms += (
                DocumentTerm(line, use, sentence.source, sentence.text)
                for sentence in one.sentences
                for use in terms.list_uses(sentence.source, sentence.text)
            )
        if one.note:
            self.notes.append(f"{self.source}, line {line:,}: {one.note}")
        elif one.is_left:
            self.notes.append(
                f"{self.source}, line {line:,}: a segment stays as it is, because its "
                f"{format_count(len(one.unit.labels), 'tag')} and {len(one.unit.segment.text):,} characters are too "
                "many to be aligned: divide it"
            )

    def note_missing(self) -> None:
        """Add a note on sentences without a translation, when all units are counted."""
        if self.missing:
            have, stay = ("has", "stays as it is") if self.missing == 1 else ("have", "stay as they are")
            self.notes.append(
                f"{self.source}, line {self.first_missing:,}: {format_count(self.missing, 'sentence')} from here on "
                f"{have} no translation and {stay}"
            )


def plan_outputs(files: Sequence[Path], output: Path, form: str | None = None) -> dict[Path, Path]:
    """The file to write for each file to translate. Those of a folder keep their names and places under `output`.

    A single file is written to `output`, or into it if it is a folder. Of a folder only files with a known suffix are
    documents, unless they are hidden; with `form`, only those with a suffix of that format. A single file may be "-",
    standard input, and be written to "-", standard output.

    Raises UsageError for files of an unknown format, for two that would be written to one, for one that would be
    written over itself, or to the suffix of another format, for several whose folder is new and has the suffix of a
    document, and for folders without documents.
    """
    is_single = len(files) == 1 and not files[0].is_dir() and not output.is_dir()
    if not is_single and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file, and several documents need a folder\n  Name another ", Option("output"))
    if not is_single and not output.exists() and find_format(output):
        raise UsageError(
            f"{output} has the suffix of a document, and several documents are written to a folder\n  Name another ",
            Option("output"),
            ", or make a folder of this name first",
        )
    if STANDARD in (*files, output) and not is_single:
        raise UsageError("standard input and output have one document: translate it to a file, or to standard output")
    planned: dict[Path, Path] = {}
    for file in files:
        if not file.is_dir():
            own = require_format(file, form)
            if is_single and output.suffix != file.suffix and find_format(output) not in (None, own):
                raise UsageError(
                    f"{output} has the suffix of another format: {name_document(file)} is {own}, and stays so\n"
                    f"  Name a file with {' or '.join(FORMATS[own].suffixes)}, or any other suffix"
                )
            planned[file] = output if is_single else output / file.name
            continue
        if os.path.realpath(file) == os.path.realpath(output):
            raise UsageError(
                f"{file} is the folder of the documents and that of the output, so they would be written over\n"
                "  Name another ",
                Option("output"),
            )
        inside = [path for path in find_files(file, output) if is_document(path, form)]
        if not inside:
            raise UsageError(f"{file} has no documents that can be translated\n  Name files, or another folder")
        planned |= {path: output / path.relative_to(file) for path in inside}
    taken: dict[str, Path] = {}
    for source, target in planned.items():
        place = os.path.realpath(target)
        if place in taken:
            raise UsageError(
                f"{taken[place]} and {source} cannot both be written to {target}\n  Translate them separately"
            )
        taken[place] = source
    for source in planned:
        if source != STANDARD and os.path.realpath(source) in taken:
            raise UsageError(f"{source} would be written over\n  Name another ", Option("output"))
    return planned


def find_files(folder: Path, output: Path) -> list[Path]:
    """The files in a folder, without hidden ones, such as those in .git, and without what is in an `output` inside."""
    outputs = os.path.realpath(output) + os.sep
    is_inside = outputs.startswith(os.path.realpath(folder) + os.sep)
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(name.startswith(".") for name in path.relative_to(folder).parts)
        and not (is_inside and os.path.realpath(path).startswith(outputs))
    ]


def describe_left_out(files: Iterable[Path], output: Path, form: str | None = None) -> str:
    """What of the files in folders is no document, see plan_outputs: `2 other files are left out: a.png, b.css`."""
    folders = (file for file in files if file.is_dir())
    names = [
        str(path.relative_to(folder))
        for folder in folders
        for path in find_files(folder, output)
        if not is_document(path, form)
    ]
    if not names:
        return ""
    more = f" and {len(names) - MOST_SHOWN:,} more" if len(names) > MOST_SHOWN else ""
    are = "is" if len(names) == 1 else "are"
    return f"{format_count(len(names), 'other file')} {are} left out: {', '.join(names[:MOST_SHOWN])}{more}"


def refuse_unused_rules(planned: Mapping[Path, Path], form: str | None) -> None:
    """Raise UsageError if there are rules for XML, and none of the files is XML."""
    if all(require_format(path, form) != "xml" for path in planned):
        suffixes = ", ".join(FORMATS["xml"].suffixes)
        raise UsageError(Option("xml_rules"), f" has no effect, because no document is XML ({suffixes})")


def is_document(path: Path, form: str | None) -> bool:
    """Whether a file in a folder is a document, by its suffix."""
    found = find_format(path)
    return found is not None and found == (form or found)


def translate_files(
    files: Mapping[Path, Path],
    translator: LineTranslator,
    languages: Languages,
    *,
    form: str | None = None,
    xml_rules: XmlRules | None = None,
    terms: Terms | None = None,
    make_request: Callable[[str], str | Request] = str,
    progress: Progress = NO_PROGRESS,
    review: ReviewPage | None = None,
    **options: Any,
) -> Iterator[DocumentReport]:
    """Translate each file to another one, and yield a report of each as soon as it is written.

    A file that cannot be translated is left out, and the others are written. `form` is the format of all, otherwise
    their suffixes tell; `xml_rules` are those of XML. `terms` are required where a sentence has them. `make_request`
    makes a request of a sentence, for example with constraints. `review` gets every unit. `options` are those of the
    translator's `stream`.

    Raises DataError, at the end, that lists the files that could not be translated, and why. An error in the program
    is raised as it is if there is only one file.
    """
    problems: list[NmtError] = []
    failures: list[Exception] = []  # those that are errors in the program
    paths: dict[int, Path] = {}
    unfinished = set(files)
    use = RuleUse(xml_rules) if xml_rules else None

    def add_failure(path: Path, error: Exception) -> None:
        if isinstance(error, NmtError) or len(files) == 1:
            raise error
        failures.append(error)
        problems.append(describe_failure(path, error))

    def read_documents() -> Iterator[Document]:
        for path in files:
            try:
                if is_large := path.is_file() and path.stat().st_size >= LARGE:
                    progress.note(f"nmt: reading {path}, {path.stat().st_size / 1e6:,.0f} MB")
                document = read_document(path, languages, form, xml_rules)
            except DataError as error:
                unfinished.discard(path)
                problems.append(error)
                continue
            except Exception as error:
                unfinished.discard(path)
                add_failure(path, error)
                continue
            if is_large:
                progress.note(f"nmt: {path} has {format_count(len(document.units), 'segment')}")
            for note in document.notes:
                progress.note(f"nmt: {note}")
            if use and isinstance(document, XmlDocument):
                use.known |= document.list_names()
            paths[id(document)] = path
            yield document

    if terms:
        options["terms"] = terms
    translated = translate_documents(read_documents(), translator, languages, make_request, progress, **options)
    for document, units in translated:
        source = paths.pop(id(document))
        report = DocumentReport(Path(name_document(source)), files[source])
        unfinished.discard(source)
        try:
            content = write_document(document, report_units(units, report, terms, review))
        except Exception as error:
            add_failure(source, error)
            continue
        report.note_missing()
        for note in report.notes:
            progress.note(f"nmt: {note}")
        if report.target == STANDARD:
            sys.stdout.buffer.write(content)
        else:
            report.target.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(report.target, "wb") as file:
                file.write(content)
        yield report
    for note in use.describe() if use else []:
        progress.note(f"nmt: {note}")
    if failures and unfinished:  # the translator has failed
        raise failures[-1]
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DataError(f"{len(problems)} documents could not be translated; the others are", *indent(problems))


def describe_failure(path: Path, error: Exception) -> DataError:
    """The problem of a file whose translation met an error in the program, which has not stopped the others."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return DataError(
        f"{path} is not translated: this is an error in nmt, not in your input\n"
        f"  Please report {type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno}); "
        "translated alone, the file shows where it comes from"
    )


def report_units(
    units: Iterable[TranslatedUnit], report: DocumentReport, terms: Terms | None, review: ReviewPage | None = None
) -> Iterator[TranslatedUnit]:
    """The units, each added to the report, and to the review page, when it is read."""
    for one in units:
        report.add(one, terms)
        if review:
            review.add_unit(one, str(report.source))
        yield one
