"""Chooses the device and the precision that `auto` stands for on this machine."""

import os
import statistics
import time

import torch

from nmt.errors import Option, UsageError, did_you_mean
from nmt.inference.product import Int8Product

MIN_SPEEDUP = 1.5  # bfloat16 must be this many times faster than float32 to justify its rounding errors
MAX_ERROR = 0.05  # largest relative error of a product that rounding can explain; a larger one comes from overflow


def choose_device(name: str) -> torch.device:
    """The device with a name. `auto` is the first GPU, or the CPU if there is none.

    On a GPU cuBLAS gets a workspace of its own size, with which cuDNN's GRUs repeat to the bit, as the documentation of
    torch.nn.GRU describes; $CUBLAS_WORKSPACE_CONFIG chooses another.

    Raises UsageError for a device that this machine does not have.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:2")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type in ("cpu", "cuda"):
            return device
    except (RuntimeError, AssertionError):
        pass
    devices = ", ".join(["auto", "cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))])
    raise UsageError(Option("device", name), f" cannot be used here\n  The devices of this machine are {devices}")


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The number format of training. `auto` is bfloat16 where a measurement of milliseconds finds it faster."""
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    fast = time_matmul(torch.bfloat16, device) * MIN_SPEEDUP < time_matmul(torch.float32, device)
    return torch.bfloat16 if fast else torch.float32


def choose_translation_precision(name: str, device: torch.device) -> str:
    """The number format of translation. `auto` is the fastest on this type of machine. It is not measured, so that the
    same command always gives the same translations.

    On a CPU with AMX that is int8, on others float32: oneDNN multiplies signed 8-bit integers fast with AMX only.
    Raises UsageError for an unknown name, and for int8 where it is not available.
    """
    names = ("auto", "float32", "bfloat16", "int8")
    if name not in names:
        raise UsageError(
            f'there is no precision "{name}"{did_you_mean(name, names)}\n  It is one of {", ".join(names)}'
        )
    if device.type == "cuda":
        if name == "int8":
            raise UsageError(Option("precision", "int8"), " is for CPUs\n  A GPU can use auto, float32 and bfloat16")
        return str(choose_precision(name, device)).removeprefix("torch.")
    if name == "int8" and not has_int8():
        raise UsageError(
            Option("precision", "int8"),
            " cannot be used here: products of 8-bit integers are missing in this build of torch, or wrong\n"
            "  This machine can use auto, float32 and bfloat16",
        )
    if name == "auto":
        return "int8" if has_amx() and has_int8() else "float32"
    return name


def has_amx() -> bool:
    """Whether oneDNN uses AMX: the CPU has it, the system allows it, and no environment variable forbids it."""
    limit = (os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA") or "default").lower()
    return torch.cpu._init_amx() and (limit in ("all", "default") or "amx" in limit)


def has_int8() -> bool:
    """Whether torch has products of 8-bit integers, and they are correct up to rounding.

    Every operand of the test has the largest value of 8 bits. On a CPU without VNNI, which adds two products in 16
    bits, the result would be wrong by half.
    """
    generator = torch.Generator().manual_seed(0)
    weight_OI, x_NI = (torch.randn(rows, 512, generator=generator).sign() for rows in (256, 8))
    try:
        found_NO = Int8Product(weight_OI, None, False)(x_NI)
    except (RuntimeError, AttributeError):
        return False
    exact_NO = x_NI @ weight_OI.T
    return bool((found_NO - exact_NO).norm() < MAX_ERROR * exact_NO.norm())


def time_matmul(dtype: torch.dtype, device: torch.device) -> float:
    """The median time in seconds of a matrix product with the size of an output layer."""
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
    name = cpu if device.type == "cpu" else torch.cuda.get_device_name(device)
    return f"{name}, {str(precision).removeprefix('torch.')}"
