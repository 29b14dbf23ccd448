import re

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.document import Annotation, Languages
from nmt.documents.xliff import XliffDocument
from nmt.errors import DataError
from nmt.translation.result import MemoryMatch

HEAD_1 = '<?xml version="1.0"?>\n<xliff version="1.2"><file source-language="en-US" target-language="de"><body>\n'
TAIL_1 = "\n</body></file></xliff>\n"
HEAD_2 = (
    '<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en"{}><file id="f"><unit id="u">\n'
)
TAIL_2 = "\n</unit></file></xliff>"
STATE = 'state="needs-review-translation" state-qualifier="mt-suggestion"'


def read(text: str) -> XliffDocument:
    return XliffDocument(text.encode(), "a.xlf", SPACED)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        # a target is made after the source, as far from the margin
        (
            '<trans-unit id="1">\n  <source>one two</source>\n  <note>three</note></trans-unit>',
            '<trans-unit id="1">\n  <source>one two</source>\n'
            f"  <target {STATE}>ONE TWO</target>\n  <note>three</note></trans-unit>",
        ),
        # an empty target, or one to be made again, is filled, and keeps its attributes
        (
            '<trans-unit id="1"><source>a</source><target xml:lang="de" state="new">b</target></trans-unit>',
            f'<trans-unit id="1"><source>a</source><target xml:lang="de" {STATE}>A</target></trans-unit>',
        ),
        (
            '<trans-unit id="1"><source>a</source><target/></trans-unit>',
            f'<trans-unit id="1"><source>a</source><target {STATE}>A</target></trans-unit>',
        ),
        # other translations stay, and so does what is not to be translated
        ('<trans-unit id="1"><source>a</source><target>b</target></trans-unit>',) * 2,
        ('<trans-unit id="1" approved="yes"><source>a</source><target/></trans-unit>',) * 2,
        ('<trans-unit id="1" translate="no"><source>a</source></trans-unit>',) * 2,
        ('<group translate="no"><trans-unit id="1"><source>a</source></trans-unit></group>',) * 2,
        ('<trans-unit id="1"><source>12 %</source></trans-unit>',) * 2,
        # inline tags and escapes
        (
            '<trans-unit id="1"><source>a <g id="2">b &amp; c</g> <x id="3"/>d<ph id="4">&lt;br></ph></source>'
            "</trans-unit>",
            '<trans-unit id="1"><source>a <g id="2">b &amp; c</g> <x id="3"/>d<ph id="4">&lt;br></ph></source>'
            f'<target {STATE}>A <g id="2">B &amp; C</g> <x id="3"/>D<ph id="4">&lt;br></ph></target></trans-unit>',
        ),
        (
            '<trans-unit id="1"><source>a <bpt id="1">&lt;b></bpt>b<ept id="1">&lt;/b></ept> c</source></trans-unit>',
            '<trans-unit id="1"><source>a <bpt id="1">&lt;b></bpt>b<ept id="1">&lt;/b></ept> c</source>'
            f'<target {STATE}>A <bpt id="1">&lt;b></bpt>B<ept id="1">&lt;/b></ept> C</target></trans-unit>',
        ),
        (
            '<trans-unit id="1"><source><![CDATA[a <b]]></source></trans-unit>',
            f'<trans-unit id="1"><source><![CDATA[a <b]]></source><target {STATE}>A &lt;B</target></trans-unit>',
        ),
        (
            '<trans-unit id="1"><source>a b</source><seg-source><mrk mtype="seg">a b</mrk></seg-source></trans-unit>',
            '<trans-unit id="1"><source>a b</source><seg-source><mrk mtype="seg">a b</mrk></seg-source>'
            f"<target {STATE}>A B</target></trans-unit>",
        ),
    ],
)
def test_targets_of_version_1_are_filled(unit, expected):
    assert shout(read(f"{HEAD_1}{unit}{TAIL_1}")) == f"{HEAD_1}{expected}{TAIL_1}"


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (
            '<segment id="s">\n <source>a <pc id="1">b</pc><ph id="2"/></source>\n</segment>',
            '<segment id="s" state="translated">\n <source>a <pc id="1">b</pc><ph id="2"/></source>\n'
            ' <target>A <pc id="1">B</pc><ph id="2"/></target>\n</segment>',
        ),
        (
            '<segment state="initial"><source>a <sc id="1"/>b<ec startRef="1"/></source><target>x</target></segment>',
            '<segment state="translated"><source>a <sc id="1"/>b<ec startRef="1"/></source>'
            '<target>A <sc id="1"/>B<ec startRef="1"/></target></segment>',
        ),
        ('<segment state="final"><source>a</source><target>b</target></segment>',) * 2,
        ("<ignorable><source>a</source></ignorable>",) * 2,
    ],
)
def test_targets_of_version_2_are_filled(unit, expected):
    head = HEAD_2.format(' trgLang="de"')
    assert shout(read(f"{head}{unit}{TAIL_2}")) == f"{head}{expected}{TAIL_2}"


def test_version_2_needs_its_target_language():
    unit = "<segment><source>a</source></segment>"
    filled = '<segment state="translated"><source>a</source><target>A</target></segment>'
    assert shout(read(HEAD_2.format("") + unit + TAIL_2)) == HEAD_2.format(' trgLang="de"') + filled + TAIL_2


def test_a_prefix_is_kept():
    text = '<x:xliff version="1.2"><x:trans-unit><x:source>a</x:source></x:trans-unit></x:xliff>'
    assert f"<x:source>a</x:source><x:target {STATE}>A</x:target>" in shout(read(text))


@pytest.mark.parametrize("placeholder", ["%s", "%minutes%", "{{ limit }}", "{0}", "%1$d", "%@", "${home}"])
def test_placeholders_move_with_the_words_beside_them(placeholder):
    unit = f'<trans-unit id="1"><source>wait {placeholder} &lt; now</source></trans-unit>'
    written = translate_document(read(HEAD_1 + unit + TAIL_1), WordTranslator(str.upper)).decode()
    assert f"<target {STATE}>WAIT {placeholder} &lt; NOW</target>" in written


def test_tags_move_with_their_words():
    unit = '<trans-unit id="1"><source>one <g id="1">two</g> <x id="2"/>three</source></trans-unit>'
    written = translate_document(read(HEAD_1 + unit + TAIL_1), WordTranslator(is_reversing=True)).decode()
    assert f'<target {STATE}>three <x id="2"/><g id="1">two</g> one</target>' in written


ONE, TWO = MemoryMatch(87, "a & b", "A <B>"), MemoryMatch(71, "c", "C")


def annotate(document: XliffDocument, *annotations: Annotation) -> str:
    return document.write_annotated([unit.segment for unit in document.units], annotations).decode()


def test_version_1_has_alternatives_from_a_memory():
    unit = '<trans-unit id="1">\n  <source>a b</source>\n  <note>x</note></trans-unit>'
    written = annotate(read(HEAD_1 + unit + TAIL_1), Annotation(matches=[ONE, TWO]))
    assert written == (
        f'{HEAD_1}<trans-unit id="1">\n  <source>a b</source>\n  <target {STATE}>a b</target>\n'
        '  <alt-trans match-quality="87%" origin="memory"><source>a &amp; b</source><target>A &lt;B&gt;</target>'
        '</alt-trans>\n  <alt-trans match-quality="71%" origin="memory"><source>c</source><target>C</target>'
        f"</alt-trans>\n  <note>x</note></trans-unit>{TAIL_1}"
    )
    filled = '<x:xliff version="1.2"><x:trans-unit><x:source>a</x:source><x:target/></x:trans-unit></x:xliff>'
    assert '</x:target><x:alt-trans match-quality="71%" origin="memory"><x:source>c</x:source>' in annotate(
        read(filled), Annotation(matches=[TWO])
    )


def test_what_a_memory_has_is_an_exact_match():
    unit = '<trans-unit id="1"><source>a</source></trans-unit>'
    assert 'state-qualifier="exact-match">a</target></trans-unit>' in annotate(
        read(HEAD_1 + unit + TAIL_1), Annotation(is_known=True)
    )


def test_version_2_has_matches_from_a_memory():
    head = HEAD_2.format(' trgLang="de"')
    unit = '<segment id="s"><source>a</source></segment><segment><source>b</source></segment>'
    written = annotate(read(head + unit + TAIL_2), Annotation(matches=[ONE]), Annotation(matches=[TWO]))
    number = re.search(r'<segment state="translated" id="(nmt-\d+)">', written)[1]
    inside = '<mtc:match ref="#{}" type="tm" origin="memory" similarity="{}"><source>{}</source><target>{}</target>'
    assert (
        '<unit id="u"><mtc:matches xmlns:mtc="urn:oasis:names:tc:xliff:matches:2.0">'
        + inside.format("s", 87, "a &amp; b", "A &lt;B&gt;")
        + "</mtc:match>"
        + inside.format(number, 71, "c", "C")
        + "</mtc:match></mtc:matches>\n"
    ) in written
    assert '<segment id="s" state="translated"><source>a</source><target>a</target></segment>' in written
    again = annotate(read(written.replace(' state="translated"', ' state="initial"')), *[Annotation(matches=[TWO])] * 2)
    assert again.count("<mtc:matches") == again.count("</mtc:matches>") == 1
    assert again.count('<mtc:match xmlns:mtc="urn:oasis:names:tc:xliff:matches:2.0" ref="#s" type="tm"') == 1
    assert again.count("</mtc:match>") == 4
    assert len(read(again).units) == 0


DOUBTS = ['"<A>" (low probability)', "length limit"]
CHECK = 'check "&lt;A&gt;" (low probability), length limit'


def test_version_1_has_our_confidence_as_the_quality_of_a_match():
    unit = '<trans-unit id="1">\n  <source>a <g id="1">&amp;</g></source></trans-unit>'
    written = annotate(read(HEAD_1 + unit + TAIL_1), Annotation(confidence=0.625, doubts=DOUBTS, matches=[TWO]))
    assert (
        f'  <target {STATE}>a <g id="1">&amp;</g></target>\n'
        '  <alt-trans match-quality="62%" origin="nmt"><source>a &amp;</source><target>a &amp;</target></alt-trans>\n'
        '  <alt-trans match-quality="71%" origin="memory"><source>c</source><target>C</target></alt-trans>\n'
        f'  <note from="nmt" annotates="target">{CHECK}</note></trans-unit>'
    ) in written
    assert "<note" not in annotate(read(HEAD_1 + unit + TAIL_1), Annotation(confidence=1.0))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "<notes>{}</notes>\n"),
        ("<notes><note>x</note></notes>", "<notes><note>x</note>{}</notes>"),
        ("<notes/><originalData></originalData>", "<notes>{}</notes><originalData></originalData>"),
        ("<originalData></originalData>", "<notes>{}</notes><originalData></originalData>"),
    ],
)
def test_version_2_has_our_confidence_as_the_quality_of_a_match(before, after):
    head = HEAD_2.format(' trgLang="de"')
    unit = f'{before}<segment id="s"><source>a</source></segment><segment id="t"><source>b</source></segment>'
    written = annotate(read(head + unit + TAIL_2), Annotation(confidence=0.3, doubts=DOUBTS), Annotation(confidence=1))
    match = '<mtc:match ref="#{}" type="mt" origin="nmt" matchQuality="{}"><source>{}</source><target>{}</target>'
    assert f"{match.format('s', 30, 'a', 'a')}</mtc:match>{match.format('t', 100, 'b', 'b')}</mtc:match>" in written
    note = f'<note category="nmt" appliesTo="target">{CHECK}</note>'
    assert after.format(note).strip() + '<segment id="s"' in written
    assert len(read(written).units) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_file_keeps_its_encoding(encoding):
    declared = encoding.removesuffix("-sig")
    head = HEAD_1.replace('"1.0"', f'"1.0" encoding="{declared}"')
    text = f'{head}<trans-unit id="1"><source>été</source></trans-unit>{TAIL_1}'
    written = translate_document(XliffDocument(text.encode(encoding), "a.xlf", SPACED), WordTranslator(str.upper))
    assert "<source>été</source><target " in written.decode(encoding)
    assert "ÉTÉ" in written.decode(encoding)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<tmx/>", "a.xlf is not XLIFF: its first element is <tmx>, not <xliff>"),
        (
            HEAD_1.replace("en-US", "fr") + TAIL_1,
            "a.xlf, line 2: it is from fr to de, and the run from en to de\n  Use a run of its languages",
        ),
        (
            HEAD_2.format(' trgLang="ja"') + TAIL_2,
            "a.xlf, line 1: it is from en to ja, and the run from en to de\n  Use a run of its languages",
        ),
        ("<xliff>\n<a>", "a.xlf, line 2: it is not XML: no element found\n  Correct it first"),
        ("", "a.xlf, line 1: it is not XML: no element found\n  Correct it first"),
        ("<a>" * 2000, "a.xlf, line 1: elements are nested more than 1000 deep"),
        (
            '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]>\n<a>&d;</a>',
            "a.xlf, line 1: it defines the entity 'b', and a definition may be an attack that fills memory\n"
            "  Remove the definitions, and write what they stand for",
        ),
        (
            '<!DOCTYPE a [\n<!ENTITY b "&c;"><!ENTITY c "&b;">]><a>&b;</a>',
            "a.xlf, line 2: it defines the entity 'b', and a definition may be an attack that fills memory\n"
            "  Remove the definitions, and write what they stand for",
        ),
    ],
)
def test_what_is_not_xliff_of_these_languages_is_refused(text, message):
    with pytest.raises(DataError) as caught:
        XliffDocument(text.encode(), "a.xlf", Languages("en", "de"))
    assert str(caught.value) == message
