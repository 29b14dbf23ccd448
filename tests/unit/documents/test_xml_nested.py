"""Elements with a text of their own inside another text, such as footnotes and entries of an index."""

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.formats import parse_document
from nmt.documents.segment import Segment
from nmt.documents.xml import XmlDocument
from nmt.documents.xml_rules import XmlRules

NOTE = XmlRules(nested=("note",))


def read(text: str, rules: XmlRules) -> XmlDocument:
    return XmlDocument(text.encode(), "a.xml", SPACED, rules)


@pytest.mark.parametrize(
    ("suffix", "text", "units"),
    [
        (
            "dita",
            "<p>A cat<fn>One. Two.</fn> sees <image><alt>a dog</alt></image> now. It runs.</p>",
            ["One. Two.", "a dog", "A cat sees  now. It runs."],
        ),
        (
            "dita",
            "<p>A cat<indexterm>cats<indexterm>small</indexterm></indexterm> <b>sees</b> it.</p>",
            ["small", "cats", "A cat sees it."],
        ),
        ("dita", "<p>A cat <draft-comment>ask Jo</draft-comment>sees it.</p>", ["A cat sees it."]),
        ("dita", "<p>See <xref href='a'>this<desc>a page</desc></xref> first.</p>", ["a page", "See this first."]),
        (
            "dbk",
            "<para>A cat<footnote><para>One.</para><para>Two.</para></footnote> sees it. It runs.</para>",
            ["One.", "Two.", "A cat sees it. It runs."],
        ),
        (
            "dbk",
            "<para>A cat<indexterm><primary>cats</primary><secondary>small</secondary></indexterm> sees it.</para>",
            ["cats", "small", "A cat sees it."],
        ),
        (
            "dbk",
            "<para>A <inlinemediaobject><imageobject><imagedata/></imageobject><alt>cat</alt><textobject><phrase>a dog"
            "</phrase></textobject></inlinemediaobject> sees<remark>who?</remark> it.</para>",
            ["cat", "a dog", "who?", "A  sees it."],
        ),
    ],
)
def test_footnotes_and_the_like_are_texts_of_their_own_and_do_not_cut_the_text_around_them(suffix, text, units):
    document = parse_document(text.encode(), f"a.{suffix}", SPACED, "xml")
    assert [unit.segment.text for unit in document.units] == units
    upper = shout(document)
    assert upper.lower() == text.lower()
    assert all(word.upper() in upper for unit in units for word in unit.split())
    assert translate_document(document, WordTranslator()).decode() == text


def test_a_nested_element_is_one_unpaired_tag_of_the_text_around_it():
    document = read('<p>one <note n="1">two <b>three</b></note> four</p>', NOTE)
    inner, outer = document.units
    assert (inner.segment.text, inner.labels) == ("two three", ("<b>",))
    assert (outer.segment.text, outer.labels) == ("one  four", ("<note>",))


def test_a_nested_element_is_moved_with_its_translation():
    text = "<p>one two<note>three <note>four five</note>six</note> seven</p>"
    document = read(text, NOTE)
    written = translate_document(document, WordTranslator(str.upper, is_reversing=True)).decode()
    assert written == "<p>SEVEN<note>SIX <note>FIVE FOUR</note>THREE</note> TWO ONE</p>"


def test_a_nested_element_is_translated_where_the_text_around_it_stays():
    document = read("<p>one<note>two</note> three</p>", NOTE)
    inner, outer = (unit.segment for unit in document.units)
    assert document.write([Segment("TWO"), outer]).decode() == "<p>one<note>TWO</note> three</p>"
    assert document.write([inner, Segment("ONE", outer.marks)]).decode() == "<p>ONE<note>two</note></p>"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("<p>one<note/> two</p>", ["one two"]),
        ("<p><note>one</note>two<note>three</note></p>", ["one", "three", "two"]),
        ("<p><note>one</note></p>", ["one"]),
        ('<p>one<note translate="no">two</note> three</p>', ["one three"]),
        ('<p>one<note xml:lang="pl">two</note> three</p>', ["one three"]),
        ("<p>one<i><note>two</note></i> three</p>", ["two", "one three"]),
        ("<p>one<note><![CDATA[two & three]]></note></p>", ["two & three", "one"]),
    ],
)
def test_a_nested_element_may_stand_anywhere(text, units):
    document = read(text, NOTE)
    assert [unit.segment.text for unit in document.units] == units
    assert translate_document(document, WordTranslator()).decode() == text


def test_a_rule_with_the_parent_counts_more():
    rules = XmlRules(nested=("note",), inline=("p/note",))
    document = read("<d><p>one <note>two</note></p><q>three <note>four</note> five</q></d>", rules)
    assert [unit.segment.text for unit in document.units] == ["one two", "four", "three  five"]
