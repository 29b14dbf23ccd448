"""A hypothesis: one candidate translation as ids, with its scores and its attention; and how scores are computed."""

# N hypotheses   T target positions   S source positions

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from nmt.errors import NmtError, NotANumberError, Option
from nmt.step import Array

MIN_COVERAGE = 1e-6  # smallest attention in the coverage penalty, so that the logarithm has a bound

Normalization = Literal["wu", "average", "none"]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A translation as ids without BOS. The last id is EOS when `is_finished`; otherwise the length limit ended it.

    `log_prob` is the sum of `token_log_probs`. `score` is `log_prob` after length normalization, plus the coverage
    penalty. `attention_TS` has a row for each token, EOS included, and a column for each source
    position, EOS included. `group` is the number of the group of slots that found it, or of the sample.
    """

    tokens: tuple[int, ...]
    log_prob: float
    score: float
    token_log_probs: tuple[float, ...]
    attention_TS: Array
    is_finished: bool
    group: int = 0


class Ranked(Protocol):
    """A hypothesis, or the translation built from it: anything with a score."""

    @property
    def score(self) -> float: ...

    @property
    def is_finished(self) -> bool: ...


def get_sort_key(one: Ranked) -> tuple[bool, float]:
    """The key that sorts hypotheses: finished ones before others, and each by score, best first."""
    return not one.is_finished, -one.score


def coverage_penalty(coverage_NS: Array, real_NS: Array, beta: float) -> Array:
    """The term that lowers the score of a translation which leaves out a part of the source. -> penalty_N

    beta * sum over source positions of log(min(c, 1))     Wu et al. 2016, arXiv:1609.08144, section 7, eq. 14

    c is the sum of a position's attention over all target positions, EOS included. Unlike the paper's, the penalty has
    a bound: c is at least MIN_COVERAGE. `real_NS` is true of the positions that count. The penalty is never above 0.
    """
    penalty_N: Array = beta * np.where(real_NS, np.log(coverage_NS.clip(MIN_COVERAGE, 1)), 0).sum(1)
    return penalty_N


def length_penalty(length: Array, normalization: Normalization, alpha: float) -> Array:
    """The divisor of a log-probability, so that long translations are not at a disadvantage.

    wu        ((5 + n) / 6) ** alpha                Wu et al. 2016, arXiv:1609.08144, section 7
    average   n
    none      1

    n counts target tokens with EOS and without BOS; with alpha 0 the sums of log-probabilities are compared. Other
    toolkits call n ** alpha by the same name; their alphas have another effect here. As alpha is not negative, the
    penalty never falls when n grows.
    """
    assert alpha >= 0
    match normalization:
        case "wu":
            penalty: Array = ((5 + length) / 6) ** alpha
            return penalty
        case "average":
            return length
        case "none":
            return np.ones_like(length)


def raise_if_nan(log_prob: float, position: int) -> None:
    """Raise NotANumberError when a log-probability is NaN."""
    if math.isnan(log_prob):
        raise NotANumberError(
            f"the model's log-probabilities are not numbers (NaN) at target position {position}\n"
            "  Its weights are damaged, or the number format is too narrow: try another checkpoint, or ",
            Option("precision", "float32"),
        )


def raise_if_no_attention(attention_NS: Array) -> None:
    """Raise NmtError when a model has no attention, which the coverage penalty needs."""
    if not attention_NS.shape[1]:
        raise NmtError(
            "the model has no attention, which the coverage penalty needs\n  Search without the penalty: ",
            Option("beta", 0),
        )
