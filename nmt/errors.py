"""What can go wrong in a way the user can mend, and the exit code it gets.

Imported by every room and importing none. Everything else that is raised is our fault and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class NmtError(Exception):
    """A problem the user can mend: printed as one message, without a traceback."""

    exit_code = 2


class UsageError(NmtError):
    """Command-line words that do not fit together."""


class SettingsError(NmtError):
    """A setting that is unknown, ill-typed or out of bounds."""


class DataError(NmtError):
    """Text, pairs or lines that cannot be used as they are."""


class FolderError(NmtError):
    """A run or prepared folder that is missing, or a place that something else occupies."""


class FormatError(FolderError):
    """A folder written in another format version."""


class DamageError(FolderError):
    """A file whose bytes are not the ones that were written."""


class TrainingError(NmtError):
    """Training cannot go on: the loss is not a number, or one pair alone does not fit in memory."""


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The nearest of `names` as the tail of a message: `; did you mean "beam"?`, or nothing when none is near."""
    nearest = difflib.get_close_matches(word, list(names), n=1)
    return f'; did you mean "{nearest[0]}"?' if nearest else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on the host or on a device. Torch's is told by name, not imported."""
    is_known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_known or "can't allocate memory" in str(error)
