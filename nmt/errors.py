"""Errors that a user can mend. Any other exception is an error in the program and is shown with its traceback."""

import difflib
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple


class Option(NamedTuple):
    """An argument in an error message: `beam` or `beam=5` for a Python caller, a flag on the command line."""

    name: str
    value: Any = None  # the value, if the message has one

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


def write_parts(parts: Iterable[object], write: Callable[[Option], str]) -> str:
    """The message of parts: strings, and options, which `write` writes."""
    return "".join(write(part) if isinstance(part, Option) else str(part) for part in parts)


class NmtError(Exception):
    """A problem that the user can mend.

    Its arguments are the parts of the message: strings, and an `Option` for each argument in it. `str` gives the
    message for a Python caller; the command line uses `message` to write options as flags.
    """

    def __str__(self) -> str:
        return self.message(str)

    def message(self, write: Callable[[Option], str]) -> str:
        """The whole message, in which `write` writes the options."""
        return write_parts(self.args, write)


class UsageError(NmtError):
    """Arguments that do not fit together, or a value that an argument cannot have."""


class SettingsError(NmtError):
    """A setting that is unknown, ill-typed or out of bounds."""


class RegistrationError(NmtError):
    """Something that cannot be registered under a name, or does not compute what it is registered for."""


class UnknownAttentionError(SettingsError):
    """A kind of attention that is not registered; the module that registers it may not have been imported."""


class DataError(NmtError):
    """Text, pairs or lines that cannot be used as they are."""


class FolderError(NmtError):
    """A run or prepared folder that is missing, or a path that already exists."""


class FormatError(FolderError):
    """A folder or file with another format version."""


class DamageError(FolderError):
    """A file that has changed since it was written, or is incomplete."""


class TrainingError(NmtError):
    """Training cannot continue: the loss is not a number, or one pair alone does not fit in memory."""


class NotANumberError(NmtError):
    """A model predicts numbers that are none (NaN)."""


class PeerError(NmtError):
    """Another of the processes that train together has failed. That one reports the reason."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM has ended training. `update` is the one whose state is saved, or None if nothing is."""

    def __init__(self, update: int | None) -> None:
        super().__init__(update)
        self.update = update


def indent(problems: Iterable[NmtError]) -> list[str | Option]:
    """The parts of one message from several errors, each on its own lines, indented by two."""
    parts: list[str | Option] = []
    for problem in problems:
        parts.append("\n  ")
        parts += [part if isinstance(part, Option) else str(part).replace("\n", "\n  ") for part in problem.args]
    return parts


def describe_unreadable(path: Path | str, error: OSError) -> str:
    """The message for a file that cannot be opened, with the most similar name in its folder if it does not exist."""
    path = Path(path)
    if isinstance(error, FileNotFoundError):
        names = []
        with suppress(OSError):
            names = [one.name for one in path.parent.iterdir()]
        return f"{path} does not exist{did_you_mean(path.name, names)}"
    if isinstance(error, IsADirectoryError):
        return f"{path} is a folder, and must be a file"
    if isinstance(error, PermissionError):
        return f"{path} cannot be read: you have no permission"
    return f"{path} cannot be read: {error.strerror}"


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The end of a message with the most similar name: `; did you mean "beam"?`, or nothing if none is similar.

    Similar is also a name whose initials are the word, as learning_rate's are "lr".
    """
    names = list(names)
    nearest = difflib.get_close_matches(word, names, n=1) or difflib.get_close_matches(word.lower(), names, n=1)
    nearest += [name for name in names if "".join(part[:1] for part in name.split("_")) == word.lower()]
    return f'; did you mean "{nearest[0]}"?' if nearest else ""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the machine or of a device was exhausted. Torch's error is recognised by its name, so that
    torch is not imported."""
    is_known = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return is_known or "can't allocate memory" in str(error)
