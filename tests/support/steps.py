"""One training step of a small model, through the readable loops or the fused ones."""

import torch

from nmt.ids import PAD
from nmt.training.update import LOOPS
from support.models import sentences, small_model

REGULARISED = {"dropout": 0.4, "word_dropout": 0.3, "layer_norm": True, "encoder_layers": 2}


def figures_and_gradients(loop: str, **changes) -> dict[str, torch.Tensor]:
    """All that a training step computes, and the random numbers that follow it."""
    layer, decode, word_loss = LOOPS[loop]
    model = small_model(**(REGULARISED | changes)).train()
    source_BS, lengths_B, target_BT = sentences([(4, 6), (7, 3), (1, 1), (5, 5)])
    torch.manual_seed(1)
    readout_BTR, attention_BTS = model(source_BS, lengths_B, target_BT, layer, decode)
    real_BT = target_BT != PAD
    loss, nll = word_loss(readout_BTR[real_BT], model.output_vectors, model.output_bias, target_BT[real_BT], 0.1)
    loss.backward()
    figures = {"loss": loss.detach(), "nll": nll, "attention": attention_BTS.detach(), "next": torch.rand(3)}
    return figures | {f"gradient of {name}": parameter.grad for name, parameter in model.named_parameters()}


def assert_same_step(**changes) -> None:
    """Compare a step through the fused loops with one through the readable loops, by name."""
    want, got = figures_and_gradients("reference", **changes), figures_and_gradients("fused", **changes)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        if expected is None:
            assert got[quantity] is None, quantity
            continue
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )
