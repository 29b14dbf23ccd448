"""Write data/sample: parallel sentences with gold word alignments, from a small synchronous grammar of our own.

Run by hand; it imports nothing from nmt and nothing imports it. The same seed gives the same bytes on every machine.

The source is plain English, the target plain German, both cut down to a few hundred words, so that a reader sees at a
glance whether a translation is right. A sentence is grown once: its English words are made first, and every German
word is made from the English words that it translates. Both sides and their links come from one derivation and cannot
disagree. Line 2,481 of train:

    0 Lena   1 picks  2 up   3 the     4 child's  5 shirts  6 in   7 the      8 kitchen.
    0 Lena   1 hebt   2 die  3 Hemden  4 des      5 Kindes  6 in   7 der      8 Küche     9 auf.

    0-0 1-1 1p9 2p1 2-9 3-4 4p2 4-5 5-3 6-6 7-7 8-8 8p9

`1-2` is a Sure link, source-target and counted from 0; `1p2` is a Possible one (Och and Ney 2003). Words are what
stands between spaces: as in ordinary text a mark belongs to the word before it ("kitchen."). Possible are the links on
which people disagree: parts of a verb that stand alone (picks with auf), helpers without a partner (did, to), the
article that German gives to a thing whose owner English puts in front (die from child's), and two words that share
nothing but the mark attached to both (kitchen. with auf.). Every German word has a link; most English words have one.

What a learner meets: agreement in number, gender and case; adjectives and phrases that change places (a tower 40 metres
high, ein 40 Meter hoher Turm); verbs that go to the end; particles that split off; compounds and contractions (apple
tree, Apfelbaum; in the, im); one word that becomes two (home, nach Hause); numbers, times and names. A source has one
translation only: all that German must know can be read from the English sentence.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

SEED = 20160914
SIZES = {"train": 10_000, "valid": 500, "test": 500}
SHORTEST, LONGEST = 3, 25

# ------------------------------------------------------------------ the lexicon
# Underscores join the words of one entry: apple_tree is two English words and one German noun.

# kind: adjectives it may have, then one noun a line: english plural | article german plural [genitive ending].
# Only persons own things, so only they need a genitive; "-n" and "-en" mark weak nouns (dem Bauern, den Bären).
KINDS = {
    "person": (
        "old young big tired happy strong",
        """
        man men | der Mann Männer -es                       woman women | die Frau Frauen
        child children | das Kind Kinder -es                boy boys | der Junge Jungen -n
        girl girls | das Mädchen Mädchen -s                 teacher teachers | der Lehrer Lehrer -s
        farmer farmers | der Bauer Bauern -n                friend friends | der Freund Freunde -es
        student students | der Student Studenten -en        sister sisters | die Schwester Schwestern
        brother brothers | der Bruder Brüder -s             queen queens | die Königin Königinnen
        """,
    ),
    "animal": (
        "old young small big black white tired",
        """
        dog dogs | der Hund Hunde                           cat cats | die Katze Katzen
        horse horses | das Pferd Pferde                     bear bears | der Bär Bären -en
        """,
    ),
    "food": (
        "small big cheap expensive",
        """
        apple apples | der Apfel Äpfel                      egg eggs | das Ei Eier
        apple_cake apple_cakes | der Apfelkuchen Apfelkuchen
        """,
    ),
    "text": (
        "old new long beautiful",
        """
        book books | das Buch Bücher                        letter letters | der Brief Briefe
        love_letter love_letters | der Liebesbrief Liebesbriefe
        """,
    ),
    "clothes": (
        "old new red blue green black white cheap expensive",
        """
        coat coats | der Mantel Mäntel                      hat hats | der Hut Hüte
        shirt shirts | das Hemd Hemden
        winter_coat winter_coats | der Wintermantel Wintermäntel
        """,
    ),
    "thing": (
        "old new small big red blue heavy cheap expensive beautiful",
        """
        key keys | der Schlüssel Schlüssel                  ball balls | der Ball Bälle
        cup cups | die Tasse Tassen                         flower flowers | die Blume Blumen
        coffee_cup coffee_cups | die Kaffeetasse Kaffeetassen
        school_bag school_bags | die Schultasche Schultaschen
        """,
    ),
    "furniture": (
        "old new small big heavy cheap expensive white black",
        """
        table tables | der Tisch Tische                     chair chairs | der Stuhl Stühle
        kitchen_table kitchen_tables | der Küchentisch Küchentische
        """,
    ),
    "opening": (
        "old new small big green white",
        """
        door doors | die Tür Türen                          window windows | das Fenster Fenster
        garden_door garden_doors | die Gartentür Gartentüren
        """,
    ),
    "device": (
        "old new small big cheap expensive",
        """
        lamp lamps | die Lampe Lampen                       radio radios | das Radio Radios
        alarm_clock alarm_clocks | der Wecker Wecker
        """,
    ),
    "vehicle": (
        "old new small big red blue expensive",
        """
        car cars | das Auto Autos                           bicycle bicycles | das Fahrrad Fahrräder
        """,
    ),
    "structure": (
        "old new small big beautiful",
        """
        tower towers | der Turm Türme                       tree trees | der Baum Bäume
        apple_tree apple_trees | der Apfelbaum Apfelbäume
        """,
    ),
}

# english preposition, place | german preposition where one is, the one where one goes, article, noun
PLACES = """
    in garden | in in der Garten                  in kitchen | in in die Küche
    in school | in in die Schule                  in park | in in der Park
    in city | in in die Stadt                     at station | an zu der Bahnhof
    at beach | an zu der Strand                   at market | auf zu der Markt
    on bridge | auf zu die Brücke                 at bus_stop | an zu die Bushaltestelle
    in living_room | in in das Wohnzimmer
"""
PLACE_ADJECTIVES = "old new small big beautiful"
TWO_WAY = {"in", "auf", "an"}  # dative where one is, accusative where one goes; "zu" is always dative

# english [comparative] | german [comparative]
ADJECTIVES = """
    old older | alt älter                                 young younger | jung jünger
    new newer | neu neuer                                 small smaller | klein kleiner
    big bigger | groß größer                              tired more_tired | müde müder
    happy happier | glücklich glücklicher                 strong stronger | stark stärker
    cheap cheaper | billig billiger                       expensive more_expensive | teuer teurer
    long longer | lang länger                             beautiful more_beautiful | schön schöner
    heavy heavier | schwer schwerer                       high higher | hoch höher
    wide wider | breit breiter
    red | rot     blue | blau     green | grün     black | schwarz     white | weiß
"""
STEMS = {"müde": "müd", "teuer": "teur", "hoch": "hoh"}  # before an ending; other adjectives stay as they are

# base, he-form, ing-form (- if it has none), past, participle | infinitive, er-form, participle [| kinds of its object]
# "an+rufen" splits its particle off; "ist_" marks the verbs that form their perfect with sein.
TRANSITIVE = """
    buy buys buying bought bought | kaufen kauft gekauft | food clothes animal vehicle text thing furniture device
    see sees - saw seen | sehen sieht gesehen | person animal vehicle structure thing furniture
    find finds - found found | finden findet gefunden | animal text thing clothes
    lose loses - lost lost | verlieren verliert verloren | thing clothes
    look_for looks_for looking_for looked_for looked_for | suchen sucht gesucht | thing animal person clothes
    eat eats eating ate eaten | essen isst gegessen | food
    feed feeds feeding fed fed | füttern füttert gefüttert | animal
    love loves - loved loved | lieben liebt geliebt | person
    know knows - knew known | kennen kennt gekannt | person
    wash washes washing washed washed | waschen wäscht gewaschen | clothes animal vehicle
    read reads reading read read | lesen liest gelesen | text
    call calls calling called called | an+rufen ruft angerufen | person
    open opens opening opened opened | auf+machen macht aufgemacht | opening
    close closes closing closed closed | zu+machen macht zugemacht | opening
    pick_up picks_up picking_up picked_up picked_up | auf+heben hebt aufgehoben | thing clothes
    turn_on turns_on turning_on turned_on turned_on | ein+schalten schaltet eingeschaltet | device
    invite invites inviting invited invited | ein+laden lädt eingeladen | person
"""
DATIVE = """
    help helps helping helped helped | helfen hilft geholfen | person animal
    thank thanks thanking thanked thanked | danken dankt gedankt | person
    listen_to listens_to listening_to listened_to listened_to | zu+hören hört zugehört | person
"""
GIVING = """
    give gives giving gave given | geben gibt gegeben | thing food text clothes
    show shows showing showed shown | zeigen zeigt gezeigt | thing text structure
    bring brings bringing brought brought | bringen bringt gebracht | food thing furniture
"""
RESTING = """
    sleep sleeps sleeping slept slept | schlafen schläft geschlafen
    work works working worked worked | arbeiten arbeitet gearbeitet
    play plays playing played played | spielen spielt gespielt
    wait waits waiting waited waited | warten wartet gewartet
    sing sings singing sang sung | singen singt gesungen
"""
HAPPENING = """
    live lives living lived lived | wohnen wohnt gewohnt
    arrive arrives arriving arrived arrived | an+kommen kommt ist_angekommen
    fall_asleep falls_asleep falling_asleep fell_asleep fallen_asleep | ein+schlafen schläft ist_eingeschlafen
"""
GOING = """
    go goes going went gone | gehen geht ist_gegangen
    drive drives driving drove driven | fahren fährt ist_gefahren
    return returns returning returned returned | zurück+kehren kehrt ist_zurückgekehrt
"""
SAYING = """
    say says - said said | sagen sagt gesagt
    think thinks - thought thought | glauben glaubt geglaubt
    know knows - knew known | wissen weiß gewusst
"""

# Forms for I, for he/she, for we/they.
BE, HAVE, DO = ("am", "is", "are"), ("have", "has", "have"), ("do", "does", "do")
BE, WAS = ("am", "is", "are"), ("was", "was", "were")
HAVE, DO = ("have", "has", "have"), ("do", "does", "do")
SEIN, WAR = ("bin", "ist", "sind"), ("war", "war", "waren")
HABEN = ("habe", "hat", "haben")
MODALS = {
    "will": "werde wird werden",
    "should": "sollte sollte sollten",
    "can": "kann kann können",
    "must": "muss muss müssen",
    "want_to": "will will wollen",
    "would_like_to": "möchte möchte möchten",
}
NEGATABLE = ["will", "should"]  # "must not" means "darf nicht", "cannot" is one word
ASKABLE = ["will", "should", "can"]

# Declension, in the order masculine feminine neuter plural.
ARTICLE = {"nom": "der die das die", "acc": "den die das die", "dat": "dem der dem den", "gen": "des der des der"}
DER_ENDINGS = {"nom": "er e es e", "acc": "en e es e", "dat": "em er em en", "gen": "es er es er"}
EIN_ENDINGS = {"nom": "- e - e", "acc": "en e - e", "dat": "em er em en", "gen": "es er es er"}
WEAK = {"nom": "e e e en", "acc": "en e e en", "dat": "en en en en", "gen": "en en en en"}
MIXED = {"nom": "er e es en", "acc": "en e es en", "dat": "en en en en", "gen": "en en en en"}
STRONG = DER_ENDINGS  # the strong genitive differs, and is never made here
CONTRACTIONS = {
    ("in", "dem"): "im",
    ("an", "dem"): "am",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("in", "das"): "ins",
}


class Determiner(NamedTuple):
    """English forms ("" no word, None no such form), German stem, its endings and those of adjectives behind it."""

    singular: str | None
    plural: str | None
    stem: str
    endings: Mapping[str, str]
    adjectives: Mapping[str, str]


THE = Determiner("the", "the", "", ARTICLE, WEAK)
AN = Determiner("a", "", "ein", EIN_ENDINGS, MIXED)
THIS = Determiner("this", "these", "dies", DER_ENDINGS, WEAK)
OWN = [
    Determiner(english, english, german, EIN_ENDINGS, MIXED)
    for english, german in zip(
        ["my", "his", "her", "our", "their"], ["mein", "sein", "ihr", "unser", "ihr"], strict=True
    )
]
EVERY = Determiner("every", None, "jed", DER_ENDINGS, WEAK)
MANY = Determiner(None, "many", "viel", DER_ENDINGS, STRONG)
SOME = Determiner(None, "some", "einig", DER_ENDINGS, STRONG)
KEIN = Determiner("a", "", "kein", EIN_ENDINGS, MIXED)  # what "not a" and "not" before a bare plural become
DETERMINERS = [THE, THE, THE, THE, THE, AN, AN, AN, AN, THIS, *OWN, EVERY, MANY, SOME]

# subject, object | nominative accusative dative, and the column of the verb forms
PRONOUNS = {
    "I": ("me", "ich mich mir", 0),
    "he": ("him", "er ihn ihm", 1),
    "she": ("her", "sie sie ihr", 1),
    "we": ("us", "wir uns uns", 2),
    "they": ("them", "sie sie ihnen", 2),
}
FIRST_PERSON = {"I", "we"}
NAMES = ["Anna", "Peter", "Maria", "Paul", "Lena", "Martin", "Julia", "Tom"]
CITIES = [
    "Berlin Berlin",
    "Hamburg Hamburg",
    "Munich München",
    "Vienna Wien",
    "Cologne Köln",
    "Paris Paris",
    "London London",
]
NUMBERS = dict(
    zip(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        ["zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf"],
        strict=True,
    )
)
ROUND_NUMBERS = [15, 20, 25, 30, 40, 50, 60, 75, 80, 90, 100]
MEASURES = {  # what a noun of this kind measures: unit adjective | Einheit Adjektiv
    "structure": ["metres high | Meter hoch", "metres wide | Meter breit"],
    "vehicle": ["metres long | Meter lang"],
    "furniture": ["metres long | Meter lang", "years old | Jahre alt"],
    "animal": ["years old | Jahre alt"],
}

# Fixed expressions: ^ numbers the English words that a German word surely translates, ~ those it possibly does.
DAYS = [
    f"on {english} | am^0 {german}^1"
    for english, german in zip(
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"],
        strict=True,
    )
]
ALWAYS_TIMES = ["today | heute^0", "at the weekend | am^0,1 Wochenende^2"]
TIMES = {
    "present": [
        "now | jetzt^0",
        "every day | jeden^0 Tag^1",
        "in the morning | am^0,1 Morgen^2",
        "in the evening | am^0,1 Abend^2",
        "at night | in^0 der~0 Nacht^1",
        *ALWAYS_TIMES,
        *DAYS,
    ],
    "past": [
        "yesterday | gestern^0",
        "yesterday evening | gestern^0 Abend^1",
        "this morning | heute^0 Morgen^1",
        "last night | letzte^0 Nacht^1",
        "last year | letztes^0 Jahr^1",
        *ALWAYS_TIMES,
        *DAYS,
    ],
    "perfect": ["today | heute^0", "this morning | heute^0 Morgen^1"],
    "future": [
        "tomorrow | morgen^0",
        "tomorrow evening | morgen^0 Abend^1",
        "next week | nächste^0 Woche^1",
        "next year | nächstes^0 Jahr^1",
        *ALWAYS_TIMES,
        *DAYS,
    ],
}
AGO = ["days ago | Tagen^1", "weeks ago | Wochen^1", "years ago | Jahren^1"]
FREQUENCIES = ["often | oft^0", "always | immer^0", "never | nie^0", "sometimes | manchmal^0", "rarely | selten^0"]
PERFECT_FREQUENCIES = ["often | oft^0", "never | nie^0", "already | schon^0"]
OPENINGS = ["of course | natürlich^0,1", "perhaps | vielleicht^0", "unfortunately | leider^0"]
WHERE_ONE_IS = ["at home | zu^0 Hause^1", "abroad | im^0 Ausland^0", "outside | draußen^0", "everywhere | überall^0"]
WHERE_ONE_GOES = ["home | nach^0 Hause^0", "abroad | ins^0 Ausland^0", "downtown | in~0 die~0 Innenstadt^0"]
QUESTION_WORDS = {"why": "why | warum^0", "when": "when | wann^0", "where": "where | wo^0"}
ORDINALS = {"first": "erst", "last": "letzt", "next": "nächst"}
# english conjunction | german for present and future, german for past; - where it does not fit
CONJUNCTIONS = [
    "because | weil weil",
    "although | obwohl obwohl",
    "if | wenn -",
    "when | wenn als",
    "while | während während",
    "before | bevor bevor",
]

# How often what is chosen.
STYLES = {"plain": 65, "counted": 8, "owned": 8, "measured": 8, "doing": 4, "related": 7}
SHORT_STYLES = {"plain": 85, "counted": 8, "owned": 7}
VERB_KINDS = {"transitive": 48, "dative": 10, "giving": 9, "resting": 13, "happening": 9, "going": 11}
PLACE_CHANCES = {"transitive": 0.1, "dative": 0.1, "giving": 0.0, "resting": 0.6, "happening": 0.8, "going": 1.0}
FAMILIES = {"present": 40, "past": 35, "future": 25}
QUESTION_FAMILIES = {"present": 25, "past": 45, "future": 30}
QUESTIONS = {"": 7, "why": 4, "when": 3, "where": 3}
SENTENCES = {
    "statement": 64,
    "question": 13,
    "saying": 7,
    "main_then_subordinate": 6,
    "existence": 5,
    "subordinate_then_main": 3,
    "two_statements": 2,
}


# ------------------------------------------------------------------ words and phrases


@dataclass(eq=False)
class Source:
    """One English word. Its place in the sentence is known only when the sentence is finished."""

    text: str


@dataclass(eq=False)
class Target:
    """One German word and the English words it translates."""

    text: str
    sure: Sequence[Source] = ()
    possible: Sequence[Source] = ()


class Phrase(NamedTuple):
    """A piece of sentence in both languages."""

    source: list[Source]
    target: list[Target]


NOTHING = Phrase([], [])


class Nominal(NamedTuple):
    """A noun phrase in one case, and what the rest of the clause must know of it."""

    phrase: Phrase
    kind: str
    person: int = 1  # column of the verb forms
    name: str = ""  # a name, or a pronoun in its subject form; other noun phrases have none
    is_negative: bool = False  # it has swallowed the "not" of its clause: kein
    is_heavy: bool = False  # it ends in a clause of its own, and a time or place after it would belong to that
    tail: Sequence[Target] = ()  # a relative clause, which German puts behind the closing verb


class Noun(NamedTuple):
    singular: str
    plural: str
    gender: int  # column of the declension tables
    german_singular: str
    german_plural: str
    genitive: str
    kind: str

    def decline(self, case: str, is_plural: bool) -> str:
        if is_plural:
            bare = case == "dat" and self.german_plural[-1] not in "ns"
            return self.german_plural + "n" if bare else self.german_plural
        if case == "gen" or (case != "nom" and self.genitive in ("n", "en")):
            return self.german_singular + self.genitive
        return self.german_singular


class Verb(NamedTuple):
    base: str
    he: str
    ing: str
    past: str
    participle: str
    particle: str
    infinitive: str  # with its particle
    er: str  # without it
    german_participle: str
    with_sein: bool
    objects: list[str]


def words(text: str) -> list[Source]:
    return [Source(word) for word in text.split("_") if word]


def fixed(entry: str) -> Phrase:
    """A fixed expression of the tables. -> fresh words on both sides

    "in the evening | am^0,1 Abend^2": am translates in and the, Abend evening; "am~0" would be a Possible link.
    """
    english, german = entry.split(" | ")
    source = words(english.replace(" ", "_"))
    target = []
    for word in german.split():
        text, *links = re.split(r"([\^~])", word)
        linked: dict[str, list[Source]] = {"^": [], "~": []}
        for mark, places in zip(links[::2], links[1::2], strict=True):
            linked[mark] += [source[int(place)] for place in places.split(",")]
        target.append(Target(text, linked["^"], linked["~"]))
    return Phrase(source, target)


def inflect(stem: str, endings: Mapping[str, str], case: str, gender: int) -> str:
    return stem + endings[case].split()[gender].strip("-")


def join(*phrases: Phrase) -> Phrase:
    """Phrases in the order that both languages share."""
    return Phrase([s for phrase in phrases for s in phrase.source], [t for phrase in phrases for t in phrase.target])


def add_comma(target: list[Target]) -> list[Target]:
    """The comma that German puts where a clause ends and English does not; never two in a row."""
    if not target[-1].text.endswith(","):
        target[-1].text += ","
    return target


def punctuate(phrase: Phrase, mark: str) -> None:
    """Attach a mark to the last word of either side; words that share a mark are Possible partners."""
    source, target = phrase.source[-1], phrase.target[-1]
    source.text += mark
    target.text = target.text.removesuffix(",") + mark
    target.possible = [*target.possible, source]


def entries(table: str) -> list[str]:
    """Entries of a table: one a line, or several with two or more spaces between them."""
    return [entry for entry in re.split(r"\n|\s{2,}", table) if entry.strip()]


def read_nouns() -> dict[str, list[Noun]]:
    nouns: dict[str, list[Noun]] = {}
    for kind, (_, table) in KINDS.items():
        for entry in entries(table):
            english, german = (side.split() for side in entry.split(" | "))
            article, singular, plural, *genitive = german
            gender = ["der", "die", "das"].index(article)
            ending = genitive[0].strip("-") if genitive else ""
            nouns.setdefault(kind, []).append(Noun(*english, gender, singular, plural, ending, kind))
    return nouns


def read_places() -> list[tuple[str, str, str, Noun]]:
    places = []
    for entry in entries(PLACES):
        (preposition, english), (at, to, article, german) = (side.split() for side in entry.split(" | "))
        gender = ["der", "die", "das"].index(article)
        places.append((preposition, at, to, Noun(english, "", gender, german, "", "", "place")))
    return places


def read_adjectives() -> dict[str, tuple[str, str, str]]:
    """english -> (german, english comparative, german comparative), the last two empty for colours"""
    adjectives = {}
    for entry in entries(ADJECTIVES):
        (english, *more), (german, *mehr) = (side.split() for side in entry.split(" | "))
        adjectives[english] = (german, "".join(more), "".join(mehr))
    return adjectives


def read_verbs(table: str) -> list[Verb]:
    verbs = []
    for entry in entries(table):
        english, german, *objects = (side.split() for side in entry.split(" | "))
        infinitive, er, participle = german
        particle = infinitive.split("+")[0] if "+" in infinitive else ""
        with_sein = participle.startswith("ist_")
        participle = participle.removeprefix("ist_")
        kinds = objects[0] if objects else []
        verbs.append(Verb(*english, particle, infinitive.replace("+", ""), er, participle, with_sein, kinds))
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


# ------------------------------------------------------------------ clauses


class VerbGroup(NamedTuple):
    """A conjugated verb. English splits it for questions, German around the middle of the clause."""

    helper: list[Source]  # what changes places with the subject in a question
    rest: list[Source]
    finite: Target  # second word of a main clause
    close: list[Target]  # end of a main clause
    final: list[Target]  # end of a subordinate clause


@dataclass
class Clause:
    """What a clause says; the two languages put it in their own order."""

    subject: Nominal
    verb: VerbGroup
    front: Phrase = NOTHING
    negation: Phrase = NOTHING
    frequency: Phrase = NOTHING
    objects: list[Nominal] = field(default_factory=list)
    company: Phrase = NOTHING
    place: Phrase = NOTHING
    time: Phrase = NOTHING

    def english(self, is_question: bool = False) -> list[Source]:
        """front, subject, verb with not and often inside, objects, place, company, time."""
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

    def german(self, order: str = "second") -> list[Target]:
        """The finite verb second, or last (subordinate clauses), or first but for a front (questions).

        Middle: pronouns, often, time, objects, nicht, company, place; what is left of the verb closes the clause.
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


def german_present(verb: Verb, person: int) -> str:
    """ich, er and wir forms, without the particle."""
    plural = verb.infinitive.removeprefix(verb.particle)
    if person == 0:
        return verb.er if verb.er == "weiß" else re.sub("e?n$", "e", plural)
    return verb.er if person == 1 else plural


def conjugate(verb: Verb, tense: str, person: int, needs_helper: bool) -> VerbGroup:
    """tense: present, progressive, past, perfect or a modal; needs_helper: it is asked or denied (does, did)."""
    third = person == 1
    if tense == "present":
        helper, rest = (
            (words(DO[person]), words(verb.base)) if needs_helper else ([], words(verb.he if third else verb.base))
        )
    elif tense == "progressive":
        helper, rest = words(BE[person]), words(verb.ing)
    elif tense == "past":
        helper, rest = (words("did"), words(verb.base)) if needs_helper else ([], words(verb.past))
    elif tense == "perfect":
        helper, rest = words(HAVE[person]), words(verb.participle)
    else:
        helper, rest = words(tense.replace("want_", "wants_") if third else tense), words(verb.base)

    # The German particle is the English one (picks up, hebt auf), or belongs to the verb alone (calls, ruft an).
    stem, particles = rest[:1], rest[1:]
    whole = (rest, []) if verb.particle else (stem, particles)
    if tense in ("present", "progressive"):
        finite = Target(german_present(verb, person), stem, helper + particles)
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


class Dice:
    """Choices that are the same in every version of Python: built on random() alone, which promises that."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        return self._random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        return items[int(self._random() * len(items))]

    def weigh(self, weights: Mapping[str, int]) -> str:
        return self.pick([name for name, weight in weights.items() for _ in range(weight)])


class Grammar:
    """Sentences by chance. Every method makes one piece in both languages."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed)

    # -------------------------------------------------------------- noun phrases

    def number(self, in_words: bool = False) -> tuple[str, str]:
        """Up to twelve in words, above in digits."""
        if in_words or self.dice.chance(0.7):
            return self.dice.pick(list(NUMBERS.items()))
        digits = str(self.dice.pick(ROUND_NUMBERS))
        return digits, digits

    def adjectives(self, names: str, probability: float) -> list[str]:
        chosen: list[str] = []
        while len(chosen) < 2 and self.dice.chance(probability / (1 + 3 * len(chosen))):
            chosen.append(self.dice.pick([name for name in names.split() if name not in chosen]))
        return chosen

    def adjective(self, english: str, endings: Mapping[str, str], case: str, gender: int) -> Phrase:
        german = ADJECTIVE_FORMS[english][0]
        source = words(english)
        return Phrase(source, [Target(inflect(STEMS.get(german, german), endings, case, gender), source)])

    def noun(self, noun: Noun, case: str, is_plural: bool) -> Phrase:
        source = words(noun.plural if is_plural else noun.singular)
        return Phrase(source, [Target(noun.decline(case, is_plural), source)])

    def described(
        self,
        determiner: Determiner,
        noun: Noun,
        case: str,
        is_plural: bool,
        adjectives: Sequence[str],
        not_: Phrase = NOTHING,
    ) -> Phrase:
        """determiner adjectives noun, in agreement; not_ is the negation that a kein translates."""
        column = 3 if is_plural else noun.gender
        source = words((determiner.plural if is_plural else determiner.singular) or "")
        sure = [*not_.source, *source]
        endings = determiner.adjectives if sure else STRONG
        following = [self.adjective(name, endings, case, column) for name in adjectives]
        rest = join(*following, self.noun(noun, case, is_plural))
        if source and source[0].text == "a" and rest.source[0].text[0] in "aeiou":
            source[0].text = "an"
        target = [Target(inflect(determiner.stem, determiner.endings, case, column), sure)] if sure else []
        return join(Phrase(source, target), rest)

    def prepositional(self, english: str, german: str, nominal: Phrase) -> Phrase:
        """preposition and noun phrase; an article melts into its preposition (in dem: im) and takes its links along."""
        source = words(english)
        first = nominal.target[0]
        if (german, first.text) in CONTRACTIONS:
            melted = Target(CONTRACTIONS[german, first.text], [*source, *first.sure])
            return Phrase(source + nominal.source, [melted, *nominal.target[1:]])
        return Phrase(source + nominal.source, [Target(german, source), *nominal.target])

    def place(self, goes: bool = False) -> Phrase:
        if self.dice.chance(0.2):
            english, german = self.dice.pick(CITIES).split()
            return fixed(f"to {english} | nach^0 {german}^1" if goes else f"in {english} | in^0 {german}^1")
        if self.dice.chance(0.15):
            return fixed(self.dice.pick(WHERE_ONE_GOES if goes else WHERE_ONE_IS))
        preposition, at, to, noun = self.dice.pick(PLACE_NOUNS)
        german = to if goes else at
        case = "acc" if goes and german in TWO_WAY else "dat"
        determiner = AN if self.dice.chance(0.15) else THE
        nominal = self.described(determiner, noun, case, False, self.adjectives(PLACE_ADJECTIVES, 0.3))
        return self.prepositional("to" if goes else preposition, german, nominal)

    def pronoun(self, name: str, case: str) -> Nominal:
        other, german, person = PRONOUNS[name]
        source = words(name if case == "nom" else other)
        text = german.split()[["nom", "acc", "dat"].index(case)]
        return Nominal(Phrase(source, [Target(text, source)]), "person", person, name)

    def named(self, other: str = "") -> Nominal:
        name = self.dice.pick([name for name in NAMES if name != other])
        return Nominal(fixed(f"{name} | {name}^0"), "person", name=name)

    def owned(self, noun: Noun, case: str, is_plural: bool, adjectives: list[str]) -> Phrase:
        """Anna's old dog: Annas alter Hund; the farmer's old dog: der alte Hund des Bauern."""
        column = 3 if is_plural else noun.gender
        if self.dice.chance(0.4):
            name = self.dice.pick(NAMES)
            following = [self.adjective(adjective, STRONG, case, column) for adjective in adjectives]
            return join(fixed(f"{name}'s | {name}s^0"), *following, self.noun(noun, case, is_plural))
        determiner = self.dice.pick([THE, *OWN])
        owner = self.described(
            determiner, self.dice.pick(NOUNS["person"]), "gen", False, self.adjectives("old young", 0.2)
        )
        owner.source[-1].text += "'s"
        following = [self.adjective(adjective, WEAK, case, column) for adjective in adjectives]
        owned = join(*following, self.noun(noun, case, is_plural))
        article = Target(inflect("", ARTICLE, case, column), [], owner.source[-1:])
        return Phrase(owner.source + owned.source, [article, *owned.target, *owner.target])

    def measured(self, noun: Noun, case: str) -> Phrase:
        """a tower 40 metres high: ein 40 Meter hoher Turm."""
        determiner = self.dice.pick([AN, THE])
        english, german = (side.split() for side in self.dice.pick(MEASURES[noun.kind]).split(" | "))
        count = self.number(in_words=noun.kind != "structure")
        measure = fixed(f"{count[0]} {english[0]} | {count[1]}^0 {german[0]}^1")
        adjective = self.adjective(english[1], determiner.adjectives, case, noun.gender)
        return self.wrapped(determiner, noun, case, join(measure, adjective))

    def doing(self, noun: Noun, case: str) -> Phrase:
        """the child sleeping in the garden: das im Garten schlafende Kind."""
        determiner = self.dice.pick([AN, THE])
        verb = self.dice.pick(VERBS["resting"])
        source = words(verb.ing)
        participle = Target(inflect(verb.infinitive + "d", determiner.adjectives, case, noun.gender), source)
        place = self.place()
        return self.wrapped(determiner, noun, case, Phrase(source + place.source, [*place.target, participle]))

    def wrapped(self, determiner: Determiner, noun: Noun, case: str, attribute: Phrase) -> Phrase:
        """An attribute that English puts behind the noun and German between article and noun."""
        core = self.described(determiner, noun, case, False, [])
        return Phrase(core.source + attribute.source, [core.target[0], *attribute.target, *core.target[1:]])

    def counted(self, noun: Noun, case: str, adjectives: list[str]) -> Phrase:
        """three old dogs: drei alte Hunde; the first three dogs: die drei ersten Hunde."""
        english, german = self.number()
        count = fixed(f"{english} | {german}^0")
        if english in NUMBERS and self.dice.chance(0.35):
            ordinal, stem = self.dice.pick(list(ORDINALS.items()))
            first = words(ordinal)
            (the, *dogs), (die, hunde) = self.described(THE, noun, case, True, [])
            target = [die, *count.target, Target(inflect(stem, WEAK, case, 3), first), hunde]
            return Phrase([the, *first, *count.source, *dogs], target)
        return join(count, self.described(AN, noun, case, True, adjectives))

    def related(self, noun: Noun, case: str) -> Nominal:
        """the man who lives in Berlin: der Mann, der in Berlin wohnt,"""
        is_plural = self.dice.chance(0.25)
        core = self.described(self.dice.pick([THE, THE, AN]), noun, case, is_plural, [])
        source = words("who" if noun.kind == "person" else "which")
        column = 3 if is_plural else noun.gender
        as_subject = noun.kind == "person" or (noun.kind == "animal" and self.dice.chance(0.5))
        pronoun = Phrase(source, [Target(inflect("", ARTICLE, "nom" if as_subject else "acc", column), source)])
        person = 1 + is_plural
        if as_subject:
            clause = self.clause(self.family(), subject=Nominal(pronoun, noun.kind, person))
        else:
            fitting = [verb for verb in VERBS["transitive"] if noun.kind in verb.objects]
            clause = self.clause(self.family(), front=pronoun, verb=self.dice.pick(fitting))
        source, tail = core.source + clause.english(), clause.german("final")
        if case != "nom":
            return Nominal(Phrase(source, core.target), noun.kind, person, is_heavy=True, tail=tail)
        return Nominal(Phrase(source, [*add_comma(core.target), *add_comma(tail)]), noun.kind, person)

    def nominal(
        self, case: str, kinds: Sequence[str], is_short: bool, not_: Phrase = NOTHING, subject: str = ""
    ) -> Nominal:
        """A noun phrase of one of these kinds. subject is the name that the clause already has."""
        noun = self.dice.pick([noun for kind in kinds for noun in NOUNS[kind]])
        kind = noun.kind
        if kind == "person" and self.dice.chance(0.5 if case == "nom" else 0.35):
            if self.dice.chance(0.5):
                return self.named(subject)
            taken = FIRST_PERSON if subject in FIRST_PERSON else ()
            return self.pronoun(
                self.dice.pick([name for name in ["I", "I", "I", *PRONOUNS] if name not in taken]), case
            )
        is_plural = self.dice.chance(0.3)
        adjectives = self.adjectives(KINDS[kind][0], 0.25)
        style = "plain" if not_.source else self.dice.weigh(SHORT_STYLES if is_short else STYLES)
        if style == "counted":
            return Nominal(self.counted(noun, case, adjectives), kind, 2)
        if style == "owned" and kind != "person":
            return Nominal(self.owned(noun, case, is_plural, adjectives), kind, 1 + is_plural)
        if style == "measured" and kind in MEASURES:
            return Nominal(self.measured(noun, case), kind)
        if style == "doing" and kind in ("person", "animal"):
            return Nominal(self.doing(noun, case), kind, is_heavy=True)
        if style == "related":
            return self.related(noun, case)
        determiner = self.dice.pick([THE, AN, THIS, *OWN] if not_.source else DETERMINERS)
        is_plural = determiner.singular is None or (is_plural and determiner.plural is not None)
        if determiner is AN and not_.source:
            return Nominal(
                self.described(KEIN, noun, case, is_plural, adjectives, not_), kind, 1 + is_plural, is_negative=True
            )
        return Nominal(self.described(determiner, noun, case, is_plural, adjectives), kind, 1 + is_plural)

    # -------------------------------------------------------------- clauses

    def time(self, family: str) -> Phrase:
        if family != "perfect" and self.dice.chance(0.15):
            hour, minute = self.dice.pick(range(6, 23)), self.dice.pick(("00", "15", "30"))
            return fixed(f"at {hour}:{minute} | um^0 {hour}:{minute}^1 Uhr~1")
        if family == "past" and self.dice.chance(0.15):
            year = self.dice.pick(range(2000, 2020))
            return fixed(f"in {year} | {year}^1~0")
        if family == "past" and self.dice.chance(0.2):
            english, german = self.dice.pick(AGO).split(" | ")
            count = self.number(in_words=True)
            return fixed(f"{count[0]} {english} | vor^2 {count[1]}^0 {german}")
        return fixed(self.dice.pick(TIMES[family]))

    def tense(self, family: str, verb: Verb, is_asked: bool, is_denied: bool) -> str:
        """A tense of the family that the verb has; past forms that look like the present are left alone (put on)."""
        if family == "past":
            return "perfect" if verb.past == verb.base or self.dice.chance(0.35) else "past"
        if family == "future":
            if is_asked or is_denied:
                return self.dice.pick(ASKABLE if is_asked else NEGATABLE)
            return self.dice.pick(list(MODALS))
        return "progressive" if verb.ing != "-" and self.dice.chance(0.25) else "present"

    def family(self) -> str:
        return self.dice.weigh(FAMILIES)

    def clause(
        self,
        family: str,
        subject: Nominal | None = None,
        front: Phrase = NOTHING,
        verb: Verb | None = None,
        is_short: bool = True,
        is_asked: bool = False,
        asked_for: str = "",
    ) -> Clause:
        """A clause by chance. A relative pronoun is given as subject, or as front with the verb it is the object of.

        A short clause holds no other clause. What a question asks for (where, when) is left out of it.
        """
        if verb is None and family != "future" and not asked_for and self.dice.chance(0.12):
            return self.state(family, subject, is_short)
        is_object_given = verb is not None
        if is_object_given:
            kind = "transitive"
        elif asked_for == "where":
            kind = self.dice.pick(["resting", "happening"])
        elif subject and subject.kind == "animal":
            kind = self.dice.pick(["resting", "going"])
        else:
            kind = self.dice.weigh(VERB_KINDS)
        verb = verb or self.dice.pick(VERBS[kind])
        if subject is None:
            is_animal = kind in ("resting", "going") and self.dice.chance(0.2)
            subject = self.nominal("nom", ["animal" if is_animal else "person"], is_short)
        not_ = fixed("not | nicht^0") if not is_asked and self.dice.chance(0.12) else NOTHING
        is_denied = bool(not_.source)
        tense = self.tense(family, verb, is_asked, is_denied)
        clause = Clause(subject, conjugate(verb, tense, subject.person, is_asked or is_denied), front, not_)
        if not is_object_given:
            clause.objects = self.objects(kind, verb, not_, is_short, subject.name)
        if any(nominal.is_negative for nominal in clause.objects):
            clause.negation = Phrase(not_.source, [])
        if not is_denied and self.dice.chance(0.15):
            clause.frequency = fixed(self.dice.pick(PERFECT_FREQUENCIES if tense == "perfect" else FREQUENCIES))
        if not any(nominal.is_heavy for nominal in clause.objects):
            self.add_circumstances(clause, kind, verb, "perfect" if tense == "perfect" else family, is_short, asked_for)
        return clause

    def objects(self, kind: str, verb: Verb, not_: Phrase, is_short: bool, subject: str) -> list[Nominal]:
        if not verb.objects:
            return []
        last = self.nominal("dat" if kind == "dative" else "acc", verb.objects, is_short, not_, subject)
        return [self.nominal("dat", ["person"], True, subject=subject), last] if kind == "giving" else [last]

    def add_circumstances(
        self, clause: Clause, kind: str, verb: Verb, family: str, is_short: bool, asked_for: str
    ) -> None:
        """Where, with whom or for how much, and when."""
        if asked_for != "where" and self.dice.chance(PLACE_CHANCES[kind] / (1 + is_short)):
            clause.place = self.place(goes=kind == "going")
        if kind in ("resting", "going") and self.dice.chance(0.2):
            person = self.nominal("dat", ["person"], True, subject=clause.subject.name)
            clause.company = self.prepositional("with", "mit", person.phrase)
        elif verb.base == "buy" and self.dice.chance(0.3):
            price = self.dice.pick(ROUND_NUMBERS)
            clause.company = fixed(f"for {price} euros | für^0 {price}^1 Euro^2")
        if clause.frequency.source or asked_for == "when":
            return
        if kind == "resting" and family != "perfect" and not clause.negation.source and self.dice.chance(0.15):
            english, german = self.number(in_words=True)
            clause.time = fixed(f"for {english} hours | {german}^1 Stunden^2 lang^0")
        elif self.dice.chance(0.15 if is_short else 0.3):
            clause.time = self.time(family)

    def state(self, family: str, subject: Nominal | None, is_short: bool) -> Clause:
        """is old, is older than the dog, is as old as the dog; past: war, in one word."""
        subject = subject or self.nominal("nom", list(KINDS), is_short)
        be = words((WAS if family == "past" else BE)[subject.person])
        finite = Target((WAR if family == "past" else SEIN)[subject.person], be)
        english = self.dice.pick(KINDS[subject.kind][0].split())
        german, more, mehr = ADJECTIVE_FORMS[english]
        predicate = fixed(f"{english} | {german}^0")
        if more and self.dice.chance(0.5):
            other = self.nominal("nom", [subject.kind], True, subject=subject.name)
            if other.name in PRONOUNS:  # older than him
                other = self.named(subject.name)
            if self.dice.chance(0.3):
                predicate = join(fixed("as | so^0"), predicate, fixed("as | wie^0"), other.phrase)
            else:
                adjective = words(more)
                predicate = join(Phrase(adjective, [Target(mehr, adjective)]), fixed("than | als^0"), other.phrase)
        negation = fixed("not | nicht^0") if self.dice.chance(0.15) else NOTHING
        return Clause(subject, VerbGroup(be, [], finite, [], [finite]), negation=negation, place=predicate)

    # -------------------------------------------------------------- sentences

    def statement(self) -> Phrase:
        clause = self.clause(self.family(), is_short=False)
        if clause.time.source and self.dice.chance(0.3):
            clause.front, clause.time = clause.time, NOTHING
        elif self.dice.chance(0.08):
            clause.front = fixed(self.dice.pick(OPENINGS))
        return Phrase(clause.english(), clause.german())

    def subordinate(self, family: str) -> Phrase:
        """because the man sleeps: weil der Mann schläft"""
        fitting = [entry for entry in CONJUNCTIONS if not (family == "past" and entry.endswith("-"))]
        english, german = self.dice.pick(fitting).split(" | ")
        conjunction = fixed(f"{english} | {german.split()[family == 'past']}^0")
        clause = self.clause("present" if family == "future" else family)
        return Phrase(conjunction.source + clause.english(), conjunction.target + clause.german("final"))

    def main_then_subordinate(self) -> Phrase:
        family = self.family()
        main, sub = self.clause(family), self.subordinate(family)
        return Phrase(main.english() + sub.source, add_comma(main.german()) + sub.target)

    def subordinate_then_main(self) -> Phrase:
        family = self.family()
        sub, main = self.subordinate(family), self.clause(family)
        punctuate(sub, ",")
        return Phrase(sub.source + main.english(), sub.target + main.german("first"))

    def saying(self) -> Phrase:
        """He says that the man sleeps: Er sagt, dass der Mann schläft"""
        verb = self.dice.pick(VERBS["saying"])
        family = self.dice.pick(["present", "past"])
        subject = self.nominal("nom", ["person"], True)
        says = Clause(subject, conjugate(verb, self.tense(family, verb, False, False), subject.person, False))
        clause = self.clause(family if self.dice.chance(0.6) else self.family())
        main = Phrase(says.english(), add_comma(says.german()))
        return join(main, fixed("that | dass^0"), Phrase(clause.english(), clause.german("final")))

    def question(self) -> Phrase:
        asked_for = self.dice.weigh(QUESTIONS)
        clause = self.clause(self.dice.weigh(QUESTION_FAMILIES), is_asked=True, asked_for=asked_for)
        if asked_for:
            clause.front = fixed(QUESTION_WORDS[asked_for])
        return Phrase(clause.english(is_question=True), clause.german("first"))

    def existence(self) -> Phrase:
        """There are three dogs in the garden: Es gibt drei Hunde im Garten; or both with the garden in front"""
        noun = self.dice.pick([noun for nouns in NOUNS.values() for noun in nouns])
        determiner = self.dice.pick([AN, AN, AN, MANY, SOME])
        is_plural = determiner is not AN or self.dice.chance(0.6)
        phrase = self.described(determiner, noun, "acc", is_plural, self.adjectives(KINDS[noun.kind][0], 0.4))
        if determiner is AN and is_plural:
            english, german = self.number()
            phrase = join(fixed(f"{english} | {german}^0"), phrase)
        is_past = self.dice.chance(0.5)
        be = words((WAS if is_past else BE)[1 + is_plural])
        finite = Target("gab" if is_past else "gibt", be)
        clause = Clause(Nominal(fixed("there | es^0"), "thing"), VerbGroup(be, [], finite, [], [finite]))
        clause.objects = [Nominal(phrase, noun.kind)]
        if self.dice.chance(0.4):
            clause.front = self.place()
        else:
            clause.place = self.place()
        return Phrase(clause.english(), clause.german())

    def two_statements(self) -> Phrase:
        family = self.family()
        first, second = self.clause(family), self.clause(family)
        before = Phrase(first.english(), first.german())
        conjunction = self.dice.pick(["and | und^0", "but | aber^0"])
        if conjunction.startswith("but"):
            punctuate(before, ",")
        return join(before, fixed(conjunction), Phrase(second.english(), second.german()))

    def sentence(self) -> Phrase:
        kind = self.dice.weigh(SENTENCES)
        phrase: Phrase = getattr(self, kind)()
        punctuate(phrase, "?" if kind == "question" else ".")
        for word in (phrase.source[0], phrase.target[0]):
            word.text = word.text[0].upper() + word.text[1:]
        return phrase


# ------------------------------------------------------------------ the files


class Pair(NamedTuple):
    source: str
    target: str
    links: str


def finish(phrase: Phrase) -> Pair:
    """Lines of text, and links as numbers: Sure 1-2, Possible 1p2; a link that is both is Sure."""
    place = {word: number for number, word in enumerate(phrase.source)}
    kinds = {}
    for number, word in enumerate(phrase.target):
        kinds.update({(place[source], number): "p" for source in word.possible})
        kinds.update({(place[source], number): "-" for source in word.sure})
    links = " ".join(f"{source}{kind}{target}" for (source, target), kind in sorted(kinds.items()))
    return Pair(" ".join(word.text for word in phrase.source), " ".join(word.text for word in phrase.target), links)


def make_pairs(count: int, seed: int) -> list[Pair]:
    """Pairs of fitting length of which no two share a source or a target, so that any split keeps them apart."""
    grammar = Grammar(seed)
    sources: set[str] = set()
    targets: set[str] = set()
    pairs: list[Pair] = []
    while len(pairs) < count:
        phrase = grammar.sentence()
        pair = finish(phrase)
        fits = all(SHORTEST <= len(side) <= LONGEST for side in phrase)
        if fits and pair.source not in sources and pair.target not in targets:
            sources.add(pair.source)
            targets.add(pair.target)
            pairs.append(pair)
    return pairs


def write_corpus(folder: Path, seed: int = SEED) -> None:
    """train, valid and test with .en, .de and .align, and SHA256SUMS as sha256sum -c reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(sum(SIZES.values()), seed)
    sums = []
    start = 0
    for split, size in SIZES.items():
        for suffix, lines in zip(("en", "de", "align"), zip(*pairs[start : start + size], strict=True), strict=True):
            content = "".join(f"{line}\n" for line in lines).encode()
            (folder / f"{split}.{suffix}").write_bytes(content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {split}.{suffix}\n")
        start += size
    (folder / "SHA256SUMS").write_bytes("".join(sums).encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Write the sample corpus: parallel sentences with gold word alignments."
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "data" / "sample")
    parser.add_argument("--seed", type=int, default=SEED, help=f"another seed gives other sentences (default {SEED})")
    options = parser.parse_args()
    write_corpus(options.out, options.seed)


if __name__ == "__main__":
    main()
