"""Lines of text, or JSON Lines, as requests for translation.

Says which line of which file is wrong; whether a wish can be met is for nmt.translation.constraints to say.
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from nmt.config import Settings, check
from nmt.errors import DataError

if TYPE_CHECKING:
    from nmt.translation.constraints import Request


class RequestLine(Settings):
    """What a line of JSON may hold; see nmt.translation.constraints.Request."""

    source: str = Field(description="the line to be translated")
    prefix: str = Field("", description="how its translation begins")
    constraints: tuple[str, ...] = Field((), strict=False, description="what it contains")
    banned: tuple[str, ...] = Field((), strict=False, description="what it does not contain")
    max_length: int | None = Field(None, ge=1, le=10_000, description="pieces that it has at most, with the end as one")


def read_requests(
    files: Iterable[str],
    form: str,
    prefix: str = "",
    constraints: tuple[str, ...] = (),
    banned: tuple[str, ...] = (),
) -> "Iterator[Request]":
    """Every line of the files, one after the other; `form` is "text" or "jsonl". A blank line is an empty request.

    `constraints` and `banned` are added to those of each line; `prefix` is for lines that have none of their own.

    Raises DataError for a line that is no JSON object, SettingsError for one with keys or values that do not fit.
    """
    from nmt.text.corpus import read_lines
    from nmt.translation.constraints import Request

    for file in files:
        name = "standard input" if file == "-" else file
        for number, line in enumerate(read_lines(file), 1):
            if form == "text" or not line.strip():
                yield Request(line, prefix, constraints, banned)
                continue
            place = f"{name}, line {number:,}"
            own = parse(line, place)
            wishes = own.prefix or prefix, constraints + own.constraints, banned + own.banned
            try:
                yield Request(own.source, *wishes, own.max_length)
            except DataError as error:
                raise DataError(f"{place}: {error}") from error


def parse(line: str, place: str) -> RequestLine:
    """One line of JSON, which messages call `place`."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place} is not JSON: {error.msg} at character {error.pos + 1:,}{EXAMPLE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise DataError(f"{place} is no JSON that can be read: {error}{EXAMPLE}") from error
    if not isinstance(values, dict):
        raise DataError(f"{place} is JSON, but no object: {line[:60]}{EXAMPLE}")
    return check(RequestLine, values, place)


EXAMPLE = '\n  A line looks like {"source": "a line", "constraints": ["a word"], "banned": [], "prefix": ""}'
