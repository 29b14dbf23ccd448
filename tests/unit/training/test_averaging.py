"""The moving average of weights: its formula, and that exchanging it with the weights loses nothing."""

from contextlib import suppress

import pytest
import torch
from torch import nn

from nmt.training.averaging import WeightAverage


def make_model(value: float) -> nn.Module:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


@pytest.mark.parametrize(
    ("decay", "weights", "expected"),
    [
        # the weights are 0 before the first update; 9 of 10 parts are new in the first one, 9 of 11 in the second
        (0.99, [10.0], 9.0),
        (0.99, [10.0, 10.0], 9.0 + 9 / 11),
        (0.25, [8.0], 7.2),  # 0.9 is more than 1 - decay
        (0.0001, [10.0, 10.0, 10.0], 10.0),
        (0.99, [5.0] * 2000, 5.0),  # the initial weights are forgotten
    ],
)
def test_early_updates_weigh_more(decay, weights, expected):
    model = make_model(0.0)
    average = WeightAverage(model, decay)
    for update, weight in enumerate(weights, 1):
        nn.init.constant_(model.weight, weight)
        average.add(update)
    assert float(average.averages["weight"]) == pytest.approx(expected, abs=2e-3)
    assert model.weight.item() == weights[-1]


def test_after_many_updates_the_decay_counts():
    model = make_model(1.0)
    average = WeightAverage(model, 0.99)
    nn.init.constant_(model.weight, 2.0)
    average.add(1_000_000)
    assert float(average.averages["weight"]) == pytest.approx(1.01)


def test_weights_come_back_as_they_were():
    model = make_model(0.1)
    parameter, pointer = model.weight, model.weight.data_ptr()
    average = WeightAverage(model, 0.9)
    nn.init.constant_(model.weight, 0.7)
    average.add(1)
    before, mean = model.weight.item(), average.averages["weight"].item()
    with suppress(KeyboardInterrupt), average.applied():
        assert model.weight.item() == mean != before
        raise KeyboardInterrupt
    assert (model.weight.item(), average.averages["weight"].item()) == (before, mean)
    assert model.weight is parameter
    assert model.weight.data_ptr() == pointer
    assert not any(one.requires_grad for one in average.averages.values())
    assert torch.equal(average.weights["weight"], parameter)
