"""Kinds of attention: the scores of Bahdanau, Luong, Vaswani and others.

Each kind defines its projections and its score; nmt.model.attention.registry names them.
"""

# B sentences   T target positions   K rows of a sentence   S source positions   M memory   D decoder state
# A attention space   H heads   E = A / H   X = T, or 1   F features of a source position   P history

import math

import torch
from torch import Tensor, nn

from nmt.attention_names import require_equal_sizes
from nmt.model.attention.base import Attention, AttentionOutput, Memory
from nmt.model.linear import apply_linear
from nmt.settings import ModelSettings


class AdditiveAttention(Attention):
    """score(s, h) = v . tanh(W s + U h)           Bahdanau et al. 2015, arXiv:1409.0473, A.1.2

    As in the paper, there is no bias inside the tanh. Unlike it, v starts at Xavier scale instead of zero, because
    zeros make the first updates identical for every source position.
    """

    fused_form = "additive"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, attention_size)
        self.query_weight = nn.Linear(decoder_size, attention_size, bias=False)
        self.key_weight = nn.Linear(memory_size, attention_size, bias=False)
        self.v = nn.Linear(attention_size, 1, bias=False)

    def initialise(self) -> None:
        for linear in (self.query_weight, self.key_weight, self.v):
            nn.init.xavier_uniform_(linear.weight)

    @property
    def query_weight_AD(self) -> Tensor:  # noqa: N802
        return self.query_weight.weight

    @property
    def v_HE(self) -> Tensor:  # noqa: N802
        return self.v.weight.view(self.heads, -1)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSA: Tensor = apply_linear(self.key_weight, values_BSM)
        return keys_BSA

    def score(self, query_BT1HE: Tensor, keys_BXSHE: Tensor) -> Tensor:
        inside_BTSHE = torch.tanh(query_BT1HE + keys_BXSHE)
        return (inside_BTSHE * self.v_HE.to(inside_BTSHE.dtype)).sum(-1)


class ConcatAttention(AdditiveAttention):
    """score(s, h) = v . tanh(W [s; h])            Luong et al. 2015, arXiv:1508.04025, 3.1

    W [s; h] is W1 s + W2 h, so this is the additive score with the two halves of W. It differs in its wiring: s is the
    decoder's new state instead of its last.
    """

    fused_form = "additive"


class DotAttention(Attention):
    """score(s, h) = s . h                         Luong et al. 2015, arXiv:1508.04025, 3.1

    Memory and decoder state need to have one size.
    """

    fused_form = "dot"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)

    @classmethod
    def check_sizes(cls, settings: ModelSettings) -> None:
        require_equal_sizes(settings)


class GeneralAttention(Attention):
    """score(s, h) = s . W h                       Luong et al. 2015, arXiv:1508.04025, 3.1

    W is applied to the memory, once for a sentence, so a step costs as much as that of a dot score.
    """

    fused_form = "dot"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(memory_size, decoder_size, bias=False)

    def initialise(self) -> None:
        nn.init.xavier_uniform_(self.key_weight.weight)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSD: Tensor = apply_linear(self.key_weight, values_BSM)
        return keys_BSD


class ScaledDotAttention(Attention):
    """score(s, h) = (W s) . (U h) / sqrt(E)       Vaswani et al. 2017, arXiv:1706.03762, 3.2.1 and 3.2.2

    E is the size of a head's share of the attention space.
    """

    fused_form = "dot"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, attention_size)
        self.query_weight = nn.Linear(decoder_size, attention_size, bias=False)
        self.key_weight = nn.Linear(memory_size, attention_size, bias=False)

    def initialise(self) -> None:
        for linear in (self.query_weight, self.key_weight):
            nn.init.xavier_uniform_(linear.weight)

    @property
    def query_weight_AD(self) -> Tensor:  # noqa: N802
        weight_AD: Tensor = self.query_weight.weight
        return weight_AD * math.sqrt(self.heads)

    def project_query(self, state_BTD: Tensor) -> Tensor:
        query_BTA: Tensor = self.query_weight(state_BTD)  # scaled here, because a query is smaller than the weight
        return query_BTA * math.sqrt(self.heads)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSA: Tensor = apply_linear(self.key_weight, values_BSM) * self.key_size**-0.5
        return keys_BSA


class LocationAttention(Attention):
    """score(s, i) = s . w_i                       Luong et al. 2015, arXiv:1508.04025, 3.1, eq. 8

    It depends on the position of a source word and not on the word. In the paper w_i is row i of a matrix, which ends
    at the longest source; here w_i = W x_i, x_i the sinusoids of position i (Vaswani et al. 2017, arXiv:1706.03762,
    3.5), so that there is a row for every length.
    """

    fused_form = "dot"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(attention_size, decoder_size, bias=False)

    def initialise(self) -> None:
        nn.init.xavier_uniform_(self.key_weight.weight)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        weight_DF = self.key_weight.weight
        features_SF = sinusoids(values_BSM.shape[1], weight_DF.shape[1], values_BSM.device).to(weight_DF.dtype)
        keys_BSD: Tensor = self.key_weight(features_SF).expand(values_BSM.shape[0], -1, -1)
        return keys_BSD


def sinusoids(positions: int, features: int, device: torch.device) -> Tensor:
    """sin and cos of i / 10000 ** (2 k / F) for k from 0.   Vaswani et al. 2017, 3.5. -> features_SF"""
    rates_F = 10000.0 ** (-torch.arange(0, features, 2, device=device, dtype=torch.float64) / features)
    angles_SF = torch.arange(positions, device=device, dtype=torch.float64)[:, None] * rates_F
    return torch.cat((angles_SF.sin(), angles_SF.cos()), -1)[:, :features]


class NoAttention(Attention):
    """No attention: a context of size zero, and weights over zero source positions.

    The decoder depends on the source through its first state alone, as in Sutskever et al. 2014, arXiv:1409.3215. A
    comparison with it measures what attention is worth.
    """

    has_history = False

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size=0, key_size=0)

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        return Memory(values_BSM[:, :0, :0], values_BSM[:, :0, :0], real_BS[:, :0])

    def forward(self, state_BKD: Tensor, memory: Memory, history_BKP: Tensor | None = None) -> AttentionOutput:
        empty_BK0 = state_BKD[..., :0]
        return AttentionOutput(empty_BK0, empty_BK0, history_BKP)
