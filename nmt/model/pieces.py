"""The element-wise equations of the fast loops: as they stand, or each compiled into one pass over its numbers.

Everything here knows one position and no parameters. What it returns is new, because a compiler sees through that best.
"""

# B sentences   D state   G = 3 * D gates   A attention space   M memory   S source positions

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Piece = Callable[..., Any]


class Pieces(NamedTuple):
    """The functions of this file, or what they were compiled to."""

    gru: Piece
    gru_backward: Piece
    attend: Piece | None  # None: uncompiled, products over blocks of sentences are faster; see nmt.model.look
    attend_backward: Piece | None
    additive_keys: Piece | None


class Gates(NamedTuple):
    """What a GRU decided at one position."""

    reset_BD: Tensor
    keep_BD: Tensor
    new_BD: Tensor


def gru(sums_BG: Tensor, reads_BG: Tensor, hidden_BD: Tensor) -> tuple[Gates, Tensor]:
    """r = sigm(a_r + b_r);  z = sigm(a_z + b_z);  n = tanh(a_n + r * b_n);  h' = n + z * (h - n)

    `sums` are [a_r | a_z | a_n] and `reads` [b_n | b_r | b_z]. -> gates, hidden_BD
    """
    D = hidden_BD.shape[-1]
    sums_BG, reads_BG = sums_BG.to(hidden_BD.dtype), reads_BG.to(hidden_BD.dtype)
    reset_BD = torch.sigmoid(sums_BG[:, :D] + reads_BG[:, D : 2 * D])
    keep_BD = torch.sigmoid(sums_BG[:, D : 2 * D] + reads_BG[:, 2 * D :])
    new_BD = torch.tanh(torch.addcmul(sums_BG[:, 2 * D :], reset_BD, reads_BG[:, :D]))
    return Gates(reset_BD, keep_BD, new_BD), torch.lerp(new_BD, hidden_BD, keep_BD)


def gru_backward(
    d_hidden_BD: Tensor, d_read_BD: Tensor, hidden_BD: Tensor, gates: Gates, reads_BD: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """From h', whose gradient is `d_hidden` + `d_read`, back to h along z.

    d_n_a = d_h' (1 - z) (1 - n^2);  d_n_b = d_n_a r;  d_r = d_n_a b_n r (1 - r);  d_z = d_h' (h - n) z (1 - z)

    `reads_BD` is b_n. -> d_hidden_BD; d_n_b, d_r, d_z, d_n_a in its precision
    """
    reset_BD, keep_BD, new_BD = gates
    d_hidden_BD = d_hidden_BD + d_read_BD
    d_keep_BD = d_hidden_BD * (hidden_BD - new_BD) * keep_BD * (1 - keep_BD)
    d_kept_BD = d_hidden_BD * keep_BD
    d_new_BD = (d_hidden_BD - d_kept_BD) * (1 - new_BD * new_BD)
    d_new_read_BD = d_new_BD * reset_BD
    d_reset_BD = d_new_read_BD * reads_BD * (1 - reset_BD)
    dtype = reads_BD.dtype
    return d_kept_BD, d_new_read_BD.to(dtype), d_reset_BD.to(dtype), d_keep_BD.to(dtype), d_new_BD.to(dtype)


def attend(
    query_BA: Tensor, values_BSM: Tensor, keys_BSA: Tensor, padding_BS: Tensor, v_A: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Additive scores with `v_A`, dot products without. `padding_BS` is 0 or -inf. -> weights_BS, context_BM"""
    work = padding_BS.dtype
    query_B1A, keys_BSA = query_BA.to(work)[:, None], keys_BSA.to(work)
    compared_BSA = query_B1A * keys_BSA if v_A is None else torch.tanh(query_B1A + keys_BSA) * v_A
    weights_BS = (compared_BSA.sum(-1) + padding_BS).softmax(-1)
    return weights_BS, (weights_BS[..., None] * values_BSM.to(work)).sum(1)


def attend_backward(
    query_BA: Tensor,
    values_BSM: Tensor,
    keys_BSA: Tensor,
    v_A: Tensor | None,
    weights_BS: Tensor,
    d_context_BM: Tensor,
    d_weights_BS: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """See nmt.model.unroll_fused for the equations. -> d_query_BA, d_scores_BS, d_v_BA of additive scores"""
    work = weights_BS.dtype
    keys_BSA = keys_BSA.to(work)
    d_total_BS = (d_context_BM[:, None] * values_BSM.to(work)).sum(-1)
    if d_weights_BS is not None:
        d_total_BS = d_total_BS + d_weights_BS
    d_scores_BS = weights_BS * (d_total_BS - (weights_BS * d_total_BS).sum(-1, True))
    if v_A is None:
        return (d_scores_BS[..., None] * keys_BSA).sum(1), d_scores_BS, None
    inside_BSA = torch.tanh(query_BA.to(work)[:, None] + keys_BSA)
    pulled_BSA = d_scores_BS[..., None] * inside_BSA
    return -v_A * (pulled_BSA * inside_BSA).sum(1), d_scores_BS, pulled_BSA.sum(1)


def additive_keys(query_TBA: Tensor, keys_BSA: Tensor, v_A: Tensor, d_scores_TBS: Tensor) -> Tensor:
    """v * sum_t d_e (1 - u^2), once the loop is over; u is computed again once more. -> d_keys_BSA"""
    work = d_scores_TBS.dtype
    inside_TBSA = torch.tanh(query_TBA.to(work)[:, :, None] + keys_BSA.to(work))
    return v_A * (d_scores_TBS[..., None] * (1 - inside_TBSA * inside_TBSA)).sum(0)


EAGER = Pieces(gru, gru_backward, None, None, None)
