import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.plain import TextDocument
from nmt.errors import DataError


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("One line.\n", ["One line."]),
        ("One\nparagraph.\n\n\n  Another one.\n", ["One paragraph.", "Another one."]),
        ("Title\n=====\n\nText", ["Title", "Text"]),
        ("- one\n- two\n  lines\n3. three\n", ["one", "two lines", "three"]),
        ("12 %\n\n***\n", []),
        ("a\r\nb\r\n\r\nc", ["a b", "c"]),
        ("日本語です。\n\n次の行", ["日本語です。", "次の行"]),
        ("", []),
    ],
)
def test_units_are_paragraphs_and_items(text, units):
    assert [unit.segment.text for unit in TextDocument(text.encode(), "a.txt", SPACED).units] == units


RULES = [
    "---",
    "====",
    "____",
    "-- ",
    "~~~",
    "***",
    "* * *",
    "  . . .\r",
    "┌──┐",
    "№%&",
    "—",
    "--- 2 ---",
    "- 2 -",
    "1. --",
]


@pytest.mark.parametrize("rule", RULES)
def test_a_line_without_text_divides_a_paragraph_and_stays(rule):
    text = f"{rule}\na man\nwalks.\n{rule}\na dog\n\n{rule}\n\na cat\n{rule}"
    document = TextDocument(text.encode(), "a.txt", SPACED)
    assert [unit.segment.text for unit in document.units] == ["a man walks.", "a dog", "a cat"]
    assert shout(document) == f"{rule}\nA MAN WALKS.\n{rule}\nA DOG\n\n{rule}\n\nA CAT\n{rule}"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("it costs\n500\neuros", ["it costs 500 euros"]),
        ("a\n½\nb\n٣\nc", ["a ½ b ٣ c"]),
        ("ก\nข", ["ก ข"]),
        ("--- one ---\ntwo", ["--- one --- two"]),
        ("see\n(https://a.b)\nnow", ["see () now"]),
    ],
)
def test_a_line_with_letters_or_digits_is_part_of_a_paragraph(text, units):
    assert [unit.segment.text for unit in TextDocument(text.encode(), "a.txt", SPACED).units] == units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- one\na) two\nb) three", "- ONE\na) TWO\nb) THREE"),
        ("one:\n(a) two\n  three\n(b) four", "ONE:\n(a) TWO THREE\n(b) FOUR"),
        ("A) one\nB) two", "A) ONE\nB) TWO"),
        ("i) one\nii) two\n(1) three", "i) ONE\nii) TWO\n(1) THREE"),
        ("▪ one\n▪ two", "▪ ONE\n▪ TWO"),
        ("a) one\n\nb) two", "a) ONE\n\nb) TWO"),
        ("a. one\nb. two\nthree\nc. four", "a. ONE\nb. TWO THREE\nc. FOUR"),
        ("as in point\na) of one", "AS IN POINT A) OF ONE"),  # one letter is no list
        ("by\na. smith and\nj. roe", "BY A. SMITH AND J. ROE"),  # nor are initials
        ("- [ ] one\n- [x] two\n* [X] three\n1. [ ] four", "- [ ] ONE\n- [x] TWO\n* [X] THREE\n1. [ ] FOUR"),
        ("[ ] one\n[x] two\n☐ three\n☑ four", "[ ] ONE\n[x] TWO\n☐ THREE\n☑ FOUR"),
        ("- [x]\none\n- [two] three", "- [x]\nONE\n- [TWO] THREE"),
    ],
)
def test_marks_of_items_and_boxes_stay(text, expected):
    assert shout(TextDocument(text.encode(), "a.txt", SPACED)) == expected


def test_what_is_between_paragraphs_stays():
    text = "\n\n  One\ntwo.\r\n \n- three\n\n-----\n"
    assert shout(TextDocument(text.encode(), "a.txt", SPACED)) == "\n\n  ONE TWO.\r\n \n- THREE\n\n-----\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://a.b/c, or  mail d@e.f\nnow.\n", "SEE https://a.b/c, OR MAIL d@e.f NOW.\n"),
        ("one\n  www.a.b \r\n{% c %} {{ d }}\ntwo\n", "ONE\n  www.a.b \r\n{% c %} {{ d }}\nTWO\n"),
        ("one\n{{< a\n  ---\n\n  - a.b c\n>}}\ntwo", "ONE\n{{< a\n  ---\n\n  - a.b c\n>}}\nTWO"),
        ("- https://a.b\n  one\n- two", "- https://a.b\n  ONE\n- TWO"),
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
