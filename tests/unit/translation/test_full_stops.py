"""Sentences are not divided inside numbers and words, after ordinals and abbreviations, or before small letters."""

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
# words and addresses
de Hier ist Dipl.-Ing. Koch.
it Vado a S.Pietro domani.
vi Ở TP.HCM và GS.TS. Nguyễn.
ar وصل أ.د. أحمد.
fr C'est-à-dire, c.-à-d. qu'il dort.
en Call post.ReplyTo.IsOutbound now.
en See index.php?Id=5 now.
en Foo 1.Bar is here.
# titles and names
de Die Fa. Meier und Priv.-Doz. Koch.
de Er traf Hrn. Müller am hl. Abend.
en We met Br. John and Wm. Hall.
fr M. Dupont est là.
fr Mme. Le Goff et Mlle. Durand.
fr Le Dr. Martin et le Pr. Durand.
fr Le plan de J. Dupont et de J.-P. Durand.
es La Dña. Ana y el Cnel. Ruiz.
pt A Profa. Lima e o D. Pedro.
pt A Av. Paulista e a R. Augusta.
it La chiesa di S. Maria.
nl De heer en mevr. De Vries.
nl Ds. Jansen en jhr. Jansen.
da Den sct. Hans.
fi Tuolla on rva. Virtanen.
pl Pan dr. Kowalski i mgr. Nowak.
pl Przy al. Jana i w kościele św. Anny.
pl Pani Ł. Nowak.
cs To je npor. Novák.
ru Это доц. Сидоров и г-н Иванов.
ru Школа им. Горького.
ru Это г-жа. Иванова.
uk Це ген. Петренко.
be Тут вул. Леніна.
sr Ово је проф. Петровић.
sr-Latn Ovo je ul. Ilica.
bg Това е д-р. Петров.
tr Doç. Ali ve Sn. Ayşe.
el Ήρθε ο καθ. Παπάς.
hu Ez Szt. István.
ro Sf. Petru și dl. Popescu.
vi Ở TP. Hồ Chí Minh.
id Di Jl. Sudirman ada Bpk. Ahmad.
ar وصل د. أحمد اليوم.
fa د. احمد آمد.
he פרופ. לוי בא.
he א. ב. יהושע בא.
he א.ב. יהושע בא.
hi आज डॉ. शर्मा आए।
hi आज डॉ.शर्मा आए।
hi श्री. शर्मा और पं. नेहरू।
ne डा. शर्मा आए।
bn ড. ইউনূস এসেছেন।
ta திரு. ராமன் வந்தார்.
te డా. రావు వచ్చారు.
ka დრ. გელაშვილი მოვიდა.
sw Bw. Juma na Bi. Asha.
# abbreviations before capitals
sv Se t.ex. Anna.
sv Se t. ex. Anna.
da Se bl.a. Anna.
nb Se f.eks. Anna.
nl Zie d.w.z. Jan en o.a. Piet.
hr To je npr. Zagreb.
ru Т.е. Иван.
sq Shih p.sh. Tirana.
# abbreviations before numbers
en It costs approx. 5 dollars (approx. $5).
en See vol. 2, vol. IV, and Eq. (4).
it Vedi pag. 5.
pt Veja pág. 5 e n. 4.
es Vea núms. 5 y aprox. 6.
fr Le 5 janv. 1998.
pl Zob. rys. 5.
pl Ma ok. 5 lat.
ru См. рис. 5.
uk Див. рис. 5.
tr Bak şek. 3.
el Δες σελ. 5.
ro Vezi pag. 5.
vi Xem tr. 5.
id Lihat hal. 5.
et Vaata lk. 5.
he ראה עמ. 5.
bn দেখুন পৃ. 5।
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
        ("en", ["It was in 1998. ", "5 men came."]),
        ("en", ["He has a dog. ", "3 cats came."]),
        ("en", ["Open the tab. ", "3 lines appear."]),
        ("fr", ["Il a dit oui. ", "M. Dupont est là."]),
        ("hu", ["Ez egy fa. ", "Anna ül."]),  # German Fa. is a title
        ("en", ["He met Ms. Hall. ", "She left."]),
        ("sv", ["Det regnar. ", "Hon gick."]),
        ("ru", ["Это сказал он. ", "Она ушла."]),
        ("ar", ["ذهب الولد. ", "جاءت البنت."]),
        ("hi", ["वह गया. ", "वह आई."]),
        # words that are no abbreviations there
        ("pl", ["Pomogłem im. ", "Janek też pomógł."]),
        ("pl", ["W lesie żyje lis. ", "5 psów szczeka."]),
        ("sv", ["Jag åt fil. ", "Sedan gick jag hem."]),
        ("tr", ["Işığı yak. ", "5 dakika sonra gel."]),
        ("ro", ["Suntem noi. ", "5 oameni ne așteaptă."]),
        ("en", ["Take off your cap. ", "20 people came."]),
        ("fr", ["C'est de l'art. ", "3 personnes sont venues."]),
    ],
)
def test_a_sentence_ends_at_other_full_stops(language, sentences):
    assert divide("".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Wow!", "Great product!", "I love it."]),
        ("en", ["Really?", "Yes!", "No way."]),
        ("en", ["This is good.", "I like it.", "You should buy it."]),
        ("ru", ["Отличный товар!", "Рекомендую!"]),
        ("de", ["Nach 3 Tagen.", "Dann ging sie."]),
        ("en", ["See post.ReplyTo and System.String now."]),
        ("en", ["Open www.Example.com or page?Id=5 now."]),
        ("it", ["La basilica di S.Pietro è bella."]),
    ],
)
def test_a_blank_may_be_missing_between_sentences_and_not_inside_words(language, sentences):
    pytest.importorskip("sentencex")
    assert divide("".join(sentences), language) == sentences


def test_a_word_that_begins_small_and_has_capitals_begins_a_sentence():
    pytest.importorskip("sentencex")
    assert divide("I like it. iPhone is best.", "en") == ["I like it. ", "iPhone is best."]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["It was I. ", "He left."]),
        ("fr", ["Il prend le plan B. ", "Nous partons."]),
        ("ru", ["Это ген. ", "Он кодирует."]),
        ("fr", ["C'était en 50 av. J.-C. ", "Rome brûla."]),
        ("pl", ["Jest 10 A. ", "Koniec."]),
        ("en", ["He came at 5 p.m. ", "She left."]),
        ("da", ["Han har æbler m.v. ", "Hun gik."]),
        ("el", ["Έχει μήλα κ.ά. ", "Έφυγε."]),
        ("ar", ["كان السعر 5 د. ", "ثم ذهب."]),
        ("ko", ["그는 갔다.", "그녀는 왔다."]),  # without a blank
    ],
)
def test_a_sentence_may_end_with_a_letter_or_an_abbreviation(language, sentences):
    pytest.importorskip("sentencex")
    assert divide("".join(sentences), language) == sentences


def test_sentences_in_thai_may_end_with_full_stops():
    pytest.importorskip("sentencex")
    assert divide("เขาไปโรงเรียนแล้ว. เธออยู่บ้าน.", "th") == ["เขาไปโรงเรียนแล้ว. ", "เธออยู่บ้าน."]
