"""Batches of sentences for the step models: read a window ahead, sort by length, halve what does not fit in memory.

Everything that runs a step model over many sentences goes through here, and so does the limit on their length.
"""

# B sentences   S source positions

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import torch
from torch import Tensor

from nmt.errors import NmtError, Option, is_out_of_memory
from nmt.ids import PAD

Item = TypeVar("Item")
Found = TypeVar("Found")

WINDOW_BATCHES = 20  # batches of lines that are read ahead and sorted by length
PIECES_PER_SENTENCE = 64  # a batch holds at most this many pieces a sentence on average: long lines share small batches
MAX_PIECES = 1000  # pieces of a line that are read: attention takes memory by the square of this


def window_size(batch_size: int) -> int:
    """How many sentences are read ahead: WINDOW_BATCHES batches, or one sentence when batches hold one."""
    return WINDOW_BATCHES * batch_size if batch_size > 1 else 1


def read_windows(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of `size`. Where reading one raises an NmtError, those before it are yielded first."""
    stream = iter(items)
    while True:
        read: list[Item] = []
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
    work: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item], lengths: Sequence[int], batch_size: int
) -> Sequence[Found | None]:
    """`work` over a window of items in batches of like length, its results in the order of the items.

    An item of length 0 is left out: its result is None. Raises NmtError when one item alone does not fit in memory.
    """
    found: list[Found | None] = [None] * len(items)
    for rows in plan_batches(lengths, batch_size):
        for row, one in zip(rows, run_in_halves(work, [items[row] for row in rows]), strict=True):
            found[row] = one
    return found


def plan_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Rows of each batch, shortest first, without those of length 0.

    No batch has more than `batch_size` rows, or more than PIECES_PER_SENTENCE * batch_size pieces with padding; a row
    that is longer than that is a batch of its own.
    """
    batches: list[list[int]] = []
    for row in sorted((row for row, length in enumerate(lengths) if length), key=lengths.__getitem__):
        size = len(batches[-1]) + 1 if batches else 0
        if 0 < size <= batch_size and size * lengths[row] <= PIECES_PER_SENTENCE * batch_size:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def run_in_halves(work: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item]) -> list[Found]:
    """`work(items)`, or the same in halves when that does not fit in memory.

    Raises NmtError when one item alone does not fit.
    """
    try:
        return work(items)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            raise NmtError(
                "one line alone does not fit in memory\n  Split it, or use a smaller ", Option("beam")
            ) from error
    middle = len(items) // 2
    return run_in_halves(work, items[:middle]) + run_in_halves(work, items[middle:])


def pad_ids(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids padded to a rectangle, and how many of each row are real. -> source_BS, lengths_B"""
    tensors = [torch.tensor(ids) for ids in rows]
    return (
        torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PAD),
        torch.tensor([len(ids) for ids in rows]),
    )
