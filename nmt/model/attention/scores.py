"""How well each source position answers the decoder's state: the scores of Bahdanau, Luong, Vaswani and others.

A variant writes its score and the two projections around it. Masking, softmax and mixing stand once, in the base. What
goes around a score (heads, windows, gates, coverage) stands in nmt.model.attention.composite.
"""

# B sentences   T target positions (training) or rows of a sentence (search)   K rows of a sentence   S source positions
# M memory (both encoder directions)   D decoder state   A attention space   H heads   E = A / H   P what is remembered
# X = T, or 1 where all positions of a target meet the same   F features of a position
# N = H * B rows of the fast loops   U = M / H

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.attention.normalizers import SOFTMAX
from nmt.model.linear import apply_linear


class Memory(NamedTuple):
    """What a sentence offers to the decoder: computed once and never copied for its rows."""

    values_BSM: Tensor
    keys_BSA: Tensor
    real_BS: Tensor


class FusedInputs(NamedTuple):
    """A memory as the fast loops read it: a row for each sentence of each head, and what is added to its scores."""

    values_NSU: Tensor
    keys_NSE: Tensor
    bias_XNS: Tensor
    heads: int


class AttentionOutput(NamedTuple):
    """What a look yields. `past` is what attention remembers of a row; `parts` are what the weights are made of."""

    context_BKM: Tensor
    weights_BKS: Tensor
    history_BKP: Tensor | None
    parts_BKHS: Tensor | None = None  # named by `Attention.part_names`


class Attention(nn.Module):
    """Softmax over the real source positions of a score, and the mixture of memory it gives.

    weights(t, i) = exp score(s_t, h_i) / sum_j exp score(s_t, h_j);    context(t) = sum_i weights(t, i) h_i
    """

    part_names: tuple[str, ...] = ()
    heads = 1
    normalizer = SOFTMAX
    supports_fused = True  # whether `build_fused_inputs` is all that a look needs besides a state
    has_history = False  # whether a look needs what earlier ones left in `past`

    def __init__(self, memory_size: int, key_size: int) -> None:
        super().__init__()
        self.memory_size = memory_size
        self.key_size = key_size

    @property
    def base_score(self) -> "Attention":
        """The score that compares, without what stands around it."""
        return self

    def keys(self, values_BSM: Tensor) -> Tensor:
        """The half of the score that depends on the source alone. -> keys_BSA"""
        return values_BSM

    @property
    def query_weight_AD(self) -> Tensor | None:  # noqa: N802
        """What makes a query of a state, where it is not the state itself."""
        return None

    def query(self, state_BTD: Tensor) -> Tensor:
        """The half of the score that depends on the decoder alone. -> query_BTA"""
        return state_BTD if self.query_weight_AD is None else F.linear(state_BTD, self.query_weight_AD)

    def score(self, query_BTA: Tensor, keys_BXSA: Tensor) -> Tensor:
        """A product, of each head's share of the attention space. -> scores_BTHS"""
        query_BTHE, keys_BXSHE = (torch.unflatten(part, -1, (self.heads, -1)) for part in (query_BTA, keys_BXSA))
        scores_BTHS: Tensor = torch.einsum("bthe,btshe->bths", query_BTHE, keys_BXSHE)
        return scores_BTHS

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        """Encoder states made ready to be attended to."""
        return Memory(values_BSM, self.keys(values_BSM), real_BS)

    def forward(self, state_BTD: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """-> context_BTM, weights_BTS"""
        scores_BTS = self.score(self.query(state_BTD), memory.keys_BSA[:, None])[:, :, 0]
        scores_BTS = scores_BTS.to(torch.promote_types(scores_BTS.dtype, torch.float32))
        weights_BTS = scores_BTS.masked_fill(~memory.real_BS[:, None], -math.inf).softmax(-1)
        return weights_BTS.to(memory.values_BSM.dtype) @ memory.values_BSM, weights_BTS

    def step(self, state_BKD: Tensor, memory: Memory, history_BKP: Tensor | None) -> AttentionOutput:
        """One target position of K rows of each sentence; nothing is remembered unless a variant says so."""
        context_BKM, weights_BKS = self(state_BKD, memory)
        return AttentionOutput(context_BKM, weights_BKS, history_BKP)

    def build_fused_inputs(self, memory: Memory, history_BKP: Tensor | None, positions: int) -> FusedInputs:
        """All that so many looks need besides states, where `supports_fused`."""
        bias_BS = padding_bias(memory.real_BS, torch.promote_types(memory.values_BSM.dtype, torch.float32))
        return FusedInputs(memory.values_BSM, memory.keys_BSA, bias_BS[None], 1)

    def summarise_weights(self, weights_TNS: Tensor, memory: Memory) -> Tensor:
        """What to show of the weights that looks over `build_fused_inputs` found. -> weights_BTS"""
        return weights_TNS.transpose(0, 1)


def padding_bias(real: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores: 0 where a position may be looked at, -inf where not."""
    return torch.zeros(real.shape, dtype=dtype, device=real.device).masked_fill_(~real, -math.inf)


class AdditiveAttention(Attention):
    """score(s, h) = v . tanh(W s + U h)           Bahdanau et al. 2015, arXiv:1409.0473, A.1.2

    As in the paper, no bias inside the tanh. Unlike it, v starts at Xavier scale instead of zero, because zeros
    make the first updates identical for every source position.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, attention_size)
        self.query_weight = nn.Linear(decoder_size, attention_size, bias=False)
        self.key_weight = nn.Linear(memory_size, attention_size, bias=False)
        self.v = nn.Linear(attention_size, 1, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSA: Tensor = apply_linear(self.key_weight, values_BSM)
        return keys_BSA

    @property
    def query_weight_AD(self) -> Tensor:  # noqa: N802
        return self.query_weight.weight

    def score(self, query_BTA: Tensor, keys_BXSA: Tensor) -> Tensor:
        inside_BTSHE = torch.unflatten(torch.tanh(query_BTA[:, :, None] + keys_BXSA), -1, (self.heads, -1))
        return torch.einsum("btshe,he->bths", inside_BTSHE, self.v.weight.view(self.heads, -1).to(inside_BTSHE.dtype))


class ConcatAttention(AdditiveAttention):
    """score(s, h) = v . tanh(W [s; h])            Luong et al. 2015, arXiv:1508.04025, 3.1

    W [s; h] is W1 s + W2 h, so it is the additive score with the two halves of W; what sets it apart is the state
    that asks: the decoder's new one instead of its last.
    """


class DotAttention(Attention):
    """score(s, h) = s . h                         Luong et al. 2015, arXiv:1508.04025, 3.1

    Needs memory and decoder state of one size.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        assert decoder_size == memory_size
        super().__init__(memory_size, decoder_size)


class GeneralAttention(Attention):
    """score(s, h) = s . W h                       Luong et al. 2015, arXiv:1508.04025, 3.1

    W is applied to the memory, once a sentence, so a step costs what a dot score does.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(memory_size, decoder_size, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSD: Tensor = apply_linear(self.key_weight, values_BSM)
        return keys_BSD


class ScaledDotAttention(Attention):
    """score(s, h) = (W s) . (U h) / sqrt(A)       Vaswani et al. 2017, arXiv:1706.03762, 3.2.1 and 3.2.2

    A is the size of a head's share of the attention space.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, attention_size)
        self.query_weight = nn.Linear(decoder_size, attention_size, bias=False)
        self.key_weight = nn.Linear(memory_size, attention_size, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSA: Tensor = apply_linear(self.key_weight, values_BSM) * self.key_size**-0.5
        return keys_BSA

    @property
    def query_weight_AD(self) -> Tensor:  # noqa: N802
        weight_AD: Tensor = self.query_weight.weight
        return weight_AD * math.sqrt(self.heads)

    def query(self, state_BTD: Tensor) -> Tensor:
        query_BTA: Tensor = self.query_weight(state_BTD)  # a step scales this, which is smaller than the weight
        return query_BTA * math.sqrt(self.heads)


class LocationAttention(Attention):
    """score(s, i) = s . w_i                       Luong et al. 2015, arXiv:1508.04025, 3.1, eq. 8

    It knows where a word stands and not what it is. In the paper w_i is row i of a matrix, which ends at the longest
    source; here w_i = W x_i, x_i the sinusoids of position i (Vaswani et al. 2017, arXiv:1706.03762, 3.5), so that
    there is a row for every length.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(attention_size, decoder_size, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        weight_DF = self.key_weight.weight
        features_SF = sinusoids(values_BSM.shape[1], weight_DF.shape[1], values_BSM.device).to(weight_DF.dtype)
        keys_BSD: Tensor = self.key_weight(features_SF).expand(len(values_BSM), -1, -1)
        return keys_BSD


def sinusoids(positions: int, features: int, device: torch.device) -> Tensor:
    """sin and cos of i / 10000 ** (2 k / F) for k from 0.   Vaswani et al. 2017, 3.5. -> features_SF"""
    rates_F = 10000.0 ** (-torch.arange(0, features, 2, device=device, dtype=torch.float64) / features)
    angles_SF = torch.arange(positions, device=device, dtype=torch.float64)[:, None] * rates_F
    return torch.cat((angles_SF.sin(), angles_SF.cos()), -1)[:, :features]


class NoAttention(Attention):
    """Looks at nothing: a context of size zero, and zero source columns of weights.

    The decoder then has only its first state to go by, as in Sutskever et al. 2014, arXiv:1409.3215. It shows what
    attention is worth.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size=0, key_size=0)

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        return Memory(values_BSM[:, :0, :0], values_BSM[:, :0, :0], real_BS[:, :0])

    def forward(self, state_BTD: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        nothing_BT0 = state_BTD[..., :0]
        return nothing_BT0, nothing_BT0
