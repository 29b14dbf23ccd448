"""A GRU without recurrent products: all products stand before its loop, whose steps are element-wise."""

# S source positions   B sentences   E input   H state   G = 3 * H gates of a GRU

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MinimalGRU(nn.Module):
    """minGRU                                      Feng et al. 2024, arXiv:2410.01201, 3.1

    z = sigm(W_z x + b_z);  n = tanh(W_n x + b_n);  h' = n + z * (h - n)

    Theirs has no tanh; here it keeps states in [-1, 1], as those of a GRU are. With it, this is the f-pooling of a QRNN
    with windows of one position (Bradbury et al. 2017, arXiv:1611.01576, 2.1).
    """

    def __init__(self, input_size: int, size: int) -> None:
        super().__init__()
        self.hidden_size = size
        self.from_input = nn.Linear(input_size, 2 * size)  # z, then n

    def as_gru(self) -> tuple[Tensor, ...]:
        """The weights of a torch.nn.GRU that computes the same. -> weight_GE, weight_GH, bias_G, hidden_bias_G

        Those of the recurrence are zero, so nothing depends on the reset gate.
        """
        size, weight = self.hidden_size, self.from_input.weight
        weight_GE, bias_G = F.pad(weight, (0, 0, size, 0)), F.pad(self.from_input.bias, (size, 0))
        return weight_GE, weight.new_zeros(3 * size, size), bias_G, torch.zeros_like(bias_G)
