"""tools/measure_translate.py, and what it measures in small: memory does not grow with the input."""

import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import measure_translate

    return measure_translate


def run(monkeypatch, tool, *words):
    monkeypatch.setattr(sys, "argv", ["measure_translate.py", *map(str, words)])
    tool.main()


def test_memory_does_not_grow_with_the_input(monkeypatch, capsys, tool, reverser, tiny_corpus):
    words = ["--model", reverser, "--source", tiny_corpus / "train.a", "--lines", 300, 3000]
    run(monkeypatch, tool, *words, "--", "--beam", 1, "--batch-size", 8)
    heads, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert heads == ["in", "out", "seconds", "peak", "MiB"]
    assert [row[:2] for row in rows] == [["300", "300"], ["3,000", "3,000"]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import sys\nfor line in list(sys.stdin)[1:]: print(line, end='')", "1 lines are lost"),
        (
            "import sys\nlines = sys.stdin.read()\nkept = b'x' * 10000 * len(lines)\nprint(lines, end='')",
            "memory grows by",
        ),
        ("import sys\nsys.stdin.read()\nsys.exit(3)", "failed: "),
    ],
)
def test_what_goes_wrong_is_said(monkeypatch, tool, tmp_path, code, message):
    (tmp_path / "lines").write_text("a\n")
    measure = tool.measure
    monkeypatch.setattr(tool, "measure", lambda words, *rest: measure([sys.executable, "-c", code], *rest))
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, tool, "--model", "run", "--source", tmp_path / "lines", "--lines", 10, 6000)
