import pytest
from support.documents import SPACED, WordTranslator, translate_document

from nmt.documents.document import Languages, Unit
from nmt.documents.files import translate_files
from nmt.documents.html import HtmlDocument
from nmt.documents.plain import TextDocument
from nmt.documents.projection import Projection
from nmt.documents.segment import Mark, Segment
from nmt.documents.translate import describe_left_units, restore_blanks, split_sentences, translate_documents
from nmt.progress import Progress


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
    ],
)
def test_sentences_with_letters_are_found(text, language, sentences):
    assert [text[begin:end] for begin, end in split_sentences(text, language)] == sentences


def test_blanks_between_sentences_are_those_of_the_target_language():
    to_english = WordTranslator(lambda word: "Yes.")
    assert translate("はい。はい。", to_english, Languages("ja", "en")) == "Yes. Yes."
    to_japanese = WordTranslator(lambda word: "はい。")
    assert translate("Yes. Yes.", to_japanese, Languages("en", "ja", is_target_spaced=False)) == "はい。はい。"


def test_a_tag_may_hold_parts_of_two_sentences():
    segment = Segment.join(["One two. ", Mark(0, "open"), "Three. Four", Mark(0, "close"), " five."])

    class OneUnit:
        units, notes = [Unit(segment, ("<b>",), 1)], []

    [(_, [found])] = translate_documents([OneUnit()], WordTranslator(str.upper), SPACED)
    expected = Segment.join(["ONE TWO. ", Mark(0, "open"), "THREE. FOUR", Mark(0, "close"), " FIVE."])
    assert (found.segment, found.weak_tags) == (expected, [])
    assert [one.text for one in found.sentences] == ["ONE TWO.", "THREE.", "FOUR FIVE."]


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
    ],
)
def test_a_tag_that_stands_for_a_word_has_blanks_beside_it(source, translation, expected):
    assert restore_blanks(Segment.join(source), Segment.join(translation)) == Segment.join(expected)


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
    monkeypatch.setattr("nmt.documents.translate.project_tags", lambda source, *_: Projection(source, []))  # is slow
    document = HtmlDocument(f"<p>a\n<p>{page}".encode(), "a.html", SPACED)
    assert len(document.units[-1].labels) == tags
    translator = WordTranslator(str.upper)
    [(_, units)] = translate_documents([document], translator, SPACED)
    note = (
        "a.html, line 2: a segment stays as it is, because its {:,} tags and {:,} characters are too many to be aligned"
    )
    expected = [note.format(tags, len(document.units[-1].segment.text)) + ": divide it"] if is_left else []
    assert describe_left_units("a.html", units) == expected
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
