"""Several processes that translate side by side: each opens the runs for itself, and lines are shared out in order.

Processes are started anew and never forked, so that no thread is cut in half and every system can have them.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing.connection import Connection
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmt.errors import NmtError, UsageError

if TYPE_CHECKING:
    from nmt.cli.translate import Translator
    from nmt.translation.constraints import Request
    from nmt.translation.pipeline import Translation

F = TypeVar("F", bound=Callable[..., Any])

AHEAD = 2  # shares for each process that are given out before the first is back
BATCHES = 5  # of a share: enough to sort by length, few enough that every process gets one


def parallel_options(function: F) -> F:
    """What commands that translate ask about cores."""
    for option in (
        click.option(
            "--processes",
            type=click.IntRange(1),
            default=1,
            metavar="N",
            help="that translate side by side on the CPU  [default: 1]",
        ),
        click.option(
            "--threads", type=click.IntRange(1), metavar="N", help="of each process  [default: all cores, shared out]"
        ),
    ):
        function = option(function)
    return function


def share_cores(processes: int, threads: int | None, batch_size: int, device: str) -> int:
    """How many threads each process gets; this process has as many from now on.

    Raises UsageError where several processes would be of no use: on a GPU, and for one line at a time.
    """
    import torch

    from nmt.devices import choose_device

    if processes > 1 and batch_size == 1:
        raise UsageError("--batch-size 1 answers one line at a time, which several --processes cannot share")
    if processes > 1 and choose_device(device).type != "cpu":
        raise UsageError(
            f"--processes {processes} would put as many models on {choose_device(device)} without making it faster\n"
            "  Leave it out and raise --batch-size, or use --device cpu"
        )
    threads = threads or max(1, torch.get_num_threads() // processes)
    torch.set_num_threads(threads)
    return threads


class WorkerPool:
    """Stands in for a Translator where lines are translated by several processes, each with so many threads.

    Every process opens what `opening` says, the arguments of Translator.load. A context manager: the processes end
    with it at once, whatever they are at, and when this process ends in any other way.
    """

    @classmethod
    def of_command(cls, *words: Any, **opening: Any) -> "WorkerPool":
        """A crew that ends with the command that is running."""
        return click.get_current_context().with_resource(cls(*words, **opening))

    def __init__(self, processes: int, threads: int, **opening: Any) -> None:
        self.processes = processes
        self.opening = tuple(opening.items())
        self.life, end = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        self.pool = ProcessPoolExecutor(processes, spawn, initializer=start_worker, initargs=(threads, end))

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.life.close()
        self.pool.shutdown(cancel_futures=True)

    def stream(
        self, lines: "Iterable[str | Request]", *, batch_size: int = 64, first: int = 1, **options: Any
    ) -> "Iterator[list[Translation]]":
        """As Translator.stream, whose `options` these are; what is the matter with a line is said in its turn.

        Reads ahead as far as every process has enough to do; with a batch_size of 1 each line is answered before the
        next is read.
        """
        options["batch_size"] = batch_size
        with raise_if_worker_died():
            for opened in [self.submit([], first, options) for _ in range(self.processes)]:
                opened.result()
        return self.share_out(iter(lines), batch_size, first, options)

    def share_out(
        self, lines: "Iterator[str | Request]", batch_size: int, first: int, options: dict[str, Any]
    ) -> "Iterator[list[Translation]]":
        """Give out some lines at a time and yield what comes back, in order; then say what was wrong with a line."""
        from nmt.translation.pipeline import read_windows

        waiting: deque[Future[tuple[list[list[Translation]], NmtError | None]]] = deque()
        share, most = (1, 1) if batch_size == 1 else (BATCHES * batch_size, AHEAD * self.processes)
        shares, failure = read_windows(lines, share), None
        while True:
            while failure is None and len(waiting) < most:
                try:
                    some = next(shares, None)
                except NmtError as error:
                    failure = error
                    break
                if some is None:
                    break
                with raise_if_worker_died():
                    waiting.append(self.submit(some, first, options))
                first += len(some)
            if not waiting:
                break
            with raise_if_worker_died():
                found, wrong = waiting.popleft().result()
            yield from found
            if wrong:
                raise wrong
        if failure:
            raise failure

    def submit(
        self, lines: "list[str | Request]", first: int, options: dict[str, Any]
    ) -> "Future[tuple[list[list[Translation]], NmtError | None]]":
        """Some lines to the next process that is free."""
        return self.pool.submit(translate_share, self.opening, lines, options | {"first": first})


def start_worker(threads: int, life: Connection) -> None:
    """What a process does first. It leaves it to its parent to answer Ctrl-C, and ends when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=exit_with_parent, args=(life,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def exit_with_parent(life: Connection) -> None:
    """Wait until the other end of a pipe is closed, and end this process."""
    life.poll(None)
    os._exit(0)


@cache
def open_runs(opening: tuple[tuple[str, Any], ...]) -> "Translator":
    """What this process translates with."""
    from nmt.cli.translate import Translator

    return Translator.load(**dict(opening))


def translate_share(
    opening: tuple[tuple[str, Any], ...], lines: "list[str | Request]", options: dict[str, Any]
) -> "tuple[list[list[Translation]], NmtError | None]":
    """The translations of some lines, in the process that was given them; all before a bad one, and what it is."""
    found: list[list[Translation]] = []
    stream = open_runs(opening).stream(lines, **options)
    try:
        found += stream
    except NmtError as error:
        return found, error
    return found, None


@contextmanager
def raise_if_worker_died() -> Iterator[None]:
    """Raise NmtError when a process turns out to be gone."""
    try:
        yield
    except BrokenProcessPool as error:
        raise NmtError(
            "a process that translates was ended from outside, as systems do when memory runs out\n"
            "  Use fewer --processes, or a smaller --batch-size"
        ) from error
