"""Interrupted `nmt translate`: complete lines in order, and --resume-output continues to the same result."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios

import pytest
from support.processes import wait_until

from nmt.errors import NmtError

FORMS = {
    "text": [],
    "n-best": ["--n-best", "3"],
    "jsonl": ["--format", "jsonl"],
    "jsonl n-best": ["--format", "jsonl", "--n-best", "2"],
    "samples": ["--sample", "--n-best", "2", "--temperature", "3"],
}


@pytest.fixture
def corpus(tiny_corpus):
    return tiny_corpus / "test.a"


def cut_after(monkeypatch, lines, error):
    """Raise an error after a number of lines."""
    from nmt import Translator

    stream = Translator.stream

    def short(self, *words, **options):
        for number, found in enumerate(stream(self, *words, **options)):
            if number == lines:
                raise error
            yield found

    monkeypatch.setattr(Translator, "stream", short)
    return lambda: monkeypatch.setattr(Translator, "stream", stream)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), NmtError("gone"), RuntimeError("odd")])
def test_output_is_continued_where_it_stopped(run_nmt, reverser, corpus, tmp_path, monkeypatch, form, error):
    whole, out, links = tmp_path / "whole", tmp_path / "out", tmp_path / "links"
    words = ["translate", "--model", reverser, *FORMS[form], corpus]
    assert run_nmt(*words, "--output", whole, "--alignments", tmp_path / "all").code == 0
    words += ["--output", out, "--alignments", links]
    mend = cut_after(monkeypatch, 7, error)
    done = run_nmt(*words)
    assert done.code == {KeyboardInterrupt: 130, NmtError: 2, RuntimeError: 1}[type(error)]
    part = tmp_path / "out.part"
    assert f"nmt: finished lines are in {part}; the same command with --resume-output continues\n" in done.stderr
    assert whole.read_bytes().startswith(part.read_bytes())
    assert part.read_bytes().endswith(b"\n")
    assert not out.exists()
    with open(part, "ab") as file:
        file.write(b"half a li")
    mend()
    done = run_nmt(*words, "--resume-output")
    assert (done.code, done.stdout) == (0, "")
    assert re.search(f"\nnmt: [0-9]+ lines are translated in {out}, [1-9][0-9]* of them before\n$", f"\n{done.stderr}")
    assert out.read_bytes() == whole.read_bytes()
    assert links.read_bytes() == (tmp_path / "all").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["all", "links", "out", "whole"]


def test_redirected_output_can_be_continued(run_nmt, reverser, corpus, tmp_path, monkeypatch):
    whole = run_nmt("translate", "--model", reverser, corpus).stdout
    out = tmp_path / "out"
    out.write_text(whole[: len(whole) // 2])  # as `> out` leaves it
    work = []
    from nmt.translation import pipeline as translate

    search = translate.beam_search
    monkeypatch.setattr(translate, "beam_search", lambda *a, **k: work.append(len(a[1])) or search(*a, **k))
    words = ["translate", "--model", reverser, "--output", out, "--resume-output", corpus]
    assert run_nmt(*words).code == 0
    assert out.read_text() == whole
    assert 0 < sum(work) < 25
    work.clear()
    assert run_nmt(*words).code == 0  # nothing is left to do, but for a look at the last line
    assert (out.read_text(), work) == (whole, [1])


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (b"a\n" * 9, [], "out already holds 9 lines, and the input has only 2\n  It was made from another input"),
        (b"a\nb\n", ["--n-best", "2"], "line 1 has no index, so writing to it cannot be resumed\n  Use the --format"),
        (b"a\n", ["--n-best", "2", "--format", "jsonl"], "line 1 has no index, so writing to it cannot be resumed"),
    ],
)
def test_other_output_cannot_be_continued(run_nmt, reverser, tmp_path, content, words, message):
    (tmp_path / "out").write_bytes(content)
    words = ["translate", "--model", reverser, "--output", tmp_path / "out", "--resume-output", *words]
    done = run_nmt(*words, stdin="ba\nde\n")
    assert (done.code, message in done.stderr) == (2, True)
    assert (tmp_path / "out").read_bytes() == content


@pytest.mark.parametrize("form", ["text", "jsonl"])
@pytest.mark.parametrize(
    ("stdin", "words", "code"),
    [
        ("ba de\nku la\nte\n", [], 0),
        ("ku la\nba de\nte\n", [], 2),
        ("ba de\nku la\nte\n", ["--constraint", "te"], 2),
        ("ku la\nba de\nte\n", ["--precision", "float32"], 0),  # which may differ with the batch
    ],
)
def test_output_of_another_input_or_with_other_options_is_not_continued(
    run_nmt, reverser, tmp_path, form, stdin, words, code
):
    out = tmp_path / "out"
    command = ["translate", "--model", reverser, "--output", out, *FORMS[form]]
    assert run_nmt(*command, stdin="ba de\nku la\n").code == 0
    before = out.read_bytes()
    done = run_nmt(*command, "--resume-output", *words, stdin=stdin)
    assert done.code == code, done.stderr
    assert out.read_bytes().startswith(before)
    assert (out.read_bytes() == before) == (code == 2)
    if code:
        assert f"line 2 of {out} is not what this command writes there\n  It was made from another" in done.stderr


def test_only_files_can_be_continued(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, "--resume-output", stdin="ba\n")
    assert (done.code, "--resume-output continues a file: name it with --output" in done.stderr) == (2, True)
    done = run_nmt("translate", "--model", reverser, "--resume-output", "--output", "/dev/null", stdin="ba\n")
    assert (done.code, "/dev/null is not a file, so writing to it cannot be resumed" in done.stderr) == (2, True)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_program_leaves_complete_lines(run_nmt, reverser, tmp_path, ending):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "nmt", "translate", "--model", reverser, "--batch-size", "1", "--output", out]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"ba de\nku la me\n")
        process.stdin.flush()
        part = tmp_path / "out.part"
        wait_until(lambda: part.exists() and part.read_text().count("\n") == 2, process)
        process.send_signal(ending)
        assert process.wait(60) == (130 if ending == signal.SIGINT else -ending)
    assert (tmp_path / "out.part").read_text() == "de ba\nme la ku\n"
    words = ["translate", "--model", reverser, "--output", out, "--resume-output"]
    assert run_nmt(*words, stdin="ba de\nku la me\nte\n").code == 0
    assert out.read_text() == "de ba\nme la ku\nte\n"


def test_a_terminal_shows_the_progress(reverser, corpus, tmp_path):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    command = [sys.executable, "-m", "nmt", "translate", "--model", reverser, "--output", tmp_path / "out", corpus]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=theirs) as process:
        assert process.wait(60) == 0
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "/30 [" in shown
    assert "lines/s" in shown
    assert "100%" in shown
