"""Products in rounded numbers of rows: bfloat16 on a CPU fills up, and what comes out is what would without."""

import pytest
import torch
from torch import nn

from nmt.model.linear import MULTIPLE, apply_linear, pad_rows, weight_gradient

pytestmark = pytest.mark.numerical


@pytest.mark.parametrize("rows", [1, MULTIPLE - 1, MULTIPLE, MULTIPLE + 1])
def test_only_bfloat16_is_filled_up(rows):
    values_PNI = torch.randn(2, rows, 3)
    assert pad_rows(values_PNI) is values_PNI
    filled_PNI = pad_rows(values_PNI.bfloat16())
    assert filled_PNI.shape == (2, -(-rows // MULTIPLE) * MULTIPLE, 3)
    assert torch.equal(filled_PNI[:, :rows], values_PNI.bfloat16())
    assert not filled_PNI[:, rows:].any()


def test_a_projection_of_filled_rows_and_its_gradients_are_those_of_the_layer():
    linear, values_TBI = nn.Linear(8, 4), torch.randn(3, 31, 8, requires_grad=True)
    found = []
    with torch.autocast("cpu", torch.bfloat16):
        for out_TBO in (linear(values_TBI), apply_linear(linear, values_TBI)):
            found.append([out_TBO, *torch.autograd.grad(out_TBO.square().sum(), [values_TBI, *linear.parameters()])])
    for right, got in zip(*found, strict=True):
        torch.testing.assert_close(got, right, rtol=2e-2, atol=2e-2)


def test_the_gradient_of_a_weight_is_that_of_autograd():
    weight_OI, in_TBI, d_out_TBO = torch.randn(4, 8, requires_grad=True), torch.randn(3, 31, 8), torch.randn(3, 31, 4)
    (right_OI,) = torch.autograd.grad(in_TBI @ weight_OI.t(), weight_OI, d_out_TBO)
    torch.testing.assert_close(weight_gradient(d_out_TBO, in_TBI), right_OI)
    in_16, d_out_16 = in_TBI.bfloat16(), d_out_TBO.bfloat16()
    torch.testing.assert_close(weight_gradient(d_out_16, in_16).float(), right_OI, rtol=5e-2, atol=2e-1)
