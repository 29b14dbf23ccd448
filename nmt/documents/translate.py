"""Translation of documents: units to sentences, sentences to a translator, and back with their tags."""

# J units of a target   I units of its source, here pieces

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from nmt.documents.alignment import Alignment, align_translation
from nmt.documents.document import AnnotatedDocument, Annotation, Document, Languages, Unit
from nmt.documents.known import Sentences, look_up, require_fresh
from nmt.documents.projection import WEAK, Placement, project_tags
from nmt.documents.segment import Mark, PlacedMark, Segment
from nmt.progress import Progress, format_count
from nmt.text.atoms import find_atoms
from nmt.text.units import Span, Units, locate_words
from nmt.text.words import UNSPACED
from nmt.translation.aligner import force_lines
from nmt.translation.batching import read_windows
from nmt.translation.doubts import Doubt, find_doubts, rank_doubt
from nmt.translation.long_lines import find_sentences
from nmt.translation.memory import MemoryTranslator, build_known_translation
from nmt.translation.request import Request
from nmt.translation.result import MemoryMatch, Translation
from nmt.translation.translator import Translator

NO_PROGRESS = Progress()
LONG = 2000  # characters of a text with tags that is divided where no tag reaches across
PIECES = Units("pieces"), Units("pieces")
MOST_TAGS = 1000  # of a segment
MOST_STEPS = 5e7  # of the placement of a segment's tags, which takes some seconds and some hundred megabytes then
DEEPER = {"open": 1, "close": -1, "single": 0}  # how much deeper a mark leads into tags
MOST_DEPTH = 100  # of tags inside tags
OPENING, CLOSING = "([{¿¡„«‹", ".,;:!?…)]}»›"  # have no blank after them, or before them
UNSPACED_ENDS = re.compile(r"[。！？｡」』）]")  # of sentences without a blank after them
SENTENCE = re.compile(r"\S(?:.*\S)?", re.DOTALL)


class LineTranslator(Protocol):
    """What translates lines: nmt.Translator, a pool of processes, or a replacement in tests."""

    def stream(self, lines: Iterable[str | Request], **options: Any) -> Iterator[list[Translation]]:
        """The best translations of each line, in order; see nmt.Translator.stream."""


class TranslatedUnit(NamedTuple):
    """A unit, its translation with tags, the support of each tag, and the translations of its sentences.

    `doubts` are those of the sentences, by places in the texts of the unit and of its translation. `places` has where
    the source and the translation of each sentence begin, and `moved` where each character of the translation is after
    blanks were put beside tags. `match` is what a translation memory has for a whole unit of several sentences, and
    `note` what a person must know of it. With `is_left` the unit stays as it is; see is_too_complex.
    """

    unit: Unit
    segment: Segment
    placements: list[Placement]
    sentences: list[Translation]
    doubts: list[Doubt]
    places: list[tuple[int, int]]
    moved: Sequence[int]
    match: MemoryMatch | None = None
    note: str = ""
    is_left: bool = False

    @property
    def confidence(self) -> float | None:
        """The geometric mean of the probabilities of all pieces; None if no model has translated the unit."""
        pieces = sum(len(one.token_log_probs) for one in self.sentences)
        return math.exp(sum(one.log_prob for one in self.sentences) / pieces) if pieces else None

    def align(self) -> Alignment:
        """The alignment of the unit and its translation by the attention of its sentences."""
        parts = zip(self.places, self.sentences, strict=True)
        found = join_alignments([(*place, one) for place, one in parts], align_translation)
        return found._replace(target_spans=[(self.moved[begin], self.moved[end]) for begin, end in found.target_spans])

    @property
    def weak_tags(self) -> list[tuple[str, float]]:
        """The label and the share of each tag whose place has weak support."""
        return [(self.unit.labels[tag], share) for tag, share in self.placements if share < WEAK]

    @property
    def matches(self) -> list[tuple[MemoryMatch, str, str]]:
        """What a memory has for the unit or else for its sentences, each with its source and its translation."""
        if self.match:
            return [(self.match, self.unit.segment.text, self.segment.text)]
        return [(one.match, one.source, one.text) for one in self.sentences if one.match]

    def annotate(self) -> Annotation:
        """What a document can have about the unit."""
        scores = [one.match.score if one.match else 0 for one in self.sentences]
        similar = [match for match, *_ in self.matches if match.score < 100]
        doubts = [one.describe() for one in self.doubts]
        return Annotation(min(scores, default=0) == 100, similar, self.confidence, doubts)


class PendingDocument(NamedTuple):
    """A document whose sentences are translated, and how many it has."""

    document: Document
    divided: list[Sentences]
    size: int


def translate_documents(
    documents: Iterable[Document],
    translator: LineTranslator,
    languages: Languages,
    make_request: Callable[[str], str | Request] = str,
    progress: Progress = NO_PROGRESS,
    check: Callable[[], object] = bool,
    at_once: int | None = None,
    **options: Any,
) -> Iterator[tuple[Document, list[TranslatedUnit]]]:
    """Translate documents, in order, and yield each as soon as all its units are translated.

    Documents are read as far ahead as the translator reads lines, so that sentences of many small ones are in a batch.
    A unit whose tags cannot be placed in reasonable time stays as it is; see is_too_complex.
    `make_request` makes a request of a sentence, for example with constraints. `check` is called before each segment is
    read, and before its tags are placed; it may raise an error to stop. `at_once` is how many sentences are translated
    between two calls; without it, as many as the translator reads ahead. `progress` gets a record of each document with
    the number of its "sentences". `options` are those of the translator.
    """
    pending: deque[PendingDocument] = deque()
    memory = translator.memory if isinstance(translator, MemoryTranslator) else None
    align = choose_aligner(translator)

    def read_sentences() -> Iterator[str | Request]:
        for document in documents:
            divided = []
            for unit in document.units:
                spans = split_sentences(unit.segment.text, languages.source)
                own = look_up(unit, spans, memory) if memory and spans else Sentences(spans)
                divided.append(
                    Sentences([], is_left=True) if not own.placed and is_too_complex(unit, own.spans) else own
                )
            size = sum(len(one.spans) for one in divided)
            progress.record({"kind": "document", "sentences": size})
            pending.append(PendingDocument(document, divided, size))
            for unit, of_unit in zip(document.units, divided, strict=True):
                check()
                for span in of_unit.spans:
                    request = make_request(unit.segment.text[slice(*span)])
                    yield require_fresh(request) if span in of_unit.fresh else request

    groups = read_windows(read_sentences(), at_once) if at_once else [read_sentences()]
    streams = (translator.stream(group, units=PIECES, **options) for group in groups)
    results = iter(progress.track(chain.from_iterable(streams), "documents", unit="sentences"))
    found: deque[Translation] = deque()
    is_done = False
    while not is_done:
        ranked = next(results, None)
        is_done = ranked is None
        found.extend(ranked[:1] if ranked else [])
        while pending and len(found) >= pending[0].size:
            document, divided, _ = pending.popleft()
            translated = []
            for unit, of_unit in zip(document.units, divided, strict=True):
                check()
                own = [found.popleft() for _ in of_unit.spans]
                translated.append(join_unit(unit, of_unit, own, languages, align))
            yield document, translated


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


def write_document(document: Document, units: Sequence[TranslatedUnit]) -> bytes:
    """The document with the translations of its units, and what is known about them."""
    segments = [one.segment for one in units]
    if isinstance(document, AnnotatedDocument):
        return document.write_annotated(segments, [one.annotate() for one in units])
    return document.write(segments)


def join_unit(
    unit: Unit,
    divided: Sentences,
    found: list[Translation],
    languages: Languages,
    align: Callable[[Translation], Alignment],
) -> TranslatedUnit:
    """The translated unit from the translations of its sentences, or from what a memory has for the whole."""
    if divided.known:
        found = [build_known_translation(unit.segment.text, divided.known)]
    if divided.placed is None:
        joined = join_sentences(unit, divided.spans, found, languages, align)
        return joined._replace(match=divided.match, note=divided.note, is_left=divided.is_left)
    placements = [Placement(tag, 1.0) for tag in range(len(unit.labels))]
    unmoved = range(len(divided.placed.text) + 1)
    return TranslatedUnit(unit, divided.placed, placements, found, find_doubts(found[0]), [(0, 0)], unmoved)


def is_too_complex(unit: Unit, spans: Sequence[Span]) -> bool:
    """Whether the tags of a unit cannot be placed in reasonable time, because it has too many, or too much text.

    `spans` are its sentences. Each pair of tags is tried from each atom of its group of sentences to each other one.
    """
    text, marks = unit.segment.text, [mark for _, mark in unit.segment.marks]
    depths = accumulate(DEEPER[mark.side] for mark in marks)
    if len(unit.labels) > MOST_TAGS or max(depths, default=0) > MOST_DEPTH:
        return True
    bounds = [0, *(begin for begin, _ in spans[1:]), len(text)]
    groups = group_sentences(unit, bounds[:-1])
    return any(
        own
        and (len({one.mark.tag for one in own}) + 30) * len(find_atoms(text[bounds[first] : bounds[stop]])) ** 2
        > MOST_STEPS
        for first, stop, own in groups
    )


def describe_units(name: str, units: Iterable[TranslatedUnit]) -> list[str]:
    """A note on each unit of a document that stays as it is because its tags cannot be placed, or that has a note."""
    return [
        f"{name}, line {one.unit.line:,}: {one.note}"
        if one.note
        else f"{name}, line {one.unit.line:,}: a segment stays as it is, because its "
        f"{format_count(len(one.unit.labels), 'tag')} and {len(one.unit.segment.text):,} characters are too many to be "
        "aligned: divide it"
        for one in units
        if one.is_left or one.note
    ]


def split_sentences(text: str, language: str) -> list[Span]:
    """The (begin, end) of each sentence that has a letter, without the blanks around it."""
    cuts = [0, *sorted(find_sentences(text, language)), len(text)]
    found = (SENTENCE.search(text, begin, end) for begin, end in pairwise(cuts))
    return [match.span() for match in found if match and any(map(str.isalpha, match[0]))]


def join_sentences(
    unit: Unit,
    spans: Sequence[Span],
    sentences: list[Translation],
    languages: Languages,
    align: Callable[[Translation], Alignment],
) -> TranslatedUnit:
    """Put the translations of a unit's sentences in their places, and its tags into the whole.

    What is between sentences stays as it is, but a blank is added, or left out, where the target language needs that.
    """
    source = unit.segment.text
    parts: list[str] = []
    places: list[int] = []  # where the translation of each sentence begins
    done, size, last = 0, 0, ""
    for (begin, end), sentence in zip(spans, sentences, strict=True):
        between = source[done:begin]
        if done and languages.is_target_spaced and not between and UNSPACED_ENDS.match(source[done - 1]):
            between = "" if UNSPACED_ENDS.match(last) else " "
        elif done and not languages.is_target_spaced and UNSPACED_ENDS.match(last):
            between = between.strip(" ") if not UNSPACED_ENDS.match(source[done - 1]) else between
        places.append(size + len(between))
        parts += [between, sentence.text]
        done, size, last = end, places[-1] + len(sentence.text), (between + sentence.text)[-1:] or last
    target = "".join([*parts, source[done:]])
    marks: list[PlacedMark] = []
    placements: list[Placement] = []
    begins = [begin for begin, _ in spans]
    for first, stop, own in group_sentences(unit, begins):
        begin, low = (begins[first], places[first]) if first else (0, 0)
        end, high = (begins[stop], places[stop]) if stop < len(spans) else (len(source), len(target))
        if own:
            part = Segment(source[begin:end], tuple(PlacedMark(place - begin, mark) for place, mark in own))
            inside = zip(begins[first:stop], places[first:stop], sentences[first:stop], strict=True)
            moved_parts = [(place - begin, own_place - low, one) for place, own_place, one in inside]
            alignment = join_alignments(moved_parts, align)
            projection = project_tags(part, target[low:high], alignment, unit.dividers)
            marks += [PlacedMark(place + low, mark) for place, mark in projection.segment.marks]
            placements += projection.placements
    segment = restore_blanks(unit.segment, Segment(target, tuple(marks)))
    moved = follow_blanks(target, segment.text)
    both = list(zip(begins, places, strict=True))
    doubts = [
        one._replace(begin=begin + one.begin, end=begin + one.end)
        if one.side == "source"
        else one._replace(begin=moved[place + one.begin], end=moved[place + one.end])
        for (begin, place), sentence in zip(both, sentences, strict=True)
        for one in find_doubts(sentence)
    ]
    return TranslatedUnit(unit, segment, sorted(placements), sentences, sorted(doubts, key=rank_doubt), both, moved)


def follow_blanks(before: str, after: str) -> Sequence[int]:
    """The place of each character of a text, and of its end, in the text with more blanks."""
    if before == after:
        return range(len(before) + 1)
    moved = []
    place = 0
    for character in before:
        place = after.index(character, place) + 1
        moved.append(place - 1)
    return [*moved, len(after)]


def group_sentences(unit: Unit, begins: Sequence[int]) -> Iterator[tuple[int, int, Sequence[PlacedMark]]]:
    """Groups of sentences that no pair of tags reaches out of: the first, the one after the last, and their marks.

    What projection costs grows with the square of a text, so a group ends as soon as it has LONG characters.
    """
    marks = unit.segment.marks
    first, taken, number, depth = 0, 0, 0, 0
    for sentence, begin in enumerate(begins):
        while number < len(marks) and (
            marks[number].place < begin or (marks[number] == (begin, (marks[number].mark.tag, "close")) and depth)
        ):
            depth += DEEPER[marks[number].mark.side]
            number += 1
        if not depth and not unit.dividers and begin - begins[first] >= LONG:
            yield first, sentence, marks[taken:number]
            first, taken = sentence, number
    yield first, len(begins), marks[taken:]


def join_alignments(
    parts: Sequence[tuple[int, int, Translation]], align: Callable[[Translation], Alignment]
) -> Alignment:
    """The alignment of several translations, each with the place of its source and its own in the whole."""
    found = [(source, target, align(one)) for source, target, one in parts]
    source_spans = [(begin + place, end + place) for place, _, one in found for begin, end in one.source_spans]
    target_spans = [(begin + place, end + place) for _, place, one in found for begin, end in one.target_spans]
    weights_JI = np.zeros((len(target_spans), len(source_spans)))
    row, column = 0, 0
    for *_, one in found:
        rows, columns = one.weights_JI.shape
        weights_JI[row : row + rows, column : column + columns] = one.weights_JI
        row, column = row + rows, column + columns
    return Alignment(source_spans, target_spans, weights_JI)


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
