"""The search loop, over any step model and with any choice of continuations. Greedy search is a beam of one.

It knows of ids and log-probabilities and nothing of text; what it yields are hypotheses with their attention.
"""

# B sentences still searched   G groups of a sentence   U = B * G   K live rows of a group   N = U * K rows
# W continuations of a group   R ranks asked for   A nodes, or rows, of all levels   S source positions

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.choices import Array, Choice, MostProbable
from nmt.search.hypothesis import (
    Hypothesis,
    Normalization,
    coverage_penalty,
    length_penalty,
    raise_if_nan,
    require_attention,
)
from nmt.search.restrictions import ForbiddenIds
from nmt.step import StepModel

MOST_PROBABLE = MostProbable()


@torch.inference_mode()
def beam_search(
    model: StepModel,
    source_BS: Tensor,
    lengths_B: Tensor,
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
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first: n_best of them, or fewer when the model has no more.

    A sentence has `beam` slots, in groups of equal size where the choice has several. A hypothesis that reaches EOS
    keeps its slot for good, so that a beam of one is greedy search. At each step the free slots go to what `choice`
    chooses: the most probable continuations; of equal ones, those of the better row and then of the smaller id. The
    ids in `forbidden_ids` are never said.

    A sentence is done when it has no live hypothesis, or when none can come to matter: log-probabilities only fall
    and the length penalty never does, so a live one can score at most its present log_prob over the penalty at the
    length limit, and once n_best finished ones score as much, nothing changes any more. The coverage penalty of
    strength `beta` only takes away from that: it is added to scores and is never above 0. At the length limit,
    `limits` or max_length_ratio * (source pieces without EOS) + max_length_extra tokens with EOS, live hypotheses are
    cut; they rank after the finished ones. A sentence that is done leaves the batch at once.

    Nothing about a sentence depends on which others are in the batch, beyond rounding inside the model.

    Raises NmtError when the model yields NaN, or has no attention for the coverage penalty to look at.
    """
    G = choice.groups
    slots = beam // G
    assert 1 <= n_best <= slots * G
    model = ForbiddenIds(model, forbidden_ids)
    device = source_BS.device
    if limits is None:
        limits = [length_limit(length, max_length_ratio, max_length_extra) for length in lengths_B.tolist()]
    limit_B = np.array(limits)
    penalties = length_penalty(torch.arange(max(limits) + 1).double(), normalization, alpha).numpy()
    sentence_B = np.arange(len(limits))
    real_BS = torch.arange(source_BS.shape[1], device=device) < lengths_B[:, None] - 1  # EOS need not be covered
    coverage_NS = torch.zeros(len(limits) * G, source_BS.shape[1], dtype=torch.float64, device=device)
    free_U = np.full(len(limits) * G, slots)
    finished_BR = np.full((len(limits), n_best), -np.inf)
    log_prob_UK = np.zeros((len(limits) * G, 1))
    node_N = np.full_like(free_U, -1)
    levels: list[Level] = []
    nodes = 0
    state = model.start(source_BS, lengths_B)
    previous_N = torch.full((len(limits) * G,), BOS, device=device)
    if G > 1:
        state = model.select(state, torch.arange(len(limits), device=device)[:, None].expand(-1, G))
    for length in range(1, max(limits) + 1):
        out = model.step(previous_N, state)
        if choice is not MOST_PROBABLE:
            out = out.expand_to_vocabulary(model.vocabulary)
        best = choice(log_prob_UK, out, free_U, slots, sentence_B, length - 1)
        raise_if_nan(best.log_prob_UW, length)
        W = best.log_prob_UW.shape[1]
        taken_UW = (np.arange(W) < free_U[:, None]) & (best.log_prob_UW > -np.inf)
        is_end_UW = best.token_UW == EOS
        ends_UW, lives_UW = taken_UW & is_end_UW, taken_UW & ~is_end_UW
        score_UW = best.log_prob_UW / penalties[length]
        if beta:
            require_attention(out.attention_NS)
            coverage_NS = coverage_NS + out.attention_NS
            real_NS = real_BS[sentence_B].repeat_interleave(len(coverage_NS) // len(sentence_B), 0)
            score_UW = score_UW + coverage_penalty(coverage_NS, real_NS, beta).cpu().numpy()[best.row_UW]
        cut_B = limit_B == length
        level = Level(
            sentence_UW=sentence_B.repeat(G)[:, None].repeat(W, 1),
            parent_UW=node_N[best.row_UW],
            row_UW=best.row_UW,
            token_UW=best.token_UW,
            token_log_prob_UW=best.token_log_prob_UW,
            log_prob_UW=best.log_prob_UW,
            score_UW=score_UW,
            ends_UW=ends_UW,
            cut_UW=lives_UW & cut_B.repeat(G)[:, None],
            attention_NS=out.attention_NS,
        )
        levels.append(level)
        node_UW = np.arange(nodes, nodes + lives_UW.size).reshape(lives_UW.shape)
        nodes += lives_UW.size

        free_U = free_U - ends_UW.sum(1)
        ended_BX = np.where(ends_UW, score_UW, -np.inf).reshape(-1, G * W)
        finished_BR = np.sort(np.concatenate([finished_BR, ended_BX], 1))[:, : -n_best - 1 : -1]
        log_prob_UW = np.where(lives_UW, best.log_prob_UW, -np.inf)
        reachable_B = log_prob_UW.reshape(-1, G * W).max(1) / penalties[limit_B]
        goes_on_B = (reachable_B > finished_BR[:, -1]) & ~cut_B
        live_BG = lives_UW.sum(1).reshape(-1, G) * goes_on_B[:, None]
        kept_B = live_BG.any(1).nonzero()[0]
        if not len(kept_B):
            break

        widest = int(live_BG.max())
        kept_U1 = (kept_B[:, None] * G + np.arange(G)).reshape(-1, 1)
        is_same = log_prob_UK.shape[1] == widest == 1 and len(kept_B) == len(live_BG)
        order_UK = np.argsort(~lives_UW[kept_U1[:, 0]], 1, kind="stable")[:, :widest]
        row_UK, token_UK, node_UK, log_prob_UK = (
            part_UW[kept_U1, order_UK] for part_UW in (best.row_UW, best.token_UW, node_UW, log_prob_UW)
        )
        previous_N, node_N = torch.from_numpy(token_UK.flatten()).to(device), node_UK.flatten()
        rows_BK = torch.from_numpy(row_UK.reshape(len(kept_B), -1)).to(device)
        state = out.state if is_same else model.select(out.state, rows_BK)
        sentence_B, limit_B, finished_BR = (part[kept_B] for part in (sentence_B, limit_B, finished_BR))
        free_U, coverage_NS = free_U[kept_U1[:, 0]], coverage_NS[rows_BK.flatten()] if beta else coverage_NS
    return [
        sorted(hypotheses, key=lambda found: (not found.is_finished, -found.score))[:n_best]
        for hypotheses in read_tree(levels, lengths_B.tolist())
    ]


def length_limit(source_length: int, ratio: float, extra: int) -> int:
    """The longest translation of a source, in tokens with EOS; `source_length` counts pieces with EOS."""
    return max(1, math.ceil(ratio * (source_length - 1)) + extra)


class Level(NamedTuple):
    """The hypotheses of one length. A node is a place in all levels laid end to end."""

    sentence_UW: Array  # in the batch as it was given
    parent_UW: Array  # node of the level before, -1 at the first
    row_UW: Array  # of the attention with which the token was said
    token_UW: Array
    token_log_prob_UW: Array
    log_prob_UW: Array
    score_UW: Array
    ends_UW: Array  # finished here
    cut_UW: Array  # stopped here by the length limit
    attention_NS: Tensor


def read_tree(levels: list[Level], source_lengths: list[int]) -> list[list[Hypothesis]]:
    """The hypotheses of each sentence, shortest first, read off along the back-pointers."""
    *parts, attention = zip(*levels, strict=True)
    sentence_A, parent_A, row_A, token_A, token_log_prob_A, log_prob_A, score_A, ends_A, cut_A = (
        np.concatenate([level_UW.ravel() for level_UW in part]) for part in parts
    )
    first_row = np.cumsum([0, *map(len, attention)])[:-1]
    row_A += first_row.repeat([level.row_UW.size for level in levels])
    leaves = (ends_A | cut_A).nonzero()[0].tolist()
    parents, tokens, token_log_probs = parent_A.tolist(), token_A.tolist(), token_log_prob_A.tolist()
    sentences, log_probs, scores, ends = sentence_A.tolist(), log_prob_A.tolist(), score_A.tolist(), ends_A.tolist()
    paths = []
    for node in leaves:
        path = [node]
        while (node := parents[node]) >= 0:
            path.append(node)
        paths.append(path[::-1])
    rows = torch.from_numpy(row_A[[node for path in paths for node in path]])
    attention_AS = torch.cat(attention)
    attention = torch.split(attention_AS[rows.to(attention_AS.device)].float().cpu(), [len(path) for path in paths])
    found: list[list[Hypothesis]] = [[] for _ in source_lengths]
    for leaf, path, attention_TS in zip(leaves, paths, attention, strict=True):
        found[sentences[leaf]].append(
            Hypothesis(
                tokens=tuple(tokens[node] for node in path),
                log_prob=log_probs[leaf],
                score=scores[leaf],
                token_log_probs=tuple(token_log_probs[node] for node in path),
                attention_TS=attention_TS[:, : source_lengths[sentences[leaf]]],
                is_finished=ends[leaf],
            )
        )
    return found
