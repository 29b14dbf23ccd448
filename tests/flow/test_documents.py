import json
import os
import re

import pytest

import nmt


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html>\n<p class=x>ba <b>de</b></p>\n<script>ba</script>\n")
    return path


REVERSED = "<!DOCTYPE html>\n<p class=x><b>de</b> ba</p>\n<script>ba</script>\n"


def test_a_page_is_translated_with_its_tags(run_nmt, reverser, page, tmp_path):
    out = tmp_path / "out.html"
    done = run_nmt("translate", "--model", reverser, "--document", page, "--output", out)
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr == f"nmt: 1 document with 1 segment is translated in {out}\n"
    assert out.read_text() == REVERSED


def test_python_translates_documents_too(reverser, page, tmp_path):
    [report] = nmt.translate_documents(reverser, page, tmp_path / "out")
    assert (report.source, report.target) == (page, tmp_path / "out")
    assert (report.segments, report.tags, report.weak_tags) == (1, 1, [])
    assert report.target.read_text() == REVERSED
    translator = nmt.load(reverser)
    nmt.translate_documents(translator, [page], tmp_path / "again", beam=2)
    assert (tmp_path / "again").read_text() == REVERSED


def test_several_files_and_folders_go_to_a_folder(run_nmt, reverser, page, tmp_path):
    inside = tmp_path / "docs" / "deep"
    inside.mkdir(parents=True)
    (inside / "a.txt").write_text("ba de\n\nde ba\n")
    (inside / "picture.png").write_bytes(b"\x89PNG")
    hidden = tmp_path / "docs" / ".git"
    hidden.mkdir()
    for path in (hidden / "a.md", hidden / "b", inside / ".c.txt"):
        path.write_text("ba de")
    (tmp_path / "docs" / "b.HTM").write_text("<p>ba de")
    out = tmp_path / "out"
    done = run_nmt("translate", "--model", reverser, "--document", page, tmp_path / "docs", "--output", out)
    counts = "nmt: 3 documents with 4 segments are translated in"
    assert (done.code, done.stderr) == (0, f"{counts} {out}; 1 other file is left out: deep/picture.png\n")
    assert (out / "page.html").read_text() == REVERSED
    assert (out / "deep" / "a.txt").read_text() == "de ba\n\nba de\n"
    assert (out / "b.HTM").read_text() == "<p>de ba"
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["a.txt", "b.HTM", "page.html"]
    (inside / "b.css").write_text("a {}")
    done = run_nmt("translate", "--model", reverser, "--document", tmp_path / "docs", "--output", out)
    others = "2 other files are left out: deep/b.css, deep/picture.png"
    assert done.stderr == f"nmt: 2 documents with 3 segments are translated in {out}; {others}\n"


def test_a_format_can_be_named(run_nmt, reverser, tmp_path):
    (tmp_path / "notes").write_text("<ba> de\n")
    command = ["translate", "--model", reverser, tmp_path / "notes", "--output", tmp_path / "out", "--quiet"]
    done = run_nmt(*command, "--document-format", "html")
    assert (done.code, done.stderr) == (0, "")
    assert (tmp_path / "out").read_text() == "<ba> de\n"
    done = run_nmt(*command, "--document")
    assert done.code == 2
    assert "its suffix is that of no known format" in done.stderr
    assert "for another name the format with --document-format" in done.stderr


def test_standard_input_is_a_document_to_standard_output(run_nmt, reverser, page, tmp_path):
    command = ["translate", "--model", reverser, "--document-format", "html"]
    for words in ([], ["-"], ["--document", "--output", "-"], ["-", "--output", "/dev/stdout"]):
        done = run_nmt(*command, *words, stdin=page.read_text())
        assert (done.code, done.stdout) == (0, REVERSED)
        assert done.stderr == "nmt: 1 document with 1 segment is translated\n"
    done = run_nmt(*command, "-", "--output", tmp_path / "out.html", stdin=page.read_text())
    assert (done.code, done.stdout, (tmp_path / "out.html").read_text()) == (0, "", REVERSED)
    done = run_nmt(*command[:3], "--document", page, "--output", "-", "--quiet")
    assert (done.code, done.stdout, done.stderr) == (0, REVERSED, "")
    done = run_nmt(*command[:3], "--document-format", "text", stdin=b"ba \xff")
    assert (done.code, done.stdout) == (2, "")
    assert "standard input is not UTF-8: line 1, byte 3 of the text is 0xFF" in done.stderr


def test_the_file_of_standard_output_may_be_the_output(run_nmt, reverser, page, tmp_path):
    assert os.path.isfile("/dev/stdout")  # a file that stdout is directed to, as by `> out`
    for words in (["--document"], []):
        expected = run_nmt("translate", "--model", reverser, page, *words, "--output", tmp_path / "out")
        done = run_nmt("translate", "--model", reverser, page, *words, "--output", "/dev/stdout", "--quiet")
        assert (expected.code, done.code, done.stdout) == (0, 0, (tmp_path / "out").read_text())


def test_tags_with_weak_support_are_reported(run_nmt, reverser, page, tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.documents.joining.WEAK", 1.1)  # above every share
    report = tmp_path / "tags.tsv"
    command = ["translate", "--model", reverser, "--document", page, "--output", tmp_path / "out.html"]
    done = run_nmt(*command, "--tag-report", report)
    head, row = report.read_text().splitlines()
    assert head == "file\tline\ttag\tshare\tsource\ttranslation"
    file, line, tag, share, source, translation = row.split("\t")
    assert (file, line, tag, source, translation) == (str(page), "2", "<b>", "ba de", "de ba")
    assert 0.5 < float(share) <= 1
    assert done.stderr.endswith(f"nmt: 1 of 1 tag may be in a wrong place: {report} lists them\n")
    done = run_nmt(*command)
    assert done.stderr.endswith("nmt: 1 of 1 tag may be in a wrong place: --tag-report FILE lists them\n")


def test_a_document_that_cannot_be_read_does_not_keep_the_others_from_being_written(run_nmt, reverser, page, tmp_path):
    bad, worse = tmp_path / "bad.txt", tmp_path / "worse.txt"
    bad.write_bytes(b"ba \xff")
    out = tmp_path / "out"
    command = ["translate", "--model", reverser, "--document", bad, page, "--output", out]
    done = run_nmt(*command)
    assert done.code == 2
    assert f"{bad} is not UTF-8: line 1, byte 3 of the text is 0xFF" in done.stderr
    assert [path.name for path in out.iterdir()] == ["page.html"]
    worse.write_bytes(b"\xfe\xfd")
    done = run_nmt(*command, worse)
    assert "2 documents could not be translated; the others are\n" in done.stderr
    assert f"  {worse} is not UTF-8" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--document"],
            "--document translates files: name them, or the format of standard input by --document-format",
        ),
        (["--document", "-"], "--document translates files: name them"),
        (
            ["--document", "{page}"],
            "--document needs --output: a file for one document, a folder, or - for standard out",
        ),
        (
            ["{page}", "--document-format", "html"],
            "--document-format needs --output: a file for one document, a folder, or - for standard output",
        ),
        (
            ["--document-format", "html", "--n-best", "2"],
            "--n-best cannot be used with --document-format, which translates whole documents",
        ),
        (
            ["{page}", "-", "--document-format", "html", "--output", "{out}"],
            "standard input and output have one document",
        ),
        (
            ["--document", "{folder}", "--output", "-"],
            "standard input and output have one document: translate it to a f",
        ),
        (
            ["--document", "{page}", "--output", "{out}.MD"],
            "out.MD has the suffix of another format: {page} is html, and stays so\n"
            "  Name a file with .html or .htm or .xhtml, or any other suffix",
        ),
        (
            ["--document-format", "po", "-", "--output", "{out}.srt"],
            "another format: standard input is po, and stays so",
        ),
        (
            ["--document", "{page}", "--output", "{out}", "--xml-rules", "{rules}"],
            "--xml-rules has no effect, because no document is XML (.xml, .dita, .ditamap, .docbook, .dbk)",
        ),
        (["--document", "{page}", "--output", "{page}"], "page.html would be written over\n  Name another --output"),
        (["--document", "{folder}", "--output", "{page}"], "page.html is a file, and several documents need a folder"),
        *(
            (
                ["--document", *files, "--output", "{folder}/one.html"],
                "one.html has the suffix of a document, and several documents are written to a folder\n"
                "  Name another --output, or make a folder of this name first",
            )
            for files in (["{page}", "{page}"], ["{folder}"])
        ),
        (["--document", "{page}", "{page2}", "--output", "{out}"], "cannot both be written to"),
        (
            ["--document", "{empty}", "{page}", "--output", "{empty}"],
            "empty is the folder of the documents and that of the output, so they would be written over\n"
            "  Name another --output",
        ),
        (["--document", "{empty}", "--output", "{out}"], "empty has no documents that can be translated"),
        (["--document", "{page}", "--output", "{out}", "--review", "{out}"], "--output and --review cannot both be"),
        (["--document", "{page}", "--output", "{out}", "--tag-report", "{page}"], "the input and --tag-report cannot"),
        (
            ["--document", "{page}", "--output", "{page2}", "--memory", "{page2}"],
            "the input and --output cannot both",
        ),
        (["{folder}"], "is a folder, and must be a file\n  --document translates the documents in a folder"),
        (
            ["--document", "{page}", "--output", "{out}", "--n-best", "2", "--format", "jsonl"],
            "--n-best and --format cannot be used with --document, which translates whole documents",
        ),
        (["{page}", "--tag-report", "{out}"], "--tag-report is about documents: add --document"),
        (["{page}", "--xml-rules", "{page}"], "--xml-rules is about documents: add --document"),
        (["--document", "{page}x", "--output", "{out}"], 'page.htmlx does not exist; did you mean "page.html"?'),
    ],
)
def test_what_cannot_be_done_is_refused(run_nmt, reverser, page, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "page.html").write_text("ba")
    (tmp_path / "rules.toml").write_text('text = ["p"]')
    places = {
        "rules": tmp_path / "rules.toml",
        "page": page,
        "page2": tmp_path / "other" / "page.html",
        "folder": tmp_path,
        "out": tmp_path / "out",
    }
    before = page.read_text()
    done = run_nmt(
        "translate", "--model", reverser, *(word.format(empty=tmp_path / "empty", **places) for word in words)
    )
    assert done.code == 2
    assert message.replace("{page}", str(page)) in done.stderr
    assert page.read_text() == before
    assert not (tmp_path / "out").exists()


def test_segments_that_stay_as_they_are_are_not_counted_as_translated(run_nmt, reverser, tmp_path):
    page, out = tmp_path / "a.html", tmp_path / "out.html"
    page.write_text("<p>ba de" + f"<p>{'<i>ba</i> ' * 1001}" * 2)
    done = run_nmt("translate", "--model", reverser, "--document", page, "--output", out)
    counts = f"nmt: 1 document with 1 segment is translated in {out}; 2 segments stay as they are"
    assert (done.code, done.stderr.splitlines()[-1]) == (0, counts)


def test_translators_files_are_translated(run_nmt, reverser, tmp_path):
    polib = pytest.importorskip("polib")
    xliff, po, out = tmp_path / "a.xlf", tmp_path / "a.po", tmp_path / "out"
    unit = '<trans-unit id="1"><source>ba <g id="2">de</g></source></trans-unit>'
    xliff.write_text(f'<xliff version="1.2"><file source-language="a" target-language="b">{unit}</file></xliff>')
    po.write_text('msgid ""\nmsgstr "Language: b\\n"\n\nmsgid "ba de"\nmsgstr ""\n')
    done = run_nmt("translate", "--model", reverser, "--document", xliff, po, "--output", out)
    assert (done.code, done.stderr) == (0, f"nmt: 2 documents with 2 segments are translated in {out}\n")
    written = (out / "a.xlf").read_text()
    assert '"mt-suggestion"><g id="2">de</g> ba</target><alt-trans match-quality="' in written
    quality = int(re.search(r'match-quality="(\d+)%" origin="nmt"', written)[1])
    [entry] = polib.pofile(str(out / "a.po"))
    assert (entry.msgstr, entry.fuzzy) == ("de ba", True)
    confidence = float(entry.tcomment.removeprefix("nmt: confidence "))
    one = json.loads(run_nmt("translate", "--model", reverser, "--format", "jsonl", stdin="ba de\n").stdout)
    assert 50 < quality == round(100 * confidence) == round(100 * one["confidence"])
    xliff.write_text(xliff.read_text().replace('"a"', '"ja"'))
    done = run_nmt("translate", "--model", reverser, "--document", xliff, "--output", tmp_path / "out.xlf")
    assert done.code == 2
    assert "a.xlf, line 1: it is from ja to b, and the run from a to b\n  Use a run of its languages" in done.stderr
    assert not (tmp_path / "out.xlf").exists()


def test_subtitles_markdown_and_xml_are_translated(run_nmt, reverser, tmp_path):
    pytest.importorskip("pyromark")
    srt, vtt, markdown, xml, rules = (tmp_path / name for name in ("a.srt", "a.vtt", "a.md", "a.xml", "rules.toml"))
    srt.write_text("1\n00:00:01,000 --> 00:00:02,000\nba <i>de</i>\n\n2\n00:00:01,500 --> 00:00:03,000\nfi\n")
    vtt.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nba de\n")
    markdown.write_text("# ba **de**\n\n- fi\n")
    xml.write_text("<r><p>ba <b>de</b></p><q>fi ku</q></r>")
    rules.write_text('text = ["p"]\ninline = ["bb"]\n')
    out, words = tmp_path / "out", ["translate", "--model", reverser, "--document"]
    done = run_nmt(*words, srt, vtt, markdown, xml, "--xml-rules", rules, "--output", out)
    assert done.code == 0
    assert f"nmt: {srt}: 1 cue begins before the one before it ends, in line 6; times stay as they are\n" in done.stderr
    assert 'nmt: rules for XML name what no document has\n  "bb" in inline; did you mean "b"?\n' in done.stderr
    assert f"nmt: 4 documents with 6 segments are translated in {out}\n" in done.stderr
    assert (out / "a.srt").read_text() == srt.read_text().replace("ba <i>de</i>", "<i>de</i> ba")
    assert (out / "a.vtt").read_text() == vtt.read_text().replace("ba de", "de ba")
    assert (out / "a.md").read_text() == "# **de** ba\n\n- fi\n"
    assert (out / "a.xml").read_text() == "<r><p><b>de</b> ba</p><q>fi ku</q></r>"
    rules.write_text('txt = ["p"]\n')
    done = run_nmt(*words, xml, "--xml-rules", rules, "--output", tmp_path / "x.xml")
    assert done.code == 2
    assert f"1 setting in {rules} cannot be used" in done.stderr
    assert not (tmp_path / "x.xml").exists()
    nmt.translate_documents(reverser, xml, tmp_path / "y.xml")
    assert (tmp_path / "y.xml").read_text() == "<r><p><b>de</b> ba</p><q>ku fi</q></r>"


def test_tags_are_projected_to_given_translations(run_nmt, reverser, tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("ba <b>de fi</b>\nba de\n\n<i>ba</i>\n<i>ba</i>\n")
    target.write_text("fi de ba\nde &amp; ba\n\nba\n<i>ba</i>\n")
    command = ["align", "--model", reverser, "--source", source, "--target", target, "--project-tags"]
    done = run_nmt(*command)
    assert (done.code, done.stdout) == (0, "<b>fi de</b> ba\nde &amp; ba\n\n<i>ba</i>\n<i>ba</i>\n")
    assert f"nmt: {target}, line 5: it has the tags of its source, and stays as it is\n" in done.stderr
    done = run_nmt(*command, "--units", "characters")
    assert done.code == 2
    assert "--project-tags writes text: leave out --gold, --units, --format and --probabilities" in done.stderr
    monkeypatch.setattr("nmt.documents.projection.WEAK", 1.1)  # above every share
    assert run_nmt(*command).stderr.endswith("nmt: 2 of 2 tags may be in a wrong place\n")
