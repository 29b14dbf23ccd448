"""How scores become weights: numbers from 0 to 1 that sum to one, some of them exactly zero where it is asked for.

All is along the last axis, that of source positions.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def softmax(scores: Tensor) -> Tensor:
    """exp z_i / sum_j exp z_j                     -> weights"""
    return scores.softmax(-1)


def sparsemax(scores: Tensor) -> Tensor:
    """max(z_i - tau, 0)                           Martins & Astudillo 2016, arXiv:1602.02068, 2.2 and 2.5

    tau is what makes them sum to one: (sum of the k largest - 1) / k, for the largest k that leaves all k of them above
    it. A score of -inf gets nothing. -> weights
    """
    ranked, kept, scores = sort_scores(scores)
    tau = (ranked.cumsum(-1) - 1) / kept
    return (scores - find_threshold(tau, ranked)).clamp(min=0)


def entmax(scores: Tensor) -> Tensor:
    """max(z_i / 2 - tau, 0) ** 2                  Peters et al. 2019, arXiv:1905.05702, 3.3 and algorithm 2

    Entmax with alpha 1.5, halfway between softmax and sparsemax. Of the k largest of z / 2, with mean m and sum of
    squares around it v, tau = m - sqrt((1 - v) / k). A score of -inf gets nothing. -> weights
    """
    ranked, kept, halves = sort_scores(scores / 2)
    mean = ranked.cumsum(-1) / kept
    spread = ranked.square().cumsum(-1) - kept * mean.square()
    # Where the k largest lie too far apart tau is not theirs: k is too large there, and the bound keeps the root's
    # derivative finite.
    tau = mean - ((1 - spread) / kept).clamp(min=torch.finfo(ranked.dtype).tiny).sqrt()
    tau = tau.where(spread < 1, torch.inf)
    return (halves - find_threshold(tau, ranked)).clamp(min=0).square()


def sort_scores(scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores from the largest down, how many there are up to each, and the scores; the largest is moved to 0.

    Nothing further than 1 below the largest has weight, so that all beyond, -inf too, may stand at 2.
    -> ranked, kept, scores
    """
    scores = (scores - scores.amax(-1, keepdim=True).detach()).clamp(min=-2)
    ranked = scores.sort(-1, descending=True).values
    kept = torch.arange(1, ranked.shape[-1] + 1, device=ranked.device).expand_as(ranked)
    return ranked, kept, scores


def find_threshold(tau: Tensor, ranked: Tensor) -> Tensor:
    """The tau of the largest k whose k scores all lie above it. -> tau"""
    kept = (ranked > tau).sum(-1, keepdim=True)
    return tau.gather(-1, kept - 1)


class Normalizer(NamedTuple):
    """How scores z become weights p, and what their derivative is made of.

    dp_i / dz_j = s_i (1 if i = j else 0) - s_i s_j / sum_k s_k;  s_i is the slope, p_i ** (2 - alpha) where p_i > 0.
    Peters et al. 2019, 3.4: alpha is 1, 1.5 and 2 for softmax, entmax and sparsemax.
    """

    weights: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


SOFTMAX = Normalizer(softmax, lambda weights: weights)
NORMALIZERS = {
    "softmax": SOFTMAX,
    "sparsemax": Normalizer(sparsemax, torch.sign),
    "entmax": Normalizer(entmax, torch.sqrt),
}
