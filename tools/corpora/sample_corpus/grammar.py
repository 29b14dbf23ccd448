"""The grammar: noun phrases with a relative clause, clauses, and whole sentences, all chosen at random."""

from collections.abc import Sequence

from sample_corpus import lexicon
from sample_corpus.clauses import Clause, VerbGroup, conjugate
from sample_corpus.noun_phrases import NounPhrases
from sample_corpus.phrases import (
    NOTHING,
    Nominal,
    Phrase,
    Target,
    add_comma,
    inflect,
    join,
    make_source,
    punctuate,
    read_expression,
)
from sample_corpus.words import ADJECTIVE_FORMS, NOUNS, VERBS, Noun, Verb


class Grammar(NounPhrases):
    """Random sentences. Every method makes one piece in both languages."""

    def make_relative(self, noun: Noun, case: str) -> Nominal:
        """the man who lives in Berlin: der Mann, der in Berlin wohnt,"""
        is_plural = self.dice.chance(0.25)
        core = self.describe(self.dice.pick([lexicon.THE, lexicon.THE, lexicon.AN]), noun, case, is_plural, [])
        source = make_source("who" if noun.kind == "person" else "which")
        column = 3 if is_plural else noun.gender
        as_subject = noun.kind == "person" or (noun.kind == "animal" and self.dice.chance(0.5))
        pronoun = Phrase(source, [Target(inflect("", lexicon.ARTICLE, "nom" if as_subject else "acc", column), source)])
        person = 1 + is_plural
        if as_subject:
            clause = self.make_clause(self.choose_family(), subject=Nominal(pronoun, noun.kind, person))
        else:
            fitting = [verb for verb in VERBS["transitive"] if noun.kind in verb.objects]
            clause = self.make_clause(self.choose_family(), front=pronoun, verb=self.dice.pick(fitting))
        source, tail = core.source + clause.english_words(), clause.german_words("final")
        if case != "nom":
            return Nominal(Phrase(source, core.target), noun.kind, person, is_heavy=True, tail=tail)
        return Nominal(Phrase(source, [*add_comma(core.target), *add_comma(tail)]), noun.kind, person)

    def make_nominal(
        self, case: str, kinds: Sequence[str], is_short: bool, negation: Phrase = NOTHING, subject: str = ""
    ) -> Nominal:
        """A noun phrase of one of these kinds. `subject` is the name or pronoun that the clause already has."""
        noun = self.dice.pick([noun for kind in kinds for noun in NOUNS[kind]])
        kind = noun.kind
        if kind == "person" and self.dice.chance(0.5 if case == "nom" else 0.35):
            if self.dice.chance(0.5):
                return self.choose_name(subject)
            taken = lexicon.FIRST_PERSON if subject in lexicon.FIRST_PERSON else ()
            return self.make_pronoun(
                self.dice.pick([name for name in ["I", "I", "I", *lexicon.PRONOUNS] if name not in taken]), case
            )
        is_plural = self.dice.chance(0.3)
        adjectives = self.choose_adjectives(lexicon.KINDS[kind][0], 0.25)
        style = (
            "plain"
            if negation.source
            else self.dice.pick_weighted(lexicon.SHORT_STYLES if is_short else lexicon.STYLES)
        )
        if style == "counted":
            return Nominal(self.make_counted(noun, case, adjectives), kind, 2)
        if style == "owned" and kind != "person":
            return Nominal(self.make_owned(noun, case, is_plural, adjectives), kind, 1 + is_plural)
        if style == "measured" and kind in lexicon.MEASURES:
            return Nominal(self.make_measured(noun, case), kind)
        if style == "active" and kind in ("person", "animal"):
            return Nominal(self.make_active(noun, case), kind, is_heavy=True)
        if style == "relative":
            return self.make_relative(noun, case)
        determiner = self.dice.pick(
            [lexicon.THE, lexicon.AN, lexicon.THIS, *lexicon.OWN] if negation.source else lexicon.DETERMINERS
        )
        is_plural = determiner.singular is None or (is_plural and determiner.plural is not None)
        if determiner is lexicon.AN and negation.source:
            return Nominal(
                self.describe(lexicon.KEIN, noun, case, is_plural, adjectives, negation),
                kind,
                1 + is_plural,
                is_negative=True,
            )
        return Nominal(self.describe(determiner, noun, case, is_plural, adjectives), kind, 1 + is_plural)

    def make_time(self, family: str) -> Phrase:
        """When something happens."""
        if family != "perfect" and self.dice.chance(0.15):
            hour, minute = self.dice.pick(range(6, 23)), self.dice.pick(("00", "15", "30"))
            return read_expression(f"at {hour}:{minute} | um^0 {hour}:{minute}^1 Uhr~1")
        if family == "past" and self.dice.chance(0.15):
            year = self.dice.pick(range(2000, 2020))
            return read_expression(f"in {year} | {year}^1~0")
        if family == "past" and self.dice.chance(0.2):
            english, german = self.dice.pick(lexicon.AGO).split(" | ")
            count = self.choose_number(in_words=True)
            return read_expression(f"{count[0]} {english} | vor^2 {count[1]}^0 {german}")
        return read_expression(self.dice.pick(lexicon.TIMES[family]))

    def choose_tense(self, family: str, verb: Verb, is_asked: bool, is_denied: bool) -> str:
        """A tense of the family that the verb has. Past forms that look like the present (read) are left out."""
        if family == "past":
            return "perfect" if verb.past == verb.base or self.dice.chance(0.35) else "past"
        if family == "future":
            if is_asked or is_denied:
                return self.dice.pick(lexicon.ASKABLE if is_asked else lexicon.NEGATABLE)
            return self.dice.pick(list(lexicon.MODALS))
        return "progressive" if verb.ing != "-" and self.dice.chance(0.25) else "present"

    def choose_family(self) -> str:
        """Present, past or future."""
        return self.dice.pick_weighted(lexicon.FAMILIES)

    def make_clause(
        self,
        family: str,
        subject: Nominal | None = None,
        front: Phrase = NOTHING,
        verb: Verb | None = None,
        is_short: bool = True,
        is_asked: bool = False,
        asked_for: str = "",
    ) -> Clause:
        """A random clause. A relative pronoun is passed as subject, or as front together with its verb.

        A short clause contains no other clause. `asked_for` names the part that a question asks for (where, when) and
        that is therefore left out.
        """
        if verb is None and family != "future" and not asked_for and self.dice.chance(0.12):
            return self.make_description(family, subject, is_short)
        is_object_given = verb is not None
        if is_object_given:
            kind = "transitive"
        elif asked_for == "where":
            kind = self.dice.pick(["resting", "happening"])
        elif subject and subject.kind == "animal":
            kind = self.dice.pick(["resting", "going"])
        else:
            kind = self.dice.pick_weighted(lexicon.VERB_KINDS)
        verb = verb or self.dice.pick(VERBS[kind])
        if subject is None:
            is_animal = kind in ("resting", "going") and self.dice.chance(0.2)
            subject = self.make_nominal("nom", ["animal" if is_animal else "person"], is_short)
        negation = read_expression("not | nicht^0") if not is_asked and self.dice.chance(0.12) else NOTHING
        is_denied = bool(negation.source)
        tense = self.choose_tense(family, verb, is_asked, is_denied)
        clause = Clause(subject, conjugate(verb, tense, subject.person, is_asked or is_denied), front, negation)
        if not is_object_given:
            clause.objects = self.make_objects(kind, verb, negation, is_short, subject.name)
        if any(nominal.is_negative for nominal in clause.objects):
            clause.negation = Phrase(negation.source, [])
        if not is_denied and self.dice.chance(0.15):
            clause.frequency = read_expression(
                self.dice.pick(lexicon.PERFECT_FREQUENCIES if tense == "perfect" else lexicon.FREQUENCIES)
            )
        if not any(nominal.is_heavy for nominal in clause.objects):
            self.add_circumstances(clause, kind, verb, "perfect" if tense == "perfect" else family, is_short, asked_for)
        return clause

    def make_objects(self, kind: str, verb: Verb, negation: Phrase, is_short: bool, subject: str) -> list[Nominal]:
        """The objects that a verb of this kind takes."""
        if not verb.objects:
            return []
        last = self.make_nominal("dat" if kind == "dative" else "acc", verb.objects, is_short, negation, subject)
        return [self.make_nominal("dat", ["person"], True, subject=subject), last] if kind == "giving" else [last]

    def add_circumstances(
        self, clause: Clause, kind: str, verb: Verb, family: str, is_short: bool, asked_for: str
    ) -> None:
        """Add where, with whom or for how much, and when."""
        if asked_for != "where" and self.dice.chance(lexicon.PLACE_CHANCES[kind] / (1 + is_short)):
            clause.place = self.make_place(is_direction=kind == "going")
        if kind in ("resting", "going") and self.dice.chance(0.2):
            person = self.make_nominal("dat", ["person"], True, subject=clause.subject.name)
            clause.company = self.add_preposition("with", "mit", person.phrase)
        elif verb.base == "buy" and self.dice.chance(0.3):
            price = self.dice.pick(lexicon.ROUND_NUMBERS)
            clause.company = read_expression(f"for {price} euros | für^0 {price}^1 Euro^2")
        if clause.frequency.source or asked_for == "when":
            return
        if kind == "resting" and family != "perfect" and not clause.negation.source and self.dice.chance(0.15):
            english, german = self.choose_number(in_words=True)
            clause.time = read_expression(f"for {english} hours | {german}^1 Stunden^2 lang^0")
        elif self.dice.chance(0.15 if is_short else 0.3):
            clause.time = self.make_time(family)

    def make_description(self, family: str, subject: Nominal | None, is_short: bool) -> Clause:
        """A clause with "to be": is old, is older than the dog, is as old as the dog."""
        subject = subject or self.make_nominal("nom", list(lexicon.KINDS), is_short)
        be = make_source((lexicon.WAS if family == "past" else lexicon.BE)[subject.person])
        finite = Target((lexicon.WAR if family == "past" else lexicon.SEIN)[subject.person], be)
        english = self.dice.pick(lexicon.KINDS[subject.kind][0].split())
        german, comparative, german_comparative = ADJECTIVE_FORMS[english]
        predicate = read_expression(f"{english} | {german}^0")
        if comparative and self.dice.chance(0.5):
            other = self.make_nominal("nom", [subject.kind], True, subject=subject.name)
            if other.name in lexicon.PRONOUNS:  # older than him
                other = self.choose_name(subject.name)
            if self.dice.chance(0.3):
                predicate = join(read_expression("as | so^0"), predicate, read_expression("as | wie^0"), other.phrase)
            else:
                adjective = make_source(comparative)
                predicate = join(
                    Phrase(adjective, [Target(german_comparative, adjective)]),
                    read_expression("than | als^0"),
                    other.phrase,
                )
        negation = read_expression("not | nicht^0") if self.dice.chance(0.15) else NOTHING
        return Clause(subject, VerbGroup(be, [], finite, [], [finite]), negation=negation, place=predicate)

    def make_statement(self) -> Phrase:
        """Yesterday the old man slept: Gestern hat der alte Mann geschlafen"""
        clause = self.make_clause(self.choose_family(), is_short=False)
        if clause.time.source and self.dice.chance(0.3):
            clause.front, clause.time = clause.time, NOTHING
        elif self.dice.chance(0.08):
            clause.front = read_expression(self.dice.pick(lexicon.OPENINGS))
        return Phrase(clause.english_words(), clause.german_words())

    def make_subordinate(self, family: str) -> Phrase:
        """because the man sleeps: weil der Mann schläft"""
        fitting = [entry for entry in lexicon.CONJUNCTIONS if not (family == "past" and entry.endswith("-"))]
        english, german = self.dice.pick(fitting).split(" | ")
        conjunction = read_expression(f"{english} | {german.split()[family == 'past']}^0")
        clause = self.make_clause("present" if family == "future" else family)
        return Phrase(conjunction.source + clause.english_words(), conjunction.target + clause.german_words("final"))

    def make_main_then_subordinate(self) -> Phrase:
        """She sings because the man sleeps: Sie singt, weil der Mann schläft"""
        family = self.choose_family()
        main, sub = self.make_clause(family), self.make_subordinate(family)
        return Phrase(main.english_words() + sub.source, add_comma(main.german_words()) + sub.target)

    def make_subordinate_then_main(self) -> Phrase:
        """Because the man sleeps, she sings: Weil der Mann schläft, singt sie"""
        family = self.choose_family()
        sub, main = self.make_subordinate(family), self.make_clause(family)
        punctuate(sub, ",")
        return Phrase(sub.source + main.english_words(), sub.target + main.german_words("first"))

    def make_saying(self) -> Phrase:
        """He says that the man sleeps: Er sagt, dass der Mann schläft"""
        verb = self.dice.pick(VERBS["saying"])
        family = self.dice.pick(["present", "past"])
        subject = self.make_nominal("nom", ["person"], True)
        opening = Clause(subject, conjugate(verb, self.choose_tense(family, verb, False, False), subject.person, False))
        clause = self.make_clause(family if self.dice.chance(0.6) else self.choose_family())
        main = Phrase(opening.english_words(), add_comma(opening.german_words()))
        return join(
            main, read_expression("that | dass^0"), Phrase(clause.english_words(), clause.german_words("final"))
        )

    def make_question(self) -> Phrase:
        """Why does the man sleep: Warum schläft der Mann"""
        asked_for = self.dice.pick_weighted(lexicon.QUESTIONS)
        clause = self.make_clause(
            self.dice.pick_weighted(lexicon.QUESTION_FAMILIES), is_asked=True, asked_for=asked_for
        )
        if asked_for:
            clause.front = read_expression(lexicon.QUESTION_WORDS[asked_for])
        return Phrase(clause.english_words(is_question=True), clause.german_words("first"))

    def make_existence(self) -> Phrase:
        """There are three dogs in the garden: Es gibt drei Hunde im Garten; or both with the garden in front"""
        noun = self.dice.pick([noun for nouns in NOUNS.values() for noun in nouns])
        determiner = self.dice.pick([lexicon.AN, lexicon.AN, lexicon.AN, lexicon.MANY, lexicon.SOME])
        is_plural = determiner is not lexicon.AN or self.dice.chance(0.6)
        phrase = self.describe(
            determiner, noun, "acc", is_plural, self.choose_adjectives(lexicon.KINDS[noun.kind][0], 0.4)
        )
        if determiner is lexicon.AN and is_plural:
            english, german = self.choose_number()
            phrase = join(read_expression(f"{english} | {german}^0"), phrase)
        is_past = self.dice.chance(0.5)
        be = make_source((lexicon.WAS if is_past else lexicon.BE)[1 + is_plural])
        finite = Target("gab" if is_past else "gibt", be)
        clause = Clause(Nominal(read_expression("there | es^0"), "thing"), VerbGroup(be, [], finite, [], [finite]))
        clause.objects = [Nominal(phrase, noun.kind)]
        if self.dice.chance(0.4):
            clause.front = self.make_place()
        else:
            clause.place = self.make_place()
        return Phrase(clause.english_words(), clause.german_words())

    def make_two_statements(self) -> Phrase:
        """The man sleeps, but she sings: Der Mann schläft, aber sie singt"""
        family = self.choose_family()
        first, second = self.make_clause(family), self.make_clause(family)
        before = Phrase(first.english_words(), first.german_words())
        conjunction = self.dice.pick(["and | und^0", "but | aber^0"])
        if conjunction.startswith("but"):
            punctuate(before, ",")
        return join(before, read_expression(conjunction), Phrase(second.english_words(), second.german_words()))

    def make_sentence(self) -> Phrase:
        """A sentence of any kind, with its punctuation and a capital letter."""
        kind = self.dice.pick_weighted(lexicon.SENTENCES)
        phrase: Phrase = getattr(self, f"make_{kind}")()
        punctuate(phrase, "?" if kind == "question" else ".")
        for word in (phrase.source[0], phrase.target[0]):
            word.text = word.text[0].upper() + word.text[1:]
        return phrase
