"""From pairs of text to the arrays of a prepared folder: cleaning, encoding in parallel, writing as a stream.

Memory holds one chunk of pairs at a time, however many there are.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from itertools import compress, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.data.prepared import SIDES, ArrayWriter, Counts, SplitName
from nmt.files import write_atomically
from nmt.text.corpus import Pair
from nmt.text.links import Link
from nmt.text.subword import Subword

CHUNK_PAIRS = 10_000
CHUNK_CHARACTERS = 4_000_000
LINK_TYPES: dict[str, type[np.generic]] = {"sources": np.int32, "targets": np.int32, "offsets": np.int64}

Ids = list[NDArray[np.int32]]


class Cleaner:
    """Which training pairs are fit to learn from; counts those that are not, by the first reason that holds.

    Lengths are in pieces. Duplicates are told by a 64-bit hash of the pair, eight bytes of memory for each distinct
    one, and only when they are to be dropped.
    """

    def __init__(self, max_length: int, max_ratio: float, keep_duplicates: bool) -> None:
        self.max_length = max_length
        self.max_ratio = max_ratio
        self.seen = None if keep_duplicates else HashSet()
        self.dropped: Counter[str] = Counter()

    def keep(
        self, pairs: list[Pair], source_lengths: NDArray[np.int64], target_lengths: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """True for the pairs that stay."""
        shorter, longer = np.minimum(source_lengths, target_lengths), np.maximum(source_lengths, target_lengths)
        kept = np.ones(len(pairs), bool)
        for reason, holds in (
            ("empty source", source_lengths == 0),
            ("empty target", target_lengths == 0),
            ("too long", longer > self.max_length),
            ("length ratio", longer > self.max_ratio * shorter),
        ):
            self._drop(reason, kept, holds)
        if self.seen is not None:
            rows = np.flatnonzero(kept)
            repeated = np.zeros(len(pairs), bool)
            repeated[rows] = ~self.seen.add(np.array([pair_hash(pairs[row]) for row in rows], np.uint64))
            self._drop("duplicate", kept, repeated)
        return kept

    def _drop(self, reason: str, kept: NDArray[np.bool_], holds: NDArray[np.bool_]) -> None:
        self.dropped[reason] += int((kept & holds).sum())
        kept &= ~holds


class HashSet:
    """A set of 64-bit numbers: sorted runs, each more than twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[NDArray[np.uint64]] = []

    def add(self, values: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add numbers; True for those that were not there, nor earlier in `values`."""
        unique, first = np.unique(values, return_index=True)
        known = np.zeros(len(unique), bool)
        for run in self.runs:
            known |= run[np.minimum(np.searchsorted(run, unique), len(run) - 1)] == unique
        is_new = np.zeros(len(values), bool)
        is_new[first[~known]] = True
        if not known.all():
            self.runs.append(unique[~known])
        while len(self.runs) > 1 and len(self.runs[-2]) <= 2 * len(self.runs[-1]):
            self.runs.append(np.sort(np.concatenate([self.runs.pop(), self.runs.pop()])))
        return is_new


def pair_hash(pair: Pair) -> int:
    """64 bits that tell a pair from others. No line holds the line end that joins the two."""
    return int.from_bytes(blake2b(f"{pair.source}\n{pair.target}".encode(), digest_size=8).digest())


def chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Pairs in groups that are worth encoding in parallel and small enough to hold."""
    chunk: list[Pair] = []
    characters = 0
    for pair in pairs:
        chunk.append(pair)
        characters += len(pair.source) + len(pair.target)
        if len(chunk) == CHUNK_PAIRS or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def link_pieces(
    links: Iterable[Link], source_word_of_piece: Sequence[int], target_word_of_piece: Sequence[int]
) -> list[Link]:
    """Links of pieces from those of words: every piece of a word goes with every piece of a word linked to it."""
    sources: defaultdict[int, list[int]] = defaultdict(list)
    targets: defaultdict[int, list[int]] = defaultdict(list)
    for places, word_of_piece in ((sources, source_word_of_piece), (targets, target_word_of_piece)):
        for piece, word in enumerate(word_of_piece):
            places[word].append(piece)
    return [(i, j) for source, target in links for i in sources[source] for j in targets[target]]


class LinkWriter:
    """The links of a split, on their way from words to pieces and into arrays. Closed with `stack`."""

    def __init__(self, folder: Path, name: SplitName, subwords: Sequence[Subword], stack: ExitStack) -> None:
        self.subwords = subwords
        self.sources, self.targets, self.offsets = (
            stack.enter_context(ArrayWriter(folder / f"{name}.links.{part}.npy", dtype))
            for part, dtype in LINK_TYPES.items()
        )
        self.offsets.append(np.zeros(1, np.int64))

    def append(self, pairs: Iterable[tuple[Pair, Sequence[Link]]]) -> None:
        """Pairs with the links of their words."""
        found: list[Link] = []
        ends = []
        for pair, links in pairs:
            sides = [subword.segment(line) for subword, line in zip(self.subwords, pair, strict=True)]
            found += link_pieces(links, *(side.word_of_piece for side in sides))
            ends.append(self.sources.size + len(found))
        sources_L, targets_L = np.array(found, np.int32).reshape(-1, 2).T
        self.sources.append(sources_L)
        self.targets.append(targets_L)
        self.offsets.append(np.array(ends, np.int64))


def write_split(
    folder: Path,
    name: SplitName,
    pairs: Iterable[Pair],
    subwords: Sequence[Subword],
    cleaner: Cleaner | None = None,
    threads: int | None = None,
    links: Iterable[Sequence[Link]] | None = None,
) -> Counts:
    """Encode pairs into the arrays of one split, each side with its own of `subwords`.

    What is not cleaned keeps its raw text as well. `links` are those of the words of each pair, where they are known.
    """
    with ExitStack() as stack:
        writers = []
        for side, subword in zip(SIDES, subwords, strict=True):
            dtype = np.uint16 if subword.size <= 2**16 else np.int32
            ids = stack.enter_context(ArrayWriter(folder / f"{name}.{side}.ids.npy", dtype))
            offsets = stack.enter_context(ArrayWriter(folder / f"{name}.{side}.offsets.npy", np.int64))
            offsets.append(np.zeros(1, np.int64))
            writers.append((ids, offsets))
        linked = None if links is None else (iter(links), LinkWriter(folder, name, subwords, stack))
        texts = (
            () if cleaner else [stack.enter_context(write_atomically(folder / f"{name}.{side}.txt")) for side in SIDES]
        )
        for chunk in chunks(pairs):
            encoded = [
                subword.encode_lines(list(lines), threads)
                for subword, lines in zip(subwords, zip(*chunk, strict=True), strict=True)
            ]
            lengths = [np.fromiter(map(len, arrays), np.int64, len(arrays)) for arrays in encoded]
            kept = np.ones(len(chunk), bool) if cleaner is None else cleaner.keep(chunk, *lengths)
            for (ids, offsets), arrays, length in zip(writers, encoded, lengths, strict=True):
                if kept.any():
                    begin = ids.size
                    ids.append(np.concatenate([arrays[row] for row in np.flatnonzero(kept)]))
                    offsets.append(begin + np.cumsum(length[kept]))
            if linked:
                linked[1].append(compress(zip(chunk, islice(linked[0], len(chunk)), strict=True), kept))
            for text, lines in zip(texts, zip(*chunk, strict=True), strict=False):
                text.writelines(f"{line}\n" for line in lines)
        (source_ids, offsets), (target_ids, _) = writers
        return Counts(
            pairs=offsets.size - 1,
            source_tokens=source_ids.size,
            target_tokens=target_ids.size,
            links=linked[1].sources.size if linked else None,
        )
