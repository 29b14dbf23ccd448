"""The loss in blocks against the plain one: both figures and every gradient, by name."""

import pytest
import torch

from nmt.ids import PAD
from nmt.kernels import loss_fused
from nmt.kernels.loss_fused import fused_loss
from nmt.training.loss import smoothed_loss

pytestmark = pytest.mark.numerical


def figures_and_gradients(
    loss_of, N: int, smoothing: float, *, V: int = 11, operand=None, dtype=torch.float64, padding=False
):
    torch.manual_seed(N)
    inputs = {
        "readout": torch.randn(N, 5, dtype=dtype).tanh(),
        "vectors": torch.randn(V, 5, dtype=dtype),
        "bias": torch.randn(V, dtype=dtype),
    }
    inputs = {name: value.requires_grad_() for name, value in inputs.items()}
    with torch.autocast("cpu", operand, enabled=operand is not None):
        loss, nll = loss_of(*inputs.values(), torch.randint(PAD + 1 - padding, V, (N,)), smoothing)
    assert not nll.requires_grad
    (loss * 0.3).backward()
    return {"loss": loss.detach(), "nll": nll} | {f"gradient of {name}": value.grad for name, value in inputs.items()}


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("N", [1, 3, 64, 150])
def test_fused_loss_equals_the_plain_one(N, smoothing, monkeypatch):
    monkeypatch.setattr(loss_fused, "HELD", 64 * 11)  # blocks of 64 positions: fewer, as many, and more
    monkeypatch.setattr(loss_fused, "CACHED_SCORES", 3 * 11)
    want, got = figures_and_gradients(smoothed_loss, N, smoothing), figures_and_gradients(fused_loss, N, smoothing)
    assert want.keys() == got.keys()
    for quantity, expected in want.items():
        torch.testing.assert_close(
            got[quantity], expected, rtol=1e-9, atol=1e-11, msg=lambda text, quantity=quantity: f"{quantity}: {text}"
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_padding_counts_nothing(smoothing):
    """With five words every fifth position is padding on average. The plain loss of the others is what is wanted."""

    def loss_of_others(readout_NR, vectors_VR, bias_V, target_N, smoothing):
        real_N = target_N != PAD
        assert 0 < real_N.sum() < len(real_N)
        return smoothed_loss(readout_NR[real_N], vectors_VR, bias_V, target_N[real_N], smoothing)

    want = figures_and_gradients(loss_of_others, 12, smoothing, V=5, padding=True)
    for loss in smoothed_loss, fused_loss:
        got = figures_and_gradients(loss, 12, smoothing, V=5, padding=True)
        for quantity, expected in want.items():
            torch.testing.assert_close(got[quantity], expected, rtol=1e-9, atol=1e-11)


def test_bfloat16_stays_close_to_float32():
    """Errors are norms as fractions of the quantity's own norm, measured at most 0.004; eps of bfloat16 is 0.008."""
    want = figures_and_gradients(smoothed_loss, 200, 0.1, V=300, dtype=torch.float32)
    got = figures_and_gradients(fused_loss, 200, 0.1, V=300, dtype=torch.float32, operand=torch.bfloat16)
    for quantity, expected in want.items():
        error = float((got[quantity] - expected).norm() / expected.norm())
        assert error < 0.01, f"{quantity}: {error}"


def test_a_reference_word_of_probability_zero_has_a_finite_loss():
    readout, vectors, bias = torch.zeros(1, 1), torch.zeros(2, 1), torch.tensor([1000.0, 0.0])
    loss, nll = fused_loss(readout, vectors, bias, torch.tensor([1]), 0.0)
    assert loss == nll
    assert loss == 1000
