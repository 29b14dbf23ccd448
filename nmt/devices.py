"""Which device and which precision `auto` stands for on this machine.

It looks at the machine and at nothing else: no settings, no model.
"""

import os
import statistics
import time

import torch

from nmt.errors import Option, UsageError
from nmt.inference.product import Int8Product

GAIN = 1.5  # bfloat16 must be this many times faster to be worth its rounding
ERROR = 0.05  # of a product, as a share of its size, that rounding explains; a machine that errs by more overflows


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
    raise UsageError(Option("device", name), f" cannot be used here\n  There are: auto, {there}")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bfloat16 where matrix products are that much faster in it, by a probe of a few milliseconds."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    fast = matmul_seconds(torch.bfloat16, device) * GAIN < matmul_seconds(torch.float32, device)
    return torch.bfloat16 if fast else torch.float32


def choose_translation_precision(name: str, device: torch.device) -> str:
    """`auto` is what is fastest on a machine of this kind, whatever else it is doing: a run must repeat.

    On a CPU with AMX that is int8, on others float32: oneDNN multiplies signed 8-bit integers fast with AMX only.
    Raises UsageError for int8 where it cannot be had.
    """
    if device.type == "cuda":
        if name == "int8":
            raise UsageError(
                Option("precision", "int8"), " is for a CPU\n  On a GPU there are: auto, float32, bfloat16"
            )
        return str(choose_precision(name, device)).removeprefix("torch.")
    if name == "int8" and not has_int8():
        raise UsageError(
            Option("precision", "int8"),
            " cannot be used here: this build of torch has no product of 8-bit integers, or a wrong one\n"
            "  There are: auto, float32, bfloat16",
        )
    if name == "auto":
        return "int8" if has_amx() and has_int8() else "float32"
    return name


def has_amx() -> bool:
    """Whether oneDNN uses AMX: the CPU has it, the system allows it, and no environment variable forbids it."""
    limit = (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "default").lower()
    return torch.cpu._init_amx() and (limit in ("all", "default") or "amx" in limit)


def has_int8() -> bool:
    """Whether products in 8 bits exist and come out right, but for rounding.

    Every operand of the probe is as large as 8 bits hold: a CPU without VNNI, which adds two products in 16 bits, then
    errs by half.
    """
    generator = torch.Generator().manual_seed(0)
    weight_OI, x_NI = (torch.randn(rows, 512, generator=generator).sign() for rows in (256, 8))
    try:
        found_NO = Int8Product(weight_OI, None, False)(x_NI)
    except (RuntimeError, AttributeError):
        return False
    exact_NO = x_NI @ weight_OI.T
    return bool((found_NO - exact_NO).norm() < ERROR * exact_NO.norm())


def matmul_seconds(dtype: torch.dtype, device: torch.device) -> float:
    """Median time of a matrix product of the size that an output layer has."""
    left, right = (torch.ones(512, 512, dtype=dtype, device=device) for _ in range(2))
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        left @ right
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def describe_device(device: torch.device, precision: torch.dtype) -> str:
    """`cpu (2 threads), bfloat16`"""
    threads = torch.get_num_threads()
    cpu = f"cpu ({threads} thread{'s' * (threads > 1)})"
    where = cpu if device.type == "cpu" else torch.cuda.get_device_name(device)
    return f"{where}, {str(precision).removeprefix('torch.')}"
