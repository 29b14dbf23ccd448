"""Which continuations fill the slots of a sentence: the most probable ones, diverse groups, or random samples.

A choice gets the log-probabilities of one step and of the hypotheses so far. The loop in nmt.search.beam calls it.
"""

# B sentences   G groups of a sentence   U = B * G   K live rows of a group   N = U * K rows   W slots of a group
# C candidates of a row, or phrases   X = K * C   Q ids that would advance a row's phrases   V target words
# G blocks of O words

import math
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from nmt.ids import PAD
from nmt.search.probabilities import log_softmax
from nmt.step import Array, ConstraintProgress, StepOut

BLOCK_SIZE = 64  # words; the maximum of a block is found in one fast pass


class Continuations(NamedTuple):
    """The next words of the hypotheses of each group, in the order in which they fill slots."""

    row_UW: Array  # the hypothesis that is continued, among all N rows
    token_UW: Array
    token_log_prob_UW: Array
    log_prob_UW: Array  # of the whole hypothesis, in float64


class Choice(Protocol):
    """How slots are filled. The slots of a sentence belong to `groups` of equal size, which do not exchange hypotheses.

    `log_prob_UK` has the log-probabilities of live hypotheses, minus infinity where a group has fewer than K. `out` is
    the model's output for them. `free_U` has the number of free slots of each group: of the returned continuations,
    the first ones fill these. `slots` is the number of slots of a group. `sentence_B` has the row of each sentence in
    the first batch. `position` is the target position, counted from 0.
    """

    groups: int

    def __call__(
        self, log_prob_UK: Array, out: StepOut, free_U: Array, slots: int, sentence_B: Array, position: int
    ) -> Continuations: ...


class MostProbable:
    """Beam search: the most probable continuations of all hypotheses of a sentence."""

    groups = 1

    def __call__(
        self, log_prob_UK: Array, out: StepOut, free_U: Array, slots: int, sentence_B: Array, position: int
    ) -> Continuations:
        return choose_continuations(
            log_prob_UK, out.log_probs_NV, slots, None, out.constraints, out.words_V, out.words_NC
        )


class Diverse:
    """Beam search in groups, with a penalty for ids that earlier groups have chosen at the same position.

    score = log p - strength * (number of continuations of earlier groups with this id)

    Vijayakumar et al. 2018, arXiv:1610.02424, section 3, with Hamming diversity. The penalty only ranks continuations:
    the log-probabilities of hypotheses remain the model's. With strength 0 all groups are the same; where a model is
    sure of its words, they may be so with a greater one too.
    """

    def __init__(self, groups: int, strength: float) -> None:
        self.groups = groups
        self.strength = strength

    def __call__(
        self, log_prob_UK: Array, out: StepOut, free_U: Array, slots: int, sentence_B: Array, position: int
    ) -> Continuations:
        U, K = log_prob_UK.shape
        rows_UK = np.arange(U * K).reshape(U, K)
        penalty_BV = np.zeros((U // self.groups, out.log_probs_NV.shape[1]), out.log_probs_NV.dtype)
        chosen = []
        for group in range(self.groups):
            rows_N = rows_UK[group :: self.groups].flatten()
            log_probs_NV = out.log_probs_NV[rows_N]
            ranked_NV = log_probs_NV - penalty_BV.repeat(K, 0)
            constraints = out.constraints and ConstraintProgress(*(part[rows_N] for part in out.constraints))
            found = choose_continuations(log_prob_UK[group :: self.groups], log_probs_NV, slots, ranked_NV, constraints)
            taken_BW = np.arange(found.token_UW.shape[1]) < free_U[group :: self.groups, None]
            np.add.at(penalty_BV, (np.arange(len(penalty_BV))[:, None], found.token_UW), self.strength * taken_BW)
            chosen.append(found._replace(row_UW=rows_N[found.row_UW]))
        return Continuations(*(np.stack(parts, 1).reshape(U, -1) for parts in zip(*chosen, strict=True)))


class Sample:
    """Every slot is a group of its own and draws from the model's distribution (ancestral sampling).

    p(v) ~ exp(log p / temperature) over the `top_k` most probable ids (0 for all) and, of these, the fewest whose
    probabilities sum to `top_p` (Holtzman et al. 2020, arXiv:1904.09751, section 3.1).

    The draw is the id with the greatest log p / temperature + g, where g has a Gumbel distribution (Gumbel 1954). g
    comes from the counter-based generator Philox (Salmon et al. 2011). Its key is the seed and the sentence's key, its
    counter the sample and the position. So a draw does not depend on the other sentences of the batch or their order.

    Where phrases are required, `favour_constraints` changes p first.
    """

    def __init__(
        self, samples: int, keys: Sequence[int], *, seed: int, temperature: float, top_k: int, top_p: float
    ) -> None:
        self.groups = samples
        self.keys = keys
        self.seed = seed
        self.temperature = temperature
        self.top_k = top_k
        self.top_p = top_p

    def __call__(
        self, log_prob_UK: Array, out: StepOut, free_U: Array, slots: int, sentence_B: Array, position: int
    ) -> Continuations:
        assert slots == log_prob_UK.shape[1] == 1
        log_probs_NV = (
            out.log_probs_NV if out.constraints is None else favour_constraints(out.log_probs_NV, out.constraints)
        )
        ranked_NV = truncate(log_probs_NV / self.temperature, self.top_k, self.top_p)
        noise_NV = np.zeros(ranked_NV.shape, np.float32)
        for row in np.isfinite(log_prob_UK[:, 0]).nonzero()[0].tolist():
            key = self.keys[int(sentence_B[row // self.groups])]
            generator = np.random.Generator(
                np.random.Philox(key=[self.seed, key], counter=[0, 0, row % self.groups, position])
            )
            kept_X = (ranked_NV[row] > -np.inf).nonzero()[0]
            uniform_V = np.asarray(generator.random(ranked_NV.shape[1]))
            noise_NV[row, kept_X] = -np.log(-np.log(1 - uniform_V[kept_X]))
        return choose_continuations(log_prob_UK, out.log_probs_NV, 1, ranked_NV + noise_NV)


def favour_constraints(log_probs_NV: Array, constraints: ConstraintProgress) -> Array:
    """The distribution for sampling where phrases are required, so that they are drawn before the sentence ends.

    A phrase that has begun continues with probability one, in the way that is probable where there are several.
    Otherwise the probability of the forbidden words, most of which is usually that of ending too early, is divided
    equally among the first words of the phrases that are not met. -> log_probs_NV
    """
    is_allowed_NQ = constraints.token_NQ != PAD
    is_allowed_NQ &= np.take_along_axis(log_probs_NV, constraints.token_NQ, 1) > -np.inf
    C = -(-is_allowed_NQ.shape[1] // 2)
    continues_NC, next_NC = is_allowed_NQ[:, :C], constraints.token_NQ[:, :C]
    begins_NC, first_NC = is_allowed_NQ[:, C:], constraints.token_NQ[:, C:]
    p_NV = np.exp(log_probs_NV)
    forbidden_N1 = (1 - p_NV.sum(1, keepdims=True)).clip(min=0)
    share_NC = begins_NC * forbidden_N1 / begins_NC.sum(1, keepdims=True).clip(min=1)
    np.add.at(p_NV, (np.arange(len(p_NV))[:, None], first_NC), share_NC)
    with np.errstate(divide="ignore"):
        raised_NV = np.log(p_NV)
    next_NC = np.where(continues_NC, next_NC, PAD)
    next_NV = np.full_like(p_NV, -np.inf)
    np.put_along_axis(next_NV, next_NC, np.take_along_axis(log_probs_NV, next_NC, 1), 1)
    next_NV[:, PAD] = -np.inf
    return np.where(continues_NC.any(1, keepdims=True), log_softmax(next_NV), raised_NV)


def truncate(logits_NV: Array, top_k: int, top_p: float) -> Array:
    """Set all but the most probable ids to minus infinity; at least one id is kept. -> logits_NV"""
    if 0 < top_k < logits_NV.shape[1]:
        least_N1 = np.partition(logits_NV, -top_k)[:, -top_k, None]
        logits_NV = np.where(logits_NV < least_N1, -np.inf, logits_NV)
    if top_p < 1:
        sorted_NV = -np.sort(-logits_NV, 1)
        probability_NV = np.exp(log_softmax(sorted_NV.astype(np.float64)))
        count_N1 = (~(probability_NV.cumsum(1) - probability_NV >= top_p)).sum(1, keepdims=True)
        least_N1 = np.take_along_axis(sorted_NV, count_N1 - 1, 1)
        is_least_NV = logits_NV == least_N1  # of equal ones the first are kept
        rest_N1 = count_N1 - (logits_NV > least_N1).sum(1, keepdims=True)
        is_dropped_NV = (logits_NV < least_N1) | (is_least_NV & (is_least_NV.cumsum(1) > rest_N1))
        logits_NV = np.where(is_dropped_NV, -np.inf, logits_NV)
    return logits_NV


def choose_continuations(
    log_prob_UK: Array,
    log_probs_NV: Array,
    slots: int,
    ranked_NV: Array | None = None,
    constraints: ConstraintProgress | None = None,
    words_V: Array | None = None,
    words_NC: Array | None = None,
) -> Continuations:
    """Choose `slots` of the K * V continuations of each group, by `ranked_NV` or, without it, by `log_probs_NV`.

    With `constraints`, the slots are shared out by progress; see `allocate_slots`. NaN counts as the most probable.
    `words_V` has the ids of the columns, where only some words were scored. `words_NC` has those of each row, where the
    model returned the most probable words alone, in descending order of probability.
    """
    U, K = log_prob_UK.shape
    if words_NC is not None:
        token_NC, ranked_NC, log_prob_NC = words_NC, log_probs_NV, log_probs_NV
    else:
        ranked_NV = log_probs_NV if ranked_NV is None else ranked_NV
        token_NC = find_top_ids(ranked_NV, slots)
        if constraints is not None:
            token_NC = np.concatenate([token_NC, constraints.token_NQ], 1)
        token_NC = np.sort(token_NC, 1)
        log_prob_NC = np.take_along_axis(log_probs_NV, token_NC, 1)
        ranked_NC = log_prob_NC if ranked_NV is log_probs_NV else np.take_along_axis(ranked_NV, token_NC, 1)
    C = token_NC.shape[1]
    token_UX, token_log_prob_UX = (part_NC.reshape(U, K * C) for part_NC in (token_NC, log_prob_NC))
    log_prob_UX = add_to_rows(log_prob_UK, token_log_prob_UX)
    is_ranked_alike = ranked_NC is log_prob_NC
    rank_UX = log_prob_UX if is_ranked_alike else add_to_rows(log_prob_UK, ranked_NC.reshape(U, K * C))
    if math.isnan(np.maximum.reduce(rank_UX, axis=None)):
        rank_UX = np.where(np.isnan(rank_UX), np.inf, rank_UX)
    if constraints is None:
        order_UW = (-rank_UX).argsort(1, kind="stable")[:, :slots]
    else:
        progress_NC, allowance_NC = count_progress(constraints, token_NC)
        rank_UX = rank_UX + allowance_NC.reshape(U, K * C)
        is_repeat_NC = np.zeros(token_NC.shape, bool)
        is_repeat_NC[:, 1:] = token_NC[:, 1:] == token_NC[:, :-1]
        rank_UX[is_repeat_NC.reshape(U, K * C)] = -np.inf
        order_UW = allocate_slots(rank_UX, progress_NC.reshape(U, K * C))[:, :slots]
        log_prob_UX[rank_UX == -np.inf] = -np.inf
    place_UW = order_UW if U == 1 else order_UW + np.arange(0, U * K * C, K * C)[:, None]
    token_UW, token_log_prob_UW, log_prob_UW = (
        part_UX.take(place_UW) for part_UX in (token_UX, token_log_prob_UX, log_prob_UX)
    )
    if words_V is not None:
        token_UW = words_V[token_UW]
    return Continuations(place_UW // C, token_UW, token_log_prob_UW, log_prob_UW)


def add_to_rows(log_prob_UK: Array, part_UX: Array) -> Array:
    """The log-probabilities of hypotheses plus those of their candidates. -> sum_UX"""
    U, K = log_prob_UK.shape
    return (log_prob_UK[:, :, None] + part_UX.reshape(U, K, -1)).reshape(U, -1)


def find_top_ids(scores_NV: Array, count: int) -> Array:
    """The ids of the `count` greatest scores of each row, in no particular order. NaN is the greatest. -> token_NC

    They are in the `count` blocks with the greatest maxima, and maxima are computed several times faster than the
    greatest scores of a whole row. Block g has every G-th score, beginning with number g.
    """
    N, V = scores_NV.shape
    if count == 1:
        best_N1: Array = scores_NV.argmax(1, keepdims=True)
        return best_N1
    G = V // BLOCK_SIZE
    if 4 * count >= G:
        return select_top(scores_NV, min(count, V))
    greatest_NG = scores_NV[:, : G * BLOCK_SIZE].reshape(N, BLOCK_SIZE, G).max(1)
    block_NC1 = select_top(greatest_NG, count)[:, :, None]
    token_NX = (block_NC1 + np.arange(0, G * BLOCK_SIZE, G)).reshape(N, -1)
    rest_X = np.arange(G * BLOCK_SIZE, V)
    token_NX = np.concatenate([token_NX, np.broadcast_to(rest_X, (N, len(rest_X)))], 1)
    place_NC = select_top(np.take_along_axis(scores_NV, token_NX, 1), count)
    return np.take_along_axis(token_NX, place_NC, 1)


def select_top(scores_NV: Array, count: int) -> Array:
    """The places of the `count` greatest scores of each row, in no particular order. NaN is the greatest."""
    place_NC: Array = np.argpartition(scores_NV, -count)[:, -count:]
    return place_NC


def count_progress(constraints: ConstraintProgress, token_NC: Array) -> tuple[Array, Array]:
    """The progress of a row after each candidate, and what is allowed it. -> progress_NC, allowance_NC"""
    advances_NCQ = (token_NC[:, :, None] == constraints.token_NQ[:, None]) & (constraints.token_NQ != PAD)[:, None]
    advances_NC = advances_NCQ.any(2)
    allowance_NCQ = np.where(advances_NCQ, constraints.allowance_NQ[:, None], -np.inf)
    allowance_NC = np.where(advances_NC, allowance_NCQ.max(2), constraints.allowance_N[:, None])
    return constraints.progress_N[:, None] + advances_NC, allowance_NC


def allocate_slots(rank_UX: Array, progress_UX: Array) -> Array:
    """The candidates in the order in which they fill slots. Candidates of equal progress form a bank. -> order_UX

    The banks take turns, the most advanced one first, and each contributes its best candidate that is left. So slots
    are divided evenly among the banks that have candidates, and the slots that a bank cannot fill go to the others.
    This way probable hypotheses with little progress cannot displace those with more. Dynamic beam allocation, Post &
    Vilar 2018, arXiv:1804.06609, section 3.2; unlike here, theirs gives leftover slots to the most advanced bank alone.
    """
    order_UX: Array = np.lexsort((-rank_UX, -progress_UX))
    bank_UX = np.take_along_axis(progress_UX, order_UX, 1)
    index_X = np.arange(order_UX.shape[1])
    begins_bank_UX = np.ones(bank_UX.shape, bool)
    begins_bank_UX[:, 1:] = bank_UX[:, 1:] != bank_UX[:, :-1]
    turn_UX = index_X - np.maximum.accumulate(index_X * begins_bank_UX, 1)
    turn_UX[np.take_along_axis(rank_UX, order_UX, 1) == -np.inf] = order_UX.shape[1]
    filled_UX: Array = np.take_along_axis(order_UX, np.argsort(turn_UX, 1, kind="stable"), 1)
    return filled_UX
