"""What stays as it is in texts of programs, in every format that has them; and tags and line ends written in text."""

import pytest
from support.documents import SPACED, shout

from nmt.documents.formats import parse_document
from nmt.documents.po import PoDocument
from nmt.documents.xliff import XliffDocument
from nmt.documents.xml import XmlDocument

UNIT = '<xliff version="1.2"><file><body><trans-unit id="1"{}><source>{}</source></trans-unit></body></file></xliff>'


def translate_xliff(text, attributes=""):
    """The content of the target of a source."""
    found = shout(XliffDocument(UNIT.format(attributes, text).encode(), "a.xlf", SPACED))
    return found.partition("<target")[2].partition(">")[2].partition("</target>")[0]


def translate_xml(text):
    return shout(XmlDocument(f"<p>{text}</p>".encode(), "a.xml", SPACED)).removeprefix("<p>").removesuffix("</p>")


def translate_po(text):
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    found = shout(PoDocument(f'{head}msgid "{text}"\nmsgstr ""\n'.encode(), "a.po", SPACED))
    return found.rpartition('msgstr "')[2].removesuffix('"\n').replace('\\"', '"').replace("\\\\", "\\")


@pytest.mark.parametrize("translate", [translate_xliff, translate_xml, translate_po])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("go to %{place} or #{x.y} now", "GO TO %{place} OR #{x.y} NOW"),
        ("page %1 of %L2, %n left, 5 % more", "PAGE %1 OF %L2, %n LEFT, 5 % MORE"),
        ("go %1$s %2$d, 50% off", "GO %1$s %2$d, 50% OFF"),
        ("from %s %d {x}!", "FROM %s %d {x}!"),  # blanks between placeholders stay
        ("from %s%d, {x}{y}", "FROM %s%d, {x}{y}"),
        (
            "you have {n, plural, one {# car} other {# {x} cars}} and {d, date, short} left",
            "YOU HAVE {n, plural, one {# car} other {# {x} cars}} AND {d, date, short} LEFT",
        ),
        ("a {b, c} d {e", "A {B, C} D {E"),
        (r"one.\nTwo three \n- four\r\nfive\tsix", r"ONE.\nTWO THREE \n- FOUR\r\nFIVE\tSIX"),
        ("see @string/app_name or @android:color/red.", "SEE @string/app_name OR @android:color/red."),
        (r"open C:\new\table.txt now", r"OPEN C:\new\table.txt NOW"),
    ],
)
def test_placeholders_and_escapes_stay(translate, text, expected):
    assert translate(text) == expected


def test_a_message_that_chooses_texts_is_no_unit():
    text = "{count, plural, one {# dog runs} other {# dogs run}}"
    assert translate_xml(text) == text
    assert translate_xliff(text) == ""
    assert translate_po(text) == ""


@pytest.mark.parametrize(
    ("texts", "note"),
    [
        (
            ["{count, plural, one {# dog} other {# dogs}}"],
            "1 message of ICU, such as {count, plural, …}, stays as it is: translate it by hand",
        ),
        (
            ["a dog", "it has { a ,select, x {dogs} other {cats}} now", "{b, plural, other {{b, number} dogs}}"],
            "2 messages of ICU, such as {a, select, …}, stay as they are: translate them by hand",
        ),
        (["{count, number} of {name}", "{count, date, short} now", "50 %"], None),
    ],
)
def test_messages_of_icu_are_told(texts, note):
    files = {
        "po": "".join(f'msgid "{text}"\nmsgstr ""\n\n' for text in texts),
        "xml": f"<a>{''.join(f'<p>{text}</p>' for text in texts)}</a>",
        "xliff": UNIT.format("", "</source></trans-unit><trans-unit id='2'><source>".join(texts)),
    }
    for form, content in files.items():
        notes = list(parse_document(content.encode(), f"a.{form}", SPACED, form).notes)
        assert notes == ([f"a.{form}: {note}"] if note else [])


@pytest.mark.parametrize("translate", [translate_xliff, translate_xml])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a &lt;b&gt;red car&lt;/b&gt; &amp; c", "A &lt;b&gt;RED CAR&lt;/b&gt; &amp; C"),
        (
            "a &lt;a href=&quot;x y&quot; id='z'&gt;b&lt;/a&gt;&lt;br/&gt;c",
            "A &lt;a href=&quot;x y&quot; id='z'&gt;B&lt;/a&gt; &lt;br/&gt;C",
        ),
        (
            "go &lt;0&gt;to it&lt;/0&gt; &lt;1/&gt; &lt;name&gt; now",
            "GO &lt;0&gt;TO IT&lt;/0&gt; &lt;1/&gt; &lt;name&gt; NOW",
        ),
        ("a &lt; b, c &gt; d, &lt;e f&gt; g", "A &lt; B, C &gt; D, &lt;E F&gt; G"),
        ("a &lt;i&gt;b <x id='1'/>c&lt;/i&gt; d", "A &lt;i&gt;B <x id='1'/>C&lt;/i&gt; D"),
    ],
)
def test_tags_that_are_written_in_text_are_tags(translate, text, expected):
    assert translate(text) == expected


@pytest.mark.parametrize(
    ("attributes", "text", "expected"),
    [
        (' xml:space="preserve"', "one two.\n  Three\n\n- four", "ONE TWO.\n  THREE\n\n- FOUR"),
        ("", "one two.\n  Three", "ONE TWO. THREE"),
        ("", "one two.&#10;Three&#xA;four", "ONE TWO.&#10;THREE&#xA;FOUR"),
        (' xml:space="preserve"', 'one <g id="1">two\nthree</g>', 'ONE <g id="1">TWO\nTHREE</g>'),
    ],
)
def test_line_ends_that_are_content_stay(attributes, text, expected):
    assert translate_xliff(text, attributes) == expected


def test_tags_of_angular_are_pairs():
    text = (
        'sit <x id="START_TAG_B" ctype="x-b"/>on a <x id="START_LINK_1"/>red<x id="CLOSE_LINK"/> bench'
        '<x id="CLOSE_TAG_B"/> at <x id="INTERPOLATION"/><x id="LINE_BREAK"/>now'
    )
    document = XliffDocument(UNIT.format("", text).encode(), "a.xlf", SPACED)
    sides = [(document.units[0].labels[tag], side) for _, (tag, side) in document.units[0].segment.marks]
    assert [side for _, side in sides] == ["open", "open", "close", "close", "single", "single"]
    assert translate_xliff(text).upper() == text.upper()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # of reStructuredText, as Sphinx extracts it
        ("the :func:`a_dog` or ``a.b()`` is", "THE :func:`a_dog` OR ``a.b()`` IS"),
        ("see :doc:`/a/b`, :py:meth:`~a.b` and `c d`:kbd:.", "SEE :doc:`/a/b`, :py:meth:`~a.b` AND `c d`:kbd:."),
        ("with `a link <https://a.b/c>`_ now", "WITH `A LINK <https://a.b/c>`_ NOW"),
        ("with `one <a>`__ and :ref:`two dogs <b>`", "WITH `ONE <a>`__ AND :ref:`TWO DOGS <b>`"),
        ("see |project|, [1]_, [#n]_ or [Dog2020]_", "SEE |project|, [1]_, [#n]_ OR [Dog2020]_"),
        ("see `a dog`_, Python_ and it__", "SEE `a dog`_, Python_ AND it__"),
        ("a ``b `c` d`` e ``<f>`` & <b>g</b>", "A ``b `c` d`` E ``<f>`` &amp; <b>G</b>"),
        ("a ``<b>`` & c", "A ``<b>`` & C"),  # no markup of HTML
        # of Markdown
        ("use `dog run` and ```x y```", "USE `dog run` AND ```x y```"),
        # neither
        ("can't open `a' or `b c' now", "CAN'T OPEN `A' OR `B C' NOW"),
        ("it`s a dog`s | cat | or Cut|Copy|Paste", "IT`S A DOG`S | CAT | OR CUT|COPY|PASTE"),
        ("my a_b or __c__ [1] [x]", "MY A_B OR __C__ [1] [X]"),
        # a formula
        ("drink H<sub>2</sub>O now", "DRINK H<sub>2</sub>O NOW"),
    ],
)
def test_markup_of_documentation_in_po_stays(text, expected):
    assert translate_po(text) == expected


@pytest.mark.parametrize("text", ["say `a b` |c| d_ :e:`f`", "``a``"])
def test_other_formats_have_no_such_markup(text):
    assert translate_xml(text) == text.upper()
    assert translate_xliff(text) == text.upper()
