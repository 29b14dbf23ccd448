"""Ctrl-C and SIGTERM in training, which first saves, and reports what went wrong."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from types import FrameType

REPORT_SECONDS = 1.0  # in which a program that SIGTERM ends may still report an error


@contextmanager
def catch_interrupts() -> Iterator[list[int]]:
    """A list to which SIGINT and SIGTERM are added, instead of ending the program. A second signal ends it."""
    received: list[int] = []

    def handle_signal(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    with handle_signals(handle_signal):
        yield received


@contextmanager
def end_at_once() -> Iterator[None]:
    """Within it, the first signal raises KeyboardInterrupt."""

    def raise_interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with handle_signals(raise_interrupt):
        yield


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle SIGINT and SIGTERM in this way, where that is possible: only the main thread can."""
    try:
        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        before = {}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def end_after_reports() -> None:
    """From now on SIGTERM ends the program after a second, where it is not handled in another way.

    When one of its processes has died, torchrun sends SIGTERM to the others, which may be about to report that.
    """

    def end_soon(number: int, frame: FrameType | None) -> None:
        timer = Timer(REPORT_SECONDS, os._exit, [128 + number])
        timer.daemon = True
        timer.start()

    with suppress(ValueError):  # only the main thread can
        signal.signal(signal.SIGTERM, end_soon)
