"""The default normalization, as it reaches text that was encoded and decoded."""

import unicodedata

import pytest

from nmt.ids import UNK
from nmt.text.normalization import list_nfc_rules
from nmt.text.subword import Subword, train_subword

WORDS = ["می\u200cروم", "խոսք և", "ทำงาน", "你好，世界！", "ምን", "ក\u200bខ", "ש\u200fא", "ක්\u200dෂ"]
WORDS += ["C\u200e++", "\u061c12", "soft\u00adhyphen", "word\u2060joiner"]  # what the text has is kept


@pytest.fixture(scope="module")
def subword():
    return Subword(train_subword(WORDS * 20, vocab_size=330, subword="bpe"))


@pytest.mark.parametrize(
    "text",
    [
        "کتاب\u200cها را می\u200cبینم",  # Persian: zero-width non-joiner
        "ක්\u200dෂ ശ്രീ\u200d",  # Sinhala, Malayalam: zero-width joiner
        "ខ្ញុំ\u200bទៅ\u200bផ្សារ",  # Khmer: zero-width space between words
        "ב-C\u200e++\u200f!",  # Hebrew: direction marks
        "قال \u061c12",  # Arabic letter mark
        "น้ำ ทำ ຄຳ ໝາ",  # Thai and Lao sara am, Lao ho mo
        "Ես և դու",  # Armenian
        "ㅋㅋㅋ 한글",  # Korean letters on their own
        "你好，世界！（？）：；",  # Chinese punctuation
        "ＡＢＣ１２３ ｱｲｳ～",  # Japanese full and half width
        "№ 5, 2º, 1ª, col·lecció, paral\u0140lel, m², ½, …, ™, µ, ´",
        "bad \ufffd byte",
        "soft\u00adhyphen, word\u2060joiner",
        "ﷺ ﷼",
    ],
)
def test_what_a_language_needs_is_kept(subword, text):
    ids = subword.encode(text)
    assert subword.decode(ids) == text
    assert UNK not in ids


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("cafe\u0301 N\u0303an\u0303o", "café Ñaño"),
        ("Vie\u0323\u0302t Vie\u0302\u0323t Vi\u1eb9\u0302t Vi\u00ea\u0323t", "Việt Việt Việt Việt"),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af \ud558\u11ab", "한글 한"),
        ("\u212b \u2126 \u0958", "Å Ω \u0915\u093c"),  # Angstrom and Ohm signs, and a letter that has no composed form
        ("ﬁn ﬄ ﬓ \ufefb \ufe8e", "fin ffl մն لا ا"),
        ("a\u00a0b\u202fc\u3000d\te\u2028f\u0085g\u2003 h", "a b c d e f g h"),
        ("\ufeffa\x01b\x7fc\x9fd\ufeffe", "abcde"),
        ("a ▁ b", "a b"),
    ],
)
def test_what_a_reader_cannot_tell_apart_becomes_one(subword, text, normal):
    assert subword.decode(subword.encode(text)) == normal


def test_every_character_is_its_nfc_form_or_named_by_the_rules(subword):
    rules = dict(list_nfc_rules())
    for code in {*range(0x21, 0xD800), *range(0xE000, 0x30000)}:
        character = chr(code)
        composed = unicodedata.normalize("NFC", character)
        if rules.get(character, character) != composed:
            is_blank = character.isspace() or character == "▁"
            is_control = unicodedata.category(character) == "Cc" or character == "\ufeff"
            is_form = rules[character] == unicodedata.normalize("NFKC", character) and 0xFB00 <= code <= 0xFEFC
            assert is_blank or is_control or is_form, hex(code)
    for composed in "ÅÇåçéñőűžšộữ각뷁ἄᾧञ़ऩ":
        parts = unicodedata.normalize("NFD", composed)
        expected = unicodedata.normalize("NFC", composed)
        assert rules.get(parts, parts) == expected


@pytest.mark.parametrize(("rule", "decoded"), [("nmt_nfkc", "می روم ทํา ,"), ("nfkc", "می\u200cروم ทํา ,")])
def test_the_help_for_the_other_rules_is_true(rule, decoded):
    subword = Subword(train_subword(WORDS * 20, vocab_size=330, subword="bpe", normalize=rule))
    assert subword.decode(subword.encode("می\u200cروم ทำ ，")) == decoded


def test_making_the_rules_writes_nothing(capfd):
    train_subword(WORDS * 20, vocab_size=330, subword="bpe")
    assert capfd.readouterr() == ("", "")
