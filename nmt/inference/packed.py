"""The decoder's step and the encoder's layers with packed products; the equations are in nmt.model.cells.

For translation only: there are no gradients.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   E embedding   M memory   D state
# G = 3 * D gates   A attention space   F fed vector   R readout   I inputs from the embedding   O outputs of a product
# P directions   H encoder state

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nmt.inference.product import BuildProduct, Product
from nmt.model.attention.base import Attention, Memory
from nmt.model.attention.scores import AdditiveAttention, ConcatAttention, DotAttention, GeneralAttention, NoAttention
from nmt.model.cells import AttendThenUpdate, Carry, Cell, CellOut, UpdateThenAttend
from nmt.model.encoder import Encoder

CACHED = 1 << 17  # numbers in a block of additive attention for each thread: half a megabyte fits a core's cache


class PackedAttention:
    """Attention from projected queries. Additive scores are computed a block of sentences at a time."""

    def __init__(self, attention: Attention, build_product: BuildProduct, is_bounded: bool) -> None:
        self.size = attention.memory_size
        self.query_weight_AD = self.v_A = self.project_keys = None
        if isinstance(attention, AdditiveAttention):
            self.query_weight_AD, self.v_A = attention.query_weight.weight, attention.v.weight[0]
        if isinstance(attention, AdditiveAttention | GeneralAttention):
            self.project_keys = build_product(attention.key_weight.weight, None, is_bounded)

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        """See Attention.build_memory."""
        if not self.size:
            return Memory(values_BSM[:, :0, :0], values_BSM[:, :0, :0], real_BS[:, :0])
        if self.project_keys is None:
            return Memory(values_BSM, values_BSM, real_BS)
        return Memory(values_BSM, self.project_keys(values_BSM.flatten(0, 1)).view(*real_BS.shape, -1), real_BS)

    def __call__(self, query_BKA: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """-> context_BKM, weights_BKS"""
        if not self.size:
            return query_BKA[..., :0], query_BKA[..., :0]
        scores_BKS = self.score(query_BKA, memory.keys_BSA)
        weights_BKS = scores_BKS.masked_fill_(~memory.real_BS[:, None], -math.inf).softmax(-1)
        return torch.bmm(weights_BKS, memory.values_BSM), weights_BKS

    def score(self, query_BKA: Tensor, keys_BSA: Tensor) -> Tensor:
        """-> scores_BKS"""
        if self.v_A is None:
            return torch.bmm(query_BKA, keys_BSA.transpose(1, 2))
        (B, S, A), K = keys_BSA.shape, query_BKA.shape[1]
        block = B if keys_BSA.is_cuda else max(1, CACHED * torch.get_num_threads() // (K * S * A))
        inside_BKSA = query_BKA.new_empty(min(block, B), K, S, A)
        scores_BKS = query_BKA.new_empty(B, K, S)
        for first in range(0, B, block):
            sentences = slice(first, first + block)
            keys_B1SA, query_BK1A = keys_BSA[sentences, None], query_BKA[sentences, :, None]
            sums_BKSA = torch.add(query_BK1A, keys_B1SA, out=inside_BKSA[: len(keys_B1SA)])
            torch.mv(sums_BKSA.tanh_().view(-1, A), self.v_A, out=scores_BKS[sentences].view(-1))
        return scores_BKS


class PackedCell:
    """A cell in which weights with the same input are one product: what the two wirings share."""

    def __init__(self, cell: Cell, build_product: BuildProduct, is_bounded: bool) -> None:
        self.cell = cell
        self.attention = PackedAttention(cell.attention, build_product, is_bounded)
        self.gates, self.state = cell.from_hidden.weight.shape

    def update(self, input_gates_NG: Tensor, hidden_gates_NG: Tensor, hidden_ND: Tensor) -> Tensor:
        """See Cell.update. -> hidden_ND"""
        return update_hidden(self.cell.norm_input(input_gates_NG), self.cell.norm_hidden(hidden_gates_NG), hidden_ND)

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        """See Cell.forward. Overwrites `inputs_NI`."""
        raise NotImplementedError


class PackedAttendThenUpdate(PackedCell):
    """Products of the old state (gates, query), of the context (gates, readout) and of the new state (readout)."""

    def __init__(self, cell: AttendThenUpdate, build_product: BuildProduct, is_bounded: bool) -> None:
        super().__init__(cell, build_product, is_bounded)
        self.from_state = build_product(*stack_weights(cell.from_hidden, self.attention.query_weight_AD), True)
        state_weight_RD, context_weight_RM = torch.split(cell.readout.weight, [self.state, self.attention.size], 1)
        self.from_context = None
        if self.attention.size:
            loop_weights = [] if cell.from_loop is None else [cell.from_loop.weight]
            self.from_context = build_product(torch.cat([*loop_weights, context_weight_RM]), None, is_bounded)
        self.readout = build_product(state_weight_RD.contiguous(), None, True)

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        (B, K, D), G = carry.hidden_BKD.shape, self.gates
        hidden_ND = carry.hidden_BKD.view(B * K, D)
        projected_NO = self.from_state(hidden_ND)
        query_NA = hidden_ND if self.attention.query_weight_AD is None else projected_NO[:, G:]
        context_BKM, attention_BKS = self.attention(query_NA.view(B, K, -1), memory)
        if self.from_context is not None:
            from_context_NO = self.from_context(context_BKM.view(B * K, -1))
            inputs_NI[:, -from_context_NO.shape[1] :] += from_context_NO
        hidden_ND = self.update(inputs_NI[:, :G], projected_NO[:, :G], hidden_ND)
        readout_NR = self.cell.norm_readout(self.readout(hidden_ND).add_(inputs_NI[:, G:])).tanh_()
        carry = Carry(hidden_ND.view(B, K, D), carry.fed_BKF, carry.history_BKP)
        return CellOut(readout_NR.view(B, K, -1), carry, attention_BKS)


class PackedUpdateThenAttend(PackedCell):
    """Products of fed vector and old state (gates), of the new state (readout, query) and of the context (readout)."""

    def __init__(self, cell: UpdateThenAttend, build_product: BuildProduct, is_bounded: bool) -> None:
        super().__init__(cell, build_product, is_bounded)
        self.from_state = build_product(cell.from_hidden.weight, cell.from_hidden.bias, True)
        self.from_fed = None if cell.from_loop is None else build_product(cell.from_loop.weight, None, True)
        context_weight_RM, state_weight_RD = torch.split(cell.readout.weight, [self.attention.size, self.state], 1)
        self.from_context = None
        if self.attention.size:
            self.from_context = build_product(context_weight_RM.contiguous(), None, is_bounded)
        self.readout_size = len(state_weight_RD)
        self.readout = build_product(
            *stack_weights(cell.readout, self.attention.query_weight_AD, state_weight_RD), True
        )

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        B, K, D = carry.hidden_BKD.shape
        hidden_ND = carry.hidden_BKD.view(B * K, D)
        if self.from_fed is not None:
            inputs_NI += self.from_fed(carry.fed_BKF.view(B * K, -1))
        hidden_ND = self.update(inputs_NI, self.from_state(hidden_ND), hidden_ND)
        projected_NO = self.readout(hidden_ND)
        query_NA = hidden_ND if self.attention.query_weight_AD is None else projected_NO[:, self.readout_size :]
        context_BKM, attention_BKS = self.attention(query_NA.view(B, K, -1), memory)
        readout_NR = projected_NO[:, : self.readout_size]
        if self.from_context is not None:
            readout_NR = self.from_context(context_BKM.view(B * K, -1)).add_(readout_NR)
        readout_BKR = self.cell.norm_readout(readout_NR).tanh().view(B, K, -1)
        fed_BKF = readout_BKR if self.from_fed is not None else carry.fed_BKF
        return CellOut(readout_BKR, Carry(hidden_ND.view(B, K, D), fed_BKF, carry.history_BKP), attention_BKS)


def update_hidden(input_gates_NG: Tensor, hidden_gates_NG: Tensor, hidden_ND: Tensor) -> Tensor:
    """One GRU update from W x + b and U h + c, see Cell. -> hidden_ND"""
    D = hidden_ND.shape[1]
    gates_NO = torch.add(input_gates_NG[:, : 2 * D], hidden_gates_NG[:, : 2 * D]).sigmoid_()
    new_ND = torch.addcmul(input_gates_NG[:, 2 * D :], gates_NO[:, :D], hidden_gates_NG[:, 2 * D :]).tanh_()
    return torch.lerp(new_ND, hidden_ND, gates_NO[:, D:])


def stack_weights(
    linear: nn.Linear, query_weight_AD: Tensor | None, weight_OD: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a layer and, below them, a weight without bias. `weight_OD` replaces the layer's own."""
    weight_OD = linear.weight if weight_OD is None else weight_OD
    if query_weight_AD is None:
        return weight_OD.contiguous(), linear.bias
    zeros_A = linear.bias.new_zeros(len(query_weight_AD))
    return torch.cat((weight_OD, query_weight_AD)), torch.cat((linear.bias, zeros_A))


class PackedLayer:
    """The layers of an encoder with packed products; a call computes what `run_layer` computes."""

    def __init__(self, encoder: Encoder, build_product: BuildProduct, is_bounded: bool) -> None:
        self.products: dict[nn.Module, tuple[Product, Product]] = {}
        for grus in (encoder.forwards, encoder.backwards):
            for depth, gru in enumerate(grus):
                (input_weight_GE, input_bias_G), (weight_GH, bias_G) = (
                    (gru.get_parameter(f"weight_{side}_l0"), gru.get_parameter(f"bias_{side}_l0"))
                    for side in ("ih", "hh")
                )
                from_input = build_product(input_weight_GE, input_bias_G, is_bounded and depth > 0)
                self.products[gru] = from_input, build_product(weight_GH, bias_G, True)

    def __call__(self, grus: Sequence[nn.GRU], inputs_PSBE: Tensor) -> Tensor:
        """-> states_PSBH"""
        P, S, B, _ = inputs_PSBE.shape
        states_PSBH = inputs_PSBE.new_empty(P, S, B, grus[0].hidden_size)
        for gru, inputs_SBE, states_SBH in zip(grus, inputs_PSBE, states_PSBH, strict=True):
            from_input, from_hidden = self.products[gru]
            input_gates_SBG = from_input(inputs_SBE.flatten(0, 1)).view(S, B, -1)
            hidden_BH = torch.zeros_like(states_SBH[0])
            for input_gates_BG, state_BH in zip(input_gates_SBG, states_SBH, strict=True):
                hidden_BH = state_BH.copy_(update_hidden(input_gates_BG, from_hidden(hidden_BH), hidden_BH))
        return states_PSBH


PACKED_CELLS: dict[type[Cell], Callable[[Any, BuildProduct, bool], PackedCell]] = {
    AttendThenUpdate: PackedAttendThenUpdate,
    UpdateThenAttend: PackedUpdateThenAttend,
}
PACKED_ATTENTIONS = {AdditiveAttention, ConcatAttention, DotAttention, GeneralAttention, NoAttention}


def pack_cell(cell: Cell, build_product: BuildProduct, is_bounded: bool) -> PackedCell | None:
    """A cell with packed products; None where the cell or its attention has no packed form.

    `is_bounded` states that all memory is in [-1, 1].
    """
    if type(cell.attention) not in PACKED_ATTENTIONS or type(cell) not in PACKED_CELLS:
        return None
    return PACKED_CELLS[type(cell)](cell, build_product, is_bounded)
