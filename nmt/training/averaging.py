"""The moving average of weights, which is validated, saved and translated with; training goes on without it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of the weights of a model, on the device of the model.

    average <- average + s (weights - average) after each update;    s = max(1 - decay, 9 / (10 + n))

    n is the number of updates before this one. While it is small, s is large, so that the average forgets the initial
    weights at once; that is in place of a bias correction. As in Marian, whose option is exponential-smoothing, 1e-4 by
    default for 1 - decay: marian-nmt/marian, src/optimizers/exponential_smoothing.cpp. For averages of weights see
    Polyak and Juditsky 1992, Acceleration of stochastic approximation by averaging.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.weights = dict(model.named_parameters())
        self.averages = {name: weight.detach().clone() for name, weight in self.weights.items()}

    @torch.no_grad()
    def add(self, update: int) -> None:
        """Add the weights after update number `update`, counted from one."""
        share = max(1 - self.decay, 9 / (9 + update))
        torch._foreach_lerp_(list(self.averages.values()), list(self.weights.values()), share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within it, the model has the averages in place of its weights."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    @torch.no_grad()
    def exchange(self) -> None:
        """Exchange averages and weights in place: what refers to either stays valid."""
        for name, weight in self.weights.items():
            kept: Tensor = weight.clone()
            weight.copy_(self.averages[name])
            self.averages[name].copy_(kept)
