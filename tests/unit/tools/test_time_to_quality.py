"""time_to_quality.py: the curves of runs and of the command line, and the picture."""

import json
import sys
from pathlib import Path

import pytest
from support.tools import load_tool


@pytest.fixture
def tool():
    return load_tool("benchmarks/time_to_quality")


@pytest.fixture
def run(tmp_path) -> Path:
    records = [{"kind": "train", "seconds": 20.0, "loss": 5.0}, {"kind": "valid", "seconds": 90.0, "bleu": 21.5}]
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def call(tool, monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["time_to_quality.py", *map(str, words)])
    tool.main()


def test_a_run_is_its_validations(tool, run):
    assert tool.read_run(run) == ("ours", [(1.5, 21.5)])


def test_figures_of_others_are_minutes_and_bleu(tool):
    assert tool.parse_curve("OpenNMT-py: 1.9 4.8, 3.6 15.3") == ("OpenNMT-py", [(1.9, 4.8), (3.6, 15.3)])


@pytest.mark.parametrize("words", ["1.9 4.8", "OpenNMT-py: 1.9", "OpenNMT-py: 1.9 x", "OpenNMT-py:"])
def test_figures_of_another_form_are_refused(tool, monkeypatch, capsys, run, tmp_path, words):
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, run, "--out", tmp_path / "plot.svg", "--other", words)
    assert (
        f"argument --other: {words!r} is not of the form NAME: MINUTES BLEU, MINUTES BLEU, …" in capsys.readouterr().err
    )


def test_the_picture_names_every_curve(tool, monkeypatch, run, tmp_path):
    pytest.importorskip("matplotlib", reason='no matplotlib (pip install "nmt[plot]")')
    plot = tmp_path / "plot.svg"
    call(tool, monkeypatch, run, "--out", plot, "--other", "OpenNMT-py: 1.9 4.8, 3.6 15.3")
    drawn = plot.read_text("utf-8")
    assert all(name in drawn for name in (">ours<", ">OpenNMT-py<", ">minutes<"))
