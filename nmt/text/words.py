"""Words, word boundaries and blank lines in any script."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

JOINERS = "\u200c\u200d"  # zero-width joiners and non-joiners, which occur inside words
EMOJI_MARKS = "\ufe0e\ufe0f\u20e3"  # a word may begin after them: ☎️123
SEPARATED = re.compile("[^ \t]+")
UNSPACED = re.compile(  # scripts without blanks between words
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u1950-\u19df\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"  # Tai Le, New Tai Lue, Tai Tham, Shan, Khamti, Tai Viet
    "\ua980-\ua9df\u1b00-\u1b7f"  # Javanese, Balinese
    "\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # kana, Bopomofo
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"  # Han, narrow katakana
)


def split_words(line: str) -> list[str]:
    """The words between which there are links: what stands between spaces and tabs.

    As in fast_align, GIZA++ and Moses, every other blank is a part of a word, such as the no-break space of "10 000".
    """
    return SEPARATED.findall(line)


def find_inner_blank(line: str) -> str | None:
    """The first blank inside a word, or None. There the words are others than those of Python's `split`."""
    for word in split_words(line):
        if word.split() != [word.strip()]:
            return next(filter(str.isspace, word.strip() or word))
    return None


def is_blank(line: str) -> bool:
    """Whether a line has no visible character: it is empty, or has only white space, controls and format marks."""
    return all(character.isspace() or unicodedata.category(character) in ("Cc", "Cf") for character in line)


def is_word_character(character: str) -> bool:
    """Whether a character is a letter, a digit, a mark on a letter, or a joiner between letters."""
    return character.isalnum() or character in JOINERS or unicodedata.category(character)[0] == "M"


def is_boundary(before: str, after: str) -> bool:
    """Whether one word can end with `before` and another begin with `after`; "" stands for an end of the text.

    In a script without blanks between words, a word can begin with every character except marks.
    """
    if not (before and after and is_word_character(before) and is_word_character(after)):
        return True
    if after in JOINERS or unicodedata.category(after)[0] == "M":
        return False
    return before in EMOJI_MARKS or bool(UNSPACED.match(before) or UNSPACED.match(after))


def count_phrase(text: str, phrase: str) -> int:
    """The number of times a text contains a phrase as whole words, without overlaps."""
    return sum(1 for _ in find_phrase(text, phrase))


def find_phrase(text: str, phrase: str) -> Iterator[int]:
    """Where a text contains a phrase as whole words, without overlaps."""
    begin = text.find(phrase)
    while begin >= 0:
        end = begin + len(phrase)
        if is_whole := is_whole_words(text, begin, end):
            yield begin
        begin = text.find(phrase, end if is_whole else begin + 1)


def is_whole_words(text: str, begin: int, end: int) -> bool:
    """Whether a part of a text begins where a word can begin, and ends where one can end."""
    before, first, last, after = text[max(0, begin - 1) : begin], text[begin], text[end - 1], text[end : end + 1]
    return is_boundary(before, first) and is_boundary(last, after)


def find_texts(text: str, wanted: Sequence[str]) -> list[tuple[int, int]]:
    """The (begin, end) of each occurrence of one of several texts as whole words. Overlaps belong to the longest."""
    found: list[tuple[int, int]] = []
    for one in sorted(wanted, key=len, reverse=True):
        spans = [(begin, begin + len(one)) for begin in find_phrase(text, one)]
        found += [span for span in spans if is_apart(span, found)]
    return found


def match_texts(text: str, wanted: Sequence[Sequence[str]]) -> list[str | None]:
    """For each group of texts one that `text` contains as whole words, apart from those of the other groups; or None.

    What is longer is found first.
    """
    found: list[str | None] = [None] * len(wanted)
    taken: list[tuple[int, int]] = []
    for one, n in sorted(((one, n) for n, group in enumerate(wanted) for one in group), key=lambda each: -len(each[0])):
        spans = ((begin, begin + len(one)) for begin in find_phrase(text, one))
        if found[n] is None and (span := next((span for span in spans if is_apart(span, taken)), None)):
            found[n] = one
            taken.append(span)
    return found


def is_apart(span: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
    """Whether a part of a text does not overlap with other parts."""
    return all(span[1] <= begin or end <= span[0] for begin, end in others)
