"""Alignments between the characters of two texts, from attention or from links, in one form for projection.

Attention is between pieces or words, of one run or of two. Here it becomes weights between the atoms of both texts.
"""

# I units of the source, such as pieces   J units of the target   X atoms of the source   Y atoms of the target

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from nmt.analysis.alignment import Matrix
from nmt.errors import DataError
from nmt.text.links import Link
from nmt.text.units import WORDS, Span, Units, find_units, locate_words, measure_overlap
from nmt.translation.aligner import AlignedPair
from nmt.translation.result import Translation


class Alignment(NamedTuple):
    """Weights between units of a target and units of its source, and which characters each unit has.

    `weights_JI` has a row for each target unit: its attention, which sums to one, or ones for its links.
    """

    source_spans: Sequence[Span]
    target_spans: Sequence[Span]
    weights_JI: Matrix

    def spread(self, source_atoms: Sequence[Span], target_atoms: Sequence[Span]) -> Matrix:
        """The weights between atoms: those of a unit are divided among its atoms by their numbers of characters.

        Rows sum to at most one. -> weights_YX
        """
        to_atoms_IX = measure_overlap(self.source_spans, source_atoms)
        to_atoms_IX /= to_atoms_IX.sum(axis=1, keepdims=True).clip(min=1)
        from_units_YJ = measure_overlap(target_atoms, self.target_spans)
        from_units_YJ /= from_units_YJ.sum(axis=1, keepdims=True).clip(min=1)
        weights_YX: Matrix = from_units_YJ @ self.weights_JI @ to_atoms_IX
        weights_YX /= weights_YX.sum(axis=1, keepdims=True).clip(min=1)
        return weights_YX


def align_by_links(
    source: str, target: str, links: Iterable[Link], units: tuple[Units, Units] = (WORDS, WORDS)
) -> Alignment:
    """The alignment of links (source word, target word), counted from 0, as any word aligner writes them.

    Words stand between spaces and tabs, or are other `units`. Raises DataError for a link of a word that does not
    exist.
    """
    spans = find_units(source, units[0]), find_units(target, units[1])
    weights_JI = np.zeros((len(spans[1]), len(spans[0])))
    for i, j in links:
        if not (0 <= i < len(spans[0]) and 0 <= j < len(spans[1])):
            raise DataError(
                f"the link {i}-{j} is of a word that does not exist: the source has {len(spans[0]):,} words, "
                f"and the target has {len(spans[1]):,}"
            )
        weights_JI[j, i] = 1
    return Alignment(*spans, weights_JI)


def align_translation(one: Translation) -> Alignment:
    """The alignment of a translation by its attention; finest if its units are pieces."""
    return Alignment(
        locate_words(one.source, one.source_words), locate_words(one.text, one.target_words), one.word_attention
    )


def align_copy(one: Translation) -> Alignment:
    """The alignment of a line with itself, in the units of its translation."""
    spans = locate_words(one.source, one.source_words)
    return Alignment(spans, spans, np.eye(len(spans)))


def align_given_pair(one: AlignedPair) -> Alignment:
    """The alignment of a given pair; finest if its units are pieces.

    Its weights are the attention of forced decoding or, of two runs of opposite directions, their links.
    """
    source, target = one.forced.source, one.forced.target
    spans = locate_words(source.text, source.words), locate_words(target.text, target.words)
    if one.backward is None:
        return Alignment(*spans, one.forced.word_attention)
    weights_JI = np.zeros((len(spans[1]), len(spans[0])))
    for i, j in one.links:
        weights_JI[j, i] = 1
    return Alignment(*spans, weights_JI)
