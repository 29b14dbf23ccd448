"""Full stops that end no sentence: in numbers and ordinals, after abbreviations, before small letters."""

import re
import unicodedata

from nmt.text.cases import is_small
from nmt.text.languages import get_primary_language
from nmt.text.words import UNSPACED

FULL_STOPS = ".．"
DECIMAL_MARKS = f"{FULL_STOPS}।۔"  # those between the digits of a number or a date
GERMAN_CODES = "de deu ger gsw bar nds lb ltz ksh"
ORDINAL_CODES = (
    "tr tur az aze tk tuk crh gag hu hun pl pol csb szl cs ces cze sk slk slo sl slv hr hrv sr srp bs bos sh hbs cnr "
    "mk mkd mac hsb dsb da dan nb nob nn nno no nor is isl ice fo fao fi fin et est ekk lv lav lvs ltg se sme smn kl "
    "kal eu eus baq"
)
GERMAN = frozenset(GERMAN_CODES.split())
ORDINAL_LANGUAGES = GERMAN | frozenset(ORDINAL_CODES.split())  # 19. is "19th" in them
ORDINAL = re.compile(r"(?:(?<![\w.,:/–-])|(?<=\d\.[-/–]))(?:\d{1,2}|[IVX]+)\.$")
NUMBER = re.compile(r"(?:(\w+) )?(?<![\w.,:/–-])\d+\.$")
ARTICLES = (
    "der die das den dem des zum zur am im vom beim ein eine einen einem einer eines sein seine seinen seinem seiner "
    "ihr ihre ihren ihrem ihrer mein meine meinen meinem meiner unser unsere unseren unserem unserer jeder jede jedes "
    "jeden jedem dieser diese dieses diesen diesem"
)
FIRST_WORDS = (  # of German sentences, which are no nouns or adjectives
    "Aber Als Also Am An Auch Auf Aus Bei Bis Da Dabei Dadurch Daher Damals Damit Danach Dann Darauf Darum Das Dass "
    "Dazu Dem Den Denn Der Deshalb Die Dies Diese Dieser Dieses Doch Dort Du Durch Ein Eine Einer Er Es Für Hier Ich "
    "Ihr Ihre Im Immer In Ist Jetzt Man Mein Meine Mit Nach Nachdem Nicht Noch Nun Nur Ob Oder Seit Seitdem Sein Seine "
    "Sie Sind So Später Trotzdem Über Um Und Unter Vom Von Vor War Waren Warum Was Weil Wenn Wer Wie Wir Wo Zu Zum Zur "
    "Zwar Zuvor"
)
BEFORE_ORDINALS, NEVER_AFTER_ORDINALS = frozenset(ARTICLES.split()), frozenset(FIRST_WORDS.split())
LONGEST_BEFORE = 60  # characters that are read before a place
WORD = re.compile(r"\w+")
LAST_WORD = re.compile(r"[^\W\d_]+\.$")
DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]{1,3}\.\s?[^\W\d_]{1,4}|[^\W\d_])\.$")
UNSPACED_ABBREVIATION = re.compile(r"(?:^|[\s.(])[^\s.\d]{1,3}\.$")
SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
VOWELS = frozenset("aeiouyıæøœəаеиоуыэюяієѣαεηιουω")
ETC = re.compile(r"\s?(?:ល|បេ)\s?។")  # in Khmer, after a full stop that is part of it
FIRST_OTHER_LETTER = "\u0530"  # after Latin, Greek and Cyrillic


def goes_on(line: str, place: int, language: str, has_capitals: bool) -> bool:
    """Whether a sentence goes on at a place where the characters before it may be a full stop and blanks.

    `language` is a code such as "de" or "pt-BR". `has_capitals` tells whether the line has a capital: where it has
    none, a small letter may begin a sentence, unless an ordinal or an abbreviation is before it.
    """
    window = line[max(0, place - LONGEST_BEFORE) : place]
    before, after = window.rstrip(), line[place]
    if before.endswith("។"):
        return ETC.match(line, place - len(window) + len(before)) is not None
    if len(before) < 2 or before[-1] not in DECIMAL_MARKS:
        return False
    last = before[-2]
    if len(before) == len(window) and last.isdecimal() and after.isdecimal():
        return True
    if before[-1] not in FULL_STOPS:
        return False
    if len(before) == len(window) and joins_scripts(last, after):
        return True
    if SOUTH_EAST_ASIAN.match(last):
        return UNSPACED_ABBREVIATION.search(before) is not None
    word = WORD.match(line, place + (after in "(["))
    if word and is_small(word[0][0]) and not any(map(str.isupper, word[0])):
        return has_capitals or last.isdecimal() or is_abbreviation(before)
    return is_ordinal(before, word[0] if word else "", get_primary_language(language))


def joins_scripts(last: str, after: str) -> bool:
    """Whether a full stop between two characters, without a blank, is part of what they write: Dr.佐藤, ถ.สุขุมวิท."""
    if SOUTH_EAST_ASIAN.match(last):
        return True
    is_unspaced = UNSPACED.match(last) is not None, UNSPACED.match(after) is not None
    return last.isalnum() and after.isalnum() and is_unspaced[0] != is_unspaced[1]


def is_ordinal(before: str, word: str, language: str) -> bool:
    """Whether a number and a full stop at the end of a text are an ordinal before a word with a capital.

    A number may also end a sentence: "Es war 1998. Dann …". Of two digits it is taken for an ordinal, and in German a
    larger one after an article, but neither before a word that follows no ordinal.
    """
    if not word or not word[0].isalpha() or language not in ORDINAL_LANGUAGES:
        return False
    if language in GERMAN:
        if word in NEVER_AFTER_ORDINALS:
            return False
        number = NUMBER.search(before)
        if number and (number[1] or "").lower() in BEFORE_ORDINALS:
            return True
    return ORDINAL.search(before) is not None


def is_abbreviation(before: str) -> bool:
    """Whether a text ends with an abbreviation: т.е., a letter, or letters without a vowel, such as "vb."."""
    if DOTTED.search(before):
        return True
    found = LAST_WORD.search(before)
    letters = unicodedata.normalize("NFD", found[0][:-1].lower()) if found else ""
    return bool(letters) and all(one < FIRST_OTHER_LETTER for one in letters) and VOWELS.isdisjoint(letters)
