"""How well each source position answers the decoder's state: the scores of Bahdanau et al. and Luong et al.

A variant writes its score and the two projections around it. Masking, softmax and mixing stand once, in the base.
"""

# B sentences   T target positions (training) or rows of a sentence (search)   S source positions
# M memory (both encoder directions)   D decoder state   A attention space

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Memory(NamedTuple):
    """What a sentence offers to the decoder: computed once and never copied for its rows."""

    values_BSM: Tensor
    keys_BSA: Tensor
    real_BS: Tensor


class Attention(nn.Module):
    """Softmax over the real source positions of a score, and the mixture of memory it gives.

    weights(t, i) = exp score(s_t, h_i) / sum_j exp score(s_t, h_j);    context(t) = sum_i weights(t, i) h_i
    """

    memory_size: int

    def keys(self, values_BSM: Tensor) -> Tensor:
        """The half of the score that depends on the source alone. -> keys_BSA"""
        return values_BSM

    def query(self, state_BTD: Tensor) -> Tensor:
        """The half of the score that depends on the decoder alone. -> query_BTA"""
        return state_BTD

    def score(self, query_BTA: Tensor, keys_BSA: Tensor) -> Tensor:
        """-> scores_BTS"""
        return query_BTA @ keys_BSA.transpose(1, 2)

    def remember(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        """Encoder states made ready to be attended to."""
        return Memory(values_BSM, self.keys(values_BSM), real_BS)

    def forward(self, state_BTD: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """-> context_BTM, weights_BTS"""
        scores_BTS = self.score(self.query(state_BTD), memory.keys_BSA)
        scores_BTS = scores_BTS.to(torch.promote_types(scores_BTS.dtype, torch.float32))
        weights_BTS = scores_BTS.masked_fill(~memory.real_BS[:, None], -math.inf).softmax(-1)
        return weights_BTS.to(memory.values_BSM.dtype) @ memory.values_BSM, weights_BTS


class AdditiveAttention(Attention):
    """score(s, h) = v . tanh(W s + U h)           Bahdanau et al. 2015, arXiv:1409.0473, A.1.2

    As in the paper, no bias inside the tanh. Unlike it, v starts at Xavier scale instead of zero, because zeros
    make the first updates identical for every source position.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.memory_size = memory_size
        self.query_weight = nn.Linear(decoder_size, attention_size, bias=False)
        self.key_weight = nn.Linear(memory_size, attention_size, bias=False)
        self.v = nn.Linear(attention_size, 1, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSA: Tensor = self.key_weight(values_BSM)
        return keys_BSA

    def query(self, state_BTD: Tensor) -> Tensor:
        query_BTA: Tensor = self.query_weight(state_BTD)
        return query_BTA

    def score(self, query_BTA: Tensor, keys_BSA: Tensor) -> Tensor:
        scores_BTS: Tensor = self.v(torch.tanh(query_BTA[:, :, None] + keys_BSA[:, None])).squeeze(-1)
        return scores_BTS


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
        super().__init__()
        assert decoder_size == memory_size
        self.memory_size = memory_size


class GeneralAttention(Attention):
    """score(s, h) = s . W h                       Luong et al. 2015, arXiv:1508.04025, 3.1

    W is applied to the memory, once a sentence, so a step costs what a dot score does.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.memory_size = memory_size
        self.key_weight = nn.Linear(memory_size, decoder_size, bias=False)

    def keys(self, values_BSM: Tensor) -> Tensor:
        keys_BSD: Tensor = self.key_weight(values_BSM)
        return keys_BSD


class NoAttention(Attention):
    """Looks at nothing: a context of size zero, and zero source columns of weights.

    The decoder then has only its first state to go by, as in Sutskever et al. 2014, arXiv:1409.3215. It shows what
    attention is worth.
    """

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__()
        self.memory_size = 0

    def remember(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        return Memory(values_BSM[:, :0, :0], values_BSM[:, :0, :0], real_BS[:, :0])

    def forward(self, state_BTD: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        nothing_BT0 = state_BTD[..., :0]
        return nothing_BT0, nothing_BT0
