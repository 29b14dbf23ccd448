"""Beam search over any step model. Greedy search is a beam of one.

It knows of ids and log-probabilities and nothing of text; what it yields are hypotheses with their attention.
"""

# B sentences still searched   K live rows of a sentence   N = B * K rows   C best words of a row   R ranks asked for
# W continuations of a sentence   A nodes of all levels   S source positions   V target words

import math
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.hypothesis import Hypothesis, Normalization, length_penalty, refuse_nan
from nmt.search.wrap import Forbid
from nmt.step import StepModel


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
) -> list[list[Hypothesis]]:
    """The best translations of each sentence, best first: n_best of them, or fewer when the model has no more.

    A sentence has `beam` slots. A hypothesis that reaches EOS keeps its slot for good, so that a beam of one is greedy
    search. At each step the free slots go to the most probable continuations; of equal ones, to those of the better
    row and then of the smaller id. PAD, UNK and BOS are never said.

    A sentence is done when it has no live hypothesis, or when none can come to matter: log-probabilities only fall
    and the length penalty never does, so a live one can score at most its present log_prob over the penalty at the
    length limit, and once n_best finished ones score as much, nothing changes any more. At the length limit,
    max_length_ratio * (source pieces without EOS) + max_length_extra tokens with EOS, live hypotheses are cut; they
    rank after the finished ones. A sentence that is done leaves the batch at once.

    Nothing about a sentence depends on which others are in the batch, beyond rounding inside the model.

    Raises NmtError when the model yields NaN.
    """
    assert 1 <= n_best <= beam
    model = Forbid(model, (PAD, UNK, BOS))
    device = source_BS.device
    limits = [max(1, math.ceil(max_length_ratio * (length - 1)) + max_length_extra) for length in lengths_B.tolist()]
    limit_B = torch.tensor(limits, device=device)
    penalties = length_penalty(torch.arange(max(limits) + 1, device=device).double(), normalization, alpha)
    sentence_B = torch.arange(len(limits), device=device)
    free_B = torch.full_like(sentence_B, beam)
    finished_BR = torch.full((len(limits), n_best), -torch.inf, dtype=torch.float64, device=device)
    log_prob_BK = torch.zeros(len(limits), 1, dtype=torch.float64, device=device)
    previous_N = torch.full_like(sentence_B, BOS)
    node_N = torch.full_like(sentence_B, -1)
    levels: list[Level] = []
    nodes = 0
    state = model.start(source_BS, lengths_B)
    for length in range(1, max(limits) + 1):
        out = model.step(previous_N, state)
        best = continuations(log_prob_BK, out.log_probs_NV, beam)
        refuse_nan(best.log_prob_BW, length)
        slots = torch.arange(best.log_prob_BW.shape[1], device=device)
        taken_BW = (slots < free_B[:, None]) & best.log_prob_BW.isfinite()
        ends_BW = taken_BW & (best.token_BW == EOS)
        lives_BW = taken_BW & (best.token_BW != EOS)
        score_BW = best.log_prob_BW / penalties[length]
        cut_B = limit_B == length
        level = Level(
            sentence_BW=sentence_B[:, None].expand_as(best.token_BW),
            parent_BW=node_N[best.row_BW],
            token_BW=best.token_BW,
            token_log_prob_BW=best.token_log_prob_BW,
            log_prob_BW=best.log_prob_BW,
            score_BW=score_BW,
            ends_BW=ends_BW,
            cut_BW=lives_BW & cut_B[:, None],
            attention_BWS=out.attention_NS[best.row_BW],
        )
        levels.append(level)
        node_BW = torch.arange(nodes, nodes + level.token_BW.numel(), device=device).view_as(level.token_BW)
        nodes += level.token_BW.numel()

        free_B = free_B - ends_BW.sum(1)
        finished_BR = torch.cat([finished_BR, score_BW.masked_fill(~ends_BW, -torch.inf)], 1).topk(n_best).values
        log_prob_BW = best.log_prob_BW.masked_fill(~lives_BW, -torch.inf)
        reachable_B = log_prob_BW.amax(1) / penalties[limit_B]
        goes_on_B = (reachable_B > finished_BR[:, -1]) & ~cut_B
        live = (lives_BW.sum(1) * goes_on_B).tolist()
        kept_B = torch.tensor([row for row, count in enumerate(live) if count], dtype=torch.long, device=device)
        if not len(kept_B):
            break

        alone = log_prob_BK.shape[1] == max(live) == 1
        order_BK = lives_BW[kept_B].int().argsort(dim=1, descending=True, stable=True)[:, : max(live)]
        row_BK, token_BK, node_BK, log_prob_BK = (
            part_BW[kept_B].gather(1, order_BK) for part_BW in (best.row_BW, best.token_BW, node_BW, log_prob_BW)
        )
        previous_N, node_N = token_BK.flatten(), node_BK.flatten()
        state = out.state if alone and len(kept_B) == len(live) else model.select(out.state, row_BK)
        sentence_B, limit_B, free_B, finished_BR = (part[kept_B] for part in (sentence_B, limit_B, free_B, finished_BR))
    return [
        sorted(hypotheses, key=lambda found: (not found.is_finished, -found.score))[:n_best]
        for hypotheses in read_tree(levels, lengths_B.tolist())
    ]


class Continuations(NamedTuple):
    """The likeliest next words of the hypotheses of each sentence, best first."""

    row_BW: Tensor  # among all N rows: the hypothesis that is continued
    token_BW: Tensor
    token_log_prob_BW: Tensor
    log_prob_BW: Tensor  # of the whole hypothesis, in float64


def continuations(log_prob_BK: Tensor, log_probs_NV: Tensor, beam: int) -> Continuations:
    """Choose `beam` of the K * V continuations of each sentence."""
    B, K = log_prob_BK.shape
    token_NC = log_probs_NV.topk(min(beam, log_probs_NV.shape[1]), sorted=False).indices.sort().values
    token_log_prob_NC = log_probs_NV.gather(1, token_NC)
    C = token_NC.shape[1]
    log_prob_BKC = log_prob_BK[:, :, None] + token_log_prob_NC.view(B, K, C)
    log_prob_BW, order_BW = (part[:, :beam] for part in log_prob_BKC.flatten(1).sort(descending=True, stable=True))
    return Continuations(
        row_BW=order_BW // C + K * torch.arange(B, device=order_BW.device)[:, None],
        token_BW=token_NC.view(B, K * C).gather(1, order_BW),
        token_log_prob_BW=token_log_prob_NC.view(B, K * C).gather(1, order_BW),
        log_prob_BW=log_prob_BW,
    )


class Level(NamedTuple):
    """The hypotheses of one length. A node is a place in all levels laid end to end."""

    sentence_BW: Tensor  # in the batch as it was given
    parent_BW: Tensor  # node of the level before, -1 at the first
    token_BW: Tensor
    token_log_prob_BW: Tensor
    log_prob_BW: Tensor
    score_BW: Tensor
    ends_BW: Tensor  # finished here
    cut_BW: Tensor  # stopped here by the length limit
    attention_BWS: Tensor


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
