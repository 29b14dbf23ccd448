"""Checks of what Python callers pass to functions of the public API. Errors name the argument and the wrong value."""

from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from nmt.errors import DataError, Option, UsageError

SHOWN_CHARACTERS = 60  # of a wrong value in a message


def check_count(name: str, value: Any, least: int = 1, most: int | None = None) -> None:
    """Raise UsageError for an argument that is not a whole number of at least `least`, and at most `most`."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if is_whole and value >= least and (most is None or value <= most):
        return
    bounds = f"of at least {least}" if most is None else f"from {least} to {most:,}"
    raise UsageError(Option(name, value), f" must be a whole number {bounds}")


def check_share(name: str, value: Any) -> None:
    """Raise UsageError for an argument that is not a number above 0 and at most 1."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number:
        raise UsageError(f"{name} is {type(value).__name__}, not a number: {str(value)[:SHOWN_CHARACTERS]!r}")
    if not 0 < value <= 1:
        raise UsageError(f"a {name} of {value} is impossible\n  It is above 0, and at most 1")


def check_flag(name: str, value: object) -> None:
    """Raise UsageError for an argument that is neither True nor False."""
    if not isinstance(value, bool):
        raise UsageError(Option(name, value), " must be True or False")


def check_string(name: str, value: object) -> None:
    """Raise UsageError for an argument that is not a string."""
    if not isinstance(value, str):
        raise UsageError(f"{name} is {type(value).__name__}, not a string: {str(value)[:SHOWN_CHARACTERS]!r}")


def check_text(what: str, text: object) -> None:
    """Raise DataError for a text that is not a string, or cannot be written as UTF-8. The message calls it `what`."""
    if not isinstance(text, str):
        raise DataError(f"{what} is {type(text).__name__}, not a string: {str(text)[:SHOWN_CHARACTERS]!r}")
    refuse_half_characters(what, text)


def refuse_half_characters(what: str, text: str) -> None:
    """Raise DataError for a text with a lone surrogate, which cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{what} has half a character (a lone surrogate) at position {error.start + 1:,}\n"
            "  The text was split or decoded wrongly: write complete characters, in UTF-8"
        ) from error


def read_several(name: str, values: Any) -> list[Any]:
    """What an argument has several of, as a list; it may be an iterator, which can be read only once.

    Raises DataError for one string, which is a sequence too, of its characters, and for what has no items.
    """
    if isinstance(values, str | bytes):
        kind = "string" if isinstance(values, str) else "bytes object"
        raise DataError(f"{name} is one {kind}, and must be several\n  For a single one write: {name}=[...]")
    if not isinstance(values, Iterable):
        raise DataError(f"{name} is {type(values).__name__}, and must be several, such as a list")
    return list(values)


def read_texts(name: str, values: Any) -> list[str]:
    """The texts of an argument. Raises DataError as `read_several` does, and for texts as `check_text` does."""
    texts = read_several(name, values)
    for number, text in enumerate(texts, 1):
        check_text(f"{name} {number:,}", text)
    return texts


def read_names(name: str, values: Any) -> list[str]:
    """The names of an argument. Raises DataError as `read_several` does, and UsageError for what is not a string."""
    names = read_several(name, values)
    for one in names:
        check_string(f"one of {name}", one)
    return names


def read_paths(name: str, paths: Any) -> list[Path]:
    """The paths of an argument, which may be a single one. Raises UsageError for what is no path."""
    found = [paths] if isinstance(paths, str | Path) else read_several(name, paths)
    for one in found:
        if not isinstance(one, str | Path):
            raise UsageError(f"one of {name} is {type(one).__name__}, not a path: {str(one)[:SHOWN_CHARACTERS]!r}")
    return [Path(one) for one in found]


def check_language(name: str, language: object) -> None:
    """Raise UsageError for the name of a language that cannot be the end of a file's name."""
    check_string(name, language)
    if not language or {"/", "\\", "\0"} & {*str(language)} or not str(language).isprintable():
        raise UsageError(Option(name, language), " is no name of a language\n  It ends names of files, such as en")
