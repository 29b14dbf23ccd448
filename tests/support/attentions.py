"""Kinds of attention as a researcher would write them, and a fixture that registers kinds for one test."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from nmt.attention_names import KNOWN_ATTENTIONS
from nmt.errors import SettingsError
from nmt.model.attention.base import Attention, AttentionOutput, Memory
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, register_attention
from nmt.model.attention.scores import AdditiveAttention, DotAttention
from nmt.settings import ModelSettings


class DistanceAttention(DotAttention):
    """score(s, h) = -|s - h| ** 2, in a subclass of a kind that has a fused form."""

    def score(self, query_BT1HE: Tensor, keys_BXSHE: Tensor) -> Tensor:
        return -(query_BT1HE - keys_BXSHE).square().sum(-1)


class BilinearAttention(Attention):
    """score(s, h) = W s . U h, by projections with initial values of their own. It names the fused form that it has."""

    fused_form = "dot"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, 2 * attention_size)
        self.query_matrix = nn.Parameter(torch.full((2 * attention_size, decoder_size), 0.1))
        self.key_matrix = nn.Parameter(torch.full((2 * attention_size, memory_size), 0.2))

    @property
    def query_weight_AD(self) -> Tensor:  # noqa: N802
        return self.query_matrix

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        return values_BSM @ self.key_matrix.t()


class BiasedAdditiveAttention(AdditiveAttention):
    """score(s, h) = v . tanh(W s + U h + b). It names the fused form that it has, and draws b itself."""

    fused_form = "additive"

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(decoder_size, memory_size, attention_size)
        self.bias = nn.Parameter(torch.zeros(attention_size))

    @classmethod
    def check_sizes(cls, settings: ModelSettings) -> None:
        if settings.attention_size % 2:
            raise SettingsError(f"needs attention_size to be even, not {settings.attention_size}")

    def initialise(self) -> None:
        super().initialise()
        nn.init.constant_(self.bias, 0.3)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        return super().project_keys(values_BSM) + self.bias


class FadingAttention(Attention):
    """Dot scores minus the sum of the weights at earlier target positions: attention with a history of its own."""

    def __init__(self, decoder_size: int, memory_size: int, attention_size: int) -> None:
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(memory_size, decoder_size, bias=False)

    def project_keys(self, values_BSM: Tensor) -> Tensor:
        return self.key_weight(values_BSM)

    def forward(self, state_BKD: Tensor, memory: Memory, history_BKP: Tensor | None = None) -> AttentionOutput:
        scores_BKS = self.compute_scores(state_BKD, memory.keys_BSA[:, None])[:, :, 0]
        earlier_BKS = torch.zeros_like(scores_BKS)
        if history_BKP is not None and history_BKP.shape[-1]:
            earlier_BKS = history_BKP
        scores_BKS = (scores_BKS - earlier_BKS).masked_fill(~memory.real_BS[:, None], -torch.inf)
        weights_BKS = scores_BKS.softmax(-1)
        context_BKM = weights_BKS.to(memory.values_BSM.dtype) @ memory.values_BSM
        return AttentionOutput(context_BKM, weights_BKS, earlier_BKS + weights_BKS)


PLUGINS: dict[str, type[Attention]] = {
    "distance": DistanceAttention,
    "bilinear": BilinearAttention,
    "biased": BiasedAdditiveAttention,
    "fading": FadingAttention,
}
SCORING = [name for name in PLUGINS if name != "fading"]  # those that may be part of a composite


@pytest.fixture
def register() -> Iterator[Callable[..., None]]:
    """`register_attention`, undone after the test."""
    before = dict(REGISTERED_ATTENTIONS), dict(KNOWN_ATTENTIONS)
    yield register_attention
    for names, kept in zip((REGISTERED_ATTENTIONS, KNOWN_ATTENTIONS), before, strict=True):
        names.clear()
        names.update(kept)


@pytest.fixture
def plugins(register: Callable[..., None]) -> None:
    """All kinds of this module, registered by their names in PLUGINS."""
    for name, kind in PLUGINS.items():
        register(name, kind, wiring="before" if name == "biased" else "after")
