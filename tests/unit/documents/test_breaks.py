import random
import re

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document, translate_units

from nmt.documents.document import Document
from nmt.documents.formats import parse_document
from nmt.translation.memory import MemoryTranslator, TranslationMemory


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
    check_units(form, text, units)


@pytest.mark.parametrize(
    ("form", "text", "units"),
    [
        ("html", "<nav><a>Home</a><a>about us</a> <a>Dogs</a></nav>", ["Home", "about us", "Dogs"]),
        ("html", "<span><a>Home</a>\n<a><i>About</i> us</a></span>\n", ["Home", "About us"]),
        ("html", "<a>home</a> | <a>dogs</a> (2), <img><a><img></a>", ["home", "dogs"]),
        ("html", "<label>Name</label><input> <label><input type=radio> Yes</label>", ["Name", "Yes"]),
        ("html", "<a>Dogs.<br>More</a><br><a>Cats</a>", ["Dogs.", "More", "Cats"]),
        ("markdown", "[Home](/)[about us](/b)\n[Dogs](/c)\n", ["Home", "about us", "Dogs"]),
        # but not what may be one text
        ("html", "<a>German</a> <a>mathematician</a>", ["German mathematician"]),
        ("html", "<a>Home</a> or <a>Dogs</a>", ["Home or Dogs"]),
        ("html", "<a>Home</a> <b>Dogs</b>", ["Home Dogs"]),
        ("html", "<label>I read</label> <a>This</a>", ["I read This"]),
        ("html", "<a>Home", ["Home"]),
        ("markdown", "[one](a) [two](b)\n", ["one two"]),
    ],
)
def test_links_and_labels_alone_are_texts_of_their_own(form, text, units):
    check_units(form, text, units)


def check_units(form: str, text: str, units: list[str]) -> None:
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


STRINGS = {
    "po": 'msgid "{}"\nmsgstr ""\n',
    "xliff": '<xliff version="1.2"><file source-language="en" target-language="de"><body>'
    '<trans-unit id="1"><source>{}</source></trans-unit></body></file></xliff>',
    "xml": "<resources><string>{}</string></resources>",
}
PRESERVED = {form: text.replace(">{}<", ' xml:space="preserve">{}<') for form, text in STRINGS.items()}


def read_string(text: str, form: str, around: dict[str, str] = STRINGS) -> Document:
    if form == "po":
        pytest.importorskip("polib")
    return read(around[form].format(text), form)


def translate_strings(text: str, form: str, around: dict[str, str] = STRINGS) -> tuple[list[str], str]:
    """The lines that are translated of a string, and the string with each of them in capitals, its words reversed."""
    document, translator = read_string(text, form, around), WordTranslator(str.upper, is_reversing=True)
    written = translate_document(document, translator).decode()
    if form == "po":
        written = written.rpartition("msgstr")[2].replace('"\n"', "").strip()[1:-1]
    else:
        written = re.search("<(target|string)[^>]*>(.*)</\\1>", written, re.DOTALL)[2]
    return translator.lines, written


@pytest.mark.parametrize("form", STRINGS)
@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        # paragraphs
        (r"a b\n\nc d", ["a b", "c d"], r"B A\n\nD C"),
        (r"a b\n \n\n  c d\n", ["a b", "c d"], r"B A\n \n\n  D C\n"),
        (r"a b. c d.\n\ne f", ["a b. c d.", "e f"], r"D. C B. A\n\nF E"),
        # items of lists, whose marks stay
        (r"1. a b\n2. c d", ["a b", "c d"], r"1. B A\n2. D C"),
        (r"a to:\n\n  * c d\n  * e f\n", ["a to:", "c d", "e f"], r"TO: A\n\n  * D C\n  * F E\n"),
        (r"a b\n- c d\n  e f\n- g h", ["a b", "c d e f", "g h"], None),
        (r"a) b c\nb) d e\n(3) f g", ["b c", "d e", "f g"], r"a) C B\nb) E D\n(3) G F"),
        (r"• a b", ["a b"], "• B A"),
        (r"a b\n• c d", ["a b", "c d"], r"B A\n• D C"),
        (r"a to:\n- c d", ["a to:", "c d"], r"TO: A\n- D C"),
        # other line ends are in a text, and so are dashes and numbers where they begin
        (r"a b\nc d", ["a b c d"], None),
        (r"a b\n- c d", ["a b - c d"], None),
        (r"a b\n5. c d", ["a b 5. c d"], None),
        (r"1. a b", ["1. a b"], None),
        # placeholders stay in their part
        (r"a %s\n\n%d b c", ["a", "b c"], r"A %s\n\n%d C B"),
        (r"to:\n\n%s\n\n- %d\n- b c", ["to:", "b c"], r"TO:\n\n%s\n\n- %d\n- C B"),
    ],
)
def test_a_string_of_a_program_is_translated_by_paragraphs_and_items(form, text, lines, expected):
    assert len(read_string(text, form).units) == 1
    translated, written = translate_strings(text, form)
    assert translated == lines
    assert expected is None or written == expected


@pytest.mark.parametrize("form", ["xliff", "xml"])
@pytest.mark.parametrize("around", [STRINGS, PRESERVED])
@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("a b\n \nc d", ["a b", "c d"], "B A\n \nD C"),
        ("a to:\n\n  * c d\n  * e f\n", ["a to:", "c d", "e f"], "TO: A\n\n  * D C\n  * F E\n"),
        ("\n  1. a b\n  2. c\n     d", ["a b", "c d"], None),
        ("a) b c\r\nb) d e", ["b c", "d e"], "a) C B\r\nb) E D"),
        ("a b\nc d", ["a b c d"], None),
    ],
)
def test_line_ends_of_xml_divide_a_string_in_the_same_way(form, around, text, lines, expected):
    translated, written = translate_strings(text, form, around)
    assert translated == lines
    assert expected is None or written == expected


@pytest.mark.parametrize(("form", "around"), [("xliff", STRINGS), ("xliff", PRESERVED), ("xml", PRESERVED)])
def test_references_to_line_ends_divide_a_string(form, around):
    assert translate_strings("a b&#10;&#10;c d", form, around) == (["a b", "c d"], "B A&#10;&#10;D C")


def test_blank_lines_around_elements_are_the_layout_of_xml():
    written = shout(read("<r><p>a\n\n<b>b</b>\n\nc</p><p>a\n\nb</p></r>", "xml"))
    assert written == "<r><p>A <b>B</b> C</p><p>A\n\nB</p></r>"


def test_tags_around_parts_of_a_string_keep_their_words():
    translated, written = translate_strings(r"a <b>b\n\nc</b> d\n\n<i>e f</i>", "po")
    assert (translated, written) == (["a b", "c d", "e f"], r"<b>B A\n\nD C</b>\n\n<i>F E</i>")


@pytest.mark.parametrize("form", STRINGS)
@pytest.mark.parametrize(
    ("text", "lines", "expected"),
    [
        ("<p>a b</p><p>c d</p>", ["a b", "c d"], "<p>B A</p><p>D C</p>"),
        ("<ul><li>a <i>b c</i></li><LI>d e</LI></ul>", ["a b c", "d e"], "<ul><li><i>C B</i> A</li><LI>E D</LI></ul>"),
        ("<h2>a b</h2> c d. <hr/> e f", ["a b", "c d.", "e f"], "<h2>B A</h2> D. C <hr/> F E"),
        ("a b.<p>c d.<p class='x'>e f", ["a b.", "c d.", "e f"], "B. A<p>D. C<p class='x'>F E"),
        ("a b:<ul><li>c d<li>e f</ul>", ["a b:", "c d", "e f"], "B: A<ul><li>D C<li>F E</ul>"),
        ("a b<ul><li>c d</li></ul>", ["a b", "c d"], "B A<ul><li>D C</li></ul>"),
        # not where a sentence mentions a tag, or another one has such a name
        ("a <p> b c", ["a  b c"], None),
        ("a <hr>:<min> b", ["a : b"], None),
        ("a b <div>, c <p> d. e f", ["a b , c  d. e f"], None),
        ("a <p>b</p> c", ["a b c"], None),
        ("a <pic>b c</pic> d", ["a b c d"], None),
        ("a <li-x>b c</li-x> d", ["a b c d"], None),
    ],
)
def test_block_elements_divide_a_string(form, text, lines, expected):
    if form != "po":
        text, expected = (one and one.replace("<", "&lt;").replace(">", "&gt;") for one in (text, expected))
    translated, written = translate_strings(text, form)
    assert translated == lines
    assert expected is None or written == expected


def test_a_memory_has_strings_as_a_whole_or_their_parts():
    found = TranslationMemory({"a. b * c": "X. Y * Z", "d. e": "V. W"})
    document = read_string(r"a. b\n* c", "po")
    [whole] = translate_units(document, MemoryTranslator(WordTranslator(str.upper), found), SPACED)
    assert (whole.segment.text, whole.annotate().is_known) == ("X. Y * Z", True)
    document = read_string(r"d. e\n\na b", "po")
    [part] = translate_units(document, MemoryTranslator(WordTranslator(str.upper), found), SPACED)
    assert (part.segment.text, part.annotate().is_known) == ("V. W A B", False)


@pytest.mark.parametrize("seed", range(200))
def test_what_is_known_of_a_string_has_its_places(seed):
    draw = random.Random(seed)
    kinds = [r"\n", r"\n\n", r"\n* ", "<b>", "</b>", "<p>", "</p>", "%s", " ", "one. Two", "three", r"\n1. "]
    text = "".join(draw.choices(kinds, k=draw.randrange(1, 30))) + "z"
    double = WordTranslator(lambda word: f"{word}7", is_reversing=True)
    [unit] = translate_units(read_string(text, "po"), double)
    assert sorted(mark.tag for _, mark in unit.segment.marks) == sorted(mark.tag for _, mark in unit.unit.segment.marks)
    assert len(unit.placements) == len(unit.unit.labels)
    for one in unit.doubts:
        side = unit.segment.text if one.side == "target" else unit.unit.segment.text
        assert side[one.begin : one.end].replace(" ", "") == one.text.replace(" ", "")
    assert translate_document(read_string(text, "po"), WordTranslator()).decode().count("%s") == 2 * text.count("%s")
