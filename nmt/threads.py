"""The number of threads that translation uses on a CPU. It is torch's number, without loading torch for it."""

import os
import sys
from typing import Any

CHOSEN: list[int] = []  # the number that was chosen last


def count_threads() -> int:
    """The number that was chosen or, where none was, torch's; without torch $OMP_NUM_THREADS, or a thread a core."""
    if torch := find_torch():
        return int(torch.get_num_threads())
    if CHOSEN:
        return CHOSEN[-1]
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else count_cores()


def choose_threads(count: int) -> None:
    """Use so many threads, also in torch if it is loaded later."""
    CHOSEN[:] = [count]
    if torch := find_torch():
        torch.set_num_threads(count)
    else:
        os.environ["OMP_NUM_THREADS"] = str(count)


def find_torch() -> Any:
    """torch, if it is loaded; None also while another thread is loading it."""
    torch = sys.modules.get("torch")
    return torch if hasattr(torch, "set_num_threads") else None


def count_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if hasattr(os, "register_at_fork"):  # a forked process has none of OpenMP's threads, and would wait for them for ever
    os.register_at_fork(after_in_child=lambda: choose_threads(1))
