"""benchmark_step.py, in small."""

import json
import sys

import torch
from support.tools import load_tool


def test_every_figure_is_measured(monkeypatch, capsys, tmp_path):
    tool = load_tool("benchmarks/benchmark_step")
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: None)
    words = [
        "--attention",
        "bahdanau",
        "none",
        "--vocabulary",
        "60",
        "--rounds",
        "4",
        "--json",
        tmp_path / "found.json",
    ]
    monkeypatch.setattr(sys, "argv", ["benchmark_step.py", *map(str, words)])
    tool.main()
    rows = json.loads((tmp_path / "found.json").read_text())
    assert [(row["attention"], row["precision"], row["sentences"], row["beam"]) for row in rows] == [
        (kind, precision, sentences, beam)
        for kind in ("bahdanau", "none")
        for precision in ("int8", "float32")
        for sentences in (1, 64)
        for beam in (1, 5)
    ]
    assert all(row[f"{name}_us"] > 0 for row in rows for name in ("encoder", "graph", "step", "search"))
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert head.count("|") == lines[0].count("|") == 9
    assert len(lines) == 16


def test_the_search_takes_one_step_for_each_piece_up_to_the_limit(monkeypatch):
    tool = load_tool("benchmarks/benchmark_step")
    built = []
    monkeypatch.setattr(
        tool, "PreparedSteps", lambda *sizes, kind=tool.PreparedSteps: built.append(kind(*sizes)) or built[0]
    )
    assert tool.measure_search(3, 2, 50, 4) > 0
    assert built[0].steps == (4 + 1) * tool.LENGTH_LIMIT
