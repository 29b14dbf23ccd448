"""How scores become weights: numbers from 0 to 1 that sum to one. Sparsemax and entmax make most of them exactly zero.

Everything is along the last axis, that of source positions.
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

    tau makes the weights sum to one: it is (sum of the k largest - 1) / k, for the largest k such that all k of them
    are above it. A score of -inf gets weight 0. -> weights
    """
    ranked, rank, scores = sort_scores(scores)
    tau = (ranked.cumsum(-1) - 1) / rank
    return (scores - find_threshold(tau, ranked)).clamp(min=0)


def entmax(scores: Tensor) -> Tensor:
    """max(z_i / 2 - tau, 0) ** 2                  Peters et al. 2019, arXiv:1905.05702, 3.3 and algorithm 2

    Entmax with alpha 1.5, halfway between softmax and sparsemax. Of the k largest of z / 2, with mean m and sum of
    squares around it v, tau = m - sqrt((1 - v) / k). A score of -inf gets weight 0. -> weights
    """
    ranked, rank, halves = sort_scores(scores / 2)
    mean = ranked.cumsum(-1) / rank
    spread = ranked.square().cumsum(-1) - rank * mean.square()
    # Where the k largest are too far apart, k is too large and has no tau; the clamp keeps the derivative of the root
    # finite there.
    tau = mean - ((1 - spread) / rank).clamp(min=torch.finfo(ranked.dtype).tiny).sqrt()
    tau = tau.where(spread < 1, torch.inf)
    return (halves - find_threshold(tau, ranked)).clamp(min=0).square()


def sort_scores(scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores in descending order, their ranks from 1, and the scores, all shifted so that the largest is 0.

    A score more than 1 below the largest has no weight, so scores are clamped at -2, which makes -inf finite.
    -> ranked, rank, scores
    """
    scores = (scores - scores.amax(-1, keepdim=True).detach()).clamp(min=-2)
    ranked = scores.sort(-1, descending=True).values
    rank = (ranked <= 0).long().cumsum(-1)
    return ranked, rank, scores


def find_threshold(tau: Tensor, ranked: Tensor) -> Tensor:
    """The tau of the largest k such that the k largest scores are above it. -> tau"""
    count = (ranked > tau).sum(-1, keepdim=True)
    return tau.gather(-1, count - 1)


class Normalizer(NamedTuple):
    """How scores z become weights p, and the slope from which their derivative is computed.

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
