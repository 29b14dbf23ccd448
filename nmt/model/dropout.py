"""Dropout of features and of whole tokens, one mask a position or one a sentence."""

# B sentences   T positions   F features

from torch import Tensor, nn
from torch.nn import functional as F


class Dropout(nn.Module):
    """Zero each feature with probability `p` and scale the rest by 1 / (1 - p), in training only.

    `variational` draws one mask a sentence and uses it at every position (Gal and Ghahramani 2016, arXiv:1512.05287;
    unlike them, on what enters and leaves the recurrent layers only, never on the recurrent state).
    """

    def __init__(self, p: float, variational: bool) -> None:
        super().__init__()
        self.p = p
        self.variational = variational

    def forward(self, values_BTF: Tensor) -> Tensor:
        """-> dropped_BTF"""
        if not self.variational:
            return F.dropout(values_BTF, self.p, self.training)
        return values_BTF * F.dropout(
            values_BTF.new_ones(values_BTF.shape[0], 1, values_BTF.shape[2]), self.p, self.training
        )


class WordDropout(nn.Module):
    """Zero the whole embedding of a position with probability `p`; the rest is not scaled, since most words stay."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, embedded_BTE: Tensor) -> Tensor:
        """-> dropped_BTE"""
        if not self.training or self.p == 0:
            return embedded_BTE
        return embedded_BTE * (embedded_BTE.new_empty(*embedded_BTE.shape[:2], 1).uniform_() >= self.p)
