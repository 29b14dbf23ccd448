"""nmt.translate_texts, the function of the public API for documents that are strings, such as a part of a page."""

import codecs
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from nmt.arguments import check_count, check_text
from nmt.documents.document import Document, Languages
from nmt.documents.files import DocumentReport, DocumentTerm, WeakTag, report_units
from nmt.documents.formats import parse_document
from nmt.documents.joining import TranslatedUnit
from nmt.documents.translate import check_options, translate_documents
from nmt.errors import UsageError, did_you_mean
from nmt.progress import Progress, choose_progress
from nmt.text.terms import Terms
from nmt.translation.translator import Translator
from nmt.translation.units import is_target_spaced

TEXT_FORMATS = ("html", "markdown", "xml", "text")


class TranslatedSentence(NamedTuple):
    """A sentence of a document. `line` is that of its segment, and `score` that of nmt.Translation."""

    line: int
    source: str
    translation: str
    score: float


class TranslatedText(NamedTuple):
    """A document that is a string, translated; the other fields are those of DocumentReport.

    `notes` are what was repaired, or stays as it is.
    """

    text: str
    segments: int
    tags: int
    weak_tags: list[WeakTag]
    terms: list[DocumentTerm]
    sentences: list[TranslatedSentence]
    notes: list[str]


def translate_texts(
    model: Path | str | Translator,
    texts: Iterable[str],
    form: str = "html",
    *,
    terms: Terms | None = None,
    check: Callable[[], object] = bool,
    at_once: int | None = None,
    batch_size: int = 64,
    progress: bool | Progress = False,
    **search: Any,
) -> list[TranslatedText]:
    """Translate documents that are strings, such as pages or parts of them, in the format `form`, one of TEXT_FORMATS.

    What a document declares of its encoding has no meaning. `check` is called again and again, by the threads that
    search, and may raise an error to stop. `at_once` is how many sentences are translated between two reports of
    `progress`. `terms` and `search` are options of nmt.Translator.stream.

    >>> [translated.text for translated in nmt.translate_texts("checkpoints/my-run", ["a <b>house</b>"])]

    Raises UsageError for an unknown format, and for options that documents do not have; DataError for a text that is no
    string, or not in its format.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise TypeError("texts must be an iterable of strings: put a single text in a list")
    check_options(search, batch_size, terms)
    if at_once is not None:
        check_count("at_once", at_once)
    if form not in TEXT_FORMATS:
        raise UsageError(
            f'texts cannot have the format "{form}"{did_you_mean(form, TEXT_FORMATS)}\n'
            f"  It is one of {', '.join(TEXT_FORMATS)}"
        )
    translator = model if isinstance(model, Translator) else Translator.load(model)
    run = translator.runs[0]
    languages = Languages(run.info.source_lang, run.info.target_lang, is_target_spaced(run))
    options = {"batch_size": batch_size, "split_long": True, **({"terms": terms} if terms else {}), **search}
    documents = (parse_text(text, f"text {number:,}", languages, form) for number, text in enumerate(texts, 1))
    found = translate_documents(
        documents, translator, languages, progress=choose_progress(progress), check=check, at_once=at_once, **options
    )
    return [
        report_text(document, units, f"text {number:,}", terms) for number, (document, units) in enumerate(found, 1)
    ]


def report_text(document: Document, units: Iterable[TranslatedUnit], name: str, terms: Terms | None) -> TranslatedText:
    """A document that is a string, with its translated units and the report of it, in which it has this name."""
    report = DocumentReport(Path(name), Path(name))
    translated = list(report_units(units, report, terms))
    report.note_missing()
    return TranslatedText(
        document.write([one.segment for one in translated]).removeprefix(codecs.BOM_UTF8).decode(),
        report.segments,
        report.tags,
        report.weak_tags,
        report.terms,
        [
            TranslatedSentence(one.unit.line, own.source, own.text, own.score)
            for one in translated
            for own in one.sentences
        ],
        [*document.notes, *report.notes],
    )


def parse_text(text: str, name: str, languages: Languages, form: str) -> Document:
    """A string as a document. The byte order mark before it counts more than an encoding that it declares."""
    check_text(name, text)
    return parse_document(codecs.BOM_UTF8 + text.encode(), name, languages, form)
