import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.formats import parse_document
from nmt.documents.xml import XmlDocument
from nmt.documents.xml_rules import ALL_TEXT, RuleUse, XmlRules
from nmt.errors import DataError, SettingsError


def read(text: str, rules: XmlRules = ALL_TEXT) -> XmlDocument:
    return XmlDocument(text.encode(), "a.xml", SPACED, rules)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # elements beside text are inline, and so are those around all of its content
        ("<a><p>one <b>two</b></p>\n<p>three</p></a>", "<a><p>ONE <b>TWO</b></p>\n<p>THREE</p></a>"),
        ("<p>one <b><i>two</i></b></p>", "<p>ONE <b><i>TWO</i></b></p>"),
        ("<p>one <br/>two<x></x></p>", "<p>ONE <br/>TWO<x></x></p>"),
        ("<l><i>one</i><i>two</i></l>", "<l><i>ONE</i><i>TWO</i></l>"),
        # what stays
        ('<?xml version="1.0"?>\n<!-- a -->\n<p c="d">one<!-- b --> &amp; 5 &lt; 6</p>\n',) * 2,
        ('<r><string translatable="false">one</string><s translate="no">two</s></r>',) * 2,
        ('<p>one <c translate="no">two <b/></c> three</p>', '<p>ONE <c translate="no">two <b/></c> THREE</p>'),
        # escapes, and sections without them
        ("<p>a &lt; b &#169; c\u00a0d</p>", "<p>A &lt; B &#169; C\u00a0D</p>"),
        ("<p><![CDATA[a <b> & c]]></p>", "<p><![CDATA[A <b> & C]]></p>"),
        ("<p><![CDATA[a < b & c <d e> f]]></p>", "<p><![CDATA[A < B & C <D E> F]]></p>"),
        ("<p>a <![CDATA[b <c>]]> d</p>", "<p>A <![CDATA[b <c>]]> D</p>"),
        ("<p><![CDATA[a %1$s <b> {x}!]]></p>", "<p><![CDATA[A %1$s <b> {x}!]]></p>"),
        ("<s>one %d &amp; %@, 5 % of ${x}</s>", "<s>ONE %d &amp; %@, 5 % OF ${x}</s>"),
        (
            "<s>one %s www.a.b/c?d=e&amp;f=g {{ h }}<i>[2]</i></s>",
            "<s>ONE %s www.a.b/c?d=e&amp;f=g {{ h }}<i>[2]</i></s>",
        ),
        ("<p>  one\n   two  </p>", "<p>  ONE TWO  </p>"),
        ('<x:p xmlns:x="u">one <x:b>two</x:b></x:p>', '<x:p xmlns:x="u">ONE <x:b>TWO</x:b></x:p>'),
    ],
)
def test_text_is_translated_and_all_else_stays(text, expected):
    if "<!-- b -->" in text:
        expected = text.replace("one", "ONE")
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


SVG, XHTML = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (f'<svg xmlns="{SVG}"><text>one</text><style>a</style><script><![CDATA[b]]></script></svg>', ["one"]),
        (f'<d xmlns:s="{SVG}"><s:svg><s:style>a</s:style></s:svg><style>one</style></d>', ["one"]),
        (f'<entry><div xmlns="{XHTML}">one <script>a</script> two<style>b</style></div></entry>', ["one  two"]),
        ("<html><head><title>one</title><style>a</style></head></html>", ["one"]),
        ("<d><svg><style>a</style><text>one</text></svg><style>two</style></d>", ["one", "two"]),
        (f'<svg xmlns="{SVG}"><d xmlns=""><style>one</style></d></svg>', ["one"]),
        (f'<svg xmlns="{SVG}"><style translate="yes">one</style></svg>', ["one"]),
        ("<guitar><style>one</style><script>two</script></guitar>", ["one", "two"]),
    ],
)
def test_styles_and_scripts_of_pages_and_drawings_stay(text, units):
    assert [unit.segment.text for unit in read(text).units] == units


TEXT = (
    '<doc><title short="in short">one</title><para id="two">three <b>four</b> <code>five</code></para><x>six</x></doc>'
)


@pytest.mark.parametrize(
    ("rules", "units"),
    [
        ({}, ["one", "three four five", "six"]),
        ({"text": ["title"]}, ["one"]),
        ({"text": ["doc/para"]}, ["three four five"]),
        ({"text": ["x/para"]}, []),
        ({"untranslated": ["code", "doc/x"]}, ["one", "three four "]),
        ({"inline": ["title", "para", "x"]}, ["onethree four fivesix"]),
        ({"text": ["doc", "b"]}, ["one", "three", "four", "five", "six"]),
        ({"attributes": ["para@id", "short"], "text": ["x"]}, ["in short", "two", "six"]),
        ({"block": ["para/b"], "untranslated": ["code"]}, ["one", "three", "four", "six"]),
        ({"block": ["code"], "untranslated": ["code"]}, ["one", "three four", "six"]),
    ],
)
def test_rules_tell_what_is_text(rules, units):
    found = [unit.segment.text for unit in read(TEXT, XmlRules(**{k: tuple(v) for k, v in rules.items()})).units]
    assert found == [unit.rstrip() for unit in units]


@pytest.mark.parametrize("rules", [XmlRules(text=("style",)), XmlRules(block=("svg/style",))])
def test_rules_make_a_style_text(rules):
    assert [unit.segment.text for unit in read("<svg><style>one</style></svg>", rules).units] == ["one"]


def test_attributes_are_translated_in_their_quotation_marks():
    rules = XmlRules(attributes=("t",))
    text = """<p t='a "b" &amp; c'>one <b t="d &quot;e&quot;">two</b></p>"""
    assert shout(read(text, rules)) == """<p t='A "B" &amp; C'>ONE <b t="D &quot;E&quot;">TWO</b></p>"""


def test_blanks_and_line_ends_in_text_are_one_blank():
    assert [unit.segment.text for unit in read("<p>one\r\n\t two,\n\nthree</p>").units] == ["one two, three"]


DOCBOOK = (
    "<article{}><title>a cat</title><para>use <filename>a.txt</filename> and <emphasis>see</emphasis>:"
    "<programlisting>x = one</programlisting>then <guilabel>open</guilabel> <note><para>two</para></note></para>"
    "<para><link>three</link> <literal>four</literal></para><screen>five</screen></article>"
)
DITA = (
    "{}<topic id='t'><title>a cat</title><body><p>use <codeph>x</codeph> to <uicontrol>open</uicontrol>"
    "<codeblock>y</codeblock> then<ul><li>one</li><li><p>two</p></li></ul></p>"
    "<p><b>three</b> <filepath>/etc</filepath></p><screen>four</screen></body>"
    "<reltable><topicref navtitle='five'/></reltable></topic>"
)


@pytest.mark.parametrize(
    ("text", "declared", "suffixes", "units"),
    [
        (
            DOCBOOK,
            ' xmlns="http://docbook.org/ns/docbook"',
            ("docbook", "DBK"),
            ["a cat", "use  and see:", "then open", "two", "three"],
        ),
        (
            DITA,
            '<!DOCTYPE topic PUBLIC "-//OASIS//DTD DITA Topic//EN" "topic.dtd">',
            ("dita", "ditamap"),
            ["five", "a cat", "use  to open", "then", "one", "two", "three"],
        ),
    ],
)
def test_vocabularies_have_rules_of_their_own(text, declared, suffixes, units):
    for name, content in [(f"a.{suffix}", text.format("")) for suffix in suffixes] + [("b.xml", text.format(declared))]:
        document = parse_document(content.encode(), name, SPACED, "xml")
        assert [unit.segment.text for unit in document.units] == units
        written = shout(document)
        kept = (
            "a.txt",
            "x = one",
            "<literal>four",
            "five</screen>",
            "<codeph>x<",
            "<codeblock>y<",
            "/etc",
            "four</screen>",
        )
        assert [one for one in kept if one in content] == [one for one in kept if one in written]
        own = parse_document(content.encode(), name, SPACED, "xml", XmlRules(text=("title",)))
        assert [unit.segment.text for unit in own.units] == ["a cat"]
    assert "four" in " ".join(unit.segment.text for unit in read(text.format("")).units)


@pytest.mark.parametrize(
    ("rules", "units"),
    [
        ({}, ["two", "Note", "Use  now", "Go"]),  # as DITA has it
        ({"block": ["fn"]}, ["two", "Use  now", "Note", "Go"]),  # the code still stays
        ({"inline": ["fn"]}, ["two", "Use  nowNote", "Go"]),
        ({"inline": ["codeph"]}, ["two", "Note", "Use x now", "Go"]),  # is translated
        ({"text": ["codeblock"]}, ["y"]),
        ({"untranslated": ["xref"]}, ["two", "Note", "Use  now"]),  # stays inline
        ({"attributes": ["id"]}, ["one", "two", "Note", "Use  now", "Go"]),
    ],
)
def test_rules_of_the_user_extend_those_of_the_vocabulary(rules, units):
    text = (
        "<p id='one' navtitle='two'>Use <codeph>x</codeph> now<fn>Note</fn><codeblock>y</codeblock><xref>Go</xref></p>"
    )
    own = XmlRules(**{key: tuple(names) for key, names in rules.items()})
    document = parse_document(text.encode(), "a.dita", SPACED, "xml", own)
    assert [unit.segment.text for unit in document.units] == units


def test_a_reference_to_a_text_that_the_document_defines_stays():
    entities = '<!DOCTYPE p [\n<!ENTITY tool "Sled">\n<!ENTITY who "<i>x</i>"><!ENTITY lt "&#38;#60;">]>'
    document = read(f'{entities}<p><q t="&tool;">get &tool; by &who; &lt; now</q><q>&tool; is &tool;</q></p>')
    assert [unit.labels for unit in document.units] == [("&tool;", "&who;"), ()]
    assert shout(document).endswith('<p><q t="&tool;">GET &tool; BY &who; &lt; NOW</q><q>&tool; IS &tool;</q></p>')


@pytest.mark.parametrize("value", ["x", "<!ENTITY q 'z'>", "<!ELEMENT p ANY> "])
def test_a_parameter_entity_is_not_expanded(value):
    document = read(f'<!DOCTYPE p [<!ENTITY % a "{value}">\n%a;]><p t="&q;">get &q;</p>')
    assert [(unit.segment.text, unit.labels) for unit in document.units] == [("get", ())]
    assert shout(document).endswith('%a;]><p t="&q;">GET &q;</p>')


def test_a_long_text_is_not_repeated_without_end():
    attribute = f'<b c="{"&a;" * 99}"/>'
    with pytest.raises(DataError, match=r"a.xml, line 1: it is not XML: limit on input amplification factor"):
        read(f'<!DOCTYPE p [<!ENTITY a "{"x" * 9_999}">]><p>{attribute * 99}</p>')


def test_docbook_4_is_told_by_its_type():
    doctype = '<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "docbookx.dtd">\n'
    document = parse_document(f"{doctype}<book><code>a</code><para>b</para></book>".encode(), "a", SPACED, "xml")
    assert [unit.segment.text for unit in document.units] == ["b"]


def test_rules_are_read(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text('text = ["p"]\ninline = ["b"]\n')
    assert XmlRules.read(path) == XmlRules(text=("p",), inline=("b",))
    path.write_text('txt = ["p"]\ninline = [3]\n')
    with pytest.raises(SettingsError) as caught:
        XmlRules.read(path)
    assert f"2 settings in {path} cannot be used" in str(caught.value)
    assert 'no such setting; did you mean "text"?' in str(caught.value)
    path.write_text("p")
    with pytest.raises(SettingsError, match=r"rules.toml is not TOML: "):
        XmlRules.read(path)
    with pytest.raises(SettingsError, match=r"rulez.toml does not exist; did you mean \"rules.toml\"\?"):
        XmlRules.read(tmp_path / "rulez.toml")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            'text = ["h:para"]',
            '"h:para" is no element: write name or parent/name, without prefixes; did you mean "para"?',
        ),
        ('text = ["//title"]', 'without prefixes; did you mean "title"?'),
        ('block = ["{urn:h}para"]', 'did you mean "para"?'),
        ('inline = ["a/b/c"]', 'did you mean "b/c"?'),
        ('nested = ["*"]', '"*" is no element: write name or parent/name, without prefixes'),
        ('nested = [""]', '"" is no element: '),
        ('attributes = ["@alt"]', '"@alt" is no attribute: write name or element@name; did you mean "alt"?'),
        ('attributes = ["//image/@x:alt"]', 'did you mean "image@x:alt"?'),
        (
            'inline = ["a", "b"]\nblock = ["b"]\nnested = ["a"]',
            '"b" is in inline and in block: leave it in one of them',
        ),
        ('inline = ["a", "b"]\nblock = ["b"]\nnested = ["a"]', '"a" is in inline and in nested: leave it in one'),
    ],
)
def test_names_that_cannot_be_names_are_refused(tmp_path, rule, message):
    path = tmp_path / "rules.toml"
    path.write_text(rule)
    with pytest.raises(SettingsError, match=r"rules.toml cannot be used\n  ") as caught:
        XmlRules.read(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        ({"text": ("titel", "doc/title")}, ['"titel" in text; did you mean "title"?']),
        ({"attributes": ("short", "title@short", "x:y")}, ['"x:y" in attributes']),
        ({"attributes": ("para@short",)}, ['"para@short" in attributes; did you mean "short"?']),
        ({"inline": ("x/y",), "nested": ("5",)}, ['"x/y" in inline', '"5" in nested']),
        ({"block": tuple("1234567")}, [*(f'"{name}" in block' for name in "12345"), "and 2 more"]),
    ],
)
def test_names_that_nothing_has_are_told(rules, names):
    use = RuleUse(XmlRules(**rules))
    assert use.describe() == []  # no document is read
    use.known |= read(TEXT).list_names()
    assert use.describe() == ["\n  ".join(["rules for XML name what no document has", *names])]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<p>one", "a.xml, line 1: it is not XML: no element found\n  Correct it first"),
        ("", "a.xml, line 1: it is not XML: no element found"),
        (
            "<!DOCTYPE p [<!ENTITY a SYSTEM 'file:///etc/hosts'>]>\n<p>&a;</p>",
            "a.xml, line 1: it defines the entity 'a' by others, or by a file, which may be an attack",
        ),
        (
            '<!DOCTYPE p [<!ENTITY % a SYSTEM "x">]>\n<p>b</p>',
            "a.xml, line 1: it defines the entity 'a' by others, or by a file, which may be an attack",
        ),
        (
            "<!DOCTYPE p [<!ENTITY a '&#38;b;'>\n<!ENTITY b '&#38;a;'>]><p>&a;</p>",
            "a.xml, line 1: it defines the entity 'a' by others, or by a file, which may be an attack",
        ),
        ("<p>" * 1001, "a.xml, line 1: elements are nested more than 1000 deep"),
    ],
)
def test_what_is_wrong_is_told(text, message):
    with pytest.raises(DataError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def test_an_encoding_that_is_declared_is_kept():
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><p>caf\xe9</p>'
    document = XmlDocument(text.encode("latin-1"), "a.xml", SPACED)
    assert translate_document(document, WordTranslator(lambda word: "日本")) == (
        b'<?xml version="1.0" encoding="ISO-8859-1"?><p>&#26085;&#26412;</p>'
    )


ANDROID = """<resources xmlns:xliff="urn:oasis:names:tc:xliff:document:1.2">
<string name="a">one</string><string name="b">@string/a</string><string name="c" translatable="false">two</string>
<string name="d">hi <xliff:g id="x">Bob</xliff:g>, <b>go</b></string>
<string-array name="e"><item>three</item></string-array>
<plurals name="f"><item quantity="one">four</item></plurals>
<dimen name="g">12dp</dimen><color name="h">#FF0000</color><bool name="i">true</bool><integer name="j">5</integer>
<item name="k" type="dimen">1.5px</item><style name="l"><item name="m">bold</item></style>
</resources>"""


def test_texts_of_android_are_strings():
    expected = ANDROID
    for text in ("one<", "hi ", ">go<", "three", "four"):
        expected = expected.replace(text, text.upper())
    assert shout(parse_document(ANDROID.encode(), "strings.xml", SPACED, "xml")) == expected
