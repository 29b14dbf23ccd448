"""What `auto` stands for in training on this machine, at this time: number format, compiled kernels and threads.

It is chosen when a run starts and stored in the run's settings, so that the run computes in the same way when it is
resumed. What a person sets is never changed.
"""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from nmt.data.batches import Batch
from nmt.devices import choose_precision
from nmt.errors import UsageError, is_out_of_memory
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import TrainSettings
from nmt.training.update import LOOPS, REFERENCE, Updater

AUTOMATIC = {"precision": "auto", "compile": "auto", "threads": 0}
COMPILED_TOKENS = {"cpu": 1_000_000, "cuda": 30_000_000}  # of a training that is worth the seconds of compiling
COMPILED_MINUTES = 2  # minutes of such a training
ROUNDS = 3  # measurements of each number of threads
MAX_SECONDS = 0.5  # of a gradient, above which each number of threads is measured once
MIN_GAIN = 1.05  # fewer threads must be this many times faster


def choose_automatic(
    settings: TrainSettings,
    model: Seq2Seq,
    batch: Batch,
    device: torch.device,
    *,
    tokens_in_all: float,
    note: Callable[[str], None],
) -> TrainSettings:
    """`settings` with what is best here in place of every `auto`.

    Compiled kernels are used where there is a compiler, if training has enough target tokens, of which there are
    `tokens_in_all`, infinitely many without a limit. The number of threads is the one with which the gradient of
    `batch` is computed fastest; but it is that of $OMP_NUM_THREADS, where it is set. Neither the parameters of `model`
    nor torch's random generator change.
    """
    if settings.deterministic:  # nothing is measured
        threads = settings.threads or torch.get_num_threads() * (device.type == "cpu")
        settings = settings.model_copy(update={"compile": settings.compile is True, "threads": threads})
    precision = choose_precision(settings.precision, device, measure=not settings.deterministic)
    chosen = {"precision": str(precision).removeprefix("torch."), "compile": settings.compile is True}

    def build_updater(**changes: Any) -> Updater:
        return Updater(model, settings.model_copy(update=chosen | changes), device=device, precision=precision)

    is_automatic = settings.compile == "auto" and LOOPS[settings.loop] is not REFERENCE
    is_long = tokens_in_all >= COMPILED_TOKENS[device.type] and (settings.max_minutes or math.inf) >= COMPILED_MINUTES
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        if is_automatic and is_long:
            chosen["compile"] = can_compile(device)
            try:
                compute_gradient(build_updater(), batch)
            except Exception as error:  # whatever a compiler may do wrong
                if chosen["compile"] and not is_out_of_memory(error):
                    note(f"kernels are not compiled: {str(error).strip().splitlines()[0]}")
                    chosen["compile"] = False
        if not settings.threads and device.type == "cpu":
            is_given = "OMP_NUM_THREADS" in os.environ
            chosen["threads"] = torch.get_num_threads() if is_given else choose_threads(build_updater(), batch)
    return settings.model_copy(update=chosen)


def is_choice_of(chosen: TrainSettings, given: TrainSettings) -> bool:
    """Whether `chosen` is `given` with values in place of `auto`."""
    return all(
        value == getattr(chosen, name) or (name in AUTOMATIC and value == AUTOMATIC[name]) for name, value in given
    )


def can_compile(device: torch.device) -> bool:
    """Whether torch can compile kernels for a device here, and may: $TORCH_COMPILE_DISABLE forbids it."""
    if os.environ.get("TORCH_COMPILE_DISABLE") == "1":
        return False
    from nmt.kernels.compiled import require_compiler  # a second of imports

    try:
        require_compiler(device)
    except UsageError:
        return False
    return True


def choose_threads(updater: Updater, batch: Batch) -> int:
    """The number of threads that computes the gradient of a batch fastest: those that torch has, or a half of them, or
    a quarter, and so on. On a machine that does other work, threads that wait for each other are slower than one.
    """
    most = torch.get_num_threads()
    if most == 1:
        return 1
    counts = [most]
    while counts[-1] > 1:
        counts.append(counts[-1] // 2)
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    try:
        for count in counts:  # the first gradient with a number of threads may compile kernels for that number
            torch.set_num_threads(count)
            compute_gradient(updater, batch)
        for _ in range(ROUNDS):
            for count in counts:
                torch.set_num_threads(count)
                seconds[count].append(compute_gradient(updater, batch))
            if max(found[-1] for found in seconds.values()) > MAX_SECONDS:
                break
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return most
    finally:
        torch.set_num_threads(most)
    medians = {count: statistics.median(found) for count, found in seconds.items()}
    fastest = min(counts, key=medians.__getitem__)
    return fastest if medians[fastest] * MIN_GAIN < medians[most] else most


def compute_gradient(updater: Updater, batch: Batch) -> float:
    """Compute the gradient of a batch and forget it. -> seconds"""
    updater.model.train()
    began = time.perf_counter()
    loss, *_ = updater.loss(batch.to(updater.device))
    (loss / batch.target_tokens).backward()  # type: ignore[no-untyped-call]
    updater.model.zero_grad(set_to_none=True)
    return time.perf_counter() - began


@contextmanager
def limit_threads(threads: int) -> Iterator[None]:
    """Compute with at most so many threads; 0 for those that torch has."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(threads or before, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
