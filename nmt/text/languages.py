"""Languages that need their own units of text, by their codes in ISO 639-1 to 639-3."""

import re

CODES = (
    "zh zho chi cmn yue wuu nan hak gan hsn cjy mnp cdo czh czo cpx cnp csp lzh och",  # Chinese languages
    "ja jpn",
    "ko kor",
    # Thai, Lao, Khmer, Burmese, Tibetan, Dzongkha, and languages in the same scripts
    "th tha nod tts sou lo lao km khm my mya bur rki shn mnw ksw bo bod tib adx khg dz dzo khb tdd blt",
)
CHINESE, JAPANESE, KOREAN, OTHER_UNSPACED = (frozenset(codes.split()) for codes in CODES)
UNSPACED_LANGUAGES = CHINESE | JAPANESE | OTHER_UNSPACED  # no blanks between words


def get_primary_language(code: str) -> str:
    """The language of a code such as zh, zh_CN or zh-Hant. Empty where the text is in Latin letters (zh-Latn)."""
    primary, *subtags = re.split(r"[-_.@\s]+", code.strip().lower())
    return "" if "latn" in subtags else primary
