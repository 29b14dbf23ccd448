"""Batches: which pairs travel together, in which order, and how they reach the device.

The order of an epoch is a pure function of (seed, epoch), so that two integers are enough to resume. Nothing here
knows what a batch is used for.
"""

# B sentences   S source positions   T target positions   L links

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.data.prepared import LinkArrays, Split
from nmt.ids import EOS, PAD

POOL = 1_000_000  # pairs that are sorted together
MULTIPLE = 8  # sentences; code is built for every number of rows in a step, so few are met
AHEAD = 2  # batches made before they are asked for

Lengths = NDArray[np.integer[Any]]
Rows = NDArray[np.int64]


class Batch(NamedTuple):
    """Some pairs, padded. Ids end with EOS, PAD after it; lengths count EOS. Token counts are numbers on the host.

    Where links are known, `guide_BTS` has the share of each source position in the links of a target position: rows sum
    to one, or are zero where a target piece has no link. EOS is linked to EOS.
    """

    source_BS: Tensor
    source_lengths_B: Tensor
    target_BT: Tensor
    target_lengths_B: Tensor
    source_tokens: int
    target_tokens: int
    guide_BTS: Tensor | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch elsewhere."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin(self) -> "Batch":
        """The same batch in page-locked memory, from which a GPU copies while it computes."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        source_BS, source_lengths_B, target_BT, target_lengths_B = map(change, self[:4])
        return self._replace(
            source_BS=source_BS,
            source_lengths_B=source_lengths_B,
            target_BT=target_BT,
            target_lengths_B=target_lengths_B,
            guide_BTS=None if self.guide_BTS is None else change(self.guide_BTS),
        )


class Cursor(NamedTuple):
    """A place in training: the next batch is number `batch` of `epoch`."""

    epoch: int
    batch: int


def plan_batches(lengths: Sequence[int] | Lengths, budget: int) -> list[list[int]]:
    """Neighbours in groups whose lengths add up to `budget` at most. One that is too long travels alone.

    >>> plan_batches([3, 3, 9, 1], 6)
    [[0, 1], [2], [3]]
    """
    return [list(range(begin, end)) for begin, end in token_groups(np.asarray(lengths, np.int64), budget)]


def token_groups(lengths: Lengths, budget: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of each group of `plan_batches`."""
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(lengths):
        spent = ends[begin - 1] if begin else 0
        fitting = int(np.searchsorted(ends, spent + budget, side="right")) - begin
        if begin + fitting < len(lengths) and fitting > MULTIPLE:
            fitting -= fitting % MULTIPLE
        end = begin + max(1, fitting)
        yield begin, end
        begin = end


def plan_epoch(source_lengths: Lengths, target_lengths: Lengths, max_tokens: int, seed: int, epoch: int) -> list[Rows]:
    """The pairs of each batch of an epoch, in order: every pair once. A pure function of its arguments.

    Lengths are without EOS; a pair costs its target length and one for EOS. Pairs are shuffled into pools, sorted
    within them so that a batch holds equal lengths, and the batches are shuffled.
    """
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    order = random.permutation(len(target_lengths))
    batches = []
    for begin in range(0, len(order), POOL):
        pool = order[begin : begin + POOL]
        pool = pool[by_length(source_lengths[pool], target_lengths[pool])]
        batches += [pool[start:end] for start, end in token_groups(target_lengths[pool] + 1, max_tokens)]
    return [batches[number] for number in random.permutation(len(batches))]


def by_length(source_lengths: Lengths, target_lengths: Lengths) -> Rows:
    """An order in which neighbours need little padding: by target length, the source rising and falling in turn."""
    rising = np.where(target_lengths % 2 == 0, source_lengths, -source_lengths)
    return np.lexsort((rising, target_lengths))


def padding_share(split: Split, plan: Sequence[Rows]) -> float:
    """Which part of the source and target positions of a plan is padding."""
    real = positions = 0
    for lengths in (split.source_lengths + 1, split.target_lengths + 1):
        real += sum(int(lengths[rows].sum()) for rows in plan)
        positions += sum(int(lengths[rows].max()) * len(rows) for rows in plan)
    return 1 - real / positions if positions else 0.0


def make_batch(split: Split, rows: Rows) -> Batch:
    """The pairs with these numbers as a batch."""
    source_BS, source_lengths_B = pad_side(split.source_ids, split.source_offsets, rows)
    target_BT, target_lengths_B = pad_side(split.target_ids, split.target_offsets, rows)
    tokens = int(source_lengths_B.sum()), int(target_lengths_B.sum())
    guide_BTS = None if split.links is None else make_guide(split.links, rows, source_lengths_B, target_lengths_B)
    return Batch(source_BS, source_lengths_B, target_BT, target_lengths_B, *tokens, guide_BTS)


def pad_side(ids: Lengths, offsets: Lengths, rows: Rows) -> tuple[Tensor, Tensor]:
    """Sentences side by side, each with EOS at its end. -> ids_BT, lengths_B"""
    begins_B, lengths_B = offsets[rows], offsets[rows + 1] - offsets[rows]
    positions_T = np.arange(lengths_B.max() + 1)
    real_BT = positions_T < lengths_B[:, None]
    padded_BT = np.full(real_BT.shape, PAD, np.int64)
    padded_BT[real_BT] = ids[(begins_B[:, None] + positions_T)[real_BT]]
    padded_BT[np.arange(len(rows)), lengths_B] = EOS
    return torch.from_numpy(padded_BT), torch.from_numpy(lengths_B + 1)


def make_guide(links: LinkArrays, rows: Rows, source_lengths_B: Tensor, target_lengths_B: Tensor) -> Tensor:
    """What attention is to learn from the links of some pairs; see `Batch`. -> guide_BTS"""
    begins_B, counts_B = links.offsets[rows], links.offsets[rows + 1] - links.offsets[rows]
    numbers = np.arange(len(rows))
    pair_L = np.repeat(numbers, counts_B)
    link_L = np.arange(len(pair_L)) + np.repeat(begins_B - (np.cumsum(counts_B) - counts_B), counts_B)
    ends_B2 = target_lengths_B.numpy() - 1, source_lengths_B.numpy() - 1
    guide_BTS = np.zeros((len(rows), *(int(ends_B.max()) + 1 for ends_B in ends_B2)), np.float32)
    guide_BTS[pair_L, links.targets[link_L], links.sources[link_L]] = 1
    guide_BTS[numbers, *ends_B2] = 1
    guide_BTS /= np.maximum(guide_BTS.sum(2, keepdims=True), 1)
    return torch.from_numpy(guide_BTS)


def split_batch(batch: Batch) -> tuple[Batch, Batch]:
    """Two halves of a batch, for when it is too large for memory as a whole."""
    middle = len(batch.source_BS) // 2
    return slice_batch(batch, slice(None, middle)), slice_batch(batch, slice(middle, None))


def slice_batch(batch: Batch, rows: slice) -> Batch:
    """Some sentences of a batch, without the padding that only the others needed."""
    source_lengths_B, target_lengths_B = batch.source_lengths_B[rows], batch.target_lengths_B[rows]
    longest_source, longest_target = int(source_lengths_B.max()), int(target_lengths_B.max())
    return Batch(
        batch.source_BS[rows, :longest_source],
        source_lengths_B,
        batch.target_BT[rows, :longest_target],
        target_lengths_B,
        int(source_lengths_B.sum()),
        int(target_lengths_B.sum()),
        None if batch.guide_BTS is None else batch.guide_BTS[rows, :longest_target, :longest_source],
    )


def train_batches(
    split: Split, max_tokens: int, seed: int, cursor: Cursor, device: torch.device | str
) -> Iterator[tuple[Cursor, Batch]]:
    """Batches from `cursor` on, epoch after epoch without end; with each, the cursor to resume at after it.

    A thread makes the next ones meanwhile. It ends when the iterator is closed; what it raises is raised here.
    """
    device = torch.device(device)

    def make(place: Cursor, rows: Rows) -> tuple[Cursor, Batch]:
        batch = make_batch(split, rows)
        return place, batch.pin() if device.type == "cuda" else batch

    places = epoch_rows(split, max_tokens, seed, cursor)
    with ThreadPoolExecutor(1, "batches") as pool:
        following = deque(pool.submit(lambda: make(*next(places))) for _ in range(AHEAD))
        while True:
            place, batch = following.popleft().result()
            following.append(pool.submit(lambda: make(*next(places))))
            yield place, batch.to(device)


def epoch_rows(split: Split, max_tokens: int, seed: int, cursor: Cursor) -> Iterator[tuple[Cursor, Rows]]:
    """The rows of every batch from `cursor` on, and the cursor after it."""
    assert len(split) > 0  # an empty corpus is refused when it is prepared
    epoch, batch = cursor
    while True:
        plan = plan_epoch(split.source_lengths, split.target_lengths, max_tokens, seed, epoch)
        for number in range(batch, len(plan)):
            is_last = number + 1 == len(plan)
            yield (Cursor(epoch + 1, 0) if is_last else Cursor(epoch, number + 1)), plan[number]
        epoch, batch = epoch + 1, 0


def valid_batches(split: Split, max_tokens: int) -> Iterator[Batch]:
    """Every pair of a split once, in length order."""
    order = by_length(split.source_lengths, split.target_lengths)
    for begin, end in token_groups(split.target_lengths[order] + 1, max_tokens):
        yield make_batch(split, order[begin:end])
