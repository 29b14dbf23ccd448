"""Settings files that come with the program, and which of them suits a corpus.

A recipe is one TOML file in this folder: a table [recipe], with the fields of `Recipe`, beside the settings.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from pydantic import Field, field_validator

from nmt.errors import SettingsError, did_you_mean
from nmt.metadata import parse_toml
from nmt.settings_base import Settings
from nmt.validation import check

FOLDER = resources.files("nmt.recipes")


class Recipe(Settings):
    """What a recipe is for, and what it reached."""

    description: str = Field(description="what it is for")
    pairs: tuple[int, int] | None = Field(
        default=None, strict=False, description="fewest and most training pairs of a corpus that it suits"
    )
    joint: bool = Field(
        default=False, description="whether its corpus is prepared with one vocabulary for both languages"
    )
    vocab_size: int = Field(default=8000, ge=16, description="vocab_size with which its corpus is prepared")
    score: str = Field(default="", description="what it reached, on which text")
    minutes: float | None = Field(
        default=None, gt=0, description="minutes of training for that score, on the CPU that tools/README.md names"
    )
    measured_pairs: int | None = Field(default=None, ge=1, description="training pairs that were read in these minutes")

    @field_validator("pairs")
    @classmethod
    def _ends_after_its_beginning(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and value[0] > value[1]:
            raise ValueError("the second number must not be below the first")
        return value

    def suits(self, pairs: int) -> bool:
        """Whether it suits a corpus with this number of training pairs."""
        return self.pairs is not None and self.pairs[0] <= pairs <= self.pairs[1]


def list_recipes() -> list[str]:
    """The names of all recipes."""
    return sorted(file.name[:-5] for file in FOLDER.iterdir() if file.name.endswith(".toml"))


def read_recipe(name: str) -> tuple[Recipe, dict[str, Any]]:
    """A recipe, and its settings by section, unchecked. Raises SettingsError for an unknown name."""
    if name not in list_recipes():
        known, guess = ", ".join(list_recipes()), did_you_mean(name, list_recipes())
        raise SettingsError(f'there is no recipe "{name}"{guess}\n  The recipes are {known}')
    values = parse_toml((FOLDER / f"{name}.toml").read_text("utf-8"))
    return check(Recipe, values.get("recipe", {}), f"[recipe] of the recipe {name}"), drop_recipe(values)


def drop_recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in a file, which may be a copy of a recipe."""
    return {section: entries for section, entries in values.items() if section != "recipe"}


def find_recipes(pairs: int) -> dict[str, Recipe]:
    """The recipes that suit a corpus with this number of training pairs, by name, that which takes least time first."""
    recipes = {name: read_recipe(name)[0] for name in list_recipes()}
    suited = [name for name, recipe in recipes.items() if recipe.suits(pairs)]
    return {name: recipes[name] for name in sorted(suited, key=lambda name: recipes[name].minutes or float("inf"))}
