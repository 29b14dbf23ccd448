"""What every kind of attention shares: projections around a score, masking, weights and the context.

A kind changes the score and the projections. Heads, windows, gates, coverage and mixtures of kinds are in
nmt.model.attention.composite.
"""

# B sentences   T target positions (training) or rows of a sentence (search)   K rows of a sentence   S source positions
# M memory (both encoder directions)   W embedding of a source word   D decoder state   A attention space   H heads
# E = A / H   P history   X = T, or 1 where the keys are the same at all target positions
# N = H * B rows of the fused loop   U = M / H

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.attention.normalizers import SOFTMAX
from nmt.settings import ModelSettings


class Memory(NamedTuple):
    """What the decoder attends to: computed once for a sentence, shared by all its rows."""

    values_BSM: Tensor
    keys_BSA: Tensor
    real_BS: Tensor
    embedded_BSW: Tensor | None = None  # of the source, where nmt.model.lexical reads it


class FusedInputs(NamedTuple):
    """A memory in the layout of the fused loop: one row for each sentence of each head, and a bias of its scores."""

    values_NSU: Tensor
    keys_NSE: Tensor
    bias_XNS: Tensor
    heads: int


class AttentionOutput(NamedTuple):
    """What attention computes for rows or target positions."""

    context_BKM: Tensor
    weights_BKS: Tensor
    history_BKP: Tensor | None  # for the next target position
    parts_BKHS: Tensor | None = None  # what the weights are computed from, named by `Attention.part_names`


class Attention(nn.Module):
    """Softmax over the real source positions of a score, and the context: the memory weighted by it.

    weights(t, i) = exp score(s_t, h_i) / sum_j exp score(s_t, h_j);    context(t) = sum_i weights(t, i) h_i

    A kind of attention is a subclass whose constructor takes (decoder_size, memory_size, attention_size). It overrides
    `project_query`, `project_keys` and `score` as far as it needs; by default the score is a dot product of the state
    and the memory. `nmt.model.attention.registry.register_attention` gives it a name for settings.
    """

    # Which score of the fused loop (nmt.kernels.unroll_fused) equals this kind's, if any; others run in `unroll`:
    # "dot"        q . k               q = query_weight_AD s, or s where that is None;  k = project_keys(h)
    # "additive"   v . tanh(q + k)     v = v_HE
    # A subclass has the form that its own body names and inherits none, because it may override anything.
    fused_form: Literal["dot", "additive"] | None = None
    has_history = False  # whether `forward` depends on the history that earlier target positions left
    part_names: tuple[str, ...] = ()  # of AttentionOutput.parts_BKHS
    heads = 1
    normalizer = SOFTMAX

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "fused_form" not in vars(cls):
            cls.fused_form = None
        if "forward" in vars(cls) and "has_history" not in vars(cls):
            cls.has_history = True  # it may; target positions are then computed one after the other

    def __init__(self, memory_size: int, key_size: int) -> None:
        """`memory_size` is that of the context, `key_size` that of queries and keys."""
        super().__init__()
        self.memory_size = memory_size
        self.key_size = key_size

    @classmethod
    def check_sizes(cls, settings: ModelSettings) -> None:
        """Raise SettingsError where this kind cannot work with the sizes in `settings`.

        The message follows the kind's name: "needs attention_size to be even, not 7".
        """

    def initialise(self) -> None:
        """Draw initial parameters. Unless a kind overrides this, they stay as its constructor made them."""

    @property
    def base_score(self) -> "Attention":
        """The kind that compares states and memory; of a composite the first."""
        return self

    @property
    def query_weight_AD(self) -> Tensor | None:  # noqa: N802
        """The matrix that projects a state to a query; None where the state itself is the query."""
        return None

    @property
    def v_HE(self) -> Tensor | None:  # noqa: N802
        """The vector v of an additive score, split among heads."""
        return None

    def project_query(self, state_BTD: Tensor) -> Tensor:
        """The part of the score that depends on the decoder state alone. -> query_BTA"""
        return state_BTD if self.query_weight_AD is None else F.linear(state_BTD, self.query_weight_AD)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        """The part of the score that depends on the source alone. -> keys_BSA"""
        return values_BSM

    def score(self, query_BT1HE: Tensor, keys_BXSHE: Tensor) -> Tensor:
        """Compare queries and keys along the last axis, each head on its own. -> scores_BTSH"""
        if self.heads == keys_BXSHE.shape[1] == 1:  # one product for each sentence
            return (query_BT1HE[:, :, 0, 0] @ keys_BXSHE[:, 0, :, 0].transpose(1, 2))[..., None]
        scores_BTSH: Tensor = torch.einsum("bthe,btshe->btsh", query_BT1HE[:, :, 0], keys_BXSHE)
        return scores_BTSH

    def compute_scores(self, state_BTD: Tensor, keys_BXSA: Tensor) -> Tensor:
        """Scores of every source position for each head, at least in float32. -> scores_BTHS"""
        query_BT1A = self.project_query(state_BTD)[:, :, None]
        scores_BTSH = self.score(*(split_heads(part, self.heads) for part in (query_BT1A, keys_BXSA)))
        return scores_BTSH.transpose(2, 3).to(torch.promote_types(scores_BTSH.dtype, torch.float32))

    def build_memory(self, values_BSM: Tensor, real_BS: Tensor) -> Memory:
        """Prepare encoder states for attention, once for a sentence."""
        return Memory(values_BSM, self.project_keys(values_BSM), real_BS)

    def forward(self, state_BKD: Tensor, memory: Memory, history_BKP: Tensor | None = None) -> AttentionOutput:
        """Attend with K rows of each sentence, or with all its target positions where there is no history.

        A history without columns is that before the first target position.
        """
        scores_BKS = self.compute_scores(state_BKD, memory.keys_BSA[:, None])[:, :, 0]
        weights_BKS = self.normalizer.weights(scores_BKS.masked_fill(~memory.real_BS[:, None], -math.inf))
        context_BKM = weights_BKS.to(memory.values_BSM.dtype) @ memory.values_BSM
        return AttentionOutput(context_BKM, weights_BKS, history_BKP)

    def build_fused_inputs(self, memory: Memory, history_BKP: Tensor | None, positions: int) -> FusedInputs:
        """What the fused loop reads besides states, for a number of target positions; needs a `fused_form`."""
        bias_BS = padding_bias(memory.real_BS, torch.promote_types(memory.values_BSM.dtype, torch.float32))
        return FusedInputs(memory.values_BSM, memory.keys_BSA, bias_BS[None], 1)

    def summarise_weights(self, weights_TNS: Tensor, memory: Memory) -> Tensor:
        """The weights that `forward` returns, from those of the fused loop. -> weights_BTS"""
        return weights_TNS.transpose(0, 1)


def split_heads(values: Tensor, heads: int) -> Tensor:
    """(…, A) -> (…, H, A / H)"""
    return values.unsqueeze(-2) if heads == 1 else torch.unflatten(values, -1, (heads, -1))


def padding_bias(real: Tensor, dtype: torch.dtype) -> Tensor:
    """A bias of scores: 0 at source positions that may be attended to, -inf at others."""
    return torch.zeros(real.shape, dtype=dtype, device=real.device).masked_fill_(~real, -math.inf)
