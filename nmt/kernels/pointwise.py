"""The element-wise equations of the fused loop. Each may be compiled into one pass over its numbers.

A function here computes one target position from its arguments, and returns new tensors, which compile best.
"""

# B sentences   D state   G = 3 * D gates   S source positions   T target positions
# N rows of attention: sentences of each head   E attention space and   U memory of a head

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

Kernel = Callable[..., Any]


class Kernels(NamedTuple):
    """The functions of this file, compiled or not."""

    gru: Kernel
    gru_backward: Kernel
    # None where they are not compiled: blocks of sentences are then faster, see nmt.kernels.attention_step
    attend: Kernel | None
    attend_backward: Kernel | None
    additive_keys: Kernel | None


class Gates(NamedTuple):
    """The gates of a GRU at one position, and its candidate state."""

    reset_BD: Tensor
    keep_BD: Tensor
    new_BD: Tensor


def gru(input_gates_BG: Tensor, hidden_gates_BG: Tensor, hidden_BD: Tensor) -> tuple[Gates, Tensor]:
    """r = sigm(a_r + b_r);  z = sigm(a_z + b_z);  n = tanh(a_n + r * b_n);  h' = n + z * (h - n)

    `input_gates` are [a_r | a_z | a_n] and `hidden_gates` are [b_n | b_r | b_z]. -> gates, hidden_BD
    """
    D = hidden_BD.shape[-1]
    input_gates_BG, hidden_gates_BG = input_gates_BG.to(hidden_BD.dtype), hidden_gates_BG.to(hidden_BD.dtype)
    reset_BD = torch.sigmoid(input_gates_BG[:, :D] + hidden_gates_BG[:, D : 2 * D])
    keep_BD = torch.sigmoid(input_gates_BG[:, D : 2 * D] + hidden_gates_BG[:, 2 * D :])
    new_BD = torch.tanh(torch.addcmul(input_gates_BG[:, 2 * D :], reset_BD, hidden_gates_BG[:, :D]))
    return Gates(reset_BD, keep_BD, new_BD), torch.lerp(new_BD, hidden_BD, keep_BD)


def gru_backward(
    d_hidden_BD: Tensor, d_product_BD: Tensor, hidden_BD: Tensor, gates: Gates, hidden_new_BD: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """From the gradient of h', which is `d_hidden` + `d_product`, to that of h through z, and those of the gates.

    d_n_a = d_h' (1 - z) (1 - n^2);  d_n_b = d_n_a r;  d_r = d_n_a b_n r (1 - r);  d_z = d_h' (h - n) z (1 - z)

    `hidden_new_BD` is b_n. -> d_hidden_BD; d_n_b, d_r, d_z, d_n_a in the precision of b_n
    """
    reset_BD, keep_BD, new_BD = gates
    d_hidden_BD = d_hidden_BD + d_product_BD
    d_keep_BD = d_hidden_BD * (hidden_BD - new_BD) * keep_BD * (1 - keep_BD)
    d_kept_BD = d_hidden_BD * keep_BD
    d_new_BD = (d_hidden_BD - d_kept_BD) * (1 - new_BD * new_BD)
    d_hidden_new_BD = d_new_BD * reset_BD
    d_reset_BD = d_hidden_new_BD * hidden_new_BD * (1 - reset_BD)
    dtype = hidden_new_BD.dtype
    return d_kept_BD, d_hidden_new_BD.to(dtype), d_reset_BD.to(dtype), d_keep_BD.to(dtype), d_new_BD.to(dtype)


def attend(
    query_NE: Tensor, values_NSU: Tensor, keys_NSE: Tensor, bias_NS: Tensor, v_NE: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Attention with additive scores where there is a `v_NE`, with dot scores otherwise. -> weights_NS, context_NU

    `bias_NS` is -inf on padding.
    """
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
    """The equations are in nmt.kernels.recurrence. -> d_query_NE, d_scores_NS, and d_v_NE of additive scores"""
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
    """v * sum_t d_e (1 - u^2), after the loop, from a u that is computed again. -> d_keys_NSE"""
    work = d_scores_TNS.dtype
    inside_TNSE = torch.tanh(query_TNE.to(work)[:, :, None] + keys_NSE.to(work))
    return v_NE[:, None] * (d_scores_TNS[..., None] * (1 - inside_TNSE * inside_TNSE)).sum(0)


EAGER_KERNELS = Kernels(gru, gru_backward, None, None, None)
