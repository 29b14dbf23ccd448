"""Text of XML whose line ends are content, as in verse and addresses."""

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.formats import parse_document
from nmt.documents.xml import XmlDocument
from nmt.documents.xml_rules import XmlRules

VERSE = XmlRules(lines=("verse",))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.dbk", "<para><literallayout>\n  one two\n    three\n  four</literallayout></para>"),
        ("a.dbk", "<address>one two\n<city>three</city>\n<postcode>4</postcode> five</address>"),
        ("a.dita", "<p>zero<lines>one <b>two\nthree</b>\n\nfour</lines></p>"),
        ("a.xml", '<p xml:space="preserve">one two\r\n  three\r\n\r\n  four</p>'),
        ("a.xml", '<p xml:space="preserve">one two&#10;three</p>'),
        ("a.xml", '<p xml:space="preserve"><![CDATA[one & two\nthree]]></p>'),
        ("a.xml", '<r xml:space="preserve"><p>one two\nthree <note>four\nfive</note> six\nseven</p></r>'),
    ],
)
def test_line_ends_that_are_content_stay_with_their_indentation(name, text):
    document = parse_document(text.encode(), name, SPACED, "xml", XmlRules(nested=("note",)))
    upper = translate_document(document, WordTranslator(str.upper)).decode()
    assert upper.lower() == text.lower()
    assert [word for word in ("ONE", "THREE") if word in upper] == ["ONE", "THREE"]
    assert translate_document(document, WordTranslator()).decode() == text


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("one two\nthree", ["one two three"]),  # a sentence may go on in the next line
        ("one.\ntwo", ["one.", "two"]),
        ("one\n \ntwo", ["one", "two"]),
        ("<b>one.\n\ntwo</b>\n\nthree", ["one. two", "three"]),
        ("\n".join(["one"] * 50), [" ".join(["one"] * size) for size in (20, 20, 10)]),
        ("one&#10;two", ["one two"]),
        ('<q xml:space="default">one.\ntwo</q>', ["one. two"]),
    ],
)
def test_an_empty_line_or_the_end_of_a_sentence_ends_a_text(text, units):
    document = XmlDocument(f"<verse>{text}</verse>".encode(), "a.xml", SPACED, VERSE)
    assert [unit.segment.text for unit in document.units] == units


def test_no_line_becomes_empty_when_words_move():
    document = XmlDocument(b"<verse>one two\nthree four\nfive six</verse>", "a.xml", SPACED, VERSE)
    written = translate_document(document, WordTranslator(str.upper, is_reversing=True)).decode()
    assert written == "<verse>SIX FIVE\nFOUR THREE\nTWO ONE</verse>"


def test_line_ends_elsewhere_are_blanks():
    document = XmlDocument(b"<d><verse>one\ntwo</verse><p>three\nfour</p></d>", "a.xml", SPACED, VERSE)
    assert shout(document) == "<d><verse>ONE\nTWO</verse><p>THREE FOUR</p></d>"
