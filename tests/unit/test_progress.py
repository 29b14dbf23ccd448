"""How figures and progress are written where a person reads them."""

import pty
import termios
from contextlib import suppress

import pytest

from nmt.progress import TerminalProgress, WithoutBars, format_count, format_figure


@pytest.mark.parametrize(
    ("value", "text"),
    [(90.0, "90.00"), (12345.678, "12,345.68"), (2.5e6, "2.5e+06"), (1.01e304, "1.0e+304"), (float("inf"), "inf")],
)
def test_a_figure_is_short(value, text):
    assert format_figure(value) == text


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (1, "update", "1 update"),
        (2990, "epoch", "2,990 epochs"),
        (0.5, "minute", "0.5 minutes"),
        (1.0, "hour", "1 hour"),
        (2, "process", "2 processes"),
        (3, "batch", "3 batches"),
    ],
)
def test_a_count_has_its_noun(number, noun, text):
    assert format_count(number, noun) == text


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def train_by_the_clock(seconds_per_update, updates, updates_in_all, max_minutes, log_every=20):
    """Send the records of a training that takes these seconds."""
    clock = Clock()
    progress = TerminalProgress(clock)
    progress.record({"kind": "begin", "update": 0, "updates_in_all": updates_in_all, "max_minutes": max_minutes})
    for update in range(1, updates + 1):
        clock.now += seconds_per_update
        place = {"update": update, "epoch": 1, "seconds": update * seconds_per_update}
        progress.record(place | {"kind": "update"})
        if update % log_every == 0:
            progress.record(place | {"kind": "train", "loss": 5.25, "perplexity": 90.0, "tokens_per_second": 6500.0})
    progress.record({"kind": "end"})


def test_without_a_terminal_there_is_a_line_each_half_minute(capsys):
    train_by_the_clock(1.5, 70, updates_in_all=2990, max_minutes=2)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1, update 20 of 2,990, 0.5 min: 1.5 minutes left",
        "epoch 1, update 40 of 2,990, 1.0 min: loss 5.25, perplexity 90.0, 6,500 tokens/s, 1.0 minutes left",
        "epoch 1, update 60 of 2,990, 1.5 min: loss 5.25, perplexity 90.0, 6,500 tokens/s, 0.5 minutes left",
    ]


def test_figures_are_not_repeated_until_there_are_new_ones(capsys):
    train_by_the_clock(31, 6, updates_in_all=0, max_minutes=0, log_every=3)
    figures = ": loss 5.25, perplexity 90.0, 6,500 tokens/s"
    assert [line.partition(" min")[2] for line in capsys.readouterr().err.splitlines()] == ["", "", "", figures, "", ""]


def test_updates_that_take_minutes_have_a_line_each(capsys):
    train_by_the_clock(100, 2, updates_in_all=0, max_minutes=0)
    assert capsys.readouterr().err == "epoch 1, update 1, 1.7 min\nepoch 1, update 2, 3.3 min\n"


def test_a_validation_counts_as_a_line(capsys):
    clock = Clock()
    progress = TerminalProgress(clock)
    progress.record({"kind": "begin", "update": 40, "updates_in_all": 0, "max_minutes": 0})
    place = {"update": 41, "epoch": 2, "seconds": 60.0}
    clock.now += 29
    progress.record(place | {"kind": "valid", "perplexity": 7.5, "bleu": 12.25, "is_best": True, "metric": "bleu"})
    clock.now += 29
    progress.record(place | {"kind": "update"})
    progress.record({"kind": "end"})
    assert capsys.readouterr().err == "epoch 2, update 41, 1.0 min: perplexity 7.50, bleu 12.25, best so far\n"


def test_what_is_counted_has_a_line_each_half_minute_too(capsys):
    clock = Clock()
    for progress, total in ((TerminalProgress(clock), 1500), (TerminalProgress(clock), None), (WithoutBars(clock), 3)):
        for _ in progress.track(range(3), "validation", total, "lines"):
            clock.now += 20
    assert capsys.readouterr().err == "validation: 2 of 1,500 lines\nvalidation: 2 lines\n"


@pytest.mark.parametrize("size", [(0, 0), (24, 90)])
def test_a_terminal_has_a_bar_also_if_its_size_is_unknown(monkeypatch, size):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, size)
    monkeypatch.delenv("COLUMNS", raising=False)
    with open(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stderr", terminal)
        assert list(TerminalProgress().track(range(3), "reading", 3)) == [0, 1, 2]
        train_by_the_clock(40, 40, updates_in_all=40, max_minutes=0)
    shown = ""
    with suppress(OSError), open(ours, "rb", buffering=0) as screen:  # the error is the end of what was shown
        while part := screen.read(10_000):
            shown += part.decode(errors="replace")
    assert "reading: " in shown
    assert "0/3 [" in shown
    assert "40/40 [" in shown
    assert "epoch 1" not in shown
