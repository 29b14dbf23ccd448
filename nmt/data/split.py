"""The token ids of a split of a prepared corpus, and which of its pairs an epoch of training reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.data.arrays import Integers, map_integers, read_differences, read_ranges


class LinkArrays(NamedTuple):
    """Links between the pieces of all pairs: those of pair n have the numbers `offsets[n]` up to `offsets[n + 1]`.

    Link l is between the pieces `sources[l]` and `targets[l]` of its pair, counted from 0.
    """

    sources: NDArray[np.integer[Any]]
    targets: NDArray[np.integer[Any]]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """The token ids of one split: sentence n is `ids[offsets[n] : offsets[n + 1]]`. `open` maps them into memory.

    An epoch of training reads all pairs, and each of its first `both_epochs` also the pairs `turned`, turned around.
    """

    source_ids: NDArray[np.integer[Any]]
    source_offsets: NDArray[np.int64]
    target_ids: NDArray[np.integer[Any]]
    target_offsets: NDArray[np.int64]
    links: LinkArrays | None = None
    both_epochs: int = 0
    turned: NDArray[np.int64] | None = None

    @classmethod
    def open(cls, folder: Path, name: str, *, with_links: bool = False) -> "Split":
        """The arrays of one split of a prepared folder. Raises DamageError for a file that has no such array."""

        def map_array(part: str) -> NDArray[Any]:
            return map_integers(folder / f"{name}.{part}.npy", np.int64 if part.endswith("offsets") else None)

        links = LinkArrays(*(map_array(f"links.{part}") for part in LinkArrays._fields)) if with_links else None
        ids, offsets = ([map_array(f"{side}.{part}") for side in ("source", "target")] for part in ("ids", "offsets"))
        return cls(ids[0], offsets[0], ids[1], offsets[1], links)

    def __len__(self) -> int:
        return len(self.source_offsets) - 1

    def measure_lengths(self, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Pieces of the source and of the target of some pairs, EOS not counted."""
        return read_differences(self.source_offsets, rows), read_differences(self.target_offsets, rows)

    def with_both_directions(self, epochs: int, tag: Sequence[int]) -> "Split":
        """The split with both directions in its first `epochs`. Sources that begin with the ids `tag` are no targets:
        a model wrote them. Without `tag` there are none.

        Bidirectional training: Ding et al. 2021, arXiv:2109.07780.
        """
        turned = np.arange(len(self))
        if tag:
            rows = np.flatnonzero(self.source_lengths >= len(tag))
            begins = [self.source_ids[self.source_offsets[rows] + place] == piece for place, piece in enumerate(tag)]
            turned = np.setdiff1d(turned, rows[np.all(begins, axis=0)])
        return replace(self, both_epochs=epochs, turned=turned)

    def of_epoch(self, epoch: int) -> "Split":
        """The pairs that an epoch of training reads."""
        if epoch < self.both_epochs:
            return self._both
        vars(self).pop("_both", None)  # the later epochs do without it, and it takes memory
        return self

    def find_pairs(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the pairs behind some rows of an epoch, each once."""
        turned = self.turned if self.turned is not None else np.empty(0, np.int64)
        return np.unique(np.concatenate([rows[rows < len(self)], turned[rows[rows >= len(self)] - len(self)]]))

    @cached_property
    def _both(self) -> "Split":
        """All pairs, then those with the numbers `turned`, turned around. In memory."""
        assert self.turned is not None
        source = select_rows(self.source_offsets, self.turned, self.source_ids)
        target = select_rows(self.target_offsets, self.turned, self.target_ids)
        links = None
        if self.links is not None:
            arrays = self.links.offsets, self.turned, self.links.sources, self.links.targets
            offsets, sources, targets = select_rows(*arrays)
            links = LinkArrays(
                np.concatenate([self.links.sources, targets]),
                np.concatenate([self.links.targets, sources]),
                join_offsets(self.links.offsets, offsets),
            )
        return Split(
            np.concatenate([self.source_ids, target[1]]),
            join_offsets(self.source_offsets, target[0]),
            np.concatenate([self.target_ids, source[1]]),
            join_offsets(self.target_offsets, source[0]),
            links,
        )

    @cached_property
    def source_lengths(self) -> NDArray[np.int64]:
        """Pieces of every source sentence, EOS not counted."""
        lengths: NDArray[np.int64] = np.diff(self.source_offsets)
        return lengths

    @cached_property
    def target_lengths(self) -> NDArray[np.int64]:
        """Pieces of every target sentence, EOS not counted."""
        lengths: NDArray[np.int64] = np.diff(self.target_offsets)
        return lengths

    def read_source(self, row: int) -> NDArray[np.integer[Any]]:
        """The ids of one source sentence, without EOS."""
        return np.asarray(self.source_ids[self.source_offsets[row] : self.source_offsets[row + 1]])

    def read_target(self, row: int) -> NDArray[np.integer[Any]]:
        """The ids of one target sentence, without EOS."""
        return np.asarray(self.target_ids[self.target_offsets[row] : self.target_offsets[row + 1]])


def select_rows(offsets: NDArray[np.int64], rows: NDArray[np.int64], *arrays: Integers) -> list[Integers]:
    """Offsets that divide some rows of arrays, and these rows of each array, one after the other."""
    begins, ends = read_ranges(offsets, rows, np.full(len(rows), 2)).reshape(-1, 2).T
    return [np.append(0, ends - begins).cumsum(), *(read_ranges(array, begins, ends - begins) for array in arrays)]


def join_offsets(first: Integers, second: Integers) -> NDArray[np.int64]:
    """The offsets of arrays that follow each other."""
    return np.concatenate([first, first[-1] + second[1:]])
