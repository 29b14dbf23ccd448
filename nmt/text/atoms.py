"""Atoms of a text: the smallest parts between which a tag can stand, and of which terms consist."""

import re
import unicodedata

from nmt.text.units import Span
from nmt.text.words import UNSPACED, is_word_character

KATAKANA_MARKS = "ー・"
ATOM = re.compile("[wm]+|k[km]*|[uo]m*")  # in the letters of classify: a mark belongs to what is before it


class Kinds(dict[int, str]):
    """The kind of each character by its number, classified when it is first looked up."""

    def __missing__(self, number: int) -> str:
        self[number] = kind = classify(chr(number))
        return kind


KINDS = Kinds()


def find_atoms(text: str) -> list[Span]:
    """The (begin, end) of each atom: a word, a punctuation mark, or any other character that is not a blank.

    Atoms are finer than the words between which there are links: `Salesforce-API` has three, and `l'API` has three. In
    scripts without blanks between words an atom is a character with the marks on it, or a run of katakana, which is
    hardly ever more than a word.
    """
    return [match.span() for match in ATOM.finditer(text.translate(KINDS))]


def classify(character: str) -> str:
    """The kind of a character: " " blank, "m" mark on the one before it, "w" of a word, "k" katakana, "u" of a script
    without blanks, "o" other."""
    if character.isspace():
        return " "
    if character in KATAKANA_MARKS or "\u30a0" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9f":
        return "k"
    if unicodedata.category(character)[0] == "M" or unicodedata.category(character) == "Cf":
        return "m"
    if UNSPACED.match(character):
        return "u"
    return "w" if is_word_character(character) else "o"
