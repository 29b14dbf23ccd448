"""Requests that are answered at the same time: they take turns, can be cancelled, and tell how far they are."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nmt.progress import Item, Progress

TURN_SECONDS = 0.2  # after which others have their turn
WAIT_SECONDS = 0.1  # between looks at whether a job that waits is cancelled


class Job(Progress):
    """A request. It may take `limit_seconds`, not counting what others take.

    Of documents, `done` of the `total` sentences that are read so far are translated.
    """

    def __init__(self, turns: "Turns", limit_seconds: float) -> None:
        self.turns, self.limit_seconds = turns, limit_seconds
        self.checking = threading.Lock()  # threads of one job have the same turn
        self.done, self.total = 0, 0
        self.is_cancelled = False
        self.seconds = 0.0  # of its turns before this one
        self.since = time.monotonic()

    def check(self) -> None:
        """Let others have their turn. Raises TimeoutError when the time is over, or the job is cancelled."""
        with self.checking:
            spent = time.monotonic() - self.since
            if self.is_cancelled or self.seconds + spent >= self.limit_seconds:
                raise TimeoutError
            if spent >= TURN_SECONDS:
                self.seconds += spent
                self.turns.pass_on(self)

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterator[Item]:
        for item in items:
            self.done += 1
            yield item

    def record(self, record: Mapping[str, Any]) -> None:
        self.total += record["sentences"]


class Turns:
    """A line of jobs. The first one works; after its turn it goes to the end."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.line: deque[Job] = deque()

    @contextmanager
    def join(self, job: Job) -> Iterator[None]:
        """Wait for the first turn of a job, and leave the line when the block ends. Raises as `pass_on` does."""
        with self.changed:
            self.line.append(job)
        try:
            self.wait(job)
            yield
        finally:
            with self.changed:
                self.line.remove(job)
                self.changed.notify_all()

    def pass_on(self, job: Job) -> None:
        """End the turn of a job, and wait for its next one. Raises TimeoutError if it is cancelled meanwhile."""
        with self.changed:
            self.line.remove(job)
            self.line.append(job)
            self.changed.notify_all()
        self.wait(job)

    def wait(self, job: Job) -> None:
        with self.changed:
            while self.line[0] is not job:
                if job.is_cancelled:
                    raise TimeoutError
                self.changed.wait(WAIT_SECONDS)
        job.since = time.monotonic()
