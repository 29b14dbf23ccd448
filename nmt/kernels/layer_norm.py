"""Layer normalisation inside the fused loops, and its gradients."""

# T positions   B sentences   F features

import torch
from torch import Tensor

EPSILON = 1e-5  # of torch.nn.LayerNorm


class LayerNormSteps:
    """Layer normalisation of one position after the other, or the identity where there are no weights.

    `roll` is by how much the features are rolled against the weights.
    """

    def __init__(self, weight_F: Tensor | None, bias_F: Tensor | None, roll: int = 0) -> None:
        self.roll = roll
        self.weight_F = None if weight_F is None else weight_F.roll(roll)
        self.bias_F = None if bias_F is None else bias_F.roll(roll)
        self.kept_T: list[tuple[Tensor, Tensor, Tensor]] = []

    def __bool__(self) -> bool:
        return self.weight_F is not None

    def forward(self, values_BF: Tensor) -> Tensor:
        """-> normed_BF"""
        if self.weight_F is None:
            return values_BF
        values_BF = values_BF.to(self.weight_F.dtype)
        normed_BF, mean_B1, scale_B1 = torch.native_layer_norm(
            values_BF, self.weight_F.shape, self.weight_F, self.bias_F, EPSILON
        )
        self.kept_T.append((values_BF, mean_B1, scale_B1))
        return normed_BF

    def backward(self, t: int, d_normed_BF: Tensor) -> Tensor:
        """-> d_values_BF"""
        return self._gradients(d_normed_BF, self.kept_T[t], [True, False, False])[0] if self else d_normed_BF

    def gradients(self, d_normed_TBF: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """The gradients of weight and bias, over all positions."""
        if not self:
            return None, None
        kept = tuple(torch.stack(part) for part in zip(*self.kept_T, strict=True))
        _, d_weight_F, d_bias_F = self._gradients(d_normed_TBF, kept, [False, True, True])
        return d_weight_F.roll(-self.roll), d_bias_F.roll(-self.roll)

    def _gradients(self, d_normed: Tensor, kept: tuple[Tensor, ...], wanted: list[bool]) -> tuple[Tensor, ...]:
        assert self.weight_F is not None
        values, mean, scale = kept
        d_normed = d_normed.to(values.dtype)
        gradients: tuple[Tensor, ...] = torch.ops.aten.native_layer_norm_backward(
            d_normed, values, self.weight_F.shape, mean, scale, self.weight_F, self.bias_F, wanted
        )
        return gradients
