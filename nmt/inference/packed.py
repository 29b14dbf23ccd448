"""The decoder's step and the encoder's layer with packed products; their equations stand in nmt.model.cells.

For translation only: nothing here has a gradient.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   E embedding   M memory   D state
# G = 3 * D gates   A attention space   F what is fed back   R readout   I what the embedding contributes
# P directions   H encoder state

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nmt.inference.product import BuildProduct, Product
from nmt.kernels.attention_step import CACHED
from nmt.model.attention.scores import (
    AdditiveAttention,
    Attention,
    ConcatAttention,
    DotAttention,
    GeneralAttention,
    Memory,
    NoAttention,
)
from nmt.model.cells import AttendThenUpdate, Carry, Cell, CellOut, UpdateThenAttend
from nmt.model.encoder import Encoder


class PackedAttention:
    """Attention whose query comes projected. Additive scores are made a few sentences at a time."""

    def __init__(self, attention: Attention, build_product: BuildProduct, is_bounded: bool) -> None:
        self.size = attention.memory_size
        self.query_weight_AD = self.v_A = self.keys = None
        if isinstance(attention, AdditiveAttention):
            self.query_weight_AD, self.v_A = attention.query_weight.weight, attention.v.weight[0]
        if isinstance(attention, AdditiveAttention | GeneralAttention):
            self.keys = build_product(attention.key_weight.weight, None, is_bounded)

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        """See Attention.remember."""
        if not self.size:
            return Memory(values_BSM[:, :0, :0], values_BSM[:, :0, :0], real_BS[:, :0])
        if self.keys is None:
            return Memory(values_BSM, values_BSM, real_BS)
        return Memory(values_BSM, self.keys(values_BSM.flatten(0, 1)).view(*real_BS.shape, -1), real_BS)

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
        for begin in range(0, B, block):
            some = slice(begin, begin + block)
            keys_B1SA, query_BK1A = keys_BSA[some, None], query_BKA[some, :, None]
            sums_BKSA = torch.add(query_BK1A, keys_B1SA, out=inside_BKSA[: len(keys_B1SA)])
            torch.mv(sums_BKSA.tanh_().view(-1, A), self.v_A, out=scores_BKS[some].view(-1))
        return scores_BKS


class PackedCell:
    """A cell that makes one product of all weights that read the same. What the two wirings share."""

    def __init__(self, cell: Cell, build_product: BuildProduct, is_bounded: bool) -> None:
        self.cell = cell
        self.attention = PackedAttention(cell.attention, build_product, is_bounded)
        self.gates, self.state = cell.from_hidden.weight.shape

    def update(self, inputs_NG: Tensor, reads_NG: Tensor, hidden_ND: Tensor) -> Tensor:
        """See Cell.update; `reads` is what the gates read of the state. -> hidden_ND"""
        return update(self.cell.norm_input(inputs_NG), self.cell.norm_hidden(reads_NG), hidden_ND)

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        """See Cell.forward. Writes over `inputs_NI`."""
        raise NotImplementedError


class PackedAttendThenUpdate(PackedCell):
    """The old state gives gates and query, the context gates and readout, the new state readout."""

    def __init__(self, cell: AttendThenUpdate, build_product: BuildProduct, is_bounded: bool) -> None:
        super().__init__(cell, build_product, is_bounded)
        self.from_state = build_product(*stack(cell.from_hidden, self.attention.query_weight_AD), True)
        of_state_RD, of_context_RM = cell.readout.weight[:, : self.state], cell.readout.weight[:, self.state :]
        in_loop = [] if cell.from_loop is None else [cell.from_loop.weight]
        self.from_context = build_product(torch.cat([*in_loop, of_context_RM]), None, is_bounded)
        self.readout = build_product(of_state_RD.contiguous(), None, True)

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        (B, K, D), G = carry.hidden_BKD.shape, self.gates
        hidden_ND = carry.hidden_BKD.view(B * K, D)
        reads_N = self.from_state(hidden_ND)
        query_NA = hidden_ND if self.attention.query_weight_AD is None else reads_N[:, G:]
        context_BKM, attention_BKS = self.attention(query_NA.view(B, K, -1), memory)
        mixed_N = self.from_context(context_BKM.view(B * K, -1))
        inputs_NI[:, -mixed_N.shape[1] :] += mixed_N
        hidden_ND = self.update(inputs_NI[:, :G], reads_N[:, :G], hidden_ND)
        readout_NR = self.cell.norm_readout(self.readout(hidden_ND).add_(inputs_NI[:, G:])).tanh_()
        return CellOut(
            readout_NR.view(B, K, -1), Carry(hidden_ND.view(B, K, D), carry.fed_BKF, carry.history_BKP), attention_BKS
        )


class PackedUpdateThenAttend(PackedCell):
    """What is fed and the old state give gates, the new state readout and query, the context readout."""

    def __init__(self, cell: UpdateThenAttend, build_product: BuildProduct, is_bounded: bool) -> None:
        super().__init__(cell, build_product, is_bounded)
        self.from_state = build_product(cell.from_hidden.weight, cell.from_hidden.bias, True)
        self.from_fed = None if cell.from_loop is None else build_product(cell.from_loop.weight, None, True)
        context = self.attention.size
        of_context_RM, of_state_RD = cell.readout.weight[:, :context], cell.readout.weight[:, context:]
        self.from_context = build_product(of_context_RM.contiguous(), None, is_bounded) if self.attention.size else None
        self.scored = len(of_state_RD)
        self.readout = build_product(*stack(cell.readout, self.attention.query_weight_AD, of_state_RD), True)

    def __call__(self, inputs_NI: Tensor, carry: Carry, memory: Memory) -> CellOut:
        B, K, D = carry.hidden_BKD.shape
        hidden_ND = carry.hidden_BKD.view(B * K, D)
        if self.from_fed is not None:
            inputs_NI += self.from_fed(carry.fed_BKF.view(B * K, -1))
        hidden_ND = self.update(inputs_NI, self.from_state(hidden_ND), hidden_ND)
        reads_N = self.readout(hidden_ND)
        query_NA = hidden_ND if self.attention.query_weight_AD is None else reads_N[:, self.scored :]
        context_BKM, attention_BKS = self.attention(query_NA.view(B, K, -1), memory)
        readout_NR = reads_N[:, : self.scored]
        if self.from_context is not None:
            readout_NR = self.from_context(context_BKM.view(B * K, -1)).add_(readout_NR)
        readout_BKR = self.cell.norm_readout(readout_NR).tanh().view(B, K, -1)
        fed_BKF = readout_BKR if self.from_fed is not None else carry.fed_BKF
        return CellOut(readout_BKR, Carry(hidden_ND.view(B, K, D), fed_BKF, carry.history_BKP), attention_BKS)


def update(inputs_NG: Tensor, reads_NG: Tensor, hidden_ND: Tensor) -> Tensor:
    """See Cell. -> hidden_ND"""
    D = hidden_ND.shape[1]
    both_N = torch.add(inputs_NG[:, : 2 * D], reads_NG[:, : 2 * D]).sigmoid_()
    new_ND = torch.addcmul(inputs_NG[:, 2 * D :], both_N[:, :D], reads_NG[:, 2 * D :]).tanh_()
    return torch.lerp(new_ND, hidden_ND, both_N[:, D:])


def stack(linear: nn.Linear, more_AD: Tensor | None, weight_OD: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """Weight, or the part of it that is given, and bias of a layer, followed by rows without bias."""
    weight_OD = linear.weight if weight_OD is None else weight_OD
    if more_AD is None:
        return weight_OD.contiguous(), linear.bias
    return torch.cat((weight_OD, more_AD)), torch.cat((linear.bias, linear.bias.new_zeros(len(more_AD))))


class PackedLayer:
    """The layers of an encoder, each run as `run_layer` does."""

    def __init__(self, encoder: Encoder, build_product: BuildProduct, is_bounded: bool) -> None:
        self.products: dict[nn.Module, tuple[Product, Product]] = {}
        for grus in (encoder.forwards, encoder.backwards):
            for depth, gru in enumerate(grus):
                (input_weight_GE, input_bias_G), (weight_GH, bias_G) = (
                    (gru.get_parameter(f"weight_{side}_l0"), gru.get_parameter(f"bias_{side}_l0"))
                    for side in ("ih", "hh")
                )
                of_input = build_product(input_weight_GE, input_bias_G, is_bounded and depth > 0)
                self.products[gru] = of_input, build_product(weight_GH, bias_G, True)

    def __call__(self, grus: Sequence[nn.GRU], inputs_PSBE: Tensor) -> Tensor:
        """-> states_PSBH"""
        P, S, B, _ = inputs_PSBE.shape
        states_PSBH = inputs_PSBE.new_empty(P, S, B, grus[0].hidden_size)
        for one, inputs_SBE, states_SBH in zip(grus, inputs_PSBE, states_PSBH, strict=True):
            of_input, of_state = self.products[one]
            sums_SBG = of_input(inputs_SBE.flatten(0, 1)).view(S, B, -1)
            hidden_BH = torch.zeros_like(states_SBH[0])
            for sums_BG, out_BH in zip(sums_SBG, states_SBH, strict=True):
                hidden_BH = out_BH.copy_(update(sums_BG, of_state(hidden_BH), hidden_BH))
        return states_PSBH


PACKED: dict[type[Cell], Callable[[Any, BuildProduct, bool], PackedCell]] = {
    AttendThenUpdate: PackedAttendThenUpdate,
    UpdateThenAttend: PackedUpdateThenAttend,
}
ATTENTIONS = {AdditiveAttention, ConcatAttention, DotAttention, GeneralAttention, NoAttention}


def pack_cell(cell: Cell, build_product: BuildProduct, is_bounded: bool) -> PackedCell | None:
    """A cell with packed products; None for a kind that is not known here. `is_bounded`: memory lies in [-1, 1]."""
    if type(cell.attention) not in ATTENTIONS or type(cell) not in PACKED:
        return None
    return PACKED[type(cell)](cell, build_product, is_bounded)
