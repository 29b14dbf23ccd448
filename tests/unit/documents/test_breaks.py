import random

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.document import Document
from nmt.documents.formats import parse_document


def read(text: str, form: str) -> Document:
    if form == "markdown":
        pytest.importorskip("pyromark")
    return parse_document(text.encode(), "a", SPACED, form)


@pytest.mark.parametrize(
    ("form", "text", "units"),
    [
        # two breaks in a row end a paragraph, whatever blanks, empty tags and comments are between
        ("html", "<p>A red car<br><br>A boy eats", ["A red car", "A boy eats"]),
        ("html", "<p>a<br/> \n&nbsp;<BR />b<br><br>", ["a", "b"]),
        ("html", "<p>a<br><br><br>b<br>c", ["a", "b c"]),
        ("html", "<b>a<br></b><!-- c --><br>b", ["a", "b"]),
        ("markdown", "a  \n  \\\nb\n", ["a", "b"]),
        ("markdown", "a<br>\n<br>b\n", ["a", "b"]),
        ("markdown", "> a\\\n> <br>\n> b\n", ["a", "b"]),
        ("markdown", "| a<br><br>b | c |\n|--|--|\n", ["a", "b", "c"]),
        ("markdown", "<div>\na<br><br>b\n</div>\n", ["a", "b"]),
        # a single break is part of a text
        ("html", "<p>a<br>b", ["a b"]),
        ("html", "<p>a<br><img src=x><br>b", ["a b"]),
        ("html", "<p>a<br><code>x</code><br>b", ["a b"]),
        ("markdown", "a\\\nb  \nc\n", ["a b c"]),
        # unless a sentence ends before it
        ("html", "<p>ខ។<br>គ<p>က။<br>ခ<p>ཀ།<br>ཁ", ["ខ។", "គ", "က။", "ခ", "ཀ།", "ཁ"]),
        ("html", "<p>a.<br>b ”!”<br>c <i>d</i>…<br/>e", ["a.", "b ”!”", "c d…", "e"]),
        ("html", "<p>これ。<br>それ", ["これ。", "それ"]),
        ("markdown", "a.\\\nb?  \nc\n", ["a.", "b?", "c"]),
        # or several lines begin as items of a list, whose marks are no text
        ("html", "a:<br>- b<br>- c<br>d", ["a:", "b", "c d"]),
        ("html", "&bull; a<br>&#8226;&nbsp;b", ["a", "b"]),
        ("html", "1. a<br><strong>2.</strong> b<br>(3) c<br>d) e", ["a", "b", "c", "e"]),
        ("html", "<b>• a</b> b<br>• c", ["• a b", "c"]),  # a mark inside a tag stays with it
        ("html", "a<br>- b", ["a - b"]),  # one item is no list
        ("html", "a - b<br>3 c<br>4 d", ["a - b 3 c 4 d"]),
        ("markdown", "| - a<br>- b |\n|--|\n", ["a", "b"]),
        ("markdown", "1\\. a<br>2\\. b\n", ["a", "b"]),
    ],
)
def test_a_break_divides_a_text_where_another_paragraph_sentence_or_item_begins(form, text, units):
    document = read(text, form)
    assert [unit.segment.text for unit in document.units] == units
    assert translate_document(document, WordTranslator()).decode() == text


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("html", "<p>a b<br>\n<br/>&nbsp;c d<br>", "<p>B A<br>\n<br/>&nbsp;D C<br>"),
        ("html", "<p>1. a b<br>2. c d", "<p>1. B A<br>2. D C"),
        ("markdown", "> a b\\\n>   \\\n> c d\n", "> B A\\\n>   \\\n> D C\n"),
        ("markdown", "1\\. a b<br>2\\. c d\n", "1\\. B A<br>2\\. D C\n"),
    ],
)
def test_breaks_that_divide_and_marks_of_items_stay_at_their_places(form, text, expected):
    written = translate_document(read(text, form), WordTranslator(str.upper, is_reversing=True)).decode()
    assert written == expected


def test_a_tag_around_a_break_that_divides_keeps_its_words_in_both_parts():
    page = "<p>a <b>b. <br> c</b> d"
    assert shout(read(page, "html")) == "<p>A <b>B. <br> C</b> D"
    written = translate_document(read(page, "html"), WordTranslator(is_reversing=True)).decode()
    assert written == "<p><b>b. a <br> d c</b>"


TAGS = ["<br>", "<br/>", "<b>", "</b>", "<i>", "</i>", "<code>", "</code>"]


@pytest.mark.parametrize("seed", range(200))
def test_no_tag_is_lost_or_doubled_wherever_breaks_divide(seed):
    draw = random.Random(seed)
    page = "".join(draw.choices([*TAGS, "word", "&bull; ", "one. ", "1. two", " ", "\n", "- "], k=draw.randrange(50)))
    assert translate_document(read(page, "html"), WordTranslator()).decode() == page
    written = translate_document(read(page, "html"), WordTranslator(lambda word: "x", is_reversing=True)).decode()
    assert {tag: written.count(tag) for tag in TAGS} == {tag: page.count(tag) for tag in TAGS}
