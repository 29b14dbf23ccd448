"""The names of tags in an edited text, and what a memory with them does to documents."""

from pathlib import Path

import pytest
from support.documents import SPACED, WordTranslator, translate_units

from nmt.documents.document import Unit
from nmt.documents.files import DocumentReport, report_units
from nmt.documents.html import HtmlDocument
from nmt.documents.segment import Mark, Segment
from nmt.documents.tag_names import name_tags, read_tags, write_tags
from nmt.errors import DataError
from nmt.text.similarity import TextIndex
from nmt.translation.memory import MemoryTranslator, TranslationMemory


def read_page(page):
    return HtmlDocument(page.encode(), "a.html", SPACED)


@pytest.mark.parametrize(
    ("page", "written"),
    [
        ("un <i>deux</i><br>trois", "un <i>deux</i> <br>trois"),
        ("<a href=x>un</a> ou <a href=y>deux</a>", "<a:1>un</a:1> ou <a:2>deux</a:2>"),
        ("run <code>npm  <b>i</b> &lt;x&gt;</code> now", "run <code>npm i <x></code> now"),
        ("a <!-- b\n  c --> d", "a <!-- --> d"),
        (f"run <kbd>{'y' * 50}</kbd> now", f"run <kbd>{'y' * 40}…</kbd> now"),
        ("a <svg><path/></svg> b <span translate=no>Kaos</span> c", "a <svg> b <span>Kaos</span> c"),
        ("write &lt;u&gt; as <u>x</u>", "write <u> as <u:1>x</u:1>"),  # the name is in the text
    ],
)
def test_every_tag_has_a_name_of_its_own(page, written):
    [unit] = read_page(page).units
    assert write_tags(unit.segment, name_tags(unit)) == written
    assert read_tags(written, unit) == unit.segment


def test_tags_of_other_formats_have_names_too():
    marks = [Mark(0, "open"), "a", Mark(1, "single"), "b", Mark(0, "close"), Mark(2, "single"), Mark(3, "single")]
    unit = Unit(Segment.join(marks), ("strong", "next cue", "%d", "%d"), 1)
    assert write_tags(unit.segment, name_tags(unit)) == "<strong>a<next cue>b</strong>%d%d"
    unit = Unit(Segment.join(["a ", Mark(0, "single"), " b"]), ("`c\n  d`",), 1)
    assert write_tags(unit.segment, name_tags(unit)) == "a `c d` b"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1 <i>2</i> 3", "it lacks <br>"),
        ("1 <i>2 <br> 3", "it lacks </i>"),
        ("1 <i>2</i><br><br> 3", "it has <br> more often than the segment"),
        ("1 </i>2<i><br> 3", "one of its tags ends before it begins"),
    ],
)
def test_a_text_with_other_tags_is_refused(written, message):
    [unit] = read_page("one <i>two</i><br>three").units
    with pytest.raises(DataError) as caught:
        read_tags(written, unit)
    assert str(caught.value) == message


def test_pairs_cross_only_where_they_cross_in_the_source():
    nested = [Mark(0, "open"), "a", Mark(1, "open"), "b", Mark(1, "close"), Mark(0, "close")]
    crossing = [*nested[:4], nested[5], nested[4]]
    for parts, is_refused in ((nested, True), (crossing, False)):
        unit = Unit(Segment.join(parts), ("<x>", "<y>"), 1)
        written = "<x>1<y>2</x></y>"
        if is_refused:
            with pytest.raises(DataError, match="its tags cross each other"):
                read_tags(written, unit)
        else:
            assert read_tags(written, unit).text == "12"


HEAD = '<tmx version="1.4"><header/><body>'
UNIT = '<tu><tuv xml:lang="en"><seg>{}</seg></tuv><tuv xml:lang="de"><seg>{}</seg></tuv></tu>'
PAGE = "<p>see <b>one</b> or <a href=x>two</a><br>now"


@pytest.mark.parametrize(
    ("page", "target", "written", "note"),
    [
        # exactly as a person placed them, as codes or as text
        (
            PAGE,
            "<ph>&lt;a&gt;</ph>zwei<ph>&lt;/a&gt;</ph> <ph>&lt;br&gt;</ph>oder <ph>&lt;b&gt;</ph>eins"
            "<ph>&lt;/b&gt;</ph>",
            "<p><a href=x>zwei</a> <br>oder <b>eins</b>",
            None,
        ),
        (
            PAGE,
            "&lt;b&gt;eins&lt;/b&gt; &lt;a&gt;zwei&lt;/a&gt;&lt;br&gt;nun",
            "<p><b>eins</b> <a href=x>zwei</a><br>nun",
            None,
        ),
        # none of them, or those of another tool: placed by the alignment, and nothing is lost
        ("<p>one <b>two</b>", "eins zwei", None, None),
        ("<p>one <b>two</b>", "eins <bpt i='1'>{\\b </bpt>zwei<ept i='1'>}</ept>", None, None),
        ("<p>one <b>two</b>", " eins <ph>&lt;b&gt;</ph>zwei<ph>&lt;/b&gt;</ph> ", "<p>eins <b>zwei</b>", None),
        ("<p>one <b>two</b>", "eins <ph/>zwei<ph>x</ph>", None, None),
        ("<p>one two", "<ph>&lt;b&gt;</ph>eins zwei<ph>&lt;/b&gt;</ph>", "<p>eins zwei", None),  # of a twin with tags
        ("<p>one two", "eins<ph>&lt;br&gt;</ph>zwei", "<p>eins zwei", None),
        # some of them
        (
            "<p>one <b>two</b>",
            "&lt;b&gt;eins zwei",
            None,
            'the tags of the memory\'s translation "eins zwei" are placed anew, because it lacks </b>',
        ),
        # what is no tag of the segment, and no text
        (
            "<p>one two",
            "eins &lt;u&gt;zwei",
            "<p>ONE TWO",
            "the memory's translation is not used, because <u> in it is no tag of the segment",
        ),
        (
            "<p>A b! One two.",
            "eins &lt;u&gt;zwei",
            "<p>A B! ONE TWO.",
            "the memory's translation is not used, because <u> in it is no tag of the segment",
        ),
        (
            "<p>one <b>two</b>",
            "&lt;b&gt; &lt;/b&gt;",
            "<p>ONE <b>TWO</b>",
            "the memory's translation has no text: it is not used",
        ),
        ("<p>press &lt;Go&gt;", "&lt;Los&gt;", "<p>&lt;Los&gt;", None),  # text, as in the source
    ],
)
def test_edits_never_lose_double_or_invent_a_tag(tmp_path, page, target, written, note):
    document = read_page(page)
    source = "One two." if "One two." in page else document.units[0].segment.text
    source = source.replace("<", "&lt;")
    (tmp_path / "m.tmx").write_text(f"{HEAD}{UNIT.format(source, target)}</body></tmx>")
    memory = TranslationMemory.read([tmp_path / "m.tmx"], "en", "de", 100)
    units = translate_units(document, MemoryTranslator(WordTranslator(str.upper), memory), SPACED)
    found = document.write([one.segment for one in units]).decode()
    report = DocumentReport(Path("a.html"), Path("b.html"))
    assert list(report_units(units, report, None)) == units
    assert report.notes == ([f"a.html, line 1: {note}"] if note else [])
    if written:
        assert found == written
    else:
        assert units[0].segment.text == "eins zwei"
        assert (found.count("<b>"), found.count("</b>")) == (1, 1)
    assert [tag for tag, _ in units[0].placements] == list(range(len(units[0].unit.labels)))


FOO = '<span translate="no">Foo</span>'


@pytest.mark.parametrize(
    ("page", "memory", "written", "scores"),
    [
        # words of a tag belong to the source, and to its translation
        (f"<p>Go, {FOO} now", {"Go, Foo now": "Foo, los jetzt"}, f"<p>{FOO}, los jetzt", [100]),
        (f"<p>a {FOO} b {FOO} c", {"a Foo b Foo c": "Foo d Foo"}, f"<p>{FOO} d {FOO}", [100]),
        (f"<p>Go, {FOO} now", {"Go, Foo now": "jetzt los"}, f"<p>jetzt {FOO} los", [100]),
        (f"<p>Go, {FOO} now", {"Go, now": "jetzt los"}, f"<p>GO, {FOO} NOW", [75]),
        # of sentences, those with such a tag are translated anew
        (f"<p>Stop. Go {FOO} now.", {"Stop.": "Halt.", "Go now.": "Los."}, f"<p>Halt. GO {FOO} NOW.", [100]),
        (f"<p>Stop. {FOO} go.", {"Stop.": "Halt.", "go.": "Los."}, f"<p>STOP. {FOO} GO.", []),
        # a placeholder is its own word, an image and the mark of a footnote have none
        ("<p>get {{n}} of a", {"get {{n}} of a": "von a {{n}}"}, "<p>von a {{n}}", [100]),
        ("<p>get {{n}} of a", {"get of a": "von a"}, "<p>GET {{n}} OF A", []),
        ("<p>get <img src=x> a<sup>1</sup>", {"get a": "hol a"}, "<p>hol <img src=x> a<sup>1</sup>", [100]),
    ],
)
def test_a_memory_has_the_words_that_readers_see_in_place_of_a_tag(page, memory, written, scores):
    document = read_page(page)
    known = TranslationMemory(memory, TextIndex(list(memory)), 60)
    units = translate_units(document, MemoryTranslator(WordTranslator(str.upper), known), SPACED)
    assert document.write([one.segment for one in units]).decode() == written
    assert [match.score for one in units for match, *_ in one.matches] == scores


def test_codes_of_a_memory_may_stand_for_words(tmp_path):
    code = "<ph>&lt;span&gt;Foo&lt;/span&gt;</ph>"
    (tmp_path / "m.tmx").write_text(f"{HEAD}{UNIT.format(f'go {code} now', f'{code} jetzt')}</body></tmx>")
    memory = TranslationMemory.read([tmp_path / "m.tmx"], "en", "de", 100)
    document = read_page(f"<p>go {FOO} now")
    [unit] = translate_units(document, MemoryTranslator(WordTranslator(str.upper), memory), SPACED)
    assert document.write([unit.segment]).decode() == f"<p>{FOO} jetzt"
    [(match, source, target)] = unit.matches
    assert (match.score, source, target) == (100, "go Foo now", "Foo jetzt")
