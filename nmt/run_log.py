"""The log of a run, `log.jsonl`: one JSON object on each line, each with its own checksum.

A program may have been killed while it wrote the last line, and a disk may have damaged any line: readers get every
line, and those that cannot be used have no record.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from nmt.files import write_atomically
from nmt.metadata import Count, add_checksum, parse_object, remove_checksum

MAX_LINE_BYTES = 2**20


class LogRecord(BaseModel):
    """What records have: `kind` is "train" (means since the previous record) or "valid". Other facts are numbers.

    `is_due` is false for a validation that was made only because training stopped.
    """

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, float | None]

    kind: Literal["train", "valid"]
    update: Count
    is_best: bool = False
    is_due: bool = True
    metric: str = ""
    tokenizer: str = ""


class LogLine(NamedTuple):
    """A line of a log with its end, and its record, which is None if the line is damaged."""

    text: str
    record: dict[str, Any] | None

    @property
    def is_complete(self) -> bool:
        """Whether the line has an end; without one, a program was killed while it wrote the line."""
        return self.text.endswith("\n")


def format_record(record: Mapping[str, Any]) -> str:
    """The line of a record."""
    return json.dumps(add_checksum(record)) + "\n"


def read_log(path: Path) -> Iterator[LogLine]:
    """The lines of a log; none if there is no regular file."""
    return read_records(path, LogRecord)


def read_records(path: Path, kind: type[BaseModel]) -> Iterator[LogLine]:
    """The lines of a file whose records are objects of `kind`; none if there is no regular file."""
    if not path.is_file():
        return
    with open(path, "rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            text = line.decode("utf-8", "replace")
            try:
                record = remove_checksum(parse_object(text))
                kind.model_validate(record)
            except ValueError:
                yield LogLine(text, None)
            else:
                yield LogLine(text, record)


def truncate_log(path: Path, is_kept: Callable[[Mapping[str, Any]], bool]) -> int:
    """Remove the lines of a log whose records are not kept, and those without records. -> number of damaged lines

    The line in the middle of which a program was killed is not counted.
    """
    if not path.is_file():
        return 0
    damaged = 0
    with write_atomically(path) as file:
        for line in read_log(path):
            if line.record is None:
                damaged += line.is_complete
            elif line.is_complete and is_kept(line.record):
                file.write(line.text)
    return damaged
