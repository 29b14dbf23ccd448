"""What commands print about recipes: which one suits a corpus, how a corpus is prepared for it, and all of them."""

import os
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from nmt.cli.tables import COLUMNS
from nmt.data.prepared import SIDES, PreparedCorpus
from nmt.errors import NmtError, SettingsError, UsageError
from nmt.progress import format_count
from nmt.recipes import Recipe, find_recipes, list_recipes, read_recipe
from nmt.settings import RunSettings


def suggest_recipe(data: Path) -> None:
    """Write to standard error which recipes suit a prepared corpus, and what the first needs that this corpus lacks."""
    prepared = open_quietly(data)
    recipes = find_recipes(prepared.manifest.splits["train"].pairs) if prepared else {}
    if not prepared or not recipes:
        return
    pairs = format_count(prepared.manifest.splits["train"].pairs, "pair")
    (name, first), *others = recipes.items()
    more = f"; other recipes: {', '.join(other for other, _ in others)}" if others else ""
    click.echo(f"nmt: nmt train --recipe {name} suits {pairs}{describe_minutes(first)}{more}", err=True)
    if lacks_preparation(prepared, first):
        click.echo(f"  Its corpus is prepared with {write_preparation(first, prepared)}", err=True)


def check_recipe(data: Path, name: str, settings: RunSettings | None) -> None:
    """Write a note where a recipe does not suit the number of pairs of a corpus, or its preparation.

    Without `settings`, those of a run complete the recipe, with whose subwords the corpus is prepared.

    Raises UsageError where it cannot be used with it.
    """
    prepared, (recipe, _) = open_quietly(data), read_recipe(name)
    if not prepared:
        return
    pairs = prepared.manifest.splits["train"].pairs
    if recipe.pairs and not recipe.suits(pairs):
        others = ", ".join(find_recipes(pairs))
        click.echo(
            f"nmt: {data} has {format_count(pairs, 'pair')}, and the recipe {name} is for "
            f"{recipe.pairs[0]:,} to {recipe.pairs[1]:,}{f'; for that many: {others}' if others else ''}",
            err=True,
        )
    if settings is None or not lacks_preparation(prepared, recipe):
        return
    changes = ["model.tie=target"] * (settings.model.tie == "all")
    changes += ["train.both_epochs=0"] * (settings.train.both_epochs > 0)
    if changes and not prepared.manifest.joint:
        raise UsageError(
            f"the recipe {name} needs one vocabulary for both languages, and {data} has two\n"
            f"  Prepare the corpus with {write_preparation(recipe, prepared)}, or add --set {' --set '.join(changes)}"
        )
    click.echo(f"nmt: the recipe {name} was measured on a corpus of {write_preparation(recipe)}", err=True)


def open_quietly(data: Path) -> PreparedCorpus | None:
    """A prepared folder; None for another folder, and in all processes of a training but the first."""
    with suppress(NmtError):
        if os.environ.get("RANK", "0") == "0":
            return PreparedCorpus.open(data)
    return None


def lacks_preparation(prepared: PreparedCorpus, recipe: Recipe) -> bool:
    """Whether a corpus was prepared with another vocabulary than that of a recipe, though its text supports that."""
    manifest = prepared.manifest
    is_other = manifest.settings.get("vocab_size") != recipe.vocab_size and not is_adapted(prepared)
    return is_other or (recipe.joint and not manifest.joint)


def is_adapted(prepared: PreparedCorpus) -> bool:
    """Whether the text supports fewer pieces than the default of `nmt prepare`."""
    settings = prepared.manifest.settings
    has_sizes = any(settings.get(f"{side}_vocab_size") for side in SIDES)
    size = settings.get("vocab_size")
    return not has_sizes and isinstance(size, int) and prepared.source_subword.size < size


def write_preparation(recipe: Recipe, prepared: PreparedCorpus | None = None) -> str:
    """`nmt prepare --joint --vocab-size 8000`, without a size where the text of a corpus supports fewer pieces."""
    size = "" if prepared and is_adapted(prepared) else f" --vocab-size {recipe.vocab_size}"
    return f"nmt prepare{' --joint' if recipe.joint else ''}{size}"


def describe_minutes(recipe: Recipe) -> str:
    """` (29 minutes for 29,000 pairs on one core with AMX, up to four times as long on others)`"""
    if not recipe.minutes:
        return ""
    pairs = f" for {format_count(recipe.measured_pairs, 'pair')}" if recipe.measured_pairs else ""
    return (
        f" ({format_count(recipe.minutes, 'minute')}{pairs} on one core with AMX, up to four times as long on others)"
    )


def describe_recipes() -> str:
    """All recipes: what each is for, how many pairs it suits, what it needs and what it reached."""
    blocks = []
    for name in list_recipes():
        recipe, _ = read_recipe(name)
        lines = [f"{name}{describe_minutes(recipe)}", f"  {recipe.description}"]
        lines += [f"  suits {recipe.pairs[0]:,} to {recipe.pairs[1]:,} training pairs"] if recipe.pairs else []
        lines += [f"  its corpus: {write_preparation(recipe)}"]
        lines += [f"  reached: {recipe.score}"] if recipe.score else []
        wrapping: dict[str, Any] = {"width": COLUMNS, "subsequent_indent": "    ", "break_on_hyphens": False}
        blocks.append("\n".join(textwrap.fill(line, **wrapping) for line in lines))
    return "\n\n".join(blocks)


def name_recipe(error: SettingsError, name: str) -> None:
    """Add to the message which of the settings that it names come from a recipe, and not from the command line."""
    _, values = read_recipe(name)
    named = [f"{section}.{key}" for section, entries in values.items() for key in entries]
    if found := [place for place in named if f"{place} = " in str(error)]:
        error.args = (*error.args, f"\n  The recipe {name} sets {', '.join(found)}")
