import re
from xml.etree import ElementTree

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document, translate_units

from nmt.documents.document import Annotation, Languages
from nmt.documents.xliff import XliffDocument
from nmt.errors import DataError
from nmt.translation.memory import MemoryTranslator, TranslationMemory
from nmt.translation.result import MemoryMatch

HEAD_1 = '<?xml version="1.0"?>\n<xliff version="1.2"><file source-language="en-US" target-language="de"><body>\n'
TAIL_1 = "\n</body></file></xliff>\n"
HEAD_2 = (
    '<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en"{}><file id="f"><unit id="u">\n'
)
TAIL_2 = "\n</unit></file></xliff>"
STATE = 'state="needs-review-translation" state-qualifier="mt-suggestion"'
STATE_2 = 'state="translated" subState="nmt:mt-suggestion"'


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
            f'<target {STATE}><mrk mtype="seg">A B</mrk></target></trans-unit>',
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
            f'<segment id="s" {STATE_2}>\n <source>a <pc id="1">b</pc><ph id="2"/></source>\n'
            ' <target>A <pc id="1">B</pc><ph id="2"/></target>\n</segment>',
        ),
        (
            '<segment state="initial"><source>a <sc id="1"/>b<ec startRef="1"/></source><target>x</target></segment>',
            f'<segment {STATE_2}><source>a <sc id="1"/>b<ec startRef="1"/></source>'
            '<target>A <sc id="1"/>B<ec startRef="1"/></target></segment>',
        ),
        ('<segment state="final"><source>a</source><target>b</target></segment>',) * 2,
        ("<ignorable><source>a</source></ignorable>",) * 2,
    ],
)
def test_targets_of_version_2_are_filled(unit, expected):
    head = HEAD_2.format(' trgLang="de"')
    assert shout(read(f"{head}{unit}{TAIL_2}")) == f"{head}{expected}{TAIL_2}"


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ('go <mrk mtype="protected">red car</mrk> now', 'GO <mrk mtype="protected">red car</mrk> NOW'),
        ('go <mrk mtype="x-its-translate-no">red</mrk> now', 'GO <mrk mtype="x-its-translate-no">red</mrk> NOW'),
        ('go <mrk translate="no">red %s</mrk> now', 'GO <mrk translate="no">red %s</mrk> NOW'),
        ('go <mrk its:translate="no" x:y="z">red</mrk> now', 'GO <mrk its:translate="no" x:y="z">red</mrk> NOW'),
        ("go to www.a.b/?c=d&amp;e=f or g@h.i {{ j }} %d", "GO TO www.a.b/?c=d&amp;e=f OR g@h.i {{ j }} %d"),
        ('go <mrk mtype="term">red</mrk> now', 'GO <mrk mtype="term">RED</mrk> NOW'),
        (
            'go <mrk translate="no"><g id="1">red</g> <mrk translate="yes">car</mrk> in</mrk> now',
            'GO <mrk translate="no"><g id="1">red</g> <mrk translate="yes">CAR</mrk> in</mrk> NOW',
        ),
        (
            'go <mrk translate="no">red <g id="1">old <mrk translate="yes">car</mrk></g></mrk> now',
            'GO <mrk translate="no">red <g id="1">old <mrk translate="yes">CAR</mrk></g></mrk> NOW',
        ),
        (
            'go <sm id="m" translate="no"/>red <pc id="1">car</pc><em startRef="m"/> now',
            'GO <sm id="m" translate="no"/>red <pc id="1">car</pc><em startRef="m"/> NOW',
        ),
        (
            'go <sm id="m" translate="no"/>red <mrk translate="yes">car</mrk><em startRef="m"/> now',
            'GO <sm id="m" translate="no"/>red <mrk translate="yes">CAR</mrk><em startRef="m"/> NOW',
        ),
    ],
)
def test_what_is_marked_as_not_to_be_translated_stays(source, target):
    head = HEAD_1.replace("<xliff", '<xliff xmlns:its="i" xmlns:x="x"')
    unit = f'<trans-unit id="1"><source>{source}</source>'
    assert shout(read(f"{head}{unit}</trans-unit>{TAIL_1}")) == (
        f"{head}{unit}<target {STATE}>{target}</target></trans-unit>{TAIL_1}"
    )
    head = HEAD_2.format(' trgLang="de" xmlns:its="i" xmlns:x="x"')
    assert f"<source>{source}</source><target>{target}</target>" in shout(
        read(f"{head}<segment><source>{source}</source></segment>{TAIL_2}")
    )


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("<![CDATA[one <br> two]]>", "ONE &lt;br&gt; TWO"),
        ("<![CDATA[one <b>two</b>]]>", "ONE &lt;b&gt;TWO&lt;/b&gt;"),
        ("<![CDATA[<p>one</p>]]>", "&lt;p&gt;ONE&lt;/p&gt;"),
        ("<![CDATA[<p>one</p> <p>two</p>]]>", "&lt;p&gt;ONE&lt;/p&gt; &lt;p&gt;TWO&lt;/p&gt;"),
        ("<![CDATA[one &lt;b&gt;two&lt;/b&gt; &amp;]]>", "ONE &amp;lt;b&amp;gt;TWO&amp;lt;/b&amp;gt; &amp;AMP;"),
        ("<![CDATA[go to http://a.b/?c=d&e=f now]]>", "GO TO http://a.b/?c=d&amp;e=f NOW"),
        ("<![CDATA[& one ${a<b} <!-- two -->]]>", "&amp; ONE ${a&lt;b} &lt;!-- TWO --&gt;"),
        ('one <g id="1"><![CDATA[<i>two]]></g> <![CDATA[</i>]]>', 'ONE <g id="1">&lt;i&gt;TWO</g> &lt;/i&gt;'),
        ('one <ph id="1"><![CDATA[<br>]]></ph> two', 'ONE <ph id="1">&lt;br&gt;</ph> TWO'),
        ('one <mrk translate="no"><![CDATA[<i>]]> a</mrk>', 'ONE <mrk translate="no">&lt;i&gt; a</mrk>'),
        ('one <mrk translate="no"><![CDATA[ [1]]]]>></mrk>', 'ONE <mrk translate="no"> [1]&#93;></mrk>'),
        ("one <!-- <![CDATA[ --> two", "ONE <!-- <![CDATA[ --> TWO"),
        ("<![CDATA[]]>one<![CDATA[]]>", "ONE"),
    ],
)
def test_the_text_of_a_section_is_text_in_the_target(source, target):
    head = HEAD_2.format(' trgLang="de"')
    own = shout(read(f'{HEAD_1}<trans-unit id="1"><source>{source}</source></trans-unit>{TAIL_1}'))
    assert f"<source>{source}</source><target {STATE}>{target}</target>" in own
    own = shout(read(f"{head}<segment><source>{source}</source></segment>{TAIL_2}"))
    assert f"<source>{source}</source><target>{target}</target>" in own
    first, second = (ElementTree.fromstring(f"<a>{one}</a>") for one in (source, target))
    assert "".join(second.itertext()).lower() == "".join(first.itertext()).lower()


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ('<mrk mtype="protected">red <g id="1">car</g></mrk>', "<mrk>red car</mrk>"),
        ('<sm id="7" translate="no"/>red <pc id="1">car</pc> two<em startRef="7"/>', "<sm>red car two</sm>"),
    ],
)
def test_what_is_not_translated_is_one_tag_of_its_sentence(source, label):
    unit = f'<trans-unit id="1"><source>go {source} now</source></trans-unit>'
    [unit] = read(HEAD_1 + unit + TAIL_1).units
    assert (unit.segment.text, unit.labels) == ("go  now", (label,))


@pytest.mark.parametrize("element", ["file", "group", "unit"])
def test_elements_of_version_2_may_not_be_translated(element):
    unit = '<group id="g"><unit id="u"><segment><source>one <mrk>two</mrk></source></segment></unit></group>'
    text = f'<xliff version="2.1" srcLang="en" trgLang="de"><file id="f">{unit}</file></xliff>'
    text = text.replace(f"<{element}", f'<{element} translate="no"')
    assert shout(read(text)) == text
    inner = text.replace("<mrk>", '<mrk translate="yes">')
    assert '<target>one <mrk translate="yes">TWO</mrk></target>' in shout(read(inner))
    if element != "unit":
        assert "<target>ONE <mrk>TWO</mrk></target>" in shout(read(text.replace("<unit", '<unit translate="yes"')))


def segment(mid: int, text: str) -> str:
    return f'<mrk mtype="seg" mid="{mid}">{text}</mrk>'


SOURCE = f'<seg-source><g id="1">{segment(1, "One a.")} {segment(2, "Two <x id=&quot;2&quot;/>b.")}</g> </seg-source>'
SOURCE = SOURCE.replace("&quot;", '"')
UNIT = f'<trans-unit id="1"><source>One a. Two b.</source>{SOURCE}'
BOTH = f'<g id="1">{segment(1, "ONE A.")} {segment(2, "TWO <x id=2/>B.")}</g> '.replace("=2/", '="2"/')


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"<target {STATE}>{BOTH}</target>"),
        ("<target/>", f"<target {STATE}>{BOTH}</target>"),
        # empty marks are filled, also those of empty elements
        (
            f'<target xml:lang="de">{segment(1, "")}<mrk mid="2" mtype="seg" /></target>',
            f'<target xml:lang="de" {STATE}>{segment(1, "ONE A.")}<mrk mid="2" mtype="seg">TWO <x id="2"/>B.</mrk>'
            "</target>",
        ),
        # what is translated stays
        (
            f"<target>{segment(1, 'eins <x/>')}, {segment(2, ' ')}</target>",
            f"<target {STATE}>{segment(1, 'eins <x/>')}, {segment(2, 'TWO <x id=2/>B.')}</target>".replace(
                "=2/", '="2"/'
            ),
        ),
        (
            f'<target state="new">{segment(1, "")}{segment(2, "zwei")}</target>',
            f"<target {STATE}>{segment(1, 'ONE A.')}{segment(2, 'zwei')}</target>",
        ),
        (
            f"<target>{segment(2, 'zwei')}</target>",
            f'<target {STATE}><g id="1">{segment(1, "ONE A.")} {segment(2, "zwei")}</g> </target>',
        ),
        # a copy of the source that is to be translated
        (f'<target state="needs-translation">{BOTH.lower()}</target>', f"<target {STATE}>{BOTH}</target>"),
        ('<target state="new">eins</target>', f"<target {STATE}>{BOTH}</target>"),
        # translations of the whole
        (f"<target>{segment(1, 'eins')}{segment(2, 'zwei')}</target>",) * 2,
        ("<target>eins zwei</target>",) * 2,
    ],
)
def test_segments_in_a_unit_of_version_1_keep_their_marks(before, after):
    assert shout(read(f"{HEAD_1}{UNIT}{before}</trans-unit>{TAIL_1}")) == f"{HEAD_1}{UNIT}{after}</trans-unit>{TAIL_1}"


def test_what_tools_add_to_a_unit_stays():
    source = f"<source>One. Two.</source><seg-source>{segment(1, 'One.')} {segment(2, 'Two.')}</seg-source>"
    added = '<sdl:seg-defs><sdl:seg id="1" conf="Draft"/><sdl:seg id="2"/></sdl:seg-defs></trans-unit>'
    head = HEAD_1.replace("<xliff", '<xliff xmlns:sdl="http://sdl.com/FileTypes/SdlXliff/1.0" xmlns:mq="MQXliff"')
    before = f'{head}<trans-unit id="1" mq:status="NotStarted">{source}'
    assert shout(read(f"{before}<target>{segment(1, 'Eins.')} {segment(2, '')}</target>{added}{TAIL_1}")) == (
        f"{before}<target {STATE}>{segment(1, 'Eins.')} {segment(2, 'TWO.')}</target>{added}{TAIL_1}"
    )


def test_a_segment_without_words_is_as_in_the_source():
    source = f"<seg-source>{segment(1, '3.')} {segment(2, 'one')} {segment(3, '&lt; <x/>')}</seg-source>"
    unit = f'<trans-unit id="1"><source>3. one &lt; <x/></source>{source}'
    target = f"<target {STATE}>{segment(1, '3.')} {segment(2, 'ONE')} {segment(3, '&lt; <x/>')}</target>"
    empty = f"<target>{segment(1, '')} {segment(2, '')} {segment(3, '')}</target>"
    for before in ("", empty):
        assert f"{unit}{target}</trans-unit>" in shout(read(f"{HEAD_1}{unit}{before}</trans-unit>{TAIL_1}"))


def test_what_is_known_of_a_segment_tells_which_it_is():
    document = read(f"{HEAD_1}{UNIT}</trans-unit>{TAIL_1}")
    assert [unit.segment.text for unit in document.units] == ["One a.", "Two b."]
    written = annotate(document, Annotation(is_known=True), Annotation(confidence=0.5, doubts=["length limit"]))
    assert 'state-qualifier="mt-suggestion"' in written
    assert written.endswith(
        '</target><alt-trans mid="2" match-quality="50%" origin="nmt"><source>Two <x id="2"/>b.</source>'
        '<target>Two <x id="2"/>b.</target>'
        f'</alt-trans><note from="nmt" annotates="target">segment 2: check length limit</note></trans-unit>{TAIL_1}'
    )
    assert 'state-qualifier="exact-match"' in annotate(document, *[Annotation(is_known=True)] * 2)


def test_segments_of_version_2_without_a_translation_are_filled():
    head = HEAD_2.format(' trgLang="de"')
    first = '<segment id="1" state="translated"><source>one</source><target>eins</target></segment>'
    more = '<ignorable><source> </source></ignorable><segment id="2"{}><source>two</source>{}</segment>'
    assert shout(read(head + first + more.format("", "<target/>") + TAIL_2)) == (
        head + first + more.format(f" {STATE_2}", "<target>TWO</target>") + TAIL_2
    )


def test_version_1_gets_the_target_language_that_it_lacks():
    unit = '<trans-unit id="1"><source>{}</source></trans-unit>'
    text = "".join(f'<file original="{one}"><body>{unit.format(one)}</body></file>' for one in ("12", "one"))
    written = shout(read(f'<xliff version="1.2">{text}</xliff>'))
    assert '<file original="12"><body>' in written
    assert '<file original="one" target-language="de"><body>' in written


def test_version_2_needs_its_target_language():
    unit = "<segment><source>a</source></segment>"
    filled = f"<segment {STATE_2}><source>a</source><target>A</target></segment>"
    assert shout(read(HEAD_2.format("") + unit + TAIL_2)) == HEAD_2.format(' trgLang="de"') + filled + TAIL_2


def test_a_prefix_is_kept():
    text = '<x:xliff version="1.2"><x:trans-unit><x:source>a</x:source></x:trans-unit></x:xliff>'
    assert f"<x:source>a</x:source><x:target {STATE}>A</x:target>" in shout(read(text))


@pytest.mark.parametrize("placeholder", ["%s", "%minutes%", "{{ limit }}", "{0}", "%1$d", "%@", "${home}"])
def test_placeholders_move_with_the_words_beside_them(placeholder):
    unit = f'<trans-unit id="1"><source>wait {placeholder} &lt; now</source></trans-unit>'
    written = translate_document(read(HEAD_1 + unit + TAIL_1), WordTranslator(str.upper)).decode()
    assert f"<target {STATE}>WAIT {placeholder} &lt; NOW</target>" in written


@pytest.mark.parametrize(
    ("code", "is_break"),
    [
        ('<x id="LINE_BREAK" ctype="lb" equiv-text="&lt;br/&gt;"/>', True),
        ('<x id="1" ctype="x-br"/>', True),
        ('<x id="1" equiv-text="&lt;br class=&quot;a&quot;>"/>', True),
        ('<ph id="1">&lt;br/></ph>', True),
        ('<it id="1" pos="open">\\n</it>', True),
        ('<ph id="1" type="fmt" subType="xlf:lb"/>', True),
        ('<ph id="1" type="fmt" disp="&lt;BR>"/>', True),
        ('<ph id="1" dataRef="d1"/>', True),
        ('<ph id="1" dataRef="d2"/>', False),
        ('<x id="1" ctype="image" equiv-text="&lt;img>"/>', False),
        ('<ph id="1">&lt;b></ph>', False),
    ],
)
def test_line_breaks_separate_words(tmp_path, code, is_break):
    head, tail, unit = HEAD_1, TAIL_1, "trans-unit"
    if any(one in code for one in ("disp", "dataRef", "subType")):
        data = '<originalData><data id="d1">&lt;br/></data><data id="d2">&lt;b></data></originalData>'
        head, tail, unit = HEAD_2.format(' trgLang="de"') + data, TAIL_2, "segment"
    text = f"{head}<{unit} id='1'><source>a dog{code}runs</source>{{}}</{unit}>{tail}"
    document = read(text.format(""))
    words = "a dog runs" if is_break else "a dogruns"
    assert document.units[0].segment.text == words
    assert not is_break or f"A DOG {code}RUNS" in shout(document)
    # and so in a memory, whose translation is used as it is
    target = f"<target>ein{code}Hund</target>"
    (tmp_path / "m.xlf").write_text(text.format(target))
    memory = TranslationMemory.read([tmp_path / "m.xlf"], "en", "de", 100)
    assert memory.find_equal(words) is not None
    [unit] = translate_units(document, MemoryTranslator(WordTranslator(str.upper), memory))
    assert target in document.write([unit.segment]).decode().replace(f"<target {STATE}>", "<target>")


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
    number = re.search(rf'<segment {STATE_2} id="(nmt-\d+)">', written)[1]
    inside = '<mtc:match ref="#{}" type="tm" origin="memory" similarity="{}"><source>{}</source><target>{}</target>'
    assert (
        '<unit id="u"><mtc:matches xmlns:mtc="urn:oasis:names:tc:xliff:matches:2.0">'
        + inside.format("s", 87, "a &amp; b", "A &lt;B&gt;")
        + "</mtc:match>"
        + inside.format(number, 71, "c", "C")
        + "</mtc:match></mtc:matches>\n"
    ) in written
    assert f'<segment id="s" {STATE_2}><source>a</source><target>a</target></segment>' in written
    again = annotate(
        read(written.replace(f" {STATE_2}", ' state="initial"')),
        *[Annotation(matches=[TWO])] * 2,
    )
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
        '  <alt-trans match-quality="62%" origin="nmt"><source>a <g id="1">&amp;</g></source>'
        '<target>a <g id="1">&amp;</g></target></alt-trans>\n'
        '  <alt-trans match-quality="71%" origin="memory"><source>c</source><target>C</target></alt-trans>\n'
        f'  <note from="nmt" annotates="target">{CHECK}</note></trans-unit>'
    ) in written
    assert "<note" not in annotate(read(HEAD_1 + unit + TAIL_1), Annotation(confidence=1.0))


def test_a_candidate_has_words_that_stay_as_they_are():
    long = "npm run " * 9 + "now"
    unit = f'<trans-unit id="1"><source>do <mrk mtype="protected">{long}</mrk> <x id="1"/>%s.</source></trans-unit>'
    written = annotate(read(HEAD_1 + unit + TAIL_1), Annotation(confidence=0.5))
    whole = unit.partition("<source>")[2].partition("</source>")[0]
    assert f"<source>{whole}</source><target>{whole}</target></alt-trans>" in written


@pytest.mark.parametrize("source", ['%s a <ph id="1">&lt;br/&gt;</ph> b', 'a <x id="1"/> b <g id="2">c</g><x id="3"/>'])
def test_a_candidate_has_the_codes_of_its_segment(source):
    unit = f'<trans-unit id="1"><source>{source}</source></trans-unit>'
    written = annotate(read(HEAD_1 + unit + TAIL_1), Annotation(confidence=0.5))
    assert f"<source>{source}</source><target>{source}</target></alt-trans>" in written


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
            "a.xlf, line 1: it defines the entity 'd' by others, or by a file, which may be an attack\n"
            "  Remove the definition, and write what it stands for",
        ),
        (
            '<!DOCTYPE a [\n<!ENTITY b "&c;"><!ENTITY c "&b;">]><a>&b;</a>',
            "a.xlf, line 2: it defines the entity 'b' by others, or by a file, which may be an attack\n"
            "  Remove the definition, and write what it stands for",
        ),
    ],
)
def test_what_is_not_xliff_of_these_languages_is_refused(text, message):
    with pytest.raises(DataError) as caught:
        XliffDocument(text.encode(), "a.xlf", Languages("en", "de"))
    assert str(caught.value) == message
