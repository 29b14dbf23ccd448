"""Starts the processes of a training on this machine, receives what they report, and ends all when one of them fails.

Every process calls one function with its group and device. What rank 0 reports reaches the caller's own Progress, and
its result or error the caller, as if training had run there. Processes are spawned, as everywhere in this package.
"""

import multiprocessing
import os
import pickle
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from math import inf
from multiprocessing.connection import Connection, wait
from multiprocessing.pool import ExceptionWithTraceback  # type: ignore[attr-defined]
from pathlib import Path
from threading import Thread
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from nmt.arguments import check_count
from nmt.devices import choose_device
from nmt.errors import Option, PeerError, TrainingError, TrainingInterrupted, UsageError
from nmt.model.attention.registry import plugin_modules
from nmt.progress import Item, Progress, format_count
from nmt.training.distributed import (
    ALONE,
    choose_device_type,
    is_started_by_torchrun,
    join,
    join_torchrun,
    open_device,
)
from nmt.training.interrupts import handle_signals
from nmt.training.state import find_saved_update

Result = TypeVar("Result")
Message = tuple[str, Any]  # its kind and content

GRACE_SECONDS = 5.0  # after which processes are killed that have not noticed that another one has ended


class Place(NamedTuple):
    """The place of a process among those that train together."""

    rank: int
    size: int
    device: str  # cpu or cuda
    threads: int
    port: int  # of the store at which all meet
    modules: list[str]  # those that register kinds of attention


def run_in_processes(
    function: Callable[..., Result], processes: int, device: str, progress: Progress, out: Path, *arguments: Any
) -> Result:
    """Call function(group, device, progress, out, *arguments) in each of `processes`. -> what it returns in rank 0

    If `processes` is 1, this process is the only one; if torchrun has started it, it is one of those. Several processes
    import `function` by its name and share the threads of this one. `out` is the run folder.

    Raises what the function raises, UsageError for processes that are not a whole number of at least 1, or that this
    machine or torchrun does not allow, and TrainingError when a process is killed.
    """
    check_count("processes", processes)
    if is_started_by_torchrun():
        if processes > 1:
            raise UsageError(
                Option("processes", processes),
                " cannot be used with torchrun, which has started "
                f"{format_count(int(os.environ['WORLD_SIZE']), 'process')}\n  Leave it out, or train without torchrun",
            )
        with join_torchrun(device) as (group, where):
            return function(group, where, progress if group.is_main else Progress(), out, *arguments)
    if processes == 1:
        return function(ALONE, choose_device(device), progress, out, *arguments)
    kind = choose_device_type(device, processes)
    if kind == "cpu" and processes > (cores := os.cpu_count() or 1):
        shared = format_count(cores, "core")
        progress.note(f"{processes} processes share {shared} and wait for each other: {cores} would train faster")
    with Launch(processes, kind, function, (out, *arguments)) as launch:
        result = launch.receive(progress)
    if launch.failures:
        raise choose_error(launch, out)
    return result  # type: ignore[no-any-return]


class Launch:
    """The processes that `run_in_processes` starts: a context manager, at whose end they end.

    SIGINT and SIGTERM of this process are forwarded to each of them as SIGTERM, the third one as SIGKILL.
    """

    def __init__(self, processes: int, device: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        threads = max(1, torch.get_num_threads() // processes)
        self.processes: list[multiprocessing.process.BaseProcess] = []
        self.connections: list[Connection] = []
        self.failures: list[tuple[int, BaseException]] = []  # ranks and errors
        self.interrupts = 0
        for rank in range(processes):
            ours, theirs = spawn.Pipe()
            place = Place(rank, processes, device, threads, self.store.port, plugin_modules())
            process = spawn.Process(
                target=work, args=(place, theirs, function, arguments), name=f"nmt train, rank {rank}"
            )
            process.start()
            theirs.close()
            self.processes.append(process)
            self.connections.append(ours)

    def __enter__(self) -> "Launch":
        return self

    def __exit__(self, *_: object) -> None:
        self.send_signal(signal.SIGKILL)
        for process, connection in zip(self.processes, self.connections, strict=True):
            process.join()
            connection.close()

    def send_signal(self, number: int) -> None:
        """Send a signal to every process that is running."""
        for process in self.processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, number)

    def receive(self, progress: Progress) -> Any:
        """Pass on what rank 0 reports until every process has ended. -> its result, None if any has failed"""

        def forward(number: int, frame: FrameType | None) -> None:
            self.interrupts += 1
            self.send_signal(signal.SIGTERM if self.interrupts <= 2 else signal.SIGKILL)

        results: dict[int, Any] = {}
        with handle_signals(forward):
            replay(self._read_messages(results), progress)
        return results.get(0)

    def _read_messages(self, results: dict[int, Any]) -> Iterator[Message]:
        """The messages of all processes as they arrive, without results and failures, which are kept."""
        running = dict(zip(self.connections, range(len(self.connections)), strict=True))
        ended: set[int] = set()  # ranks with a result or a failure
        deadline = inf
        while running:
            ready = wait(list(running), None if deadline == inf else max(0.0, deadline - time.monotonic()))
            if not ready:
                ended |= set(running.values())
                self.send_signal(signal.SIGKILL)
                deadline = inf
            for connection in ready:
                assert isinstance(connection, Connection)
                rank = running[connection]
                try:
                    kind, content = pickle.loads(connection.recv_bytes())
                except (EOFError, OSError):
                    del running[connection]
                    if rank not in ended:
                        self.failures.append((rank, self._describe_death(rank)))
                else:
                    match kind:
                        case "done":
                            results[rank] = content
                        case "failed":
                            self.failures.append((rank, content))
                        case _:
                            yield kind, content
                    ended |= {rank} if kind in ("done", "failed") else set()
            if self.failures and deadline == inf and not ended >= set(running.values()):
                deadline = time.monotonic() + GRACE_SECONDS

    def _describe_death(self, rank: int) -> "ProcessDeathError":
        process = self.processes[rank]
        process.join()
        code = process.exitcode or 0
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return ProcessDeathError(f"process {rank + 1} of {len(self.processes)} (rank {rank}) was {how}", code)


class ProcessDeathError(Exception):
    """A process has ended without a message. Its arguments are the description and the exit code."""


def choose_error(launch: Launch, out: Path) -> BaseException:
    """The error that explains why training ended: that of rank 0, or else the first. A PeerError explains nothing."""
    causes = [
        (rank > 0, number) for number, (rank, error) in enumerate(launch.failures) if not isinstance(error, PeerError)
    ]
    error = launch.failures[min(causes)[1]][1] if causes else PeerError("the processes have lost their connections")
    if not isinstance(error, ProcessDeathError | PeerError):
        return error
    update = find_saved_update(out)
    if launch.interrupts:
        return TrainingInterrupted(update)
    what, code = (*error.args, 0)[:2]
    hint = "The system kills a process when memory runs out\n  " * (code == -signal.SIGKILL)
    if update is None:
        return TrainingError(f"{what}, and training has ended\n  {hint}Nothing is saved yet: train again")
    return TrainingError(
        f"{what}, and training has ended\n  {hint}Update {update:,} is saved: to continue from it, use ",
        Option("resume", True),
    )


# In each process


class RemoteProgress(Progress):
    """Sends all that it receives to the process that shows it."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send = send

    def note(self, text: str) -> None:
        self._send(("note", text))

    def record(self, record: Mapping[str, Any]) -> None:
        self._send(("record", record))

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
        self._send(("track", (title, total, unit)))
        for item in items:
            self._send(("item", None))
            yield item
        self._send(("tracked", None))


def replay(messages: Iterator[Message], progress: Progress) -> None:
    """Report to `progress` what the messages of a RemoteProgress contain, to their end or that of what is tracked.

    A training that has begun and reports no end, because its process was killed, ends with the messages.
    """
    has_begun = False
    for kind, content in messages:
        match kind:
            case "note":
                progress.note(content)
            case "warning":
                warnings.warn(content, stacklevel=1)
            case "record":
                progress.record(content)
                has_begun = content["kind"] != "end"
            case "track":
                title, total, unit = content
                for _ in progress.track(read_items(messages, progress), title, total, unit):
                    pass
    if has_begun:
        progress.record({"kind": "end"})


def read_items(messages: Iterator[Message], progress: Progress) -> Iterator[None]:
    """An item for each that was tracked. Other messages are reported."""
    for kind, content in messages:
        if kind == "tracked":
            return
        if kind == "item":
            yield None
        else:
            replay(iter([(kind, content)]), progress)


def work(place: Place, connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Call a function in one of several processes, and send its result or error.

    The process does not receive SIGINT: Ctrl-C sends it to all processes of a terminal, and the parent forwards it.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    Thread(target=stop_with_parent, args=(connection,), daemon=True).start()

    def send(message: Message) -> None:
        with suppress(OSError):  # the parent was killed
            connection.send_bytes(pickle.dumps(message))  # and not send, which leaves tensors in this process

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        if place.rank == 0:
            send(("warning", message))

    warnings.showwarning = show_warning
    torch.set_num_threads(place.threads)
    try:
        for module in place.modules:
            import_module(module)
        device = open_device(place.device, place.rank)
        store = TCPStore("127.0.0.1", place.port, is_master=False)
        with join(store, place.rank, place.size, device) as group:
            progress = Progress() if place.rank else RemoteProgress(send)
            result = function(group, device, progress, *arguments)
    except BaseException as error:
        send(("failed", make_picklable(error)))
    else:
        send(("done", None if place.rank else result))


def stop_with_parent(connection: Connection) -> None:
    """Wait until the parent has ended, which sends nothing, and then interrupt training, which saves."""
    connection.poll(None)
    os.kill(os.getpid(), signal.SIGTERM)


def make_picklable(error: BaseException) -> Any:
    """The error with its traceback as text, or a RuntimeError with that text if its class cannot be sent."""
    with_text = ExceptionWithTraceback(error, error.__traceback__)
    try:
        pickle.loads(pickle.dumps(with_text))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return with_text
