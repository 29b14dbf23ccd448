"""The lexicon: tables of English words with their German translations, and how often each construction is chosen.

Only tables stand here; words.py reads those that are written as text. An underscore joins the words of one entry:
apple_tree is two English words and one German noun.
"""

from collections.abc import Mapping
from typing import NamedTuple

# For each kind: adjectives that describe it, then one noun a line: english plural | article german plural [genitive
# ending]. Only persons own things, so only they need a genitive; "-n" and "-en" mark weak nouns (dem Bauern).
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

# english preposition, place | german preposition of a position, german preposition of a direction, article, noun
PLACES = """
    in garden | in in der Garten                  in kitchen | in in die Küche
    in school | in in die Schule                  in park | in in der Park
    in city | in in die Stadt                     at station | an zu der Bahnhof
    at beach | an zu der Strand                   at market | auf zu der Markt
    on bridge | auf zu die Brücke                 at bus_stop | an zu die Bushaltestelle
    in living_room | in in das Wohnzimmer
"""
PLACE_ADJECTIVES = "old new small big beautiful"
TWO_WAY = {"in", "auf", "an"}  # dative for a position, accusative for a direction; "zu" always takes the dative

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

# base, form after he, ing form (- if none), past, participle | infinitive, form after er, participle [| kinds of its
# object]. "an+rufen" splits off its particle; "ist_" marks the verbs that form their perfect with sein.
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

# Forms after I, after he and she, after we and they.
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
STRONG = DER_ENDINGS  # the strong genitive differs, and the grammar never generates one
CONTRACTIONS = {
    ("in", "dem"): "im",
    ("an", "dem"): "am",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("in", "das"): "ins",
}


class Determiner(NamedTuple):
    """English forms ("" for no word, None for a form that does not exist), and the German stem.

    `endings` are those of the stem itself, `adjectives` those of the adjectives that follow it.
    """

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
KEIN = Determiner("a", "", "kein", EIN_ENDINGS, MIXED)  # translates "not a", and "not" before a bare plural
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
MEASURES = {  # measures of a noun of each kind: unit adjective | Einheit Adjektiv
    "structure": ["metres high | Meter hoch", "metres wide | Meter breit"],
    "vehicle": ["metres long | Meter lang"],
    "furniture": ["metres long | Meter lang", "years old | Jahre alt"],
    "animal": ["years old | Jahre alt"],
}

# Fixed expressions: after ^ stand the numbers of the English words with a Sure link to a German word, after ~ those
# with a Possible link.
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
POSITIONS = ["at home | zu^0 Hause^1", "abroad | im^0 Ausland^0", "outside | draußen^0", "everywhere | überall^0"]
DIRECTIONS = ["home | nach^0 Hause^0", "abroad | ins^0 Ausland^0", "downtown | in~0 die~0 Innenstadt^0"]
QUESTION_WORDS = {"why": "why | warum^0", "when": "when | wann^0", "where": "where | wo^0"}
ORDINALS = {"first": "erst", "last": "letzt", "next": "nächst"}
# english conjunction | german for present and future, german for past; - where none fits
CONJUNCTIONS = [
    "because | weil weil",
    "although | obwohl obwohl",
    "if | wenn -",
    "when | wenn als",
    "while | während während",
    "before | bevor bevor",
]

# How often each construction is chosen: relative weights.
STYLES = {"plain": 65, "counted": 8, "owned": 8, "measured": 8, "active": 4, "relative": 7}
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
