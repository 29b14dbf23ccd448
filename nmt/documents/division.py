"""Division of a translation into the parts of its source, such as the cues of subtitles, by the alignment."""

# X atoms of the source   Y atoms of the target   C parts   P places between target atoms: Y + 1

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from nmt.analysis.alignment import Matrix
from nmt.text.units import Span
from nmt.text.words import UNSPACED

EVENNESS = 1.0  # what it is worth that each part has its share of the text, as the time to read it is given
MARK = 0.5  # what it is worth that a part ends with a mark, in atoms
OPENING, CLOSING = "([{¿¡„«‹「『（【", ".,;:!?…)]}»›”’。、，！？：；」』）】%"


def divide_target(
    weights_YX: Matrix, cuts: Sequence[int], source_atoms: Sequence[Span], target_atoms: Sequence[Span], target: str
) -> tuple[list[int], float]:
    """Where each part but the first begins among the target's atoms, and the share of the weight that is in its part.

    The source's parts begin at the atoms `cuts`. The target's parts have the same order and are never empty, where it
    has atoms enough. They maximise

        sum of w(y, x) over y and x of the same part - EVENNESS * Y * sum over parts of (length - expected length) ** 2

    plus MARK for each part that ends with a mark; lengths are shares of all characters. A part does not end inside a
    word.
    """
    size = len(target_atoms)
    bounds = [0, *cuts, len(source_atoms)]
    parts = list(pairwise(bounds))
    inside_CY = np.array([weights_YX[:, begin:end].sum(axis=1) for begin, end in parts])
    sums_CP = np.concatenate([np.zeros((len(parts), 1)), inside_CY.cumsum(axis=1)], axis=1)
    expected = np.array([measure_length(source_atoms[begin:end]) for begin, end in parts])
    expected = expected / max(expected.sum(), 1)
    lengths_P = np.array([0, *np.cumsum([end - begin for begin, end in target_atoms])])
    lengths_P = lengths_P / max(lengths_P[-1], 1)
    bonus_P = np.array([rate_gap(place, target_atoms, target) for place in range(size + 1)])
    best_P = np.where(np.arange(size + 1) == 0, 0.0, -np.inf)
    before: list[list[int]] = []
    for part in range(len(parts)):
        length_PP = lengths_P[None, :] - lengths_P[:, None]
        gain_PP = sums_CP[part][None, :] - sums_CP[part][:, None] - EVENNESS * size * (length_PP - expected[part]) ** 2
        gain_PP = gain_PP - np.diag(np.full(size + 1, 2.0 * size + 1))  # an empty part
        gain_PP = np.where(np.tri(size + 1, k=-1, dtype=bool), -np.inf, gain_PP)
        score_PP = best_P[:, None] + gain_PP + (bonus_P if part < len(parts) - 1 else 0.0)
        before.append(score_PP.argmax(axis=0).tolist())
        best_P = score_PP.max(axis=0)
    found = [size]
    for places in reversed(before):
        found.append(places[found[-1]])
    found = found[::-1]
    kept = sum(
        float(sums_P[end] - sums_P[begin]) for sums_P, (begin, end) in zip(sums_CP, pairwise(found), strict=True)
    )
    return found[1:-1], kept / max(float(inside_CY.sum()), 1e-9)


def measure_length(atoms: Sequence[Span]) -> int:
    """The number of characters of some atoms."""
    return sum(end - begin for begin, end in atoms)


def rate_gap(place: int, atoms: Sequence[Span], text: str) -> float:
    """What it is worth that a part ends at a place, in atoms; very little inside a word, or before its mark."""
    if place in (0, len(atoms)):
        return 0.0
    before, after = text[atoms[place - 1][1] - 1], text[atoms[place][0]]
    is_apart = atoms[place - 1][1] < atoms[place][0]
    if before in OPENING or after in CLOSING or not (is_apart or UNSPACED.match(before) or UNSPACED.match(after)):
        return -len(atoms)
    return MARK if before in CLOSING else 0.0
