"""measure_documents.py, and what it measures in small: memory does not grow with the number of files."""

import subprocess
import sys

import pytest
from support.tools import TOOLS


def run(code, *words):
    """The tool in a process that holds little, because a child's peak begins with what its parent holds."""
    command = [sys.executable, "-c", f"import sys, measure_documents as tool; {code}; tool.main()"]
    return subprocess.run([*command, *map(str, words)], cwd=TOOLS / "benchmarks", capture_output=True, text=True)


def test_a_page_and_folders_are_translated(reverser, tiny_corpus):
    words = ["--model", reverser, "--source", tiny_corpus / "train.a", "--words", 40, "--files", 2, 20]
    done = run("pass", *words, "--", "--beam", 1)
    assert done.returncode == 0
    heads, *rows = [line.split() for line in done.stdout.splitlines()]
    assert heads == ["files", "words", "segments", "seconds", "CPU", "s", "peak", "MiB"]
    assert [row[0] for row in rows] == ["1", "2", "20"]
    assert [int(row[2]) for row in rows[1:]] == [2, 20]
    assert 40 <= int(rows[0][1]) < 60


def test_large_pages_have_as_many_lines_as_fill_them(tmp_path):
    (tmp_path / "lines").write_text("une deux\ntrois quatre cinq\n")  # 23 and 32 bytes as paragraphs
    code = f"tool.COMMAND = {[sys.executable, '-c', 'pass']}"
    words = ["--model", "run", "--source", tmp_path / "lines", "--words", 2, "--files", "--megabytes", 0.00055, 0.0055]
    rows = [line.split() for line in run(code, *words).stdout.splitlines()[1:]]
    assert [row[:3] for row in rows] == [["1", "2", "1"], ["1", "50", "20"], ["1", "500", "200"]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import pathlib; pathlib.Path(sys.argv[-1]).mkdir()", "5 files are lost"),
        ("sys.exit(3)", "failed: "),
    ],
)
def test_a_failure_ends_with_a_message(tmp_path, code, message):
    (tmp_path / "lines").write_text("a b\n")
    done = run(
        f"tool.COMMAND = {[sys.executable, '-c', f'import sys; {code}']}",
        *["--model", "run", "--files", 5],
        *("--source", tmp_path / "lines"),
    )
    assert (done.returncode, done.stderr.startswith(message)) == (1, True)
