"""measure_prepare.py: a row for each number of copies, and what becomes of a command that fails."""

import subprocess
import sys

from support.tools import TOOLS


def run(*words) -> subprocess.CompletedProcess:
    command = [sys.executable, TOOLS / "benchmarks" / "measure_prepare.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True)


def test_each_row_prepares_so_many_copies(tiny_corpus, tmp_path):
    files = tiny_corpus / "train", tiny_corpus / "valid"
    options = ["--langs", "a", "b", "--times", 1, 3, "--vocab-size", 296, "--sample-lines", 1000]
    done = run(*files, *options, "--scratch", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    heads, *rows = [line.split() for line in done.stdout.splitlines()]
    assert heads == ["pairs", "seconds", "peak", "MiB"]
    assert [row[0] for row in rows] == ["1,000", "3,000"]
    assert all(float(row[1]) > 0 and int(row[2]) > 20 for row in rows)
    assert not any(tmp_path.iterdir())


def test_a_command_that_fails_is_named(tiny_corpus):
    done = run(tiny_corpus / "train", tiny_corpus / "valid", "--langs", "a", "b", "--times", 1, "--vocab-size", 100_000)
    assert done.returncode == 1
    assert done.stderr.startswith("failed: ")
    assert "nmt prepare" in done.stderr
