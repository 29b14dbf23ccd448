"""Products over all positions of a batch, in numbers of rows that come often.

In bfloat16 oneDNN builds code for every number of rows that a CPU's product meets, and keeps it. For a product of a few
milliseconds that takes as long as the product itself, and batches of all lengths meet new numbers for thousands of
updates.
"""

# N positions, or T * B   I input   O output

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MULTIPLE = 64


def product_dtype(value: Tensor) -> torch.dtype:
    """What products read: autocast's type where it is on."""
    device = value.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else value.dtype


def pad_rows(values: Tensor) -> Tensor:
    """(…, N, I) with rows of zeros, up to a multiple of 64, where that saves building code."""
    spare = -values.shape[-2] % MULTIPLE
    builds = values.device.type == "cpu" and product_dtype(values) == torch.bfloat16
    return F.pad(values, (0, 0, 0, spare)) if spare and builds else values


def apply_linear(linear: nn.Linear, values: Tensor) -> Tensor:
    """`linear` over all positions, which are the dimensions before the last."""
    positions = values.shape[:-1]
    out_NO: Tensor = linear(pad_rows(values.flatten(0, -2)))
    return out_NO[: positions.numel()].view(*positions, -1)


def weight_gradient(d_out_TBO: Tensor, in_TBI: Tensor) -> Tensor:
    """The gradient of a weight that turned each `in` into `out`: one product over all positions. -> d_weight_OI"""
    return pad_rows(d_out_TBO.flatten(0, 1)).t() @ pad_rows(in_TBI.flatten(0, 1))
