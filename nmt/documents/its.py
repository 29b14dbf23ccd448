"""Rules that an XML document has itself, by the Internationalization Tag Set (ITS) 2.0 of the W3C.

Of its selectors, which are XPath, those that name elements or attributes are known.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from nmt.documents.document import Lines
from nmt.documents.xml_events import XmlEvents
from nmt.documents.xml_rules import LAYOUTS, NAME, XmlRules

ELEMENT_RULES = {  # by a rule and its attribute: the lists of XmlRules that exclude each other, and one for each value
    ("translateRule", "translate"): (("untranslated",), {"no": "untranslated", "yes": ""}),
    ("withinTextRule", "withinText"): (LAYOUTS, {"yes": "inline", "no": "block", "nested": "nested"}),
    ("preserveSpaceRule", "space"): (("lines",), {"preserve": "lines", "default": ""}),
}
PREFIX = rf"(?:{NAME}:)?"
ELEMENT = re.compile(rf"//(?:{PREFIX}({NAME})/)?{PREFIX}({NAME})")
ATTRIBUTE = re.compile(rf"//(?:\*/|{PREFIX}({NAME})/)?@({PREFIX}{NAME})")


def apply_its(events: XmlEvents, rules: XmlRules, lines: Lines, name: str) -> tuple[XmlRules, list[str]]:
    """The rules with those of a document, which count more, and notes on those that are not known.

    `name` is what messages call the document.
    """
    notes: list[str] = []
    for (element, key), (lists, values) in find_rules(events):
        attributes = events.read_attributes(element)
        where = f"{name}, line {lines.find(events.begins[element]):,}"
        selector, value = attributes.get("selector", ""), attributes.get(key, "")
        for one in selector.split("|"):
            own = one.strip()
            if value in values and (found := ELEMENT.fullmatch(own)):
                known = f"{found[1]}/{found[2]}" if found[1] else found[2]
                rules = move_name(rules, known, lists, values[value])
            elif key == "translate" and value in values and (found := ATTRIBUTE.fullmatch(own)):
                known = f"{found[1]}@{found[2]}" if found[1] else found[2]
                rules = move_name(rules, known, ("attributes",), "attributes" if value == "yes" else "")
            else:
                notes.append(
                    f'{where}: {key}="{value}" for {own or "nothing"} has no effect: what a rule of ITS selects is '
                    "//name, //parent/name, //@name or //element/@name here"
                )
    return rules, notes


def find_rules(events: XmlEvents) -> Iterable[tuple[tuple[int, str], tuple[tuple[str, ...], dict[str, str]]]]:
    """The rules of a document in its order: each with its number among the events, and what ELEMENT_RULES has."""
    found = [
        ((number, key), known)
        for (name, key), known in ELEMENT_RULES.items()
        for number in events.find_starts(name)
        if events.parents[number] >= 0 and events.names[events.parents[number]] == "rules"
    ]
    return sorted(found, key=lambda one: one[0])


def move_name(rules: XmlRules, name: str, lists: Iterable[str], chosen: str) -> XmlRules:
    """The rules with a name in one of some lists, or in none if none is chosen."""
    kept = {one: tuple(known for known in getattr(rules, one) if known != name) for one in lists}
    if chosen:
        kept[chosen] += (name,)
    return replace(rules, **kept)
