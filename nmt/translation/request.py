"""Requests: lines to translate with their constraints, read from text or JSON Lines.

Error messages give the file and the line. nmt.translation.constraints checks whether a request can be met.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import ConfigDict, Field, Strict

from nmt.arguments import SHOWN_CHARACTERS, check_count, read_several, refuse_half_characters
from nmt.errors import DataError
from nmt.text.corpus import read_lines
from nmt.text.words import is_blank
from nmt.validation import check

Text = Annotated[str, Strict()]
MOST_PIECES = 10_000  # of a translation: its memory grows with them


@dataclass(frozen=True)
class Request:
    """A line to translate, and what its translation must and must not contain.

    The translation begins with `prefix`; if that ends with a blank, a new word follows. It contains each of
    `constraints`, words or phrases, as often as it is listed, from the beginning of a word to the end of a word. It
    does not contain any string of `banned`: neither inside words, nor at their beginning or end. With a blank, " cat"
    is banned only at the beginning of words and "cat " only at their end. All are case-sensitive. `max_length` is the
    largest number of pieces, the end of the sentence included.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    source: Text
    prefix: Text = ""
    constraints: Sequence[Text] = ()
    banned: Sequence[Text] = ()
    max_length: Annotated[int, Strict(), Field(ge=1, le=MOST_PIECES)] | None = None

    def __post_init__(self) -> None:
        """Stores constraints and banned strings, which may be any iterable, as tuples.

        Raises DataError for other types than strings, and for a lone surrogate, which cannot be written as UTF-8;
        UsageError for a `max_length` that is not a whole number from 1 to MOST_PIECES.
        """
        for name in ("constraints", "banned"):
            object.__setattr__(self, name, tuple(read_several(name, getattr(self, name))))
        texts: tuple[object, ...] = self.source, self.prefix, *self.constraints, *self.banned
        for text in texts:
            if not isinstance(text, str):
                shown = str(text)[:SHOWN_CHARACTERS]
                raise DataError(f"a request must consist of strings, not of {type(text).__name__}: {shown!r}")
            refuse_half_characters(repr(text[:SHOWN_CHARACTERS]), text)
        if self.max_length is not None:
            check_count("max_length", self.max_length, 1, MOST_PIECES)


def read_requests(
    files: Iterable[str],
    form: str,
    prefix: str = "",
    constraints: tuple[str, ...] = (),
    banned: tuple[str, ...] = (),
) -> Iterator[Request]:
    """A request for every line of the files, in order. `form` is "text" or "jsonl". A blank line is an empty request.

    `constraints` and `banned` are added to those of each line; `prefix` applies to lines without a prefix of their own.
    Neither applies to a line with a blank source, whose translation stays empty.

    Raises DataError for a line that is not a JSON object, SettingsError for unknown keys and wrong values.
    """
    for file in files:
        name = "standard input" if file == "-" else file
        for number, line in enumerate(read_lines(file), 1):
            is_text = form == "text" or is_blank(line)
            own = Request(line) if is_text else parse_request(line, f"{name}, line {number:,}")
            if is_blank(own.source):
                yield own
                continue
            yield replace(
                own,
                prefix=own.prefix or prefix,
                constraints=(*constraints, *own.constraints),
                banned=(*banned, *own.banned),
            )


def parse_request(line: str, location: str) -> Request:
    """The request in one line of JSON. Error messages call its location `location`."""
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{location} is not JSON: {error.msg} at character {error.pos + 1:,}{EXAMPLE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise DataError(f"{location} is JSON that cannot be read: {error}{EXAMPLE}") from error
    if not isinstance(values, dict):
        raise DataError(f"{location} is JSON, but not an object: {line[:60]}{EXAMPLE}")
    try:
        return check(Request, values, location)
    except DataError as error:
        raise DataError(f"{location}: ", *error.args) from error


EXAMPLE = '\n  A line looks like {"source": "a line", "constraints": ["a word"], "banned": [], "prefix": ""}'
