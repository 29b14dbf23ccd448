"""What the benchmarks share: measurements in processes of their own, peak memory, rates and checks of options.

Nothing here imports torch at the top, and neither should a benchmark: the memory that a process holds when it starts
another one counts in the peak memory of that other process.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nmt.errors import NmtError, Option

MIB = 2**20 if sys.platform == "darwin" else 2**10  # units of peak memory, as the system reports it, in a MiB


def run_tool(main: Callable[[], None], jobs: dict[str, Callable[..., Any]]) -> None:
    """Run a benchmark from the command line, or one of its jobs in a process that `run_in_fresh_process` started.

    A job prints what it returns as JSON. An error that the user can solve becomes a message and an exit code.
    """
    try:
        if sys.argv[1:2] == ["job"]:
            print(json.dumps(jobs[sys.argv[2]](**json.loads(sys.argv[3]))))
        else:
            main()
    except NmtError as error:
        print(f"{Path(sys.argv[0]).name}: error: {error.message(write_flag)}", file=sys.stderr)
        sys.exit(2)


def write_flag(option: Option) -> str:
    """An argument that a message names, as it is given on the command line."""
    flag = f"--{option.name.replace('_', '-')}"
    return flag if option.value is None else f"{flag} {option.value}"


def run_in_fresh_process(script: str, job: str, threads: int, **arguments: Any) -> Any:
    """Run a job of a script in a process of its own, which computes with `threads` threads. -> what the job returns

    Messages of the process go to stderr. If it fails, this process exits with its code.
    """
    command = [sys.executable, script, "job", job, json.dumps(arguments)]
    done = subprocess.run(command, env=limit_threads(threads), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        reason = f"{job} {arguments} was killed by signal {-done.returncode}"
        sys.exit(done.returncode if done.returncode > 0 else reason)
    return json.loads(done.stdout.splitlines()[-1])


def limit_threads(threads: int) -> dict[str, str]:
    """The environment of a process that computes with `threads` threads."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def wait_for(process: subprocess.Popen[Any]) -> tuple[int, float]:
    """Wait for the end of a process. -> exit code, peak memory in MiB of the largest of its processes"""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / MIB


def measure_peak_mib(device: str) -> float:
    """Peak memory of this process so far: of the host, or what torch has taken of a GPU's."""
    import torch

    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    return torch.cuda.max_memory_reserved(device) / 2**20


def synchronize(device: str) -> None:
    """Wait until a device has finished all work that is queued on it."""
    import torch

    if device != "cpu":
        torch.cuda.synchronize(device)


def measure_rates(
    update: Callable[[], int],
    seconds: float,
    synchronize: Callable[[], None],
    *,
    warm_updates: int,
    warm_seconds: float,
    window: int,
) -> list[float]:
    """Tokens per second of windows of updates, for at least `seconds` after a warm-up.

    `update` returns its number of tokens. The warm-up lasts for at least `warm_updates` and `warm_seconds`.
    """
    began, updates = time.perf_counter(), 0
    while updates < warm_updates or time.perf_counter() - began < warm_seconds:
        update()
        updates += 1
    synchronize()
    rates: list[float] = []
    began = since = time.perf_counter()
    while not rates or since - began < seconds:
        tokens = sum(update() for _ in range(window))
        synchronize()
        now = time.perf_counter()
        rates.append(tokens / (now - since))
        since = now
    return rates


def summarize(figures: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest."""
    return {"median": statistics.median(figures), "min": min(figures), "max": max(figures)}


def check_output(parser: argparse.ArgumentParser, option: str, path: Path | None) -> None:
    """End with a message if a file cannot be written because its folder does not exist."""
    if path and not path.parent.is_dir():
        parser.error(f"{option} {path}: the folder {path.parent} does not exist; create it first")


def check_rounds(parser: argparse.ArgumentParser, rounds: int) -> None:
    """End with a message if there is nothing to measure."""
    if rounds < 1:
        parser.error(f"--rounds {rounds}: at least one round is needed")
