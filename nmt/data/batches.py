"""Batches: which pairs are batched together, in which order, and how batches are copied to the device.

The order of an epoch is a pure function of (seed, epoch), so that training resumes from the numbers of an epoch and a
batch. Several processes have the same batches in the same order, and each has a share of every one: see `Share`.
"""

# B sentences   S source positions   T target positions   L links

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.data.arrays import read_ranges
from nmt.data.split import LinkArrays, Split
from nmt.ids import EOS, PAD

LARGE_CORPUS = 1_000_000  # pairs, up to which all are shuffled and sorted together
BLOCK_PAIRS = 64  # pairs of a larger corpus that follow each other, and stay in one pool
POOL_BLOCKS = 4096
SENTENCE_MULTIPLE = 8  # batches have a multiple of this many sentences: kernels are built anew for each number of rows
BATCHES_AHEAD = 2  # batches that are made in advance

Lengths = NDArray[np.integer[Any]]
Rows = NDArray[np.int64]


class Share(NamedTuple):
    """The pairs of each batch that one of several processes has: every `of`-th, from number `rank` on.

    The pairs of a batch are sorted by length, so that all processes have about as many tokens. A process has none of a
    batch with too few pairs.
    """

    rank: int = 0
    of: int = 1


class Batch(NamedTuple):
    """A padded batch of pairs. Ids end with EOS, followed by PAD; lengths count EOS. Token counts are plain integers.

    Where word alignments are known, `guide_BTS` is the attention to learn: each row has equal weights for the source
    positions that a target position is linked to. Rows sum to one; the row of a target piece without links is zero. EOS
    is linked to EOS.

    `whole_tokens` are the target tokens of the batch that this is a share of, None if it is not.
    """

    source_BS: Tensor
    source_lengths_B: Tensor
    target_BT: Tensor
    target_lengths_B: Tensor
    source_tokens: int
    target_tokens: int
    guide_BTS: Tensor | None = None
    whole_tokens: int | None = None

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin(self) -> "Batch":
        """The same batch in page-locked memory, which a GPU can copy while it computes."""
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


class Side(NamedTuple):
    """The ids of some sentences, one sentence after the other, without EOS."""

    ids_N: NDArray[np.integer[Any]]
    lengths_B: Rows


class Cursor(NamedTuple):
    """A position in the training data: the next batch is number `batch` of `epoch`."""

    epoch: int
    batch: int


MakeBatch = Callable[[Rows, Cursor], Batch]  # from the numbers of its pairs, and where in training it is


def group_by_tokens(lengths: Lengths, budget: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of consecutive groups whose lengths sum to at most `budget`. A longer item is a group of its own.

    >>> list(group_by_tokens(np.array([3, 3, 9, 1]), 6))
    [(0, 2), (2, 3), (3, 4)]
    """
    ends = np.cumsum(lengths)
    begin = 0
    while begin < len(lengths):
        spent = ends[begin - 1] if begin else 0
        fitting = int(np.searchsorted(ends, spent + budget, side="right")) - begin
        if begin + fitting < len(lengths) and fitting > SENTENCE_MULTIPLE:
            fitting -= fitting % SENTENCE_MULTIPLE
        end = begin + max(1, fitting)
        yield begin, end
        begin = end


def plan_epoch(split: Split, max_tokens: int, seed: int, epoch: int) -> Iterator[Rows]:
    """The rows of each batch of an epoch, in order, where every pair occurs once, or in both directions (see Split).

    A pure function of its arguments.

    A batch has at most `max_tokens` target tokens with EOS, or one pair.
    """
    return chain.from_iterable(plan_pools(split, max_tokens, seed, epoch))


def plan_pools(split: Split, max_tokens: int, seed: int, epoch: int) -> Iterator[list[Rows]]:
    """The batches of `plan_epoch`, a pool after the other, so that not all are in memory.

    Pairs are sorted by length within each pool, so that a batch needs little padding; then its batches are shuffled.
    """
    random = np.random.Generator(np.random.PCG64([seed, epoch]))
    split = split.of_epoch(epoch)
    for pool in draw_pools(len(split), random):
        source_lengths, target_lengths = split.measure_lengths(pool)
        order = sort_by_length(source_lengths, target_lengths)
        pool, lengths = pool[order], target_lengths[order] + 1
        batches = [pool[begin:end] for begin, end in group_by_tokens(lengths, max_tokens)]
        yield [batches[number] for number in random.permutation(len(batches))]


def draw_pools(pairs: int, random: np.random.Generator) -> Iterator[Rows]:
    """All pairs in random order, in pools. Up to LARGE_CORPUS they are one pool.

    Of a larger corpus each pool has random blocks of pairs that follow each other, so that memory for the numbers of
    the blocks is enough.
    """
    if pairs <= LARGE_CORPUS:
        yield random.permutation(pairs)
        return
    blocks = random.permutation(-(-pairs // BLOCK_PAIRS))
    for begin in range(0, len(blocks), POOL_BLOCKS):
        rows = (blocks[begin : begin + POOL_BLOCKS, None] * BLOCK_PAIRS + np.arange(BLOCK_PAIRS)).ravel()
        yield random.permutation(rows[rows < pairs])


def survey_epoch(split: Split, max_tokens: int, seed: int, epoch: int = 0) -> tuple[int, float, Rows]:
    """The number of batches of an epoch, the share of padding, and the pairs of the first batch.

    Of a large corpus the first pool is used.
    """
    pool = next(plan_pools(split, max_tokens, seed, epoch))
    split = split.of_epoch(epoch)
    batches = math.ceil(len(pool) * len(split) / sum(map(len, pool)))
    return batches, compute_padding_share(split, pool), pool[0]


def sort_by_length(source_lengths: Lengths, target_lengths: Lengths) -> Rows:
    """An order in which consecutive pairs need little padding: by target length, then by source length.

    Source lengths rise for even target lengths and fall for odd ones, so that they change little from pair to pair.
    """
    rising = np.where(target_lengths % 2 == 0, source_lengths, -source_lengths)
    return np.lexsort((rising, target_lengths))


def compute_padding_share(split: Split, plan: Sequence[Rows]) -> float:
    """The share of the source and target positions of all batches of a plan that is padding."""
    if not plan:
        return 0.0
    sizes = np.array([len(rows) for rows in plan])
    begins = np.cumsum(sizes) - sizes
    lengths = [lengths + 1 for lengths in split.measure_lengths(np.concatenate(plan))]
    real = sum(int(side.sum()) for side in lengths)
    return 1 - real / sum(int((np.maximum.reduceat(side, begins) * sizes).sum()) for side in lengths)


def make_batch(split: Split, rows: Rows, max_pieces: int | None = None) -> Batch:
    """The batch of the pairs with these numbers, with the first `max_pieces` pieces of each side."""
    source = read_side(split.source_ids, split.source_offsets, rows, max_pieces)
    target = read_side(split.target_ids, split.target_offsets, rows, max_pieces)
    guide_BTS = None if split.links is None else make_guide(split.links, rows, source.lengths_B, target.lengths_B)
    return build_batch(source, target, guide_BTS)


def take_share(batch: Batch, share: Share) -> Batch:
    """One process's share of a batch."""
    return slice_batch(batch, slice(share.rank, None, share.of))._replace(whole_tokens=batch.target_tokens)


def build_batch(source: Side, target: Side, guide_BTS: Tensor | None = None) -> Batch:
    """The batch of some sentences and their translations."""
    source_BS, target_BT = (pad_rows(*side, EOS, PAD) for side in (source, target))
    source_lengths_B, target_lengths_B = (torch.from_numpy(side.lengths_B + 1) for side in (source, target))
    tokens = int(source_lengths_B.sum()), int(target_lengths_B.sum())
    return Batch(source_BS, source_lengths_B, target_BT, target_lengths_B, *tokens, guide_BTS)


def read_side(ids: Lengths, offsets: Lengths, rows: Rows, max_pieces: int | None = None) -> Side:
    """The first `max_pieces` ids of some sentences."""
    begins_B, ends_B = read_ranges(offsets, rows, np.full(len(rows), 2)).reshape(-1, 2).T
    lengths_B = np.minimum(ends_B - begins_B, max_pieces or np.inf).astype(np.int64)
    return Side(read_ranges(ids, begins_B, lengths_B), lengths_B)


def pad_rows(values_N: Lengths, lengths_B: Rows, last_B: Rows | int, padding: int) -> Tensor:
    """Rows of a length each, with one more number at the end of each, and padded. -> values_BT"""
    positions_T = np.arange(lengths_B.max(initial=0) + 1)
    real_BT = positions_T < lengths_B[:, None]
    padded_BT = np.full(real_BT.shape, padding, np.int64)
    padded_BT[real_BT] = values_N
    padded_BT[np.arange(len(lengths_B)), lengths_B] = last_B
    return torch.from_numpy(padded_BT)


def make_guide(links: LinkArrays, rows: Rows, source_lengths_B: Rows, target_lengths_B: Rows) -> Tensor:
    """The attention to learn from the links of some pairs; see `Batch`. Lengths are without EOS. -> guide_BTS"""
    begins_B, ends_B = read_ranges(links.offsets, rows, np.full(len(rows), 2)).reshape(-1, 2).T
    counts_B, numbers = ends_B - begins_B, np.arange(len(rows))
    pair_L = np.repeat(numbers, counts_B)
    targets_L, sources_L = (read_ranges(ends, begins_B, counts_B) for ends in (links.targets, links.sources))
    sizes = (int(lengths_B.max(initial=0)) + 1 for lengths_B in (target_lengths_B, source_lengths_B))
    guide_BTS = np.zeros((len(rows), *sizes), np.float32)
    guide_BTS[pair_L, targets_L, sources_L] = 1
    guide_BTS[numbers, target_lengths_B, source_lengths_B] = 1
    guide_BTS /= np.maximum(guide_BTS.sum(2, keepdims=True), 1)
    return torch.from_numpy(guide_BTS)


def split_batch(batch: Batch) -> tuple[Batch, Batch]:
    """The two halves of a batch that does not fit in memory."""
    middle = len(batch.source_BS) // 2
    return slice_batch(batch, slice(None, middle)), slice_batch(batch, slice(middle, None))


def measure_size(batch: Batch) -> int:
    """The number of source and target positions of a batch, padding included, which its memory grows with."""
    return batch.source_BS.numel() + batch.target_BT.numel()


def split_to_size(batch: Batch, limit: int) -> list[Batch]:
    """A batch, halved until each part is smaller than `limit` or has one pair. 0 is no limit."""
    if not limit or measure_size(batch) < limit or len(batch.source_BS) == 1:
        return [batch]
    return [part for half in split_batch(batch) for part in split_to_size(half, limit)]


def slice_batch(batch: Batch, rows: slice) -> Batch:
    """Some sentences of a batch, without padding that none of them needs."""
    source_lengths_B, target_lengths_B = batch.source_lengths_B[rows], batch.target_lengths_B[rows]
    longest_source, longest_target = (max(side.tolist(), default=1) for side in (source_lengths_B, target_lengths_B))
    return Batch(
        batch.source_BS[rows, :longest_source],
        source_lengths_B,
        batch.target_BT[rows, :longest_target],
        target_lengths_B,
        int(source_lengths_B.sum()),
        int(target_lengths_B.sum()),
        None if batch.guide_BTS is None else batch.guide_BTS[rows, :longest_target, :longest_source],
    )


def iterate_train_batches(
    split: Split,
    max_tokens: int,
    seed: int,
    cursor: Cursor,
    device: torch.device | str,
    share: Share | None = None,
    make: MakeBatch | None = None,
) -> Iterator[tuple[Cursor, Batch]]:
    """Batches from `cursor` on, epoch after epoch without end, each with the cursor of the batch after it.

    With a share, each is the share of a batch. Batches are those of `make`, or else of `make_batch`.

    A thread makes the next batches in advance. It ends when the iterator is closed. Its errors are raised here.
    """
    device = torch.device(device)

    def make_next() -> tuple[Cursor, Batch]:
        here, after, rows = next(plan)
        batch = make_batch(split.of_epoch(here.epoch), rows) if make is None else make(rows, here)
        batch = batch if share is None else take_share(batch, share)
        return after, batch.pin() if device.type == "cuda" else batch

    plan = iterate_epochs(split, max_tokens, seed, cursor)
    with ThreadPoolExecutor(1, "batches") as pool:
        following = deque(pool.submit(make_next) for _ in range(BATCHES_AHEAD))
        while True:
            after, batch = following.popleft().result()
            following.append(pool.submit(make_next))
            yield after, batch.to(device)


def iterate_epochs(split: Split, max_tokens: int, seed: int, cursor: Cursor) -> Iterator[tuple[Cursor, Cursor, Rows]]:
    """Every batch from `cursor` on, without end: its cursor, the cursor of the batch after it, and its rows."""
    assert len(split) > 0  # preparing an empty corpus raises an error
    epoch, batch = cursor
    while True:
        plan = chain(plan_epoch(split, max_tokens, seed, epoch), [None])
        for number, (rows, following) in enumerate(pairwise(plan)):
            if number >= batch and rows is not None:
                after = Cursor(epoch + 1, 0) if following is None else Cursor(epoch, number + 1)
                yield Cursor(epoch, number), after, rows
        epoch, batch = epoch + 1, 0


def iterate_valid_batches(split: Split, max_tokens: int, max_pieces: int) -> Iterator[Batch]:
    """Batches that contain every pair of a split once, sorted by length, with `max_pieces` pieces of each side."""
    source_lengths, target_lengths = (
        np.minimum(lengths, max_pieces) for lengths in (split.source_lengths, split.target_lengths)
    )
    order = sort_by_length(source_lengths, target_lengths)
    for begin, end in group_by_tokens(target_lengths[order] + 1, max_tokens):
        yield make_batch(split, order[begin:end], max_pieces)
