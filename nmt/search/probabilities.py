"""Sums and shares of probabilities that are given by their logarithms."""

import numpy as np

from nmt.step import Array


def log_sum_exp(log_probs: Array, axis: int) -> Array:
    """log(sum(exp)) along an axis; minus infinity where all are. NaN stays NaN."""
    most = log_probs.max(axis, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(most == -np.inf, 0, most)
        shifted = log_probs - shift
        total: Array = np.log(np.exp(shifted, out=shifted).sum(axis)) + shift.squeeze(axis)
    return total


def log_softmax(logits_NV: Array) -> Array:
    """The logarithms of the shares of exp(logits) in their row. -> log_probs_NV"""
    with np.errstate(invalid="ignore"):  # of a row without a finite number
        log_probs_NV: Array = logits_NV - log_sum_exp(logits_NV, 1)[:, None]
    return log_probs_NV
