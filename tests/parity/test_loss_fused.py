"""The chunked loss against the plain one: both figures and every gradient, by name."""

import pytest
import torch

from nmt.training import loss_fused
from nmt.training.loss import plain_loss
from nmt.training.loss_fused import fused_loss


def figures_and_gradients(loss_of, N: int, smoothing: float, *, V: int = 11, operand=None, dtype=torch.float64):
    torch.manual_seed(N)
    given = {
        "readout": torch.randn(N, 5, dtype=dtype).tanh(),
        "vectors": torch.randn(V, 5, dtype=dtype),
        "bias": torch.randn(V, dtype=dtype),
    }
    given = {name: value.requires_grad_() for name, value in given.items()}
    with torch.autocast("cpu", operand, enabled=operand is not None):
        loss, nll = loss_of(*given.values(), torch.randint(V, (N,)), smoothing)
    assert not nll.requires_grad
    (loss * 0.3).backward()
    return {"loss": loss.detach(), "nll": nll} | {f"gradient of {name}": value.grad for name, value in given.items()}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("N", [1, 3, 4, 9])
def test_fused_loss_equals_the_plain_one(N, smoothing, monkeypatch):
    monkeypatch.setattr(loss_fused, "HELD", 4 * 11)  # four positions: below, at and above
    monkeypatch.setattr(loss_fused, "CACHED", 3 * 11)
    want, got = figures_and_gradients(plain_loss, N, smoothing), figures_and_gradients(fused_loss, N, smoothing)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )
