"""A pool of processes that translate in parallel. Each loads the runs; results are in the order of the lines.

Processes are spawned, not forked, which works with threads and on every system.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection
from threading import Thread
from typing import TYPE_CHECKING, Any

from nmt.errors import NmtError, Option, UsageError
from nmt.threads import choose_threads, count_threads
from nmt.translation.places import choose_translation_device

if TYPE_CHECKING:
    from nmt.translation.request import Request
    from nmt.translation.result import Translation
    from nmt.translation.translator import Translator

SHARES_AHEAD = 2  # shares for each process that are submitted before the first result is read
SHARE_BATCHES = 5  # batches of a share: enough to sort by length, and few enough that every process gets a share


def share_cores(processes: int, threads: int | None, batch_size: int, device: str) -> int:
    """The number of threads of each process. It is also set for this process.

    Raises UsageError where several processes have no advantage: on a GPU, and with a batch size of one.
    """
    if processes > 1 and batch_size == 1:
        raise UsageError(
            Option("batch_size", 1),
            " translates one line at a time, which several ",
            Option("processes"),
            " cannot share",
        )
    if processes > 1 and (place := choose_translation_device(device)) != "cpu":
        raise UsageError(
            Option("processes", processes),
            f" would load {processes} copies of the model to {place} and not be faster\n  ",
            *("Leave it out and raise ", Option("batch_size"), ", or use ", Option("device", "cpu")),
        )
    threads = threads or max(1, count_threads() // processes)
    choose_threads(threads)
    return threads


class WorkerPool:
    """Translates with several processes, each with `threads` threads. It has the method `stream` of a Translator.

    Every process calls Translator.load with the arguments `loading`. The pool is a context manager: its processes end
    at once when the context ends, and also when this process ends in any other way.
    """

    def __init__(self, processes: int, threads: int, **loading: Any) -> None:
        from nmt.model.attention.registry import plugin_modules

        self.processes = processes
        self.loading = tuple(loading.items())
        self.lifeline, end = multiprocessing.Pipe()
        spawn = multiprocessing.get_context("spawn")
        starting = threads, end, plugin_modules()
        self.pool = ProcessPoolExecutor(processes, spawn, initializer=start_worker, initargs=starting)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.lifeline.close()
        self.pool.shutdown(cancel_futures=True)

    def stream(
        self, lines: "Iterable[str | Request]", *, batch_size: int = 64, first: int = 1, **options: Any
    ) -> "Iterator[list[Translation]]":
        """Translate as Translator.stream does, with the same `options`. An error in a line is raised after the results
        of the lines before it.

        A process starts when there is a share of the lines for it and no other is free. Reads enough lines ahead for
        every process; with a batch_size of 1 each line is translated before the next is read.
        """
        options["batch_size"] = batch_size
        shares = -(-len(lines) // choose_share_size(batch_size)) if isinstance(lines, Sized) else 1
        self.start(shares, options)
        return self._stream_shares(iter(lines), batch_size, first, options)

    def start(self, shares: int, options: dict[str, Any]) -> None:
        """Start at least one process, at most as many as there are shares, and wait until they have loaded the runs.

        Raises the errors of loading and of the `options` of translation.
        """
        with raise_if_worker_died():
            for started in [self.submit([], 1, options) for _ in range(max(1, min(shares, self.processes)))]:
                started.result()

    def _stream_shares(
        self, lines: "Iterator[str | Request]", batch_size: int, first: int, options: dict[str, Any]
    ) -> "Iterator[list[Translation]]":
        """Submit shares of the lines and yield their results in order; then raise the error of a line, if any."""
        from nmt.translation.batching import read_windows

        waiting: deque[Future[tuple[list[list[Translation]], NmtError | None]]] = deque()
        most = 1 if batch_size == 1 else SHARES_AHEAD * self.processes
        shares, failure = read_windows(lines, choose_share_size(batch_size)), None
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
        """Submit lines to the next free process."""
        return self.pool.submit(translate_share, self.loading, lines, options | {"first": first})


def choose_share_size(batch_size: int) -> int:
    """The number of lines in a share: SHARE_BATCHES batches, or one line with a batch size of one."""
    return SHARE_BATCHES * batch_size if batch_size > 1 else 1


def start_worker(threads: int, lifeline: Connection, modules: list[str]) -> None:
    """Initialise a worker process. It ignores Ctrl-C, which its parent handles, and ends when its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=exit_with_parent, args=(lifeline,), daemon=True).start()

    choose_threads(threads)
    for module in modules:
        import_module(module)


def exit_with_parent(lifeline: Connection) -> None:
    """Wait until the parent closes its end of the pipe, then end this process."""
    lifeline.poll(None)
    os._exit(0)


@cache
def load_once(loading: tuple[tuple[str, Any], ...]) -> "Translator":
    """The translator of this process, which is loaded once."""
    from nmt.translation.translator import Translator

    return Translator.load(**dict(loading))


def translate_share(
    loading: tuple[tuple[str, Any], ...], lines: "list[str | Request]", options: dict[str, Any]
) -> "tuple[list[list[Translation]], NmtError | None]":
    """Translate lines in a worker. -> the translations up to the first line with an error, and the error"""
    found: list[list[Translation]] = []
    stream = load_once(loading).stream(lines, **options)
    try:
        found += stream
    except NmtError as error:
        return found, error
    return found, None


@contextmanager
def raise_if_worker_died() -> Iterator[None]:
    """Raise NmtError when a worker process has ended unexpectedly."""
    try:
        yield
    except BrokenProcessPool as error:
        raise NmtError(
            "a worker process was killed, probably by the system because memory ran out\n  Use fewer ",
            *(Option("processes"), ", or a smaller ", Option("batch_size")),
        ) from error
