"""Deep transition: GRUs without input between two positions of the source or the target."""

# B sentences   K rows of a sentence, of which there is one in the encoder   D state   G = 3 * D gates

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.gates import update_state


class Transition(nn.Module):
    """One GRU without input: h' = GRU(h)         Pascanu et al. 2014, arXiv:1312.6026, 3.2

    r = sigm(b_r);  z = sigm(b_z);  n = tanh(r * b_n);  h' = n + z * (h - n);  b = U h + c

    In the form of Miceli Barone et al. 2017, arXiv:1707.07631, 2.2, whose transitions are GRUs without input: z keeps a
    part of the state as it is. Layer normalisation applies to b. Unlike in theirs, attention is not between two
    transitions, but where the wiring has it: before all of them or after.
    """

    def __init__(self, size: int, layer_norm: bool) -> None:
        super().__init__()
        self.from_hidden = nn.Linear(size, 3 * size)
        self.norm_hidden = nn.LayerNorm(3 * size) if layer_norm else nn.Identity()

    def forward(self, hidden_BKD: Tensor, weight_GD: Tensor) -> Tensor:
        """`weight_GD` is that of `from_hidden`, in training with dropout. -> hidden_BKD"""
        hidden_BKG = self.norm_hidden(F.linear(hidden_BKD, weight_GD, self.from_hidden.bias))
        return update_state(torch.zeros_like(hidden_BKG), hidden_BKG, hidden_BKD)
