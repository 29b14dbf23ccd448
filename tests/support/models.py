"""Small models and inputs for them, the same for every test that compares two ways of computing one thing."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.ids import EOS, PAD
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import ModelSettings
from nmt.step import Array

ATTENTIONS = tuple(BUILT_IN_ATTENTIONS)
# Each part that combines with a score, and then all together. Tests of all attention take these and ATTENTIONS.
COMPOSITES: dict[str, dict[str, Any]] = {
    "additive heads": {"heads": 2, "attention_size": 8},
    "dot heads": {"attention": "luong-dot", "heads": 2},
    "scaled heads": {"attention": "scaled-dot", "heads": 2, "attention_size": 8},
    "local-m": {"attention": "luong-general", "window": "monotonic", "window_width": 1},
    "local-p": {"attention": "luong-dot", "window": "predictive", "window_width": 2},
    "sparsemax": {"normalizer": "sparsemax"},
    "entmax": {"attention": "luong-concat", "normalizer": "entmax"},
    "plain gate": {"content_gate": "plain"},
    "renormalised gate": {"attention": "luong-general", "content_gate": "renormalised"},
    "linguistic coverage": {"coverage": "linguistic"},
    "neural coverage": {"attention": "luong-dot", "coverage": "neural", "coverage_size": 3},
    "hybrid": {"mix": ("luong-dot", "luong-location"), "mix_window": "predictive", "window_width": 1},
    "all": {
        "attention": "scaled-dot",
        "wiring": "before",
        "heads": 2,
        "attention_size": 8,
        "window": "predictive",
        "window_width": 3,
        "normalizer": "entmax",
        "content_gate": "plain",
        "coverage": "neural",
        "coverage_size": 2,
        "mix": ("luong-concat",),
        "mix_window": "monotonic",
    },
}
# Networks deeper than one layer on either side
DEEP: dict[str, dict[str, Any]] = {
    "two decoder layers": {"decoder_layers": 2},
    "residual layers": {"attention": "luong-general", "decoder_layers": 3, "encoder_layers": 3, "residual": True},
    "transitions": {"decoder_transitions": 2},
    "encoder transitions": {"encoder_transitions": 2, "encoder_layers": 2},
    "minimal encoder": {"encoder_cell": "mingru", "encoder_layers": 2, "residual": True},
    "lightweight encoder": {"encoder_cell": "lrn", "encoder_layers": 2},
}
LEXICAL: dict[str, dict[str, Any]] = {
    "lexical": {"attention": "luong-concat", "lexical": True},
    "lexical, untied": {"lexical": True, "tie": "none", "heads": 2, "attention_size": 8, "decoder_layers": 2},
}
KINDS = {name: {"attention": name} for name in ATTENTIONS} | COMPOSITES | DEEP | LEXICAL
VOCABULARY = 23


class Sentences(NamedTuple):
    """A padded batch: ids end with EOS."""

    source_BS: Tensor
    lengths_B: Tensor
    target_BT: Tensor

    def to_arrays(self) -> list[Array]:
        """The same batch for a search."""
        return [tensor.numpy() for tensor in self]


def small_settings(**changes) -> ModelSettings:
    """Sizes small enough for float64 and gradcheck, all different so that a mix-up shows; attention is additive."""
    sizes = {"embedding_size": 6, "encoder_size": 4, "decoder_size": 8, "attention_size": 7, "readout_size": 5}
    return ModelSettings(**({"attention": "bahdanau", "dropout": 0.0} | sizes | changes))


def small_model(seed: int = 0, **changes) -> Seq2Seq:
    """A model in float64 with weights large enough that nothing is nearly linear."""
    torch.manual_seed(seed)
    model = Seq2Seq(small_settings(**changes), VOCABULARY, VOCABULARY).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model.eval()


def sentences(lengths: list[tuple[int, int]], seed: int = 0) -> Sentences:
    """Random ids for (source, target) lengths that count EOS."""
    generator = torch.Generator().manual_seed(seed)

    def side(counts: list[int]) -> Tensor:
        ids_BT = torch.full((len(counts), max(counts)), PAD)
        for row, count in enumerate(counts):
            ids_BT[row, : count - 1] = torch.randint(4, VOCABULARY, (count - 1,), generator=generator)
            ids_BT[row, count - 1] = EOS
        return ids_BT

    sources, targets = zip(*lengths, strict=True)
    return Sentences(side(list(sources)), torch.tensor(sources), side(list(targets)))
