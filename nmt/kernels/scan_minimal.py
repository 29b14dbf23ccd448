"""Recurrences without products of states over whole sequences, several in parallel, with backward passes by hand.

    minimal GRU:           h(t) = n(t) + z(t) * (h(t-1) - n(t))
                           d_n = d_h * (1 - z);  d_z(t) = d_h(t) * (h(t-1) - n(t))
    lightweight network:   i(t) = sigm(k(t) + h(t-1));  f(t) = sigm(q(t) - h(t-1))
                           s(t) = i(t) * v(t) + f(t) * h(t-1);  h = tanh(s)
                           d_s = d_h * (1 - h^2);  d_v = d_s * i
                           d_k = d_s * v * i * (1 - i);  d_q(t) = d_s(t) * h(t-1) * f(t) * (1 - f(t))

Each step is element-wise. So what a state adds to the gradient of the state before is a factor of its own gradient,

    d_h(t) = d_out(t) + c(t+1) * d_h(t+1)

and the factors of all positions are computed at once: c = z, or c = (1 - h^2) * (f + d_k / d_s - d_q / d_s).
"""

# P recurrences in parallel   T positions   B sentences   N = T * B   E input   D state   G gates: 2 * D or 3 * D

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.model.linear import pad_rows
from nmt.model.minimal import MinimalGRU, WithoutProducts


def scan_minimal(cells: Sequence[WithoutProducts], inputs_PTBE: Tensor) -> Tensor:
    """Run each over its own inputs, from a state of zeros. -> states_PTBD, in the type of the products"""
    weight_PGE = torch.stack([cell.from_input.weight for cell in cells])
    bias_PG = torch.stack([cell.from_input.bias for cell in cells])
    P, T, B, _ = inputs_PTBE.shape
    gates_PNG = torch.baddbmm(bias_PG[:, None], pad_rows(inputs_PTBE.flatten(1, 2)), weight_PGE.transpose(1, 2))
    gates_TPBG = gates_PNG[:, : T * B].view(P, T, B, -1).transpose(0, 1)
    work = torch.promote_types(gates_TPBG.dtype, torch.float32)
    parts = torch.split(gates_TPBG.to(work), cells[0].hidden_size, -1)
    states_TPBD: Tensor
    if isinstance(cells[0], MinimalGRU):
        states_TPBD = Pool.apply(torch.sigmoid(parts[0]), torch.tanh(parts[1]))  # type: ignore[no-untyped-call]
    else:
        states_TPBD = Lightweight.apply(*parts)  # type: ignore[no-untyped-call]
    return states_TPBD.transpose(0, 1).to(gates_TPBG.dtype)


class Pool(torch.autograd.Function):
    """The loop of a minimal GRU as one differentiable function."""

    @staticmethod
    def forward(ctx: Any, keep_TPBD: Tensor, new_TPBD: Tensor) -> Tensor:
        """-> states_TPBD"""
        T, *rest = new_TPBD.shape
        states_TPBD = new_TPBD.new_zeros(T + 1, *rest)
        for t in range(T):
            torch.lerp(new_TPBD[t], states_TPBD[t], keep_TPBD[t], out=states_TPBD[t + 1])
        ctx.save_for_backward(keep_TPBD, new_TPBD, states_TPBD[:-1])
        return states_TPBD[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states_TPBD: Tensor) -> tuple[Tensor, Tensor]:
        keep_TPBD, new_TPBD, before_TPBD = ctx.saved_tensors
        d_TPBD = accumulate_gradients(d_states_TPBD, keep_TPBD)
        return d_TPBD * (before_TPBD - new_TPBD), d_TPBD * (1 - keep_TPBD)


class Lightweight(torch.autograd.Function):
    """The loop of a lightweight network as one differentiable function."""

    @staticmethod
    def forward(ctx: Any, query_TPBD: Tensor, key_TPBD: Tensor, value_TPBD: Tensor) -> Tensor:
        """-> states_TPBD"""
        T, *rest = value_TPBD.shape
        states_TPBD = value_TPBD.new_zeros(T + 1, *rest)
        forget_TPBD, input_TPBD = torch.empty_like(states_TPBD[1:]), torch.empty_like(states_TPBD[1:])
        for t, hidden_PBD in enumerate(states_TPBD[:-1]):
            torch.sigmoid(query_TPBD[t] - hidden_PBD, out=forget_TPBD[t])
            torch.sigmoid(key_TPBD[t] + hidden_PBD, out=input_TPBD[t])
            kept_PBD = forget_TPBD[t] * hidden_PBD
            torch.tanh(kept_PBD.addcmul_(input_TPBD[t], value_TPBD[t]), out=states_TPBD[t + 1])
        ctx.save_for_backward(forget_TPBD, input_TPBD, value_TPBD, states_TPBD)
        return states_TPBD[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states_TPBD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        forget_TPBD, input_TPBD, value_TPBD, states_TPBD = ctx.saved_tensors
        query_factor_TPBD = states_TPBD[:-1] * forget_TPBD * (1 - forget_TPBD)
        key_factor_TPBD = value_TPBD * input_TPBD * (1 - input_TPBD)
        slope_TPBD = 1 - states_TPBD[1:].square()
        factors_TPBD = slope_TPBD * (forget_TPBD + key_factor_TPBD - query_factor_TPBD)
        d_sum_TPBD = slope_TPBD * accumulate_gradients(d_states_TPBD, factors_TPBD)
        return d_sum_TPBD * query_factor_TPBD, d_sum_TPBD * key_factor_TPBD, d_sum_TPBD * input_TPBD


def accumulate_gradients(d_states_TPBD: Tensor, factors_TPBD: Tensor) -> Tensor:
    """The gradients of all states, from what flows into each from outside, and the factors c. -> d_TPBD"""
    d_TPBD = d_states_TPBD.contiguous().clone()
    for t in reversed(range(len(d_TPBD) - 1)):
        d_TPBD[t].addcmul_(factors_TPBD[t + 1], d_TPBD[t + 1])
    return d_TPBD
