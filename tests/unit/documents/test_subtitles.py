from itertools import pairwise

import numpy as np
import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.division import divide_target
from nmt.documents.document import Languages
from nmt.documents.segment import Segment
from nmt.documents.subtitles import SrtDocument, VttDocument, wrap
from nmt.errors import DataError
from nmt.text.atoms import find_atoms


def read(text: str, kind=SrtDocument, languages=SPACED, encoding="utf-8"):
    return kind(text.encode(encoding), "a.srt", languages)


def cue(number: int, text: str, start: str = "", stop: str = "") -> str:
    start, stop = start or f"00:00:{2 * number:02},000", stop or f"00:00:{2 * number + 1:02},500"
    return f"{number}\n{start} --> {stop}\n{text}\n\n"


def texts(document) -> list[str]:
    return [unit.segment.text for unit in document.units]


@pytest.mark.parametrize(
    ("cues", "units"),
    [
        (["One.", "Two."], ["One.", "Two."]),
        (["This is a", "sentence."], ["This is a sentence."]),
        (["Well...", "and on", "it goes."], ["Well... and on it goes."]),
        (["Two\nlines"], ["Two lines"]),
        (["- Who?\n- Me.", "You."], ["Who?", "Me.", "You."]),
        (["So\n- Who,\nyou", "or me?"], ["So", "Who, you or me?"]),
        (["♪ la la ♪", "12:30", "one"], ["la la", "one"]),
        (["<i>one</i>", "{\\an8}two."], ["one two."]),
        (["“Go.”", "Yes."], ["“Go.”", "Yes."]),
        (["行く。", "来る", "人"], ["行く。", "来る 人"]),
        (["ខ។", "គ", "ཀ།", "ཁ", "ہے۔", "وہ"], ["ខ។", "គ ཀ།", "ཁ ہے۔", "وہ"]),
        ([""], []),
        (["one\n\ntwo"], ["one two"]),  # a blank line inside
        (["One.\n\nTwo."], ["One.", "Two."]),
        (["one", "", "two"], ["one", "two"]),
        # captions, in brackets of any kind
        (["the [door]", "[DOOR OPENS]", "is open"], ["the [door]", "DOOR OPENS", "is open"]),
        (["He is", "(laughs\nloudly)", "here"], ["He is", "laughs loudly", "here"]),
        (["（拍手）", "来る", "［風の音］\n人", "【一年後】", "猫"], ["拍手", "来る", "風の音", "人", "一年後", "猫"]),
        (["<i>[rain]</i>\nIt", "{\\an8}- (sighs)\nis"], ["rain", "It", "sighs", "is"]),
        (["(one) two (three)", "four (five"], ["(one) two (three) four (five"]),
        (["<i>♪ la\nle ♪</i>", "so", "# li lo #\n*cough*"], ["la le", "so", "li lo", "cough"]),
        (["[...]", "♪♪", "a"], ["a"]),
        (["so", "[one", "two]", "or"], ["so", "[one two]", "or"]),
        (["he (the", "one) is", "（二", "三）", "四"], ["he (the one) is", "（二 三）", "四"]),
        # speakers
        (["we", "JOHN: you", "and I", "MARY (O.S.): no"], ["we", "you and I", "no"]),
        (["- ÉMILE : oui", "non", "ИВАН: да", ">> ja"], ["oui non", "да", "ja"]),
        (["— one\n– two", "‐ three"], ["one", "two", "three"]),
        (
            ["DR. DE LA: a", "ALL THAT I WANT: THIS", "NO, I: b", "LI (on the phone): c", "[MO]: d"],
            ["a ALL THAT I WANT: THIS NO, I: b", "c", "d"],
        ),
        (["so John: yes", "at 12:30", "he"], ["so John: yes at 12:30 he"]),
        (["WWW: XYZ://A.B"], ["XYZ://A.B"]),
    ],
)
def test_sentences_are_joined_across_cues(cues, units):
    assert texts(read("".join(cue(number, text) for number, text in enumerate(cues, 1)))) == units


def test_cues_far_apart_or_at_the_same_time_are_not_joined():
    far = cue(1, "one") + cue(2, "two", "00:01:00,000", "00:01:01,000")
    assert texts(read(far)) == ["one", "two"]
    assert texts(read(cue(1, "one") + cue(2, "two", "00:00:05,500", "00:00:06,000"))) == ["one", "two"]
    assert texts(read(cue(1, "one") + cue(2, "two", "00:00:05,400", "00:00:06,000"))) == ["one two"]
    document = read(cue(1, "one", "00:00:01,000", "00:00:04,000") + cue(2, "two", "00:00:03,000", "00:00:05,000"))
    assert texts(document) == ["one", "two"]
    assert document.notes == ["a.srt: 1 cue begins before the one before it ends, in line 6; times stay as they are"]
    backward = "".join(cue(number, "x", "00:00:09,000", "00:00:01,000") for number in (1, 2))
    assert read(backward).notes == ["a.srt: 2 cues end before they begin, the first in line 2; times stay as they are"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "1\r\n00:00:01,000 --> 00:00:02,000 X1:5\r\none\r\n\r\n",
            "1\r\n00:00:01,000 --> 00:00:02,000 X1:5\r\nONE\r\n\r\n",
        ),
        (cue(1, "<i>one</i> two") + cue(2, "{\\an8}three."), cue(1, "<i>ONE</i> TWO") + cue(2, "{\\an8}THREE.")),
        (cue(1, "a & b < c"), cue(1, "A & B < C")),
        (cue(1, "- one\n- two"), cue(1, "- ONE\n- TWO")),
        (
            "\ufeff00:01 --> 00:02\none\n\n\n00:03 --> 00:04\ntwo",
            "\ufeff00:01 --> 00:02\nONE\n\n\n00:03 --> 00:04\nTWO",
        ),
        (cue(1, "12 %"), cue(1, "12 %")),
        (cue(1, "by www.a.b/c d") + cue(2, "http://e.f"), cue(1, "BY www.a.b/c D") + cue(2, "http://e.f")),
        (cue(1, "a b.\n\nc") + cue(2, "[d e]\nf"), cue(1, "A B.\n\nC") + cue(2, "[D E]\nF")),
        (cue(1, "a\n \n\nb") + cue(2, "（c）"), cue(1, "A\n \n\nB") + cue(2, "（C）")),
        (
            cue(1, "<i>♪ a\r\nb ♪</i>") + cue(2, "- JO: a\n- (b)"),
            cue(1, "<i>♪ A\r\nB ♪</i>") + cue(2, "- JO: A\n- (B)"),
        ),
    ],
)
def test_text_is_translated_and_all_else_stays(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


def test_webvtt_keeps_its_blocks_and_settings():
    text = (
        "WEBVTT - title\nX: y\n\nSTYLE\n::cue { color: red }\n\nNOTE\na --> b\nnote\n\nintro\n"
        "00:01.000 --> 00:02.000 line:0\n<v Ann>Tom &amp; I <c.loud>went</c>\n\n"
        "00:02.500 --> 01:00:03.000\nhome. &lt;3\n"
    )
    document = read(text, VttDocument)
    assert texts(document) == ["Tom & I went home. <3"]
    assert shout(document) == text.replace("Tom &amp; I", "TOM &amp; I").replace(">went<", ">WENT<").replace(
        "home. ", "HOME. "
    )


def test_another_voice_begins_another_sentence():
    voices = ("<v Ann>so", "we", "<v Bo>you <v.loud Cy>and I", "<v Cy>or</v>", "he", "<v Ann>no")
    cues = "".join(f"\n00:0{place}.000 --> 00:0{place}.900\n{voice}\n" for place, voice in enumerate(voices))
    document = read(f"WEBVTT\n{cues}", VttDocument)
    assert texts(document) == ["so we", "you", "and I or he", "no"]
    assert shout(document) == f"WEBVTT\n{cues}".replace("so\n", "SO\n").replace("we", "WE").replace(
        "you", "YOU"
    ).replace("and I", "AND I").replace("or<", "OR<").replace("he", "HE").replace("no", "NO")


def test_a_cue_of_webvtt_ends_where_the_next_times_are():
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\none\n00:02.000 --> 00:03.000\ntwo\n"
    assert [cue.line for cue in read(text, VttDocument).find_cues("")] == [3, 5]
    assert shout(read(text, VttDocument)) == text.replace("one", "ONE").replace("two", "TWO")


def test_words_return_to_the_cue_that_they_come_from():
    text = cue(1, "<b>one</b> two") + cue(2, "three four five.")
    swapped = WordTranslator(lambda word: f"{word}{word}")
    assert translate_document(read(text), swapped).decode() == cue(1, "<b>oneone</b> twotwo") + cue(
        2, "threethree fourfour five.five."
    )


def test_divisions_follow_the_weights_and_else_the_lengths():
    def divide(source, target, cuts, links):
        atoms = find_atoms(source), find_atoms(target)
        weights_YX = np.zeros((len(atoms[1]), len(atoms[0])))
        for x, y in links:
            weights_YX[y, x] = 1
        places, share = divide_target(weights_YX, cuts, *atoms, target)
        bounds = [0, *places, len(atoms[1])]
        parts = [atoms[1][begin:end] for begin, end in pairwise(bounds)]
        return [target[part[0][0] : part[-1][1]] if part else "" for part in parts], share

    links = [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert divide("a b c d", "e f g h", [1], links) == (["e", "f g h"], 1.0)
    assert divide("a b c d", "e f g h", [3], links) == (["e f g", "h"], 1.0)
    assert divide("a b c d", "ee ff gg hh", [2], [])[0] == ["ee ff", "gg hh"]
    assert divide("a b c d", "one, two", [2], [])[0] == ["one,", "two"]  # not before a mark
    assert divide("a b", "one", [1], [(0, 0)])[0] in (["one", ""], ["", "one"])  # too few words
    assert divide("aa bb cc dd", "私は昨日、猫を見た", [2], [])[0] == ["私は昨日、", "猫を見た"]
    assert divide("a b c d e f", "u v w x y z", [2, 4], [(n, 5 - n) for n in range(6)])[0] == ["u v", "w x", "y z"]


@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("one two", 1, "one two"),
        ("one two three", 2, "one two\nthree"),
        ("one", 2, "one"),
        ("a b c d e f", 3, "a b\nc d\ne f"),
        ("x" * 30 + " " + "y" * 30, 1, "x" * 30 + "\n" + "y" * 30),  # too wide for one line
        ("猫が好き。犬も好き。", 2, "猫が好き。\n犬も好き。"),
        ("", 2, ""),
    ],
)
def test_lines_of_a_cue_are_about_as_wide_as_each_other(text, lines, expected):
    assert "".join(wrap([text], lines)) == expected


def test_tags_of_a_cue_stay_in_it_and_lines_are_kept():
    text = cue(1, "<i>one two\nthree</i>") + cue(2, "four <b>five</b>\nsix seven.")
    assert shout(read(text)) == cue(1, "<i>ONE TWO\nTHREE</i>") + cue(2, "FOUR <b>FIVE</b>\nSIX SEVEN.")
    [unit] = read(text).units
    assert unit.labels == ("<i>", "next cue", "<b>")
    assert unit.dividers == {1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <ruby>b<rt>c d</rt></ruby> e", "E <ruby>B<rt>c d</rt></ruby> A"),
        ("a <ruby.x>b<rt.y>c <i>d</i>.</ruby> e", "E <ruby.x>B<rt.y>c <i>d</i>.</ruby> A"),  # the end tag is left out
        ("a <ruby>b<rp>(<rt>c<rp>)</ruby> e", "E <ruby>B<rp>(<rt>c<rp>)</ruby> A"),
    ],
)
def test_readings_stay_beside_their_words(text, expected):
    document = read(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n", VttDocument)
    assert texts(document) == ["a b e"]
    written = translate_document(document, WordTranslator(str.upper, is_reversing=True)).decode()
    assert written == f"WEBVTT\n\n00:01.000 --> 00:02.000\n{expected}\n"


def test_other_encodings_are_those_of_the_language():
    russian = Languages("ru", "en")
    document = read(cue(1, "Привет, мир"), languages=russian, encoding="windows-1251")
    assert texts(document) == ["Привет, мир"]
    assert document.notes == ["a.srt is not UTF-8: it is read as windows-1251, and written so if that is possible"]
    assert document.write([unit.segment for unit in document.units]) == cue(1, "Привет, мир").encode("windows-1251")
    assert document.write([Segment("日本")]) == cue(1, "日本").encode()
    assert texts(read(cue(1, "café"), encoding="windows-1252")) == ["café"]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("hello\n", SrtDocument, "a.srt has no cues: it is not SubRip"),
        (
            "1\n00:00:01,000 --> soon\none\n",
            SrtDocument,
            'a.srt, line 2: "00:00:01,000 --> soon" has no times of SubRip\n',
        ),
        ("1\n00:00 --> 00:01\none\n", VttDocument, 'a.srt does not begin with "WEBVTT", so it is not WebVTT'),
        (
            "WEBVTT\n\n1 --> 2\none",
            VttDocument,
            'a.srt, line 3: "1 --> 2" has no times of WebVTT\n  They look like 00:',
        ),
    ],
)
def test_what_is_wrong_is_told(text, kind, message):
    with pytest.raises(DataError) as caught:
        read(text, kind)
    assert str(caught.value).startswith(message)


def test_text_with_an_arrow_is_text():
    assert texts(read(cue(1, "a --> b, then"))) == ["a --> b, then"]
