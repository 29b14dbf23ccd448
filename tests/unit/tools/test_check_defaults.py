"""check_defaults.py: its choices, its machines, and a whole run in small."""

import json
import os
import sys

import pytest
from support.tools import load_tool


@pytest.fixture
def tool():
    return load_tool("benchmarks/check_defaults")


def call(tool, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["check_defaults.py", *map(str, words)])
    tool.main()


def test_the_default_is_compared_with_the_fastest_choice(tool, monkeypatch, capsys, tmp_path, reverser, tiny_prepared):
    ran = []

    def run_command(words, condition):
        ran.append((condition, words))
        if "job" not in words:
            return ""
        choice = json.loads(words[-1])["choice"]
        return "a note\n" + json.dumps({"seconds": 0.25 if choice.get("compile") else 0.5, "choice": str(choice)})

    monkeypatch.setattr(tool, "run_command", run_command)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    source = tmp_path / "source"
    source.write_text("a b\n" * 101)
    words = ["--data", tiny_prepared, "--model", reverser, "--source", source, "--rounds", 1]
    call(tool, monkeypatch, *words, "--condition", "one core", "a busy core", "--json", tmp_path / "found.json")
    rows = json.loads((tmp_path / "found.json").read_text())
    assert [(row["machine"], row["task"]) for row in rows] == [
        (machine, task)
        for machine in ("one core", "a busy core")
        for task in ("training", "translation, 101 lines", "translation, one at a time")
    ]
    assert [len(row["seconds"]) for row in rows] == [5, 5, 3, 9, 7, 5]
    training = rows[3]
    assert training["ratio"] == 2.0
    assert training["best"].endswith(", compiled")
    assert "| a busy core | training | " + training["best"] + " | 2.00 |" in capsys.readouterr().out
    alone = [words for _, words in ran if "--batch-size" in words]
    assert len(alone) == 8
    assert all("--processes" not in words for words in alone)


def test_a_machine_is_an_environment_and_its_cores(tool, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    show = "import os; print(len(os.sched_getaffinity(0)), *map(os.environ.get, {}))"
    names = ["OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"]
    assert tool.run_command(["-c", show.format(names)], "one core") == "1 None None None\n"
    cores = len(os.sched_getaffinity(0))
    assert tool.run_command(["-c", show.format(names)], "AVX2") == f"{cores} None avx2 AVX2\n"
    with pytest.raises(SystemExit, match="3"):
        tool.run_command(["-c", "raise SystemExit(3)"], "as it is")


def test_training_is_measured_with_what_was_chosen(tool, monkeypatch, tiny_prepared):
    monkeypatch.setattr(tool, "WINDOWS", {"warm_updates": 1, "warm_seconds": 0, "window": 1})
    choice = {"precision": "float32", "threads": 1, "compile": False}
    found = tool.measure_training(str(tiny_prepared), choice, 0)
    assert found["seconds"] > 0
    assert found["choice"] == "precision float32, threads 1, compile False"


def test_a_missing_file_is_named(tool, monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, "--data", tmp_path, "--model", tmp_path, "--source", tmp_path / "gone")
    assert f"{tmp_path / 'gone'} does not exist" in capsys.readouterr().err
