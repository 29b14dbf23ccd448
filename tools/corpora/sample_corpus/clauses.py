"""Clauses: how a verb is conjugated, and the order in which each language puts the parts of a clause."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from sample_corpus.lexicon import BE, DO, HABEN, HAVE, MODALS, PRONOUNS, SEIN
from sample_corpus.phrases import NOTHING, Nominal, Phrase, Source, Target, add_comma, make_source
from sample_corpus.words import Verb


class VerbGroup(NamedTuple):
    """A conjugated verb. English splits it in questions, German around the middle of a main clause."""

    helper: list[Source]  # changes places with the subject in a question
    rest: list[Source]  # all other English words
    finite: Target  # second word of a main clause
    close: list[Target]  # end of a main clause
    final: list[Target]  # end of a subordinate clause


@dataclass
class Clause:
    """The parts of a clause, which each language puts in its own order."""

    subject: Nominal
    verb: VerbGroup
    front: Phrase = NOTHING
    negation: Phrase = NOTHING
    frequency: Phrase = NOTHING
    objects: list[Nominal] = field(default_factory=list)
    company: Phrase = NOTHING
    place: Phrase = NOTHING
    time: Phrase = NOTHING

    def english_words(self, is_question: bool = False) -> list[Source]:
        """Order: front, subject, verb with negation and frequency inside, objects, place, company, time."""
        subject, helper, often = self.subject.phrase.source, self.verb.helper, self.frequency.source
        group = often + helper if helper and helper[-1].text == "to" else helper + self.negation.source + often
        if is_question:
            subject, group = helper + subject, group[len(helper) :]
        return [
            *self.front.source,
            *subject,
            *group,
            *self.verb.rest,
            *(word for nominal in self.objects for word in nominal.phrase.source),
            *self.place.source,
            *self.company.source,
            *self.time.source,
        ]

    def german_words(self, order: str = "second") -> list[Target]:
        """The finite verb is second, or last (subordinate clauses), or first after a front (questions).

        Order of the middle: pronouns, frequency, time, objects, "nicht", company, place. The rest of the verb follows.
        """
        subject, front, verb = self.subject.phrase.target, self.front.target, self.verb
        middle = [
            *(word for nominal in self.objects if nominal.name in PRONOUNS for word in nominal.phrase.target),
            *self.frequency.target,
            *self.time.target,
            *(word for nominal in self.objects if nominal.name not in PRONOUNS for word in nominal.phrase.target),
            *self.negation.target,
            *self.company.target,
            *self.place.target,
        ]
        if order == "final":
            sentence = [*front, *subject, *middle, *verb.final]
        elif order == "first" or front:
            sentence = [*front, verb.finite, *subject, *middle, *verb.close]
        else:
            sentence = [*subject, verb.finite, *middle, *verb.close]
        for nominal in self.objects:
            if nominal.tail:
                sentence = [*add_comma(sentence), *nominal.tail]
        return sentence


def conjugate_german_present(verb: Verb, person: int) -> str:
    """The form after ich, er or wir, without the particle."""
    plural = verb.infinitive.removeprefix(verb.particle)
    if person == 0:
        return verb.german_third_person if verb.german_third_person == "weiß" else re.sub("e?n$", "e", plural)
    return verb.german_third_person if person == 1 else plural


def conjugate(verb: Verb, tense: str, person: int, needs_helper: bool) -> VerbGroup:
    """A verb in both languages.

    The tense is present, progressive, past, perfect or a modal. Questions and negations need a helper (does, did).
    """
    if tense == "present":
        helper, rest = (
            (make_source(DO[person]), make_source(verb.base))
            if needs_helper
            else ([], make_source(verb.third_person if person == 1 else verb.base))
        )
    elif tense == "progressive":
        helper, rest = make_source(BE[person]), make_source(verb.ing)
    elif tense == "past":
        helper, rest = (make_source("did"), make_source(verb.base)) if needs_helper else ([], make_source(verb.past))
    elif tense == "perfect":
        helper, rest = make_source(HAVE[person]), make_source(verb.participle)
    else:
        helper, rest = make_source(tense.replace("want_", "wants_") if person == 1 else tense), make_source(verb.base)

    # A German particle translates an English one (picks up, hebt auf), or belongs to the verb alone (calls, ruft an).
    stem, particles = rest[:1], rest[1:]
    whole = (rest, []) if verb.particle else (stem, particles)
    if tense in ("present", "progressive"):
        finite = Target(conjugate_german_present(verb, person), stem, helper + particles)
        if not verb.particle:
            return VerbGroup(helper, rest, finite, [], [finite])
        joined = Target(verb.particle + finite.text, rest, helper)
        return VerbGroup(helper, rest, finite, [Target(verb.particle, particles, stem)], [joined])
    if tense in ("past", "perfect"):
        auxiliary = (SEIN if verb.with_sein else HABEN)[person]
        finite = Target(auxiliary, helper, [] if helper else stem)
        end = Target(verb.german_participle, *whole)
    else:
        to = [word for word in helper if word.text == "to"]
        finite = Target(MODALS[tense].split()[person], [word for word in helper if word not in to], to)
        end = Target(verb.infinitive, whole[0], [*whole[1], *to])
    return VerbGroup(helper, rest, finite, [end], [end, finite])
