"""Minimal GRUs over whole sequences, several in parallel. Their loops have one element-wise operation in a step.

h(t) = n(t) + z(t) * (h(t-1) - n(t))

d_h(t) = d_out(t) + z(t+1) * d_h(t+1);  d_n = d_h * (1 - z);  d_z(t) = d_h(t) * (h(t-1) - n(t))
"""

# P GRUs in parallel   T positions   B sentences   N = T * B   E input   D state   G = 2 * D gates

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.model.linear import pad_rows
from nmt.model.minimal import MinimalGRU


def scan_minimal(cells: Sequence[MinimalGRU], inputs_PTBE: Tensor) -> Tensor:
    """Run each over its own inputs, from a state of zeros. -> states_PTBD, in the type of the products"""
    weight_PGE = torch.stack([cell.from_input.weight for cell in cells])
    bias_PG = torch.stack([cell.from_input.bias for cell in cells])
    P, T, B, _ = inputs_PTBE.shape
    gates_PNG = torch.baddbmm(bias_PG[:, None], pad_rows(inputs_PTBE.flatten(1, 2)), weight_PGE.transpose(1, 2))
    gates_TPBG = gates_PNG[:, : T * B].view(P, T, B, -1).transpose(0, 1)
    work = torch.promote_types(gates_TPBG.dtype, torch.float32)
    keep_TPBD, new_TPBD = gates_TPBG.to(work).chunk(2, -1)
    states_TPBD: Tensor = Pool.apply(torch.sigmoid(keep_TPBD), torch.tanh(new_TPBD))  # type: ignore[no-untyped-call]
    return states_TPBD.transpose(0, 1).to(gates_TPBG.dtype)


class Pool(torch.autograd.Function):
    """The loop as one differentiable function."""

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
        d_TPBD = d_states_TPBD.contiguous().clone()
        for t in reversed(range(len(d_TPBD) - 1)):
            d_TPBD[t].addcmul_(keep_TPBD[t + 1], d_TPBD[t + 1])
        return d_TPBD * (before_TPBD - new_TPBD), d_TPBD * (1 - keep_TPBD)
