"""The default rules by which text is normalised before it is split into subwords.

SentencePiece's own rules, nfkc and nmt_nfkc, change characters that languages need: the Armenian և, the Thai ำ, Chinese
punctuation, the non-joiners of Persian. These rules do not; they only unify characters that look the same to a reader.
"""

import re
import unicodedata
from functools import cache
from itertools import permutations

LAST_CODE = 0x2FFFF  # characters above this have no other form and are not blanks
SURROGATES = range(0xD800, 0xE000)
TYPESET_FORMS = frozenset(  # letters as a typesetter joined them: ﬁ, and Arabic letters by their position in a word
    [*range(0xFB00, 0xFDF0), *range(0xFE80, 0xFEFD)]
)
BYTE_ORDER_MARK = "\ufeff"  # concatenated files have byte order marks in the middle
SHOWS_NOTHING = (  # by itself: Default_Ignorable_Code_Point (Unicode 16, UAX 44), and NUL
    "\0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
IGNORABLE = re.compile(f"[{SHOWS_NOTHING}]")
BLANK_PIECE = "▁"  # SentencePiece's character for a blank


@cache
def list_nfc_rules() -> list[tuple[str, str]]:
    """Pairs of a string and its replacement: Unicode's form NFC, with one kind of blank.

        e ◌́   -> é          letters and accents are composed, and other characters get their canonical form
        ﬁ, ﻻ  -> fi, لا     typographic ligatures are separated into letters
        tab, no-break space, ideographic space, line separator … -> a space
        other control characters and byte order marks -> nothing

    All other characters are unchanged: zero-width joiners, non-joiners and spaces, direction marks, U+FFFD, full-width
    forms, superscripts, and signs such as № and ½.
    """
    rules: dict[str, str] = {}
    for code in range(1, LAST_CODE + 1):  # SentencePiece's tables cannot contain NUL
        if code in SURROGATES:
            continue
        character = chr(code)
        composed = unicodedata.normalize("NFC", character)
        if character.isspace() or character == BLANK_PIECE:
            if character != " ":
                rules[character] = " "
        elif character == BYTE_ORDER_MARK or unicodedata.category(character) == "Cc":
            rules[character] = ""
        elif code in TYPESET_FORMS and (letters := unicodedata.normalize("NFKC", character)) != character:
            rules[character] = letters
        elif composed != character:
            rules[character] = composed
        else:
            rules.update(dict.fromkeys(list_spellings(character), character))
    return sorted(rules.items())


def list_spellings(character: str) -> list[str]:
    """The decomposed spellings of a character, with its accents in every equivalent order.

    ế is ê ◌́ and e ◌̂ ◌́, but not e ◌́ ◌̂, whose circumflex is above the acute.
    """
    parts = unicodedata.normalize("NFD", character)
    base, marks = parts[0], parts[1:]
    spellings = []
    for order in permutations(marks):
        for n in range(len(marks)):
            head = unicodedata.normalize("NFC", base + "".join(order[:n]))
            spelling = head + "".join(order[n:])
            if len(head) == 1 and unicodedata.normalize("NFC", spelling) == character:
                spellings.append(spelling)
    return spellings


def list_plain_forms(text: str) -> tuple[str, ...]:
    """The text; then without characters that show nothing; then with compatible characters (NFKC) in place of others.

    A subword model that cannot write the first of these perhaps can write another: ❤ for an emoji of two characters.
    """
    visible = IGNORABLE.sub("", text)
    return tuple(dict.fromkeys((text, visible, unicodedata.normalize("NFKC", visible))))
