"""One training step of the whole model, fused loops and loss against the readable ones, dropout included."""

import pytest
import torch
from support.models import ATTENTIONS, COMPOSITES, DEEP
from support.steps import assert_same_step, figures_and_gradients

pytestmark = pytest.mark.numerical


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
@pytest.mark.parametrize("variational", [True, False], ids=["sentence masks", "position masks"])
@pytest.mark.parametrize("tie", ["none", "all"])
def test_a_fused_step_is_the_reference_step(name, feeding, variational, tie):
    assert_same_step(attention=name, input_feeding=feeding, variational=variational, tie=tie)


@pytest.mark.parametrize(
    "settings",
    [*COMPOSITES.values(), *DEEP.values(), {"encoder_heads": 2}, {"encoder_layers": 0, "embedding_size": 8}],
    ids=str,
)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_a_fused_step_with_parts_is_the_reference_step(settings, feeding):
    assert_same_step(**settings, input_feeding=feeding)


@pytest.mark.parametrize("kind", ["dropout", "word_dropout", "weight_dropout"])
def test_dropout_changes_the_step(kind):
    whole = figures_and_gradients("fused", dropout=0.0, word_dropout=0.0, weight_dropout=0.0)
    dropped = figures_and_gradients("fused", **{"dropout": 0.0, "word_dropout": 0.0, "weight_dropout": 0.0, kind: 0.4})
    assert not torch.allclose(dropped["loss"], whole["loss"])
    assert not torch.equal(dropped["next"], whole["next"])
