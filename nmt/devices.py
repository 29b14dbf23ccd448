"""Chooses the device, and the number format of training, that `auto` stands for on this machine."""

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nmt.arguments import check_string
from nmt.errors import Option, UsageError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE_WORKSPACES = (":4096:8", ":16:8")
MEASURED_SECONDS = 0.02  # of products in a number format
MIN_SPEEDUP = 1.5  # bfloat16 must be this many times faster than float32 to justify its rounding errors


def choose_device(name: str) -> torch.device:
    """The device with a name. `auto` is the first GPU, or the CPU if there is none.

    With a GPU, cuBLAS gets a workspace of its own size, with which cuDNN's GRUs repeat to the bit, as the documentation
    of torch.nn.GRU describes; $CUBLAS_WORKSPACE_CONFIG chooses another.

    Raises UsageError for a device that this machine does not have.
    """
    check_string("device", name)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
        if device.type == "cuda":
            os.environ.setdefault(WORKSPACE, ":4096:2")
        if device.type in ("cpu", "cuda"):
            return device
    except (RuntimeError, AssertionError):
        pass
    devices = ", ".join(["auto", "cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))])
    raise UsageError(Option("device", name), f" cannot be used here\n  The devices of this machine are {devices}")


@contextmanager
def compute_deterministically(device: torch.device) -> Iterator[None]:
    """Within it, torch uses algorithms that repeat to the bit.

    On a GPU cuBLAS gets a workspace that repeats, as torch.use_deterministic_algorithms requires. Raises UsageError
    where torch has no such algorithm.
    """
    if device.type == "cuda" and os.environ.get(WORKSPACE) not in REPEATABLE_WORKSPACES:
        os.environ[WORKSPACE] = REPEATABLE_WORKSPACES[0]
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        if "deterministic" not in str(error):
            raise
        reason = str(error).partition(". ")[0]
        raise UsageError(
            f"torch cannot compute this training so that it repeats to the bit: {reason}\n  Leave out ",
            Option("deterministic", True),
        ) from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])


def choose_precision(name: str, device: torch.device, *, measure: bool = True) -> torch.dtype:
    """The number format of training. `auto` is bfloat16 where a tenth of a second or less of measuring finds it faster.

    Without `measure` it is float32 on a CPU, so that it does not depend on what else the machine does.
    """
    if name != "auto":
        return torch.bfloat16 if name == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if not measure:
        return torch.float32
    fast = time_matmul(torch.bfloat16) * MIN_SPEEDUP < time_matmul(torch.float32)
    return torch.bfloat16 if fast else torch.float32


def time_matmul(dtype: torch.dtype) -> float:
    """The median time in seconds of a matrix product in training, on one thread of the CPU: threads that wait for each
    other on a busy machine would take the same time for every type.

    Three products suffice if they are slow, as those of a type for which a CPU has no instructions are.
    """
    left, right = torch.ones(64, 512, dtype=dtype), torch.ones(512, 512, dtype=dtype)
    threads, seconds = torch.get_num_threads(), list[float]()
    torch.set_num_threads(1)
    try:
        while len(seconds) < 3 or (len(seconds) < 15 and sum(seconds) < MEASURED_SECONDS):
            begin = time.perf_counter()
            left @ right
            seconds.append(time.perf_counter() - begin)
    finally:
        torch.set_num_threads(threads)
    return statistics.median(seconds)


def describe_device(device: torch.device, precision: torch.dtype) -> str:
    """`cpu (2 threads), bfloat16`"""
    threads = torch.get_num_threads()
    cpu = f"cpu ({threads} thread{'s' * (threads > 1)})"
    name = cpu if device.type == "cpu" else torch.cuda.get_device_name(device)
    return f"{name}, {str(precision).removeprefix('torch.')}"
