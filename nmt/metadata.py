"""Small files of facts that describe a folder: they are read within bounds, and carry a checksum of their own content.

Such a file may be damaged, or made by someone else: reading it raises ValueError with a reason, and nothing else. A
checksum finds damage, not forgery: whoever changes a file on purpose can compute it too.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from nmt.errors import DamageError, Option

Facts = TypeVar("Facts", bound=BaseModel)
Count = Annotated[int, Field(ge=0, lt=2**63)]

MAX_BYTES = 16 * 2**20  # a larger file is not one of facts
CHECKSUM = "checksum"
LINE_OF_CHECKSUM = f"# {CHECKSUM} of the lines below: "  # in a TOML file it is a comment
VERSION = re.compile(r"[0-9a-z.+]{1,40}")  # of this program
RESTORE = "Restore it from a copy"
ANOTHER = f"{RESTORE}, or use another checkpoint of the run"


def compute_checksum(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes. Raises ValueError for others, and OSError."""
    if path.exists() and not path.is_file():
        raise ValueError("it is not a regular file")  # reading a pipe or a device may never end
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than {limit:,} bytes")
    return content


def read_text(path: Path) -> str:
    """The UTF-8 text of a small file; line ends are "\\n". Raises ValueError for other bytes, and OSError."""
    return read_bytes(path).decode().replace("\r\n", "\n")


def parse_object(text: str) -> dict[str, Any]:
    """The JSON object in a text. Raises ValueError with a reason for any other text."""
    try:
        facts = json.loads(text)
        json.dumps(facts)  # it can be written too: its brackets are not too deep
    except RecursionError as error:
        raise ValueError("its brackets are nested too deep") from error
    except ValueError as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(facts, dict):
        raise ValueError("it is not a JSON object")
    return facts


def parse_toml(text: str) -> dict[str, Any]:
    """The tables in a text. Raises ValueError when it is not TOML, or has a number of thousands of digits."""
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("its brackets are nested too deep") from error


def add_line_of_checksum(text: str) -> str:
    """The text after a line with its checksum."""
    return f"{LINE_OF_CHECKSUM}{compute_checksum(text)}\n{text}"


def has_right_checksum(text: str, *, is_required: bool) -> bool:
    """Whether a text begins with the line of its checksum or, where none is required, has no such line."""
    first, _, rest = text.partition("\n")
    if not is_required and not first.startswith(LINE_OF_CHECKSUM):
        return True
    return text == add_line_of_checksum(rest)


def add_checksum(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts for a JSON object, with the checksum of all of them."""
    return {**facts, CHECKSUM: compute_checksum(json.dumps(facts, sort_keys=True))}


def remove_checksum(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without their checksum, if they have one. Raises ValueError when it is not theirs.

    Older versions of nmt wrote no checksum.
    """
    rest = {name: value for name, value in facts.items() if name != CHECKSUM}
    if CHECKSUM in facts and add_checksum(rest) != facts:
        raise ValueError("its checksum is not that of its content")
    return rest


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a small file, with its checksum, which is not compared yet. Raises ValueError."""
    try:
        return parse_object(read_text(path))
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from error


def check_facts(kind: type[Facts], facts: Mapping[str, Any], path: Path, hint: Sequence[str | Option]) -> Facts:
    """The facts of a file as `kind`. Raises DamageError when their checksum, a name or a value is wrong.

    The format version is compared before: another version may mean other facts and checksums.
    """
    try:
        return kind.model_validate(remove_checksum(facts))
    except ValidationError as error:
        raise make_damage_error(path, describe_problems(error), hint) from error
    except ValueError as error:
        raise make_damage_error(path, str(error), hint) from error


def advise_version(facts: Mapping[str, Any]) -> str:
    """What to install to read a folder of a later format version. Its facts are not checked."""
    version = facts.get("nmt_version")
    if isinstance(version, str) and VERSION.fullmatch(version):
        return f"It was written by nmt {version}: install that version or a later one"
    return "Install the version of nmt that wrote it, or a later one"


def describe_problems(error: ValidationError) -> str:
    """`joint must be a valid boolean; target_lang is missing`: the first three wrong facts of an object."""
    problems = []
    for problem in error.errors():
        name = ".".join(map(str, problem["loc"])) or "it"
        match problem["type"]:
            case "missing":
                problems.append(f"{name} is missing")
            case "extra_forbidden" | "unexpected_keyword_argument":
                problems.append(f"{name[:40]} is unknown")
            case _:
                reason = problem["msg"].removeprefix("Input should ").removeprefix("String should ")
                problems.append(f"{name[:80]} must {reason}" if reason != problem["msg"] else f"{name[:80]}: {reason}")
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(problems[:3]) + more


def make_damage_error(path: Path, why: str, hint: Sequence[str | Option] = (ANOTHER,)) -> DamageError:
    """The error for a file that has changed or cannot be read. `hint` is what to do about it."""
    return DamageError(f"{path} is damaged: {why}\n  ", *hint)
