"""What records of training are written to besides the log: TensorBoard events and pictures, which may fail.

What is optional never ends a training: its first error is noted, and it is not called again.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.progress import Progress

Record = Mapping[str, Any]


def ignore_errors(observe: Callable[[Record], None], name: str, progress: Progress) -> Callable[[Record], None]:
    """`observe`, which is called until its first error. That is noted: what is optional never ends a training."""
    failed: list[Exception] = []

    def observe_safely(record: Record) -> None:
        if not failed:
            try:
                observe(record)
            except Exception as error:
                failed.append(error)
                note_failure(name, error, progress)

    return observe_safely


def ignore_record(record: Record) -> None:
    """Take the place of an observer that is not there."""


def note_failure(name: str, error: Exception, progress: Progress) -> None:
    reason = str(error).partition("\n")[0]
    progress.note(f"{name} cannot be written, and training goes on without: {type(error).__name__}: {reason}")


@contextmanager
def open_event_writer(folder: Path, done: int, progress: Progress) -> Iterator[Callable[[Record], None]]:
    """A function that writes log records as TensorBoard events, if the extra `tensorboard` is installed.

    TensorBoard hides earlier events after update `done`, at which training continues. If events cannot be written, this
    is noted.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError:
        yield ignore_record
        return
    with silence_threads_of("tensorboard"):
        try:
            writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)
        except Exception as error:
            note_failure("events", error, progress)
            yield ignore_record
            return

        def write_events(record: Record) -> None:
            for name, value in record.items() if record["kind"] in ("train", "valid") else ():
                if isinstance(value, float):
                    writer.add_scalar(f"{record['kind']}/{name}", value, record["update"])

        try:
            yield write_events
        finally:
            ignore_errors(lambda record: writer.close(), "events", progress)({})


@contextmanager
def silence_threads_of(package: str) -> Iterator[None]:
    """Within it, the threads of a package print no traceback: the next call of that package raises their error."""
    before = threading.excepthook

    def print_of_others(failure: threading.ExceptHookArgs) -> None:
        if type(failure.thread).__module__.partition(".")[0] != package:
            before(failure)

    threading.excepthook = print_of_others
    try:
        yield
    finally:
        threading.excepthook = before
