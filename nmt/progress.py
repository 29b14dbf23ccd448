"""Progress of long calls: shown on the terminal, or reported to an object of the caller."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from tqdm import tqdm

from nmt.errors import Option, UsageError

Item = TypeVar("Item")

LINE_SECONDS = 30.0  # between lines of progress where there is no terminal


def format_figure(value: float, digits: int = 2) -> str:
    """A figure in few characters: 12,345.68, or 1.2e+304 where it is a million or more."""
    return f"{value:,.{digits}f}" if abs(value) < 1e6 else f"{value:.1e}"


def format_count(number: float, noun: str) -> str:
    """`1 update`, `2,990 updates`, `0.5 minutes`, `2 processes`, `3 batches`."""
    plural = f"{noun}es" if noun.endswith(("s", "tch")) else f"{noun}s"
    return f"{f'{number:,}' if isinstance(number, int) else f'{number:g}'} {noun if number == 1 else plural}"


class Progress:
    """Receives the progress of a long call and shows nothing. Subclass it to show progress in another way."""

    def note(self, text: str) -> None:
        """Receive a message."""

    def write_option(self, option: Option) -> str:
        """An argument of the call, as messages name it."""
        return str(option)

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        """Yield the items and count them. `total` is their number, where it is known."""
        return items

    def record(self, record: Mapping[str, Any]) -> None:
        """Receive a record of training, whose `kind` is "begin", "update", "train", "valid" or "end", or a "document".

        There is an "update" after every update; "train" (means of the last updates) and "valid" are those of the log.
        A "document" was read and is to be translated.
        """


class TerminalProgress(Progress):
    """Writes to standard error: messages and validation scores as lines, counts as progress bars.

    Where standard error is not a terminal, as in a notebook or a log file, there is a line each half minute instead of
    a bar. `clock` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_line = clock()
        self._begin: Mapping[str, Any] = {}
        self._began = 0.0
        self._bar: Any = None
        self._figures: list[str] = []

    def note(self, text: str) -> None:
        tqdm.write(text, sys.stderr)  # above a bar that may be there

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        if sys.stderr.isatty():
            counted: Iterable[Item] = open_bar(items, title, total, unit=f" {unit}", leave=False)
            return counted
        return self._track_in_lines(items, title, total, unit)

    def _track_in_lines(self, items: Iterable[Item], title: str, total: int | None, unit: str) -> Iterator[Item]:
        self._last_line = self._clock()
        for count, item in enumerate(items, 1):
            yield item
            if self._is_line_due():
                self.note(f"{title}: {count:,}{f' of {total:,}' if total else ''} {unit}")

    def record(self, record: Mapping[str, Any]) -> None:
        match record["kind"]:
            case "begin":
                self._begin, self._figures = record, []
                self._began = self._last_line = self._clock()
                self._bar = open_bar(total=record["updates_in_all"] or None, initial=record["update"], unit="update")
            case "update":
                if self._bar.disable and self._is_line_due():
                    total = f" of {self._begin['updates_in_all']:,}" if self._begin["updates_in_all"] else ""
                    figures = [*self._figures, *self._describe_time_left()]
                    self.note(f"{format_position(record, total)}{': ' * bool(figures)}{', '.join(figures)}")
                    self._figures = []  # a line has only what is new
            case "train":
                self._figures = [
                    f"loss {record['loss']:.2f}",
                    f"perplexity {format_figure(record['perplexity'], 1)}",
                    f"{record['tokens_per_second']:,.0f} tokens/s",
                ]
                for name in ("consistency", "guided"):
                    if f"{name}_loss" in record:
                        self._figures.insert(2, f"{name} {record[f'{name}_loss']:.2f}")
                self._bar.set_postfix_str(", ".join(self._figures + self._describe_time_left()), refresh=False)
                self._bar.update(record["update"] - self._bar.n)
            case "valid":
                shown = dict.fromkeys(["perplexity", "bleu", record["metric"]])
                figures = [f"{name} {format_figure(record[name])}" for name in shown]
                figures += ["best so far"] if record["is_best"] else []
                self.note(f"{format_position(record)}: {', '.join(figures)}")
                self._last_line = self._clock()
            case "end":
                self._bar.close()

    def _is_line_due(self) -> bool:
        """Whether the last line was written half a minute ago; then a line counts as written now."""
        now = self._clock()
        if now - self._last_line < LINE_SECONDS:
            return False
        self._last_line = now
        return True

    def _describe_time_left(self) -> list[str]:
        limit = self._begin["max_minutes"]
        left = limit - (self._clock() - self._began) / 60
        return [f"{max(0, left):.1f} minutes left"] if limit else []


def format_position(record: Mapping[str, Any], total: str = "") -> str:
    """`epoch 3, update 420, 1.5 min`: where training is at a record."""
    return f"epoch {record['epoch']:,}, update {record['update']:,}{total}, {record['seconds'] / 60:.1f} min"


def open_bar(*arguments: Any, **options: Any) -> Any:
    """A bar of tqdm on standard error, which is drawn if that is a terminal, also if its size is unknown."""
    size: dict[str, Any] = {"dynamic_ncols": True}
    try:
        if not all(os.get_terminal_size(sys.stderr.fileno())):
            size = dict(zip(("ncols", "nrows"), shutil.get_terminal_size(), strict=True))
    except (OSError, ValueError):
        pass  # not a terminal
    return tqdm(*arguments, **{"disable": None} | size | options)


class WithoutBars(TerminalProgress):
    """Writes messages to standard error and shows no progress bars."""

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        return items


def choose_progress(progress: bool | Progress) -> Progress:
    """The progress that an argument stands for: True for the terminal, False for none, or the caller's own object.

    Raises UsageError for anything else.
    """
    if isinstance(progress, Progress):
        return progress
    if not isinstance(progress, bool | None):
        raise UsageError(f"progress is {type(progress).__name__}, and must be True, False or an nmt.Progress")
    return TerminalProgress() if progress else Progress()
