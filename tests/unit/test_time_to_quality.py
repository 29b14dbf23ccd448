"""tools/time_to_quality.py: what it reads from runs and from the command line, and the picture."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool():
    specification = importlib.util.spec_from_file_location("time_to_quality", ROOT / "tools/time_to_quality.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


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
    assert tool.of_run(run) == ("ours", [(1.5, 21.5)])


def test_figures_of_others_are_minutes_and_bleu(tool):
    assert tool.figures("OpenNMT-py: 1.9 4.8, 3.6 15.3") == ("OpenNMT-py", [(1.9, 4.8), (3.6, 15.3)])


@pytest.mark.parametrize("words", ["1.9 4.8", "OpenNMT-py: 1.9", "OpenNMT-py: 1.9 x", "OpenNMT-py:"])
def test_figures_that_do_not_read_so_are_refused(tool, monkeypatch, capsys, run, tmp_path, words):
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, run, "--out", tmp_path / "plot.svg", "--other", words)
    assert f"argument --other: invalid figures value: '{words}'" in capsys.readouterr().err


def test_the_picture_names_every_curve(tool, monkeypatch, run, tmp_path):
    pytest.importorskip("matplotlib", reason='no matplotlib (pip install "nmt[plot]")')
    plot = tmp_path / "plot.svg"
    call(tool, monkeypatch, run, "--out", plot, "--other", "OpenNMT-py: 1.9 4.8, 3.6 15.3")
    drawn = plot.read_text("utf-8")
    assert all(name in drawn for name in (">ours<", ">OpenNMT-py<", ">minutes<"))
