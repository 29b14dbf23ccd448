"""The choice of sacreBLEU's tokenizer for BLEU, by the target language or else by the script of the references.

BLEU counts words between blanks. Where words are written without blanks, a whole sentence would be one word.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain, islice, pairwise

from nmt.analysis.metric_settings import AUTO as AUTO
from nmt.analysis.metrics import can_use
from nmt.text.languages import CHINESE, JAPANESE, KOREAN, OTHER_UNSPACED, get_primary_language

FALLBACK = "13a"

BY_LANGUAGE = {
    **dict.fromkeys(CHINESE, "zh"),
    **dict.fromkeys(JAPANESE, "ja-mecab"),
    **dict.fromkeys(KOREAN, "ko-mecab"),
    **dict.fromkeys(OTHER_UNSPACED, "char"),
}
BY_SCRIPT = {  # the first word of a letter's Unicode name
    "CJK": "zh",
    **dict.fromkeys(["HIRAGANA", "KATAKANA"], "ja-mecab"),
    "HANGUL": "ko-mecab",
    **dict.fromkeys(["THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "TAI", "NEW", "JAVANESE", "BALINESE"], "char"),
}
SAMPLED_LINES = 2000
LONGEST_MEAN_WORD = 6  # letters; words of text that was tokenized are shorter, and phrases without blanks are longer


def choose_tokenizer(language: str | None, references: Iterable[str] = ()) -> str:
    """The name of sacreBLEU's tokenizer for references in a language.

    zh for Chinese; ja-mecab for Japanese and ko-mecab for Korean, where the libraries of sacrebleu[ja] and
    sacrebleu[ko] are installed, and char where not; char for Thai, Lao, Khmer, Burmese and Tibetan, whose words have no
    blanks between them either; 13a, sacreBLEU's default, for all others.

    `language` is a code of ISO 639, of which subtags are ignored: zh, zho, zh_CN, zh-Hant. For any other name, as for
    None, the script of the `references` decides.
    """
    found = BY_LANGUAGE.get(get_primary_language(language or "")) or find_by_script(references)
    return "char" if found.endswith("-mecab") and not can_use(found) else found


def resolve_tokenizer(name: str, language: str | None, references: Sequence[Sequence[str | None]]) -> str:
    """The tokenizer `name`, or for `auto` the one for `references` in `language`. None is no reference."""
    lines = (line for line in chain.from_iterable(references) if isinstance(line, str))
    return choose_tokenizer(language, lines) if name == AUTO else name


def find_by_script(references: Iterable[str]) -> str:
    """The tokenizer for the script of most lines, if they have no blanks between words; else 13a.

    Korean has blanks between words, and still its own tokenizer.
    """
    lines, letters, spaced = 0, Counter[str](), Counter[bool]()
    for line in islice(filter(str.strip, references), SAMPLED_LINES):
        lines += 1
        found = Counter(find_tokenizer_of(letter) for letter in line if letter.isalpha())
        foreign = found.pop(FALLBACK, 0)
        if foreign < 2 * found.total():  # a name in Latin letters is longer than what is around it
            letters += found
            blanks = count_inner_blanks(line)
            spaced[blanks > 0 and found.total() < LONGEST_MEAN_WORD * (1 + blanks)] += 1
    if 2 * spaced.total() <= lines:
        return FALLBACK
    if letters["ja-mecab"] > letters["zh"] / 20:  # Japanese has kana among Chinese characters, and Chinese has none
        letters["ja-mecab"] += letters.pop("zh", 0)
    ((chosen, _),) = letters.most_common(1)
    return FALLBACK if spaced[True] > spaced[False] and chosen != "ko-mecab" else chosen


def count_inner_blanks(line: str) -> int:
    """The number of blanks in a line that have a character of a script without blanks on both sides."""
    words = line.split()
    return sum(FALLBACK not in map(find_tokenizer_of, (one[-1], other[0])) for one, other in pairwise(words))


@lru_cache(maxsize=4096)
def find_tokenizer_of(character: str) -> str:
    """The tokenizer for the script of one character."""
    script = re.match("[A-Z]*", unicodedata.name(character, ""))
    return BY_SCRIPT.get(script[0] if script else "", FALLBACK)
