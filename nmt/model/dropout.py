"""Dropout of features, of whole tokens, and of recurrent weights."""

# B sentences   S source positions   T positions, of the target or of any side   F features   G = 3 * D gates   D state

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Zero each feature with probability `p` and scale the rest by 1 / (1 - p), in training only.

    `variational` draws one mask for a sentence and uses it at every position (Gal and Ghahramani 2016,
    arXiv:1512.05287; unlike theirs, it applies to inputs and outputs of recurrent layers, never to recurrent states).
    """

    def __init__(self, p: float, variational: bool) -> None:
        super().__init__()
        self.p = p
        self.variational = variational

    def forward(self, values_BTF: Tensor) -> Tensor:
        """-> dropped_BTF"""
        if not self.training or self.p == 0:
            return values_BTF
        masked = values_BTF[:, :1] if self.variational else values_BTF
        return values_BTF * draw_factors(masked, self.p)


def draw_factors(like: Tensor, p: float) -> Tensor:
    """Zero with probability `p`, 1 / (1 - p) otherwise, in the shape and type of `like`.

    One draw of 64 bits yields four numbers, in a tenth of the time of torch's dropout on a CPU, whose generator runs
    on one core. `p` is rounded to a multiple of 2 ** -16, and the factor is that of the rounded one.
    """
    zeros = min(round(p * 2**16), 2**16 - 1)
    draws = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device).random_(-(2**63), None)
    keep = draws.view(torch.int16)[: like.numel()].view(like.shape) >= zeros - 2**15
    return keep.to(like.dtype).mul_(2**16 / (2**16 - zeros))


class WordDropout(nn.Module):
    """Zero the whole embedding of a position with probability `p`. Others are not scaled, because most words stay.

    The same `p` on both sides, as in Sennrich et al. 2016, arXiv:1606.02891 (0.1 of source and of target words).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, embedded_BTE: Tensor) -> Tensor:
        """-> dropped_BTE"""
        if not self.training or self.p == 0:
            return embedded_BTE
        return embedded_BTE * (embedded_BTE.new_empty(*embedded_BTE.shape[:2], 1).uniform_() >= self.p)


class WeightDropout(nn.Module):
    """Zero each weight of a recurrence with probability `p` and scale the rest by 1 / (1 - p), in training only.

    One mask serves the whole batch and all positions: DropConnect of the hidden-to-hidden weights, Merity et al. 2018,
    arXiv:1708.02182, section 2.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, weight_GD: Tensor) -> Tensor:
        """-> dropped_GD"""
        if not self.training or self.p == 0:
            return weight_GD
        return weight_GD * draw_factors(weight_GD, self.p)


class KeptTokens(NamedTuple):
    """Which tokens of a batch keep their embedding; that of the others is zero, and none is scaled."""

    source_BS: Tensor
    target_BT: Tensor  # of the token before each target position
