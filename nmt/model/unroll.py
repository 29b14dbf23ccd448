"""The decoder over a whole target, one position after the other: the readable loop; autograd does the rest."""

# B sentences   T target positions   E embedding   R readout   S source positions

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.model.attention.scores import Memory
from nmt.model.cells import Carry, Cell


class Unrolled(NamedTuple):
    """What the decoder yields at every target position."""

    readout_BTR: Tensor
    attention_BTS: Tensor


Unroll = Callable[[Cell, Tensor, Carry, Memory], Unrolled]


def unroll(cell: Cell, embedded_BTE: Tensor, carry: Carry, memory: Memory) -> Unrolled:
    """Run `cell` along the target, each position reading the embedding of the token before it."""
    steps = []
    for inputs_BI in cell.project(embedded_BTE).unbind(1):
        step = cell(inputs_BI[:, None], carry, memory)
        carry = step.carry
        steps.append(step)
    readout_BTR = torch.cat([step.readout_BKR for step in steps], dim=1)
    return Unrolled(readout_BTR, torch.cat([step.attention_BKS for step in steps], dim=1))
