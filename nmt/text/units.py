"""Units of a line, between which there are links: words, pieces, characters, or words that ICU finds.

Which units are used, unless a person chooses them, depends on whether text is written without blanks between words.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice, pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from nmt.arguments import check_string
from nmt.errors import Option, UsageError, did_you_mean
from nmt.text.languages import UNSPACED_LANGUAGES, get_primary_language
from nmt.text.normalization import BLANK_PIECE
from nmt.text.words import SEPARATED, UNSPACED

try:
    from icu4py.breakers import WordBreaker
except ImportError:  # the extra `icu` is not installed
    WordBreaker = None  # type: ignore[assignment, misc, unused-ignore]

Span = tuple[int, int]
VISIBLE = re.compile(r"\S(?:.*\S)?", re.DOTALL)
HAS_ICU = WordBreaker is not None
UnitName = Literal["words", "pieces", "characters", "icu-words"]
UNIT_NAMES: tuple[UnitName, ...] = get_args(UnitName)
AUTO = "auto"
LONGEST_MEAN_WORD = 6  # letters
JUDGED_LINES = 10_000  # of a text, which tell how it is written
UNSPACED_LETTER = re.compile(rf"{UNSPACED.pattern}|[\u0f00-\u0fff]")  # Tibetan has marks between syllables


class Units(NamedTuple):
    """The units of one side. `language` is the language of its text, which ICU needs."""

    name: UnitName
    language: str = ""


UnitPair = tuple[Units, Units]  # of source and target
WORDS = Units("words")
BOTH_WORDS = WORDS, WORDS


def choose_units(name: str, language: str, is_unspaced: bool) -> Units:
    """The units called `name`; for "auto", characters where text has no blanks between words, and words elsewhere.

    "icu-words" too are words where text has blanks.

    Raises UsageError for a name that does not exist, and for "icu-words" without the library.
    """
    check_string("units", name)
    if name not in (AUTO, *UNIT_NAMES):
        raise UsageError(
            f'there are no units "{name}"{did_you_mean(name, UNIT_NAMES)}\n  They are {", ".join((AUTO, *UNIT_NAMES))}'
        )
    if name == "icu-words" and WordBreaker is None:
        raise UsageError(Option("units", name), ' needs the extra icu: pip install "nmt[icu]"')
    if name in (AUTO, "icu-words") and not is_unspaced:
        return WORDS
    return Units("characters" if name == AUTO else name, language)  # type: ignore[arg-type]


def is_text_unspaced(lines: Iterable[str]) -> bool:
    """Whether most of the first lines are in a script without blanks between words, and were not split into words.

    Such lines too may have blanks, between phrases. Words have few letters, and phrases have many.
    """
    linguistic, unspaced = 0, 0
    for line in islice(lines, JUDGED_LINES):
        letters = sum(map(str.isalpha, line))
        own = sum(map(str.isalpha, "".join(UNSPACED_LETTER.findall(line))))
        words = sum(bool(UNSPACED_LETTER.search(word)) for word in line.split())
        linguistic += letters > 0
        unspaced += 2 * own > letters and (words == 1 or own >= LONGEST_MEAN_WORD * words)
    return 2 * unspaced > linguistic


def are_words(units: UnitPair) -> bool:
    """Whether the units of both sides are words."""
    return all(one.name == "words" for one in units)


def describe_units(units: UnitPair) -> str:
    """What is linked, as a message; nothing for words."""
    source, target = (one.name for one in units)
    return "" if are_words(units) else f"links are between {source} of the source and {target} of the target"


def is_vocabulary_unspaced(language: str, pieces: Sequence[str], is_joint: bool) -> bool:
    """Whether text is in a script without blanks between words, by its language and the pieces of its subword model.

    The language decides or, where it is another one, the script of most pieces; but with `is_joint` the pieces are of
    two languages.
    """
    texts = [piece.replace(BLANK_PIECE, "") for piece in pieces]
    unspaced = sum(bool(UNSPACED_LETTER.match(text)) for text in texts)
    if get_primary_language(language) in UNSPACED_LANGUAGES:
        return unspaced > 0
    return not is_joint and 2 * unspaced > sum(text[:1].isalpha() for text in texts)


def find_units(text: str, units: Units, pieces: Iterable[Span] = ()) -> list[Span]:
    """The (begin, end) of each unit of a text. `pieces` has those of its pieces, of which some may be empty."""
    match units.name:
        case "words":
            return [word.span() for word in SEPARATED.finditer(text)]
        case "pieces":
            return [found.span() for begin, end in pieces if (found := VISIBLE.search(text, begin, end))]
        case "characters":
            return find_characters(text)
        case "icu-words":
            return find_icu_words(text, units.language)


def find_characters(text: str) -> list[Span]:
    """The characters of a text, each with the marks and joiners after it, without blanks."""
    spans: list[Span] = []
    for place, character in enumerate(text):
        if character.isspace():
            continue
        if spans and spans[-1][1] == place and unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf"):
            spans[-1] = spans[-1][0], place + 1
        else:
            spans.append((place, place + 1))
    return spans


def find_icu_words(text: str, language: str) -> list[Span]:
    """The words and marks that ICU finds in a text, without blanks."""
    ends = accumulate((len(segment) for segment in WordBreaker(text, language)), initial=0)
    return [(begin, end) for begin, end in pairwise(ends) if not text[begin:end].isspace()]


def locate_words(text: str, words: Sequence[str]) -> list[Span]:
    """The (begin, end) of each word, which occur in this order. A word that does not occur is empty."""
    text = text.replace(" ", "\u00a0")  # a blank inside a word is written so
    spans: list[Span] = []
    end = 0
    for word in words:
        begin = text.find(word, end)
        end = end if begin < 0 else begin + len(word)
        spans.append((end if begin < 0 else begin, end))
    return spans


def measure_overlap(spans: Sequence[Span], others: Sequence[Span]) -> NDArray[np.float64]:
    """The number of characters that each of the first spans shares with each of the others."""
    begins, ends = np.array(spans, dtype=float).reshape(-1, 2).T
    other_begins, other_ends = np.array(others, dtype=float).reshape(-1, 2).T
    overlap: NDArray[np.float64] = np.minimum.outer(ends, other_ends) - np.maximum.outer(begins, other_begins)
    return overlap.clip(min=0)
