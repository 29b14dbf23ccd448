"""Tables that a command writes beside its output, row by row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.cli.output import to_json_line
from nmt.errors import NmtError

BLANKS = str.maketrans("\t\n\r", "   ")


@contextmanager
def open_report(path: Path | None, columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A function that adds a row to a file: JSON Lines if its name ends with .jsonl, else tab-separated.

    Several values in a column are separated by " | ". After an error that the user can mend, the file has the rows
    before it. Without a path rows are dropped.
    """
    from nmt.files import write_atomically

    if path is None:
        yield lambda row: None
        return
    is_json = path.suffix.lower() == ".jsonl"
    failure: NmtError | None = None
    with write_atomically(path) as file:
        if not is_json:
            file.write("\t".join(columns) + "\n")

        def add(row: Mapping[str, Any]) -> None:
            line = to_json_line(row) if is_json else "\t".join(write_value(row[name]) for name in columns)
            file.write(f"{line}\n")

        try:
            yield add
        except NmtError as error:
            failure = error
    if failure:
        raise failure


def write_value(value: Any) -> str:
    """A value of a column without tabs and line ends."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.2f}"
    return (" | ".join(value) if isinstance(value, list) else str(value)).translate(BLANKS)
