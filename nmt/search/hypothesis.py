"""What a search yields: one candidate translation as ids, with its scores and its attention.

Born here and only read by reports; nothing in it needs the model that made it.
"""

# N hypotheses   T target positions   S source positions

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.errors import NmtError, Option

MIN_COVERAGE = 1e-6  # attention below which one source position cannot weigh more

Normalization = Literal["wu", "average", "none"]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A translation as ids without BOS; the last is EOS when `is_finished`, else the length limit cut it.

    `log_prob` is the sum of `token_log_probs`, `score` what it becomes by length and coverage. `attention_TS` lies
    on the CPU and has a row for each token, with EOS, and a column for each source position, with the source's EOS.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float
    token_log_probs: tuple[float, ...]
    attention_TS: Tensor
    is_finished: bool


def coverage_penalty(coverage_NS: Tensor, real_NS: Tensor, beta: float) -> Tensor:
    """What is added to a score, so that translations which leave out a part of the source fall behind. -> penalty_N

    beta * sum over source positions of log(min(c, 1))     Wu et al. 2016, arXiv:1609.08144, section 7, eq. 14

    c is the attention that a position got from all target positions, EOS among them. Where it is next to nothing it
    counts as FAINT; the paper's sum has no bound. `real_NS` is true of the positions that count. Never above 0.
    """
    return beta * coverage_NS.clamp(MIN_COVERAGE, 1).log().masked_fill(~real_NS, 0).sum(1)


def length_penalty(length: Tensor, normalization: Normalization, alpha: float) -> Tensor:
    """What a log-probability is divided by so that long outputs are not punished.

    wu        ((5 + n) / 6) ** alpha                Wu et al. 2016, arXiv:1609.08144, section 7
    average   n
    none      1

    n counts target tokens with EOS and without BOS; alpha 0 compares raw sums. Other toolkits mean n ** alpha by
    the same name; their alphas do not carry over. Never falls as n grows, as long as alpha is not negative.
    """
    assert alpha >= 0
    match normalization:
        case "wu":
            return ((5 + length) / 6) ** alpha
        case "average":
            return length
        case "none":
            return torch.ones_like(length)


def raise_if_nan(log_probs: NDArray[Any], position: int) -> None:
    """Raise NmtError when a model has yielded NaN."""
    if np.isnan(log_probs).any():
        raise NmtError(
            f"the model's log-probabilities are not numbers (NaN) at target position {position}\n"
            "  Its weights are damaged, or the number format is too narrow: try another checkpoint, or ",
            Option("precision", "float32"),
        )


def require_attention(attention_NS: Tensor) -> None:
    """Raise NmtError when a model without attention is asked what it has covered."""
    if not attention_NS.shape[1]:
        raise NmtError(
            "the model has no attention, so that nothing says which part of the source a translation leaves out\n"
            "  Search with beta 0, which asks for no coverage"
        )
