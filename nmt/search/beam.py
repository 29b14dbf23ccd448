"""The search loop, over any step model and with any choice of continuations. Greedy search is a beam of one.

It knows of ids and log-probabilities and nothing of text; what it yields are hypotheses with their attention.
"""

# B sentences still searched   G groups of a sentence   U = B * G   K live rows of a group   N = U * K rows
# W continuations of a group   R ranks asked for   A nodes of all levels   S source positions

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.choose import Choice, MostProbable
from nmt.search.hypothesis import (
    Hypothesis,
    Normalization,
    coverage_penalty,
    length_penalty,
    refuse_blind,
    refuse_nan,
)
from nmt.search.wrap import Forbid
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
    unsaid: Sequence[int] = (PAD, UNK, BOS),
    beta: float = 0.0,
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first: n_best of them, or fewer when the model has no more.

    A sentence has `beam` slots, in groups of equal size where the choice has several. A hypothesis that reaches EOS
    keeps its slot for good, so that a beam of one is greedy search. At each step the free slots go to what `choice`
    chooses: the most probable continuations; of equal ones, those of the better row and then of the smaller id. The
    ids in `unsaid` are never said.

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
    model = Forbid(model, unsaid)
    device = source_BS.device
    if limits is None:
        limits = [length_limit(length, max_length_ratio, max_length_extra) for length in lengths_B.tolist()]
    limit_B = torch.tensor(limits, device=device)
    penalties = length_penalty(torch.arange(max(limits) + 1, device=device).double(), normalization, alpha)
    sentence_B = torch.arange(len(limits), device=device)
    real_BS = torch.arange(source_BS.shape[1], device=device) < lengths_B[:, None] - 1  # EOS need not be covered
    coverage_NS = torch.zeros(len(limits) * G, source_BS.shape[1], dtype=torch.float64, device=device)
    free_U = torch.full((len(limits) * G,), slots, device=device)
    finished_BR = torch.full((len(limits), n_best), -torch.inf, dtype=torch.float64, device=device)
    log_prob_UK = torch.zeros(len(limits) * G, 1, dtype=torch.float64, device=device)
    previous_N = torch.full_like(free_U, BOS)
    node_N = torch.full_like(free_U, -1)
    levels: list[Level] = []
    nodes = 0
    state = model.start(source_BS, lengths_B)
    if G > 1:
        state = model.select(state, sentence_B[:, None].expand(-1, G))
    for length in range(1, max(limits) + 1):
        out = model.step(previous_N, state)
        best = choice(log_prob_UK, out, free_U, slots, sentence_B, length - 1)
        refuse_nan(best.log_prob_UW, length)
        W = best.log_prob_UW.shape[1]
        taken_UW = (torch.arange(W, device=device) < free_U[:, None]) & best.log_prob_UW.isfinite()
        ends_UW = taken_UW & (best.token_UW == EOS)
        lives_UW = taken_UW & (best.token_UW != EOS)
        score_UW = best.log_prob_UW / penalties[length]
        if beta:
            refuse_blind(out.attention_NS)
            coverage_NS = coverage_NS + out.attention_NS
            real_NS = real_BS[sentence_B].repeat_interleave(len(coverage_NS) // len(sentence_B), 0)
            score_UW = score_UW + coverage_penalty(coverage_NS, real_NS, beta)[best.row_UW]
        cut_B = limit_B == length
        level = Level(
            sentence_UW=sentence_B.repeat_interleave(G)[:, None].expand(-1, W),
            parent_UW=node_N[best.row_UW],
            token_UW=best.token_UW,
            token_log_prob_UW=best.token_log_prob_UW,
            log_prob_UW=best.log_prob_UW,
            score_UW=score_UW,
            ends_UW=ends_UW,
            cut_UW=lives_UW & cut_B.repeat_interleave(G)[:, None],
            attention_UWS=out.attention_NS[best.row_UW],
        )
        levels.append(level)
        node_UW = torch.arange(nodes, nodes + level.token_UW.numel(), device=device).view_as(level.token_UW)
        nodes += level.token_UW.numel()

        free_U = free_U - ends_UW.sum(1)
        ended_BX = score_UW.masked_fill(~ends_UW, -torch.inf).view(-1, G * W)
        finished_BR = torch.cat([finished_BR, ended_BX], 1).topk(n_best).values
        log_prob_UW = best.log_prob_UW.masked_fill(~lives_UW, -torch.inf)
        reachable_B = log_prob_UW.view(-1, G * W).amax(1) / penalties[limit_B]
        goes_on_B = (reachable_B > finished_BR[:, -1]) & ~cut_B
        live_BG = lives_UW.sum(1).view(-1, G) * goes_on_B[:, None]
        live = live_BG.tolist()
        kept_B = torch.tensor([row for row, counts in enumerate(live) if any(counts)], dtype=torch.long, device=device)
        if not len(kept_B):
            break

        widest = max(max(counts) for counts in live)
        kept_U = (kept_B[:, None] * G + torch.arange(G, device=device)).flatten()
        is_same = log_prob_UK.shape[1] == widest == 1 and len(kept_B) == len(live)
        order_UK = lives_UW[kept_U].int().argsort(dim=1, descending=True, stable=True)[:, :widest]
        row_UK, token_UK, node_UK, log_prob_UK = (
            part_UW[kept_U].gather(1, order_UK) for part_UW in (best.row_UW, best.token_UW, node_UW, log_prob_UW)
        )
        previous_N, node_N = token_UK.flatten(), node_UK.flatten()
        state = out.state if is_same else model.select(out.state, row_UK.view(len(kept_B), -1))
        sentence_B, limit_B, finished_BR = (part[kept_B] for part in (sentence_B, limit_B, finished_BR))
        free_U, coverage_NS = free_U[kept_U], coverage_NS[row_UK.flatten()] if beta else coverage_NS
    return [
        sorted(hypotheses, key=lambda found: (not found.is_finished, -found.score))[:n_best]
        for hypotheses in read_tree(levels, lengths_B.tolist())
    ]


def length_limit(source_length: int, ratio: float, extra: int) -> int:
    """The longest translation of a source, in tokens with EOS; `source_length` counts pieces with EOS."""
    return max(1, math.ceil(ratio * (source_length - 1)) + extra)


class Level(NamedTuple):
    """The hypotheses of one length. A node is a place in all levels laid end to end."""

    sentence_UW: Tensor  # in the batch as it was given
    parent_UW: Tensor  # node of the level before, -1 at the first
    token_UW: Tensor
    token_log_prob_UW: Tensor
    log_prob_UW: Tensor
    score_UW: Tensor
    ends_UW: Tensor  # finished here
    cut_UW: Tensor  # stopped here by the length limit
    attention_UWS: Tensor


def read_tree(levels: list[Level], source_lengths: list[int]) -> list[list[Hypothesis]]:
    """The hypotheses of each sentence, shortest first, read off along the back-pointers."""
    sentence_A, parent_A, token_A, token_log_prob_A, log_prob_A, score_A, ends_A, cut_A, attention_AS = (
        torch.cat([part.flatten(0, 1) for part in parts]) for parts in zip(*levels, strict=True)
    )
    leaves = (ends_A | cut_A).nonzero()[:, 0].tolist()
    parents, tokens, token_log_probs = parent_A.tolist(), token_A.tolist(), token_log_prob_A.tolist()
    sentences, log_probs, scores, ends = sentence_A.tolist(), log_prob_A.tolist(), score_A.tolist(), ends_A.tolist()
    paths = []
    for node in leaves:
        path = [node]
        while (node := parents[node]) >= 0:
            path.append(node)
        paths.append(path[::-1])
    nodes = torch.tensor([node for path in paths for node in path], device=attention_AS.device)
    attention = torch.split(attention_AS[nodes].float().cpu(), [len(path) for path in paths])
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
