"""The search loop, for any step model and any choice of continuations. Greedy search is a beam of one.

It handles ids and log-probabilities, not text, and returns hypotheses with their attention.
"""

# B sentences that are not done   G groups of a sentence   U = B * G   K live rows of a group   N = U * K rows
# W continuations of a group   R = n_best   A nodes, or rows, of all levels   L nodes that are ends
# S source positions

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.choices import Choice, Continuations, Diverse, MostProbable
from nmt.search.hypothesis import (
    Hypothesis,
    Normalization,
    coverage_penalty,
    length_penalty,
    raise_if_nan,
    raise_if_no_attention,
)
from nmt.search.restrictions import ForbiddenIds
from nmt.step import Array, StepModel

MOST_PROBABLE = MostProbable()


def beam_search(
    model: StepModel,
    source_BS: Array,
    lengths_B: Array,
    *,
    beam: int,
    normalization: Normalization,
    alpha: float,
    max_length_ratio: float,
    max_length_extra: int,
    n_best: int = 1,
    limits: Sequence[int] | None = None,
    choice: Choice = MOST_PROBABLE,
    forbidden_ids: Sequence[int] = (PAD, UNK, BOS),
    beta: float = 0.0,
    finished_keep_slots: bool = True,
    check: Callable[[], object] = bool,
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first: n_best of them, or fewer when the model has no more.

    A sentence has `beam` slots. Where `choice` has several groups, the slots are divided among them equally. Of equal
    hypotheses of diverse groups only that of the first group is returned. A
    hypothesis that ends with EOS keeps its slot, so that a beam of one is greedy search. At each step `choice` selects
    the continuations that fill the free slots, by default the most probable ones. Of equally probable ones, those of
    the better hypothesis come first, and then those with the smaller id. The ids in `forbidden_ids` are never
    generated.

    Without `finished_keep_slots`, a finished hypothesis frees its slot, and the search of a sentence also stops once
    n_best finished ones score at least as high as every live one at its present length. Searches with required phrases
    use this: a hypothesis that generates its phrases early, where they are improbable, may end early, and must not
    occupy a slot that others need.

    A sentence is done when it has no live hypothesis, or when no live hypothesis can still be among the n_best. A
    log-probability never rises, the length penalty never falls, and the coverage penalty (of weight `beta`) is never
    above 0. So the best score that a live hypothesis can reach is its present log_prob divided by the length penalty
    at the length limit; once n_best finished hypotheses score as high, the search of the sentence stops. The length
    limit is that in `limits`, or max_length_ratio * (source pieces without EOS) + max_length_extra; it counts tokens
    with EOS. Live hypotheses that reach it are returned after the finished ones. A sentence that is done leaves the
    batch at once.

    The translations of a sentence do not depend on the other sentences of the batch, except for rounding errors inside
    the model.

    `check` is called before each step, and may raise an error to stop.

    Raises NmtError when the model returns NaN, or has no attention and `beta` is not 0.
    """
    G = choice.groups
    slots = beam // G
    assert 1 <= n_best <= slots * G
    if choice is MOST_PROBABLE and hasattr(model, "with_best"):  # the model need not return other words
        model = model.with_best(slots, forbidden_ids)
    else:
        model = ForbiddenIds(model, forbidden_ids)
    if limits is None:
        limits = [compute_length_limit(length, max_length_ratio, max_length_extra) for length in lengths_B.tolist()]
    limit_B = np.array(limits)
    penalties = length_penalty(np.arange(max(limits) + 1.0), normalization, alpha)
    sentence_B = np.arange(len(limits))
    real_BS = np.arange(source_BS.shape[1]) < lengths_B[:, None] - 1  # coverage ignores EOS
    coverage_NS = np.zeros((len(limits) * G, source_BS.shape[1]))
    free_U = np.full(len(limits) * G, slots)
    best_finished_BR = np.full((len(limits), n_best), -np.inf)  # scores
    log_prob_UK = np.zeros((len(limits) * G, 1))
    node_N = np.full_like(free_U, -1)
    unites, number_N = isinstance(choice, Diverse), sentence_B.repeat(G)  # equal hypotheses have equal numbers
    levels: list[Level] = []
    ends: list[Ends] = []
    nodes = 0
    is_open, first_limit = True, limit_B.min()  # open: no hypothesis has ended, so all slots are free
    state = model.start(source_BS, lengths_B)
    previous_N: Array = np.full(len(limits) * G, BOS)
    if G > 1:
        state = model.select(state, np.arange(len(limits))[:, None].repeat(G, 1))
    for length in range(1, max(limits) + 1):
        check()
        out = model.step(previous_N, state)
        if choice is not MOST_PROBABLE:
            out = out.expand_to_vocabulary(model.vocabulary)
        chosen = choice(log_prob_UK, out, free_U, slots, sentence_B, length - 1)
        least = np.minimum.reduce(chosen.log_prob_UW, axis=None)
        raise_if_nan(least, length)
        if beta:
            raise_if_no_attention(out.attention_NS)
            coverage_NS = coverage_NS + out.attention_NS
        levels.append(Level(sentence_B, node_N[chosen.row_UW], chosen, out.attention_NS))
        node_UW: Array = np.arange(nodes, nodes + chosen.row_UW.size).reshape(chosen.row_UW.shape)
        nodes += node_UW.size
        is_end_UW = chosen.token_UW == EOS
        number_UW = number_hypotheses(number_N[chosen.row_UW], chosen.token_UW, model.vocabulary) if unites else node_UW
        if is_open and least > -np.inf and length < first_limit and not is_end_UW.any():  # every slot goes on
            rows = len(sentence_B), node_UW.size // len(sentence_B)
            is_same = log_prob_UK.size == node_UW.size == len(free_U)
            row_UK, token_UK, node_N, log_prob_UK = chosen.row_UW, chosen.token_UW, node_UW.ravel(), chosen.log_prob_UW
            number_N = number_UW.ravel()
        else:
            W = node_UW.shape[1]
            at_limit_B = limit_B == length
            taken_UW = (np.arange(W) < free_U[:, None]) & (chosen.log_prob_UW > -np.inf)
            finished_UW, live_UW = taken_UW & is_end_UW, taken_UW & ~is_end_UW
            score_UW = chosen.log_prob_UW / penalties[length]
            if beta:
                real_NS = real_BS[sentence_B].repeat(len(coverage_NS) // len(sentence_B), 0)
                score_UW = score_UW + coverage_penalty(coverage_NS, real_NS, beta)[chosen.row_UW]
            if not finished_keep_slots:
                finished_UW &= score_UW > best_finished_BR[:, -1:].repeat(G, 0)
            ends_UW = finished_UW | (live_UW & at_limit_B.repeat(G)[:, None])
            if unites:
                ends_UW = keep_first(number_UW, ends_UW)
            ends.append(Ends(node_UW[ends_UW], score_UW[ends_UW], finished_UW[ends_UW], ends_UW.nonzero()[0] % G))
            if finished_UW.any():
                if finished_keep_slots:
                    free_U = free_U - finished_UW.sum(1)
                finished_BX = np.where(finished_UW & ends_UW, score_UW, -np.inf).reshape(-1, G * W)
                best_finished_BR = np.sort(np.concatenate([best_finished_BR, finished_BX], 1))[:, : -n_best - 1 : -1]
            log_prob_UW = np.where(live_UW, chosen.log_prob_UW, -np.inf)
            best_possible_B = log_prob_UW.reshape(-1, G * W).max(1)
            best_possible_B = best_possible_B / penalties[limit_B if finished_keep_slots else length]
            continues_B = (best_possible_B > best_finished_BR[:, -1]) & ~at_limit_B
            live_BG = live_UW.sum(1).reshape(-1, G) * continues_B[:, None]
            kept_B = live_BG.any(1).nonzero()[0]
            if not len(kept_B):
                break

            widest = min(W, max(int(live_BG.max()), 2 if beam > 1 and G == 1 else 1))
            kept_U1 = (kept_B[:, None] * G + np.arange(G)).reshape(-1, 1)
            rows = len(kept_B), G * widest
            is_same = log_prob_UK.shape[1] == widest == 1 and len(kept_B) == len(live_BG)
            order_UK = np.argsort(~live_UW[kept_U1[:, 0]], 1, kind="stable")[:, :widest]
            parts = chosen.row_UW, chosen.token_UW, node_UW, number_UW, log_prob_UW
            row_UK, token_UK, node_UK, number_UK, log_prob_UK = (part_UW[kept_U1, order_UK] for part_UW in parts)
            node_N, number_N = node_UK.ravel(), number_UK.ravel()
            sentence_B, limit_B, best_finished_BR = (part[kept_B] for part in (sentence_B, limit_B, best_finished_BR))
            free_U = free_U[kept_U1[:, 0]]
            is_open, first_limit = bool((best_finished_BR == -np.inf).all()), limit_B.min()
        previous_N = token_UK.ravel()
        if not is_same:
            rows_BK = row_UK.reshape(rows)
            state = model.select(out.state, rows_BK)
            coverage_NS = coverage_NS[rows_BK.ravel()] if beta else coverage_NS
        else:
            state = out.state
    return read_tree(levels, ends, lengths_B.tolist(), n_best)


def number_hypotheses(parent_UW: Array, token_UW: Array, vocabulary: int) -> Array:
    """Numbers of hypotheses, from those of what they continue: equal hypotheses have equal numbers. -> number_UW"""
    number_UW: Array = np.unique(parent_UW * vocabulary + token_UW, return_inverse=True)[1].reshape(token_UW.shape)
    return number_UW


def keep_first(number_UW: Array, ends_UW: Array) -> Array:
    """Which of the hypotheses that end no earlier group of their sentence has too. -> ends_UW"""
    kept_UW: Array = np.zeros_like(ends_UW)
    place_L = ends_UW.ravel().nonzero()[0]
    kept_UW.ravel()[place_L[np.unique(number_UW.ravel()[place_L], return_index=True)[1]]] = True
    return kept_UW


def compute_length_limit(source_length: int, ratio: float, extra: int) -> int:
    """The length limit of a translation, in tokens with EOS; `source_length` counts pieces with EOS."""
    return max(1, math.ceil(ratio * (source_length - 1)) + extra)


class Level(NamedTuple):
    """The hypotheses of one length. Each is a node; nodes are numbered through all levels."""

    sentence_B: Array  # row of the sentence in the first batch
    parent_UW: Array  # node in the level before; -1 in the first level
    chosen: Continuations
    attention_NS: Array


class Ends(NamedTuple):
    """The nodes of one level whose hypotheses end there: by EOS, or else at the length limit."""

    node_L: Array
    score_L: Array
    finished_L: Array
    group_L: Array


def read_tree(levels: list[Level], ends: list[Ends], source_lengths: list[int], n_best: int) -> list[list[Hypothesis]]:
    """The `n_best` hypotheses of each sentence, by following each one's parents back to the first level."""
    sentence_levels, parent_levels, chosen_levels, attention = zip(*levels, strict=True)
    parent_A, row_A, token_A, token_log_prob_A, log_prob_A = (
        np.concatenate([level_UW.ravel() for level_UW in part])
        for part in (parent_levels, *zip(*chosen_levels, strict=True))
    )
    sizes = [level_UW.size for level_UW in parent_levels]
    sentence_A = np.concatenate(
        [part.repeat(size // len(part)) for part, size in zip(sentence_levels, sizes, strict=True)]
    )
    row_A += np.cumsum([0, *map(len, attention[:-1])]).repeat(sizes)
    attention_AS = np.concatenate(attention)
    parents = parent_A.tolist()
    node_L, score_L, finished_L, group_L = (np.concatenate(part) for part in zip(*ends, strict=True))
    found: list[list[Hypothesis]] = [[] for _ in source_lengths]
    for end in np.lexsort((-score_L, ~finished_L)).tolist():  # as get_sort_key does
        node = int(node_L[end])
        sentence = sentence_A[node]
        if len(found[sentence]) == n_best:
            continue
        path = [node]
        while (node := parents[node]) >= 0:
            path.append(node)
        path.reverse()
        attention_TS = attention_AS[row_A[path], : source_lengths[sentence]]
        found[sentence].append(
            Hypothesis(
                tokens=tuple(token_A[path].tolist()),
                log_prob=float(log_prob_A[path[-1]]),
                score=float(score_L[end]),
                token_log_probs=tuple(token_log_prob_A[path].tolist()),
                attention_TS=attention_TS.astype(np.float32, copy=False),
                is_finished=bool(finished_L[end]),
                group=int(group_L[end]),
            )
        )
    return found
