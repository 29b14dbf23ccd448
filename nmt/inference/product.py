"""Products with constant weights, packed once in the form that this machine multiplies fastest.

For translation only: there are no gradients.
"""

# N rows   I inputs   O outputs   C selected outputs

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

LEVELS = 127  # of an 8-bit integer, on either side of zero


class Product(Protocol):
    """y = x W' + b, with W and b fixed."""

    def __call__(self, x_NI: Tensor) -> Tensor:
        """-> y_NO, in the type of x"""

    def select_outputs(self, kept_C: Tensor) -> "Product":
        """The product with these rows of W and numbers of b alone."""


BuildProduct = Callable[[Tensor, Tensor | None, bool], Product]  # from W, b, and whether all of x lies in [-1, 1]


class PlainProduct:
    """The product by torch, in the type of W. W is stored in the order that torch reads fastest."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        self.weight_IO = weight_OI.t().contiguous()
        self.bias_O = bias_O

    def __call__(self, x_NI: Tensor) -> Tensor:
        operand = x_NI.to(self.weight_IO.dtype)
        y_NO = operand @ self.weight_IO if self.bias_O is None else torch.addmm(self.bias_O, operand, self.weight_IO)
        return y_NO.to(x_NI.dtype)

    def select_outputs(self, kept_C: Tensor) -> "PlainProduct":
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        return PlainProduct(self.weight_IO.t()[kept_C], bias_C)


class PackedProduct:
    """The product by oneDNN, which stores W in the order in which a CPU's matrix unit reads it."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        self.weight_OI = weight_OI
        self.bias_O = bias_O
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight_OI)

    def __call__(self, x_NI: Tensor) -> Tensor:
        operand = as_operand(x_NI, self.weight_OI.dtype)
        y_NO: Tensor = torch.ops.mkldnn._linear_pointwise(operand, self.packed, self.bias_O, "none", [], "")
        return y_NO[: x_NI.shape[0]].to(x_NI.dtype)

    def select_outputs(self, kept_C: Tensor) -> "PackedProduct":
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        return PackedProduct(self.weight_OI[kept_C], bias_C)


class Int8Product:
    """The product by oneDNN with both operands in 8 bits and sums in 32.

    Every row of W is scaled so that its largest number is 127. So is every row of x, unless all of x is in [-1, 1]:
    then 127 stands for 1, which saves a pass over x. Either way a row of y depends on no other row of x.
    """

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None, is_bounded: bool) -> None:
        scale_O = weight_OI.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
        self.set_weights((weight_OI / scale_O[:, None]).round().to(torch.int8), scale_O, bias_O, is_bounded)

    def set_weights(self, levels_OI: Tensor, scale_O: Tensor, bias_O: Tensor | None, is_bounded: bool) -> None:
        """Store W, which is `levels_OI` times `scale_O`, and b."""
        self.levels_OI, self.scale_O, self.bias_O, self.is_bounded = levels_OI, scale_O, bias_O, is_bounded
        self.packed = torch.ops.onednn.qlinear_prepack(levels_OI, None)
        self.zeros_O = torch.zeros_like(scale_O, dtype=torch.long)

    def __call__(self, x_NI: Tensor) -> Tensor:
        if self.is_bounded:
            return self.multiply(x_NI * LEVELS, 1 / LEVELS, self.bias_O)
        scale_N1 = x_NI.abs().amax(1, keepdim=True).clamp_min_(torch.finfo(x_NI.dtype).tiny) / LEVELS
        y_NO = self.multiply(x_NI / scale_N1, 1.0, None).mul_(scale_N1)
        return y_NO if self.bias_O is None else y_NO.add_(self.bias_O)

    def multiply(self, scaled_NI: Tensor, scale: float, bias_O: Tensor | None) -> Tensor:
        """-> y_NO; rounds `scaled_NI` in place"""
        y_NO: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(as_operand(scaled_NI.round_(), torch.int8), scale, 0, self.packed, self.scale_O, self.zeros_O, bias_O),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        return y_NO[: scaled_NI.shape[0]]

    def select_outputs(self, kept_C: Tensor) -> "Int8Product":
        selected = object.__new__(Int8Product)
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        selected.set_weights(self.levels_OI[kept_C], self.scale_O[kept_C], bias_C, self.is_bounded)
        return selected


def as_operand(x_NI: Tensor, dtype: torch.dtype) -> Tensor:
    """`x_NI` in another type, with rows added up to one of a few numbers of rows.

    oneDNN builds code for every new number of rows. The numbers here are 8, 16, multiples of 32, and from 256 on four
    in each doubling. Added rows are zero, except in 8 bits, where they hold any numbers: rows of a product are
    independent, but subnormal numbers are slow where a CPU multiplies bfloat16 as float32.
    """
    rows, inputs = x_NI.shape
    step = max(32, 2 ** rows.bit_length() // 8)
    padded_rows = 8 if rows <= 8 else 16 if rows <= 16 else -(-rows // step) * step
    if rows == padded_rows:
        return x_NI.to(dtype)
    padded = x_NI.new_empty(padded_rows, inputs, dtype=dtype)
    padded[:rows] = x_NI
    if dtype.is_floating_point:
        padded[rows:] = 0
    return padded


def can_multiply_bfloat16(device: torch.device) -> bool:
    """Whether there is code for it: on a CPU that is oneDNN's, for AVX-512 and up. Torch's own is 100 times slower."""
    return device.type != "cpu" or (torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def choose_product(precision: str, device: torch.device) -> BuildProduct:
    """The kind of product for float32, bfloat16 or int8. With float32, weights in float64 stay in float64.

    Where bfloat16 cannot be multiplied, weights are rounded to it and multiplied in float32.
    """

    def build_product(weight_OI: Tensor, bias_O: Tensor | None, is_bounded: bool) -> Product:
        if precision == "int8":
            return Int8Product(weight_OI, bias_O, is_bounded)
        if precision == "bfloat16":
            weight_OI, bias_O = weight_OI.bfloat16(), None if bias_O is None else bias_O.bfloat16()
            if not can_multiply_bfloat16(device):
                return PlainProduct(weight_OI.float(), None if bias_O is None else bias_O.float())
            if device.type == "cpu":
                return PackedProduct(weight_OI, bias_O)
        return PlainProduct(weight_OI, bias_O)

    return build_product
