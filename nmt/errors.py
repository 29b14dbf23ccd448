"""What can go wrong in a way that a user can mend.

Imported by every room and importing none. Everything else that is raised is a fault of the program and keeps its
traceback.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Option(NamedTuple):
    """An argument that a message names: `beam` or `beam=5` to a Python caller, a flag on the command line."""

    name: str
    value: Any = None  # what to set it to, where the message suggests that

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class NmtError(Exception):
    """A problem that the user can mend.

    Its arguments are the parts of the message: strings, and an `Option` where an argument is named. `str` writes the
    message for a Python caller; `message` lets the command line write options as flags.
    """

    def __str__(self) -> str:
        return self.message(str)

    def message(self, write: Callable[[Option], str]) -> str:
        """The whole message, every option written by `write`."""
        return "".join(write(part) if isinstance(part, Option) else str(part) for part in self.args)


class UsageError(NmtError):
    """Arguments that do not fit together, or a value that an argument cannot have."""


class SettingsError(NmtError):
    """A setting that is unknown, ill-typed or out of bounds."""


class RegistrationError(NmtError):
    """Something that cannot be registered under a name."""


class UnknownAttentionError(SettingsError):
    """A kind of attention that is not registered; the module that registers it may not have been imported."""


class DataError(NmtError):
    """Text, pairs or lines that cannot be used as they are."""


class FolderError(NmtError):
    """A run or prepared folder that is missing, or a place that something else occupies."""


class FormatError(FolderError):
    """A folder written in another format version."""


class DamageError(FolderError):
    """A file whose bytes are not the ones that were written."""


class TrainingError(NmtError):
    """Training cannot continue: the loss is not a number, or one pair alone does not fit in memory."""


def indent(problems: Iterable[NmtError]) -> list[str | Option]:
    """The messages of several problems as parts of one, each on lines of its own, indented by two."""
    parts: list[str | Option] = []
    for problem in problems:
        parts.append("\n  ")
        parts += [part if isinstance(part, Option) else str(part).replace("\n", "\n  ") for part in problem.args]
    return parts


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The nearest of `names` as the tail of a message: `; did you mean "beam"?`, or nothing when none is near."""
    nearest = difflib.get_close_matches(word, list(names), n=1)
    return f'; did you mean "{nearest[0]}"?' if nearest else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, on the host or on a device. Torch's error is known by name, so torch is not imported."""
    is_known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_known or "can't allocate memory" in str(error)
