"""The header of a PO file: its first message, whose translation has fields such as `Language: de`, one in a line."""

import re
from collections.abc import Mapping, Sequence

from nmt.documents.plurals import find_plural_forms, parse_plural_forms

CHARSET = re.compile(r"(?<=charset=)[\w.:-]*")
FUZZY = re.compile(r",\s*fuzzy\b")
STRING = re.compile(r'"(.*)"')


class PoHeader:
    """The header in the lines before the first message of a file. A file may have none; it gets one if it needs one.

    A template has words in it that stand for what is not known yet: CHARSET, INTEGER and EXPRESSION.
    """

    def __init__(self, lines: Sequence[str], fields: Mapping[str, str], language: str) -> None:
        """`fields` are what a parser has read in it, and `language` is that of the translations."""
        first = next((number for number, line in enumerate(lines) if re.match(r"\s*msgstr\s*\"", line)), len(lines))
        last = next((number for number in range(first, len(lines)) if '"' not in lines[number]), len(lines))
        self.inside = range(first, last)
        self.flags = next((number for number in range(first) if lines[number].startswith("#,")), None)
        self.fields = fields
        self.language = language
        declared = fields.get("Plural-Forms", "")
        self.is_template = "INTEGER" in declared or "CHARSET" in fields.get("Content-Type", "")
        known = find_plural_forms(language) or ""
        own_plurals = parse_plural_forms(declared)
        self.new_plurals = "" if own_plurals else known
        self.plurals = own_plurals or parse_plural_forms(known)

    def write(self, lines: list[str], encoding: str, has_plurals: bool) -> None:
        """Fill in what the header lacks in the lines of a file. `encoding` is what it declares, if that is to change.

        `has_plurals` is whether plural forms have been filled, for which it needs a rule. A file without a header needs
        one for other letters than those of ASCII and for plural forms, or else gettext cannot read them.
        """
        changed = {}
        if encoding:
            content = self.fields.get("Content-Type", "")
            content = content if "charset=" in content else "text/plain; charset="
            changed["Content-Type"] = CHARSET.sub(encoding, content)
        if not self.fields.get("Language", "" if self.is_template or not self.inside else self.language):
            changed["Language"] = self.language.replace("-", "_")
        if self.new_plurals and (has_plurals or self.is_template):
            changed["Plural-Forms"] = self.new_plurals
        if not changed or (not self.inside and changed.keys() == {"Language"}):
            return
        end = "\r\n" if lines[self.inside.start].endswith("\r\n") else "\n"
        if not self.inside:
            own = ['msgid ""', *write_fields([f"{name}: {value}" for name, value in changed.items()])]
            lines[0] = end.join([*own, "", lines[0]])
            return
        strings = [found[1] for number in self.inside if (found := STRING.search(lines[number]))]
        fields = [field for field in "".join(strings).split(r"\n") if field]
        for name, value in changed.items():
            same = [number for number, field in enumerate(fields) if field.lower().startswith(f"{name.lower()}:")]
            fields[slice(*([same[0], same[0] + 1] if same else [len(fields)] * 2))] = [f"{name}: {value}"]
        lines[self.inside[0]] = end.join(write_fields(fields)) + end
        for number in self.inside[1:]:
            lines[number] = ""
        if self.is_template and self.flags is not None:
            others = FUZZY.sub("", lines[self.flags])
            lines[self.flags] = others if others.strip() != "#" else ""


def write_fields(fields: Sequence[str]) -> list[str]:
    """The lines of a header with these fields."""
    return ['msgstr ""', *(rf'"{field}\n"' for field in fields)]
