"""Translation of documents: units to sentences, sentences to a translator, and back to units one by one."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, groupby, pairwise, tee
from typing import Any, NamedTuple, Protocol

from nmt.arguments import check_count
from nmt.documents.alignment import Alignment, align_translation
from nmt.documents.document import AnnotatedDocument, Document, Languages, Unit
from nmt.documents.joining import TranslatedUnit, join_sentences
from nmt.documents.known import Sentences, look_up, require_fresh
from nmt.documents.parts import has_complex_part, join_parts, list_parts
from nmt.documents.projection import Placement
from nmt.documents.segment import Segment
from nmt.documents.tag_names import restore_placeholders
from nmt.errors import Option, UsageError
from nmt.progress import Progress
from nmt.text.terms import check_terms
from nmt.text.units import Span, Units, locate_words
from nmt.text.words import is_blank
from nmt.translation.aligner import force_lines
from nmt.translation.batching import read_windows
from nmt.translation.long_lines import find_sentences
from nmt.translation.memory import MemoryTranslator, build_known_translation
from nmt.translation.repeats import translate_once
from nmt.translation.request import Request
from nmt.translation.result import Translation
from nmt.translation.translator import Translator

NO_PROGRESS = Progress()
PIECES = Units("pieces"), Units("pieces")
FLAG_TAGS = re.compile("[\U000e0020-\U000e007f]")  # invisible characters that end the emoji of some flags


def check_options(options: Mapping[str, Any], batch_size: int, terms: object) -> None:
    """Raise UsageError for options of nmt.Translator.stream that documents do not have, and for wrong values."""
    for name in ("units", "n_best", "first"):
        if name in options:
            raise UsageError(Option(name), " is an option of lines, and not of documents\n  Leave it out")
    check_count("batch_size", batch_size)
    if terms is not None:
        check_terms(terms)


class LineTranslator(Protocol):
    """What translates lines: nmt.Translator, a pool of processes, or a replacement in tests."""

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]:
        """The best translations of each line, in order; see nmt.Translator.stream."""


class PendingUnit(NamedTuple):
    """A unit whose sentences are being translated; None after the last one of a document."""

    document: Document
    unit: Unit | None
    sentences: Sentences


def translate_documents(
    documents: Iterable[Document],
    translator: LineTranslator,
    languages: Languages,
    make_request: Callable[[str], str | Request] = str,
    progress: Progress = NO_PROGRESS,
    check: Callable[[], object] = bool,
    at_once: int | None = None,
    **options: Any,
) -> Iterator[tuple[Document, Iterable[TranslatedUnit]]]:
    """Translate documents, in order. The units of each are translated while they are read, before the next document.

    Units are read as far ahead as the translator reads lines: memory does not grow with the number of units, and
    sentences of many small documents are in a batch. A sentence that occurs again is translated once. A unit whose tags
    cannot be placed in reasonable time stays as it is; see is_too_complex.
    `make_request` makes a request of a sentence, for example with constraints. `check` is called before each unit is
    read, before its tags are placed, and by the translator before each step of search; it may raise an error to stop.
    `at_once` is how many sentences are translated at a time, after which `progress` knows more; without it, as many as
    the translator reads ahead. `progress` gets a record of each document with
    the number of its "sentences". `options` are those of the translator.
    """
    pending: deque[PendingUnit] = deque()
    memory = translator.memory if isinstance(translator, MemoryTranslator) else None
    align = choose_aligner(translator)

    def divide(unit: Unit) -> Sentences:
        spans = split_parts(unit, languages.source)
        own = look_up(unit, spans, memory) if memory and spans else Sentences(spans)
        if memory and own.known:
            match = memory.find_for(make_request(unit.segment.text), own.known)
            own = own if match == own.known else Sentences(spans, match, fresh=frozenset(spans))
        whole = own.spelled or (replace(unit, parts=()) if own.known else unit)
        return Sentences([], is_left=True) if not own.placed and has_complex_part(whole, own.spans) else own

    def read_sentences() -> Iterator[str | Request]:
        for document in documents:
            divided = list(map(divide, document.units))
            progress.record({"kind": "document", "sentences": sum(len(one.spans) for one in divided)})
            for unit, own in zip(document.units, divided, strict=True):
                check()
                pending.append(PendingUnit(document, unit, own))
                for span in own.spans:
                    request = "" if own.known else make_request(unit.segment.text[slice(*span)])
                    yield require_fresh(request) if span in own.fresh else request
            pending.append(PendingUnit(document, None, Sentences([])))

    def translate(lines: Iterator[str | Request]) -> Iterator[list[Translation]]:
        groups = read_windows(lines, at_once) if at_once else [lines]
        streams = (translator.stream(group, units=PIECES, check=check, **options) for group in groups)
        return chain.from_iterable(streams)

    def translate_units() -> Iterator[tuple[Document, Callable[[], TranslatedUnit] | None]]:
        found: deque[Translation] = deque()
        results = progress.track(translate_once(translate, read_sentences()), "documents", unit="sentences")
        for ranked in chain(results, [[]]):
            found.extend(ranked[:1])
            while pending and len(found) >= len(pending[0].sentences.spans):
                document, unit, divided = pending.popleft()
                if unit is None:
                    yield document, None
                    continue
                check()
                own = [found.popleft() for _ in divided.spans]
                yield document, partial(join_unit, unit, divided, own, languages, align)

    # joined here, so that an error in a unit ends the units of its document, and not those of the others
    for document, units in groupby(translate_units(), key=lambda each: each[0]):
        yield document, (join() for _, join in units if join is not None)


def choose_aligner(translator: LineTranslator) -> Callable[[Translation], Alignment]:
    """What aligns translations: by their attention, or by that of forced decoding if they are from a memory.

    A pool of processes decodes none, so tags in what a memory has are then placed without attention.
    """
    inner = translator.translator if isinstance(translator, MemoryTranslator) else translator

    def align(one: Translation) -> Alignment:
        is_known = one.match is not None and one.match.score == 100
        if not (is_known and isinstance(inner, Translator) and inner.runs[0].settings.model.attention != "none"):
            return align_translation(one)
        [pair] = force_lines(inner, [one.source], [one.text], units=PIECES)
        source, target = (locate_words(side.text, side.words) for side in (pair.source, pair.target))
        return Alignment(source, target, pair.word_attention)

    return align


def write_document(document: Document, units: Iterable[TranslatedUnit]) -> bytes:
    """The document with the translations of its units, and what is known about them. Units are read one by one."""
    if isinstance(document, AnnotatedDocument):
        units, same = tee(units)
        return document.write_annotated((one.segment for one in units), (one.annotate() for one in same))
    return document.write(one.segment for one in units)


def join_unit(
    unit: Unit,
    divided: Sentences,
    found: list[Translation],
    languages: Languages,
    align: Callable[[Translation], Alignment],
) -> TranslatedUnit:
    """The translated unit from the translations of its sentences, or from what a memory has for the whole."""
    spelled, own = divided.spelled or unit, divided.unit or unit
    if divided.known:
        sides = (own.segment, divided.placed) if divided.placed else (spelled.segment, Segment(divided.known.target))
        match = divided.known._replace(target=sides[1].text)
        found = [replace(build_known_translation(sides[0].text, match), match=divided.known)]
    if divided.placed is None:
        join = join_parts if unit.parts and found and not divided.known else join_sentences
        joined = join(spelled, divided.spans, found, languages, align)
        segment, placements = joined.segment, joined.placements
        if divided.spelled:
            segment = restore_placeholders(segment, own.labels, divided.kept)
            segment = replace(segment, is_whole=own is not unit)
            placements = sorted([*placements, *(Placement(tag, 1.0) for tag in divided.kept)])
        return joined._replace(
            unit=own,
            segment=segment,
            placements=placements,
            match=divided.match,
            note=divided.note,
            is_left=divided.is_left,
        )
    tags = sorted({mark.tag for _, mark in divided.placed.marks})
    return TranslatedUnit(
        own,
        divided.placed,
        [Placement(tag, 1.0) for tag in tags],
        found,
        [(0, 0)],
        range(len(divided.placed.text) + 1),
    )


def split_parts(unit: Unit, language: str) -> list[Span]:
    """The (begin, end) of each sentence in the parts of a unit."""
    return [
        (part.begin + begin, part.begin + end)
        for part in list_parts(unit)
        for begin, end in split_sentences(unit.segment.text[part.begin : part.end], language)
    ]


def split_sentences(text: str, language: str) -> list[Span]:
    """The (begin, end) of each sentence that has a letter, without the blanks and invisible characters around it."""
    cuts = [0, *sorted(find_sentences(text, language)), len(text)]
    return [strip_blanks(text, begin, end) for begin, end in pairwise(cuts) if any(map(str.isalpha, text[begin:end]))]


def strip_blanks(text: str, begin: int, end: int) -> Span:
    """The (begin, end) of a part of a text without the blanks and invisible characters at its ends; it has others."""
    while is_blank(text[begin]):
        begin += 1
    while is_blank(text[end - 1]) and not FLAG_TAGS.match(text, end - 1):
        end -= 1
    return begin, end
