"""Codes of languages, in ISO 639-1 to 639-3, and the languages that need their own units of text."""

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
ARABIC_LETTERS = (
    "ar ara arb arz ary apc acm ajp aeb acq ars fa fas per pes prs azb ur urd ps pus pbt sd snd ug uig ckb sdh lrc mzn "
    "glk bal pnb skr khw bgn haz"
)
RIGHT_TO_LEFT_SCRIPTS = "arab hebr syrc thaa nkoo adlm rohg"
OTHER_RIGHT_TO_LEFT = "he heb iw yi yid ydd arc syr aii dv div nqo"
RIGHT_TO_LEFT = frozenset(f"{ARABIC_LETTERS} {OTHER_RIGHT_TO_LEFT}".split())
UNDETERMINED = frozenset(("", "und", "mul", "mis"))
BIBLIOGRAPHIC_CODES = "alb arm baq bur chi dut geo ger gre per tib wel"  # of ISO 639-2/B, with another first letter
SHORT_CODES = "sq hy eu my zh nl ka de el fa bo cy"
SHORT_CODE_OF = dict(zip(BIBLIOGRAPHIC_CODES.split(), SHORT_CODES.split(), strict=True))


def is_other_language(code: str, known: str) -> bool:
    """Whether text marked with a code is in another language than `known`, whatever country and script.

    It is not where its language is undetermined. Codes of two and three letters are of the same language if their first
    letters are the same, as those of "en" and "eng".
    """
    primary = [re.split(r"[-_.@\s]+", one.strip().lower())[0] for one in (code, known)]
    own, other = (SHORT_CODE_OF.get(one, one) for one in primary)
    if own in UNDETERMINED or own == other:
        return False
    return len(own) == len(other) or own[0] != other[:1]


def is_own_language(code: str | None, known: str) -> bool:
    """Whether text is marked with a code of the language `known`, whatever country and script."""
    return (
        bool(code and known) and not is_other_language(code or "", known) and (code or "").lower() not in UNDETERMINED
    )


def matches_language(code: str, wanted: str) -> bool:
    """Whether a language is the wanted one, or one of its kinds: en-US is en."""
    code, wanted = (one.lower().replace("_", "-") for one in (code, wanted))
    return code == wanted or code.startswith(f"{wanted}-")


def format_language(code: str) -> str:
    """A code as documents of the web have it: `pt-BR` for `pt_BR`."""
    return code.replace("_", "-")


def get_primary_language(code: str) -> str:
    """The language of a code such as zh, zh_CN or zh-Hant. Empty where the text is in Latin letters (zh-Latn)."""
    primary, *subtags = re.split(r"[-_.@\s]+", code.strip().lower())
    return "" if "latn" in subtags else primary


def is_right_to_left(code: str) -> bool:
    """Whether the language of a code is written from right to left; its script, as in "ks-Arab", counts first."""
    primary, *subtags = re.split(r"[-_.@\s]+", code.strip().lower())
    scripts = [one for one in subtags if len(one) == 4 and one.isalpha()]
    return scripts[0] in RIGHT_TO_LEFT_SCRIPTS.split() if scripts else primary in RIGHT_TO_LEFT
