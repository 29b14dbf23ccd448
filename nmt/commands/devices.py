"""Which device and which precision `auto` stands for on this machine.

It looks at the machine and at nothing else: no settings, no model.
"""

import statistics
import time

import torch

from nmt.errors import UsageError

GAIN = 1.5  # bfloat16 must be this many times faster to be worth its rounding


def choose_device(name: str) -> torch.device:
    """`auto` is the first GPU where there is one. Raises UsageError for a device that this machine lacks."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type in ("cpu", "cuda"):
            return device
    except (RuntimeError, AssertionError):
        pass
    there = ", ".join(["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))])
    raise UsageError(f'--device "{name}" cannot be used here\n  There are: auto, {there}')


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where matrix products are that much faster in it, by a probe of a few milliseconds."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    fast = matmul_seconds(torch.bfloat16, device) * GAIN < matmul_seconds(torch.float32, device)
    return torch.bfloat16 if fast else torch.float32


def matmul_seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Median time of a matrix product of the size that an output layer has."""
    left, right = (torch.ones(512, 512, dtype=dtype, device=device) for _ in range(2))
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def describe(device: torch.device, precision: torch.dtype) -> str:
    """`cpu (2 threads), bfloat16`"""
    threads = torch.get_num_threads()
    cpu = f"cpu ({threads} thread{'s' * (threads > 1)})"
    where = cpu if device.type == "cpu" else torch.cuda.get_device_name(device)
    return f"{where}, {str(precision).removeprefix('torch.')}"
