"""The translations of a unit's sentences joined to that of the unit, with its tags."""

# J units of a target   I units of its source, here pieces

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from nmt.documents.alignment import Alignment, align_copy, align_translation
from nmt.documents.document import Annotation, Languages, Unit
from nmt.documents.labels import is_break, shorten_label, show_text
from nmt.documents.projection import WEAK, Placement, project_tags
from nmt.documents.segment import Mark, PlacedMark, Segment, Side
from nmt.text.atoms import find_atoms
from nmt.text.units import Span
from nmt.text.words import UNSPACED, is_blank
from nmt.translation.doubts import Doubt, find_doubts, rank_doubt
from nmt.translation.result import MemoryMatch, Translation

LONG = 2000  # characters of a text with tags that is divided where no tag reaches across
MOST_TAGS = 1000  # of a segment
MOST_STEPS = 5e7  # of the placement of a segment's tags, which takes some seconds and some hundred megabytes then
DEEPER = {"open": 1, "close": -1, "single": 0}  # how much deeper a mark leads into tags
MOST_DEPTH = 100  # of tags inside tags
OPENING, CLOSING = "([{¿¡„«‹", ".,;:!?…)]}»›"  # have no blank after them, or before them
TAG = "\ufffc"  # in the place of an unpaired tag among characters
UNSPACED_ENDS = re.compile(r"[。！？｡」』）]")  # of sentences without a blank after them


class TranslatedUnit(NamedTuple):
    """A unit, its translation with tags, the support of each tag, and the translations of its sentences.

    `places` has where the source and the translation of each sentence begin, and `moved` where each character of the
    translation is after blanks were put beside tags. `match` is what a translation memory has for a whole unit of
    several sentences, and `note` what a person must know of it. With `is_left` the unit stays as it is; see
    is_too_complex.
    """

    unit: Unit
    segment: Segment
    placements: list[Placement]
    sentences: list[Translation]
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

    @property
    def doubts(self) -> list[Doubt]:
        """What to check of the sentences, by places in the texts of the unit and of its translation."""
        found = [
            one._replace(begin=begin + one.begin, end=begin + one.end)
            if one.side == "source"
            else one._replace(begin=self.moved[place + one.begin], end=self.moved[place + one.end])
            for (begin, place), sentence in zip(self.places, self.sentences, strict=True)
            for one in find_doubts(sentence)
        ]
        return sorted(found, key=rank_doubt)

    def align(self) -> Alignment:
        """The alignment of the unit and its translation by the attention of its sentences."""
        parts = zip(self.places, self.sentences, strict=True)
        found = join_alignments([(*place, one) for place, one in parts], align_translation)
        return found._replace(target_spans=[(self.moved[begin], self.moved[end]) for begin, end in found.target_spans])

    @property
    def weak_tags(self) -> list[tuple[str, float]]:
        """The label and the share of each tag whose place has weak support."""
        return [(shorten_label(self.unit.labels[tag]), share) for tag, share in self.placements if share < WEAK]

    @property
    def matches(self) -> list[tuple[MemoryMatch, str, str]]:
        """What a memory has for the unit or else for its sentences, each with its source and its translation."""
        is_whole = [one.source for one in self.sentences] == [self.unit.segment.text]
        match = self.match or (self.sentences[0].match if is_whole else None)
        if match:
            return [(match, *show_sides(self.unit, self.segment))]
        return [(one.match, one.source, one.text) for one in self.sentences if one.match]

    def annotate(self) -> Annotation:
        """What a document can have about the unit."""
        scores = [one.match.score if one.match else 0 for one in self.sentences]
        similar = [match for match, *_ in self.matches if match.score < 100]
        doubts = [one.describe() for one in self.doubts]
        return Annotation(min(scores, default=0) == 100, similar, self.confidence, doubts)


def show_sides(unit: Unit, translation: Segment) -> tuple[str, str]:
    """The texts of a unit with its edges, and of its translation, with the words that readers see in place of tags."""
    whole = unit.widen()
    target = translation if translation.is_whole else unit.wrap(translation)
    source, shown = (show_text(one, whole.labels).strip() for one in (whole.segment, target))
    return source, shown


def is_too_complex(unit: Unit, spans: Sequence[Span]) -> bool:
    """Whether the tags of a unit cannot be placed in reasonable time, because it has too many, or too much text.

    `spans` are its sentences. Each pair of tags is tried from each atom of its group of sentences to each other one.
    """
    text, marks = unit.segment.text, [mark for _, mark in unit.segment.marks]
    depths = accumulate(DEEPER[mark.side] for mark in marks)
    if len({mark.tag for mark in marks}) > MOST_TAGS or max(depths, default=0) > MOST_DEPTH:
        return True
    bounds = [0, *(begin for begin, _ in spans[1:]), len(text)]
    for first, stop, own in group_sentences(unit, bounds[:-1]):
        steps = (len({one.mark.tag for one in own}) + 30) if own else 0
        part = text[bounds[first] : bounds[stop]]
        if steps * len(part) ** 2 > MOST_STEPS and steps * len(find_atoms(part)) ** 2 > MOST_STEPS:
            return True
    return False


def join_sentences(
    unit: Unit,
    spans: Sequence[Span],
    sentences: list[Translation],
    languages: Languages,
    align: Callable[[Translation], Alignment],
) -> TranslatedUnit:
    """Put the translations of a unit's sentences in their places, and its tags into the whole.

    What is between sentences stays as it is, but a blank is added, or left out, where the target language needs that. A
    sentence whose translation is empty stays, too: text must not vanish from a document.
    """
    source = unit.segment.text
    parts: list[str] = []
    places: list[int] = []  # where the translation of each sentence begins
    done, size, last = 0, 0, ""
    for (begin, end), sentence in zip(spans, sentences, strict=True):
        between = source[done:begin]
        is_touching = is_blank(between) and not any(map(str.isspace, between))  # it may be an invisible character
        if done and languages.is_target_spaced and is_touching and UNSPACED_ENDS.match(source[done - 1]):
            between += "" if UNSPACED_ENDS.match(last) else " "
        elif done and not languages.is_target_spaced and UNSPACED_ENDS.match(last):
            between = between.strip(" ") if not UNSPACED_ENDS.match(source[done - 1]) else between
        text = source[begin:end] if sentence.is_missing else sentence.text
        places.append(size + len(between))
        parts += [between, text]
        done, size, last = end, places[-1] + len(text), (between + text)[-1:] or last
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
            is_same = part.text == target[low:high]  # then the alignment does not matter
            alignment = join_alignments([] if is_same else moved_parts, align)
            projection = project_tags(part, target[low:high], alignment, unit.dividers)
            marks += [PlacedMark(place + low, mark) for place, mark in projection.segment.marks]
            placements += projection.placements
    segment = Segment(target, tuple(marks))
    if target != source:
        segment = leave_out_added(unit, restore_blanks(unit, segment))
    both = list(zip(begins, places, strict=True))
    return TranslatedUnit(unit, segment, sorted(placements), sentences, both, follow_blanks(target, segment.text))


def follow_blanks(before: str, after: str) -> Sequence[int]:
    """The place of each character of a text, and of its end, in the text with more blanks, or less."""
    if before == after:
        return range(len(before) + 1)
    moved = []
    place = 0
    for character in before:
        if character != " " or after[place : place + 1] == " ":
            place = after.index(character, place) + 1
            moved.append(place - 1)
        else:
            moved.append(place)
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
    """The alignment of several translations, each with the place of its source and its own in the whole.

    The source is in the place of a translation that is empty.
    """
    found = [(source, target, align_copy(one) if one.is_missing else align(one)) for source, target, one in parts]
    source_spans = [(begin + place, end + place) for place, _, one in found for begin, end in one.source_spans]
    target_spans = [(begin + place, end + place) for _, place, one in found for begin, end in one.target_spans]
    weights_JI = np.zeros((len(target_spans), len(source_spans)))
    row, column = 0, 0
    for *_, one in found:
        rows, columns = one.weights_JI.shape
        weights_JI[row : row + rows, column : column + columns] = one.weights_JI
        row, column = row + rows, column + columns
    return Alignment(source_spans, target_spans, weights_JI)


def restore_blanks(unit: Unit, translation: Segment) -> Segment:
    """Put a blank between an unpaired tag, or an empty pair, and the word or such a tag beside it, unless something
    touched it on that side of the source.

    The tag may stand for a word that the translator does not see, as an image or a piece of code does. The blank is
    outside of the pairs that begin or end there: in Markdown, bold with a blank at its end is none.
    """
    alone = find_alone(unit.segment)
    if not alone:
        return translation
    in_source, in_target = (find_beside(one, alone, unit.labels) for one in (unit.segment, translation))
    parts: list[str | Mark] = []
    is_missing = False  # whether a blank is, after the pairs that end here
    for part in translation.split():
        is_end = isinstance(part, Mark) and part.side == "close"
        if is_missing and not is_end:
            parts.append(" ")
            is_missing = False
        if isinstance(part, Mark) and part in alone:
            (before, after), (last, following) = in_source[part], in_target[part]
            if is_break(unit.labels[part.tag]):
                last, following = last.strip(TAG), following.strip(TAG)
            if not is_end and needs_blank(before, last) and last not in OPENING:
                place = len(parts)
                while isinstance(beside := parts[place - 1], Mark) and beside.side == "open":
                    place -= 1
                parts[place:place] = [" "] if beside != " " else []
            is_missing |= part.side != "open" and needs_blank(after, following) and following not in CLOSING
        parts.append(part)
    return Segment.join(parts)


def leave_out_added(unit: Unit, translation: Segment) -> Segment:
    """The translation without blanks between pairs that have none between them in the document; see Unit."""
    if not unit.joined:
        return translation
    parts = list(translation.split())
    both = {*unit.joined, *((other, one) for one, other in unit.joined)}  # in either order
    touching = {(Mark(one, "close"), " ", Mark(other, "open")) for one, other in both}
    around = zip(["", *parts], parts, [*parts[1:], ""], strict=False)
    return Segment.join(part for before, part, after in around if (before, part, after) not in touching)


def find_alone(segment: Segment) -> frozenset[Mark]:
    """The marks of unpaired tags, and those of pairs that hold no text."""
    places = {mark: place for place, mark in segment.marks}
    return frozenset(
        mark
        for mark in places
        if mark.side == "single" or places[Mark(mark.tag, "open")] == places[Mark(mark.tag, "close")]
    )


def find_beside(segment: Segment, alone: Collection[Mark], labels: Sequence[str]) -> dict[Mark, tuple[str, str]]:
    """The characters before and after each of these marks: TAG for another one of them, and a line end for a break."""

    def look_back(parts: Iterable[str | Mark], inner: Side, step: int) -> dict[Mark, str]:
        """The character beside each mark on the side that `parts` come from; `inner` marks are inside their pair."""
        found: dict[Mark, str] = {}
        last = ""
        for part in parts:
            if isinstance(part, str):
                last = part[step]
            elif part in alone:
                found[part] = last
                if part.side != inner:
                    last = "\n" if is_break(labels[part.tag]) else TAG
        return found

    parts = list(segment.split())
    before, after = look_back(parts, "open", -1), look_back(reversed(parts), "close", 0)
    return {mark: (before[mark], after[mark]) for mark in before}


def needs_blank(in_source: str, in_target: str) -> bool:
    """Whether a blank is missing beside a tag, from the characters beside it in the source and in the translation."""
    is_apart = in_source.isspace() or (not in_source.isalnum() and in_target.isalnum())
    return is_apart and is_spaced(in_target)


def is_spaced(character: str) -> bool:
    """Whether what begins or ends with this character may have a blank beside it."""
    return character != "" and not character.isspace() and not UNSPACED.match(character)
