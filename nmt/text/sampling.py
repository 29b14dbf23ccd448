"""Other segmentations of encoded text, drawn at random: the same text, divided into other pieces.

SentencePiece draws them too, but its generator belongs to a thread and its seed to the process. What is drawn here is
a function of the ids and of a generator that is passed in, so that training repeats and resumes exactly.
"""

# B texts   N their pieces   W stretches   M drawn pieces   A stretches that are not yet finished   V vocabulary

import heapq
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import accumulate, count, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.text.subword import Subword

Integers = NDArray[np.integer[Any]]
Generator = np.random.PCG64
CHARACTER_BITS = 21  # of a code point
MAX_ENTRIES = 2_000_000  # choices or pieces that a sampler keeps; with more it starts anew
ONE = 1 << 32  # what the probabilities of a state's choices add up to
END = -1  # the state after the last piece of a stretch
MAX_KEPT = 24  # characters of a stretch whose drawn merges are kept: longer ones hardly occur again


class Segmentations(NamedTuple):
    """Texts as pieces, one text after the other.

    `firsts_M` and `lasts_M` have, for each piece, the numbers in its text of the first and the last of the original
    pieces with which it shares characters.
    """

    ids_M: NDArray[np.int64]
    lengths_B: NDArray[np.int64]
    firsts_M: NDArray[np.int64]
    lasts_M: NDArray[np.int64]


class GrowingArray:
    """A one-dimensional array to which numbers are appended."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._room: NDArray[Any] = np.empty(1024, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> NDArray[Any]:
        return self._room[: self._size]

    def extend(self, values: Iterable[int]) -> None:
        new = np.fromiter(values, self._room.dtype)
        end = self._size + len(new)
        if end > len(self._room):
            self._room = np.concatenate([self.values, np.empty(end, self._room.dtype)])
        self._room[self._size : end] = new
        self._size = end


class SegmentationSampler(ABC):
    """Draws segmentations of texts that a subword model has encoded.

    Text is divided into stretches where no piece of the vocabulary has the characters of both sides beside each other.
    So stretches are segmented independently: words, or parts of them. Symbols, bytes and unknown characters are
    stretches that do not change. What was computed for a stretch is kept for the next time it occurs, which changes
    nothing but the speed.
    """

    def __init__(self, subword: Subword, max_length: int) -> None:
        """A text whose drawn pieces are more than `max_length` keeps its own."""
        self.max_length = max_length
        self._pieces = subword.ids_to_pieces(range(subword.size))
        self.table = subword.collect_scores()
        self.longest = max(map(len, self.table), default=1)
        self._sizes_V = np.array([len(piece) for piece in self._pieces], np.int64)
        self._firsts_V, self._lasts_V = (np.full(subword.size, -1, np.int64) for _ in range(2))
        for piece, (index, _) in self.table.items():
            self._firsts_V[index], self._lasts_V[index] = ord(piece[0]), ord(piece[-1])
        inner = {ord(a) << CHARACTER_BITS | ord(b) for piece in self.table for a, b in pairwise(piece)}
        self._inner_bigrams = np.array(sorted({*inner, 1 << 2 * CHARACTER_BITS}), np.int64)  # and one above all
        self._forget()

    def _forget(self) -> None:
        self._state_of_single_V = np.full(len(self._pieces), END, np.int64)
        self._state_of_stretch: dict[bytes, int] = {}
        self.clear()

    def sample(self, stored_N: Integers, lengths_B: NDArray[np.int64], generator: Generator) -> Segmentations:
        """Draw a segmentation of each text; text n has the next `lengths_B[n]` ids."""
        if self.count_entries() > MAX_ENTRIES:
            self._forget()
        ids_N: NDArray[np.int32] = stored_N.astype(np.int32)
        begins_B = np.cumsum(lengths_B) - lengths_B
        firsts_W = np.flatnonzero(self._find_begins(ids_N, begins_B[lengths_B > 0]))
        drawn_M, counts_W = self.walk(self._find_states(ids_N, firsts_W), generator)
        text_of_stretch_W = np.repeat(np.arange(len(lengths_B)), lengths_B)[firsts_W]
        counts_B = np.bincount(text_of_stretch_W, counts_W, len(lengths_B)).astype(np.int64)
        stored_ends_N, ends_M = (np.cumsum(self._sizes_V[ids]) for ids in (ids_N, drawn_M))  # in characters
        firsts_M = np.searchsorted(stored_ends_N, ends_M - self._sizes_V[drawn_M], side="right")
        lasts_M = np.searchsorted(stored_ends_N, ends_M)
        begins_M = np.repeat(begins_B, counts_B)
        drawn = Segmentations(drawn_M, counts_B, firsts_M - begins_M, lasts_M - begins_M)
        if (is_long_B := counts_B > self.max_length).any():
            return choose_texts(is_long_B, keep_pieces(ids_N, lengths_B), drawn)
        return drawn

    def _find_begins(self, ids_N: NDArray[np.int32], begins: Integers) -> NDArray[np.bool_]:
        """True for the pieces with which a stretch begins. `begins` are those with which a text does."""
        begins_stretch_N = np.ones(len(ids_N), bool)
        bigrams = self._lasts_V[ids_N[:-1]] << CHARACTER_BITS | self._firsts_V[ids_N[1:]]
        nearest = self._inner_bigrams[np.searchsorted(self._inner_bigrams, bigrams)]
        begins_stretch_N[1:] = nearest != bigrams
        begins_stretch_N[begins] = True
        return begins_stretch_N

    def _find_states(self, ids_N: NDArray[np.int32], firsts_W: NDArray[np.int64]) -> NDArray[np.int64]:
        """The state in which the segmentation of each stretch begins."""
        ends_W = np.append(firsts_W[1:], len(ids_N))
        states_W = np.where(ends_W - firsts_W == 1, self._state_of_single_V[ids_N[firsts_W]], END)
        unknown = np.flatnonzero(states_W == END)
        content, size = ids_N.tobytes(), ids_N.itemsize
        found = []
        for first, end in zip((firsts_W[unknown] * size).tolist(), (ends_W[unknown] * size).tolist(), strict=True):
            key = content[first:end]
            state = self._state_of_stretch.get(key)
            found.append(self._add(key) if state is None else state)
        states_W[unknown] = found
        return states_W

    def _add(self, key: bytes) -> int:
        """The state of a stretch that is new. `key` are the bytes of its ids."""
        ids = np.frombuffer(key, np.int32).tolist()
        is_fixed = len(ids) == 1 and self._firsts_V[ids[0]] < 0
        state = self.add_piece(ids[0]) if is_fixed else self.add_text("".join(self._pieces[index] for index in ids))
        self._state_of_stretch[key] = state
        if len(ids) == 1:
            self._state_of_single_V[ids[0]] = state
        return state

    @abstractmethod
    def clear(self) -> None:
        """Forget all states."""

    @abstractmethod
    def count_entries(self) -> int:
        """What memory grows with: the choices of all states, or their pieces."""

    @abstractmethod
    def add_piece(self, index: int) -> int:
        """The state of a stretch that is always this one piece."""

    @abstractmethod
    def add_text(self, text: str) -> int:
        """The state of a stretch of text."""

    @abstractmethod
    def walk(self, states_W: NDArray[np.int64], generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw a segmentation of each stretch. -> ids_M, counts_W"""


class UnigramSampler(SegmentationSampler):
    """p(segmentation) = product of p(piece) ** alpha, over all segmentations of the text, divided by their sum

    Subword regularisation, Kudo 2018, arXiv:1804.10959, section 3.2 with l = infinity: forward filtering and backward
    sampling in the lattice of pieces. Here the sums are those of what follows, so that pieces are drawn from the
    beginning. A state is a position in a stretch, and its choices are the pieces that begin there.
    """

    def __init__(self, subword: Subword, alpha: float, max_length: int) -> None:
        self.alpha = alpha
        super().__init__(subword, max_length)

    def clear(self) -> None:
        self._states = 0
        self._bounds = GrowingArray(np.uint64)  # of each choice: its state * ONE + the probability up to its end
        self._ids = GrowingArray(np.int64)
        self._following = GrowingArray(np.int64)  # the state after a choice

    def count_entries(self) -> int:
        return len(self._bounds)

    def add_piece(self, index: int) -> int:
        return self._append([[(index, END, ONE)]])

    def add_text(self, text: str) -> int:
        size = len(text)
        log_sums = [-math.inf] * size + [0.0]  # over the segmentations of what follows a position
        choices: list[list[tuple[int, int, int]]] = [[] for _ in range(size)]
        for begin in reversed(range(size)):
            found = []
            for end in range(begin + 1, min(size, begin + self.longest) + 1):
                entry = self.table.get(text[begin:end])
                if entry is not None and log_sums[end] > -math.inf:
                    found.append((entry[0], end, self.alpha * entry[1] + log_sums[end]))
            if not found:  # no segmentation has a piece that begins here
                continue
            best = max(log_weight for _, _, log_weight in found)
            sums = list(accumulate(math.exp(log_weight - best) for _, _, log_weight in found))
            log_sums[begin] = best + math.log(sums[-1])
            bounds = [int(ONE * (part / sums[-1])) for part in sums]
            choices[begin] = [
                (index, END if end == size else self._states + end, bound)
                for (index, end, _), bound in zip(found, bounds, strict=True)
            ]
        return self._append(choices)

    def _append(self, choices: list[list[tuple[int, int, int]]]) -> int:
        """Add states, each with its choices: id, following state and bound. -> the first one"""
        first = self._states
        self._states += len(choices)
        flat = [choice for of_state in choices for choice in of_state]
        numbers = (number for number, of_state in enumerate(choices, first) for _ in of_state)
        self._bounds.extend(number * ONE + bound for number, (_, _, bound) in zip(numbers, flat, strict=True))
        self._ids.extend(index for index, _, _ in flat)
        self._following.extend(state for _, state, _ in flat)
        return first

    def walk(self, states_W: NDArray[np.int64], generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        bounds, ids, following = self._bounds.values, self._ids.values, self._following.values
        states_A, stretches_A = states_W, np.arange(len(states_W))
        drawn, owners = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        while len(states_A):
            draws_A = generator.random_raw(len(states_A)) >> 32
            choices_A = np.searchsorted(bounds, states_A.astype(np.uint64) * ONE + draws_A, side="right")
            drawn.append(ids[choices_A])
            owners.append(stretches_A)
            states_A = following[choices_A]
            is_unfinished_A = states_A != END
            states_A, stretches_A = states_A[is_unfinished_A], stretches_A[is_unfinished_A]
        owners_M = np.concatenate(owners)
        ids_M = np.concatenate(drawn)[np.argsort(owners_M, kind="stable")]
        return ids_M, np.bincount(owners_M, minlength=len(states_W))


class DropoutSampler(SegmentationSampler):
    """Byte-pair encoding that skips each merge with a probability.

    BPE-dropout, Provilkov et al. 2020, arXiv:1910.13267, section 3.1. As in SentencePiece, a merge that was skipped is
    not tried again. A state is which merges of a stretch have been skipped so far. It has the pieces that follow if no
    more merge is skipped, so that most stretches need one random number. Long stretches, as in languages without
    blanks, have too many states: they are merged anew for every draw.
    """

    def __init__(self, subword: Subword, probability: float, max_length: int) -> None:
        self._log_kept = math.log1p(-probability) if probability < 1 else -math.inf
        super().__init__(subword, max_length)

    def clear(self) -> None:
        self._paths: list[tuple[str, tuple[int, ...]]] = []  # of each state: its text, and the merges before each skip
        self._children: dict[tuple[int, int], int] = {}  # by a state and the merges until the next skip
        self._merges = GrowingArray(np.int64)  # of each state: how many follow if none is skipped; END: a long stretch
        self._begins, self._counts = GrowingArray(np.int64), GrowingArray(np.int64)  # its pieces among `_ids`
        self._ids = GrowingArray(np.int64)

    def count_entries(self) -> int:
        return len(self._ids)

    def add_piece(self, index: int) -> int:
        return self._append("", (), [index], 0)

    def add_text(self, text: str) -> int:
        return self._append(text, (), *(self._segment(text, ()) if len(text) <= MAX_KEPT else ([], END)))

    def _append(self, text: str, skips: tuple[int, ...], ids: list[int], merges: int) -> int:
        self._paths.append((text, skips))
        self._merges.extend([merges])
        self._begins.extend([len(self._ids)])
        self._counts.extend([len(ids)])
        self._ids.extend(ids)
        return len(self._paths) - 1

    def _find_child(self, state: int, merges: int) -> int:
        """The state after so many more merges and a skip."""
        child = self._children.get((state, merges))
        if child is None:
            text, skips = self._paths[state]
            skips += (merges,)
            child = self._children[state, merges] = self._append(text, skips, *self._segment(text, skips))
        return child

    def _draw_merges(self, generator: Generator, size: int) -> NDArray[np.float64]:
        """How many merges come before the next skip, geometrically distributed."""
        uniform = (generator.random_raw(size) >> 11) * 2.0**-53
        merges: NDArray[np.float64] = np.floor(np.log1p(-uniform) / self._log_kept)
        return merges

    def _segment(self, text: str, skips: Iterable[float]) -> tuple[list[int], int]:
        """The ids of a text, and the merges after the last skip. `skips` has the merges before each skip."""
        pieces = list(text)
        before, after = list(range(-1, len(pieces) - 1)), list(range(1, len(pieces) + 1))
        agenda: list[tuple[float, int, int, int]] = []

        def propose(left: int, right: int) -> None:
            if left >= 0 and right < len(pieces) and (entry := self.table.get(pieces[left] + pieces[right])):
                heapq.heappush(agenda, (-entry[1], left, right, len(pieces[left]) + len(pieces[right])))

        for left in range(len(pieces) - 1):
            propose(left, left + 1)
        remaining = iter(skips)
        next_skip, merges = next(remaining, None), 0
        while agenda:
            _, left, right, size = heapq.heappop(agenda)
            if not pieces[left] or not pieces[right] or len(pieces[left]) + len(pieces[right]) != size:
                continue  # one of them has been merged with another piece
            if merges == next_skip:
                next_skip, merges = next(remaining, None), 0
                continue
            merges += 1
            pieces[left] += pieces[right]
            pieces[right] = ""
            after[left] = after[right]
            if after[right] < len(pieces):
                before[after[right]] = left
            propose(before[left], left)
            propose(left, after[left])
        return [self.table[piece][0] for piece in pieces if piece], merges

    def walk(self, states_W: NDArray[np.int64], generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        states_W = states_W.copy()
        is_long_W = self._merges.values[states_W] == END
        for stretch in np.flatnonzero(is_long_W).tolist():
            text, _ = self._paths[states_W[stretch]]
            skips = (self._draw_merges(generator, 1)[0] for _ in count())
            states_W[stretch] = self._append("", (), *self._segment(text, skips))
        stretches_A = np.flatnonzero(~is_long_W)
        while len(stretches_A):
            merges_A = self._draw_merges(generator, len(stretches_A))
            is_skipping_A = merges_A < self._merges.values[states_W[stretches_A]]
            stretches_A, merges_A = stretches_A[is_skipping_A], merges_A[is_skipping_A].astype(np.int64)
            parents = zip(states_W[stretches_A].tolist(), merges_A.tolist(), strict=True)
            states_W[stretches_A] = [self._find_child(*parent) for parent in parents]
        begins_W, counts_W = self._begins.values[states_W], self._counts.values[states_W]
        firsts_W = begins_W - (np.cumsum(counts_W) - counts_W)
        return self._ids.values[np.repeat(firsts_W, counts_W) + np.arange(counts_W.sum())], counts_W


def keep_pieces(ids_N: Integers, lengths_B: NDArray[np.int64]) -> Segmentations:
    """Texts whose pieces stay as they are."""
    positions_N = np.arange(len(ids_N)) - np.repeat(np.cumsum(lengths_B) - lengths_B, lengths_B)
    return Segmentations(ids_N.astype(np.int64), lengths_B, positions_N, positions_N)


def choose_texts(is_first_B: NDArray[np.bool_], first: Segmentations, second: Segmentations) -> Segmentations:
    """Each text of `first` where `is_first_B` is true, otherwise of `second`."""

    ends = [np.cumsum(texts.lengths_B)[:-1] for texts in (first, second)]

    def choose(ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> NDArray[np.int64]:
        texts = zip(is_first_B.tolist(), np.split(ours, ends[0]), np.split(theirs, ends[1]), strict=True)
        return np.concatenate([one if is_first else other for is_first, one, other in texts])

    return Segmentations(
        choose(first.ids_M, second.ids_M),
        np.where(is_first_B, first.lengths_B, second.lengths_B),
        choose(first.firsts_M, second.firsts_M),
        choose(first.lasts_M, second.lasts_M),
    )


def build_sampler(subword: Subword, strength: float, max_length: int) -> SegmentationSampler:
    """The sampler of a subword model: its `strength` is the alpha of a unigram model, or the probability of dropout."""
    return (DropoutSampler if subword.is_bpe else UnigramSampler)(subword, strength, max_length)
