"""Validation of values that a person wrote: an error lists every problem at once."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from nmt.errors import Option, SettingsError, UnknownAttentionError, did_you_mean

Checked = TypeVar("Checked")


def check(kind: type[Checked], values: Mapping[str, Any], *origin: str | Option) -> Checked:
    """Validate `values` and return them as `kind`, a section of settings or a dataclass that pydantic can validate.

    Raises SettingsError that lists every wrong value and what is allowed. The message calls the values `origin`.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        problems = [describe_problem(kind, problem) for problem in error.errors()]
        is_unregistered = any(problem["type"] == "unknown_attention" for problem in error.errors())
    width = max(len(place) for place, _ in problems)
    lines: list[str | Option] = []
    for place, reason in problems:
        lines += [f"\n  {place:{width}}   " if width else "\n  ", *reason]
    count = "1 setting" if len(problems) == 1 else f"{len(problems)} settings"
    error_type = UnknownAttentionError if is_unregistered else SettingsError
    raise error_type(f"{count} in ", *origin, " cannot be used", *lines)


def list_field_names(kind: type, path: Sequence[str]) -> Iterable[str]:
    """The names of the fields of `kind`, or of the section that `path` leads to."""
    for part in path:
        kind = kind.model_fields[part].annotation  # type: ignore[attr-defined]
    return kind.model_fields if issubclass(kind, BaseModel) else [field.name for field in fields(kind)]  # type: ignore[arg-type]


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
    place, value, context = ".".join(path), json.dumps(problem["input"], default=str), problem.get("ctx", {})
    bounds = {
        "greater_than": "above",
        "greater_than_equal": "at least",
        "less_than": "below",
        "less_than_equal": "at most",
    }
    match problem["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            return place, f"no such setting{did_you_mean(path[-1], list_field_names(kind, path[:-1]))}"
        case "literal_error":
            choices = [word.strip(" '") for word in context["expected"].replace(" or ", ", ").split(",")]
            return (
                f"{place} = {value}",
                f"not one of {', '.join(choices)}{did_you_mean(str(problem['input']), choices)}",
            )
        case "missing":
            return place, "is missing"
        case "unknown_attention":
            return f"{place} = {value}", context["reason"]
        case "value_error":
            return place, str(context["error"])
        case name if name in bounds:
            limit = next(context[key] for key in ("gt", "ge", "lt", "le") if key in context)
            bound = f"{limit:g}" if isinstance(limit, float) else limit  # every digit of a large integer
            return f"{place} = {value}", f"must be {bounds[name]} {bound}"
        case _:
            return f"{place} = {value}", problem["msg"].replace("Input should", "must").replace("String should", "must")
