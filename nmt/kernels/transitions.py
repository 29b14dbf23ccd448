"""GRUs without input between two positions of a fused loop, and their gradients: see nmt.model.transitions.

    r, z = sigm(b_r), sigm(b_z);  n = tanh(r * b_n);  h' = n + z * (h - n)        b = U h + c

These are the equations of nmt.kernels.recurrence with a = 0, so the kernels are those of the loop.
"""

# K transitions   P GRUs in parallel, of which there is one where there are norms   T positions   B sentences
# N = P * B rows   D state   G = 3 * D gates

from typing import NamedTuple

import torch
from torch import Tensor

from nmt.kernels.layer_norm import LayerNormSteps
from nmt.kernels.pointwise import Gates, Kernels
from nmt.model.linear import bias_gradient, weight_gradient


class TransitionInputs(NamedTuple):
    """The parameters of all transitions. The gradients have the same names."""

    transition_weight_KPGD: Tensor | None = None
    transition_bias_KPG: Tensor | None = None
    norm_transition_weight_KG: Tensor | None = None
    norm_transition_bias_KG: Tensor | None = None


class Kept(NamedTuple):
    """What the backward pass reads of one transition at one position."""

    operand_PBD: Tensor
    hidden_ND: Tensor
    hidden_gates_NG: Tensor
    gates: Gates


class TransitionSteps:
    """Transitions of one position after the other. Without weights there are none."""

    def __init__(self, inputs: TransitionInputs, operand: torch.dtype, kernels: Kernels) -> None:
        self.operand, self.kernels = operand, kernels
        self.kept_TK: list[list[Kept]] = []
        self.weights: list[Tensor] = []
        if inputs.transition_weight_KPGD is None or inputs.transition_bias_KPG is None:
            return
        self.parallel, _, D = inputs.transition_weight_KPGD.shape[1:]
        self.weights = list(inputs.transition_weight_KPGD.to(operand).roll(D, 2))  # in the order n, r, z
        self.biases = list(inputs.transition_bias_KPG.to(operand).roll(D, 2)[:, :, None])
        scale_KG, shift_KG = inputs.norm_transition_weight_KG, inputs.norm_transition_bias_KG
        if scale_KG is None or shift_KG is None:
            self.norms = [LayerNormSteps(None, None)] * len(self.weights)
        else:
            self.norms = [LayerNormSteps(*pair, roll=D) for pair in zip(scale_KG, shift_KG, strict=True)]

    def forward(self, hidden_ND: Tensor) -> Tensor:
        """-> hidden_ND"""
        steps: list[Kept] = []
        D = hidden_ND.shape[-1]
        for k, weight_PGD in enumerate(self.weights):
            operand_PBD = hidden_ND.to(self.operand).view(self.parallel, -1, D)
            hidden_gates_PBG = torch.baddbmm(self.biases[k], operand_PBD, weight_PGD.transpose(1, 2))
            hidden_gates_NG = self.norms[k].forward(hidden_gates_PBG.flatten(0, 1))
            if not k:
                zeros_NG = torch.zeros_like(hidden_gates_NG)
            gates, after_ND = self.kernels.gru(zeros_NG, hidden_gates_NG, hidden_ND)
            steps.append(Kept(operand_PBD, hidden_ND, hidden_gates_NG, gates))
            hidden_ND = after_ND
        self.kept_TK.append(steps)
        return hidden_ND

    def allocate(self, like_ND: Tensor) -> None:
        """Buffers for the gradients of all positions."""
        K, T, (N, D) = len(self.weights), len(self.kept_TK), like_ND.shape
        self.d_normed_KTNG = like_ND.new_empty(K, T, N, 3 * D, dtype=self.operand)
        has_norms = bool(self.weights) and any(self.norms)
        self.d_gates_KTNG = torch.empty_like(self.d_normed_KTNG) if has_norms else self.d_normed_KTNG

    def backward(self, t: int, d_hidden_ND: Tensor, d_product_ND: Tensor) -> tuple[Tensor, Tensor]:
        """From the gradient of the last state, which is the sum of the two, to that of the first in the same form."""
        if not self.weights:
            return d_hidden_ND, d_product_ND
        D = d_hidden_ND.shape[-1]
        for k in reversed(range(len(self.weights))):
            _, hidden_ND, hidden_gates_NG, gates = self.kept_TK[t][k]
            d_hidden_ND, *d_gates, _ = self.kernels.gru_backward(
                d_hidden_ND, d_product_ND, hidden_ND, gates, hidden_gates_NG[:, :D]
            )
            torch.cat(d_gates, -1, out=self.d_normed_KTNG[k, t])
            if self.norms[k]:
                self.d_gates_KTNG[k, t] = self.norms[k].backward(t, self.d_normed_KTNG[k, t])
            d_gates_PBG = self.d_gates_KTNG[k, t].view(self.parallel, -1, 3 * D)
            d_product_ND = torch.bmm(d_gates_PBG, self.weights[k]).flatten(0, 1)
        return d_hidden_ND, d_product_ND

    def gradients(self) -> TransitionInputs:
        """The gradients of all parameters, after the last `backward`."""
        if not self.weights:
            return TransitionInputs()
        D = self.weights[0].shape[-1]
        d_weights, d_biases = [], []
        for k, d_gates_TNG in enumerate(self.d_gates_KTNG):
            operand_TPBD = torch.stack([steps[k].operand_PBD for steps in self.kept_TK])
            d_gates_TPBG = d_gates_TNG.view(len(self.kept_TK), self.parallel, -1, 3 * D)
            pairs = zip(d_gates_TPBG.unbind(1), operand_TPBD.unbind(1), strict=True)
            d_weights.append(torch.stack([weight_gradient(*pair) for pair in pairs]))
            d_biases.append(torch.stack([bias_gradient(d_gates_TBG) for d_gates_TBG in d_gates_TPBG.unbind(1)]))
        d_norms = zip(*map(LayerNormSteps.gradients, self.norms, self.d_normed_KTNG), strict=True)
        d_stacked = (None if pair[0] is None else torch.stack(pair) for pair in d_norms)
        return TransitionInputs(torch.stack(d_weights).roll(-D, 2), torch.stack(d_biases).roll(-D, 2), *d_stacked)
