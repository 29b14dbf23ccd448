"""Anchors: atoms that are equal, or begin equally, in a text and its translation, such as numbers, names and marks."""

# X atoms of the source   Y atoms of the target

from collections.abc import Sequence

import numpy as np

from nmt.analysis.alignment import Matrix

LEAST = 0.02  # weight without attention, so that an anchor may overrule it
NEARBY = 4.0  # how steeply an anchor prefers the same relative position


def add_anchors(weights_YX: Matrix, source: Sequence[str], target: Sequence[str]) -> Matrix:
    """Move weight of each target atom to the source atoms that are equal to it, or begin equally.

        w'(y, x) = (1 - c(y)) w(y, x) + c(y) e(y, x)        c(y) = max over x of likeness(y, x)

    e is proportional to likeness times w, and to nearness where w does not tell: among equal atoms the one whose
    neighbours are equal too, and whose relative position is nearest, gets most.
    """
    likeness_YX = measure_likeness(source, target)
    if not likeness_YX.any():
        return weights_YX
    equal_YX = likeness_YX > 0.5
    neighbours_YX = np.zeros(equal_YX.shape)
    neighbours_YX[1:, 1:] += equal_YX[:-1, :-1]
    neighbours_YX[:-1, :-1] += equal_YX[1:, 1:]
    place_Y, place_X = ((np.arange(len(one)) + 0.5) / len(one) for one in (target, source))
    nearness_YX = np.exp(-NEARBY * np.abs(np.subtract.outer(place_Y, place_X)))
    share_YX = likeness_YX * (weights_YX + LEAST) * (1 + neighbours_YX) ** 2 * nearness_YX
    # a source atom too is anchored to few target atoms: the others are probably something else
    best_X = share_YX.max(axis=0, keepdims=True)
    certainty_Y1 = (likeness_YX * (share_YX >= 0.3 * best_X)).max(axis=1, keepdims=True)
    share_YX /= share_YX.sum(axis=1, keepdims=True).clip(min=1e-12)
    moved_YX: Matrix = (1 - certainty_Y1) * weights_YX + certainty_Y1 * share_YX
    return moved_YX


def measure_likeness(source: Sequence[str], target: Sequence[str]) -> Matrix:
    """How surely two atoms are the same word: 0 to 1. -> likeness_YX"""
    places, of_target = find_places(source), find_places(target)
    equal: dict[str, list[str]] = {}
    similar: dict[str, list[str]] = {}
    for other in places:
        equal.setdefault(other.casefold(), []).append(other)
        similar.setdefault(other.casefold()[:4], []).append(other)
    likeness_YX = [[0.0] * len(source) for _ in target]  # a list, because single numbers are written
    for atom, rows in of_target.items():
        folded = atom.casefold()
        if folded in equal:
            rated = [(other, rate_equality(atom, other)) for other in equal[folded]]
        else:
            others = similar.get(folded[:4], []) if len(folded) >= 4 else []
            rated = [(other, rate_beginning(folded, other.casefold())) for other in others]
        for other, likeness in rated:
            for row in rows:
                for place in places[other]:
                    likeness_YX[row][place] = likeness
    return np.array(likeness_YX).reshape(len(target), len(source))


def find_places(atoms: Sequence[str]) -> dict[str, list[int]]:
    """The places of each atom."""
    found: dict[str, list[int]] = {}
    for place, atom in enumerate(atoms):
        found.setdefault(atom, []).append(place)
    return found


def rate_equality(one: str, other: str) -> float:
    """How surely two atoms that are equal, apart from case, are the same word. Short words may be equal by chance."""
    if not one[0].isalnum():
        return 0.5
    if one == other and (len(one) > 3 or not one.islower()):
        return 0.95
    return 0.7 if len(one) > 3 else 0.3


def rate_beginning(one: str, other: str) -> float:
    """How surely two words that begin with the same four letters are one word in two languages."""
    common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return 0.6 * common / max(len(one), len(other))
