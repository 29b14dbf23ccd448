"""Nouns, verbs, places and adjectives, as they are read from the tables of the lexicon."""

import re
from typing import NamedTuple

from sample_corpus.lexicon import (
    ADJECTIVES,
    DATIVE,
    GIVING,
    GOING,
    HAPPENING,
    KINDS,
    PLACES,
    RESTING,
    SAYING,
    TRANSITIVE,
)


class Noun(NamedTuple):
    """A noun in both languages; `kind` is its row of KINDS."""

    singular: str
    plural: str
    gender: int  # column of the declension tables
    german_singular: str
    german_plural: str
    genitive: str
    kind: str

    def decline(self, case: str, is_plural: bool) -> str:
        """Its German form."""
        if is_plural:
            bare = case == "dat" and self.german_plural[-1] not in "ns"
            return self.german_plural + "n" if bare else self.german_plural
        if case == "gen" or (case != "nom" and self.genitive in ("n", "en")):
            return self.german_singular + self.genitive
        return self.german_singular


class Verb(NamedTuple):
    """A verb in both languages; `objects` are kinds of nouns."""

    base: str
    third_person: str
    ing: str  # "-" if it has no progressive
    past: str
    participle: str
    particle: str
    infinitive: str  # with its particle
    german_third_person: str  # without it
    german_participle: str
    with_sein: bool
    objects: list[str]


def split_entries(table: str) -> list[str]:
    """The entries of a table: one a line, or several with two or more spaces between them."""
    return [entry for entry in re.split(r"\n|\s{2,}", table) if entry.strip()]


def read_nouns() -> dict[str, list[Noun]]:
    """The nouns of each kind."""
    nouns: dict[str, list[Noun]] = {}
    for kind, (_, table) in KINDS.items():
        for entry in split_entries(table):
            english, german = (side.split() for side in entry.split(" | "))
            article, singular, plural, *genitive = german
            gender = ["der", "die", "das"].index(article)
            ending = genitive[0].strip("-") if genitive else ""
            nouns.setdefault(kind, []).append(Noun(*english, gender, singular, plural, ending, kind))
    return nouns


def read_places() -> list[tuple[str, str, str, Noun]]:
    """English preposition, German prepositions of a position and of a direction, noun."""
    places = []
    for entry in split_entries(PLACES):
        (preposition, english), (position, direction, article, german) = (side.split() for side in entry.split(" | "))
        gender = ["der", "die", "das"].index(article)
        places.append((preposition, position, direction, Noun(english, "", gender, german, "", "", "place")))
    return places


def read_adjectives() -> dict[str, tuple[str, str, str]]:
    """english -> (german, english comparative, german comparative), the last two empty for colours"""
    adjectives = {}
    for entry in split_entries(ADJECTIVES):
        (english, *comparative), (german, *german_comparative) = (side.split() for side in entry.split(" | "))
        adjectives[english] = (german, "".join(comparative), "".join(german_comparative))
    return adjectives


def read_verbs(table: str) -> list[Verb]:
    """The verbs of a table."""
    verbs = []
    for entry in split_entries(table):
        english, german, *objects = (side.split() for side in entry.split(" | "))
        infinitive, third_person, participle = german
        particle = infinitive.split("+")[0] if "+" in infinitive else ""
        with_sein = participle.startswith("ist_")
        participle = participle.removeprefix("ist_")
        kinds = objects[0] if objects else []
        verbs.append(Verb(*english, particle, infinitive.replace("+", ""), third_person, participle, with_sein, kinds))
    return verbs


NOUNS = read_nouns()
PLACE_NOUNS = read_places()
ADJECTIVE_FORMS = read_adjectives()
VERBS = {
    name: read_verbs(table)
    for name, table in [
        ("transitive", TRANSITIVE), ("dative", DATIVE), ("giving", GIVING), ("resting", RESTING),
        ("happening", HAPPENING), ("going", GOING), ("saying", SAYING),
    ]
}  # fmt: skip
