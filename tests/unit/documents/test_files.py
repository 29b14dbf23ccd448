from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.documents import SPACED, WordTranslator, translate_document

from nmt.documents import formats, plain, translate
from nmt.documents.files import WeakTag, describe_left_out, plan_outputs, translate_files
from nmt.documents.formats import parse_document, require_format
from nmt.documents.plain import TextDocument
from nmt.errors import DataError, UsageError


class WithoutAttention(WordTranslator):
    def translate(self, line):
        one = super().translate(line)
        return replace(one, attention_blocks=(np.zeros_like(one.attention_blocks[0]),))


def test_a_report_has_the_tags_without_support(tmp_path):
    page = tmp_path / "a.html"
    page.write_text("<p>one two</p>\n<p>three <b>four</b></p>\n")
    [report] = translate_files({page: tmp_path / "b.html"}, WithoutAttention(str.upper), SPACED)
    assert report.weak_tags == [] or report.weak_tags[0].share > 0  # "four" and "FOUR" are anchors
    [report] = translate_files({page: tmp_path / "b.html"}, WithoutAttention(lambda word: "x"), SPACED)
    assert (report.segments, report.tags) == (2, 1)
    assert report.weak_tags == [WeakTag(2, "<b>", 0.0, "three four", "x x")]


def test_an_error_while_translating_leaves_no_half_file(tmp_path):
    class Failing(WordTranslator):
        def translate(self, line):
            raise KeyboardInterrupt

    page, out = tmp_path / "a.html", tmp_path / "b.html"
    page.write_text("<p>one</p>")
    out.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        list(translate_files({page: out}, Failing(), SPACED))
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]


def test_a_folder_inside_the_translated_one_is_left_out(tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("a.html", "b.po", "c.png", "out/a.html"):
        (tmp_path / name).touch()
    planned = plan_outputs([tmp_path], tmp_path / "out")
    assert planned == {tmp_path / name: tmp_path / "out" / name for name in ("a.html", "b.po")}
    assert list(plan_outputs([tmp_path], tmp_path / "out", "po")) == [tmp_path / "b.po"]


def test_a_folder_is_not_translated_to_itself(tmp_path):
    (tmp_path / "en").mkdir()
    for name in ("a.html", "en/b.md"):
        (tmp_path / name).touch()
    for output in (tmp_path, tmp_path / "en" / ".."):
        with pytest.raises(UsageError, match="the folder of the documents and that of the output"):
            plan_outputs([tmp_path / "en" / "b.md", tmp_path], output)
    assert plan_outputs([tmp_path / "en"], tmp_path) == {tmp_path / "en" / "b.md": tmp_path / "b.md"}


@pytest.mark.parametrize(
    ("names", "note"),
    [
        ([], ""),
        (["x/c.png"], "1 other file is left out: x/c.png"),
        (["c.png", "d", "b.css"], "3 other files are left out: b.css, c.png, d"),
        ([f"{number}.png" for number in range(5)], "5 other files are left out: 0.png, 1.png, 2.png and 2 more"),
    ],
)
def test_files_that_are_left_out_are_named(tmp_path, names, note):
    (tmp_path / "x").mkdir()
    for name in ("a.html", ".d.png", *names):
        (tmp_path / name).touch()
    assert describe_left_out([tmp_path, tmp_path / "a.html"], tmp_path / "out") == note


def test_a_folder_may_have_the_suffix_of_a_document(tmp_path):
    (tmp_path / "a.html").mkdir()
    (tmp_path / "a.html" / "b.md").touch()
    (tmp_path / "c.md").mkdir()
    for output in (tmp_path / "c.md", tmp_path / "v1.2"):
        assert plan_outputs([tmp_path / "a.html"], output) == {tmp_path / "a.html" / "b.md": output / "b.md"}


@pytest.mark.parametrize("name", ["a.xlf", "a.XLIFF", "a.sdlxliff", "a.mqxliff"])
def test_files_of_translators_tools_are_xliff(name, tmp_path):
    assert require_format(tmp_path / name, None) == "xliff"


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r'there is no format "htm"; did you mean "html"\?'):
        plan_outputs([tmp_path / "a"], tmp_path / "b", "htm")


BLANK = [b"", b"\n\n", b" \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe\n\x00"]


@pytest.mark.parametrize(
    ("form", "contents"),
    [
        *((form, BLANK) for form in ("html", "markdown", "text", "po", "srt")),
        ("html", [b"<!-- one -->", b"<!DOCTYPE html>\n"]),
        ("markdown", [b"<!-- one -->\n"]),
        (
            "po",
            [
                b"# one",
                b"#. one\n\n#, fuzzy\n",
                b'#~ msgid "one"\n#~ msgstr ""\n',
                b'msgid "one"\nmsgid_plural "two"\n',
            ],
        ),
        ("vtt", [b"WEBVTT", b"WEBVTT\n\nNOTE\none\n", b"\xef\xbb\xbfWEBVTT\r\n\r\n"]),
        ("xml", [b"<one/>", b"<!-- one --><two> </two>"]),
        ("xliff", [b'<xliff version="1.2"/>', b'<!-- one --><xliff version="2.0"><file/></xliff>']),
    ],
)
def test_a_file_without_text_stays_as_it_is(form, contents):
    for content in contents:
        document = parse_document(content, "a", SPACED, form)
        assert document.units == [] == document.notes
        assert translate_document(document, WordTranslator(str.upper)) == content


@pytest.fixture
def broken(monkeypatch):
    """A format that fails for some texts: where they are read, written, or joined."""

    class Broken(TextDocument):
        def __init__(self, content, *rest):
            super().__init__(content, *rest)
            if b"unread" in content:
                raise ValueError("one is longer")

        def write(self, translations):
            if "UNWRITTEN" in (text := super().write(translations).decode()):
                raise KeyError(text)
            return text.encode()

    join = translate.join_unit
    monkeypatch.setattr(plain, "TextDocument", Broken)
    monkeypatch.setattr(
        translate, "join_unit", lambda unit, *rest: [][1] if unit.segment.text == "unjoined" else join(unit, *rest)
    )


@pytest.mark.parametrize(
    ("text", "error", "place"),
    [
        ("unread", "ValueError: one is longer", "test_files.py"),
        ("unwritten", "KeyError: 'UNWRITTEN'", "test_files.py"),
        ("unjoined", "IndexError: list index out of range", "test_files.py"),
    ],
)
def test_an_error_in_the_program_leaves_out_one_file(tmp_path, broken, text, error, place):
    names = ("a.txt", "b.txt", "c.txt")
    for name, own in zip(names, ("one", text, "two"), strict=True):
        (tmp_path / name).write_text(own)
    planned = {tmp_path / name: tmp_path / "out" / name for name in names}
    with pytest.raises(DataError) as caught:
        list(translate_files(planned, WordTranslator(str.upper), SPACED))
    first, second = str(caught.value).splitlines()
    assert first == f"{tmp_path / 'b.txt'} is not translated: this is an error in nmt, not in your input"
    assert second.startswith(f"  Please report {error} ({place}, line ")
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {"a.txt": "ONE", "c.txt": "TWO"}
    with pytest.raises(Exception, match=error.partition(": ")[2]) as caught:
        list(translate_files({tmp_path / "b.txt": tmp_path / "x.txt"}, WordTranslator(str.upper), SPACED))
    assert type(caught.value).__name__ == error.partition(":")[0]
    assert not (tmp_path / "x.txt").exists()


def test_an_error_of_the_translator_is_not_that_of_a_file(tmp_path):
    class Failing(WordTranslator):
        def translate(self, line):
            if line == "two":
                raise ZeroDivisionError
            return super().translate(line)

    names = ("a.txt", "b.txt", "c.txt")
    for name, own in zip(names, ("one", "two", "three"), strict=True):
        (tmp_path / name).write_text(own)
    with pytest.raises(ZeroDivisionError):
        list(translate_files({tmp_path / name: tmp_path / f"{name}.txt" for name in names}, Failing(), SPACED))


def test_a_document_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MAX_BYTES", 7)
    for size, is_read in ((7, True), (8, False)):
        (tmp_path / "a.txt").write_text("x" * size)
        if is_read:
            assert len(formats.read_document(tmp_path / "a.txt", SPACED).units) == 1
            continue
        with pytest.raises(DataError, match=r"a.txt has more than 7 bytes, the most of a document\n  Split it"):
            formats.read_document(tmp_path / "a.txt", SPACED)


def test_standard_input_needs_the_name_of_its_format():
    with pytest.raises(UsageError, match="standard input has no suffix that tells its format: name it with form"):
        plan_outputs([Path("-")], Path("b"))
    assert plan_outputs([Path("-")], Path("-"), "srt") == {Path("-"): Path("-")}


@pytest.mark.parametrize(
    ("source", "target"), [("a.srt", "b.vtt"), ("a.po", "b.html"), ("a.md", "b.txt"), ("a.xlf", "b.po")]
)
def test_a_document_keeps_its_format(tmp_path, source, target):
    with pytest.raises(UsageError, match=f"{target} has the suffix of another format: .*{source} is "):
        plan_outputs([tmp_path / source], tmp_path / target)


@pytest.mark.parametrize(
    ("source", "target", "form"),
    [
        ("a.pot", "b.po", None),
        ("a.HTM", "b.xhtml", None),
        ("a.md", "b", None),
        ("a.md", "b.de", None),
        ("a.txt", "b.txt", "html"),
    ],
)
def test_other_suffixes_are_free(tmp_path, source, target, form):
    assert plan_outputs([tmp_path / source], tmp_path / target, form) == {tmp_path / source: tmp_path / target}
