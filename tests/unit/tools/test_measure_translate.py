"""measure_translate.py, and what it measures in small: memory does not grow with the input."""

import subprocess
import sys

import pytest
from support.tools import TOOLS


def run(code, *words):
    """The tool in a process that holds little, because a child's peak begins with what its parent holds."""
    command = [sys.executable, "-c", f"import sys, measure_translate as tool; {code}; tool.main()"]
    return subprocess.run([*command, *map(str, words)], cwd=TOOLS / "benchmarks", capture_output=True, text=True)


def test_memory_does_not_grow_with_the_input(reverser, tiny_corpus):
    words = ["--model", reverser, "--source", tiny_corpus / "train.a", "--lines", 200, 1400]
    done = run("pass", *words, "--", "--beam", 1, "--batch-size", 8)
    assert (done.returncode, done.stderr) == (0, "")
    heads, *rows = [line.split() for line in done.stdout.splitlines()]
    assert heads == ["in", "out", "seconds", "peak", "MiB"]
    assert [row[:2] for row in rows] == [["200", "200"], ["1,400", "1,400"]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print(*list(sys.stdin)[1:], sep='', end='')", "1 lines are lost"),
        ("lines = sys.stdin.read(); kept = b'x' * 10000 * len(lines); print(lines, end='')", "peak memory differs by "),
        ("sys.stdin.read(); sys.exit(3)", "failed: "),
    ],
)
def test_a_failure_ends_with_a_message(tmp_path, code, message):
    (tmp_path / "lines").write_text("a\n")
    stand_in = [sys.executable, "-c", f"import sys; {code}"]
    words = ["--model", "run", "--source", tmp_path / "lines", "--lines", 10, 6000]
    done = run(f"tool.COMMAND = {stand_in}", *words)
    assert (done.returncode, done.stderr.startswith(message)) == (1, True)
