"""How scores become weights: numbers from 0 to 1 that sum to one, some of them exactly zero where it is asked for."""

# B sentences   T target positions   H heads   S source positions

from collections.abc import Callable

import torch
from torch import Tensor


def softmax(scores_BTHS: Tensor) -> Tensor:
    """exp z_i / sum_j exp z_j                     -> weights_BTHS"""
    return scores_BTHS.softmax(-1)


def sparsemax(scores_BTHS: Tensor) -> Tensor:
    """max(z_i - tau, 0)                           Martins & Astudillo 2016, arXiv:1602.02068, 2.2 and 2.5

    tau is what makes them sum to one: (sum of the k largest - 1) / k, for the largest k that leaves all k of them above
    it. A score of -inf gets nothing. -> weights_BTHS
    """
    ranked_BTHS, kept_BTHS, scores_BTHS = rank(scores_BTHS)
    tau_BTHS = (ranked_BTHS.cumsum(-1) - 1) / kept_BTHS
    return (scores_BTHS - threshold(tau_BTHS, ranked_BTHS)).clamp(min=0)


def entmax(scores_BTHS: Tensor) -> Tensor:
    """max(z_i / 2 - tau, 0) ** 2                  Peters et al. 2019, arXiv:1905.05702, 3.3 and algorithm 2

    Entmax with alpha 1.5, halfway between softmax and sparsemax. Of the k largest of z / 2, with mean m and sum of
    squares around it v, tau = m - sqrt((1 - v) / k). A score of -inf gets nothing. -> weights_BTHS
    """
    ranked_BTHS, kept_BTHS, halves_BTHS = rank(scores_BTHS / 2)
    mean_BTHS = ranked_BTHS.cumsum(-1) / kept_BTHS
    spread_BTHS = ranked_BTHS.square().cumsum(-1) - kept_BTHS * mean_BTHS.square()
    # Where the k largest lie too far apart tau is not theirs: k is too large there, and the bound keeps the root's
    # derivative finite.
    tau_BTHS = mean_BTHS - ((1 - spread_BTHS) / kept_BTHS).clamp(min=torch.finfo(ranked_BTHS.dtype).tiny).sqrt()
    tau_BTHS = tau_BTHS.where(spread_BTHS < 1, torch.inf)
    return (halves_BTHS - threshold(tau_BTHS, ranked_BTHS)).clamp(min=0).square()


def rank(scores_BTHS: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Scores from the largest down, how many there are up to each, and the scores; the largest is moved to 0.

    Nothing further than 1 below the largest has weight, so that all beyond, -inf too, may stand at 2.
    -> ranked_BTHS, kept_BTHS, scores_BTHS
    """
    scores_BTHS = (scores_BTHS - scores_BTHS.amax(-1, keepdim=True).detach()).clamp(min=-2)
    ranked_BTHS = scores_BTHS.sort(-1, descending=True).values
    kept_BTHS = torch.arange(1, ranked_BTHS.shape[-1] + 1, device=ranked_BTHS.device).expand_as(ranked_BTHS)
    return ranked_BTHS, kept_BTHS, scores_BTHS


def threshold(tau_BTHS: Tensor, ranked_BTHS: Tensor) -> Tensor:
    """The tau of the largest k whose k scores all lie above it. -> tau_BTH1"""
    kept_BTH1 = (ranked_BTHS > tau_BTHS).sum(-1, keepdim=True)
    return tau_BTHS.gather(-1, kept_BTH1 - 1)


NORMALIZERS: dict[str, Callable[[Tensor], Tensor]] = {"softmax": softmax, "sparsemax": sparsemax, "entmax": entmax}
