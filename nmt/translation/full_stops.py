"""Full stops that end no sentence: in words and numbers, after ordinals and abbreviations, before small letters."""

import re
import unicodedata
from collections.abc import Mapping, Set

from nmt.text.cases import is_small
from nmt.text.words import UNSPACED, is_word_character
from nmt.translation.abbreviations import BEFORE_NUMBERS, LAST_OF_DOTTED, NEVER_LAST

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
OTHER_FIRST_WORDS = (  # of sentences, which are no names
    "He She It We They You This That These Those There The His Her Its Our My Their If When What Who How Why Where "
    "Which While But And Then In On At Er Sie Es Wir Ich Il Elle Ils Elles Nous Vous Je Ce Cette Ces Les Des Une Quand "
    "Ella Ellos Este Esta Una Cuando Ele Ela Eles Os As Uma Quando Lei Loro Gli Questo Questa Hij Zij Ze Het Een Wij "
    "Hon Hun Det Den Jag Jeg Ona Oni Nie Jest Он Она Оно Они Мы Вы Это Эта На Но Не По Він Вона Вони Ми Це"
)
BEFORE_ORDINALS, NEVER_AFTER_ORDINALS = frozenset(ARTICLES.split()), frozenset(FIRST_WORDS.split())
NEVER_AFTER_ABBREVIATIONS = frozenset(OTHER_FIRST_WORDS.split())
LONGEST_BEFORE = 60  # characters that are read before a place
WORD = re.compile(r"\w+")
INSIDE = "-‐‑_/\\=&@#%+~"  # may follow a mark inside a word: Dipl.-Ing., index.php?id=5
MISSING_BLANK = re.compile("[\u0590-\u06ff\uac00-\ud7a3]{2,}[.!?]+[\u0590-\u06ff\uac00-\ud7a3]$")  # Hebrew to Korean
WHOLE_WORD = re.compile(r"(?:^|[\s(\[\"'“„«¿¡!?])([^\W\d_]+)[.!?]+$")
NEXT_WORD = re.compile(r"([^\W\d_]+)(?=[\s,;:!?'’\"»”)]|\.+(?:\s|$)|$)")
NAME = re.compile(r"[^\s.()\[\]{}\"'«»„“”‘’/…]+(?=\.$)")  # what may be an abbreviation
NUMERAL = re.compile(r"[^\w\s]{0,2}\d|[IVXLC]{2,}\b|[A-Z]\d|[B-DF-HJ-NP-TV-Z]\b")  # 5, (5), $5, IV, B2, B
SMALL_DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]{1,2}\.[^\W\d_]{1,5}|[^\W\d_]\.\s[^\W\d_]{1,3})\.$")
INITIAL = re.compile(r"(?<![\w°%&;])(?<!\d\s)(?<![ap][vp]\. J\.-)[^\W\d_]\.$")  # but not 10 A., 50 °C., av. J.-C.
LETTER = re.compile("(?<![\\w\u0590-\u06ff])(?<!\\d\\s)\u0648?[\u05d0-\u05ea\u0621-\u064a]\\.$")  # Arabic d. for Dr.
LAST_WORD = re.compile(r"[^\W\d_]+\.$")
DOTTED = re.compile(r"(?<!\w)(?:[^\W\d_]{1,3}\.\s?[^\W\d_]{1,4}|[^\W\d_])\.$")
UNSPACED_ABBREVIATION = re.compile(r"(?:^|[\s.(])[^\s.\d]{1,3}\.$")
SOUTH_EAST_ASIAN = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese, Khmer
VOWELS = frozenset("aeiouyıæøœəаеиоуыэюяієѣαεηιουω")
ETC = re.compile(r"\s?(?:ល|បេ)\s?។")  # in Khmer, after a full stop that is part of it
FIRST_OTHER_LETTER = "\u0530"  # after Latin, Greek and Cyrillic


def goes_on(line: str, place: int, language: str, has_capitals: bool) -> bool:
    """Whether a sentence goes on at a place where the characters before it may be a full stop and blanks.

    `language` is a code without country and script, such as "de". `has_capitals` tells whether the line has a capital:
    where it has none, a small letter may begin a sentence, unless an ordinal or an abbreviation is before it.
    """
    window = line[max(0, place - LONGEST_BEFORE) : place]
    before, after = window.rstrip(), line[place]
    if before.endswith("។"):
        return ETC.match(line, place - len(window) + len(before)) is not None
    if len(before) < 2:
        return False
    last = before[-2]
    if len(before) == len(window) and is_inside_word(before, after) and not lacks_blank(before, line, place, language):
        return True
    if before[-1] not in FULL_STOPS:
        return False
    if len(before) == len(window) and joins_scripts(last, after):
        return True
    if SOUTH_EAST_ASIAN.match(last):
        return UNSPACED_ABBREVIATION.search(before) is not None
    found = WORD.match(line, place + (after in "(["))
    word = found[0] if found else ""
    if precedes_more(before, word, language):
        return True
    if NUMERAL.match(line, place) and is_listed(before, BEFORE_NUMBERS, language):
        return True
    if word and is_small(word[0]) and not any(map(str.isupper, word)):
        return has_capitals or last.isdecimal() or is_abbreviation(before)
    return is_ordinal(before, word, language)


def is_inside_word(before: str, after: str) -> bool:
    """Whether a mark is part of a number, word or address, as no blank follows it: 3.5, Dipl.-Ing., S.Pietro, a?B=5."""
    mark, last = before[-1], before[-2]
    if mark in DECIMAL_MARKS and last.isdecimal() and after.isdecimal():
        return True
    if mark not in ".!?" or UNSPACED.match(last) or UNSPACED.match(after) or MISSING_BLANK.search(before + after):
        return False
    return is_word_character(last) and (after.isalnum() or after in INSIDE)


def lacks_blank(before: str, line: str, place: int, language: str) -> bool:
    """Whether a blank is missing between sentences: "Wow!Great", "is good.I like"; not in post.ReplyTo, System.IO."""
    found, following = WHOLE_WORD.search(before), NEXT_WORD.match(line, place)
    if not found or not following:
        return False
    last, word = found[1], following[1]
    is_lower = last.islower() or (last[1:].islower() and language in GERMAN)  # where any noun has a capital
    is_sentence = before[-1] != "." or (len(last) > 1 and is_lower)
    return is_sentence and word[0].isupper() and (word[1:].islower() or len(word) == 1)


def joins_scripts(last: str, after: str) -> bool:
    """Whether a full stop between two characters, without a blank, is part of what they write: Dr.佐藤, ถ.สุขุมวิท."""
    if SOUTH_EAST_ASIAN.match(last):
        return True
    is_unspaced = UNSPACED.match(last) is not None, UNSPACED.match(after) is not None
    return last.isalnum() and after.isalnum() and is_unspaced[0] != is_unspaced[1]


def precedes_more(before: str, word: str, language: str) -> bool:
    """Whether a text ends with an abbreviation that ends no sentence: a title, an initial, t.ex., т.е.

    A word that is no name begins a sentence after a title or an initial: "It was Elizabeth I. She …".
    """
    last = before[-2]
    is_first = word in NEVER_AFTER_ABBREVIATIONS or (language in GERMAN and word in NEVER_AFTER_ORDINALS)
    if last >= FIRST_OTHER_LETTER and LETTER.search(before):
        return True
    if not is_first and is_listed(before, NEVER_LAST, language):
        return True
    if last.isupper():
        return word[:1].isupper() and not is_first and INITIAL.search(before) is not None
    dotted = SMALL_DOTTED.search(before) if "." in before[-8:-2] else None
    letters = "".join(dotted[0][:-1].split()) if dotted else ""
    return letters[1:].islower() and letters.lower() not in LAST_OF_DOTTED


def is_listed(before: str, table: Mapping[str, Set[str]], language: str) -> bool:
    """Whether a text ends with an abbreviation of a table for a language, or its last part: Priv.-Doz."""
    found = NAME.search(before, before.rfind(" ") + 1)
    names = {found[0], found[0].rpartition("-")[2]} if found else set()
    return any(one in table["*"] or one in table.get(language, ()) for one in names | set(map(str.lower, names)))


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
