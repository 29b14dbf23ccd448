"""Decoder layers above the one that attends.

They read what it computed and return nothing to it. So all positions of a known target are one call for each layer.
"""

# B sentences   K rows of a sentence   T target positions   M memory   D decoder state   X = D + M
# Z states of all upper layers, side by side: D each

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.model.dropout import Dropout, WeightDropout
from nmt.model.encoder import Layer, run_layer
from nmt.model.gates import update_state
from nmt.model.gru import GRU
from nmt.settings import ModelSettings


class UpperLayer(nn.Module):
    """One GRU layer: h(t) = GRU([x(t); c(t)], h(t-1)), from a state of zeros; it returns h, or norm(h + x).

    x is the state of the layer below, c the context. Without residual connections the norm applies to h alone.
    """

    def __init__(self, settings: ModelSettings, memory_size: int) -> None:
        super().__init__()
        size = settings.decoder_size
        self.gru = GRU(size + memory_size, size)
        self.norm = nn.LayerNorm(size) if settings.layer_norm else nn.Identity()
        self.residual = settings.residual
        self.dropout = Dropout(settings.dropout, settings.variational)
        self.weight_dropout = WeightDropout(settings.weight_dropout)

    def forward(self, below_BTD: Tensor, context_BTM: Tensor, layer: Layer) -> Tensor:
        """All positions of a target. -> above_BTD"""
        inputs_BTX = self.dropout(torch.cat((below_BTD, context_BTM), -1))
        weights = [[self.weight_dropout(self.gru.weight_hh_l0)]]
        state_BTD = layer((self.gru,), inputs_BTX.transpose(0, 1)[None], weights)[0].transpose(0, 1)
        return self.finish(state_BTD, below_BTD)

    def step(self, below_BKD: Tensor, context_BKM: Tensor, state_BKD: Tensor) -> tuple[Tensor, Tensor]:
        """One position in search. -> above_BKD, state_BKD"""
        gru = self.gru
        inputs_BKX = self.dropout(torch.cat((below_BKD, context_BKM), -1))
        hidden_gates_BKG = F.linear(state_BKD, gru.weight_hh_l0, gru.bias_hh_l0)
        state_BKD = update_state(gru.project(inputs_BKX), hidden_gates_BKG, state_BKD)
        return self.finish(state_BKD, below_BKD), state_BKD

    def finish(self, state: Tensor, below: Tensor) -> Tensor:
        """What the layer returns."""
        above: Tensor = self.norm(state + below if self.residual else state)
        return above


class UpperLayers(nn.Module):
    """Stacked decoder layers                      Miceli Barone et al. 2017, arXiv:1707.07631, 2.3

    As in their decoder whose higher levels reuse the context of the lowest ("rGRU"), and in GNMT (Wu et al. 2016,
    arXiv:1609.08144, 3): the lowest layer attends, and the context is an input of every layer. Residual connections are
    those of GNMT, 3.1: the sum of what a layer reads of the one below and of its state.
    """

    def __init__(self, settings: ModelSettings, memory_size: int) -> None:
        super().__init__()
        above = range(settings.decoder_layers - 1)
        layers = nn.ModuleList(UpperLayer(settings, memory_size) for _ in above)
        self.layers: list[UpperLayer] = layers  # type: ignore[assignment]
        self.size = len(above) * settings.decoder_size

    def forward(self, state_BTD: Tensor, context_BTM: Tensor, layer: Layer = run_layer) -> Tensor:
        """The top layer's output for all positions of a target, from the states of the lowest layer. -> top_BTD

        `layer` is `run_layer` or `scan_layer`, which computes the same.
        """
        for upper in self.layers:
            state_BTD = upper(state_BTD, context_BTM, layer)
        return state_BTD

    def step(self, state_BKD: Tensor, context_BKM: Tensor, upper_BKZ: Tensor) -> tuple[Tensor, Tensor]:
        """The top layer's output for one position, and the states after it. -> top_BKD, upper_BKZ"""
        states = []
        for upper, before_BKD in zip(self.layers, upper_BKZ.chunk(len(self.layers), -1), strict=True):
            state_BKD, after_BKD = upper.step(state_BKD, context_BKM, before_BKD)
            states.append(after_BKD)
        return state_BKD, torch.cat(states, -1)
