"""One decoder step: the GRU's equations, and attention before the GRU's update or after it.

A cell steps K rows of each sentence together: in training K is 1, in search it is the beam.
"""

# B sentences   K rows of a sentence   E embedding   M memory   D decoder state   G = 3 * D gates   R readout
# F fed vector   I inputs from the embedding, computed before the loop   S source positions   P history   H parts

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.attention.base import Attention, Memory
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, build_attention
from nmt.model.dropout import WeightDropout
from nmt.settings import ModelSettings


class Carry(NamedTuple):
    """What a decoder row hands on from one target position to the next."""

    hidden_BKD: Tensor
    fed_BKF: Tensor  # Luong's attentional vector; zeros before the first position, no columns where nothing is fed
    history_BKP: Tensor | None = None  # of attention; no columns before the first position, or where it has none


class CellOut(NamedTuple):
    """What one step computes."""

    readout_BKR: Tensor
    carry: Carry
    attention_BKS: Tensor
    parts_BKHS: Tensor | None = None  # see AttentionOutput


class Cell(nn.Module):
    """A GRU with attention: what the two wirings share, which is parameters, gates and the first carry.

    r = sigm(W_r x + b_r + U_r h + c_r);  z = sigm(W_z x + b_z + U_z h + c_z)
    n = tanh(W_n x + b_n + r * (U_n h + c_n));  h' = (1 - z) * n + z * h

    Cho et al. 2014, arXiv:1406.1078, in the form of torch.nn.GRUCell: the reset gate acts after the product with U.
    Layer normalisation applies to W x + b and to U h + c, before they are added (Ba et al. 2016, arXiv:1607.06450,
    supplement).
    """

    def __init__(self, settings: ModelSettings, attention: Attention, fed_size: int, in_loop_size: int) -> None:
        super().__init__()
        gates = 3 * settings.decoder_size
        self.attention = attention
        self.fed_size = fed_size
        self.from_embedding = nn.Linear(settings.embedding_size, gates)
        self.from_loop = nn.Linear(in_loop_size, gates, bias=False) if in_loop_size else None
        self.from_hidden = nn.Linear(settings.decoder_size, gates)
        self.weight_dropout = WeightDropout(settings.weight_dropout)
        self.norm_input = nn.LayerNorm(gates) if settings.layer_norm else nn.Identity()
        self.norm_hidden = nn.LayerNorm(gates) if settings.layer_norm else nn.Identity()
        self.norm_readout = nn.LayerNorm(settings.scored_size) if settings.layer_norm else nn.Identity()

    def initial_carry(self, hidden_BD: Tensor) -> Carry:
        """The carry before the first position, with one row for each sentence."""
        hidden_B1D = hidden_BD[:, None]
        return Carry(hidden_B1D, hidden_B1D.new_zeros(hidden_BD.shape[0], 1, self.fed_size), hidden_B1D[..., :0])

    def project_embedding(self, embedded_BKE: Tensor) -> Tensor:
        """The part of a step that depends on the embedding alone. -> inputs_BKI"""
        inputs_BKG: Tensor = self.from_embedding(embedded_BKE)
        return inputs_BKG

    def update(
        self, inputs_BKG: Tensor, in_loop_BKF: Tensor, hidden_BKD: Tensor, weight_GD: Tensor | None = None
    ) -> Tensor:
        """One GRU update; `weight_GD` replaces that of `from_hidden`. -> hidden_BKD"""
        if self.from_loop is not None:
            inputs_BKG = inputs_BKG + self.from_loop(in_loop_BKF)
        reset_BKD, keep_BKD, new_BKD = split_gates(self.norm_input(inputs_BKG))
        weight_GD = self.from_hidden.weight if weight_GD is None else weight_GD
        hidden_BKG = F.linear(hidden_BKD, weight_GD, self.from_hidden.bias)
        reset_h_BKD, keep_h_BKD, new_h_BKD = split_gates(self.norm_hidden(hidden_BKG))
        keep_BKD = torch.sigmoid(keep_BKD + keep_h_BKD)
        new_BKD = torch.tanh(new_BKD + torch.sigmoid(reset_BKD + reset_h_BKD) * new_h_BKD)
        return new_BKD + keep_BKD * (hidden_BKD - new_BKD)

    def forward(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weight_GD: Tensor | None = None) -> CellOut:
        """One target position for K rows of each sentence. `weight_GD` replaces that of `from_hidden`."""
        raise NotImplementedError


class AttendThenUpdate(Cell):
    """Attend with the last state, then update    Bahdanau et al. 2015, arXiv:1409.0473, A.1.2 and A.2.2

    c = attention(s(t-1));  s(t) = GRU([e(t); c], s(t-1));  readout = tanh(W_s s(t) + W_c c + W_e e(t) + b)

    Unlike in the paper, the readout depends on the new state, and tanh replaces maxout. Without input feeding the
    context enters the readout only.
    """

    def __init__(self, settings: ModelSettings, attention: Attention) -> None:
        memory = attention.memory_size
        super().__init__(settings, attention, fed_size=0, in_loop_size=memory if settings.input_feeding else 0)
        self.readout_embedding = nn.Linear(settings.embedding_size, settings.scored_size)
        self.readout = nn.Linear(settings.decoder_size + memory, settings.scored_size, bias=False)

    def project_embedding(self, embedded_BKE: Tensor) -> Tensor:
        return torch.cat((self.from_embedding(embedded_BKE), self.readout_embedding(embedded_BKE)), dim=-1)

    def forward(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weight_GD: Tensor | None = None) -> CellOut:
        gates = self.from_embedding.out_features
        output = self.attention(carry.hidden_BKD, memory, carry.history_BKP)
        hidden_BKD = self.update(inputs_BKI[..., :gates], output.context_BKM, carry.hidden_BKD, weight_GD)
        readout_BKR = inputs_BKI[..., gates:] + self.readout(torch.cat((hidden_BKD, output.context_BKM), dim=-1))
        readout_BKR = torch.tanh(self.norm_readout(readout_BKR))
        carry = Carry(hidden_BKD, carry.fed_BKF, output.history_BKP)
        return CellOut(readout_BKR, carry, output.weights_BKS, output.parts_BKHS)


class UpdateThenAttend(Cell):
    """Update, then attend with the new state     Luong et al. 2015, arXiv:1508.04025, 3 and 3.3

    s(t) = GRU([e(t); a(t-1)], s(t-1));  c = attention(s(t));  a(t) = tanh(W [c; s(t)] + b)

    a(t) is the readout, and with input feeding an input of the next step. Unlike in the paper, W has a bias.
    """

    def __init__(self, settings: ModelSettings, attention: Attention) -> None:
        fed = settings.scored_size if settings.input_feeding and attention.memory_size else 0
        super().__init__(settings, attention, fed_size=fed, in_loop_size=fed)
        self.readout = nn.Linear(attention.memory_size + settings.decoder_size, settings.scored_size)

    def forward(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weight_GD: Tensor | None = None) -> CellOut:
        hidden_BKD = self.update(inputs_BKI, carry.fed_BKF, carry.hidden_BKD, weight_GD)
        output = self.attention(hidden_BKD, memory, carry.history_BKP)
        readout_BKR = self.readout(torch.cat((output.context_BKM, hidden_BKD), dim=-1))
        readout_BKR = torch.tanh(self.norm_readout(readout_BKR))
        fed_BKF = readout_BKR if self.fed_size else carry.fed_BKF
        carry = Carry(hidden_BKD, fed_BKF, output.history_BKP)
        return CellOut(readout_BKR, carry, output.weights_BKS, output.parts_BKHS)


def split_gates(gates_BKG: Tensor) -> tuple[Tensor, ...]:
    """The three gates of a GRU, one after the other: reset, keep and new. -> three times (B, K, D)"""
    return torch.split(gates_BKG, gates_BKG.shape[-1] // 3, -1)


WIRINGS: dict[str, Callable[[ModelSettings, Attention], Cell]] = {
    "before": AttendThenUpdate,
    "after": UpdateThenAttend,
}


def build_cell(settings: ModelSettings) -> Cell:
    """The decoder step that settings describe; wiring "auto" is that of the attention in its paper."""
    wiring = REGISTERED_ATTENTIONS[settings.attention].wiring if settings.wiring == "auto" else settings.wiring
    return WIRINGS[wiring](settings, build_attention(settings))
