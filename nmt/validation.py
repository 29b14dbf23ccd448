"""Validation of values that a person wrote: an error lists every problem at once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from nmt.errors import Option, SettingsError, UnknownAttentionError, describe_unreadable, did_you_mean
from nmt.metadata import parse_toml, read_text

Checked = TypeVar("Checked")
QUOTE = '"'
SHOWN_CHARACTERS = 60  # of a wrong name or value in a message
SHOWN_PROBLEMS = 50  # in one message


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises SettingsError when the file cannot be read or is not TOML."""
    try:
        return parse_toml(read_text(path))
    except OSError as error:
        raise SettingsError(describe_unreadable(path, error)) from error
    except ValueError as error:
        raise SettingsError(f"{path} is not TOML: {error}") from error


def check(kind: type[Checked], values: Mapping[str, Any], *origin: str | Option) -> Checked:
    """Validate `values` and return them as `kind`, a section of settings or a dataclass that pydantic can validate.

    Raises SettingsError that lists every wrong value and what is allowed. The message calls the values `origin`.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        errors = error.errors()
        problems = [describe_problem(kind, problem) for problem in errors[:SHOWN_PROBLEMS]]
        is_unregistered = any(problem["type"] == "unknown_attention" for problem in errors)
    width = max(len(place) for place, _ in problems)
    lines: list[str | Option] = []
    for place, reason in problems:
        lines += [f"\n  {place:{width}}   " if width else "\n  ", *reason]
    if len(errors) > SHOWN_PROBLEMS:
        lines.append(f"\n  and {len(errors) - SHOWN_PROBLEMS:,} more")
    count = "1 setting" if len(errors) == 1 else f"{len(errors):,} settings"
    error_type = UnknownAttentionError if is_unregistered else SettingsError
    raise error_type(f"{count} in ", *origin, " cannot be used", *lines)


def write_value(value: Any) -> str:
    """A wrong value as it is shown in a message: JSON, or what Python writes for it, of at most 60 characters."""
    try:
        text = json.dumps(value)
    except TypeError:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        return f"{type(value).__name__} that is too large to show"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"


def list_field_names(kind: type, path: Sequence[str]) -> Iterable[str]:
    """The names of the fields of `kind`, or of the section that `path` leads to."""
    for part in path:
        kind = kind.model_fields[part].annotation  # type: ignore[attr-defined]
    return kind.model_fields if issubclass(kind, BaseModel) else [field.name for field in fields(kind)]  # type: ignore[arg-type]


def list_section_names(kind: type, section: str) -> Iterable[str]:
    """The names of the settings in a section of `kind`; none if it has no such section."""
    field = getattr(kind, "model_fields", {}).get(section)
    return getattr(field.annotation, "model_fields", ()) if field else ()


def find_sections(kind: type, name: str) -> str:
    """The settings of this name in all sections of `kind`: `"train.seed" or "search.seed"`, or nothing."""
    sections = getattr(kind, "model_fields", {})
    found = [one for one, field in sections.items() if name in getattr(field.annotation, "model_fields", ())]
    return " or ".join(f'"{section}.{name}"' for section in found)


def describe_problem(kind: type, problem: Any) -> tuple[str, Sequence[str | Option]]:
    """(`section.key = value`, the parts of the reason why it cannot be used) for an error of pydantic.

    Settings that do not fit together have no place, unless they are those of a section.
    """
    place, reason = describe_value(kind, problem)
    parts = problem["ctx"]["error"].args if problem["type"] == "value_error" else (reason,)
    return place, [str(part) for part in parts] if place else parts  # arguments are options only by themselves


def describe_value(kind: type, problem: Any) -> tuple[str, str]:
    """(`section.key = value`, the reason) for an error of pydantic."""
    path = [part for part in problem["loc"] if isinstance(part, str)]
    place, value, context = ".".join(path)[:SHOWN_CHARACTERS], write_value(problem["input"]), problem.get("ctx", {})
    bounds = {
        "greater_than": "above",
        "greater_than_equal": "at least",
        "less_than": "below",
        "less_than_equal": "at most",
    }
    match problem["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            if elsewhere := find_sections(kind, path[-1]):
                return place, f"no such setting; did you mean {elsewhere}?"
            section, _, name = path[-1].partition(".")
            if name and name in list_section_names(kind, section):
                return place, f'no such setting; write {{"{section}": {{"{name}": …}}}}'
            guess = did_you_mean(path[-1][:SHOWN_CHARACTERS], list_field_names(kind, path[:-1]))
            return place, f"no such setting{guess}"
        case "literal_error":
            allowed = context["expected"].replace("True", "true").replace("False", "false").replace(" or ", ", ")
            choices = [word.strip(" '") for word in allowed.split(",")]
            return (
                f"{place} = {value}",
                f"not one of {', '.join(choices)}{did_you_mean(value.strip(QUOTE), choices)}",
            )
        case "missing":
            return place, "is missing"
        case "unknown_attention":
            return f"{place} = {value}", context["reason"]
        case "tuple_type" | "sequence_str" | "is_instance_of":
            return f"{place} = {value}", 'must be a list, such as ["one", "another"]'
        case "bool_type" | "bool_parsing":
            return f"{place} = {value}", "must be true or false"
        case "value_error":
            return place, str(context["error"])
        case name if name in bounds:
            limit = next(context[key] for key in ("gt", "ge", "lt", "le") if key in context)
            bound = f"{limit:g}" if isinstance(limit, float) else limit  # every digit of a large integer
            return f"{place} = {value}", f"must be {bounds[name]} {bound}"
        case _:
            reason = problem["msg"].replace("Input should", "must").replace("String should", "must")
            return f"{place} = {value}" if place else value, reason
