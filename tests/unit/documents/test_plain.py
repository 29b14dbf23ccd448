import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.plain import TextDocument
from nmt.errors import DataError


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("One line.\n", ["One line."]),
        ("One\nparagraph.\n\n\n  Another one.\n", ["One paragraph.", "Another one."]),
        ("Title\n=====\n\nText", ["Title =====", "Text"]),
        ("- one\n- two\n  lines\n3. three\n", ["one", "two lines", "three"]),
        ("12 %\n\n***\n", []),
        ("a\r\nb\r\n\r\nc", ["a b", "c"]),
        ("日本語です。\n\n次の行", ["日本語です。", "次の行"]),
        ("", []),
    ],
)
def test_units_are_paragraphs_and_items(text, units):
    assert [unit.segment.text for unit in TextDocument(text.encode(), "a.txt", SPACED).units] == units


def test_what_is_between_paragraphs_stays():
    text = "\n\n  One\ntwo.\r\n \n- three\n\n-----\n"
    assert shout(TextDocument(text.encode(), "a.txt", SPACED)) == "\n\n  ONE TWO.\r\n \n- THREE\n\n-----\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.b/c, or  mail d@e.f\nnow.\n", "SEE https://a.b/c, OR MAIL d@e.f NOW.\n"),
        ("one\n  www.a.b \r\n{% c %} {{ d }}\ntwo\n", "ONE\n  www.a.b \r\n{% c %} {{ d }}\nTWO\n"),
        ("https://a.b\n\n- c@d.e\n", "https://a.b\n\n- c@d.e\n"),
        ("こちらhttps://a.b/cを\n", "こちらhttps://a.b/cを\n"),
    ],
)
def test_addresses_and_templates_stay(text, expected):
    document = TextDocument(text.encode(), "a.txt", SPACED)
    assert shout(document) == expected
    assert not any("a.b" in unit.segment.text for unit in document.units)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_copied_text_is_unchanged(encoding):
    content = "Été, 1.\nZwei\n\n 始まり\u2028x\x0c\n\n".encode(encoding)
    assert translate_document(TextDocument(content, "a.txt", SPACED), WordTranslator()) == content


def test_another_encoding_is_refused():
    with pytest.raises(DataError) as caught:
        TextDocument("été".encode("latin-1"), "a.txt", SPACED)
    assert str(caught.value) == (
        "a.txt is not UTF-8: line 1, byte 0 of the text is 0xE9\n"
        "  If it is ISO-8859-1, convert it first: iconv -f ISO-8859-1 -t UTF-8"
    )
