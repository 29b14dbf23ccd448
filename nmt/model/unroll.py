"""The decoder over a whole target, one position after the other: the readable loop, differentiated by autograd."""

# B sentences   T target positions   E embedding   R readout   S source positions   G = 3 * D gates
# D decoder state

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.model.attention.base import Memory
from nmt.model.cells import Carry, Cell


class Unrolled(NamedTuple):
    """What the decoder computes at every target position."""

    readout_BTR: Tensor
    attention_BTS: Tensor


Unroll = Callable[[Cell, Tensor, Carry, Memory], Unrolled]


def unroll(cell: Cell, embedded_BTE: Tensor, carry: Carry, memory: Memory) -> Unrolled:
    """Run `cell` along the target. `embedded_BTE` holds the embedding of the token before each position."""
    outputs = []
    weight_GD = cell.weight_dropout(cell.from_hidden.weight)
    for inputs_BI in cell.project_embedding(embedded_BTE).unbind(1):
        output = cell(inputs_BI[:, None], carry, memory, weight_GD)
        carry = output.carry
        outputs.append(output)
    readout_BTR = torch.cat([output.readout_BKR for output in outputs], dim=1)
    return Unrolled(readout_BTR, torch.cat([output.attention_BKS for output in outputs], dim=1))
