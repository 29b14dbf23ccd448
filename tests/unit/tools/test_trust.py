"""The tools that show what happens to bad input, in short."""

import re
import sys

import pytest
from support.tools import load_tool

documents = load_tool("trust/documents")
readers = load_tool("trust/readers")
server = load_tool("trust/server")


def test_readers_read_or_refuse_what_they_get(capfd):
    assert readers.main(["--count", "1500", "--seed", "7"]) == 0, capfd.readouterr().out
    last = capfd.readouterr().out.splitlines()[-1]
    found = re.fullmatch("1500 inputs: ([0-9]+) read, ([0-9]+) refused, 0 tracebacks, 0 hangs", last)
    assert found
    assert min(int(found[1]), int(found[2])) > 100


def test_an_error_and_a_hang_in_a_reader_are_found(monkeypatch, capfd):
    def fail(path):
        raise ZeroDivisionError("no")

    def wait(path):
        while True:
            pass

    monkeypatch.setattr(readers, "SECONDS", 0.1)
    monkeypatch.setitem(readers.KINDS, "text", (readers.make_text, [fail]))
    monkeypatch.setitem(readers.KINDS, "tsv", (readers.make_tsv, [wait]))
    assert readers.main(["--count", "4", "--kinds", "text", "tsv"]) == 1
    *shown, last = capfd.readouterr().out.splitlines()
    assert last == "4 inputs: 0 read, 0 refused, 2 tracebacks, 2 hangs"
    assert shown[0].startswith("input 0, text: ZeroDivisionError: no: b")
    assert shown[1].startswith("input 1, tsv: hang: b")


@pytest.mark.parametrize("kind", readers.KINDS)
def test_some_inputs_of_every_kind_are_good(kind, tmp_path):
    path = tmp_path / "input"
    verdicts = set()
    for seed in range(60):
        path.write_text(readers.KINDS[kind][0](readers.random.Random(seed)), "utf-8")
        verdicts |= {readers.judge(read, path) for read in readers.KINDS[kind][1]}
    assert "read" in verdicts


def test_the_server_answers_after_bad_requests_crowds_and_silence(reverser, capfd):
    words = ["--count", "60", "--clients", "10", "--silent", "20", "--seed", "3"]
    assert server.main(["--model", str(reverser), *words]) == 0, capfd.readouterr().out
    last = capfd.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        "60 malformed: [0-9]+ refused, [0-9]+ answered, 0 failed; 10 clients at once: [0-9]+ translated, "
        "[0-9]+ refused, 0 lost; 20 silent connections, then translated; 0 tracebacks",
        last,
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "answered"),
        (b'HTTP/1.1 422 X\r\n\r\n{"error": "no"}', "refused"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 405 X\r\n\r\n", "refused"),  # as to HEAD
        (b"HTTP/1.1 400 X\r\n\r\nno", "refused without JSON"),
        (b'HTTP/1.1 400 X\r\n\r\n{"detail": "no"}', "refused without a reason"),
        (b'HTTP/1.1 500 X\r\n\r\n{"error": "no"}', "status 500"),
        (b"", "closed without an answer"),
        (b"hang", "hang"),
    ],
)
def test_answers_are_judged(answer, verdict):
    assert server.judge(answer) == verdict


def test_documents_are_copied_and_changed(tmp_path, monkeypatch, capfd):
    folder = tmp_path / "documents"
    folder.mkdir()
    texts = {
        "page.html": "<p>A <b>red</b> house and a <img src='a'> tree.</p>",
        "page.md": "# One *two*\n\n- three `four` five\n",
        "strings.po": 'msgid ""\nmsgstr "Language: de\\n"\n\nmsgid "One %s\\n\\n- two\\n- three"\nmsgstr ""\n',
        "film.srt": "1\n00:00:01,000 --> 00:00:02,000\n<i>One</i> two\n",
        "plain.txt": "One\n===\ntwo three\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    monkeypatch.setattr(sys, "argv", ["documents.py", str(folder), "--work", str(tmp_path)])
    documents.main()
    assert capfd.readouterr().out == "5 documents: all as they should be\n"
    (folder / "broken.srt").write_bytes(b"\xff\xfe\xff")
    documents.main()
    *_, last = capfd.readouterr().out.splitlines()
    assert last.startswith("6 documents: {'refused: FILE ")
