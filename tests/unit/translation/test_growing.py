"""From one process to several: when that is tried, what is measured, and that no line is lost on the way."""

from itertools import islice

import pytest
from support.documents import WordTranslator

from nmt.errors import DataError
from nmt.translation.growing import GrowingTranslator, count_processes

WINDOW = 40  # lines, with a batch size of 2
TRIAL = 4 * WINDOW  # of two processes


class Clock:
    """A clock that stands still while nothing is done."""

    now = 0.0

    def __call__(self):
        return self.now


class TimedTranslator(WordTranslator):
    """Takes some seconds for each line. As a pool it has two processes."""

    processes = 2

    def __init__(self, clock, seconds):
        super().__init__(str.upper)
        self.clock = clock
        self.seconds = seconds
        self.numbers = []
        self.is_open = False

    def __enter__(self):
        self.is_open = True
        return self

    def __exit__(self, *_):
        self.is_open = False

    def start(self, shares, options):
        assert self.is_open

    def stream(self, lines, *, first=1, **options):
        for number, line in enumerate(lines, first):
            self.numbers.append(number)
            self.clock.now += self.seconds
            yield [self.translate(line)]


class Growth:
    """A translation with one process that takes a second for each line, and two that take `seconds`."""

    def __init__(self, seconds):
        self.clock = Clock()
        self.one, self.pool = TimedTranslator(self.clock, 1), TimedTranslator(self.clock, seconds)
        self.notes = []
        self.growing = GrowingTranslator(self.one, lambda: self.pool, self.notes.append, self.clock)

    def translate(self, lines, **options):
        return [one.text for (one,) in self.growing.stream(lines, **{"batch_size": 2} | options)]


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (8, 4), (64, 8)])
def test_processes_have_two_threads_each_and_are_at_most_eight(cores, processes):
    assert count_processes(cores) == processes


def list_lines(count):
    return [f"ligne {number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("seconds", "note"),
    [
        (0.5, f"2 processes translate from line {WINDOW + TRIAL + 1} on: 2.00 times as fast as one"),
        (0.95, "one process goes on: 2 processes were 1.05 times as fast"),
        (2, "one process goes on: 2 processes were 0.50 times as fast"),
    ],
)
def test_the_faster_way_translates_the_rest(seconds, note):
    growth = Growth(seconds)
    lines = list_lines(500)
    assert growth.translate(lines) == [line.upper() for line in lines]
    assert growth.notes == [note]
    tried = range(WINDOW + 1, WINDOW + TRIAL + 1)
    rest = range(tried.stop, len(lines) + 1)
    of_pool = [*tried, *rest] if seconds == 0.5 else [*tried]
    assert growth.pool.numbers == of_pool
    assert sorted(growth.one.numbers + of_pool) == list(range(1, len(lines) + 1))
    assert not growth.pool.is_open


@pytest.mark.parametrize("count", [0, 1, WINDOW, WINDOW + 1, WINDOW + TRIAL // 2, WINDOW + TRIAL - 1, WINDOW + TRIAL])
def test_an_input_that_ends_early_is_translated_without_a_note(count):
    growth = Growth(0.1)
    assert len(growth.translate(list_lines(count))) == count
    assert growth.notes == []
    assert bool(growth.pool.numbers) == (count > WINDOW)


def test_lines_that_come_slowly_are_translated_by_one_process():
    growth = Growth(0.1)

    def read_slowly():
        for line in list_lines(500):
            growth.clock.now += 1
            yield line

    assert len(growth.translate(read_slowly())) == 500
    assert (growth.pool.numbers, growth.notes) == ([], [])


def test_a_line_at_a_time_is_translated_by_one_process():
    growth = Growth(0.1)
    assert len(growth.translate(list_lines(100), batch_size=1, first=7)) == 100
    assert growth.one.numbers == list(range(7, 107))


@pytest.mark.parametrize("good", [0, 3, WINDOW, WINDOW + 5, WINDOW + TRIAL, WINDOW + TRIAL + 1])
def test_an_error_in_a_line_comes_after_the_translations_before_it(good):
    growth = Growth(0.5)

    def read_lines():
        yield from list_lines(good)
        raise DataError("a line that is not UTF-8")

    results = growth.growing.stream(read_lines(), batch_size=2)
    assert len(list(islice(results, good))) == good
    with pytest.raises(DataError, match="a line that is not UTF-8"):
        next(results)
