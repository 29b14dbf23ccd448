"""Products with padded rows: only bfloat16 on a CPU is padded, and results equal those without padding."""

import pytest
import torch
from torch import nn

from nmt.model.linear import MULTIPLE, apply_linear, pad_rows, weight_gradient

pytestmark = pytest.mark.numerical


@pytest.mark.parametrize("rows", [1, MULTIPLE - 1, MULTIPLE, MULTIPLE + 1])
def test_only_bfloat16_is_padded(rows):
    values_PNI = torch.randn(2, rows, 3)
    assert pad_rows(values_PNI) is values_PNI
    padded_PNI = pad_rows(values_PNI.bfloat16())
    assert padded_PNI.shape == (2, -(-rows // MULTIPLE) * MULTIPLE, 3)
    assert torch.equal(padded_PNI[:, :rows], values_PNI.bfloat16())
    assert not padded_PNI[:, rows:].any()


def test_a_layer_with_padded_rows_equals_the_layer():
    linear, values_TBI = nn.Linear(8, 4), torch.randn(3, 31, 8, requires_grad=True)
    outputs = []
    with torch.autocast("cpu", torch.bfloat16):
        for out_TBO in (linear(values_TBI), apply_linear(linear, values_TBI)):
            outputs.append([out_TBO, *torch.autograd.grad(out_TBO.square().sum(), [values_TBI, *linear.parameters()])])
    for want, got in zip(*outputs, strict=True):
        torch.testing.assert_close(got, want, rtol=2e-2, atol=2e-2)


def test_the_gradient_of_a_weight_is_that_of_autograd():
    weight_OI, in_TBI, d_out_TBO = torch.randn(4, 8, requires_grad=True), torch.randn(3, 31, 8), torch.randn(3, 31, 4)
    (want_OI,) = torch.autograd.grad(in_TBI @ weight_OI.t(), weight_OI, d_out_TBO)
    torch.testing.assert_close(weight_gradient(d_out_TBO, in_TBI), want_OI)
    in_16, d_out_16 = in_TBI.bfloat16(), d_out_TBO.bfloat16()
    torch.testing.assert_close(weight_gradient(d_out_16, in_16).float(), want_OI, rtol=5e-2, atol=2e-1)
