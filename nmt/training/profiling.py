"""Where the time of training goes: a trace of a few updates by torch.profiler, and a table of it.

Nothing here ends a training: a trace that cannot be written is noted.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from nmt.files import write_atomically
from nmt.progress import Progress, format_count
from nmt.training.observers import Record

TRACE = "profile.json.gz"
WARM_UPDATES = 5  # which are slower than others
TRACED_UPDATES = 5
MAX_BYTES = 64 * 2**20  # of the trace
SHOWN_ROWS = 12
PHASES = ("forward", "backward", "optimizer")  # names of record_function in nmt.training.update


@contextmanager
def trace_updates(folder: Path, device: torch.device, progress: Progress) -> Iterator[Callable[[Record], None]]:
    """A function that gets the records of training, and traces TRACED_UPDATES updates after WARM_UPDATES.

    It writes the trace to `folder`, for chrome://tracing or ui.perfetto.dev, and notes a table. Of a training with
    fewer updates it traces what there is.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it would print when it starts and stops
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    profiler = profile(activities=activities)
    seen = {"updates": 0, "traced": 0}

    def finish() -> None:
        profiler.stop()
        traced, seen["traced"] = seen["updates"] - WARM_UPDATES, -1
        if traced > 0:
            progress.note(describe_profile(profiler, traced, device))
            progress.note(write_trace(profiler, folder / TRACE))

    def observe(record: Record) -> None:
        if record["kind"] != "update" or seen["traced"] < 0:
            return
        seen["updates"] += 1
        if seen["updates"] == WARM_UPDATES:
            profiler.start()
            seen["traced"] = 1
        elif seen["updates"] == WARM_UPDATES + TRACED_UPDATES:
            finish()

    try:
        yield observe
    finally:
        if seen["traced"] > 0:
            with suppress(Exception):  # training may have ended by an error, which is the one to report
                finish()
        elif not seen["traced"]:
            progress.note(f"there is no profile: it begins after {format_count(WARM_UPDATES, 'update')}")


def write_trace(profiler: Any, path: Path) -> str:
    """Write the trace of a profiler. -> what a person should know of it"""
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch, TRACE)
        profiler.export_chrome_trace(os.fspath(written))
        size = written.stat().st_size
        if size > MAX_BYTES:
            return f"{path} is not written: it would have {size / 2**20:,.0f} MiB. Use a smaller train.max_tokens"
        with write_atomically(path, "wb") as file:
            file.write(written.read_bytes())
    return f"{path}: open it at ui.perfetto.dev or chrome://tracing"


def describe_profile(profiler: Any, updates: int, device: torch.device) -> str:
    """A table of the phases of an update, then of the operations with most time: milliseconds per update and share."""
    events = profiler.key_averages()
    is_gpu = device.type == "cuda"

    def measure(event: Any) -> float:
        time: float = event.self_device_time_total if is_gpu else event.self_cpu_time_total
        return time

    phases = {event.key: event.cpu_time_total for event in events if event.key in PHASES}
    operations = [event for event in events if event.key not in PHASES and measure(event) > 0]
    total = sum(map(measure, operations)) or 1
    lines = [f"profile of {format_count(updates, 'update')}, by {'the GPU' if is_gpu else 'the CPU'}:"]
    lines.append(f"  {'':40}{'ms/update':>12}{'share':>8}{'calls':>10}")
    whole = sum(phases.values()) or 1
    for name in PHASES:
        if name in phases:
            lines.append(f"  {name:40}{phases[name] / 1000 / updates:>12.2f}{phases[name] / whole:>8.1%}")
    for event in sorted(operations, key=measure, reverse=True)[:SHOWN_ROWS]:
        time, calls = measure(event), event.count / updates
        lines.append(f"  {event.key[:40]:40}{time / 1000 / updates:>12.2f}{time / total:>8.1%}{calls:>10,.0f}")
    return "\n".join(lines)
