"""Whether a model fits in the memory of the machine or of a GPU, before any of it is allocated."""

import os
from contextlib import suppress
from pathlib import Path

import torch
from torch import nn

from nmt.errors import UsageError
from nmt.settings import RunSettings

COPIES = 4  # of every weight in training, at least: the weight, its gradient, and Adam's two averages
BYTES = 4  # of a number in float32


def check_memory(outline: nn.Module, settings: RunSettings, device: torch.device) -> None:
    """Raise UsageError when training needs more memory than there is, or when the number of weights has no bound.

    `outline` is a model without memory for its weights. Batches need memory besides, which is not counted.
    """
    weights = sum(parameter.numel() for parameter in outline.parameters())
    copies = COPIES + (settings.train.average > 0)
    need, free = copies * BYTES * weights, find_free_memory(device)
    if free is not None and need > free:
        where = "the GPU" if device.type == "cuda" else "this machine"
        averages = "two averages of Adam" + " and its moving average" * (copies > COPIES)
        sizes = {name: value for name, value in settings.model if name.endswith("_size")}
        largest = max(sizes, key=lambda name: sizes[name])
        raise UsageError(
            f"the model does not fit in memory: {weights:,} weights, each with its gradient and {averages}, "
            f"need {format_bytes(need)}, and {where} has {format_bytes(free)} free\n  Choose smaller sizes: "
            f"model.{largest} is {sizes[largest]:,}, model.encoder_layers {settings.model.encoder_layers:,}, "
            f"model.decoder_layers {settings.model.decoder_layers:,}"
        )


def find_free_memory(device: torch.device) -> int | None:
    """The bytes that a program can still allocate on a device, or None where they are not known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = (line.split() for line in Path("/proc/meminfo").read_text("ascii").splitlines())
        sizes = {words[0]: int(words[1]) * 1024 for words in lines}
        free = [sizes["MemAvailable:"] + sizes["SwapFree:"]]
    except (OSError, ValueError, LookupError):  # another system than Linux
        try:
            free = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
        except (AttributeError, ValueError, OSError):
            return None
    with suppress(OSError, ValueError):
        free.append(int(Path("/sys/fs/cgroup/memory.max").read_text("ascii")))  # the limit of a container
    return min(free)


def format_bytes(size: int) -> str:
    """`6,144.0 GiB`"""
    return f"{size / 2**30:,.1f} GiB"


def describe_split(update: int, size: int) -> str:
    """The note about the first batch that does not fit in memory."""
    return (
        f"update {update:,}: a batch of {size:,} positions did not fit in memory, and was split. From now on those of "
        "this size are split at once, which takes time: with a smaller train.max_tokens a new run needs none of it"
    )
