"""Which continuations fill the slots of a sentence: the most probable ones, diverse groups, or random samples.

A choice gets the log-probabilities of one step and of the hypotheses so far. The loop in nmt.search.beam calls it.
"""

# B sentences   G groups of a sentence   U = B * G   K live rows of a group   N = U * K rows   W slots of a group
# C candidates of a row, or phrases   X = K * C   Q ids that would advance a row's phrases   V target words
# G blocks of O words

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.ids import PAD
from nmt.step import ConstraintProgress, StepOut

Array = NDArray[Any]  # the search loop's own arrays are small and read word by word, so they are on the CPU
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
        words = {"words_V": out.words_V, "words_NC": out.words_NC}
        return choose_continuations(log_prob_UK, out.log_probs_NV, slots, constraints=out.constraints, **words)


class Diverse:
    """Beam search in groups, with a penalty for ids that earlier groups have chosen at the same position.

    score = log p - strength * (number of continuations of earlier groups with this id)

    Vijayakumar et al. 2018, arXiv:1610.02424, section 3, with Hamming diversity. The penalty only ranks continuations:
    the log-probabilities of hypotheses remain the model's. With strength 0 all groups are the same.
    """

    def __init__(self, groups: int, strength: float) -> None:
        self.groups = groups
        self.strength = strength

    def __call__(
        self, log_prob_UK: Array, out: StepOut, free_U: Array, slots: int, sentence_B: Array, position: int
    ) -> Continuations:
        U, K = log_prob_UK.shape
        rows_UK = np.arange(U * K).reshape(U, K)
        penalty_BV = out.log_probs_NV.new_zeros(U // self.groups, out.log_probs_NV.shape[1])
        chosen = []
        for group in range(self.groups):
            rows_N = rows_UK[group :: self.groups].flatten()
            log_probs_NV = out.log_probs_NV[rows_N]
            ranked_NV = log_probs_NV - penalty_BV.repeat_interleave(K, 0)
            constraints = out.constraints and ConstraintProgress(*(part[rows_N] for part in out.constraints))
            found = choose_continuations(log_prob_UK[group :: self.groups], log_probs_NV, slots, ranked_NV, constraints)
            taken_BW = np.arange(found.token_UW.shape[1]) < free_U[group :: self.groups, None]
            taken, token = (torch.from_numpy(part).to(penalty_BV.device) for part in (taken_BW, found.token_UW))
            penalty_BV.scatter_add_(1, token, self.strength * taken.to(penalty_BV.dtype))
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
            noise_NV[row] = generator.gumbel(size=ranked_NV.shape[1])
        ranked_NV = ranked_NV + torch.from_numpy(noise_NV).to(ranked_NV.device)
        return choose_continuations(log_prob_UK, out.log_probs_NV, 1, ranked_NV)


def favour_constraints(log_probs_NV: Tensor, constraints: ConstraintProgress) -> Tensor:
    """The distribution for sampling where phrases are required, so that they are drawn before the sentence ends.

    A phrase that has begun continues with probability one, in the way that is probable where there are several.
    Otherwise the probability of the forbidden words, most of which is usually that of ending too early, is divided
    equally among the first words of the phrases that are not met. -> log_probs_NV
    """
    is_allowed_NQ = (constraints.token_NQ != PAD) & (log_probs_NV.gather(1, constraints.token_NQ) > -torch.inf)
    (continues_NC, begins_NC), (next_NC, first_NC) = (
        part.chunk(2, 1) for part in (is_allowed_NQ, constraints.token_NQ)
    )
    p_NV = log_probs_NV.exp()
    forbidden_N1 = (1 - p_NV.sum(1, keepdim=True)).clamp_min(0)
    share_NC = begins_NC * forbidden_N1 / begins_NC.sum(1, keepdim=True).clamp_min(1)
    raised_NV = p_NV.scatter_add(1, first_NC, share_NC).log()
    next_NC = next_NC.where(continues_NC, PAD)
    next_NV = torch.full_like(p_NV, -torch.inf).scatter(1, next_NC, log_probs_NV.gather(1, next_NC))
    next_NV[:, PAD] = -torch.inf
    return torch.where(continues_NC.any(1, keepdim=True), next_NV.log_softmax(1), raised_NV)


def truncate(logits_NV: Tensor, top_k: int, top_p: float) -> Tensor:
    """Set all but the most probable ids to minus infinity; at least one id is kept. -> logits_NV"""
    if 0 < top_k < logits_NV.shape[1]:
        least_N1 = logits_NV.topk(top_k).values[:, -1:]
        logits_NV = logits_NV.masked_fill(logits_NV < least_N1, -torch.inf)
    if top_p < 1:
        sorted_NV, order_NV = logits_NV.sort(descending=True, stable=True)
        probability_NV = sorted_NV.double().softmax(1)
        before_NV = probability_NV.cumsum(1) - probability_NV
        sorted_NV = sorted_NV.masked_fill(before_NV >= top_p, -torch.inf)
        logits_NV = torch.empty_like(logits_NV).scatter_(1, order_NV, sorted_NV)
    return logits_NV


def choose_continuations(
    log_prob_UK: Array,
    log_probs_NV: Tensor,
    slots: int,
    ranked_NV: Tensor | None = None,
    constraints: ConstraintProgress | None = None,
    words_V: Tensor | None = None,
    words_NC: Tensor | None = None,
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
            token_NC = torch.cat([token_NC, constraints.token_NQ], 1)
        token_NC = token_NC.sort().values
        log_prob_NC = log_probs_NV.gather(1, token_NC)
        ranked_NC = log_prob_NC if ranked_NV is log_probs_NV else ranked_NV.gather(1, token_NC)
    C = token_NC.shape[1]
    token_UX, token_log_prob_UX = (part_NC.cpu().numpy().reshape(U, K * C) for part_NC in (token_NC, log_prob_NC))
    log_prob_UX = add_to_rows(log_prob_UK, token_log_prob_UX)
    is_ranked_alike = ranked_NC is log_prob_NC
    rank_UX = log_prob_UX if is_ranked_alike else add_to_rows(log_prob_UK, ranked_NC.cpu().numpy())
    if constraints is None:
        if math.isnan(np.maximum.reduce(rank_UX, axis=None)):
            rank_UX = np.where(np.isnan(rank_UX), np.inf, rank_UX)
        order_UW = (-rank_UX).argsort(1, kind="stable")[:, :slots]
    else:
        progress_NC, allowance_NC = count_progress(constraints, token_NC)
        rank_UX = rank_UX + allowance_NC.view(U, K * C).cpu().numpy()
        is_repeat_NC = torch.zeros_like(token_NC, dtype=torch.bool)
        is_repeat_NC[:, 1:] = token_NC[:, 1:] == token_NC[:, :-1]
        rank_UX[is_repeat_NC.view(U, K * C).cpu().numpy()] = -np.inf
        order_UW = allocate_slots(torch.from_numpy(rank_UX), progress_NC.view(U, K * C).cpu())[:, :slots].numpy()
        log_prob_UX[rank_UX == -np.inf] = -np.inf
    place_UW = order_UW if U == 1 else order_UW + np.arange(0, U * K * C, K * C)[:, None]
    token_UW, token_log_prob_UW, log_prob_UW = (
        part_UX.take(place_UW) for part_UX in (token_UX, token_log_prob_UX, log_prob_UX)
    )
    if words_V is not None:
        token_UW = words_V.cpu().numpy()[token_UW]
    return Continuations(place_UW // C, token_UW, token_log_prob_UW, log_prob_UW)


def add_to_rows(log_prob_UK: Array, part_UX: Array) -> Array:
    """The log-probabilities of hypotheses plus those of their candidates. -> sum_UX"""
    U, K = log_prob_UK.shape
    return (log_prob_UK[:, :, None] + part_UX.reshape(U, K, -1)).reshape(U, -1)


def find_top_ids(scores_NV: Tensor, count: int) -> Tensor:
    """The ids of the `count` greatest scores of each row, in no particular order. NaN is the greatest. -> token_NC

    They are in the `count` blocks with the greatest maxima, and maxima are computed several times faster than topk of a
    whole row.
    """
    N, V = scores_NV.shape
    if count == 1:
        return scores_NV.argmax(1, keepdim=True)
    G = V // BLOCK_SIZE
    if 4 * count >= G:
        return scores_NV.topk(min(count, V), sorted=False).indices
    blocks_NGO = scores_NV[:, : G * BLOCK_SIZE].reshape(N, G, BLOCK_SIZE)
    first_NC1 = blocks_NGO.amax(2).topk(count, sorted=False).indices[:, :, None] * BLOCK_SIZE
    token_NX = (first_NC1 + torch.arange(BLOCK_SIZE, device=scores_NV.device)).flatten(1)
    rest_X = torch.arange(G * BLOCK_SIZE, V, device=scores_NV.device)
    token_NX = torch.cat([token_NX, rest_X.expand(N, -1)], 1)
    return token_NX.gather(1, scores_NV.gather(1, token_NX).topk(count, sorted=False).indices)


def count_progress(constraints: ConstraintProgress, token_NC: Tensor) -> tuple[Tensor, Tensor]:
    """The progress of a row after each candidate, and what is allowed it. -> progress_NC, allowance_NC"""
    advances_NCQ = (token_NC[:, :, None] == constraints.token_NQ[:, None]) & (constraints.token_NQ != PAD)[:, None]
    advances_NC = advances_NCQ.any(2)
    allowance_NCQ = constraints.allowance_NQ[:, None].masked_fill(~advances_NCQ, -torch.inf)
    allowance_NC = allowance_NCQ.amax(2).where(advances_NC, constraints.allowance_N[:, None])
    return constraints.progress_N[:, None] + advances_NC, allowance_NC


def allocate_slots(rank_UX: Tensor, progress_UX: Tensor) -> Tensor:
    """The candidates in the order in which they fill slots. Candidates of equal progress form a bank. -> order_UX

    The banks take turns, the most advanced one first, and each contributes its best candidate that is left. So slots
    are divided evenly among the banks that have candidates, and the slots that a bank cannot fill go to the others.
    This way probable hypotheses with little progress cannot displace those with more. Dynamic beam allocation, Post &
    Vilar 2018, arXiv:1804.06609, section 3.2; unlike here, theirs gives leftover slots to the most advanced bank alone.
    """
    by_rank_UX = rank_UX.sort(descending=True, stable=True).indices
    bank_UX, by_bank_UX = progress_UX.gather(1, by_rank_UX).sort(descending=True, stable=True)
    order_UX = by_rank_UX.gather(1, by_bank_UX)
    index_UX = torch.arange(order_UX.shape[1], device=order_UX.device).expand_as(order_UX)
    begins_bank_UX = torch.ones_like(bank_UX, dtype=torch.bool)
    begins_bank_UX[:, 1:] = bank_UX[:, 1:] != bank_UX[:, :-1]
    turn_UX = index_UX - (index_UX * begins_bank_UX).cummax(1).values
    turn_UX = turn_UX.masked_fill(rank_UX.gather(1, order_UX) == -torch.inf, order_UX.shape[1])
    return order_UX.gather(1, turn_UX.sort(stable=True).indices)
