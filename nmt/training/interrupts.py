"""Ctrl-C and SIGTERM in training, which first saves."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
