"""GRUs over whole sequences, several in parallel, with a backward pass written by hand.

The encoder runs its two directions this way, and so does a decoder whose recurrence does not depend on attention. The
derivation is at the top of nmt.kernels.recurrence.
"""

# P GRUs in parallel   T positions   B sentences   N = P * B rows, or P * T * B   E input   D state   G = 3 * D gates
# F features   C = 4 * D gradients of gates   O output   I input

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nmt.kernels.layer_norm import LayerNormSteps
from nmt.kernels.pointwise import EAGER_KERNELS, Kernels
from nmt.kernels.scan_minimal import scan_minimal
from nmt.kernels.transitions import TransitionInputs, TransitionSteps
from nmt.model.gru import GRU
from nmt.model.linear import bias_gradient, pad_rows, product_dtype, weight_gradient


def scan_layer(
    cells: Sequence[Any],
    inputs_PTBE: Tensor,
    recurrent_weights: Sequence[Sequence[Tensor]],
    kernels: Kernels = EAGER_KERNELS,
) -> Tensor:
    """Run each cell over its own inputs, with these weights for its `recurrent_weights`. -> states_PTBD"""
    if not isinstance(cells[0], GRU):
        return scan_minimal(cells, inputs_PTBE)
    input_weight_PGE = torch.stack([one.weight_ih_l0 for one in cells])
    input_bias_PG = torch.stack([one.bias_ih_l0 for one in cells])
    weight_PGD, *others_PGD = map(torch.stack, zip(*recurrent_weights, strict=True))
    bias_PG, *others_PG = map(torch.stack, zip(*(one.recurrent_biases for one in cells), strict=True))
    P, T, B, _ = inputs_PTBE.shape
    rows_PNE = pad_rows(inputs_PTBE.flatten(1, 2))
    input_gates_PNG = torch.baddbmm(input_bias_PG[:, None], rows_PNE, input_weight_PGE.transpose(1, 2))
    input_gates_TPBG = input_gates_PNG[:, : T * B].view(P, T, B, -1).transpose(0, 1)
    more: dict[str, Tensor | None] = {}
    if others_PGD:
        more = {"transition_weight_KPGD": torch.stack(others_PGD), "transition_bias_KPG": torch.stack(others_PG)}
    hidden_PBD = bias_PG.new_zeros(P, B, weight_PGD.shape[-1])
    return scan(input_gates_TPBG, hidden_PBD, weight_PGD, bias_PG, more, kernels).transpose(0, 1)


def scan(
    input_gates_TPBG: Tensor,
    hidden_PBD: Tensor,
    weight_PGD: Tensor,
    bias_PG: Tensor,
    more: dict[str, Tensor | None],
    kernels: Kernels = EAGER_KERNELS,
) -> Tensor:
    """Run GRUs from `input_gates` W x + b, with the weight U and the bias c of nmt.model.cells.Cell.

    `more` may hold the parameters of transitions and, for a single GRU, those of layer norms: weight and bias of the
    norms of W x + b and of U h + c. -> states_TPBD, as operands of products
    """
    names = [f"norm_{side}_{key}_G" for side in ("input", "hidden") for key in ("weight", "bias")]
    parameters = [more.get(name) for name in (*names, *TransitionInputs._fields)]
    states_TPBD: Tensor = Scan.apply(  # type: ignore[no-untyped-call]
        kernels, product_dtype(input_gates_TPBG), input_gates_TPBG, hidden_PBD, weight_PGD, bias_PG, *parameters
    )
    return states_TPBD


class Scan(torch.autograd.Function):
    """The loop as one differentiable function. In its element-wise part all sentences of all GRUs are rows N."""

    @staticmethod
    def forward(
        ctx: Any,
        kernels: Kernels,
        operand: torch.dtype,
        input_gates_TPBG: Tensor,
        hidden_PBD: Tensor,
        weight_PGD: Tensor,
        bias_PG: Tensor,
        *more: Tensor | None,
    ) -> Tensor:
        T, P, B, G = input_gates_TPBG.shape
        D = G // 3
        with torch.autocast(input_gates_TPBG.device.type, enabled=False):
            input_gates_TNG = input_gates_TPBG.detach().reshape(T, P * B, G)
            weight_PGD = weight_PGD.to(operand).roll(D, 1)
            weight_PDG = weight_PGD.transpose(1, 2)
            bias_P1G = bias_PG.to(operand).roll(D, 1)[:, None]
            norm_input, norm_hidden = LayerNormSteps(more[0], more[1]), LayerNormSteps(more[2], more[3], roll=D)
            transitions = TransitionSteps(TransitionInputs(*more[4:]), operand, kernels)
            states_TPBD = hidden_PBD.new_empty(T + 1, P, B, D, dtype=operand)
            states_TPBD[0] = hidden_PBD
            hidden_TND, gates_T, hidden_gates_TNG = [hidden_PBD.detach().flatten(0, 1)], [], []
            for t, input_gates_NG in enumerate(input_gates_TNG):
                hidden_gates_NG = torch.baddbmm(bias_P1G, states_TPBD[t], weight_PDG).view(P * B, G)
                hidden_gates_TNG.append(norm_hidden.forward(hidden_gates_NG))
                gates, hidden_ND = kernels.gru(norm_input.forward(input_gates_NG), hidden_gates_TNG[t], hidden_TND[t])
                hidden_ND = transitions.forward(hidden_ND)
                gates_T.append(gates)
                hidden_TND.append(hidden_ND)
                states_TPBD[t + 1] = hidden_ND.view(P, B, D)
        ctx.kept = kernels, weight_PGD, gates_T, hidden_TND, states_TPBD, hidden_gates_TNG
        ctx.steps = norm_input, norm_hidden, transitions
        return states_TPBD[1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states_TPBD: Tensor) -> tuple[Tensor | None, ...]:
        kernels, weight_PGD, gates_T, hidden_TND, states_TPBD, hidden_gates_TNG = ctx.kept
        norm_input, norm_hidden, transitions = ctx.steps
        T, P, B, D = d_states_TPBD.shape
        G = 3 * D
        with torch.autocast(d_states_TPBD.device.type, enabled=False):
            # [n_b | r | z | n_a]: the first three belong to U h + c, the last three to W x + b.
            d_TNC = states_TPBD.new_empty(T, P * B, 4 * D)
            d_hidden_gates_TNG, d_input_gates_TNG = d_TNC[..., :G], d_TNC[..., D:]
            if norm_input:
                d_hidden_gates_TNG = torch.empty_like(d_hidden_gates_TNG)
                d_input_gates_TNG = torch.empty_like(d_input_gates_TNG)
            d_hidden_ND = torch.zeros_like(hidden_TND[0])
            d_product_ND = torch.zeros_like(d_TNC[0, :, :D])
            transitions.allocate(d_hidden_ND)
            for t in reversed(range(T)):
                d_hidden_ND += d_states_TPBD[t].flatten(0, 1)
                d_hidden_ND, d_product_ND = transitions.backward(t, d_hidden_ND, d_product_ND)
                d_hidden_ND, *d_gates = kernels.gru_backward(
                    d_hidden_ND, d_product_ND, hidden_TND[t], gates_T[t], hidden_gates_TNG[t][:, :D]
                )
                torch.cat(d_gates, -1, out=d_TNC[t])
                if norm_input:
                    d_input_gates_TNG[t] = norm_input.backward(t, d_TNC[t, :, D:])
                    d_hidden_gates_TNG[t] = norm_hidden.backward(t, d_TNC[t, :, :G])
                d_product_ND = torch.bmm(d_hidden_gates_TNG[t].view(P, B, G), weight_PGD).flatten(0, 1)
            d_hidden_PBD = (d_hidden_ND + d_product_ND).view(P, B, D)
            # One product for each GRU: a batched product would first copy the transposed slices.
            d_PTBG, previous_PTBD = d_hidden_gates_TNG.view(T, P, B, G).unbind(1), states_TPBD[:-1].unbind(1)
            d_weight_PGD = torch.stack([weight_gradient(*pair) for pair in zip(d_PTBG, previous_PTBD, strict=True)])
            d_bias_PG = torch.stack([bias_gradient(d_TBG) for d_TBG in d_PTBG])
            d_norms = *norm_input.gradients(d_TNC[..., D:]), *norm_hidden.gradients(d_TNC[..., :G])
            d_more = *d_norms, *transitions.gradients()
        work = d_hidden_ND.dtype
        d_weight_PGD, d_bias_PG = d_weight_PGD.to(work).roll(-D, 1), d_bias_PG.to(work).roll(-D, 1)
        return None, None, d_input_gates_TNG.view(T, P, B, G), d_hidden_PBD, d_weight_PGD, d_bias_PG, *d_more
