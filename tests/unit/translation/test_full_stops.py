"""Sentences are not divided inside numbers, after ordinals and abbreviations, or before small letters."""

from itertools import pairwise

import pytest

from nmt.translation import long_lines
from nmt.translation.long_lines import find_sentences


@pytest.fixture(params=["sentencex", "no sentencex"])
def splitter(request, monkeypatch):
    """Sentences are found with the library and without it."""
    if request.param == "sentencex":
        pytest.importorskip("sentencex")
    else:
        monkeypatch.setattr(long_lines, "sentencex", None)


def divide(text, language):
    cuts = [0, *sorted(find_sentences(text, language)), len(text)]
    return [text[begin:end] for begin, end in pairwise(cuts)]


WHOLE = """
# numbers with the digits of every script
hi लंबाई ३.५ मीटर है।
bn ৩.৫ মিটার।
fa ۱.۲۵۰.۰۰۰ نفر.
ar السعر ١.٢٥٠ ريال.
th ราคา ๓.๕ บาท
my ၃.၅ မီတာ
km ៣.៥ ម៉ែត្រ
bo ༣.༥ ཡིན
ja ３．５メートル
ta ௩.௫ மீட்டர்
ne २०७८।०५।१२ मा
# ordinals before small letters
tr Bu 19. yüzyıl güzel.
az Bu 19. əsr gözəldir.
hu A 19. század szép.
pl To 3. klasa.
hr To je 19. stoljeće.
sl To je 19. stoletje.
sr То је 19. век.
nb Det er 3. plass.
is Þetta er 19. öld.
et See on 19. sajand.
lv Tas ir 19. gadsimts.
eu Hau 19. mendea da.
el Στις 3. μαΐου ήρθε.
nl Het is 3. mei.
fi Hän tuli 3. toukokuuta.
tr bu 19. yüzyıl
# and before capitals, in languages that write them so
de Das 19. Jahrhundert.
de-AT Er ist im 19. Jh. geboren.
de Die 1. Frau kam.
de Der 5. Preis.
de Im 18./19. Jahrhundert.
de Der II. Weltkrieg.
de Ihr 100. Geburtstag.
tr 1. Lig başladı.
cs To je 2. Pražské jaro.
hr To je 2. Svjetski rat.
# abbreviations
tr elma, armut vb. şeyler
tr Elma, armut vb. şeyler var.
ru т.е. плоды
bg т.е. плод
ru Он купил т. е. плоды.
sr јабуке и сл. воће
km ក ។ល។
km ក ។ ល ។
th พ.ศ. 2560 ถ.สุขุมวิท จ.เชียงใหม่
th ถ. สุขุมวิท
lo ພ.ສ. 2560
km គ.ស. ២០២០
zh U.S.产品 Dr.佐藤
en U.S.产品
ja Dr.佐藤は来た。
zh 1.产品介绍
"""


@pytest.mark.usefixtures("splitter")
@pytest.mark.parametrize("line", [line for line in WHOLE.strip().splitlines() if not line.startswith("#")])
def test_a_sentence_goes_on_after_a_full_stop_that_ends_none(line):
    language, sentence = line.split(" ", 1)
    assert divide(sentence, language) == [sentence]


@pytest.mark.usefixtures("splitter")
@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["It was in 1998. ", "Then he left."]),
        ("en", ["I am 25. ", "You are 30."]),
        ("de", ["Es war 1998. ", "Dann ging er."]),
        ("de", ["Es war 1998. ", "Menschen gingen."]),
        ("de", ["Er ist 25. ", "Sie ist 30."]),  # no ordinal is before a pronoun
        ("de", ["Im 19. Jahrhundert war es so. ", "Er ging."]),
        ("tr", ["Bu 19. yüzyıl güzel. ", "Ben gittim."]),
        ("ru", ["Это было в 1998. ", "Он ушёл."]),
        ("en", ["it rained here. ", "we stayed."]),  # a line without capitals
        ("ru", ["шёл дождь. ", "мы остались."]),
        ("ka", ["სახლი დიდია. ", "კარი პატარაა."]),  # Georgian has no capitals
        ("ka", ["HTML კარგია. ", "კარი პატარაა."]),
        ("zh", ["成立于1998。", "2000年上市。"]),
        ("ur", ["۳۔۵ میٹر۔ ", "ٹھیک۔"]),
        ("km", ["ក ។ល។ ", "ខ្ញុំទៅ។ ", "ល្អ។"]),
        ("bo", ["ང་རྒྱ་གར་ལ་འགྲོ། ", "ཁོ་ཚང་ལ་སྡོད།"]),
        ("bo", ["བདག། །", "ཁོ། །"]),
    ],
)
def test_a_sentence_ends_at_other_full_stops(language, sentences):
    assert divide("".join(sentences), language) == sentences


def test_a_word_that_begins_small_and_has_capitals_begins_a_sentence():
    pytest.importorskip("sentencex")
    assert divide("I like it. iPhone is best.", "en") == ["I like it. ", "iPhone is best."]


def test_sentences_in_thai_may_end_with_full_stops():
    pytest.importorskip("sentencex")
    assert divide("เขาไปโรงเรียนแล้ว. เธออยู่บ้าน.", "th") == ["เขาไปโรงเรียนแล้ว. ", "เธออยู่บ้าน."]
