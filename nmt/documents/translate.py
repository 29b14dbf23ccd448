"""Translation of documents: units to sentences, sentences to a translator, and back with their tags."""

# J units of a target   I units of its source, here pieces

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from nmt.documents.alignment import Alignment, align_translation
from nmt.documents.document import Document, Languages, Unit
from nmt.documents.projection import WEAK, Placement, project_tags
from nmt.documents.segment import Mark, Segment
from nmt.progress import Progress
from nmt.text.atoms import find_atoms
from nmt.text.units import Span, Units
from nmt.text.words import UNSPACED
from nmt.translation.long_lines import find_sentences
from nmt.translation.request import Request
from nmt.translation.result import Translation

NO_PROGRESS = Progress()
PIECES = Units("pieces"), Units("pieces")
MOST_TAGS = 1000  # of a segment
MOST_STEPS = 5e7  # of the placement of a segment's tags, which takes some seconds and some hundred megabytes then
MOST_DEPTH = 100  # of tags inside tags
OPENING, CLOSING = "([{¿¡„«‹", ".,;:!?…)]}»›"  # have no blank after them, or before them
UNSPACED_ENDS = re.compile(r"[。！？｡」』）]")  # of sentences without a blank after them
SENTENCE = re.compile(r"\S(?:.*\S)?", re.DOTALL)


class LineTranslator(Protocol):
    """What translates lines: nmt.Translator, a pool of processes, or a replacement in tests."""

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]:
        """The best translations of each line, in order; see nmt.Translator.stream."""


class TranslatedUnit(NamedTuple):
    """A unit, its translation with tags, the support of each tag, and the translations of its sentences."""

    unit: Unit
    segment: Segment
    placements: list[Placement]
    sentences: list[Translation]

    @property
    def weak_tags(self) -> list[tuple[str, float]]:
        """The label and the share of each tag whose place has weak support."""
        return [(self.unit.labels[tag], share) for tag, share in self.placements if share < WEAK]


def translate_documents(
    documents: Iterable[Document],
    translator: LineTranslator,
    languages: Languages,
    make_request: Callable[[str], str | Request] = str,
    progress: Progress = NO_PROGRESS,
    check: Callable[[], object] = bool,
    **options: Any,
) -> Iterator[tuple[Document, list[TranslatedUnit]]]:
    """Translate documents, in order, and yield each as soon as all its units are translated.

    Documents are read as far ahead as the translator reads lines, so that sentences of many small ones are in a batch.
    A unit whose tags cannot be placed in reasonable time stays as it is; see is_too_complex.
    `make_request` makes a request of a sentence, for example with constraints. `check` is called before each segment is
    read, and before its tags are placed; it may raise an error to stop. `options` are those of the translator.
    """
    pending: deque[tuple[Document, list[list[Span]]]] = deque()

    def read_sentences() -> Iterator[str | Request]:
        for document in documents:
            spans = [
                [] if is_too_complex(unit) else split_sentences(unit.segment.text, languages.source)
                for unit in document.units
            ]
            pending.append((document, spans))
            for unit, of_unit in zip(document.units, spans, strict=True):
                check()
                yield from (make_request(unit.segment.text[begin:end]) for begin, end in of_unit)

    results = iter(
        progress.track(translator.stream(read_sentences(), units=PIECES, **options), "documents", unit="sentences")
    )
    found: list[Translation] = []
    is_done = False
    while not is_done:
        ranked = next(results, None)
        is_done = ranked is None
        found += ranked[:1] if ranked else []
        while pending and len(found) >= sum(map(len, pending[0][1])):
            document, spans = pending.popleft()
            translated = []
            for unit, of_unit in zip(document.units, spans, strict=True):
                check()
                translated.append(join_sentences(unit, of_unit, found[: len(of_unit)], languages))
                del found[: len(of_unit)]
            yield document, translated


def is_too_complex(unit: Unit) -> bool:
    """Whether the tags of a unit cannot be placed in reasonable time, because it has too many, or too much text."""
    marks = [mark for _, mark in unit.segment.marks]
    depths = accumulate({"open": 1, "close": -1, "single": 0}[mark.side] for mark in marks)
    tags, atoms = len(unit.labels), len(find_atoms(unit.segment.text)) if marks else 0
    steps = (tags + 30) * atoms**2  # each pair of tags is tried from each atom to each other one
    return tags > MOST_TAGS or max(depths, default=0) > MOST_DEPTH or (tags > 0 and steps > MOST_STEPS)


def describe_left_units(name: str, units: Iterable[TranslatedUnit]) -> list[str]:
    """A note on each unit of a document that stays as it is because its tags cannot be placed."""
    return [
        f"{name}, line {one.unit.line:,}: a segment stays as it is, because its {len(one.unit.labels):,} tags and "
        f"{len(one.unit.segment.text):,} characters are too many to be aligned: divide it"
        for one in units
        if is_too_complex(one.unit)
    ]


def split_sentences(text: str, language: str) -> list[Span]:
    """The (begin, end) of each sentence that has a letter, without the blanks around it."""
    cuts = [0, *sorted(find_sentences(text, language)), len(text)]
    found = (SENTENCE.search(text, begin, end) for begin, end in pairwise(cuts))
    return [match.span() for match in found if match and any(map(str.isalpha, match[0]))]


def join_sentences(
    unit: Unit, spans: Sequence[Span], sentences: list[Translation], languages: Languages
) -> TranslatedUnit:
    """Put the translations of a unit's sentences in their places, and its tags into the whole.

    What is between sentences stays as it is, but a blank is added, or left out, where the target language needs that.
    """
    source = unit.segment.text
    target = ""
    source_spans: list[Span] = []
    target_spans: list[Span] = []
    blocks = []
    done = 0
    for (begin, end), sentence in zip(spans, sentences, strict=True):
        between = source[done:begin]
        if done and languages.is_target_spaced and not between and UNSPACED_ENDS.match(source[done - 1]):
            between = "" if UNSPACED_ENDS.match(target[-1:]) else " "
        elif done and not languages.is_target_spaced and UNSPACED_ENDS.match(target[-1:]):
            between = between.strip(" ") if not UNSPACED_ENDS.match(source[done - 1]) else between
        target += between
        if unit.segment.marks:
            alignment = align_translation(sentence)
            source_spans += [(first + begin, last + begin) for first, last in alignment.source_spans]
            target_spans += [(first + len(target), last + len(target)) for first, last in alignment.target_spans]
            blocks.append(alignment.weights_JI)
        target += sentence.text
        done = end
    target += source[done:]
    if not unit.segment.marks:  # the text may be too long for an alignment
        return TranslatedUnit(unit, Segment(target), [], sentences)
    weights_JI = np.zeros((len(target_spans), len(source_spans)))
    row, column = 0, 0
    for block_JI in blocks:
        rows, columns = block_JI.shape
        weights_JI[row : row + rows, column : column + columns] = block_JI
        row, column = row + rows, column + columns
    alignment = Alignment(source_spans, target_spans, weights_JI)
    projection = project_tags(unit.segment, target, alignment, unit.dividers)
    return TranslatedUnit(unit, restore_blanks(unit.segment, projection.segment), projection.placements, sentences)


def restore_blanks(source: Segment, translation: Segment) -> Segment:
    """Put a blank between an unpaired tag and the word beside it, unless a word touched it on that side of the source.

    The tag may stand for a word that the translator does not see, as an image or a piece of code does.
    """
    beside = {
        mark: (source.text[place - 1 : place] if place else "", source.text[place : place + 1])
        for place, mark in source.marks
        if mark.side == "single"
    }
    parts: list[str | Mark] = []
    last, done = "", 0
    for part in translation.split():
        parts.append(part)
        if isinstance(part, str):
            last, done = part[-1], done + len(part)
        elif part in beside:
            before, after = beside[part]
            if needs_blank(before, last) and last not in OPENING:
                parts.insert(-1, " ")
            following = translation.text[done : done + 1]
            if needs_blank(after, following) and following not in CLOSING:
                parts.append(" ")
                last = " "
    return Segment.join(parts)


def needs_blank(in_source: str, in_target: str) -> bool:
    """Whether a blank is missing beside a tag, from the characters beside it in the source and in the translation."""
    is_apart = in_source.isspace() or (not in_source.isalnum() and in_target.isalnum())
    return is_apart and is_spaced(in_target)


def is_spaced(character: str) -> bool:
    """Whether what begins or ends with this character may have a blank beside it."""
    return character != "" and not character.isspace() and not UNSPACED.match(character)
