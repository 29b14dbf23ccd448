"""Products over all positions of a batch, whose rows are padded to multiples of 64.

In bfloat16 on a CPU, oneDNN builds code for every new number of rows. That takes as long as a product of a few
milliseconds, and batches of all lengths bring new numbers for thousands of updates.
"""

# N positions, or T * B   I input   O output

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MULTIPLE = 64


def product_dtype(value: Tensor) -> torch.dtype:
    """The type of a product's operands: that of autocast where it is on."""
    device = value.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else value.dtype


def needs_padding(values: Tensor) -> bool:
    """Whether oneDNN would build code for every number of rows."""
    return values.device.type == "cpu" and product_dtype(values) == torch.bfloat16


def pad_rows(values: Tensor) -> Tensor:
    """(…, N, I) with N padded to a multiple of 64 by zeros, where oneDNN would build code for every N."""
    missing = -values.shape[-2] % MULTIPLE
    return F.pad(values, (0, 0, 0, missing)) if missing and needs_padding(values) else values


def apply_linear(linear: nn.Linear, values: Tensor) -> Tensor:
    """`linear` on the last dimension, with padded rows."""
    if not needs_padding(values):
        out: Tensor = linear(values)
        return out
    positions = values.shape[:-1]
    out_NO: Tensor = linear(pad_rows(values.flatten(0, -2)))
    return out_NO[: positions.numel()].view(*positions, -1)


def weight_gradient(d_out_TBO: Tensor, in_TBI: Tensor) -> Tensor:
    """The gradient of the weight in out = W in, summed over all positions in one product. -> d_weight_OI"""
    return pad_rows(d_out_TBO.flatten(0, 1)).t() @ pad_rows(in_TBI.flatten(0, 1))


def bias_gradient(d_out_TBO: Tensor) -> Tensor:
    """The gradient of a bias. -> d_bias_O"""
    return d_out_TBO.sum((0, 1))
