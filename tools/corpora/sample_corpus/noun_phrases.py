"""Noun phrases that contain no clause: with determiners, adjectives, owners, measures, numbers and prepositions."""

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from sample_corpus import lexicon
from sample_corpus.phrases import NOTHING, Nominal, Phrase, Target, inflect, join, make_source, read_expression
from sample_corpus.words import ADJECTIVE_FORMS, NOUNS, PLACE_NOUNS, VERBS, Noun

Item = TypeVar("Item")


class Dice:
    """Random choices, the same in every version of Python: of the module random, only random() promises that."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, all equally likely."""
        return items[int(self._random() * len(items))]

    def pick_weighted(self, weights: Mapping[str, int]) -> str:
        """One of the names, by their relative weights."""
        return self.pick([name for name, weight in weights.items() for _ in range(weight)])


class NounPhrases:
    """Random noun phrases that contain no clause. Every method makes one piece in both languages."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed)

    def choose_number(self, in_words: bool = False) -> tuple[str, str]:
        """A number in both languages: up to twelve in words, above that in digits."""
        if in_words or self.dice.chance(0.7):
            return self.dice.pick(list(lexicon.NUMBERS.items()))
        digits = str(self.dice.pick(lexicon.ROUND_NUMBERS))
        return digits, digits

    def choose_adjectives(self, names: str, probability: float) -> list[str]:
        """Up to two of the names."""
        chosen: list[str] = []
        while len(chosen) < 2 and self.dice.chance(probability / (1 + 3 * len(chosen))):
            chosen.append(self.dice.pick([name for name in names.split() if name not in chosen]))
        return chosen

    def inflect_adjective(self, english: str, endings: Mapping[str, str], case: str, gender: int) -> Phrase:
        """An adjective with its German ending."""
        german = ADJECTIVE_FORMS[english][0]
        source = make_source(english)
        return Phrase(source, [Target(inflect(lexicon.STEMS.get(german, german), endings, case, gender), source)])

    def inflect_noun(self, noun: Noun, case: str, is_plural: bool) -> Phrase:
        """A noun in both languages."""
        source = make_source(noun.plural if is_plural else noun.singular)
        return Phrase(source, [Target(noun.decline(case, is_plural), source)])

    def describe(
        self,
        determiner: lexicon.Determiner,
        noun: Noun,
        case: str,
        is_plural: bool,
        adjectives: Sequence[str],
        negation: Phrase = NOTHING,
    ) -> Phrase:
        """Determiner, adjectives and noun, in agreement; `negation` is what a kein translates beside the article."""
        column = 3 if is_plural else noun.gender
        source = make_source((determiner.plural if is_plural else determiner.singular) or "")
        sure = [*negation.source, *source]
        endings = determiner.adjectives if sure else lexicon.STRONG
        following = [self.inflect_adjective(name, endings, case, column) for name in adjectives]
        rest = join(*following, self.inflect_noun(noun, case, is_plural))
        if source and source[0].text == "a" and rest.source[0].text[0] in "aeiou":
            source[0].text = "an"
        target = [Target(inflect(determiner.stem, determiner.endings, case, column), sure)] if sure else []
        return join(Phrase(source, target), rest)

    def add_preposition(self, english: str, german: str, nominal: Phrase) -> Phrase:
        """A preposition and a noun phrase. An article that contracts with it (in dem: im) keeps its links."""
        source = make_source(english)
        first = nominal.target[0]
        if (german, first.text) in lexicon.CONTRACTIONS:
            contracted = Target(lexicon.CONTRACTIONS[german, first.text], [*source, *first.sure])
            return Phrase(source + nominal.source, [contracted, *nominal.target[1:]])
        return Phrase(source + nominal.source, [Target(german, source), *nominal.target])

    def make_place(self, is_direction: bool = False) -> Phrase:
        """Where something is (in the garden: im Garten), or where someone goes (to the garden: in den Garten)."""
        if self.dice.chance(0.2):
            english, german = self.dice.pick(lexicon.CITIES).split()
            return read_expression(
                f"to {english} | nach^0 {german}^1" if is_direction else f"in {english} | in^0 {german}^1"
            )
        if self.dice.chance(0.15):
            return read_expression(self.dice.pick(lexicon.DIRECTIONS if is_direction else lexicon.POSITIONS))
        preposition, position, direction, noun = self.dice.pick(PLACE_NOUNS)
        german = direction if is_direction else position
        case = "acc" if is_direction and german in lexicon.TWO_WAY else "dat"
        determiner = lexicon.AN if self.dice.chance(0.15) else lexicon.THE
        nominal = self.describe(determiner, noun, case, False, self.choose_adjectives(lexicon.PLACE_ADJECTIVES, 0.3))
        return self.add_preposition("to" if is_direction else preposition, german, nominal)

    def make_pronoun(self, name: str, case: str) -> Nominal:
        """A pronoun, by its English subject form."""
        other, german, person = lexicon.PRONOUNS[name]
        source = make_source(name if case == "nom" else other)
        text = german.split()[["nom", "acc", "dat"].index(case)]
        return Nominal(Phrase(source, [Target(text, source)]), "person", person, name)

    def choose_name(self, other: str = "") -> Nominal:
        """Any name but `other`."""
        name = self.dice.pick([name for name in lexicon.NAMES if name != other])
        return Nominal(read_expression(f"{name} | {name}^0"), "person", name=name)

    def make_owned(self, noun: Noun, case: str, is_plural: bool, adjectives: list[str]) -> Phrase:
        """Anna's old dog: Annas alter Hund; the farmer's old dog: der alte Hund des Bauern."""
        column = 3 if is_plural else noun.gender
        if self.dice.chance(0.4):
            name = self.dice.pick(lexicon.NAMES)
            following = [self.inflect_adjective(adjective, lexicon.STRONG, case, column) for adjective in adjectives]
            return join(read_expression(f"{name}'s | {name}s^0"), *following, self.inflect_noun(noun, case, is_plural))
        determiner = self.dice.pick([lexicon.THE, *lexicon.OWN])
        owner = self.describe(
            determiner, self.dice.pick(NOUNS["person"]), "gen", False, self.choose_adjectives("old young", 0.2)
        )
        owner.source[-1].text += "'s"
        following = [self.inflect_adjective(adjective, lexicon.WEAK, case, column) for adjective in adjectives]
        owned = join(*following, self.inflect_noun(noun, case, is_plural))
        article = Target(inflect("", lexicon.ARTICLE, case, column), [], owner.source[-1:])
        return Phrase(owner.source + owned.source, [article, *owned.target, *owner.target])

    def make_measured(self, noun: Noun, case: str) -> Phrase:
        """a tower 40 metres high: ein 40 Meter hoher Turm."""
        determiner = self.dice.pick([lexicon.AN, lexicon.THE])
        english, german = (side.split() for side in self.dice.pick(lexicon.MEASURES[noun.kind]).split(" | "))
        count = self.choose_number(in_words=noun.kind != "structure")
        measure = read_expression(f"{count[0]} {english[0]} | {count[1]}^0 {german[0]}^1")
        adjective = self.inflect_adjective(english[1], determiner.adjectives, case, noun.gender)
        return self.insert_attribute(determiner, noun, case, join(measure, adjective))

    def make_active(self, noun: Noun, case: str) -> Phrase:
        """the child sleeping in the garden: das im Garten schlafende Kind."""
        determiner = self.dice.pick([lexicon.AN, lexicon.THE])
        verb = self.dice.pick(VERBS["resting"])
        source = make_source(verb.ing)
        participle = Target(inflect(verb.infinitive + "d", determiner.adjectives, case, noun.gender), source)
        place = self.make_place()
        return self.insert_attribute(determiner, noun, case, Phrase(source + place.source, [*place.target, participle]))

    def insert_attribute(self, determiner: lexicon.Determiner, noun: Noun, case: str, attribute: Phrase) -> Phrase:
        """Add an attribute, which English puts after the noun and German between article and noun."""
        core = self.describe(determiner, noun, case, False, [])
        return Phrase(core.source + attribute.source, [core.target[0], *attribute.target, *core.target[1:]])

    def make_counted(self, noun: Noun, case: str, adjectives: list[str]) -> Phrase:
        """three old dogs: drei alte Hunde; the first three dogs: die drei ersten Hunde."""
        english, german = self.choose_number()
        count = read_expression(f"{english} | {german}^0")
        if english in lexicon.NUMBERS and self.dice.chance(0.35):
            ordinal, stem = self.dice.pick(list(lexicon.ORDINALS.items()))
            first = make_source(ordinal)
            (the, *dogs), (die, hunde) = self.describe(lexicon.THE, noun, case, True, [])
            target = [die, *count.target, Target(inflect(stem, lexicon.WEAK, case, 3), first), hunde]
            return Phrase([the, *first, *count.source, *dogs], target)
        return join(count, self.describe(lexicon.AN, noun, case, True, adjectives))
