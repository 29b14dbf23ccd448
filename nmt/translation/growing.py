"""Translation that begins in one process and, where that proves faster on this machine, goes on in several.

Threads of one process share Python's interpreter, so beyond some number of cores processes are faster. That number
depends on the machine, the model and the beam, so nothing is assumed: a long input is its own measurement.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from nmt.translation.batching import choose_window_size, read_windows
from nmt.translation.workers import WorkerPool

if TYPE_CHECKING:
    from nmt.translation.request import Request
    from nmt.translation.result import Translation
    from nmt.translation.translator import Translator

MIN_CORES = 4  # with two cores, two threads were as fast as two processes
THREADS = 2  # of each process: as fast as two processes of one, and half the memory
MOST_PROCESSES = 8  # each has a copy of the model
SECONDS_ALONE = 30  # after which several processes are tried: the seconds in which they start are few beside these
BUSY = 0.8  # share of these seconds in which lines were translated; where they wait for input, nothing is gained
TRIAL_WINDOWS = 2  # for each process; the second half of them is measured, when all processes are at work
MIN_GAIN = 1.1  # processes must be this many times as fast


def count_processes(cores: int) -> int:
    """The processes that are worth a trial on so many cores; 1 for none."""
    return min(cores // THREADS, MOST_PROCESSES) if cores >= MIN_CORES else 1


class GrowingTranslator:
    """Translates as `translator` does, whose results must not depend on how lines are batched, as in int8.

    After some time, `start_pool` starts several processes, which translate the next lines. The faster way, by the
    pieces of translations in a second, translates the rest, and `note` is called with what was measured.
    """

    def __init__(
        self,
        translator: "Translator",
        start_pool: Callable[[], WorkerPool],
        note: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.translator = translator
        self.start_pool = start_pool
        self.note = note
        self.clock = clock

    def stream(
        self, lines: "Iterable[str | Request]", *, batch_size: int = 64, first: int = 1, **options: Any
    ) -> "Iterator[list[Translation]]":
        """Translate as Translator.stream does, with the same `options`."""
        if batch_size == 1:
            return self.translator.stream(lines, batch_size=1, first=first, **options)
        options["batch_size"] = batch_size
        self.translator.stream([], **options)  # raises its errors before a line is read
        return self._stream_windows(read_windows(lines, choose_window_size(batch_size)), first, options)

    def _stream_windows(
        self, windows: "Iterator[list[str | Request]]", first: int, options: dict[str, Any]
    ) -> "Iterator[list[Translation]]":
        seconds, pieces, began = 0.0, 0, self.clock()
        for window in windows:
            since = self.clock()
            for found in self.translator.stream(window, first=first, **options):
                pieces += len(found[0].tokens)
                yield found
            first += len(window)
            seconds += self.clock() - since
            if seconds >= SECONDS_ALONE and seconds >= BUSY * (self.clock() - began):
                break
        else:
            return
        gain = 0.0
        with self.start_pool() as pool:
            trial = TRIAL_WINDOWS * pool.processes
            half = trial * choose_window_size(options["batch_size"]) // 2
            number, tried = 0, 0
            lines = chain.from_iterable(islice(windows, trial))
            pool.start(pool.processes, options)  # before the clock runs
            for number, found in enumerate(pool.stream(lines, first=first, **options), 1):
                tried += len(found[0].tokens) * (number > half)
                yield found
                if number == half:
                    since = self.clock()
            first += number
            if number > half:
                gain = tried * seconds / (self.clock() - since) / max(pieces, 1)
            window = next(windows, [])
            rest = chain(window, chain.from_iterable(windows))
            if window and gain >= MIN_GAIN:
                self.note(
                    f"{pool.processes} processes translate from line {first:,} on: {gain:.2f} times as fast as one"
                )
                yield from pool.stream(rest, first=first, **options)
                return
        if window:
            self.note(f"one process goes on: {pool.processes} processes were {gain:.2f} times as fast")
        yield from self.translator.stream(rest, first=first, **options)
