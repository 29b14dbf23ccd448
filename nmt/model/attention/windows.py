"""Windows: attention limited to source positions near a centre, which moves with the target position.

Luong et al. 2015, arXiv:1508.04025, 3.2: local attention.
"""

# B sentences   T target positions   S source positions   D decoder state   A attention space

import torch
from torch import Tensor, nn

from nmt.settings import ModelSettings


class Window(nn.Module):
    """Positions from centre - width to centre + width; the others get a weight of zero."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.width = settings.window_width

    def find_centre(self, state_BTD: Tensor, position_BT: Tensor, last_B1: Tensor) -> Tensor:
        """A source position, counted from 0; `position_BT` is the target position, `last_B1` is EOS. -> centre_BT"""
        raise NotImplementedError

    def compute_factor(self, distance_BTS: Tensor) -> Tensor | None:
        """The factor of weights inside the window; None for no factor. -> factor_BTS"""
        return None

    def forward(self, state_BTD: Tensor, position_BT: Tensor, real_BS: Tensor) -> tuple[Tensor, Tensor | None]:
        """Which source positions are real and inside the window, and the factor of each. -> inside_BTS, factor_BTS"""
        last_B1 = real_BS.sum(-1, keepdim=True) - 1
        positions_S = torch.arange(real_BS.shape[1], device=real_BS.device)
        distance_BTS = positions_S - self.find_centre(state_BTD, position_BT, last_B1)[..., None]
        return (distance_BTS.abs() <= self.width) & real_BS[:, None], self.compute_factor(distance_BTS)


class MonotonicWindow(Window):
    """centre = t                                   local-m

    Unlike in the paper the centre stays at the last source position when the target is longer than the source.
    """

    def find_centre(self, state_BTD: Tensor, position_BT: Tensor, last_B1: Tensor) -> Tensor:
        return position_BT.minimum(last_B1.to(position_BT.dtype))


class PredictiveWindow(Window):
    """centre = (S - 1) sigm(v . tanh(W s));  factor = exp(-(i - centre) ** 2 / (2 sigma ** 2)), sigma = width / 2

    local-p, eqs. 9 and 10. S - 1 takes the place of the paper's S, because positions are counted from 0.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings)
        self.state_weight = nn.Linear(settings.decoder_size, settings.attention_size, bias=False)
        self.v = nn.Linear(settings.attention_size, 1, bias=False)

    def find_centre(self, state_BTD: Tensor, position_BT: Tensor, last_B1: Tensor) -> Tensor:
        fraction_BT: Tensor = self.v(torch.tanh(self.state_weight(state_BTD)))[..., 0].to(position_BT.dtype).sigmoid()
        return fraction_BT * last_B1

    def compute_factor(self, distance_BTS: Tensor) -> Tensor | None:
        return torch.exp(-2 * (distance_BTS / self.width) ** 2)


WINDOWS: dict[str, type[Window]] = {"monotonic": MonotonicWindow, "predictive": PredictiveWindow}
