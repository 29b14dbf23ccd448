"""Learning rates that a reader can check by hand, and which parameters decay."""

import math

import pytest
import torch
from torch import nn

from nmt.settings import TrainSettings
from nmt.training.epochs import EpochSizes
from nmt.training.optim import apply_update, build_optimizer, compute_learning_rate, count_updates

pytestmark = pytest.mark.numerical


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [  # at updates 5, 10, 40, 100
        ("constant", [0.5, 1.0, 1.0, 1.0]),
        ("inverse-sqrt", [0.5, 1.0, 0.5, math.sqrt(0.1)]),
        ("cosine", [0.5, 1.0, 0.75, 0.0]),
        ("plateau", [0.5, 0.25, 0.25, 0.25]),
    ],
)
def test_the_learning_rate_is_a_function_of_the_update(schedule, rates):
    settings = TrainSettings(schedule=schedule, learning_rate=1.0, warmup=10, decay=0.5)
    found = [compute_learning_rate(settings, update, 100, plateaus=2) for update in (5, 10, 40, 100)]
    assert found == pytest.approx(rates, abs=1e-12)


def test_without_warm_up_the_first_rate_is_the_peak():
    settings = TrainSettings(schedule="inverse-sqrt", learning_rate=1.0, warmup=0)
    assert compute_learning_rate(settings, 1, 0, 0) == 1.0


@pytest.mark.parametrize(
    ("limits", "updates"),
    [
        ({"max_epochs": 2}, 40),
        ({"max_epochs": 4}, 60),
        ({"max_epochs": 1}, 20),
        ({"max_epochs": 3, "max_updates": 7}, 7),
        ({"max_epochs": 0, "max_updates": 7}, 7),
        ({"max_epochs": 0}, 0),
    ],
)
def test_the_number_of_updates_that_the_limits_allow(limits, updates):
    assert count_updates(TrainSettings(**limits), EpochSizes(in_one=10, both_epochs=2, in_both=20)) == updates


@pytest.mark.parametrize("broken", [math.inf, -math.inf, math.nan])
def test_a_gradient_that_is_not_finite_changes_nothing(broken):
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(model, TrainSettings())

    def update(gradient):
        for parameter in model.parameters():
            parameter.grad = torch.full_like(parameter, 0.5)
        model.weight.grad[0, 0] = gradient
        apply_update(optimizer, 0.1, 1.0)
        state = {
            f"{name}.{key}": value.clone()
            for name, p in model.named_parameters()
            for key, value in optimizer.state[p].items()
        }
        return state | {name: parameter.detach().clone() for name, parameter in model.named_parameters()}

    before, after, further = update(0.1), update(broken), update(0.1)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(torch.equal(value, further[name]) for name, value in before.items())


@pytest.mark.parametrize(("optimizer", "shrinks"), [("adam", False), ("adamw", True)])
def test_weight_decay_shrinks_matrices_only(optimizer, shrinks):
    model = nn.Linear(2, 2)
    nn.init.ones_(model.weight)
    nn.init.ones_(model.bias)
    update = build_optimizer(model, TrainSettings(optimizer=optimizer, weight_decay=0.5, learning_rate=0.1))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    update.step()
    assert (model.weight[0, 0].item() < 1) == shrinks
    assert (model.bias == 1).all()
