"""Products with weights that no longer change, packed once in the form that this machine multiplies fastest.

For translation only: nothing here has a gradient.
"""

# N rows   I numbers in   O numbers out   C of the O that are kept

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

LEVELS = 127  # of an 8-bit integer, on either side of zero


class Product(Protocol):
    """x W' + b for given W and b."""

    def __call__(self, x_NI: Tensor) -> Tensor:
        """-> y_NO, in the type of x"""

    def some(self, kept_C: Tensor) -> "Product":
        """The same with those rows of W alone."""


BuildProduct = Callable[[Tensor, Tensor | None, bool], Product]  # from W, b, and whether all of x lies in [-1, 1]


class Plain:
    """As torch multiplies, in the type of W, which is kept in the order that torch reads fastest."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        self.weight_IO = weight_OI.t().contiguous()
        self.bias_O = bias_O

    def __call__(self, x_NI: Tensor) -> Tensor:
        operand = x_NI.to(self.weight_IO.dtype)
        y_NO = operand @ self.weight_IO if self.bias_O is None else torch.addmm(self.bias_O, operand, self.weight_IO)
        return y_NO.to(x_NI.dtype)

    def some(self, kept_C: Tensor) -> "Plain":
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        return Plain(self.weight_IO.t()[kept_C], bias_C)


class Packed:
    """The same by oneDNN, which keeps W in the order in which a CPU's matrix unit reads it."""

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None) -> None:
        self.weight_OI = weight_OI
        self.bias_O = bias_O
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight_OI)

    def __call__(self, x_NI: Tensor) -> Tensor:
        operand = as_operand(x_NI, self.weight_OI.dtype)
        y_NO: Tensor = torch.ops.mkldnn._linear_pointwise(operand, self.packed, self.bias_O, "none", [], "")
        return y_NO[: x_NI.shape[0]].to(x_NI.dtype)

    def some(self, kept_C: Tensor) -> "Packed":
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        return Packed(self.weight_OI[kept_C], bias_C)


class Int8:
    """Both operands in 8 bits, sums in 32.

    Every row of W is scaled so that its greatest number is 127. So is every row of x, unless it is bounded: then 127
    stands for 1, which saves looking. Either way a row of y depends on no other row of x.
    """

    def __init__(self, weight_OI: Tensor, bias_O: Tensor | None, is_bounded: bool) -> None:
        scale_O = weight_OI.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / LEVELS
        self.keep((weight_OI / scale_O[:, None]).round().to(torch.int8), scale_O, bias_O, is_bounded)

    def keep(self, levels_OI: Tensor, scale_O: Tensor, bias_O: Tensor | None, is_bounded: bool) -> None:
        """Take what stands for W."""
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
        """-> y_NO; rounds `scaled` where it lies"""
        y_NO: Tensor = torch.ops.onednn.qlinear_pointwise(
            *(as_operand(scaled_NI.round_(), torch.int8), scale, 0, self.packed, self.scale_O, self.zeros_O, bias_O),
            *(1.0, 0, torch.float32, "none", [], ""),
        )
        return y_NO[: scaled_NI.shape[0]]

    def some(self, kept_C: Tensor) -> "Int8":
        fewer = object.__new__(Int8)
        bias_C = None if self.bias_O is None else self.bias_O[kept_C]
        fewer.keep(self.levels_OI[kept_C], self.scale_O[kept_C], bias_C, self.is_bounded)
        return fewer


def as_operand(x_NI: Tensor, dtype: torch.dtype) -> Tensor:
    """In another type, and with rows of anything up to a number of rows that comes often.

    oneDNN makes and keeps code for every number it meets: here 8, 16, multiples of 32, and from 256 on four numbers in
    each doubling. What fills up is zero, or in 8 bits what lies about in memory: no row of a product knows of another,
    but subnormal numbers are slow where a CPU multiplies bfloat16 as float32.
    """
    rows, numbers = x_NI.shape
    step = max(32, 2 ** rows.bit_length() // 8)
    full = 8 if rows <= 8 else 16 if rows <= 16 else -(-rows // step) * step
    if rows == full:
        return x_NI.to(dtype)
    filled = x_NI.new_empty(full, numbers, dtype=dtype)
    filled[:rows] = x_NI
    if dtype.is_floating_point:
        filled[rows:] = 0
    return filled


def can_multiply_bfloat16(device: torch.device) -> bool:
    """Whether there is code for it: on a CPU that is oneDNN's, for AVX-512 and up. Torch's own is 100 times slower."""
    return device.type != "cpu" or (torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def product_builder(precision: str, device: torch.device) -> BuildProduct:
    """How to multiply in float32, bfloat16 or int8; float64 weights stay what they are in the first.

    Where bfloat16 cannot be multiplied, weights are rounded to it and multiplied in float32.
    """

    def multiply(weight_OI: Tensor, bias_O: Tensor | None, is_bounded: bool) -> Product:
        if precision == "int8":
            return Int8(weight_OI, bias_O, is_bounded)
        if precision == "bfloat16":
            weight_OI, bias_O = weight_OI.bfloat16(), None if bias_O is None else bias_O.bfloat16()
            if not can_multiply_bfloat16(device):
                return Plain(weight_OI.float(), None if bias_O is None else bias_O.float())
            if device.type == "cpu":
                return Packed(weight_OI, bias_O)
        return Plain(weight_OI, bias_O)

    return multiply
