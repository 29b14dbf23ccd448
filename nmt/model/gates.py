"""The equations of a GRU after its products.

r = sigm(a_r + b_r);  z = sigm(a_z + b_z);  n = tanh(a_n + r * b_n);  h' = n + z * (h - n)

Cho et al. 2014, arXiv:1406.1078, in the form of torch.nn.GRUCell: the reset gate acts after the product with h.
"""

# B sentences   K rows of a sentence   D state   G = 3 * D gates

import torch
from torch import Tensor


def split_gates(gates_BKG: Tensor) -> tuple[Tensor, ...]:
    """The three gates of a GRU, one after the other: reset, keep and new. -> three times (B, K, D)"""
    return torch.split(gates_BKG, gates_BKG.shape[-1] // 3, -1)


def update_state(input_gates_BKG: Tensor, hidden_gates_BKG: Tensor, hidden_BKD: Tensor) -> Tensor:
    """One update, from a = W x + b and b = U h + c. -> hidden_BKD"""
    reset_BKD, keep_BKD, new_BKD = split_gates(input_gates_BKG)
    reset_h_BKD, keep_h_BKD, new_h_BKD = split_gates(hidden_gates_BKG)
    keep_BKD = torch.sigmoid(keep_BKD + keep_h_BKD)
    new_BKD = torch.tanh(new_BKD + torch.sigmoid(reset_BKD + reset_h_BKD) * new_h_BKD)
    return new_BKD + keep_BKD * (hidden_BKD - new_BKD)
