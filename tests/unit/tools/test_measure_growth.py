"""measure_growth.py: a measurement in small, the table and the plot, and the options it refuses."""

import json
import sys

import pytest
from support.tools import load_tool


@pytest.fixture
def tool(monkeypatch):
    """The tool, in small and in this process."""
    module = load_tool("benchmarks/measure_growth")
    job = lambda script, job, threads, **arguments: json.loads(json.dumps(module.measure(**arguments)))  # noqa: E731
    axes = {"batch_tokens": [20, 40], "length": [5, 10], "size": [8, 16], "words": [50, 60]}
    monkeypatch.setattr(module, "run_in_fresh_process", job)
    monkeypatch.setattr(module, "WINDOWS", {"warm_updates": 1, "warm_seconds": 0, "window": 1})
    monkeypatch.setattr(module, "STANDARD", {axis: values[0] for axis, values in axes.items()})
    monkeypatch.setattr(module, "AXES", {axis: (module.AXES[axis][0], values) for axis, values in axes.items()})
    return module


def call(tool, monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["measure_growth.py", *map(str, words), "--seconds", "0"])
    tool.main()


def test_one_quantity_at_a_time_is_varied(tool, monkeypatch, capsys, tmp_path):
    out, plot = tmp_path / "grown.json", tmp_path / "grown.png"
    call(tool, monkeypatch, "--json", out, "--plot", plot, "--attention", "luong-general")
    report, printed = json.loads(out.read_text()), capsys.readouterr()
    assert (report["attention"], report["precision"]) == ("luong-general", "float32")
    assert [(row["varied"], row[row["varied"]]) for row in report["rows"]] == [
        (axis, value) for axis, (_, values) in tool.AXES.items() for value in values
    ]
    for row in report["rows"]:
        assert {axis for axis in tool.STANDARD if row[axis] != tool.STANDARD[axis]} <= {row["varied"]}
        assert row["target_tokens_per_second"]["median"] > 0
        assert row["peak_mib"] > row["beyond_mib"] >= 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert len(printed.out.splitlines()) == 2 + 8
    assert printed.err.count("tokens/s") == 8


def test_a_row_of_the_table(tool):
    rate = {"median": 1234.4, "min": 1000, "max": 2000}
    found = {"target_tokens_per_second": rate, "peak_mib": 512.4, "beyond_mib": 64.0, "beyond_kib_per_token": 18.25}
    row = {"varied": "length", "system": "nmt fused", **tool.STANDARD, **found}
    assert tool.format_table([row]).splitlines()[2] == (
        "| source and target length, tokens | 5 | nmt fused | 1,234 (1,000–2,000) | 512 | 64 | 18.2 |"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--plot", "nowhere/grown.png"],
            "--plot nowhere/grown.png: the folder nowhere does not exist; create it first",
        ),
        (
            ["--json", "nowhere/grown.json"],
            "--json nowhere/grown.json: the folder nowhere does not exist; create it first",
        ),
        (["--vary", "lenght"], "argument --vary: invalid choice: 'lenght'"),
        (["--attention", "loung-dot"], "argument --attention: invalid choice: 'loung-dot'"),
    ],
)
def test_options_that_cannot_be_used_are_named(tool, monkeypatch, capsys, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, *words)
    assert f"measure_growth.py: error: {message}" in capsys.readouterr().err
