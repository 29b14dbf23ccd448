"""Text that a document marks as of another language than the source stays as it is, and that is told."""

import pytest
from support.documents import WordTranslator, translate_document

from nmt.documents.document import Languages
from nmt.documents.formats import FORMATS, parse_document
from nmt.documents.xml_rules import XmlRules
from nmt.text.languages import is_other_language, is_right_to_left


def shout(text, form, source="nl"):
    if form == "markdown":
        pytest.importorskip("pyromark")
    if form == "po":
        pytest.importorskip("polib")
    languages = Languages(source, "de")
    document = parse_document(text.encode(), f"a.{FORMATS[form].suffixes[0]}", languages, form)
    return translate_document(document, WordTranslator(str.upper), languages).decode(), list(document.notes)


def note(parts, codes, source="nl"):
    counted = "1 part" if parts == 1 else f"{parts} parts"
    stays = "stays as it is" if parts == 1 else "stay as they are"
    return f"{counted} marked as {codes} {stays}, because the run translates from {source}"


XLIFF = '<xliff version="1.2"><file source-language="nl" target-language="de">{}</file></xliff>'
UNIT = '<trans-unit id="1"><source{}>{}</source></trans-unit>'


@pytest.mark.parametrize(
    ("form", "text", "same", "parts", "codes"),
    [
        ("html", "<p lang=pl>dom<p>huis", "<p lang=pl>dom<p>HUIS", 1, "pl"),  # the next paragraph ends it
        ("html", "<div lang=pl>a<div>b</div>c</div>d", "<div lang=pl>a<div>b</div>c</div>D", 1, "pl"),
        ("html", "<ul lang=pl><li>a<li lang=nl-BE>b</ul>c", "<ul lang=pl><li>a<li lang=de>B</ul>C", 1, "pl"),
        ("html", "<p lang=pl>a <button>b</button> c</p>d", "<p lang=pl>a <button>b</button> c</p>D", 1, "pl"),
        ("html", "<p>a <i lang=fi>b <b>c</b></i> d", "<p>A <i lang=fi>b <b>c</b></i> D", 1, "fi"),
        ("html", "<p lang=pl title=x>a</p><img lang=fi alt=y>", "<p lang=pl title=x>a</p><img lang=fi alt=y>", 1, "pl"),
        ("html", "<p>a <span xml:lang='sr-Latn'>b</span>", "<p>A <span xml:lang='sr-Latn'>b</span>", 1, "sr-Latn"),
        ("html", "<td lang=pl>a<td>b<tr><td>c", "<td lang=pl>a<td>B<tr><td>C", 1, "pl"),
        ("html", "<p lang=pl>1</p>a", "<p lang=pl>1</p>A", 0, ""),  # without a letter there is nothing to tell
        (
            "html",
            "<p lang=NL>a<p lang=''>b<p lang=und>c<p lang=nld>d",
            "<p lang=de>A<p lang=''>B<p lang=und>C<p lang=de>D",
            0,
            "",
        ),
        ("xml", '<r><p xml:lang="pl">a</p><p>b</p></r>', '<r><p xml:lang="pl">a</p><p>B</p></r>', 1, "pl"),
        ("xml", '<r><p>a <q xml:lang="pl">b</q></p></r>', '<r><p>A <q xml:lang="pl">b</q></p></r>', 1, "pl"),
        (
            "xml",
            '<r><s xml:lang="pl"><p>a</p><p xml:lang="nl">b</p></s></r>',
            '<r><s xml:lang="pl"><p>a</p><p xml:lang="nl">B</p></s></r>',
            1,
            "pl",
        ),
        (
            "xliff",
            XLIFF.format(UNIT.format(' xml:lang="pl"', "a")),
            XLIFF.format(UNIT.format(' xml:lang="pl"', "a")),
            1,
            "pl",
        ),
        ("markdown", 'a <i lang="pl">b</i> c', 'A <i lang="pl">b</i> C', 1, "pl"),
        (
            "po",
            'msgid "a <i lang=\'pl\'>b</i>"\nmsgstr ""\n',
            "#, fuzzy\nmsgid \"a <i lang='pl'>b</i>\"\nmsgstr \"A <i lang='pl'>b</i>\"\n",
            1,
            "pl",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:01.000 --> 00:02.000\na <lang pl>b</lang> c\n",
            "WEBVTT\n\n00:01.000 --> 00:02.000\nA <lang pl>b</lang> C\n",
            1,
            "pl",
        ),
        ("html", "<p lang=pl>a<p lang=fi>b<p lang=pl>c", "<p lang=pl>a<p lang=fi>b<p lang=pl>c", 3, "fi, pl"),
    ],
)
def test_text_in_another_language_stays_as_it_is(form, text, same, parts, codes):
    written, notes = shout(text, form)
    assert written == same
    assert [one.split(": ", 1)[1] for one in notes] == ([note(parts, codes)] if parts else [])


@pytest.mark.parametrize(
    ("form", "text", "written"),
    [
        ("html", "<html lang=nl><p>a", "<html lang=de><p>A"),
        ("html", "<HTML dir=ltr LANG='nl-BE' xml:lang = 'nl'><p>a", "<HTML dir=ltr LANG='de' xml:lang = 'de'><p>A"),
        ("html", '<body class="x" lang="NL"><p>a', '<body class="x" lang="de"><p>A'),
        # where nothing is translated, or the language is not known
        ("html", "<html lang=nl><p>1", "<html lang=nl><p>1"),
        ("html", "<html lang=nl translate=no><p>a", "<html lang=nl translate=no><p>a"),
        ("html", "<html lang><p>a", "<html lang><p>A"),
        ("html", "<html lang=und><p>a", "<html lang=und><p>A"),
        ("html", "<html lang=nl xml:lang=fr><p>a", "<html lang=de xml:lang=fr><p>A"),
        # so has each element of it
        ("html", "<p>a <span lang=NL-BE>b</span> <i lang=''>c</i>", "<p>A <span lang=de>B</span> <i lang=''>C</i>"),
        ("html", '<div xml:lang="nl"><p lang="nl-NL">a</div>', '<div xml:lang="de"><p lang="de">A</div>'),
        ("html", "<img lang=nl alt=a><img lang=nl>", "<img lang=de alt=A><img lang=nl>"),
        ("html", "<svg lang=nl><text lang=nl>a</text></svg>", "<svg lang=de><text lang=de>A</text></svg>"),
        ("html", "<div lang=nl><pre lang=nl>a</pre>b</div>", "<div lang=de><pre lang=nl>a</pre>B</div>"),
        ("html", "<p>a <code lang=nl>b</code><p lang=nl>1</p>", "<p>A <code lang=nl>b</code><p lang=nl>1</p>"),
        ("markdown", 'a <b lang="nl">b</b> c', 'A <b lang="de">B</b> C'),
        (
            "markdown",
            "<div lang=nl>\n\na\n\n</div>\n\n<p lang=nl>b</p>",
            "<div lang=de>\n\nA\n\n</div>\n\n<p lang=de>B</p>",
        ),
        # and the page
        (
            "html",
            '<meta http-equiv="Content-Language" content="nl"><meta name=dc.language content=nl-BE><p>a',
            '<meta http-equiv="Content-Language" content="de"><meta name=dc.language content=de><p>A',
        ),
        (
            "html",
            "<meta http-equiv=content-language content=fr><p>a",
            "<meta http-equiv=content-language content=fr><p>A",
        ),
        # where nothing is translated
        ("markdown", '<b lang="nl">1</b>', '<b lang="nl">1</b>'),
        ("xml", """<r t="x" xml:lang='nl'><p>a</p></r>""", """<r t="x" xml:lang='de'><p>A</p></r>"""),
        ("xml", '<r xml:lang="nl"><p>1</p></r>', '<r xml:lang="nl"><p>1</p></r>'),
        ("xml", '<r><p xml:lang="nl">a</p></r>', '<r><p xml:lang="nl">A</p></r>'),
    ],
)
def test_a_translated_document_has_the_language_of_the_target(form, text, written):
    assert shout(text, form) == (written, [])


@pytest.mark.parametrize(
    ("source", "target", "text", "written"),
    [
        ("ar", "de", "<html dir=rtl><p dir=rtl>a", "<html dir=ltr><p dir=rtl>A"),
        ("ar", "de", '<html><BODY class=x DIR="RTL"><p>a', '<html><BODY class=x DIR="ltr"><p>A'),
        ("ar", "de", "<html><p>a", "<html><p>A"),
        ("de", "he_IL", "<html dir=ltr><body dir=ltr><p dir=ltr>a", "<html dir=rtl><body dir=rtl><p dir=ltr>A"),
        (
            "de",
            "he",
            "<!doctype html><html class=x><p dir=ltr>a",
            '<!doctype html><html dir="rtl" class=x><p dir=ltr>A',
        ),
        ("de", "he", "<p dir=ltr>a", "<p dir=ltr>A"),  # a part of a page
        ("de", "he", "<html dir=auto><p>a", "<html dir=auto><p>A"),
        ("de", "he", "<html><p>1", "<html><p>1"),
        ("ar", "he", "<html dir=rtl><p>a", "<html dir=rtl><p>A"),
        ("de", "en", "<html dir=rtl><p>a", "<html dir=rtl><p>A"),
    ],
)
def test_the_direction_of_a_page_follows_its_language(source, target, text, written):
    languages = Languages(source, target)
    document = parse_document(text.encode(), "a.html", languages, "html")
    assert translate_document(document, WordTranslator(str.upper), languages).decode() == written


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ar", True), ("ur-PK", True), ("HEB", True), ("en", False), ("az-Arab", True), ("ur_Latn", False), ("", False)],
)
def test_some_languages_are_written_from_right_to_left(code, expected):
    assert is_right_to_left(code) == expected


@pytest.mark.parametrize(
    ("form", "text", "written"),
    [
        ("html", "<html lang=fr><p>a<p lang=pl>b<p lang=fr>c", "<html lang=fr><p>A<p lang=pl>b<p lang=fr>C"),
        (
            "xml",
            '<r xml:lang="fr"><p>a</p><p xml:lang="pl">b</p></r>',
            '<r xml:lang="fr"><p>A</p><p xml:lang="pl">b</p></r>',
        ),
    ],
)
def test_the_language_of_a_whole_document_is_told_and_its_text_translated(form, text, written):
    found, notes = shout(text, form)
    assert found == written
    assert len(notes) == 2
    assert notes[0].endswith("is marked as fr, and the run translates from nl: it is translated as nl")
    assert notes[1].endswith(note(1, "pl"))


def test_an_inline_element_of_xliff_in_another_language_is_a_tag():
    text = XLIFF.format(UNIT.format("", 'a <mrk mtype="x" xml:lang="pl">b</mrk>'))
    written, notes = shout(text, "xliff")
    assert '<target state="needs-review-translation" state-qualifier="mt-suggestion">A <mrk' in written
    assert written.count(">b</mrk>") == 2
    assert [one.split(": ", 1)[1] for one in notes] == [note(1, "pl")]


def test_a_note_names_the_first_of_many_languages():
    _, notes = shout("".join(f"<p lang={code}>a" for code in ("pl", "fi", "da", "sv", "is", "et", "lv")), "html")
    assert notes[0].endswith(note(7, "da, et, fi, is, lv and 2 more"))


@pytest.mark.parametrize(
    ("code", "known", "is_other"),
    [
        ("en-GB", "en", False),
        ("en", "en_US", False),
        ("EN", "en", False),
        ("zh-Hant", "zh-CN", False),
        ("", "en", False),
        ("und", "en", False),
        ("mul", "en", False),
        ("zxx", "en", True),
        ("fr", "en", True),
        ("eng", "en", False),
        ("en", "eng_Latn", False),
        ("ger", "de", False),
        ("de", "ger", False),
        ("pol", "en", True),
        ("de", "fra", True),
        ("yue", "zh", True),
        ("yue", "cmn", True),
        ("b", "a", True),
    ],
)
def test_languages_are_compared_by_their_codes(code, known, is_other):
    assert is_other_language(code, known) == is_other


DOCBOOK = "<!DOCTYPE b PUBLIC '-//OASIS//DTD DocBook XML V4.5//EN' 'd.dtd'>"


@pytest.mark.parametrize(
    ("name", "rules", "text", "written"),
    [
        (
            "a.xml",
            {},
            DOCBOOK + '<b lang="nl"><p lang="pl">a</p><p>b</p></b>',
            DOCBOOK + '<b lang="de"><p lang="pl">a</p><p>B</p></b>',
        ),
        ("a.dbk", {}, "<para>a <phrase lang='pl'>b</phrase></para>", "<para>A <phrase lang='pl'>b</phrase></para>"),
        ("a.dbk", {}, '<b lang="nl" xml:lang="nl-BE"><p>a</p></b>', '<b lang="de" xml:lang="de"><p>A</p></b>'),
        ("a.dbk", {}, '<b><p lang="pl" xml:lang="nl">a</p></b>', '<b><p lang="pl" xml:lang="nl">A</p></b>'),
        ("a.dbk", {}, '<b xml:lang="nl">a<p xml:lang="pl">b</p></b>', '<b xml:lang="de">A<p xml:lang="pl">b</p></b>'),
        # elsewhere it may mean something else, unless rules name it
        ("a.xml", {}, '<b lang="nl"><p lang="pl">a</p></b>', '<b lang="nl"><p lang="pl">A</p></b>'),
        ("a.dita", {}, '<b xml:lang="nl"><p lang="pl">a</p></b>', '<b xml:lang="de"><p lang="pl">A</p></b>'),
        (
            "a.xml",
            {"languages": ("l", "b@lang")},
            '<b lang="nl"><p lang="pl">a</p><p l="pl">b</p></b>',
            '<b lang="de"><p lang="pl">A</p><p l="pl">b</p></b>',
        ),
    ],
)
def test_vocabularies_of_xml_and_rules_have_other_attributes_for_languages(name, rules, text, written):
    languages = Languages("nl", "de")
    document = parse_document(text.encode(), name, languages, "xml", XmlRules(**rules))
    assert translate_document(document, WordTranslator(str.upper), languages).decode() == written
