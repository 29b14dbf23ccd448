"""Rules for XML: which elements have text, which are inline in text, and which stay as they are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, Strict

from nmt.validation import check, read_toml

Names = tuple[Annotated[str, Strict(), Field(min_length=1)], ...]


@dataclass(frozen=True)
class XmlRules:
    """Names of elements, without prefixes: `name`, or `parent/name` for those in a certain element.

    `text` are elements whose content is translated; without any, all text is. `inline` are elements inside text, as for
    emphasis; of those that no rule names, the ones that stand beside text are inline. `untranslated` are elements that
    stay as they are, with all in them. `attributes` are `name`, or `element@name`, of attributes that people read.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    text: Names = ()
    inline: Names = ()
    untranslated: Names = ()
    attributes: Names = ()

    @classmethod
    def read(cls, path: Path | str) -> "XmlRules":
        """Read rules from a TOML file.

        Raises SettingsError for a file that cannot be read or is not TOML, for other keys and for wrong values.
        """
        return check(cls, read_toml(Path(path)), str(path))

    def is_read(self, element: str, attribute: str) -> bool:
        """Whether people read an attribute."""
        return attribute in self.attributes or f"{element}@{attribute}" in self.attributes


def has_element(names: Names, name: str, parent: str) -> bool:
    """Whether names have an element in its parent."""
    return bool(names) and (name in names or f"{parent}/{name}" in names)
