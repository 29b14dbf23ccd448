"""What a memory with the same source does to documents: a person's translation is used as it is."""

import random
import re

import polib
import pytest
from support.documents import SPACED, WordTranslator, translate_units

from nmt.documents.formats import parse_document
from nmt.text.similarity import TextIndex
from nmt.translation.memory import MemoryTranslator, TranslationMemory


def translate(content, form, memory):
    document = parse_document(content.encode(), f"a.{form}", SPACED, form)
    units = translate_units(document, MemoryTranslator(WordTranslator(str.upper), memory), SPACED)
    return document.write([one.segment for one in units]).decode(), units


def translate_message(text, memory):
    entry = polib.POEntry(msgid=text)
    content = f'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n{entry}'
    written, units = translate(content, "po", memory)
    return polib.pofile(written)[0].msgstr, units


@pytest.mark.parametrize(
    ("source", "target"),
    [
        # placeholders of the target that are not those of the source
        ("A man has %d dogs in %s.", "In %2$s hat ein Mann %1$d Hunde."),
        ("A woman is running in {place}.", "Eine Dame rennt."),
        ("Now %i dogs run.", "Nun laufen %d Hunde."),
        ("Open {name} now", "{name} und {name} öffnen"),
        ("Hello %s and %s now", "%s grüßt"),
        ("Get <b>%d</b> dogs", "Hol <b>%1$d</b> Hunde"),
        ("Get %d of <b>the dogs</b> now", "Nun <b>die Hunde</b> holen, %1$d"),
        ("Use ``dog.exe`` and `a link <https://a.b>`_", "`Ein Link <https://a.b>`_ und ``dog.exe``"),
        ("Run :func:`a.b` and `c` of |x|", "Für |x| nun `c` und :func:`a.b` laufen"),
        # tags and placeholders at the ends
        ("%d dogs are sleeping.", "%d Köter pennen."),
        ("%d dogs are sleeping.", "Es pennen %d Köter."),
        ("%d dogs are sleeping.", "Köter pennen."),
        ("%s is running.", "%1$s rennt."),
        ("A dog: %d", "Köter: %d"),
        ("A man is sleeping on {place}", "Auf {place} pennt einer"),
        ("<b>A cat is sleeping.</b>", "<b>Ein Kater pennt.</b>"),
        ("<b>A cat is sleeping.</b>", "Ein <b>Kater</b> pennt."),
        ("A dog runs with <b>a cat</b> and <b>a girl</b>", "<b>Ein Mädel</b> und ein Köter mit <b>Kater</b>"),
        ("Page %d of %d", "Seite %d von %d"),
        ("<b>%d dogs</b>", "<b>%1$d Hunde</b>"),
        ('See <a href="/x?y=%d">this dog</a>', '<a href="/x?y=%d">Dieser Köter</a>'),
        ("See it at https://example.com/a_b", "Auf https://example.com/a_b steht es"),
        ("A dog<br>and a cat", "Ein Köter<br>und ein Kater"),
    ],
)
def test_a_translation_of_the_same_message_is_used_as_it_is(source, target):
    written, [unit] = translate_message(source, TranslationMemory({source: target}))
    assert written == target
    assert not unit.note
    assert unit.annotate().is_known
    assert [match.score for match, *_ in unit.matches] == [100]


@pytest.mark.parametrize(
    ("source", "target", "written"),
    [
        # the words alone: what is at the ends stays there
        ("<b>A cat sleeps.</b>", "Ein Kater pennt.", "<b>Ein Kater pennt.</b>"),
        ("<b>%d cats</b>", "%1$d Kater", "<b>%1$d Kater</b>"),
        ("%d <b>big</b> cats", "Große Kater: %d", None),
    ],
)
def test_tags_that_a_translation_lacks_are_placed(source, target, written):
    words = source.replace("<b>", "").replace("</b>", "")
    found, [unit] = translate_message(source, TranslationMemory({words: target}))
    assert found.replace("<b>", "").replace("</b>", "") == target
    assert written in (None, found)
    assert (found.count("<b>"), found.count("</b>"), unit.note) == (1, 1, "")


def test_a_message_is_similar_with_what_is_at_its_ends():
    known = {"%d dogs are eating.": "%d Köter fressen.", "dogs are": "Köter sind"}
    _, [unit] = translate_message("%d dogs are sleeping.", TranslationMemory(known, TextIndex(list(known)), 50))
    [(match, source, _)] = unit.matches
    assert (match.source, match.score) == ("%d dogs are eating.", 83)  # 5 of 6: "%" is a word
    assert source == "%d dogs are sleeping."


@pytest.mark.parametrize(
    ("form", "content", "source", "target", "written"),
    [
        (
            "html",
            "<p>A dog is at https://a.de</p>",
            "A dog is at https://a.de",
            "Auf https://a.de",
            "<p>Auf https://a.de</p>",
        ),
        (
            "html",
            "<p>Use <code>dog.exe</code></p>",
            "Use dog.exe",
            "dog.exe nutzen",
            "<p><code>dog.exe</code> nutzen</p>",
        ),
        ("html", "<p><img src=x> Use <i>it</i></p>", "Use it", "Nutze es", "<p><img src=x> Nutze <i>es</i></p>"),
        ("html", "<p><b>A dog</b> runs<br></p>", "A dog runs", "Hund rennt", "<p><b>Hund</b> rennt<br></p>"),
        ("html", "<p>a H<sub>2</sub>O</p>", "a H2O", "H2O ein", "<p>H<sub>2</sub>O ein</p>"),
        ("markdown", "5 m<sup>2</sup> up\n", "5 m2 up", "auf 5 m2", "auf 5 m<sup>2</sup>\n"),
        ("xml", "<a>a x<sub>i</sub></a>", "a xi", "xi ein", "<a>x<sub>i</sub> ein</a>"),
        ("html", "<p><b>A</b> {{n}}</p>", "A {{n}}", "{{n}} ein", "<p><b>{{n}}</b> ein</p>"),  # without attention
        ("xml", "<a>%s: <i>dog</i></a>", "%s: dog", "Hund: %1$s", "<a>Hund: <i>%1$s</i></a>"),
        (
            "text",
            "A dog at https://a.de\n",
            "A dog at https://a.de",
            "Auf https://a.de Hund",
            "Auf https://a.de Hund\n",
        ),
        ("html", '<p title="Page {{n}}">a b</p>', "Page {{n}}", "{{n}}. Seite", '<p title="{{n}}. Seite">A B</p>'),
        ("markdown", "Use `dog.exe`\n", "Use dog.exe", "dog.exe nutzen", "`dog.exe` nutzen\n"),
        (
            "markdown",
            "See https://a.de/x_y\n",
            "See https://a.de/x_y",
            "https://a.de/x_y ist da",
            "https://a.de/x_y ist da\n",
        ),
        (
            "xml",
            '<resources><string name="a">Has %d dogs in %s</string></resources>',
            "Has %d dogs in %s",
            "In %2$s sind %1$d",
            '<resources><string name="a">In %2$s sind %1$d</string></resources>',
        ),
    ],
)
def test_documents_of_other_formats_too(form, content, source, target, written):
    found, units = translate(content, form, TranslationMemory({source: target}))
    assert found == written
    assert sum(unit.annotate().is_known for unit in units) == 1


XLIFF_1 = (
    '<xliff version="1.2"><file source-language="en" target-language="de"><body>{}</body></file></xliff>',
    "<trans-unit><source>{}</source>{}</trans-unit>",
)
XLIFF_2 = (
    '<xliff version="2.0" srcLang="en" trgLang="de"><file><unit>{}</unit></file></xliff>',
    "<segment><source>{}</source>{}</segment>",
)
PH = '<ph id="1">{0}</ph>', '<ph id="2">{1}</ph>'
SC = '<sc id="1"/>', '<ec startRef="1"/>'


@pytest.mark.parametrize(
    ("form", "source", "target"),
    [
        (XLIFF_1, f"Dog {PH[0]} and cat {PH[1]} run.", f"Kater {PH[1]} und Hund {PH[0]} rennen."),
        (XLIFF_1, 'Dog <x id="1"/> and cat <x id="2"/> run.', 'Kater <x id="2"/> und Hund <x id="1"/> rennen.'),
        (XLIFF_1, '<ph id="1">%s</ph> and <ph id="2">%s</ph> run', '<ph id="2">%s</ph> und <ph id="1">%s</ph> rennen'),
        (XLIFF_1, 'A <g id="1">dog</g> and <g id="2">cat</g>', '<g id="2">Kater</g> und <g id="1">Hund</g>'),
        (XLIFF_1, '<bx id="1"/>A<ex id="2" rid="1"/> dog', 'Hund <bx id="1"/>ein<ex id="2" rid="1"/>'),
        (XLIFF_1, 'A &lt;a href="/x"&gt;dog&lt;/a&gt; %s', '%s &lt;a href="/x"&gt;Hund&lt;/a&gt;'),
        (XLIFF_1, 'A <g id="1">dog</g> has %d', 'Der <g id="1">Hund</g> hat %1$d'),
        (XLIFF_2, 'Dog <ph id="1"/> and cat <ph id="2"/> run', 'Kater <ph id="2"/> und Hund <ph id="1"/> rennen'),
        (XLIFF_2, 'A <pc id="1">dog</pc> and <pc id="2">cat</pc>', '<pc id="2">Kater</pc> und <pc id="1">Hund</pc>'),
        (XLIFF_2, f"The {SC[0]}big{SC[1]} dog <ph id='2'/>", f"<ph id='2'/> Hund, {SC[0]}groß{SC[1]}"),
    ],
)
@pytest.mark.parametrize("is_followed", [False, True])
def test_codes_stay_where_a_person_has_them(tmp_path, form, source, target, is_followed):
    head, unit = form
    words = re.sub("<ph[^>]*>[^<]*</ph>|<[^>]*>", "", source)  # an entry without codes
    more = unit.format(words, "<target>nein</target>") if is_followed and words != source else ""
    (tmp_path / "m.xlf").write_text(head.format(unit.format(source, f"<target>{target}</target>") + more))
    memory = TranslationMemory.read([tmp_path / "m.xlf"], "en", "de", 100)
    written, [one] = translate(head.format(unit.format(source, "")), "xliff", memory)
    assert f">{target}</target>" in written
    assert not one.note


def test_other_codes_are_placed_anew(tmp_path):
    head, unit = XLIFF_1
    target = "<target>Kater<g id='1'> und</g> Hund</target>"
    (tmp_path / "m.xlf").write_text(head.format(unit.format('A <g id="1">dog</g> and cat', target)))
    memory = TranslationMemory.read([tmp_path / "m.xlf"], "en", "de", 100)
    written, [one] = translate(head.format(unit.format(f"A dog {PH[0]} and {PH[1]} cat", "")), "xliff", memory)
    assert one.segment.text.split() == ["Kater", "und", "Hund"]
    target = written.partition("<target")[2]
    assert (target.count(PH[0]), target.count(PH[1]), target.count("<g")) == (1, 1, 0)


def test_a_memory_tells_entries_with_other_codes_apart(tmp_path):
    head, unit = XLIFF_1
    sources = "A dog", 'A <g id="1">dog</g>', 'A <x id="1"/>dog', 'A <g id="1">dog</g>'
    targets = "eins", '<g id="1">zwei</g>', 'drei<x id="1"/>', '<g id="1">vier</g>'
    texts = (unit.format(one, f"<target>{two}</target>") for one, two in zip(sources, targets, strict=True))
    (tmp_path / "m.xlf").write_text(head.format("".join(texts)))
    memory = TranslationMemory.read([tmp_path / "m.xlf"], "en", "de", 100)
    assert memory.notes[-1].endswith("4 units, 4 pairs; 1 replaced by later ones of the same source")
    for source, target in zip(sources[:3], ("eins", targets[3], targets[2]), strict=True):
        written, _ = translate(head.format(unit.format(source, "")), "xliff", memory)
        assert f">{target}</target>" in written


def test_codes_of_tmx_have_attributes(tmp_path):
    link = '<bpt i="1">&lt;a href="{0}"&gt;</bpt>{1}<ept i="1">&lt;/a&gt;</ept>'
    sides = (
        f"A {link.format('/x', 'dog')} or {link.format('/y', 'cat')}",
        f"{link.format('/y', 'Kater')} oder {link.format('/x', 'Hund')}",
    )
    tuvs = "".join(
        f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>' for lang, text in zip(("en", "de"), sides, strict=True)
    )
    (tmp_path / "m.tmx").write_text(f"<tmx><body><tu>{tuvs}</tu></body></tmx>")
    memory = TranslationMemory.read([tmp_path / "m.tmx"], "en", "de", 100)
    written, _ = translate('<p>A <a href="/x">dog</a> or <a href="/y">cat</a>', "html", memory)
    assert written == '<p><a href="/y">Kater</a> oder <a href="/x">Hund</a>'


def test_codes_inside_a_formula_are_a_part_of_it(tmp_path):
    low = "<bpt i='1'>&lt;sub&gt;</bpt>2<ept i='1'>&lt;/sub&gt;</ept>"
    tuvs = "".join(
        f'<tuv xml:lang="{lang}"><seg>{text}</seg></tuv>'
        for lang, text in (("en", f"drink H{low}O now"), ("de", f"nun H{low}O trinken"))
    )
    (tmp_path / "m.tmx").write_text(f"<tmx><body><tu>{tuvs}</tu></body></tmx>")
    memory = TranslationMemory.read([tmp_path / "m.tmx"], "en", "de", 100)
    written, _ = translate("<p>drink H<sub>2</sub>O now", "html", memory)
    assert written == "<p>nun H<sub>2</sub>O trinken"


@pytest.mark.parametrize("seed", range(100))
def test_lines_of_a_translation_are_those_of_the_memory(seed, tmp_path):
    draw = random.Random(seed)
    begin, end = (draw.choice(["", "\n", "  \n", "\t"]) for _ in range(2))
    kinds = ["\n", "\n\n", "\n  * ", "\t", "\n\t", "%s", " b", "one. Two", "\n1. "]
    source, target = (f"a{''.join(draw.choices(kinds, k=draw.randrange(2, 9)))}z" for _ in range(2))
    source, target = f"{begin}{source}{end}", f"{begin}{target}{end}"
    if "\n" not in source.strip() and "\n" in target.strip():
        source = source.replace("z", "\nz")
    memory = polib.POFile()
    memory.metadata = {"Language": "de", "Content-Type": "text/plain; charset=UTF-8"}
    memory.append(polib.POEntry(msgid=source, msgstr=target))
    memory.save(tmp_path / "memory.po")
    written, [unit] = translate_message(source, TranslationMemory.read([tmp_path / "memory.po"], "en", "de"))
    assert unit.annotate().is_known
    assert written == target
