"""Step models that wrap a step model and change what it says.

A wrapper is a step model itself, so wrappers nest, and search does not know of them.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nmt.step import StepModel, StepOut


class Forbid:
    """A step model that never says some words. What the others lose is not given to the rest."""

    def __init__(self, model: StepModel, ids: Sequence[int]) -> None:
        self.model = model
        self.ids = ids
        self.vocabulary = model.vocabulary

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> Any:
        return self.model.start(source_BS, lengths_B)

    def step(self, previous_N: Tensor, state: Any) -> StepOut:
        out = self.model.step(previous_N, state)
        ids = torch.tensor(self.ids, device=out.log_probs_NV.device)
        return out._replace(log_probs_NV=out.log_probs_NV.index_fill(1, ids, -torch.inf))

    def select(self, state: Any, rows_BK: Tensor) -> Any:
        return self.model.select(state, rows_BK)
