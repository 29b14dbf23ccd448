"""The number of threads that translation uses on a CPU. It is torch's number, without loading torch for it."""

import os
import sys

CHOSEN: list[int] = []  # the number that was chosen last


def count_threads() -> int:
    """The number that was chosen or, where none was, torch's; without torch $OMP_NUM_THREADS, or a thread a core."""
    if "torch" in sys.modules:
        return int(sys.modules["torch"].get_num_threads())
    if CHOSEN:
        return CHOSEN[-1]
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) else count_cores()


def choose_threads(count: int) -> None:
    """Use so many threads, also in torch if it is loaded later."""
    CHOSEN[:] = [count]
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(count)
    else:
        os.environ["OMP_NUM_THREADS"] = str(count)


def count_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


if hasattr(os, "register_at_fork"):  # a forked process has none of OpenMP's threads, and would wait for them for ever
    os.register_at_fork(after_in_child=lambda: choose_threads(1))
