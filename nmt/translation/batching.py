"""Batches of sentences for step models: read a window of sentences, sort them by length, and halve batches that do not
fit in memory.

All code that runs a step model over many sentences uses these functions, and the limit on the length of a sentence.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import islice
from typing import TypeVar

from nmt import threads
from nmt.errors import NmtError, Option, is_out_of_memory
from nmt.step import StepModel

Entry = TypeVar("Entry")
Result = TypeVar("Result")

WINDOW_BATCHES = 20  # batches of sentences that are read ahead and sorted by length
PIECES_PER_SENTENCE = 64  # a batch has at most this many pieces times batch_size, so that long lines have small batches
MAX_PIECES = 1000  # pieces of a line that are read: the memory of attention grows with the square of this number


def choose_window_size(batch_size: int) -> int:
    """The number of sentences to read ahead: WINDOW_BATCHES batches, or one sentence with a batch size of one."""
    return WINDOW_BATCHES * batch_size if batch_size > 1 else 1


def read_windows(items: Iterable[Entry], size: int) -> Iterator[list[Entry]]:
    """The items in lists of `size`. If reading an item raises an NmtError, the items before it are yielded first."""
    stream = iter(items)
    while True:
        read: list[Entry] = []
        try:
            read += islice(stream, size)
        except NmtError:
            if read:
                yield read
            raise
        if not read:
            return
        yield read


def run_batches(
    work: Callable[[Sequence[Entry]], list[Result]],
    items: Sequence[Entry],
    lengths: Sequence[int],
    batch_size: int,
    threads: int = 1,
) -> Sequence[Result | None]:
    """Apply `work` to items in batches of similar length. -> its results in the order of the items

    Several threads compute batches side by side, the longest first. Items of length 0 are left out: their result is
    None. Raises NmtError when a single item does not fit in memory.
    """
    found: list[Result | None] = [None] * len(items)
    batches = batch_by_length(lengths, min(batch_size, max(1, -(-len(items) // threads))))[::-1]

    def run_batch(rows: list[int]) -> list[Result]:
        return run_in_halves(work, [items[row] for row in rows])

    threads = min(threads, len(batches))
    with ThreadPoolExecutor(threads) if threads > 1 else nullcontext() as pool:
        for rows, results in zip(
            batches, pool.map(run_batch, batches) if pool else map(run_batch, batches), strict=True
        ):
            for row, one in zip(rows, results, strict=True):
                found[row] = one
    return found


def count_threads(model: StepModel) -> int:
    """The number of threads that can compute batches of a model side by side."""
    return threads.count_threads() if getattr(model, "is_single_threaded", False) else 1


def batch_by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """The rows of each batch, shortest first, without rows of length 0.

    A batch has at most `batch_size` rows and at most PIECES_PER_SENTENCE * batch_size pieces, padding included. A row
    that is longer is a batch of its own.
    """
    batches: list[list[int]] = []
    for row in sorted((row for row, length in enumerate(lengths) if length), key=lengths.__getitem__):
        size = len(batches[-1]) + 1 if batches else 0
        if 0 < size <= batch_size and size * lengths[row] <= PIECES_PER_SENTENCE * batch_size:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def run_in_halves(work: Callable[[Sequence[Entry]], list[Result]], items: Sequence[Entry]) -> list[Result]:
    """Apply `work` to all items at once or, when that does not fit in memory, to each half of them.

    Raises NmtError when a single item does not fit.
    """
    try:
        return work(items)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            raise NmtError(
                "a single line does not fit in memory\n  Split the line, or use a smaller ", Option("beam")
            ) from error
    middle = len(items) // 2
    return run_in_halves(work, items[:middle]) + run_in_halves(work, items[middle:])
