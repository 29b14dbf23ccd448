"""Answers to requests: sentences with the attention of every model, and documents."""

import math
from collections.abc import Sequence
from typing import Any

from nmt.analysis.page import AttentionView, describe_sentence, encode_weights, fit_view
from nmt.documents.texts import TranslatedText, translate_texts
from nmt.errors import UsageError
from nmt.server.jobs import Job
from nmt.server.schema import Align, Translate
from nmt.text.corpus import Pair
from nmt.text.terms import Terms, TermUse
from nmt.text.units import AUTO
from nmt.text.words import split_words
from nmt.translation.doubts import Doubt, find_doubts
from nmt.translation.forced_pairs import force_pairs
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run
from nmt.translation.views import build_forced_view, build_translation_view

BATCH_SIZE = 8  # sentences of documents
AT_ONCE = 4 * BATCH_SIZE  # sentences; after these the progress is another


def answer_request(
    translators: list[Translator],
    fields: Translate | Align,
    terms: Terms | None,
    job: Job,
) -> dict[str, Any]:
    """The answer to a request. `terms` are those of the server.

    Raises TimeoutError when the time of the `job` is over, or it is cancelled.
    """
    terms = fields.build_terms().join(terms or Terms())
    if isinstance(fields, Translate) and fields.model >= len(translators):
        raise UsageError(f"model: there is no model {fields.model:,}; the last one is {len(translators) - 1}")
    with job.turns.join(job):
        if isinstance(fields, Translate) and fields.format != "sentence":
            return answer_documents(translators, fields, terms, job)
        return answer_sentence(translators, fields, terms, job)


def answer_documents(translators: list[Translator], fields: Translate, terms: Terms, job: Job) -> dict[str, Any]:
    """The documents translated by one model, with a report of each."""
    translated = translate_texts(
        translators[fields.model],
        fields.texts,
        fields.format,
        terms=terms,
        check=job.check,
        at_once=AT_ONCE,
        batch_size=BATCH_SIZE,
        progress=job,
    )
    texts = [one.text for one in translated]
    return {
        "translation": texts[0] if isinstance(fields.source, str) else texts,
        "documents": list(map(describe_document, translated)),
    }


def describe_document(one: TranslatedText) -> dict[str, Any]:
    """The report of a document."""
    return {
        "segments": one.segments,
        "tags": one.tags,
        "weak_tags": [tag._asdict() for tag in one.weak_tags],
        "terms": [
            describe_use(term.use) | {"line": term.line, "source": term.source, "translation": term.translation}
            for term in one.terms
        ],
        "sentences": [sentence._asdict() for sentence in one.sentences],
        "notes": one.notes,
    }


def describe_use(use: TermUse) -> dict[str, Any]:
    """A term and whether a translation has it."""
    return {"kind": use.term.kind, "term": use.term.text, "required": list(use.term.targets), "used": use.used}


def answer_sentence(translators: list[Translator], fields: Translate | Align, terms: Terms, job: Job) -> dict[str, Any]:
    """A sentence with the views of every model."""
    source = join_lines(fields.source if isinstance(fields, Align) else fields.texts[0])
    units = choose_units_of_run(AUTO, translators[0].runs[0])
    views: list[AttentionView] = []
    doubts: list[list[Doubt]] = []  # of each view
    words: Sequence[str] = []  # those that the first model reads
    for number, translator in enumerate(translators):
        if isinstance(fields, Translate):
            search = translator.runs[0].settings.search
            beam = max(search.beam, fields.n_best * search.groups)
            (found,) = translator.stream(
                [source], n_best=fields.n_best, batch_size=1, beam=beam, units=units, terms=terms, check=job.check
            )
            views += [build_translation_view(number, rank, one) for rank, one in enumerate(found, 1)]
            doubts += map(find_doubts, found)
            words = words or found[0].source_words
        else:
            run = translator.runs[0]
            pair = Pair(source, join_lines(fields.target))
            subwords = run.source_subword, run.target_subword
            (forced,) = force_pairs(translator.model, *subwords, [pair], units=units, check=job.check)
            views.append(build_forced_view(number, forced))
            doubts.append([])
            words = words or forced.source.words
    views = [fit_view(view, len(words)) for view in views]
    facts = describe_sentence(words, views, source_text=source)
    shown = [
        {"is_whole": True, "is_finished": True}
        | entry
        | {
            "text": view.target_text,
            "confidence": round(math.exp(min(view.score, 0.0)), 4),
            "doubts": [doubt._asdict() for doubt in own],
            "terms": list(map(describe_use, terms.list_uses(source, view.target_text))),
        }
        for entry, view, own in zip(facts["views"], views, doubts, strict=True)
    ]
    return facts | {"views": shown, "weights": encode_weights(views)}


def join_lines(text: str) -> str:
    """A text as one line, with a single space between words."""
    return " ".join(split_words(" ".join(text.splitlines())))
