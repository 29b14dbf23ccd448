"""The words of a sentence with their links, and pieces of a sentence in both languages.

A German word refers to the English words that it translates, so that links survive every change of order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(eq=False)
class Source:
    """One English word. Its position is known only when the sentence is complete."""

    text: str


@dataclass(eq=False)
class Target:
    """One German word and the English words it translates."""

    text: str
    sure: Sequence[Source] = ()
    possible: Sequence[Source] = ()


class Phrase(NamedTuple):
    """A piece of a sentence in both languages."""

    source: list[Source]
    target: list[Target]


NOTHING = Phrase([], [])


class Nominal(NamedTuple):
    """A noun phrase in one case, and what the rest of the clause needs to know about it."""

    phrase: Phrase
    kind: str
    person: int = 1  # column of the verb forms
    name: str = ""  # a name, or a pronoun in its subject form; other noun phrases have none
    is_negative: bool = False  # it contains the negation of its clause: kein
    is_heavy: bool = False  # it ends with its own clause, so that a time or place after it would belong to that clause
    tail: Sequence[Target] = ()  # a relative clause, which German puts after the closing verb


def make_source(text: str) -> list[Source]:
    """The English words of an entry, which underscores join."""
    return [Source(word) for word in text.split("_") if word]


def read_expression(entry: str) -> Phrase:
    """A fixed expression of the tables, with new words on both sides.

    "in the evening | am^0,1 Abend^2": am translates in and the, Abend translates evening; "am~0" is a
    Possible link.
    """
    english, german = entry.split(" | ")
    source = make_source(english.replace(" ", "_"))
    target = []
    for word in german.split():
        text, *links = re.split(r"([\^~])", word)
        linked: dict[str, list[Source]] = {"^": [], "~": []}
        for mark, places in zip(links[::2], links[1::2], strict=True):
            linked[mark] += [source[int(place)] for place in places.split(",")]
        target.append(Target(text, linked["^"], linked["~"]))
    return Phrase(source, target)


def inflect(stem: str, endings: Mapping[str, str], case: str, gender: int) -> str:
    """A stem with its ending from a declension table."""
    return stem + endings[case].split()[gender].strip("-")


def join(*phrases: Phrase) -> Phrase:
    """Phrases one after the other, in the same order in both languages."""
    return Phrase([s for phrase in phrases for s in phrase.source], [t for phrase in phrases for t in phrase.target])


def add_comma(target: list[Target]) -> list[Target]:
    """Add the comma that German, unlike English, puts at the end of a clause; never two in a row."""
    if not target[-1].text.endswith(","):
        target[-1].text += ","
    return target


def punctuate(phrase: Phrase, mark: str) -> None:
    """Attach a mark to the last word of each side; words that share a mark get a Possible link."""
    source, target = phrase.source[-1], phrase.target[-1]
    source.text += mark
    target.text = target.text.removesuffix(",") + mark
    target.possible = [*target.possible, source]
