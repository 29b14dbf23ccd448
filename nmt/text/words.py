"""Where words begin and end, and which lines are blank, in any script.

Knows characters by what Unicode says of them, and no language.
"""

import re
import unicodedata

JOINERS = "\u200c\u200d"  # zero-width (non-)joiners stand inside words
UNSPACED = re.compile(  # scripts whose words have no blanks between them: Thai to Lao, Burmese, Khmer, Han, kana
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)


def is_blank(line: str) -> bool:
    """Whether a line has nothing that can be seen: no character, or white space, controls and format marks alone."""
    return all(character.isspace() or unicodedata.category(character) in ("Cc", "Cf") for character in line)


def is_word_character(character: str) -> bool:
    """Whether a character is a letter, a digit, a mark on a letter, or a joiner between letters."""
    return character.isalnum() or character in JOINERS or unicodedata.category(character)[0] == "M"


def is_boundary(before: str, after: str) -> bool:
    """Whether a word can end with one character and another can begin with the next; "" is an end of the text.

    In a script without blanks between words that is so before every character but marks.
    """
    if not (before and after and is_word_character(before) and is_word_character(after)):
        return True
    if after in JOINERS or unicodedata.category(after)[0] == "M":
        return False
    return bool(UNSPACED.match(before) or UNSPACED.match(after))


def count_phrase(text: str, phrase: str) -> int:
    """How often a text contains a phrase from the beginning of a word to the end of one, without overlaps."""
    found, begin = 0, text.find(phrase)
    while begin >= 0:
        end = begin + len(phrase)
        before, first, last, after = text[max(0, begin - 1) : begin], phrase[0], phrase[-1], text[end : end + 1]
        is_whole = is_boundary(before, first) and is_boundary(last, after)
        found += is_whole
        begin = text.find(phrase, end if is_whole else begin + 1)
    return found
