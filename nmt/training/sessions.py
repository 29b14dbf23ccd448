"""What is written about a training as a whole: when it began and ended, and why.

Nothing here ends a training: what cannot be written is noted.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from nmt.errors import FolderError, TrainingInterrupted
from nmt.progress import Progress
from nmt.run_history import HistoryEvent, append_event
from nmt.training.state import TrainingState
from nmt.version import __version__


class Session:
    """A training that goes on: `update` and `seconds` are those of its last record, `reason` is why it has ended."""

    def __init__(self, state: TrainingState) -> None:
        self.update = state.update
        self.seconds = state.seconds
        self.reason = ""

    def observe(self, record: Any) -> None:
        """Follow a record of training."""
        self.update, self.seconds = record["update"], record["seconds"]


@contextmanager
def record_session(folder: Path, state: TrainingState, device: str, progress: Progress) -> Iterator[Session]:
    """Write the beginning and, afterwards, the end of a training from `state` to the history of its run."""

    def write(**facts: Any) -> None:
        try:
            append_event(folder, HistoryEvent(time=time.time(), **facts))
        except (OSError, FolderError) as error:
            progress.note(f"history.jsonl cannot be written, and training goes on without: {error}")

    session = Session(state)
    versions = {"nmt": __version__, "torch": torch.__version__}
    write(event="begin", update=state.update, seconds=state.seconds, device=device, **versions)
    try:
        yield session
    except TrainingInterrupted:
        session.reason = "interrupted"
        raise
    except Exception as error:
        session.reason = str(error).partition("\n")[0] or type(error).__name__
        raise
    finally:
        write(event="end", update=session.update, seconds=session.seconds, reason=session.reason)
