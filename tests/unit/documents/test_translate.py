from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support.documents import SPACED, WordTranslator, translate_document, translate_units

from nmt.documents.document import Languages, Unit
from nmt.documents.files import DocumentReport, report_units, translate_files
from nmt.documents.formats import parse_document
from nmt.documents.html import HtmlDocument
from nmt.documents.joining import follow_blanks, group_sentences, restore_blanks
from nmt.documents.labels import LINE_END
from nmt.documents.plain import TextDocument
from nmt.documents.projection import Projection
from nmt.documents.segment import Mark, Segment
from nmt.documents.translate import split_sentences, translate_documents
from nmt.progress import Progress, format_count
from nmt.translation.memory import MemoryTranslator, TranslationMemory


def translate(text: str, translator: WordTranslator, languages: Languages = SPACED) -> str:
    return translate_document(TextDocument(text.encode(), "a.txt", SPACED), translator, languages).decode()


def test_sentences_are_translated_one_by_one():
    translator = WordTranslator(is_reversing=True)
    assert translate("Go now.  Stay here!\n\n42. Who is it?", translator) == "now. Go  here! Stay\n\n42. it? is Who"
    assert translator.lines == ["Go now.", "Stay here!", "Who is it?"]


@pytest.mark.parametrize(
    ("text", "language", "sentences"),
    [
        ("Dr. Li came. He left.", "en", ["Dr. Li came.", "He left."]),
        ("始まり。終わり。", "ja", ["始まり。", "終わり。"]),
        ("3.5 % (!)", "en", []),
        ("\ufeffOne.\u200b Two.\x07\xad\n\u200fThree.\u200d", "en", ["One.", "Two.", "Three."]),
        ("Go \U0001f3f4\U000e0067\U000e0062\U000e007f", "en", ["Go \U0001f3f4\U000e0067\U000e0062\U000e007f"]),
    ],
)
def test_sentences_with_letters_are_found(text, language, sentences):
    assert [text[begin:end] for begin, end in split_sentences(text, language)] == sentences


def test_blanks_between_sentences_are_those_of_the_target_language():
    to_english = WordTranslator(lambda word: "Yes.")
    assert translate("はい。はい。", to_english, Languages("ja", "en")) == "Yes. Yes."
    assert translate("はい。\u200bはい。", to_english, Languages("ja", "en")) == "Yes.\u200b Yes."
    to_japanese = WordTranslator(lambda word: "はい。")
    assert translate("Yes. Yes.", to_japanese, Languages("en", "ja", is_target_spaced=False)) == "はい。はい。"


@pytest.mark.parametrize(
    "invisible", ["\u200b", "\ufeff", "\xad", "\u200e", "\u200f", "\u200d", "\u2060", "\x07", "\x9f"]
)
def test_invisible_characters_between_sentences_stay_with_the_blanks(invisible):
    for text in (
        f"The man.{invisible} The dog.",
        f"The man. {invisible}The dog.",
        f"{invisible}The man. The dog.{invisible}",
    ):
        assert translate(text, WordTranslator(str.upper)) == text.upper()
        translator = WordTranslator()
        translate(text, translator)
        assert translator.lines == ["The man.", "The dog."]


def test_a_tag_may_hold_parts_of_two_sentences():
    segment = Segment.join(["One two. ", Mark(0, "open"), "Three. Four", Mark(0, "close"), " five."])

    class OneUnit:
        units, notes = [Unit(segment, ("<b>",), 1)], []

    [found] = translate_units(OneUnit(), WordTranslator(str.upper), SPACED)
    expected = Segment.join(["ONE TWO. ", Mark(0, "open"), "THREE. FOUR", Mark(0, "close"), " FIVE."])
    assert (found.segment, found.weak_tags) == (expected, [])
    assert [one.text for one in found.sentences] == ["ONE TWO.", "THREE.", "FOUR FIVE."]


def test_doubts_have_places_in_the_unit_and_its_translation():
    parts = ["Page 7 is ", Mark(0, "single"), " red. It is late."]
    segment = Segment.join(parts)

    class OneUnit:
        units, notes = [Unit(segment, ("<img>",), 1)], []

    double = WordTranslator(lambda word: {"red.": "red", "is": "red", "7": "8"}.get(word, word), is_reversing=True)
    [found] = translate_units(OneUnit(), double, SPACED)
    assert found.segment.text == "red red  8 Page late. red It"  # a blank on each side of the tag
    texts = {"source": segment.text, "target": found.segment.text}
    assert [(one.text, one.reason) for one in found.doubts] == [
        ("red", "repeated"),
        ("7", "number not in translation"),
        ("8", "number not in source"),
    ]
    assert [texts[one.side][one.begin : one.end].strip() for one in found.doubts] == ["red", "7", "8"]
    assert found.annotate().doubts[0] == '"red" (repeated)'
    assert found.confidence == 1.0
    spans = found.align().target_spans
    assert [found.segment.text[begin:end].strip() for begin, end in spans] == found.segment.text.split()


def test_a_unit_that_no_model_translated_has_no_confidence():
    memory = MemoryTranslator(WordTranslator(str.upper), TranslationMemory({"Go on! (42)": "Weiter! (42)"}))
    document = TextDocument(b"Go on! (42)\n\nStop.\n\n", "a.txt", SPACED)
    [known, other] = translate_units(document, memory, SPACED)
    assert (known.segment.text, known.confidence, known.annotate().is_known) == ("Weiter! (42)", None, True)
    assert (other.segment.text, other.confidence) == ("STOP.", 1.0)


def test_documents_are_read_only_as_far_as_needed_and_come_in_order():
    read = []

    def documents():
        for number in range(5):
            read.append(number)
            yield TextDocument(f"word {number}\n\n".encode() if number != 2 else b"", "a.txt", SPACED)

    stream = translate_documents(documents(), WordTranslator(), SPACED)
    next(stream)
    assert read == [0]
    assert len(list(stream)) == 4
    assert list(translate_documents([], WordTranslator(), SPACED)) == []


PERCENT, BOLD, END = Mark(0, "single"), Mark(3, "open"), Mark(3, "close")


@pytest.mark.parametrize(
    ("source", "translation", "expected"),
    [
        (["a ", Mark(0, "single"), " b"], ["A ", Mark(0, "single"), "B"], ["A ", Mark(0, "single"), " ", "B"]),
        (["a ", Mark(0, "single"), " b"], ["A", Mark(0, "single"), "B"], ["A", " ", Mark(0, "single"), " ", "B"]),
        (["a", Mark(0, "single"), " b"], ["A", Mark(0, "single"), "B"], ["A", Mark(0, "single"), " ", "B"]),
        (["a ", Mark(0, "single"), " b"], ["A", Mark(0, "single"), "."], ["A", " ", Mark(0, "single"), "."]),
        (["a ", Mark(0, "single"), "."], ["A ", Mark(0, "single"), "B."], ["A ", Mark(0, "single"), " ", "B."]),
        ([Mark(0, "single"), " a b"], ["A", Mark(0, "single"), " B"], ["A", " ", Mark(0, "single"), " B"]),
        (["a-", Mark(0, "single"), "b"], ["A-", Mark(0, "single"), "B"], ["A-", Mark(0, "single"), "B"]),
        (["a ", Mark(0, "single"), " b"], ["始", Mark(0, "single"), "ま"], ["始", Mark(0, "single"), "ま"]),
        (["a ", Mark(0, "open"), " b", Mark(0, "close")],) + (["A", Mark(0, "open"), "B", Mark(0, "close")],) * 2,
        (
            ["a ", PERCENT, " ", Mark(1, "single"), "!"],
            ["A ", PERCENT, Mark(1, "single"), "!"],
            ["A ", PERCENT, " ", Mark(1, "single"), "!"],
        ),
        (["a ", PERCENT, Mark(1, "single"), "!"],) + (["A ", PERCENT, Mark(1, "single"), "!"],) * 2,
        (
            ["a ", PERCENT, Mark(1, "single"), " b"],
            ["A ", PERCENT, Mark(1, "single"), "B"],
            ["A ", PERCENT, Mark(1, "single"), " ", "B"],
        ),
        (["a.", PERCENT, " ", Mark(2, "single"), "b"],) + (["A.", PERCENT, Mark(2, "single"), "."],) * 2,  # a line end
        # outside of the pairs that begin or end there
        (
            ["a ", BOLD, "b ", PERCENT, END, " c"],
            ["A ", BOLD, "B", PERCENT, END, "C"],
            ["A ", BOLD, "B", " ", PERCENT, END, " ", "C"],
        ),
        (
            ["a ", BOLD, PERCENT, " b", END, " c"],
            ["A", BOLD, PERCENT, "B", END, " C"],
            ["A", " ", BOLD, PERCENT, " ", "B", END, " C"],
        ),
        (["a ", BOLD, "b ", PERCENT, END, ", c"],) + (["A ", BOLD, "B ", PERCENT, END, ", C"],) * 2,
        (
            ["a ", PERCENT, " ", BOLD, Mark(1, "single"), " b", END],
            ["A ", PERCENT, BOLD, Mark(1, "single"), " B", END],
            ["A ", PERCENT, " ", BOLD, Mark(1, "single"), " B", END],
        ),
        # a pair without text is as an unpaired tag
        (["a ", BOLD, END, " b"], ["A ", BOLD, END, "B"], ["A ", BOLD, END, " ", "B"]),
        (["a ", BOLD, END, " b"], ["A", BOLD, END, " B"], ["A", " ", BOLD, END, " B"]),
        (["a", BOLD, END, " b"], ["A", BOLD, END, "B"], ["A", BOLD, END, " ", "B"]),
        (["a ", BOLD, END, "b"],) + (["A ", BOLD, END, "B"],) * 2,
        (["a ", BOLD, PERCENT, END, " b"], ["A", BOLD, PERCENT, END, "B"], ["A", " ", BOLD, PERCENT, END, " ", "B"]),
        (["a ", PERCENT, BOLD, END, " b"], ["A ", PERCENT, BOLD, END, "B"], ["A ", PERCENT, BOLD, END, " ", "B"]),
    ],
)
def test_a_tag_that_stands_for_a_word_has_blanks_beside_it(source, translation, expected):
    unit = Unit(Segment.join(source), ("%s", "%d", LINE_END, "<b>"), 1)
    assert restore_blanks(unit, Segment.join(translation)) == Segment.join(expected)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("markdown", "**the dog `rex`** runs", "**THE DOG `rex`** RUNS"),
        ("markdown", "a ~~dog ![](x)~~ runs", "A ~~DOG ![](x)~~ RUNS"),
        ("markdown", "[dog http://x.y](b) runs", "[DOG http://x.y](b) RUNS"),
        ("html", "<p>the <b>dog <i><code>rex</code></i></b> runs", "<p>THE <b>DOG <i><code>rex</code></i></b> RUNS"),
        (
            "html",
            "<p>a <span class=icon></span> <b><i></i></b> dog",
            "<p>A <span class=icon></span> <b><i></i></b> DOG",
        ),
    ],
)
def test_blanks_are_outside_of_pairs_that_end_with_a_tag(form, text, expected):
    document = parse_document(text.encode(), "a", SPACED, form)
    assert translate_document(document, WordTranslator(str.upper)).decode() == expected


DITA = '<!DOCTYPE p PUBLIC "-//OASIS//DTD DITA Task//EN" "a"><p>{}</p>'
DOCBOOK = '<para xmlns="http://docbook.org/ns/docbook">{}</para>'


@pytest.mark.parametrize(
    ("around", "text", "line", "expected"),
    [
        (
            DITA,
            "a <menucascade><uicontrol>b</uicontrol><uicontrol>c d</uicontrol></menucascade>.",
            "a b c d.",
            "<menucascade><uicontrol>D. C</uicontrol><uicontrol>B</uicontrol></menucascade> A",
        ),
        (
            DOCBOOK,
            "<keycombo><keycap>Alt</keycap><keycap>1</keycap></keycombo> x",
            "Alt 1 x",
            "X <keycombo><keycap>1</keycap><keycap>ALT</keycap></keycombo>",
        ),
        ("", "x <a>b</a><a>c</a> y", "x b c y", "Y <a>C</a><a>B</a> X"),
        ("", '<b class="a">bc</b><b class="a">de</b> x', "bc de x", 'X <b class="a">DE</b><b class="a">BC</b>'),
        ("", '<b style="a">bc</b><b style="a">de</b> x', "bcde x", None),
        ("", "<b>Note:</b><i>c</i> d", "Note: c d", "D <i>C</i><b>NOTE:</b>"),
        ("", "<b>Mc</b><i>Donald</i> x", "McDonald x", None),
        ("", "<i>a.</i><i>B.</i> x", "a.B. x", None),
        ("", "<b>One:</b><i>two</i> <b>end,</b><i>next</i>", "One: two end, next", None),
        ("", "<b>Bc</b> <i>De</i> x", "Bc De x", "X <i>DE</i> <b>BC</b>"),  # a blank of the document stays
        # of these, one word is or may be marked in parts
        ("", "x <b>un</b>able", "x unable", "<b>UNABLE</b> X"),
        ("", "x <b>un</b><i>able</i>", "x unable", None),
        ("", "x <b>i</b><i>Phone</i>", "x iPhone", None),
        ("", '<b class="a">b</b><b class="a">d</b> x', "bd x", None),
        ("", "<b>e-</b><i>f</i><b> 5.</b><i>0 a.</i><b>b x)</b><i>3</i>", "e-f 5.0 a.b x)3", None),
        ("", "<b>保存</b><i>する</i> x", "保存する x", None),
    ],
)
def test_elements_that_touch_are_separate_words_unless_they_may_be_parts_of_one(around, text, line, expected):
    page = (around or "{}").format(text)
    document = parse_document(page.encode(), "a", SPACED, "xml" if around else "html")
    translator = WordTranslator(str.upper, is_reversing=True)
    translated = translate_document(document, translator).decode()
    assert translator.lines == [line]
    assert expected is None or translated == page.replace(text, expected)
    assert translate_document(document, WordTranslator()).decode() == page


def test_places_in_a_text_are_followed_where_blanks_come_and_go():
    assert list(follow_blanks("a b c", "a bc ")) == [0, 1, 2, 3, 3, 5]
    assert list(follow_blanks("ab c", "a b  c")) == [0, 2, 3, 5, 6]


def test_a_long_text_is_divided_where_no_tag_reaches_across(monkeypatch):
    parts: list[str | Mark] = []
    for number in range(60):
        around = Mark(3 * number, "open"), Mark(3 * number, "close")
        inside = [f"Word{number} ", around[0], f"bold{number}", around[1], Mark(3 * number + 1, "single"), " end. "]
        if number % 10 == 0:  # a pair around three sentences
            parts.append(Mark(3 * number + 2, "open"))
        parts += inside
        if number % 10 == 2:
            parts.append(Mark(3 * (number - 2) + 2, "close"))
    segment = Segment.join([*parts, "Last."])
    labels = tuple(f"<{tag}>" for tag in range(1 + max(mark.tag for _, mark in segment.marks)))
    unit = Unit(segment, labels, 1)
    begins = [segment.text.index(f"Word{number} ") for number in range(60)]
    groups = []
    for limit in (50, 10**6):
        monkeypatch.setattr("nmt.documents.joining.LONG", limit)
        groups.append([(first, stop) for first, stop, _ in group_sentences(unit, begins)])
        assert [placed for _, _, own in group_sentences(unit, begins) for placed in own] == list(segment.marks)
    assert groups[1] == [(0, 60)]
    assert groups[0][:5] == [(0, 3), (3, 6), (6, 9), (9, 13), (13, 16)]  # 10 to 12 are in one pair
    assert groups[0][-1][1] == 60
    monkeypatch.setattr("nmt.documents.joining.LONG", 50)
    [one] = translate_units(Whole([unit]), WordTranslator(str.upper, is_reversing=True), SPACED)
    assert sorted(mark for _, mark in one.segment.marks) == sorted(mark for _, mark in segment.marks)
    for number in range(60):
        begin, end = (place for place, mark in one.segment.marks if mark.tag == 3 * number)
        assert one.segment.text[begin:end] == f"BOLD{number}"


class Whole(NamedTuple):
    """A document of given units."""

    units: Sequence[Unit]
    notes: Sequence[str] = ()


@pytest.mark.parametrize(
    ("page", "tags", "is_left"),
    [
        ("one " + "<b>x</b> " * 300, 300, False),
        ("one " + "<i>y</i> " * 1001, 1001, True),
        ("".join(f"x{number} <b>" for number in range(100)) + "y" + "</b> z" * 100, 100, False),
        ("".join(f"x{number} <u>" for number in range(101)) + "y" + "</u> z" * 101, 101, True),
        ("w1 <br>" + " ".join(f"w{number}" for number in range(3000)), 1, True),
        (" ".join(f"w{number}" for number in range(3000)), 0, False),  # without tags it may have any length
    ],
    ids=["tags", "more tags", "nested", "nested deeper", "long", "long without tags"],
)
def test_a_segment_with_tags_that_cannot_be_placed_stays_as_it_is(page, tags, is_left, monkeypatch):
    monkeypatch.setattr("nmt.documents.joining.project_tags", lambda source, *_: Projection(source, []))  # is slow
    document = HtmlDocument(f"<p>a\n<p>{page}".encode(), "a.html", SPACED)
    assert len(document.units[-1].labels) == tags
    translator = WordTranslator(str.upper)
    units = translate_units(document, translator, SPACED)
    note = "a.html, line 2: a segment stays as it is, because its {} and {:,} characters are too many to be aligned"
    expected = (
        [note.format(format_count(tags, "tag"), len(document.units[-1].segment.text)) + ": divide it"]
        if is_left
        else []
    )
    report = DocumentReport(Path("a.html"), Path("b.html"))
    assert (list(report_units(units, report, None)), report.notes) == (units, expected)
    assert (report.segments, report.left) == (2, int(is_left))
    assert (units[-1].segment == document.units[-1].segment and not units[-1].sentences) == is_left
    assert translator.lines[0] == "a"


def test_a_file_with_such_a_segment_is_written_with_a_note(tmp_path):
    class Notes(Progress):
        def note(self, text):
            notes.append(text)

    notes = []
    (tmp_path / "a.html").write_text("<p>b<p>" + "x <br>" * 1001 + "y")
    [report] = translate_files(
        {tmp_path / "a.html": tmp_path / "out.html"}, WordTranslator(str.upper), SPACED, progress=Notes()
    )
    assert (tmp_path / "out.html").read_text() == "<p>B<p>" + "x <br>" * 1001 + "y"
    [note] = notes
    assert note.startswith(f"nmt: {tmp_path / 'a.html'}, line 1: a segment stays as it is, because its 1,001 tags")
    assert report.segments == 2


class SilentTranslator(WordTranslator):
    """Translates lines in capitals, but those with "x" to nothing."""

    def translate(self, line):
        one = super().translate(line)
        empty = {"text": "", "tokens": ["</s>"], "target_words": [], "target_group_of_piece": []}
        empty |= {"target_group_of_word": [], "attention_blocks": (one.attention_TS[-1:],), "token_log_probs": (-3.0,)}
        return replace(one, **empty, log_prob=-3.0) if "x" in line else one


@pytest.mark.parametrize(
    ("page", "expected", "note"),
    [
        ("<p>x<p>a", "<p>x<p>A", "line 1: 1 sentence from here on has no translation and stays as it is"),
        (
            "<p>a\n<p>x\n<p>x",
            "<p>A\n<p>x\n<p>x",
            "line 2: 2 sentences from here on have no translation and stay as they",
        ),
        ("<p>The xy. Be ca.", "<p>The xy. BE CA.", "line 1: 1 sentence from"),
        ("<p><b>A</b> x <i>a</i> b.", "<p><b>A</b> x <i>a</i> b.", "line 1: 1 sentence from"),
        (
            "<p>Be ca. The xy <b>a</b> bit. Be <i>ca</i>.",
            "<p>BE CA. The xy <b>a</b> bit. BE <i>CA</i>.",
            "line 1: 1 sentence from",
        ),
        ("<p>Be ca<b>. The xy</b> b.", "<p>BE CA<b>. The xy</b> b.", "line 1: 1 sentence from"),
        ('<p title="x">a', '<p title="x">A', "line 1: 1 sentence from"),
    ],
)
def test_text_stays_where_the_model_prefers_no_translation(page, expected, note):
    document = HtmlDocument(page.encode(), "a.html", SPACED)
    report = DocumentReport(Path("a.html"), Path("b.html"))
    units = list(report_units(translate_units(document, SilentTranslator(str.upper), SPACED), report, None))
    assert document.write([one.segment for one in units]).decode() == expected
    report.note_missing()
    assert len(report.notes) == 1
    assert report.notes[0].startswith(f"a.html, {note}")
    doubts = [doubt for one in units for doubt in one.doubts if doubt.reason == "no translation"]
    assert len(doubts) == report.missing
    assert all("x" in doubt.text for doubt in doubts)


def test_doubts_and_alignments_of_a_text_that_stays_have_its_places():
    document = HtmlDocument(b"<p>Be ca. The xy bit. Be ca.", "a.html", SPACED)
    [unit] = translate_units(document, SilentTranslator(str.upper), SPACED)
    [doubt] = unit.doubts
    assert unit.segment.text == "BE CA. The xy bit. BE CA."
    assert (doubt.side, unit.unit.segment.text[doubt.begin : doubt.end]) == ("source", "The xy bit.")
    found = unit.align()
    assert found.source_spans == [(0, 2), (3, 6), (7, 10), (11, 13), (14, 18), (19, 21), (22, 25)]
    assert found.target_spans == found.source_spans
    assert (found.weights_JI == np.eye(7)).all()
    assert 0 < unit.confidence < 1
