import pytest
from support.documents import SPACED, WordTranslator

from nmt.documents.texts import parse_text, translate_texts
from nmt.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("html", "<meta charset=iso-8859-15><p title='ça'>Łódź – 1 &euro;"),
        ("xml", '<?xml version="1.0" encoding="iso-8859-1"?>\n<r>Łódź</r>'),
        ("text", "\ufeffŁódź\r\n\r\n"),
        ("html", ""),
    ],
)
def test_what_a_string_declares_of_its_encoding_has_no_meaning(form, text):
    document = parse_text(text, "text 1", SPACED, form)
    assert document.write([unit.segment for unit in document.units]).decode("utf-8-sig") == text
    assert document.notes == []


@pytest.mark.parametrize(
    ("texts", "form", "error", "message"),
    [
        ("<p>a", "html", TypeError, "texts must be an iterable of strings: put a single text in a list"),
        (["a"], "htm", UsageError, 'texts cannot have the format "htm"; did you mean "html"\\?\n  It is one of html, '),
        (["a"], "po", UsageError, 'texts cannot have the format "po"\n  It is one of html, markdown, xml, text'),
    ],
)
def test_what_cannot_be_translated_is_refused(texts, form, error, message):
    with pytest.raises(error, match=message):
        translate_texts(WordTranslator(), texts, form)


def test_half_a_character_is_refused():
    with pytest.raises(DataError, match=r"text 3 has half a character \(a lone surrogate\) at position 2"):
        parse_text("a\ud800", "text 3", SPACED, "html")
