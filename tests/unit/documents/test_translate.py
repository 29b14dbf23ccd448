import pytest
from support.documents import SPACED, WordTranslator, translate_document

from nmt.documents.document import Languages, Unit
from nmt.documents.plain import TextDocument
from nmt.documents.segment import Mark, Segment
from nmt.documents.translate import restore_blanks, split_sentences, translate_documents


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
