"""The decoder over a whole target, one position after the other: the readable loop, differentiated by autograd."""

# B sentences   T target positions   E embedding   R readout   S source positions   G = 3 * D gates
# D decoder state   M memory

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.model.attention.base import Memory
from nmt.model.cells import Carry, Cell
from nmt.model.encoder import Layer, run_layer


class Unrolled(NamedTuple):
    """What the decoder computes at every target position."""

    readout_BTR: Tensor
    attention_BTS: Tensor


Unroll = Callable[[Cell, Tensor, Carry, Memory, Layer], Unrolled]


def unroll(cell: Cell, embedded_BTE: Tensor, carry: Carry, memory: Memory, layer: Layer = run_layer) -> Unrolled:
    """Run `cell` along the target. `embedded_BTE` holds the embedding of the token before each position.

    `layer` computes each upper layer of the decoder; it is `run_layer`, or `scan_layer`, which computes the same.
    """
    steps, readouts = [], []
    weights = [cell.weight_dropout(weight_GD) for weight_GD in cell.recurrent_weights]
    inputs_BTI = cell.project_embedding(embedded_BTE)
    for inputs_B1I in torch.split(inputs_BTI, 1, dim=1):
        step = cell.attend(inputs_B1I, carry, memory, weights)
        carry = step.carry
        steps.append(step)
        if cell.upper is None:
            readouts.append(cell.read_out(inputs_B1I, carry.hidden_BKD, step.context_BKM, carry.fed_BKF))
    if cell.upper is not None:
        state_BTD, context_BTM, fed_BTF = (
            torch.cat(parts, dim=1)
            for parts in zip(*((s.carry.hidden_BKD, s.context_BKM, s.carry.fed_BKF) for s in steps), strict=True)
        )
        readouts = [cell.read_out(inputs_BTI, cell.upper(state_BTD, context_BTM, layer), context_BTM, fed_BTF)]
    return Unrolled(torch.cat(readouts, dim=1), torch.cat([step.attention_BKS for step in steps], dim=1))
