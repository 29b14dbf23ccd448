"""Small and capital letters, as languages write them."""

import re
import unicodedata

TURKISH = str.maketrans({"I": "ı", "İ": "i"})
GREEK = re.compile("[\u0370-\u03ff\u1f00-\u1fff]+")
GEORGIAN = re.compile("[\u10d0-\u10ff\u2d00-\u2d2f]")  # Unicode has capitals, which begin no sentence or name


def is_small(letter: str) -> bool:
    """Whether a letter is small and has a capital that could begin a sentence. Georgian letters have none."""
    return letter.islower() and not GEORGIAN.match(letter)


def capitalize(text: str) -> str:
    """The text with a capital at its beginning; its other letters stay as they are, and so does a Georgian text.

    >>> capitalize("ǆep")
    'ǅep'
    """
    return text if GEORGIAN.match(text) else text[:1].title() + text[1:]


def write_in_capitals(text: str) -> str:
    """The text in capital letters, in Greek without accents; Georgian letters stay.

    >>> write_in_capitals("οδός")
    'ΟΔΟΣ'
    """
    plain = GREEK.sub(lambda found: unicodedata.normalize("NFD", found[0]).replace("\u0301", ""), text)
    return "".join(one if GEORGIAN.match(one) else one.upper() for one in unicodedata.normalize("NFC", plain))


def fold(text: str) -> str:
    """A text without case, in which the two letters i of Turkish are one; see is_same."""
    return text.replace("İ", "i").casefold().replace("ı", "i").replace("i\u0307", "i")


def is_same(one: str, other: str) -> bool:
    """Whether two texts differ in case alone: by Unicode, or by Turkish and Azerbaijani, where I is a capital ı.

    >>> is_same("ışık", "Işık"), is_same("iş", "İŞ"), is_same("list", "LIST"), is_same("kir", "kır")
    (True, True, True, False)
    """
    return one.casefold() == other.casefold() or fold_turkish(one) == fold_turkish(other)


def fold_turkish(text: str) -> str:
    """A text without case, by Turkish and Azerbaijani."""
    return text.translate(TURKISH).casefold()
