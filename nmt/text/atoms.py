"""Atoms of a text: the smallest parts between which a tag can stand, and of which terms consist."""

import unicodedata

from nmt.text.units import Span
from nmt.text.words import UNSPACED, is_word_character

KATAKANA_MARKS = "ー・"


def find_atoms(text: str) -> list[Span]:
    """The (begin, end) of each atom: a word, a punctuation mark, or any other character that is not a blank.

    Atoms are finer than the words between which there are links: `Salesforce-API` has three, and `l'API` has three. In
    scripts without blanks between words an atom is a character with the marks on it, or a run of katakana, which is
    hardly ever more than a word.
    """
    spans: list[Span] = []
    previous = ""
    for place, character in enumerate(text):
        kind = classify(character)
        if kind == "mark":
            kind = previous
            if not spans or spans[-1][1] != place:
                kind = "word"
                spans.append((place, place + 1))
            else:
                spans[-1] = spans[-1][0], place + 1
        elif kind in ("word", "katakana") and kind == previous and spans[-1][1] == place:
            spans[-1] = spans[-1][0], place + 1
        elif kind != "blank":
            spans.append((place, place + 1))
        previous = kind
    return spans


def classify(character: str) -> str:
    """The kind of a character: blank, mark (on the character before it), word, katakana, unspaced, or other."""
    if character.isspace():
        return "blank"
    if character in KATAKANA_MARKS or "\u30a0" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9f":
        return "katakana"
    if unicodedata.category(character)[0] == "M" or unicodedata.category(character) == "Cf":
        return "mark"
    if UNSPACED.match(character):
        return "unspaced"
    return "word" if is_word_character(character) else "other"
