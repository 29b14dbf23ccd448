"""One training step of the whole model with its fast loop and loss against the readable ones, dropout and all."""

import pytest
import torch
from support.models import ATTENTIONS, COMPOSITES, sentences, small_model

from nmt.ids import PAD
from nmt.training.update import LOOPS

pytestmark = pytest.mark.numerical

REGULARISED = {"dropout": 0.4, "word_dropout": 0.3, "layer_norm": True, "encoder_layers": 2}


def figures_and_gradients(loop: str, **changes) -> dict[str, torch.Tensor]:
    """What a training step computes, and the random numbers it leaves to the next."""
    layer, decode, word_loss = LOOPS[loop]
    model = small_model(**(REGULARISED | changes)).train()
    source_BS, lengths_B, target_BT = sentences([(4, 6), (7, 3), (1, 1), (5, 5)])
    torch.manual_seed(1)
    readout_BTR, attention_BTS = model(source_BS, lengths_B, target_BT, layer, decode)
    real_BT = target_BT != PAD
    loss, nll = word_loss(readout_BTR[real_BT], model.output_vectors, model.output_bias, target_BT[real_BT], 0.1)
    loss.backward()
    found = {"loss": loss.detach(), "nll": nll, "attention": attention_BTS.detach(), "next": torch.rand(3)}
    return found | {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
@pytest.mark.parametrize("variational", [True, False], ids=["a mask a sentence", "a mask a position"])
@pytest.mark.parametrize("tie", ["none", "all"])
def test_a_fused_step_is_the_reference_step(name, feeding, variational, tie):
    same_step({"attention": name, "input_feeding": feeding, "variational": variational, "tie": tie})


@pytest.mark.parametrize(
    "settings", [*COMPOSITES.values(), {"encoder_heads": 2}, {"encoder_layers": 0, "embedding_size": 8}], ids=str
)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_so_it_is_with_all_that_stands_around_a_score(settings, feeding):
    same_step(settings | {"input_feeding": feeding})


def same_step(changes) -> None:
    want, got = figures_and_gradients("reference", **changes), figures_and_gradients("fused", **changes)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        if expected is None:
            assert got[quantity] is None, quantity
            continue
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


def test_dropout_is_at_work_in_it():
    dropped, whole = (figures_and_gradients("fused", dropout=p, word_dropout=p) for p in (0.4, 0.0))
    assert not torch.allclose(dropped["loss"], whole["loss"])
    assert not torch.equal(dropped["next"], whole["next"])
