"""`nmt settings`: every setting of a run with its meaning, limits, default and value."""

import json
import textwrap
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from nmt.attention_names import KNOWN_ATTENTIONS
from nmt.cli.command import NmtCommand
from nmt.cli.imports import import_option
from nmt.cli.options import describe_bounds, settings_source_options
from nmt.cli.tables import COLUMNS
from nmt.errors import UsageError, did_you_mean
from nmt.settings import RunSettings, resolve_settings


@click.command(cls=NmtCommand)
@click.argument("names", nargs=-1, metavar="[SECTION|SECTION.KEY]...")
@click.option("--recipes", is_flag=True, help="describe all recipes instead: what each suits, needs and reached")
@settings_source_options
@import_option
def command(
    names: tuple[str, ...], recipes: bool, recipe: str | None, config: Path | None, overrides: tuple[str, ...]
) -> None:
    """Print the settings of a run: meaning, limits, default and value of each.

    The output is a TOML file, which `nmt train --config FILE` reads. With the name of a section (model, train, search)
    or of a setting (model.heads) only these are printed. The values are the defaults, overridden by --recipe, then by
    --config, then by --set, as for `nmt train`.
    """
    if recipes:
        from nmt.cli.recipes import describe_recipes

        click.echo(describe_recipes())
        return
    settings = resolve_settings(recipe, config, overrides)
    known = [f"{section}.{key}" for section, entries in settings for key in type(entries).model_fields]
    for name in names:
        if name not in RunSettings.model_fields and name not in known:
            raise UsageError(f'there is no setting "{name}"{did_you_mean(name, [*RunSettings.model_fields, *known])}')
    for section, entries in settings:
        lines = [
            line
            for key, value in entries
            if not names or {section, f"{section}.{key}"} & set(names)
            for line in describe_setting(key, value, type(entries).model_fields[key])
        ]
        if lines:
            click.echo("\n".join([f"[{section}]", *lines]))


def list_choices(key: str, field: FieldInfo) -> list[str]:
    """The names that a setting, or each entry of a list, may have, and truth values; empty where it is no name."""
    if key in ("attention", "mix"):
        return [name for name in KNOWN_ATTENTIONS if key == "attention" or name != "none"]
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    return [one if isinstance(one, str) else json.dumps(one) for one in choices]


def describe_setting(key: str, value: Any, field: FieldInfo) -> list[str]:
    """A setting as lines of TOML: comments with its meaning and what it may be, then its value."""
    choices = list_choices(key, field)
    limits = [f"one of {', '.join(choices)}"] if choices else describe_bounds(field)
    texts = str(field.description), "; ".join([f"default: {json.dumps(field.default)}", *limits])
    comments = [f"# {line}" for text in texts for line in textwrap.wrap(text, COLUMNS, break_on_hyphens=False)]
    return [*comments, f"{key} = {json.dumps(value)}", ""]
