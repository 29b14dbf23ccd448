"""What documents of many segments, and of odd ones, cost: in steps of the program, and in translations in memory."""

import sys
import weakref
from collections.abc import Callable
from itertools import islice

import pytest
from support.documents import WordTranslator

from nmt.documents.document import Languages
from nmt.documents.files import translate_files
from nmt.documents.formats import FORMATS
from nmt.errors import DataError
from nmt.progress import Progress

XLIFF = '<xliff version="1.2"><file source-language="en" target-language="de"><body>{}</body></file></xliff>'
NAMESPACE = ' xmlns:n{0}="u"'
XLIFF_2 = '<xliff version="2.0" srcLang="en" trgLang="de"><file id="f">{}</file></xliff>'


def repeat(form: str, around: str = "{}") -> Callable[[int], str]:
    """A document with a number of these parts, in each of which {0} is the number of the part."""
    return lambda count: around.format("".join(form.format(number) for number in range(count)))


def clock(seconds: int, mark: str) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{mark}000"


def subtitles(head: str, mark: str) -> Callable[[int], str]:
    return lambda count: (
        head
        + "".join(
            f"{one}\n{clock(one, mark)} --> {clock(one + 1, mark)}\n<i>Cue</i> {one}.\n\n" for one in range(count)
        )
    )


DOCUMENTS = {
    "XML": ("xml", repeat("<p>Press <b>key</b> {0}.</p>\n", "<a>{}</a>")),
    "XML, comments": ("xml", repeat("<!-- {0} --><p>Stop {0}.</p>", "<a>{}</a>")),
    "XML, one element": ("xml", repeat("Press key {0}. ", "<a>{}</a>")),
    "XML, sections": ("xml", repeat("<p><![CDATA[Press <key> {0}.]]></p>", "<a>{}</a>")),
    "XML, namespaces": ("xml", lambda count: f"<a {repeat(NAMESPACE)(count)}>Stop.</a>"),
    "HTML": ("html", repeat('<p class="a">Press <b>key</b> {0}.<img alt="Key {0}">\n')),
    "HTML, comments": ("html", repeat("<p>Stop {0}.</p><!-- {0} -->")),
    "HTML, references": ("html", repeat("Press &amp; hold {0} &#x41;. ")),
    "HTML, nested": ("html", lambda count: f"{'<div>' * count}Stop.{'</div>' * count}"),
    "XLIFF 1.2": ("xliff", repeat('<trans-unit id="{0}"><source>Press <x id="1"/> {0}.</source></trans-unit>', XLIFF)),
    "XLIFF 2": ("xliff", repeat("<unit id='{0}'><segment><source>Key {0}.</source></segment></unit>", XLIFF_2)),
    "XLIFF 2, one unit": (
        "xliff",
        repeat("<segment><source>Key {0}.</source></segment>", XLIFF_2.format("<unit id='u'>{}</unit>")),
    ),
    "PO": ("po", repeat('#: a.c:{0}\nmsgid "Press %s {0}"\nmsgstr ""\n\n')),
    "PO, plurals": ("po", repeat('msgid "a {0}"\nmsgid_plural "b {0}"\nmsgstr[0] ""\nmsgstr[1] ""\n\n')),
    "PO, one message": ("po", repeat('"Press key {0}. "\n', 'msgid ""\n{}msgstr ""\n')),
    "Markdown": ("markdown", repeat("# Key {0}\n\nPress *key* {0}, ![key {0}](a.png).\n\n")),
    "Markdown, table": ("markdown", repeat("| key {0} | **b** |\n", "| a | b |\n|---|---|\n{}")),
    "SRT": ("srt", subtitles("", ",")),
    "VTT": ("vtt", subtitles("WEBVTT\n\n", ".")),
    "text": ("text", repeat("Press key {0}.\n\n")),
}


class Windows(WordTranslator):
    """Reads some lines ahead, as the translator of a run does, and counts the translations that are in memory."""

    def __init__(self, *arguments, size=8):
        super().__init__(*arguments)
        self.size = size
        self.alive = weakref.WeakSet()
        self.most_alive = 0

    def stream(self, lines, **options):
        lines = iter(lines)
        while window := list(islice(lines, self.size)):
            for line in window:
                one = self.translate(line)
                self.alive.add(one)
                self.most_alive = max(self.most_alive, len(self.alive))
                yield [one]


def run(folder, form, text, translator, **options):
    """Translate a document in a folder. -> its text, and the report"""
    suffix = FORMATS[form].suffixes[0]
    source, target = folder / f"a{suffix}", folder / f"b{suffix}"
    source.write_text(text)
    [report] = translate_files({source: target}, translator, Languages("en", "de"), **options)
    return target.read_text(), report


def count_lines(call: Callable[[], object]) -> int:
    """The number of lines of Python that a call runs."""
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_cost_of_a_document_grows_as_its_size(name, tmp_path):
    form, make = DOCUMENTS[name]
    run(tmp_path, form, make(2), Windows(str.upper))  # imports and the like
    small, large = (
        count_lines(lambda size=size: run(tmp_path, form, make(size), Windows(str.upper))) for size in (40, 120)
    )
    assert large < 3.3 * small


@pytest.mark.parametrize(
    "name", ["XML", "HTML", "XLIFF 1.2", "XLIFF 2, one unit", "PO", "Markdown, table", "SRT", "text"]
)
def test_translations_are_let_go_as_soon_as_they_are_written(name, tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.translation.repeats.MOST_KEPT", 5)
    form, make = DOCUMENTS[name]
    translator = Windows(str.upper)
    _, report = run(tmp_path, form, make(300), translator)
    assert report.sentences >= 300
    assert translator.most_alive < 90


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("xml", f"<a b='{'mot ' * 10_000}'>Encore.</a>"),
        ("xml", f"<a><b>Un{'<!-- -->' * 3000}</b><b>Deux</b></a>"),
        ("xml", f"<a><b><![CDATA[{'Un <mot>. ' * 2000}]]></b></a>"),
        ("xml", f"<a>{'Un &lt;mot&gt; &#233;. ' * 1000}</a>"),
        ("html", f"<p>{'&# ' * 1000}mot.</p><p>{'&#233;&eacute;t&eacute;. ' * 1000}</p>"),
        ("html", f"<p>Mot{'<a ' * 3000}</p>"),
        ("html", f"{'<' * 3000}<p>Mot</p>"),
        ("markdown", f"{'>' * 500} mot\n\n{'[' * 300}mot{']' * 300}\n"),
        ("text", "\n" * 10_000 + "Mot."),
    ],
    ids=[
        "a long attribute",
        "many comments",
        "a large section",
        "many references",
        "half references",
        "open tags",
        "many brackets",
        "deep quotations",
        "blank lines",
    ],
)
def test_an_odd_document_is_copied_as_it_is(form, text, tmp_path):
    assert run(tmp_path, form, text, Windows())[0] == text


def test_a_section_is_found_among_other_text(tmp_path):
    text = "<a><p>x &lt; y</p>{}<p>x &lt; y</p></a>".format("<p><![CDATA[x < y]]></p>\n" * 3)
    assert run(tmp_path, "xml", text, Windows(str.upper))[0] == text.replace("x ", "X ").replace(" y", " Y")


def test_text_after_half_a_reference_is_divided_as_before_it(tmp_path):
    page = "<p>AT&#T und R&D</p><p>noch <b>mehr</b></p>"
    assert run(tmp_path, "html", page, Windows(str.upper))[0] == "<p>AT&amp;#T UND R&amp;D</p><p>NOCH <b>MEHR</b></p>"


def test_a_large_document_has_notes_of_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.documents.files.LARGE", 1000)
    noted = []

    class Notes(Progress):
        def note(self, text):
            noted.append(text)

        def record(self, record):
            noted.append(record)

    make, file = DOCUMENTS["text"][1], tmp_path / "a.txt"
    run(tmp_path, "text", make(2), Windows(), progress=Notes())
    assert noted == [{"kind": "document", "sentences": 2}]
    noted.clear()
    run(tmp_path, "text", make(99), Windows(), progress=Notes())
    counted = {"kind": "document", "sentences": 99}
    assert noted == [f"nmt: reading {file}, 0 MB", f"nmt: {file} has 99 segments", counted]


def test_a_segment_that_fails_leaves_no_file(tmp_path):
    class Failing(Windows):
        def translate(self, line):
            if line == "Press key 50.":
                raise DataError("no")
            return super().translate(line)

    with pytest.raises(DataError, match="no"):
        run(tmp_path, "text", DOCUMENTS["text"][1](100), Failing())
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
