"""The history of a run, `history.jsonl`: a line for each start and each end of a training, each with its own checksum.

It is for people alone: nothing is decided by it. A training without an end goes on, or was killed.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nmt.files import refuse_link
from nmt.metadata import MAX_BYTES
from nmt.run_log import format_record, read_records

HISTORY = "history.jsonl"


class HistoryEvent(BaseModel):
    """A start or an end of training: `time` in seconds since 1970, the update at which it was, and why it ended."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    event: Literal["begin", "end"]
    time: Annotated[float, Field(ge=0, lt=2**37)]
    update: Annotated[int, Field(ge=0, lt=2**63)]
    seconds: Annotated[float, Field(ge=0)] = 0.0  # of training, in all
    nmt: str = ""
    torch: str = ""
    device: str = ""
    reason: str = ""


def append_event(folder: Path, event: HistoryEvent) -> None:
    """Add an event to the history of a run. Raises OSError, and FolderError if the file is a link."""
    refuse_link(folder / HISTORY)
    with open(folder / HISTORY, "a", encoding="utf-8", newline="\n") as file:
        file.write(format_record(event.model_dump(exclude_defaults=True)))


def read_history(folder: Path) -> Iterator[HistoryEvent | None]:
    """The events of a run, oldest first; None for a line that is damaged, and for a file too large to be a history."""
    path = folder / HISTORY
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        yield None
        return
    for line in read_records(path, HistoryEvent):
        yield None if line.record is None else HistoryEvent.model_validate(line.record)


def describe_time(seconds: float) -> str:
    """`2026-11-26 13:42 UTC`"""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
