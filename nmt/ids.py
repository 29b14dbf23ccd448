"""The four token ids that every vocabulary shares, and lists of ids as an array."""

# B sentences   S positions

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PAD, UNK, BOS, EOS = 0, 1, 2, 3


def pad_ids(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ids of some sentences, with PAD after the shorter ones, and their lengths. -> ids_BS, lengths_B"""
    lengths_B = np.array([len(ids) for ids in rows], np.int64)
    ids_BS = np.full((len(rows), lengths_B.max()), PAD, np.int64)
    for row, ids in enumerate(rows):
        ids_BS[row, : len(ids)] = ids
    return ids_BS, lengths_B
