"""The element-wise equations of the fast loops: as they stand, or each compiled into one pass over its numbers.

Everything here knows one position and no parameters. What it returns is new, because a compiler sees through that best.
"""

# B sentences   D state   G = 3 * D gates   S source positions   T target positions
# N rows of attention: sentences of each head   E attention space and   U memory of a head

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Kernel = Callable[..., Any]


class Kernels(NamedTuple):
    """The functions of this file, or what they were compiled to."""

    gru: Kernel
    gru_backward: Kernel
    attend: (
        Kernel | None
    )  # None: uncompiled, products over blocks of sentences are faster; see nmt.kernels.attention_step
    attend_backward: Kernel | None
    additive_keys: Kernel | None


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
    query_NE: Tensor, values_NSU: Tensor, keys_NSE: Tensor, bias_NS: Tensor, v_NE: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Additive scores with `v_NE`, dot products without. `bias_NS` is -inf for padding. -> weights_NS, context_NU"""
    work = bias_NS.dtype
    query_N1E, keys_NSE = query_NE.to(work)[:, None], keys_NSE.to(work)
    compared_NSE = query_N1E * keys_NSE if v_NE is None else torch.tanh(query_N1E + keys_NSE) * v_NE[:, None]
    weights_NS = (compared_NSE.sum(-1) + bias_NS).softmax(-1)
    return weights_NS, (weights_NS[..., None] * values_NSU.to(work)).sum(1)


def attend_backward(
    query_NE: Tensor,
    values_NSU: Tensor,
    keys_NSE: Tensor,
    v_NE: Tensor | None,
    weights_NS: Tensor,
    d_context_NU: Tensor,
    d_weights_NS: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """See nmt.kernels.unroll_fused for the equations. -> d_query_NE, d_scores_NS, d_v_NE of additive scores"""
    work = weights_NS.dtype
    keys_NSE = keys_NSE.to(work)
    d_total_NS = (d_context_NU[:, None] * values_NSU.to(work)).sum(-1)
    if d_weights_NS is not None:
        d_total_NS = d_total_NS + d_weights_NS
    d_scores_NS = weights_NS * (d_total_NS - (weights_NS * d_total_NS).sum(-1, True))
    if v_NE is None:
        return (d_scores_NS[..., None] * keys_NSE).sum(1), d_scores_NS, None
    inside_NSE = torch.tanh(query_NE.to(work)[:, None] + keys_NSE)
    pulled_NSE = d_scores_NS[..., None] * inside_NSE
    return -v_NE * (pulled_NSE * inside_NSE).sum(1), d_scores_NS, pulled_NSE.sum(1)


def additive_keys(query_TNE: Tensor, keys_NSE: Tensor, v_NE: Tensor, d_scores_TNS: Tensor) -> Tensor:
    """v * sum_t d_e (1 - u^2), once the loop is over; u is computed again once more. -> d_keys_NSE"""
    work = d_scores_TNS.dtype
    inside_TNSE = torch.tanh(query_TNE.to(work)[:, :, None] + keys_NSE.to(work))
    return v_NE[:, None] * (d_scores_TNS[..., None] * (1 - inside_TNSE * inside_TNSE)).sum(0)


EAGER_KERNELS = Kernels(gru, gru_backward, None, None, None)
