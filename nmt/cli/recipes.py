"""What commands print about recipes: which one suits a corpus, how a corpus is prepared for it, and all of them."""

import os
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from nmt.cli.tables import COLUMNS
from nmt.data.prepared import SIDES, PreparedCorpus, Side
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
    if "subwords_from" not in prepared.manifest.settings and (preparation := find_preparation(prepared, first)):
        click.echo(f"  Its corpus is prepared with {preparation}", err=True)


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
    if settings is None or not (preparation := find_preparation(prepared, recipe)):
        return
    changes = ["model.tie=target"] * (settings.model.tie == "all")
    changes += ["train.both_epochs=0"] * (settings.train.both_epochs > 0)
    if changes and not prepared.manifest.joint:
        raise UsageError(
            f"the recipe {name} needs one vocabulary for both languages, and {data} has two\n"
            f"  Prepare the corpus with {preparation}, or add --set {' --set '.join(changes)}"
        )
    click.echo(f"nmt: the recipe {name} was measured on a corpus of {write_preparation(recipe)}", err=True)


def open_quietly(data: Path) -> PreparedCorpus | None:
    """A prepared folder; None for another folder, and in all processes of a training but the first."""
    with suppress(NmtError):
        if os.environ.get("RANK", "0") == "0":
            return PreparedCorpus.open(data)
    return None


def find_preparation(prepared: PreparedCorpus, recipe: Recipe) -> str:
    """The `nmt prepare` that a corpus lacks for a recipe, as far as its text supports that; empty if it lacks nothing.

    A corpus with the subword models of another folder lacks nothing but one vocabulary for both languages.
    """
    from nmt.data.training_text import fit_vocab_size

    wanted, manifest = recipe.vocab_size, prepared.manifest
    is_joint_enough = manifest.joint or not recipe.joint
    if "subwords_from" in manifest.settings:
        return "" if is_joint_enough else write_preparation(recipe)
    groups: list[Sequence[Side]] = [SIDES] if recipe.joint else [[side] for side in SIDES]
    sizes = [prepared.source_subword.size, prepared.target_subword.size][: len(groups)]
    nearest = [fit_vocab_size(prepared, sides, wanted) for sides in groups]
    is_near = all(size == near or size > near != wanted for size, near in zip(sizes, nearest, strict=True))
    if is_joint_enough and is_near:
        return ""
    return write_preparation(recipe, with_size={*nearest} == {wanted})


def write_preparation(recipe: Recipe, *, with_size: bool = True) -> str:
    """`nmt prepare --joint --vocab-size 8000`. Without its size, that of the vocabulary adapts to the text."""
    return f"nmt prepare{' --joint' * recipe.joint}{f' --vocab-size {recipe.vocab_size}' * with_size}"


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
