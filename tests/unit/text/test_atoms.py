import random
import unicodedata

import pytest

from nmt.text.atoms import find_atoms
from nmt.text.words import UNSPACED, is_word_character


@pytest.mark.parametrize(
    ("text", "atoms"),
    [
        ("L'été 2024, déjà!", ["L", "'", "été", "2024", ",", "déjà", "!"]),
        ("e\u0301te\u0301 \u0301a", ["e\u0301te\u0301", "\u0301a"]),  # a mark without a letter before it is a word
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("コーヒー・カップを", ["コーヒー・カップ", "を"]),
        ("👍🏽 ok\u200bok", ["👍", "🏽", "ok\u200bok"]),
        (" \t\n", []),
    ],
)
def test_atoms_are_words_marks_and_characters(text, atoms):
    assert [text[begin:end] for begin, end in find_atoms(text)] == atoms


def find_atoms_slowly(text):
    """The atoms, character by character."""
    spans, previous = [], ""
    for place, character in enumerate(text):
        is_attached = bool(spans) and spans[-1][1] == place
        is_mark = unicodedata.category(character)[0] == "M" or unicodedata.category(character) == "Cf"
        if character.isspace():
            previous = ""
            continue
        if character in "ー・" or "\u30a0" <= character <= "\u30ff" or "\uff66" <= character <= "\uff9f":
            kind = "katakana"
        elif is_mark:
            kind = previous if is_attached else "word"
        elif UNSPACED.match(character):
            kind = "unspaced"
        else:
            kind = "word" if is_word_character(character) else "other"
        joins = is_attached and (is_mark or (kind == previous and kind in ("word", "katakana")))
        spans[-1:] = [(spans[-1][0], place + 1)] if joins else [*spans[-1:], (place, place + 1)]
        previous = kind
    return spans


@pytest.mark.parametrize("seed", range(20))
def test_atoms_are_those_that_are_found_character_by_character(seed):
    chance = random.Random(seed)
    pool = "aZ9é_-.'!  \n\tー・カヮﾊﾞ゙\u0301\u0308\u200c\u200d\u00ad日本กิ်ကျ\u3099\ufe0f🙂\u2060ßω"
    for _ in range(200):
        text = "".join(chance.choice(pool) for _ in range(chance.randint(0, 12)))
        assert find_atoms(text) == find_atoms_slowly(text), ascii(text)
