"""Several models that translate together as an ensemble.

An ensemble is a step model itself. Its members must have the same vocabularies.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nmt.errors import NmtError
from nmt.search.probabilities import log_sum_exp
from nmt.step import Array, StepModel, StepOut

BLOCK_ROWS = 4  # whose mean is computed at once: in a core's cache, in half the time of all rows together


class Ensemble:
    """A step model whose probabilities are the mean of those of its members.

    Its attention is the mean over the members that have attention.
    """

    def __init__(self, models: Sequence[StepModel]) -> None:
        sizes = [model.vocabulary for model in models]
        if len(set(sizes)) != 1:
            raise NmtError(
                f"models with different vocabularies cannot form an ensemble: {' and '.join(map(str, sizes))} words"
            )
        self.models = models
        self.vocabulary = sizes[0]
        self.is_single_threaded = all(getattr(model, "is_single_threaded", False) for model in models)

    def start(self, source_BS: Array, lengths_B: Array) -> Any:
        return tuple(model.start(source_BS, lengths_B) for model in self.models)

    def step(self, previous_N: Array, state: Any) -> StepOut:
        outs = [
            model.step(previous_N, own).expand_to_vocabulary(self.vocabulary)
            for model, own in zip(self.models, state, strict=True)
        ]
        log_probs_NV = outs[0].log_probs_NV
        for first in range(0, len(log_probs_NV), BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            parts = np.stack([out.log_probs_NV[rows] for out in outs])
            log_probs_NV[rows] = log_sum_exp(parts, 0) - math.log(len(outs))
        attention = [out.attention_NS for out in outs if out.attention_NS.shape[1]] or [outs[0].attention_NS]
        return StepOut(log_probs_NV, tuple(out.state for out in outs), np.mean(attention, 0))

    def select(self, state: Any, rows_BK: Array) -> Any:
        return tuple(model.select(own, rows_BK) for model, own in zip(self.models, state, strict=True))
