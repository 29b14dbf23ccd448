"""nmt.translate_documents, the function of the public API for documents."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nmt.arguments import read_paths
from nmt.documents.document import Languages
from nmt.documents.files import DocumentReport, plan_outputs, refuse_unused_rules, translate_files
from nmt.documents.review import ReviewPage, name_files
from nmt.documents.translate import check_options
from nmt.documents.xml_rules import XmlRules
from nmt.errors import Option, UsageError
from nmt.progress import Progress, choose_progress
from nmt.text.terms import Terms
from nmt.translation.memory import THRESHOLD, MemoryTranslator, TranslationMemory
from nmt.translation.translator import Translator
from nmt.translation.units import is_target_spaced


def translate_documents(
    model: Path | str | Sequence[Path | str] | Translator,
    files: Path | str | Sequence[Path | str],
    output: Path | str,
    *,
    form: str | None = None,
    xml_rules: Path | str | None = None,
    terms: Terms | None = None,
    memory: Path | str | Sequence[Path | str] = (),
    memory_threshold: int = THRESHOLD,
    review: Path | str | None = None,
    batch_size: int = 64,
    checkpoint: str = "best",
    device: str = "auto",
    precision: str = "auto",
    progress: bool | Progress = False,
    **search: Any,
) -> list[DocumentReport]:
    """Translate documents to files, with their markup: pages, texts and others of nmt.documents.formats.FORMATS.

    `files` are documents and folders of them; one document is written to `output`, and several into it. `form` is the
    name of their format, which their suffixes tell otherwise. `xml_rules` is a file of rules for XML, see
    nmt.documents.xml_rules.XmlRules. `memory` names translation memories, whose translations are used; similar sources
    are reported, see nmt.translation.memory.TranslationMemory.find. `terms` and `search` are options of
    nmt.Translator.stream. `review` is a file to write a page to, on which a person checks and edits the translations.

    Returns a report of each document: how many segments and tags it has, the tags whose place in the translation is not
    sure, its terms, and what the memory has for it. Raises UsageError for files whose format is not known, or that
    would be written over each other, and for options without effect; DataError for documents that cannot be read; the
    others are written.
    """
    check_options(search, batch_size, terms)
    if isinstance(model, Translator):
        for name, value, default in (
            ("checkpoint", checkpoint, "best"),
            ("device", device, "auto"),
            ("precision", precision, "auto"),
        ):
            if value != default:
                raise UsageError(Option(name, value), " has no effect on a Translator, which is loaded already")
    if memory_threshold != THRESHOLD and not memory:
        raise UsageError(Option("memory_threshold", memory_threshold), " has no effect without ", Option("memory"))
    memories = read_paths("memory", memory)
    paths = read_paths("files", files)
    planned = plan_outputs(paths, Path(output), form)
    if xml_rules is not None:
        refuse_unused_rules(planned, form)
    translator = model if isinstance(model, Translator) else Translator.load(model, checkpoint, device, precision)
    run = translator.runs[0]
    reporter = choose_progress(progress)
    if memories:
        known = TranslationMemory.read(memories, run.info.source_lang, run.info.target_lang, memory_threshold)
        for note in known.notes:
            reporter.note(note)
    languages = Languages(run.info.source_lang, run.info.target_lang, is_target_spaced(run))
    page = ReviewPage(name_files(paths), languages.source, languages.target, "documents") if review else None
    reports = list(
        translate_files(
            planned,
            MemoryTranslator(translator, known) if memories else translator,
            languages,
            form=form,
            xml_rules=None if xml_rules is None else XmlRules.read(xml_rules),
            terms=terms,
            progress=reporter,
            review=page,
            **{"batch_size": batch_size, "split_long": True, **search},
        )
    )
    if review and page:
        page.write(Path(review))
    return reports
