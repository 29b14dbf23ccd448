"""What is asked of a translation, and how lines of text or JSON ask for it.

Messages name the line and the file; whether a request can be met stands in nmt.translation.constraints.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import ConfigDict, Field, Strict

from nmt.config import check
from nmt.errors import DataError
from nmt.text.corpus import read_lines
from nmt.text.words import is_blank

Text = Annotated[str, Strict()]


@dataclass(frozen=True)
class Request:
    """A line to be translated, and what its translation must and must not contain.

    `prefix` is how the translation begins; where it ends with a blank, a new word follows it. `constraints` are words
    or phrases that it contains, each as often as it is named, from the beginning of a word to the end of one. `banned`
    are strings that it does not contain, anywhere inside words, or at their beginning (" cat") or end ("cat ") only
    where there is a blank. All are case-sensitive. `max_length` counts pieces and the end.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    source: Text
    prefix: Text = ""
    constraints: tuple[Text, ...] = ()
    banned: tuple[Text, ...] = ()
    max_length: Annotated[int, Strict(), Field(ge=1, le=10_000)] | None = None

    def __post_init__(self) -> None:
        """Raises DataError for what is no string, and for a lone surrogate, which is half a character without UTF-8."""
        for text in (self.source, self.prefix, *self.constraints, *self.banned):
            if not isinstance(text, str):
                raise DataError(f"a request is made of strings, not of {type(text).__name__}: {str(text)[:60]!r}")
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{text[:60]!r} has half a character at position {error.start + 1:,}\n"
                    "  It was cut or decoded wrongly where it comes from: write whole characters, in UTF-8"
                ) from error


def read_requests(
    files: Iterable[str],
    form: str,
    prefix: str = "",
    constraints: tuple[str, ...] = (),
    banned: tuple[str, ...] = (),
) -> Iterator[Request]:
    """Every line of the files, one file after the other; `form` is "text" or "jsonl". A blank line is an empty request.

    `constraints` and `banned` are added to those of each line; `prefix` is for lines that have none of their own.

    Raises DataError for a line that is no JSON object, SettingsError for one with keys or values that do not fit.
    """
    for file in files:
        name = "standard input" if file == "-" else file
        for number, line in enumerate(read_lines(file), 1):
            if form == "text" or is_blank(line):
                yield Request(line, prefix, constraints, banned)
                continue
            own = parse(line, f"{name}, line {number:,}")
            yield replace(
                own,
                prefix=own.prefix or prefix,
                constraints=constraints + own.constraints,
                banned=banned + own.banned,
            )


def parse(line: str, place: str) -> Request:
    """One line of JSON, which messages call `place`."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is not JSON: {error.msg} at character {error.pos + 1:,}{EXAMPLE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise DataError(f"{place} is no JSON that can be read: {error}{EXAMPLE}") from error
    if not isinstance(values, dict):
        raise DataError(f"{place} is JSON, but no object: {line[:60]}{EXAMPLE}")
    try:
        return check(Request, values, place)
    except DataError as error:
        raise DataError(f"{place}: ", *error.args) from error


EXAMPLE = '\n  A line looks like {"source": "a line", "constraints": ["a word"], "banned": [], "prefix": ""}'
