"""The equations of a GRU after its products.

r = sigm(a_r + b_r);  z = sigm(a_z + b_z);  n = tanh(a_n + r * b_n);  h' = n + z * (h - n)

Cho et al. 2014, arXiv:1406.1078, in the form of torch.nn.GRUCell: the reset gate acts after the product with h.
"""

# D state   G = 3 * D gates

import torch
from torch import Tensor


def split_gates(gates: Tensor) -> tuple[Tensor, ...]:
    """The three gates of a GRU, one after the other: reset, keep and new. (…, G) -> three times (…, D)"""
    return torch.split(gates, gates.shape[-1] // 3, -1)


def update_state(input_gates: Tensor, hidden_gates: Tensor, hidden: Tensor) -> Tensor:
    """One update, from a = W x + b and b = U h + c. (…, G), (…, G), (…, D) -> (…, D)"""
    reset, keep, new = split_gates(input_gates)
    reset_h, keep_h, new_h = split_gates(hidden_gates)
    keep = torch.sigmoid(keep + keep_h)
    new = torch.tanh(new + torch.sigmoid(reset + reset_h) * new_h)
    return new + keep * (hidden - new)
