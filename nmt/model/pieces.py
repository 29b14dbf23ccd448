"""The element-wise equations of the fast loops: as they stand, or each compiled into one pass over its numbers.

Everything here writes into buffers that it is given, and knows one position and no parameters.
"""

# ... any leading axes   D state   A attention space   M memory   B sentences   S source positions

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


def gru(
    sums: tuple[Tensor, Tensor, Tensor],
    reads: tuple[Tensor, Tensor, Tensor],
    hidden_D: Tensor,
    gates: tuple[Tensor, Tensor, Tensor],
    next_D: Tensor,
    state_D: Tensor,
) -> None:
    """r = sigm(a_r + b_r);  z = sigm(a_z + b_z);  n = tanh(a_n + r * b_n);  h' = n + z * (h - n)

    `sums` are a_r, a_z, a_n and `reads` b_n, b_r, b_z. Fills `gates` with r, z, n; `next_D` and, as an operand of
    products, `state_D` with h'.
    """
    reset_D, keep_D, new_D = gates
    reset_D.copy_(sums[0]).add_(reads[1]).sigmoid_()
    keep_D.copy_(sums[1]).add_(reads[2]).sigmoid_()
    new_D.copy_(sums[2]).addcmul_(reset_D, reads[0]).tanh_()
    next_D.copy_(torch.lerp(new_D, hidden_D, keep_D))
    state_D.copy_(next_D)


def gru_backward(
    d_hidden_D: Tensor,
    more: tuple[Tensor, ...],
    hidden_D: Tensor,
    gates: tuple[Tensor, Tensor, Tensor],
    read_D: Tensor,
    d_gates: tuple[Tensor, Tensor, Tensor, Tensor],
) -> None:
    """From h' back to h along z, in place in `d_hidden_D`; what is in `more` belongs to the gradient of h' too.

    d_n_a = d_h' (1 - z) (1 - n^2);  d_n_b = d_n_a r;  d_r = d_n_a b_n r (1 - r);  d_z = d_h' (h - n) z (1 - z)

    `read_D` is b_n. Fills `d_gates` with d_n_b, d_r, d_z, d_n_a.
    """
    reset_D, keep_D, new_D = gates
    for d_D in more:
        d_hidden_D = d_hidden_D.add_(d_D)
    d_gates[2].copy_(d_hidden_D * (hidden_D - new_D) * keep_D * (1 - keep_D))
    d_new_D = d_hidden_D * (1 - keep_D) * (1 - new_D * new_D)
    d_gates[1].copy_(d_new_D * read_D * reset_D * (1 - reset_D))
    d_gates[0].copy_(d_new_D * reset_D)
    d_gates[3].copy_(d_new_D)
    d_hidden_D.mul_(keep_D)


def attend(
    query_BA: Tensor,
    values_BSM: Tensor,
    keys_BSA: Tensor,
    padding_BS: Tensor,
    v_A: Tensor | None,
    weights_BS: Tensor,
    context_BM: Tensor,
) -> None:
    """Fills weights and context; additive scores with `v_A`, dot products without. `padding_BS` is 0 or -inf."""
    query_B1A = query_BA.to(keys_BSA.dtype)[:, None]
    compared_BSA = query_B1A * keys_BSA if v_A is None else torch.tanh(query_B1A + keys_BSA) * v_A
    weights_BS.copy_((compared_BSA.sum(-1) + padding_BS).softmax(-1))
    context_BM.copy_((weights_BS[..., None] * values_BSM).sum(1))


def attend_backward(
    query_BA: Tensor,
    values_BSM: Tensor,
    keys_BSA: Tensor,
    v_A: Tensor | None,
    weights_BS: Tensor,
    d_context_BM: Tensor,
    d_weights_BS: Tensor | None,
    d_scores_BS: Tensor,
    squares_BSA: Tensor | None,
    d_v_BA: Tensor | None,
) -> Tensor:
    """Fills `d_scores_BS`; adds to what additive scores sum up over positions. -> d_query_BA

    See nmt.model.unroll_fused for the equations; `squares` is sum_t d_e u^2.
    """
    d_total_BS = (d_context_BM[:, None] * values_BSM).sum(-1)
    if d_weights_BS is not None:
        d_total_BS = d_total_BS + d_weights_BS
    d_scores_BS.copy_(weights_BS * (d_total_BS - (weights_BS * d_total_BS).sum(-1, True)))
    d_scores_BS1 = d_scores_BS[..., None]
    if v_A is None:
        return (d_scores_BS1 * keys_BSA).sum(1)
    assert squares_BSA is not None
    assert d_v_BA is not None
    inside_BSA = torch.tanh(query_BA.to(keys_BSA.dtype)[:, None] + keys_BSA)
    pulled_BSA = d_scores_BS1 * inside_BSA
    squared_BSA = pulled_BSA * inside_BSA
    squares_BSA.add_(squared_BSA)
    d_v_BA.add_(pulled_BSA.sum(1))
    return -v_A * squared_BSA.sum(1)


EAGER = Pieces(gru, gru_backward, None, None)
