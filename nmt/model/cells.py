"""One decoder step: the GRU that attends, before its update or after it, and the layers above it.

A cell steps K rows of each sentence together: in training K is 1, in search it is the beam.
"""

# B sentences   K rows of a sentence   E embedding   M memory   D decoder state   G = 3 * D gates   R readout
# F fed vector   I inputs from the embedding, computed before the loop   S source positions   P history   H parts
# T target positions   Z states of all upper layers   X = M + D

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.attention.base import Attention, Memory
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, build_attention
from nmt.model.dropout import WeightDropout
from nmt.model.gates import update_state
from nmt.model.transitions import Transition
from nmt.model.upper import UpperLayers
from nmt.settings import ModelSettings

Weights = Sequence[Tensor] | None


class Carry(NamedTuple):
    """What a decoder row hands on from one target position to the next."""

    hidden_BKD: Tensor
    fed_BKF: Tensor  # Luong's attentional vector; zeros before the first position, no columns where nothing is fed
    history_BKP: Tensor | None = None  # of attention; no columns before the first position, or where it has none
    upper_BKZ: Tensor | None = None  # states of the layers above the first, side by side; no columns without them


class Attended(NamedTuple):
    """What the layer that attends computes in one step."""

    context_BKM: Tensor
    carry: Carry
    attention_BKS: Tensor
    parts_BKHS: Tensor | None = None  # see AttentionOutput


class CellOut(NamedTuple):
    """What one step computes."""

    readout_BKR: Tensor
    carry: Carry
    attention_BKS: Tensor
    parts_BKHS: Tensor | None = None  # see AttentionOutput


class Cell(nn.Module):
    """A GRU with attention: what the two wirings share, which is parameters, gates, the first carry and upper layers.

    The GRU is that of nmt.model.gates. Layer normalisation applies to W x + b and to U h + c, before they are added (Ba
    et al. 2016, arXiv:1607.06450, supplement).
    """

    readout: nn.Linear

    def __init__(self, settings: ModelSettings, attention: Attention, fed_size: int, in_loop_size: int) -> None:
        super().__init__()
        gates = 3 * settings.decoder_size
        self.attention = attention
        self.fed_size = fed_size
        self.from_embedding = nn.Linear(settings.embedding_size, gates)
        self.from_loop = nn.Linear(in_loop_size, gates, bias=False) if in_loop_size else None
        self.from_hidden = nn.Linear(settings.decoder_size, gates)
        transitions = range(settings.decoder_transitions)
        self.transitions: Sequence[Transition] = nn.ModuleList(  # type: ignore[assignment]
            Transition(settings.decoder_size, settings.layer_norm) for _ in transitions
        )
        self.weight_dropout = WeightDropout(settings.weight_dropout)
        self.norm_input = nn.LayerNorm(gates) if settings.layer_norm else nn.Identity()
        self.norm_hidden = nn.LayerNorm(gates) if settings.layer_norm else nn.Identity()
        self.norm_readout = nn.LayerNorm(settings.scored_size) if settings.layer_norm else nn.Identity()
        self.upper = UpperLayers(settings, attention.memory_size) if settings.decoder_layers > 1 else None

    def initial_carry(self, hidden_BD: Tensor) -> Carry:
        """The carry before the first position, with one row for each sentence. Upper layers start with zeros."""
        hidden_B1D, B = hidden_BD[:, None], hidden_BD.shape[0]
        sizes = self.fed_size, 0 if self.upper is None else self.upper.size
        fed_B1F, upper_B1Z = (hidden_B1D.new_zeros(B, 1, size) for size in sizes)
        return Carry(hidden_B1D, fed_B1F, hidden_B1D[..., :0], upper_B1Z)

    def project_embedding(self, embedded_BKE: Tensor) -> Tensor:
        """The part of a step that depends on the embedding alone. -> inputs_BKI"""
        inputs_BKG: Tensor = self.from_embedding(embedded_BKE)
        return inputs_BKG

    @property
    def recurrent_weights(self) -> list[Tensor]:
        """The weights that multiply states: that of the GRU, then those of its transitions."""
        return [self.from_hidden.weight, *(transition.from_hidden.weight for transition in self.transitions)]

    def update(self, inputs_BKG: Tensor, in_loop_BKF: Tensor, hidden_BKD: Tensor, weights: Weights = None) -> Tensor:
        """One GRU update and its transitions; `weights` replace `recurrent_weights`. -> hidden_BKD"""
        if self.from_loop is not None:
            inputs_BKG = inputs_BKG + self.from_loop(in_loop_BKF)
        weight_GD, *others = self.recurrent_weights if weights is None else weights
        hidden_BKG = F.linear(hidden_BKD, weight_GD, self.from_hidden.bias)
        hidden_BKD = update_state(self.norm_input(inputs_BKG), self.norm_hidden(hidden_BKG), hidden_BKD)
        for transition, weight_GD in zip(self.transitions, others, strict=True):
            hidden_BKD = transition(hidden_BKD, weight_GD)
        return hidden_BKD

    def forward(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weights: Weights = None) -> CellOut:
        """One target position for K rows of each sentence. `weights` replace `recurrent_weights`."""
        context_BKM, carry, attention_BKS, parts_BKHS = self.attend(inputs_BKI, carry, memory, weights)
        top_BKD = carry.hidden_BKD
        if self.upper is not None:
            assert carry.upper_BKZ is not None
            top_BKD, upper_BKZ = self.upper.step(top_BKD, context_BKM, carry.upper_BKZ)
            carry = carry._replace(upper_BKZ=upper_BKZ)
        readout_BKR = self.read_out(inputs_BKI, top_BKD, context_BKM, carry.fed_BKF)
        return CellOut(readout_BKR, carry, attention_BKS, parts_BKHS)

    def attend(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weights: Weights = None) -> Attended:
        """The part of a step that recurs through attention: all but upper layers and readout."""
        raise NotImplementedError

    def read_out(self, inputs_BKI: Tensor, top_BKD: Tensor, context_BKM: Tensor, fed_BKF: Tensor) -> Tensor:
        """What words are predicted from, by the output of the top layer. -> readout_BKR"""
        raise NotImplementedError

    @property
    def output_readout(self) -> tuple[nn.Linear, nn.Module]:
        """The product and the layer norm of `read_out`."""
        return self.readout, self.norm_readout


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

    def attend(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weights: Weights = None) -> Attended:
        gates = self.from_embedding.out_features
        output = self.attention(carry.hidden_BKD, memory, carry.history_BKP)
        hidden_BKD = self.update(inputs_BKI[..., :gates], output.context_BKM, carry.hidden_BKD, weights)
        carry = carry._replace(hidden_BKD=hidden_BKD, history_BKP=output.history_BKP)
        return Attended(output.context_BKM, carry, output.weights_BKS, output.parts_BKHS)

    def read_out(self, inputs_BKI: Tensor, top_BKD: Tensor, context_BKM: Tensor, fed_BKF: Tensor) -> Tensor:
        gates = self.from_embedding.out_features
        readout_BKR = inputs_BKI[..., gates:] + self.readout(torch.cat((top_BKD, context_BKM), dim=-1))
        return torch.tanh(self.norm_readout(readout_BKR))


class UpdateThenAttend(Cell):
    """Update, then attend with the new state     Luong et al. 2015, arXiv:1508.04025, 3 and 3.3

    s(t) = GRU([e(t); a(t-1)], s(t-1));  c = attention(s(t));  a(t) = tanh(W [c; s(t)] + b)

    a(t) is the readout, and with input feeding an input of the next step. Unlike in the paper, W has a bias. With upper
    layers and input feeding the readout is tanh(W' [c; x(t)] + b'), of the top layer's output x(t).
    """

    def __init__(self, settings: ModelSettings, attention: Attention) -> None:
        fed = settings.scored_size if settings.input_feeding and attention.memory_size else 0
        super().__init__(settings, attention, fed_size=fed, in_loop_size=fed)
        joined_size, readout_size = attention.memory_size + settings.decoder_size, settings.scored_size
        self.readout = nn.Linear(joined_size, readout_size)
        self.top_readout = nn.Linear(joined_size, readout_size) if fed and self.upper is not None else None
        self.norm_top = nn.LayerNorm(readout_size) if self.top_readout and settings.layer_norm else nn.Identity()

    def attend(self, inputs_BKI: Tensor, carry: Carry, memory: Memory, weights: Weights = None) -> Attended:
        hidden_BKD = self.update(inputs_BKI, carry.fed_BKF, carry.hidden_BKD, weights)
        output = self.attention(hidden_BKD, memory, carry.history_BKP)
        fed_BKF = carry.fed_BKF
        if self.fed_size:
            fed_BKF = self.readout(torch.cat((output.context_BKM, hidden_BKD), dim=-1))
            fed_BKF = torch.tanh(self.norm_readout(fed_BKF))
        carry = carry._replace(hidden_BKD=hidden_BKD, fed_BKF=fed_BKF, history_BKP=output.history_BKP)
        return Attended(output.context_BKM, carry, output.weights_BKS, output.parts_BKHS)

    def read_out(self, inputs_BKI: Tensor, top_BKD: Tensor, context_BKM: Tensor, fed_BKF: Tensor) -> Tensor:
        if self.fed_size and self.upper is None:
            return fed_BKF
        readout, norm = self.output_readout
        return torch.tanh(norm(readout(torch.cat((context_BKM, top_BKD), dim=-1))))

    @property
    def output_readout(self) -> tuple[nn.Linear, nn.Module]:
        return (self.readout, self.norm_readout) if self.top_readout is None else (self.top_readout, self.norm_top)


WIRINGS: dict[str, Callable[[ModelSettings, Attention], Cell]] = {
    "before": AttendThenUpdate,
    "after": UpdateThenAttend,
}


def build_cell(settings: ModelSettings) -> Cell:
    """The decoder step that settings describe; wiring "auto" is that of the attention in its paper."""
    wiring = REGISTERED_ATTENTIONS[settings.attention].wiring if settings.wiring == "auto" else settings.wiring
    return WIRINGS[wiring](settings, build_attention(settings))
