"""The decoder over a whole target, fast: `unroll` with a backward pass written by hand.

It has the parameters and the signature of `unroll` and computes the same. Under autocast the operands of products have
its type; states, gates, softmax and their gradients stay in float32.
"""

# B sentences   T target positions   S source positions   E embedding   M memory   D decoder state   A attention space
# G = 3 * D gates   R readout   X = M + D, or R   N = H * B rows of attention

import torch
from torch import Tensor

from nmt.kernels.attention_step import AttentionFunction
from nmt.kernels.pointwise import EAGER_KERNELS, Kernels
from nmt.kernels.recurrence import additive_vector, more_parameters, run_recurrence
from nmt.kernels.scan import scan, scan_layer
from nmt.model.attention.base import Memory
from nmt.model.cells import AttendThenUpdate, Carry, Cell
from nmt.model.encoder import Layer
from nmt.model.linear import apply_linear
from nmt.model.unroll import Unrolled, unroll
from nmt.model.upper import UpperLayers


def unroll_fused(
    cell: Cell,
    embedded_BTE: Tensor,
    carry: Carry,
    memory: Memory,
    layer: Layer = scan_layer,
    kernels: Kernels = EAGER_KERNELS,
) -> Unrolled:
    """Run `cell` along the target. Whatever does not recur is computed for all positions at once.

    `layer` computes each upper layer of the decoder.

    Attention takes part where its score has a `fused_form`. Other attention (a kind that names no form, coverage,
    predictive windows, several kinds, gates renormalised over sparse weights) is computed as `unroll` does, or for all
    positions at once where neither the decoder's state nor a history depends on it.
    """
    attention = cell.attention
    is_fused = attention.fused_form is not None
    if not is_fused and (cell.from_loop is not None or attention.has_history):
        return unroll(cell, embedded_BTE, carry, memory, layer)
    embedded_TBE = embedded_BTE.transpose(0, 1).contiguous()
    weights = [cell.weight_dropout(weight_GD) for weight_GD in cell.recurrent_weights]
    input_gates_TBG: Tensor = apply_linear(cell.from_embedding, embedded_TBE)
    inputs = attention.build_fused_inputs(memory, carry.history_BKP, len(embedded_TBE)) if is_fused else None
    if cell.from_loop is not None:
        assert inputs is not None
        fed_TBR, joined_TBX, weights_TNS = run_recurrence(cell, input_gates_TBG, carry, inputs, weights, kernels)
        weights_BTS = attention.summarise_weights(weights_TNS, memory)
        if fed_TBR is not None and cell.upper is None:
            return Unrolled(fed_TBR.transpose(0, 1), weights_BTS)
    else:
        first_BD, bias_G = carry.hidden_BKD[:, 0], cell.from_hidden.bias
        hidden_TBD = scan(
            input_gates_TBG[:, None],
            first_BD[None],
            weights[0][None],
            bias_G[None],
            more_parameters(cell, weights),
            kernels,
        )[:, 0]
        attending_TBD = hidden_TBD
        if isinstance(cell, AttendThenUpdate):
            attending_TBD = torch.cat((first_BD[None].to(hidden_TBD.dtype), hidden_TBD[:-1]))
        if inputs is not None and (attention.fused_form == "additive" or attention.has_history):
            query_TBA = attention.base_score.project_query(attending_TBD)
            context_TBM, weights_TNS = AttentionFunction.apply(  # type: ignore[no-untyped-call]
                kernels, attention.normalizer, query_TBA, additive_vector(attention), *inputs
            )
            weights_BTS = attention.summarise_weights(weights_TNS, memory)
        else:
            context_BTM, weights_BTS, *_ = attention(attending_TBD.transpose(0, 1), memory)
            context_TBM = context_BTM.transpose(0, 1)
        parts = hidden_TBD, context_TBM.to(hidden_TBD.dtype)
        joined_TBX = torch.cat(parts if isinstance(cell, AttendThenUpdate) else parts[::-1], dim=-1)
    if cell.upper is not None:
        joined_TBX = apply_upper_layers(cell, cell.upper, joined_TBX, layer)
    readout, norm = cell.output_readout
    readout_TBR = apply_linear(readout, joined_TBX)
    if isinstance(cell, AttendThenUpdate):
        readout_TBR = readout_TBR + apply_linear(cell.readout_embedding, embedded_TBE)
    readout_TBR = torch.tanh(norm(readout_TBR))
    return Unrolled(readout_TBR.transpose(0, 1), weights_BTS)


def apply_upper_layers(cell: Cell, upper: UpperLayers, joined_TBX: Tensor, layer: Layer) -> Tensor:
    """State and context, in the order of `run_recurrence`, with the output of the top layer for state. -> joined_TBX"""
    state_size = cell.from_hidden.in_features
    context_size = joined_TBX.shape[-1] - state_size
    joined_BTX = joined_TBX.transpose(0, 1)
    if isinstance(cell, AttendThenUpdate):
        state_BTD, context_BTM = torch.split(joined_BTX, [state_size, context_size], -1)
        return torch.cat((upper(state_BTD, context_BTM, layer), context_BTM), -1).transpose(0, 1)
    context_BTM, state_BTD = torch.split(joined_BTX, [context_size, state_size], -1)
    return torch.cat((context_BTM, upper(state_BTD, context_BTM, layer)), -1).transpose(0, 1)
