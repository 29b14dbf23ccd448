"""GRUs without input between two positions of a fused loop, and their gradients: see nmt.model.transitions.

    r, z = sigm(b_r), sigm(b_z);  n = tanh(r * b_n);  h' = n + z * (h - n)        b = U h + c

These are the equations of nmt.kernels.recurrence with a = 0, so the kernels are those of the loop.
"""

# K transitions   T positions   B sentences   D state   G = 3 * D gates

from typing import NamedTuple

import torch
from torch import Tensor

from nmt.kernels.layer_norm import LayerNormSteps
from nmt.kernels.pointwise import Gates, Kernels
from nmt.model.linear import bias_gradient, weight_gradient


class TransitionInputs(NamedTuple):
    """The parameters of all transitions. The gradients have the same names."""

    transition_weight_KGD: Tensor | None = None
    transition_bias_KG: Tensor | None = None
    norm_transition_weight_KG: Tensor | None = None
    norm_transition_bias_KG: Tensor | None = None


class Kept(NamedTuple):
    """What the backward pass reads of one transition at one position."""

    operand_BD: Tensor
    hidden_BD: Tensor
    hidden_gates_BG: Tensor
    gates: Gates


class TransitionSteps:
    """Transitions of one position after the other. Without weights there are none."""

    def __init__(self, inputs: TransitionInputs, operand: torch.dtype, kernels: Kernels) -> None:
        self.operand, self.kernels = operand, kernels
        self.kept_TK: list[list[Kept]] = []
        self.weights: list[Tensor] = []
        if inputs.transition_weight_KGD is None or inputs.transition_bias_KG is None:
            return
        D = inputs.transition_weight_KGD.shape[-1]
        self.weights = list(inputs.transition_weight_KGD.to(operand).roll(D, 1))  # in the order n, r, z
        self.biases = list(inputs.transition_bias_KG.to(operand).roll(D, 1))
        scale_KG, shift_KG = inputs.norm_transition_weight_KG, inputs.norm_transition_bias_KG
        if scale_KG is None or shift_KG is None:
            self.norms = [LayerNormSteps(None, None)] * len(self.weights)
        else:
            self.norms = [LayerNormSteps(*pair, roll=D) for pair in zip(scale_KG, shift_KG, strict=True)]

    def forward(self, hidden_BD: Tensor) -> Tensor:
        """-> hidden_BD"""
        steps: list[Kept] = []
        for k, weight_GD in enumerate(self.weights):
            operand_BD = hidden_BD.to(self.operand)
            hidden_gates_BG = self.norms[k].forward(torch.addmm(self.biases[k], operand_BD, weight_GD.t()))
            if not k:
                zeros_BG = torch.zeros_like(hidden_gates_BG)
            gates, after_BD = self.kernels.gru(zeros_BG, hidden_gates_BG, hidden_BD)
            steps.append(Kept(operand_BD, hidden_BD, hidden_gates_BG, gates))
            hidden_BD = after_BD
        self.kept_TK.append(steps)
        return hidden_BD

    def allocate(self, like_BD: Tensor) -> None:
        """Buffers for the gradients of all positions."""
        K, T, (B, D) = len(self.weights), len(self.kept_TK), like_BD.shape
        self.d_normed_KTBG = like_BD.new_empty(K, T, B, 3 * D, dtype=self.operand)
        has_norms = bool(self.weights) and any(self.norms)
        self.d_gates_KTBG = torch.empty_like(self.d_normed_KTBG) if has_norms else self.d_normed_KTBG

    def backward(self, t: int, d_hidden_BD: Tensor, d_product_BD: Tensor) -> tuple[Tensor, Tensor]:
        """From the gradient of the last state, which is the sum of the two, to that of the first in the same form."""
        if not self.weights:
            return d_hidden_BD, d_product_BD
        D = d_hidden_BD.shape[-1]
        for k in reversed(range(len(self.weights))):
            _, hidden_BD, hidden_gates_BG, gates = self.kept_TK[t][k]
            d_hidden_BD, *d_gates, _ = self.kernels.gru_backward(
                d_hidden_BD, d_product_BD, hidden_BD, gates, hidden_gates_BG[:, :D]
            )
            torch.cat(d_gates, -1, out=self.d_normed_KTBG[k, t])
            if self.norms[k]:
                self.d_gates_KTBG[k, t] = self.norms[k].backward(t, self.d_normed_KTBG[k, t])
            d_product_BD = torch.mm(self.d_gates_KTBG[k, t], self.weights[k])
        return d_hidden_BD, d_product_BD

    def gradients(self) -> TransitionInputs:
        """The gradients of all parameters, after the last `backward`."""
        if not self.weights:
            return TransitionInputs()
        D = self.weights[0].shape[-1]
        operands = [torch.stack([steps[k].operand_BD for steps in self.kept_TK]) for k in range(len(self.weights))]
        pairs = zip(self.d_gates_KTBG, operands, strict=True)
        d_weight_KGD = torch.stack([weight_gradient(d_gates_TBG, operand_TBD) for d_gates_TBG, operand_TBD in pairs])
        d_bias_KG = torch.stack([bias_gradient(d_gates_TBG) for d_gates_TBG in self.d_gates_KTBG])
        d_norms = zip(*map(LayerNormSteps.gradients, self.norms, self.d_normed_KTBG), strict=True)
        d_stacked = (None if pair[0] is None else torch.stack(pair) for pair in d_norms)
        return TransitionInputs(d_weight_KGD.roll(-D, 1), d_bias_KG.roll(-D, 1), *d_stacked)
