"""Documents that are translated at the same time: they take turns, can be cancelled, and tell how far they are."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nmt.progress import Item, Progress

DOCUMENT_SECONDS = 120  # time in which documents must be translated, that of others not counted
TURN_SECONDS = 0.2  # after which others have their turn
WAIT_SECONDS = 0.1  # between looks at whether a job that waits is cancelled


class Job(Progress):
    """A request for documents. `done` of the `total` sentences that are read so far are translated."""

    def __init__(self, turns: "Turns") -> None:
        self.turns = turns
        self.done, self.total = 0, 0
        self.is_cancelled = False
        self.seconds = 0.0  # of its turns before this one
        self.since = time.monotonic()

    def check(self) -> None:
        """Let others have their turn. Raises TimeoutError when the time is over, or the job is cancelled."""
        spent = time.monotonic() - self.since
        if self.is_cancelled or self.seconds + spent >= DOCUMENT_SECONDS:
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
