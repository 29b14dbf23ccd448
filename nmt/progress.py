"""Progress of long calls: shown on the terminal, or reported to an object of the caller."""

import sys
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def format_figure(value: float, digits: int = 2) -> str:
    """A figure in few characters: 12,345.68, or 1.2e+304 where it is a million or more."""
    return f"{value:,.{digits}f}" if abs(value) < 1e6 else f"{value:.1e}"


class Progress:
    """Receives the progress of a long call and shows nothing. Subclass it to show progress in another way."""

    def note(self, text: str) -> None:
        """Receive a message."""

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        """Yield the items and count them. `total` is their number, where it is known."""
        return items

    def record(self, record: Mapping[str, Any]) -> None:
        """Receive a log record of training, whose `kind` is "begin", "train", "valid" or "end"."""


class TerminalProgress(Progress):
    """Writes to standard error: messages and validation scores as lines, counts as progress bars on a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._max_minutes = 0.0

    def note(self, text: str) -> None:
        tqdm.write(text, sys.stderr)  # above a bar that may be there

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        counted: Iterable[Item] = tqdm(items, title, total, unit=f" {unit}", disable=None, leave=False)
        return counted

    def record(self, record: Mapping[str, Any]) -> None:
        match record["kind"]:
            case "begin":
                total = record["updates_in_all"] or None
                self._bar = tqdm(total=total, initial=record["update"], unit="update", disable=None, dynamic_ncols=True)
                self._max_minutes = record["max_minutes"]
            case "train":
                figures = [
                    f"loss {record['loss']:.2f}",
                    f"perplexity {format_figure(record['perplexity'], 1)}",
                    f"{record['tokens_per_second']:,.0f} tokens/s",
                ]
                if "guided_loss" in record:
                    figures.insert(2, f"guided {record['guided_loss']:.2f}")
                if self._max_minutes:
                    left = self._max_minutes - self._bar.format_dict["elapsed"] / 60
                    figures.append(f"{max(0, left):.1f} minutes left")
                self._bar.set_postfix_str(", ".join(figures), refresh=False)
                self._bar.update(record["update"] - self._bar.n)
            case "valid":
                shown = dict.fromkeys(["perplexity", "bleu", record["metric"]])
                figures = [f"{name} {format_figure(record[name])}" for name in shown]
                figures += ["best so far"] if record["is_best"] else []
                position = f"epoch {record['epoch']}, update {record['update']:,}, {record['seconds'] / 60:.1f} min"
                self.note(f"{position}: {', '.join(figures)}")
            case "end":
                self._bar.close()


class WithoutBars(TerminalProgress):
    """Writes messages to standard error and shows no progress bars."""

    def track(self, items: Iterable[Item], title: str, total: int | None = None, unit: str = "it") -> Iterable[Item]:
        return items


def choose_progress(progress: bool | Progress) -> Progress:
    """The progress that an argument stands for: True for the terminal, False for none, or the caller's own object."""
    if isinstance(progress, Progress):
        return progress
    return TerminalProgress() if progress else Progress()
