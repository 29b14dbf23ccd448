"""torch's GRU, with other weights of its recurrence than its own, and with transitions after each update."""

# S source positions   B sentences   E input   H state   G = 3 * H gates

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.gates import update_state
from nmt.model.transitions import Transition


class GRU(nn.GRU):
    """h(t) = T_K(... T_1(GRU(x(t), h(t-1))))      Miceli Barone et al. 2017, arXiv:1707.07631, 2.2

    The transitions T are those of nmt.model.transitions, without layer normalisation. Without any, torch runs the loop.
    """

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    def __init__(self, input_size: int, size: int, transitions: int = 0) -> None:
        super().__init__(input_size, size)
        self.transitions: Sequence[Transition] = nn.ModuleList(  # type: ignore[assignment]
            Transition(size, layer_norm=False) for _ in range(transitions)
        )

    @property
    def recurrent_weights(self) -> list[Tensor]:
        """The weights that multiply states: that of the GRU, then those of its transitions."""
        return [self.weight_hh_l0, *(one.from_hidden.weight for one in self.transitions)]

    @property
    def recurrent_biases(self) -> list[Tensor]:
        """The biases of those products."""
        return [self.bias_hh_l0, *(one.from_hidden.bias for one in self.transitions)]

    def forward(self, inputs_SBE: Tensor, weights: Sequence[Tensor]) -> Tensor:  # type: ignore[override]
        """From a state of zeros, with `weights` for `recurrent_weights`. -> states_SBH"""
        weight_GH, *others = weights
        if others:
            return self.run_loop(inputs_SBE, weight_GH, others)
        if weight_GH is not self.weight_hh_l0:
            parameters = self.weight_ih_l0, weight_GH, self.bias_ih_l0, self.bias_hh_l0
            return call_gru(inputs_SBE, parameters, self.training)
        states_SBH: Tensor
        states_SBH, _ = super().forward(inputs_SBE)
        return states_SBH

    def project(self, inputs_SBE: Tensor) -> Tensor:
        """The input's share of the gates. -> input_gates_SBG"""
        return F.linear(inputs_SBE, self.weight_ih_l0, self.bias_ih_l0)

    def run_loop(self, inputs_SBE: Tensor, weight_GH: Tensor, others: Sequence[Tensor]) -> Tensor:
        """`forward` with transitions, step by step; `others` are their weights. -> states_SBH"""
        input_gates_SBG = self.project(inputs_SBE)
        hidden_B1H = input_gates_SBG.new_zeros(input_gates_SBG.shape[1], 1, self.hidden_size)
        states = []
        for input_gates_B1G in input_gates_SBG[:, :, None]:
            hidden_gates_B1G = F.linear(hidden_B1H, weight_GH, self.bias_hh_l0)
            hidden_B1H = update_state(input_gates_B1G, hidden_gates_B1G, hidden_B1H)
            for transition, other_GH in zip(self.transitions, others, strict=True):
                hidden_B1H = transition(hidden_B1H, other_GH)
            states.append(hidden_B1H[:, 0])
        return torch.stack(states)


def call_gru(inputs_SBE: Tensor, weights: Any, training: bool) -> Tensor:
    """torch's GRU with weights that need not be those of a module. -> states_SBH"""
    first_1BH = inputs_SBE.new_zeros(1, inputs_SBE.shape[1], weights[1].shape[1])
    states_SBH: Tensor
    with warnings.catch_warnings():  # cuDNN copies weights that it did not lay out itself
        warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk", UserWarning)
        states_SBH, _ = torch.gru(inputs_SBE, first_1BH, weights, True, 1, 0.0, training, False, False)
    return states_SBH
