"""Recurrences without products of states: all products stand before the loop, whose steps are element-wise."""

# S source positions   B sentences   E input   H state   G gates: 3 * H of a GRU

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.gates import split_gates
from nmt.model.gru import call_gru


class WithoutProducts(nn.Module):
    """What these cells share: one product with the input, for several numbers of each dimension of the state."""

    recurrent_weights: Sequence[Tensor] = ()
    recurrent_biases: Sequence[Tensor] = ()

    def __init__(self, input_size: int, size: int, parts: int) -> None:
        super().__init__()
        self.hidden_size = size
        self.from_input = nn.Linear(input_size, parts * size)

    def project(self, inputs_SBE: Tensor) -> Tensor:
        """What steps read of the input. -> gates_SBG"""
        gates_SBG: Tensor = self.from_input(inputs_SBE)
        return gates_SBG


class MinimalGRU(WithoutProducts):
    """minGRU                                      Feng et al. 2024, arXiv:2410.01201, 3.1

    z = sigm(W_z x + b_z);  n = tanh(W_n x + b_n);  h' = n + z * (h - n)

    Theirs has no tanh; here it keeps states in [-1, 1], as those of a GRU are. With it, this is the f-pooling of a QRNN
    with windows of one position (Bradbury et al. 2017, arXiv:1611.01576, 2.1).
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__(input_size, size, 2)  # z, then n

    def forward(self, inputs_SBE: Tensor, weights: Sequence[Tensor] = ()) -> Tensor:
        """From a state of zeros, by torch. -> states_SBH"""
        return call_gru(inputs_SBE, self.as_gru(), self.training)

    def as_gru(self) -> tuple[Tensor, ...]:
        """The weights of a torch.nn.GRU that computes the same. -> weight_GE, weight_GH, bias_G, hidden_bias_G

        Those of the recurrence are zero, so nothing depends on the reset gate.
        """
        size, weight = self.hidden_size, self.from_input.weight
        weight_GE, bias_G = F.pad(weight, (0, 0, size, 0)), F.pad(self.from_input.bias, (size, 0))
        return weight_GE, weight.new_zeros(3 * size, size), bias_G, torch.zeros_like(bias_G)


class LightweightNetwork(WithoutProducts):
    """LRN                                         Zhang and Sennrich 2019, arXiv:1905.13324, 3

    [q; k; v] = W x + b;  i = sigm(k + h);  f = sigm(q - h);  h' = tanh(i * v + f * h)

    Unlike theirs, the products have a bias. Of the activations that they name, tanh keeps states in [-1, 1].
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__(input_size, size, 3)  # q, k, v

    def forward(self, inputs_SBE: Tensor, weights: Sequence[Tensor] = ()) -> Tensor:
        """From a state of zeros, step by step. -> states_SBH"""
        gates_SBG = self.project(inputs_SBE)
        hidden_BH = gates_SBG.new_zeros(gates_SBG.shape[1], self.hidden_size)
        states = []
        for query_BH, key_BH, value_BH in zip(*split_gates(gates_SBG), strict=True):
            kept_BH = torch.sigmoid(query_BH - hidden_BH) * hidden_BH
            hidden_BH = torch.tanh(torch.sigmoid(key_BH + hidden_BH) * value_BH + kept_BH)
            states.append(hidden_BH)
        return torch.stack(states)
