"""From pairs of text to the arrays of a prepared folder: cleaning, encoding in parallel, and writing.

Only one chunk of pairs is in memory at a time.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from hashlib import blake2b
from itertools import compress, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.data.prepared import SIDES, ArrayWriter, SplitCounts, SplitName
from nmt.errors import Option
from nmt.files import write_atomically
from nmt.text.corpus import Pair
from nmt.text.links import Link
from nmt.text.subword import Subword
from nmt.text.units import UnitPair
from nmt.text.words import is_blank

CHUNK_PAIRS = 10_000
CHUNK_CHARACTERS = 4_000_000
UnitLinks = tuple[Sequence[Link], UnitPair]
LINK_TYPES: dict[str, type[np.generic]] = {"sources": np.int32, "targets": np.int32, "offsets": np.int64}

LIMITS = {"too long": "max_length", "length ratio": "max_ratio"}  # the settings that drop pairs for a reason


class Cleaner:
    """Decides which training pairs to keep, and counts the dropped ones by the first reason that applies.

    Lengths are in pieces. Duplicates, see fold_pair, are found by a 64-bit hash of each pair, which takes eight bytes
    of memory for each distinct pair; hashes are computed only when duplicates are dropped.
    """

    def __init__(self, max_length: int, max_ratio: float, keep_duplicates: bool) -> None:
        self.max_length = max_length
        self.max_ratio = max_ratio
        self.seen = None if keep_duplicates else HashSet()
        self.dropped: Counter[str] = Counter()

    def keep(
        self, pairs: list[Pair], source_lengths: NDArray[np.int64], target_lengths: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """True for the pairs to keep."""
        shorter, longer = np.minimum(source_lengths, target_lengths), np.maximum(source_lengths, target_lengths)
        kept = np.ones(len(pairs), bool)
        for reason, applies in (
            ("empty source", (source_lengths == 0) | [is_blank(pair.source) for pair in pairs]),
            ("empty target", (target_lengths == 0) | [is_blank(pair.target) for pair in pairs]),
            ("too long", longer > self.max_length),
            ("length ratio", longer > self.max_ratio * shorter),
        ):
            self._drop(reason, kept, applies)
        if self.seen is not None:
            rows = np.flatnonzero(kept)
            repeated = np.zeros(len(pairs), bool)
            repeated[rows] = ~self.seen.add(np.array([hash_pair(pairs[row]) for row in rows], np.uint64))
            self._drop("duplicate", kept, repeated)
        return kept

    def advise(self) -> list[str | Option]:
        """Which limits to raise where most pairs were dropped for their length; nothing for other reasons."""
        [(reason, _)] = self.dropped.most_common(1)
        return ["\n  Raise ", Option(LIMITS[reason])] if reason in LIMITS else []

    def describe_losses(self, total: int) -> list[str | Option]:
        """What to change where more than half of `total` pairs were dropped for their length; empty elsewhere."""
        lost = {reason: self.dropped[reason] for reason in LIMITS}
        if 2 * sum(lost.values()) <= total:
            return []
        reason = max(lost, key=lambda one: lost[one])
        return ["\n  More than half is dropped for its length: raise ", Option(LIMITS[reason])]

    def _drop(self, reason: str, kept: NDArray[np.bool_], applies: NDArray[np.bool_]) -> None:
        self.dropped[reason] += int((kept & applies).sum())
        kept &= ~applies


class HashSet:
    """A set of 64-bit numbers, stored as sorted arrays, each more than twice as long as the next."""

    def __init__(self) -> None:
        self.runs: list[NDArray[np.uint64]] = []

    def add(self, values: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add numbers. True for those that were neither in the set nor earlier in `values`."""
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


def hash_pair(pair: Pair) -> int:
    """A 64-bit hash of a pair. The two lines are joined by a line end, which neither contains."""
    return int.from_bytes(blake2b("\n".join(fold_pair(pair)).encode(), digest_size=8).digest())


def fold_pair(pair: Pair) -> Pair:
    """A pair that is equal to all that differ from it only in how accents are encoded, and in blanks."""
    source, target = (" ".join(unicodedata.normalize("NFC", side).split()) for side in pair)
    return Pair(source, target)


def split_into_chunks(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """Pairs in chunks that are large enough to encode in parallel and small enough for memory."""
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
    """Links of pieces from links of words: every piece of a word is linked to every piece of the linked word."""
    sources: defaultdict[int, list[int]] = defaultdict(list)
    targets: defaultdict[int, list[int]] = defaultdict(list)
    for pieces_of_word, word_of_piece in ((sources, source_word_of_piece), (targets, target_word_of_piece)):
        for piece, word in enumerate(word_of_piece):
            pieces_of_word[word].append(piece)
    return [(i, j) for source, target in links for i in sources[source] for j in targets[target]]


class LinkWriter:
    """Converts the word links of a split to links of pieces and writes these as arrays. `stack` closes the files."""

    def __init__(
        self,
        folder: Path,
        name: SplitName,
        subwords: Sequence[Subword],
        stack: ExitStack,
    ) -> None:
        self.subwords = subwords
        self.sources, self.targets, self.offsets = (
            stack.enter_context(ArrayWriter(folder / f"{name}.links.{part}.npy", dtype))
            for part, dtype in LINK_TYPES.items()
        )
        self.offsets.append(np.zeros(1, np.int64))

    def append(self, pairs: Iterable[tuple[Pair, UnitLinks]]) -> None:
        """Add pairs with the links of their words, or other units."""
        found: list[Link] = []
        ends = []
        for pair, (links, units) in pairs:
            source, target = (
                subword.segment(line, own) for subword, line, own in zip(self.subwords, pair, units, strict=True)
            )
            groups = {(source.group_of_word[i], target.group_of_word[j]) for i, j in links}
            found += link_pieces(sorted(groups), source.group_of_piece, target.group_of_piece)
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
    links: Iterable[UnitLinks] | None = None,
) -> SplitCounts:
    """Encode pairs and write the arrays of one split. `subwords` are the models of source and target.

    Without a cleaner, all pairs are kept, and their raw text is written too. `links` are the links of each pair,
    where they are known, with what they are between.
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
        for chunk in split_into_chunks(pairs):
            encoded = [
                subword.encode_lines(
                    [subword.cut(line, cleaner.max_length) if cleaner else line for line in lines], threads
                )
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
        return SplitCounts(
            pairs=offsets.size - 1,
            source_tokens=source_ids.size,
            target_tokens=target_ids.size,
            links=linked[1].sources.size if linked else None,
        )
