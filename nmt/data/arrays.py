"""Files of integers, which are memory-mapped, and whether ids, offsets and links fit together.

A file may be one that this program has not written. Each is read a part at a time, so that memory does not grow with
the corpus.
"""

# L links

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DamageError, Option
from nmt.metadata import make_damage_error

PART = 2**22  # numbers that are checked together
PREPARE_AGAIN: tuple[str | Option, ...] = ("Prepare the corpus again, with ", Option("overwrite", True))

Integers = NDArray[np.integer[Any]]


def make_array_error(path: Path, why: str) -> DamageError:
    """The error for a file of a prepared folder that cannot be used."""
    return make_damage_error(path, why, PREPARE_AGAIN)


def map_integers(path: Path, dtype: type[np.integer[Any]] | None = None) -> Integers:
    """The array of one dimension in a file, of type `dtype` or any type of integer. Raises DamageError for others."""
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError, MemoryError, OverflowError, TypeError) as error:
        raise make_array_error(path, f"it is no array: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
        raise make_array_error(path, "it is not a list of integers")
    if dtype is not None and array.dtype != dtype:
        raise make_array_error(path, f"its numbers have the type {array.dtype}, not {np.dtype(dtype)}")
    return array


def check_offsets(path: Path, offsets: NDArray[np.int64], pairs: int, size: int) -> None:
    """Raise DamageError unless `offsets` rise from 0 to `size` in as many steps as there are pairs."""
    if len(offsets) != pairs + 1 or offsets[0] != 0 or offsets[-1] != size or (offsets[1:] < offsets[:-1]).any():
        raise make_array_error(path, f"its offsets do not divide {size:,} numbers among {pairs:,} pairs")


def check_ids(path: Path, ids: Integers, vocabulary: int) -> None:
    """Raise DamageError for an id that is not in the vocabulary."""
    for begin in range(0, len(ids), PART):
        part = ids[begin : begin + PART]
        if part.min() < 0 or part.max() >= vocabulary:
            raise make_array_error(path, f"it has ids that are not in the vocabulary of {vocabulary:,} pieces")


def check_links(path: Path, ends: Integers, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Raise DamageError for a link to a piece that its sentence does not have. `ends` are the linked pieces.

    `offsets` divide `size` links among sentences with these `lengths`, as `check_offsets` has found.
    """
    if len(ends) != offsets[-1]:
        raise make_array_error(path, f"it has {len(ends):,} links, and the offsets are those of {offsets[-1]:,}")
    for begin in range(0, len(lengths), PART):
        part = slice(begin, begin + PART)
        longest_L = np.repeat(lengths[part], np.diff(offsets[begin : begin + PART + 1]))
        ends_L = ends[offsets[begin] :][: len(longest_L)]
        if (ends_L < 0).any() or (ends_L >= longest_L).any():
            raise make_array_error(path, "it links pieces that do not exist")
