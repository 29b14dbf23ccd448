import random
import time

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.formats import parse_document
from nmt.documents.html import HtmlDocument
from nmt.errors import DataError


def read(page: str, encoding: str = "utf-8") -> HtmlDocument:
    return HtmlDocument(page.encode(encoding), "page.html", SPACED)


def texts(page: str) -> list[str]:
    return [unit.segment.text for unit in read(page).units]


@pytest.mark.parametrize(
    ("page", "units"),
    [
        ("<p>One</p><p>Two</p>", ["One", "Two"]),
        ("<p>One\n    line, <b>two</b>\twords</p>", ["One line, two words"]),
        ("no markup", ["no markup"]),
        ("<ul><li>a<li>b</ul>", ["a", "b"]),  # end tags may be left out
        ("<table><tr><td>a<td>b</table>", ["a", "b"]),
        ("a<br>b", ["a b"]),  # a line break separates words
        ("<p>caf&eacute; &amp; &#x43;o</p>", ["café & Co"]),
        ("<p>3.5 % &nbsp; &mdash;</p>", []),  # nothing to translate
        ("<script>a('<p>x</p>')</script><style>p{}</style><pre>a b</pre><p>x</p>", ["x"]),
        ("<!-- a comment --><?php pi ?><!DOCTYPE html>x", ["x"]),
        ("press <kbd>Enter</kbd> now", ["press  now"]),
        ("<p>a < b and c > d & e</p>", ["a < b and c > d & e"]),
        ("<title>A page</title>", ["A page"]),
        ('<p translate="no">no</p><p>yes</p>', ["yes"]),
        ("<p translate=no>no <b>no</b><p>yes", ["yes"]),
        ('<div class="x notranslate">no <div>no</div> no</div>yes', ["yes"]),
        ("use <b translate=no>Name</b> here", ["use  here"]),
        ("<p>これは<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>です", ["これは漢字です"]),
        ("<ruby>漢<rp>(<rt>かん<rp>)</ruby>です<p>次", ["漢です", "次"]),  # these end tags may be left out
        ("<ruby>漢<rtc><rt>かん</rt></rtc>字</ruby>", ["漢字"]),
        ("<code>a<p>b", ["b"]),  # an element without its end ends where a paragraph begins
        ("<svg><text>a</text></svg><p>b", ["a", "b"]),
        (
            "<svg><title>a</title><g aria-label=b><text>c <tspan>d</tspan></text></g><style>e</style></svg>f",
            [*"ba", "c d", "f"],
        ),
        ('<svg translate=no aria-label="a"><text>b</text></svg>', []),
        ("<select><optgroup label=a><option label=b>c<option value=d>e</select>", [*"abce"]),
        ("<video><track label=a src=b>c</video><iframe title=d src=e>f</iframe>g", [*"adg"]),
        ("<textarea placeholder=a>b</textarea><noscript>c <b>d</b></noscript>", ["a", "c d"]),
        ('<meta name="twitter:title" content=a><meta property=og:image:alt content=b><meta name=c content=d>', [*"ab"]),
        ('<img alt="a cat" title="my cat">', ["a cat", "my cat"]),
        (
            "<img alt='x'><input type=submit value=Send><input type=text value=No placeholder='Name'>",
            ["x", "Send", "Name"],
        ),
        ('<meta name="description" content="A page"><meta name="viewport" content="width=9">', ["A page"]),
        ('<a href="?a=1&copy=2" title="a &quot;b&quot;">c</a>', ['a "b"', "c"]),
        ('<p alt="a" title="x"alt="b">t', ["b", "x", "t"]),
        ('<b title="" alt>t</b>', ["t"]),
    ],
)
def test_units_are_what_people_read(page, units):
    assert texts(page) == units


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p class=a>one <B id='x'>two</B>\n <i>three</i></p>", "<p class=a>ONE <B id='x'>TWO</B> <i>THREE</i></p>"),
        ("<p>  one  </p>\r\n<!-- two -->", "<p>  ONE  </p>\r\n<!-- two -->"),
        ("<p>a &lt; b &amp; c&nbsp;d</p>", "<p>A &lt; B &amp; C&nbsp;D</p>"),
        ("<p>one <br/> two<br>three</p>", "<p>ONE <br/> TWO <br>THREE</p>"),
        ("see <code>f(x)</code>.", "SEE <code>f(x)</code>."),
        ("see <!-- here --> it", "SEE <!-- here --> IT"),
        ('<a title="one two" href=u>x</a>', '<a title="ONE TWO" href=u>X</a>'),
        ("<img alt='say &quot;no&quot;' title=ok>", "<img alt='SAY &quot;NO&quot;' title=OK>"),
        ("<b>one", "<b>ONE"),
        ("one</b> two", "ONE</b> TWO"),
        ("<b>one <i>two</b> three</i>", "<b>ONE <i>TWO</b> THREE</i>"),
        ("<p>one<p>two", "<p>ONE<p>TWO"),
        ("<p>see https://a.b/?c=1&amp;d=e&lt;x <i>f@g.h</i>", "<p>SEE https://a.b/?c=1&amp;d=e&lt;X <i>f@g.h</i>"),
        ("<p>www.a.b</p><p>{% if c %}d{{ e < f }}{{<g>}}", "<p>www.a.b</p><p>{% if c %}D{{ e < f }}{{<g>}}"),
        ("<p>see HTTP://A.b/c</p>", "<p>SEE HTTP://A.b/c</p>"),
        ('<img alt="see {{ a.b }} now" title="https://c.d">', '<img alt="SEE {{ a.b }} NOW" title="https://c.d">'),
        ("see<sup><a href='#1'>[2]</a></sup> the <b>5 %</b>", "SEE<sup><a href='#1'>[2]</a></sup> THE <b>5 %</b>"),
        ("<b>12<i>!</i> x</b> y <em>→</em>", "<b>12<i>!</i> X</b> Y <em>→</em>"),
        ("<span></span><p><a name=x></a>one</p>", "<span></span><p><a name=x></a>ONE</p>"),
    ],
)
def test_what_is_not_text_stays_as_it_is(page, expected):
    assert shout(read(page)) == expected


def test_tags_follow_their_words():
    page = "<p>one <b>two</b> <code>x</code> three <a href=u>four</a></p>"
    reversed_page = translate_document(read(page), WordTranslator(is_reversing=True)).decode()
    assert reversed_page == "<p><a href=u>four</a> three <code>x</code> <b>two</b> one</p>"


def test_what_has_no_letter_in_its_tags_is_not_translated():
    [unit] = read("<p>guitar<sup><a>[2]</a></sup>, and <sup>3</sup> <i>(3)</i> <b>4 men</b>").units
    assert unit.segment.text == "guitar, and   4 men"
    assert unit.labels == ("<sup>[2]</sup>", "<sup>3</sup>", "<i>(3)</i>", "<b>")


@pytest.mark.parametrize(
    ("page", "text", "labels"),
    [
        ("drink H<sub>2</sub>O now", "drink  now", ["H2O"]),
        ("the <b>CO<sub>2</sub></b>-free", "the -free", ["<b>", "CO2"]),
        ("C<sub>6</sub>H<sub>12</sub>O<sub>6</sub> is Ca(OH)<sub>2</sub>?", "is ?", ["Ca(OH)2"]),
        ("one (CO<sub>2</sub>) or (NH<sub>4</sub>)<sub>2</sub>SO<sub>4</sub>?", "one () or ?", ["CO2", "(NH4)2SO4"]),
        ("an SO<sub>4</sub><sup>2−</sup>!", "an !", ["SO42−"]),
        ("a room of 5 m<sup>2</sup>.", "a room of 5 .", ["m2"]),
        ("E = mc<sup>2</sup> 10<sup class='x'>-3</sup> by x<sub>i+1</sub> is", "E =   by  is", ["mc2", "10-3", "xi+1"]),
        ("the V<sub>max</sub> is", "the  is", ["<sub>Vmax</sub>"]),
        # marks of footnotes, and words
        ("a<sup>1</sup> dog.<sup>2</sup> It<sup>3</sup> in 2019<sup>4</sup> b", "a dog. It in 2019 b", None),
        ("水<sup>1</sup>是水<sub>2</sub> a", "水是水 a", None),
        ("the 10<sup>th</sup> <sub>small words</sub> b", "the 10th small words b", ["<sup>", "<sub>"]),
    ],
)
@pytest.mark.parametrize("form", ["html", "xml", "markdown"])
def test_formulas_stay_together(page, text, labels, form):
    content = f"<p>{page}</p>" if form == "xml" else page
    [unit] = parse_document(content.encode(), "a", SPACED, form).units
    assert unit.segment.text == text
    assert labels is None or [*unit.labels, *unit.edges.labels][: len(labels)] == labels


@pytest.mark.parametrize("amount", ["5", "1,000", "-3", "€ 20", "10:30", "٣", "+5 %", "~7"])
def test_amounts_stay_text_because_words_depend_on_them(amount):
    [unit] = read(f"<p>take <b>{amount}</b> of them").units
    assert unit.segment.text == f"take {amount} of them"


@pytest.mark.parametrize(
    ("page", "expected", "unended"),
    [
        ("<p>one\n<!-- two <b>three</b>\nfour", "<p>ONE\n<!-- two <b>three</b>\nfour", "<!--"),
        ("one <!-- a --> two <!-- b", "ONE <!-- a --> TWO <!-- b", "<!--"),
        ("<p>one\n<!doctype two", "<p>ONE\n<!doctype two", "<!doctype"),
        ("one <?php if (1 > 2) { two", "ONE <?php if (1 > 2) { two", "<?php"),
        ("one\n<script>two <p>three", "ONE\n<script>two <p>three", "<script"),
        ("one\n<style>two <p>three", "ONE\n<style>two <p>three", "<style"),
        ("one <textarea>two <b>three</b> <p>four", "ONE <textarea>two <b>three</b> <p>four", "<textarea"),
        ("<TITLE>one <p>two", "<TITLE>one <p>two", "<TITLE"),
        ('one\n<p title="two>three</p><p>four', 'ONE\n<p title="two>three</p><p>four', "<p"),
        ("one <b class='x>two</b> three", "ONE <b class='x>two</b> three", "<b"),
        ('<p>one</p>\n<a href="x>two</a> <p', '<p>ONE</p>\n<a href="x>two</a> <p', "<a"),
        ('<b>one</b> <p title="two', '<b>ONE</b> <p title="two', "<p"),
        ("<i>one</i> <p ", "<i>ONE</i> <p ", "<p"),
        ("<p>one</p", "<p>ONE</p", "</p"),
        ("one <h1 two", "ONE <h1 two", "<h1"),
        # and what ends
        ("<p class=a'b>one <b c='d>e'f=>two</b> <i '=x>", "<p class=a'b>ONE <b c='d>e'f=>TWO</b> <i '=x>", ""),
        ("<p>a < b, <3 <", "<p>A &lt; B, &lt;3 &lt;", ""),
        ("<?php a() > b ?>one<?= c ?> <% d > e %>two", "<?php a() > b ?>ONE<?= c ?> <% d > e %>TWO", ""),
        ("<p title='<?= a ?>'>one<![CDATA[ b > c ]]>", "<p title='<?= a ?>'>ONE<![CDATA[ b > c ]]>", ""),
        ("<!--[if IE]>a<![endif]-->one<![if !IE]>", "<!--[if IE]>a<![endif]-->ONE<![if !IE]>", ""),
        ("one <![a b]> two <title>three</title>", "ONE <![a b]> TWO <title>THREE</title>", ""),
    ],
)
def test_what_browsers_do_not_show_stays_and_is_noted(page, expected, unended):
    document = read(page)
    assert shout(document) == expected
    note = f'"{unended}" does not end, so that browsers hide what follows: it stays as it is'
    line = page[: page.find(unended)].count("\n") + 1
    assert document.notes == ([f"page.html, line {line}: {note}"] if unended else [])


def test_a_translated_attribute_goes_with_its_tag():
    page = '<p>one <a title="a word">two</a></p>'
    reversed_page = translate_document(read(page), WordTranslator(is_reversing=True)).decode()
    assert reversed_page == '<p><a title="word a">two</a> one</p>'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (
            "a <svg><foreignObject><div>b <b>c</b></div><p>d e</foreignobject></svg> f",
            "F <svg><foreignObject><div><b>C</b> B</div><p>E D</foreignobject></svg> A",
        ),
        (
            "<svg><foreignObject>a <img alt=b> <code>c</code> d<svg><text>e f</text></svg></foreignObject></svg>g",
            "<svg><foreignObject>D <img alt=B> <code>c</code> A<svg><text>F E</text></svg></foreignObject></svg>G",
        ),
        (
            "<svg><foreignObject>a <svg><foreignObject>b c</foreignObject></svg> d</foreignObject></svg> e",
            "<svg><foreignObject>D <svg><foreignObject>C B</foreignObject></svg> A</foreignObject></svg> E",
        ),
        (
            "<svg><text>a <tspan aria-label='b c'>d</tspan> e</text></svg>",
            "<svg><text>E <tspan aria-label='C B'>D</tspan> A</text></svg>",
        ),
        # what is marked, and what does not end
        ("<svg translate=no><foreignObject>a</svg> b", "<svg translate=no><foreignObject>a</svg> B"),
        ("<svg><foreignObject><i translate=no>a</i> b</svg> c", "<svg><foreignObject><i translate=no>a</i> B</svg> C"),
        ("a</foreignObject> <foreignObject>b", "A</foreignObject> <foreignObject>B"),
    ],
)
def test_elements_of_pages_in_drawings_are_translated(page, expected):
    assert translate_document(read(page), WordTranslator(str.upper, is_reversing=True)).decode() == expected
    assert translate_document(read(page), WordTranslator()).decode() == page


def test_drawings_inside_each_other_take_no_time():
    page = "<svg><foreignObject>a <img alt=b>" * 2000 + "</foreignObject></svg>" * 2000
    begin = time.process_time()
    assert len(shout(read(page))) == len(page)
    assert time.process_time() - begin < 20  # by the square of their number it were minutes


@pytest.mark.parametrize(
    ("value", "written"), [('"a"', '"&quot;&lt;A&quot;"'), ("'a'", "'&#39;'"), ("a", "x&#32;y&#61;")]
)
def test_values_are_escaped_as_their_quotation_marks_need(value, written):
    text = {'"': '"<A"', "'": "'", "a": "x y="}[value[0]]
    page = f"<img alt={value} src=u>"
    shouted = translate_document(read(page), WordTranslator(lambda word: text)).decode()
    assert shouted == f"<img alt={written} src=u>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "shift_jis"])
def test_a_page_keeps_its_encoding(encoding):
    declared = encoding.replace("-sig", "")
    page = f'<meta charset="{declared}"><p>été</p>'.replace("été", "ほん" if encoding == "shift_jis" else "été")
    content = page.encode(encoding)
    document = HtmlDocument(content, "page.html", SPACED)
    assert document.notes == []
    assert translate_document(document, WordTranslator()) == content
    translated = translate_document(document, WordTranslator(lambda word: "ж…"))
    assert "<p>" in translated.decode(encoding)
    if encoding == "iso-8859-1":  # characters that the encoding does not have are written as references
        assert translated == b'<meta charset="iso-8859-1"><p>&#1078;&#8230;</p>'


def test_a_wrong_declaration_is_noted():
    document = HtmlDocument('<meta charset="utf-8"><p>été</p>'.encode("windows-1252"), "old.html", SPACED)
    assert document.notes == [
        "old.html declares that it is utf-8, but is not: it is read, and written, as windows-1252"
    ]
    assert [unit.segment.text for unit in document.units] == ["été"]
    without = HtmlDocument("<p>été</p>".encode("windows-1252"), "old.html", SPACED)
    assert without.notes == ["old.html is not UTF-8: it is read, and written, as windows-1252"]


def test_bytes_in_no_encoding_are_refused():
    with pytest.raises(DataError) as caught:
        HtmlDocument(b'<meta charset="us-ascii">\x81', "page.html", SPACED)
    assert str(caught.value) == (
        "page.html is neither us-ascii, as it declares, nor UTF-8: line 1, byte 25 of the text is 0x81\n"
        "  If it is Windows-1252, convert it first: iconv -f Windows-1252 -t UTF-8"
    )


PARTS = [
    *("<p>", "</p>", "<b>", "</b>", "<i class='x y'>", "</i>", "<br>", "<li>", "<code>", "</code>", "<a href=u", ">"),
    *(
        "<!-- ",
        "-->",
        "&amp;",
        "&",
        "&nbsp",
        ";",
        "<",
        "< ",
        "</",
        "<p translate=no>",
        '<img alt="',
        '"',
        "'",
        "=",
        "/>",
    ),
    *(
        "word",
        "two words",
        " ",
        "\n",
        "\r\n",
        "été",
        "始まり",
        "<script>",
        "</script>",
        "<![CDATA[",
        "]]>",
        "<!",
        "<?",
        "\0",
    ),
]


@pytest.mark.parametrize("seed", range(300))
def test_a_page_that_is_copied_is_unchanged_however_broken(seed):
    draw = random.Random(seed)
    content = "".join(draw.choices(PARTS, k=draw.randrange(60))).encode()
    assert translate_document(HtmlDocument(content, "page.html", SPACED), WordTranslator()) == content


TAGS = ["<p>", "</p>", "<b>", "</b>", "<i class='x y'>", "</i>", "<br>", "<li>", "<code>", "</code>", "<!-- c -->"]


@pytest.mark.parametrize("seed", range(300))
def test_no_tag_is_lost_or_doubled_however_they_are_nested(seed):
    draw = random.Random(seed)
    page = "".join(draw.choices([*TAGS, "word", "two words", " ", "&amp;", "1 "], k=draw.randrange(40)))
    written = translate_document(read(page), WordTranslator(lambda word: "x", is_reversing=True)).decode()
    assert {tag: written.count(tag) for tag in TAGS} == {tag: page.count(tag) for tag in TAGS}


@pytest.mark.parametrize("broken", ['<a b="', "<", "<!", "</", "<b ", "<?", "x<y ", "<!--", "<%", "<![a", "<?= "])
def test_markup_that_does_not_end_is_text_and_takes_no_time(broken):
    page = f"<p>one <b>two</b> {broken * 10_000}".encode()
    begin = time.process_time()
    document = HtmlDocument(page, "a.html", SPACED)
    assert time.process_time() - begin < 5  # by the square of its length it were minutes
    assert document.write([unit.segment for unit in document.units]) == page
    assert document.units[0].labels[:1] == ("<b>",)
