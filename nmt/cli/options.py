"""Command-line options made from settings, so that default, bounds and meaning are written once.

An option that is not given is None and leaves the setting as it is elsewhere.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import click
from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from nmt.config import Settings

F = TypeVar("F", bound=Callable[..., Any])
BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}


precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16", "int8"]),
    default="auto",
    help="of products; auto is what is fastest on this machine  [default: auto]",
)


def settings_options(kind: type[Settings], flags: Mapping[str, str] | None = None) -> Callable[[F], F]:
    """A decorator that gives a command one option for each setting of `kind`.

    `flags` overrides what an option is called: {"symbols": "--symbol"}.
    """

    def decorate(function: F) -> F:
        for name, field in reversed(kind.model_fields.items()):
            function = settings_option(name, field, (flags or {}).get(name))(function)
        return function

    return decorate


def settings_option(name: str, field: FieldInfo, flag: str | None) -> Callable[[F], F]:
    """One setting as an option."""
    dashed = name.replace("_", "-")
    text = f"{field.description}  [{describe_values(field)}]"
    annotation = field.annotation
    if annotation is bool:
        return click.option(flag or f"--{dashed}/--no-{dashed}", name, default=None, help=text)
    if get_origin(annotation) is Literal:
        return click.option(flag or f"--{dashed}", name, type=click.Choice(get_args(annotation)), help=text)
    if get_origin(annotation) is tuple:
        return click.option(flag or f"--{dashed}", name, multiple=True, metavar="TEXT", help=f"{text}; repeat for more")
    metavar = "N" if annotation is int else "X" if annotation is float else None
    return click.option(flag or f"--{dashed}", name, type=annotation, metavar=metavar, help=text)


def describe_values(field: FieldInfo) -> str:
    """`default: 8000; at least 16`"""
    default = (
        ("no", "yes")[field.default] if field.annotation is bool else "none" if field.default == () else field.default
    )
    bounds = [f"{BOUNDS[type(b)][1]} {getattr(b, BOUNDS[type(b)][0]):g}" for b in field.metadata if type(b) in BOUNDS]
    return "; ".join([f"default: {default}", *bounds])


def given(kind: type[Settings], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings of `kind` that were given as options."""
    return {name: options[name] for name in kind.model_fields if options.get(name) not in (None, ())}


def link_options(function: F) -> F:
    """The options that say how attention becomes links, the same for every command that writes them."""
    for option in reversed(
        [
            click.option(
                "--offset",
                type=click.IntRange(0, 1),
                default=0,
                metavar="N",
                help="read attention where a word is predicted (0) or a step later, when it is known (1) [default: 0]",
            ),
            click.option(
                "--threshold",
                type=click.FloatRange(0, 1, min_open=True),
                metavar="X",
                help="link all words with so much attention  [default: the one with most]",
            ),
            click.option(
                "--probabilities", is_flag=True, help="write links as i-j:0.912, with their share of attention"
            ),
        ]
    ):
        function = option(function)
    return function
