"""Files of integers, which are memory-mapped, and whether ids, offsets and links fit together.

A file may be one that this program has not written. Each is read a part at a time, so that memory does not grow with
the corpus.
"""

# L links   R ranges

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DamageError, Option
from nmt.metadata import make_damage_error
from nmt.progress import format_count

PART = 2**20  # numbers that are checked together
PREPARE_AGAIN: tuple[str | Option, ...] = ("Prepare the corpus again, with ", Option("overwrite", True))

Integers = NDArray[np.integer[Any]]


def make_array_error(path: Path, why: str) -> DamageError:
    """The error for a file of a prepared folder that cannot be used."""
    return make_damage_error(path, why, PREPARE_AGAIN)


def map_integers(path: Path, dtype: type[np.integer[Any]] | None = None) -> Integers:
    """The array of one dimension in a file, of type `dtype` or any type of integer. Raises DamageError for others."""
    try:
        array = np.load(path, mmap_mode="r")
    except Exception as error:  # NumPy parses the header as Python, and a wrong one ends in many kinds of error
        raise make_array_error(path, f"it is no array: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype.kind not in "iu":
        raise make_array_error(path, "it is not a list of integers")
    if dtype is not None and array.dtype != dtype:
        raise make_array_error(path, f"its numbers have the type {array.dtype}, not {np.dtype(dtype)}")
    return array


def release_pages(array: Integers) -> None:
    """Let the system take back the memory of a mapped file, which is read again when it is needed.

    Otherwise all that was ever read of a file counts as memory of this program.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def read_ranges(array: Integers, begins_R: Integers, counts_R: Integers) -> Integers:
    """The numbers of several ranges of an array, one range after the other.

    A mapped file is read here without its map, of which every access may take a megabyte of memory.
    """
    if not isinstance(array, np.memmap):
        firsts_R = begins_R - (np.cumsum(counts_R) - counts_R)
        numbers: Integers = array[np.repeat(firsts_R, counts_R) + np.arange(counts_R.sum())]
        return numbers
    size, parts = array.itemsize, []
    assert array.filename is not None
    with open(array.filename, "rb", buffering=0) as file:
        for begin, count in zip(begins_R.tolist(), counts_R.tolist(), strict=True):
            file.seek(array.offset + begin * size)
            parts.append(file.read(count * size))
    return np.frombuffer(b"".join(parts), array.dtype)  # type: ignore[return-value]  # of integers, as the array is


def read_differences(offsets: NDArray[np.int64], rows: Integers) -> NDArray[np.int32]:
    """offsets[rows + 1] - offsets[rows], read in runs of consecutive rows."""
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    firsts = np.flatnonzero(np.diff(ordered, prepend=-2) != 1)  # of each run
    counts = np.diff(firsts, append=len(ordered)) + 1
    within_run = np.ones(int(counts.sum()), bool)
    within_run[np.cumsum(counts) - 1] = False
    steps = np.diff(read_ranges(offsets, ordered[firsts], counts), append=0)
    differences = np.empty(len(rows), np.int32)
    differences[order] = steps[within_run]
    return differences


def read_parts(array: Integers, overlap: int = 0) -> Iterator[Integers]:
    """Parts of an array, one after the other; `overlap` is how many numbers of the next part each has at its end."""
    for begin in range(0, len(array) - overlap, PART):
        yield array[begin : begin + PART + overlap]
        release_pages(array)


def check_offsets(path: Path, offsets: NDArray[np.int64], pairs: int, size: int) -> None:
    """Raise DamageError unless `offsets` rise from 0 to `size` in as many steps as there are pairs."""
    if (
        len(offsets) != pairs + 1
        or offsets[0] != 0
        or offsets[-1] != size
        or any((part[1:] < part[:-1]).any() for part in read_parts(offsets, overlap=1))
    ):
        raise make_array_error(path, f"its offsets do not divide {size:,} numbers among {pairs:,} pairs")


def check_ids(path: Path, ids: Integers, vocabulary: int) -> None:
    """Raise DamageError for an id that is not in the vocabulary."""
    if any(part.min() < 0 or part.max() >= vocabulary for part in read_parts(ids)):
        raise make_array_error(path, f"it has ids that are not in the vocabulary of {vocabulary:,} pieces")


def check_links(path: Path, ends: Integers, offsets: NDArray[np.int64], piece_offsets: NDArray[np.int64]) -> None:
    """Raise DamageError for a link to a piece that its sentence does not have. `ends` are the linked pieces.

    `offsets` divide the links among sentences, and `piece_offsets` their pieces, as `check_offsets` has found.
    """
    if len(ends) != offsets[-1]:
        raise make_array_error(
            path, f"it has {format_count(len(ends), 'link')}, and the offsets are those of {offsets[-1]:,}"
        )
    for first_links, pieces in zip(read_parts(offsets, overlap=1), read_parts(piece_offsets, overlap=1), strict=True):
        longest_L = np.repeat(np.diff(pieces), np.diff(first_links))
        ends_L = ends[first_links[0] :][: len(longest_L)]
        if (ends_L < 0).any() or (ends_L >= longest_L).any():
            raise make_array_error(path, "it links pieces that do not exist")
        release_pages(ends)
