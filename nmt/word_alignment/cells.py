"""Parallel text as numbers: words, the pairs of words that occur in a pair of sentences, and batches of such cells.

A cell is a place (target token, source token) of one pair. Its entry is its pair of words; the entry 0 is padding.
"""

# B pairs   S source tokens   T target tokens   E entries

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
BATCH_CELLS = 500_000
PREFIX = 4  # letters that similar words have in common at least
SIMILAR = 0.6  # of an equal word's prior has a similar one at most


class Batch(NamedTuple):
    """Pairs of similar lengths: their numbers, the words of both sides, 0 for padding, and the entries of the cells."""

    pairs: list[int]
    source_BS: Integers
    target_BT: Integers
    entries_BTS: NDArray[np.int32]


class Cells(NamedTuple):
    """The words of both sides (the first is padding), the two words of each entry, and the batches."""

    source_words: list[str]
    target_words: list[str]
    source_E: Integers
    target_E: Integers
    batches: list[Batch]


def build_cells(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], batch_cells: int = BATCH_CELLS) -> Cells:
    """The cells of pairs of token sequences. A pair with an empty side is in no batch."""
    words: tuple[dict[str, int], dict[str, int]] = ({"": 0}, {"": 0})
    numbers = [
        [
            np.array([known.setdefault(word, len(known)) for word in side], dtype=np.int64)
            for known, side in zip(words, pair, strict=True)
        ]
        for pair in pairs
    ]
    size = len(words[1])
    padded = [
        (batch, pad([numbers[pair][0] for pair in batch]), pad([numbers[pair][1] for pair in batch]))
        for batch in divide_into_batches(pairs, batch_cells)
    ]
    keys_E = np.unique(np.concatenate([[0], *(np.unique(join_keys(x, y, size)) for _, x, y in padded)]))
    batches = [
        Batch(batch, x, y, np.searchsorted(keys_E, join_keys(x, y, size)).astype(np.int32)) for batch, x, y in padded
    ]
    return Cells(list(words[0]), list(words[1]), keys_E // size, keys_E % size, batches)


def divide_into_batches(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], batch_cells: int) -> Iterator[list[int]]:
    """The numbers of pairs by length, in batches of at most `batch_cells` with padding, or of one pair."""
    order = sorted((len(source), len(target), n) for n, (source, target) in enumerate(pairs) if source and target)
    batch: list[int] = []
    longest = 0
    for sources, targets, number in order:  # the last has most source tokens
        if batch and (len(batch) + 1) * sources * max(longest, targets) > batch_cells:
            yield batch
            batch, longest = [], 0
        batch.append(number)
        longest = max(longest, targets)
    if batch:
        yield batch


def pad(lines: Sequence[Integers]) -> Integers:
    """Lines of words as one array, with 0 after the end of each."""
    padded = np.zeros((len(lines), max(map(len, lines))), dtype=np.int64)
    for row, line in zip(padded, lines, strict=True):
        row[: len(line)] = line
    return padded


def join_keys(source_BS: Integers, target_BT: Integers, size: int) -> Integers:
    """A number for the two words of each cell, 0 for padding. -> key_BTS"""
    key_BTS = source_BS[:, None, :] * size + target_BT[:, :, None]
    key_BTS[(source_BS == 0)[:, None, :] | (target_BT == 0)[:, :, None]] = 0
    return key_BTS


def measure_similarity(cells: Cells) -> Floats:
    """How similar the two words of each entry are: 1 if equal, otherwise the share of equal letters at the beginning,
    times SIMILAR, where there are PREFIX at least. -> similarity_E"""
    sides = (cells.source_words, cells.source_E), (cells.target_words, cells.target_E)
    equal_E = compare([words for words, _ in sides], sides)
    begins_E = compare([[word[:PREFIX] for word in words] for words, _ in sides], sides)
    similarity_E = equal_E.astype(np.float64)
    similarity_E[0] = 0
    for entry in np.flatnonzero(begins_E & ~equal_E):
        one, other = cells.source_words[cells.source_E[entry]], cells.target_words[cells.target_E[entry]]
        if min(len(one), len(other)) >= PREFIX:
            lengths = sorted((len(one), len(other)))
            common = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), lengths[0])
            similarity_E[entry] = SIMILAR * common / lengths[1]
    return similarity_E


def compare(texts: Sequence[Sequence[str]], sides: Any) -> NDArray[np.bool_]:
    """Whether the texts of the two words of each entry are equal. -> equal_E"""
    known: dict[str, int] = {}
    one, other = (np.array([known.setdefault(text, len(known)) for text in of_side]) for of_side in texts)
    equal_E: NDArray[np.bool_] = one[sides[0][1]] == other[sides[1][1]]
    return equal_E
