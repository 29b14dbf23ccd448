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


PEER_LOG = """a warning of some library
[2026-03-01 23:58:10,500 INFO] Start training loop and validate every 120 steps...
[2026-03-01 23:58:40,007 INFO] Step 10/20000; acc: 5.2; ppl: 4000.1
[2026-03-01 23:59:40,007 INFO] validation BLEU: 4.75
[2026-03-02 00:01:10,007 INFO] Validation perplexity: 20.1
[2026-03-02 00:01:10,900 INFO] validation BLEU: 15.3
"""


def test_a_run_is_its_validations(tool, run):
    points = [(1.5, 21.5)]
    assert tool.read_curve(str(run)) == ("ours", points, True)
    assert tool.read_curve(f"{run}/log.jsonl") == ("ours", points, True)
    assert tool.read_curve(f"small = tied={run}") == ("small = tied", points, True)


def test_a_log_of_opennmt_is_its_validations(tool, tmp_path):
    log = tmp_path / "onmt.log"
    log.write_text(PEER_LOG, "utf-8")
    assert tool.read_curve(str(log)) == ("onmt", [(1.5, 4.75), (3.0, 15.3)], False)
    assert tool.read_curve(f"OpenNMT-py 3.5={log}").name == "OpenNMT-py 3.5"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "onmt.log cannot be read: [Errno 2] No such file"),
        ("Start training loop\n", "onmt.log has no BLEU of a validation set"),
        ('{"kind": "begin"}\n', "onmt.log has no BLEU of a validation set"),
        ("", "onmt.log has no BLEU of a validation set"),
    ],
)
def test_a_log_without_bleu_is_refused(tool, monkeypatch, capsys, tmp_path, content, message):
    log = tmp_path / "onmt.log"
    if content is not None:
        log.write_text(content, "utf-8")
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, log, "--out", tmp_path / "plot.svg")
    assert message in capsys.readouterr().err


def test_figures_of_others_are_minutes_and_bleu(tool):
    assert tool.parse_curve("OpenNMT-py: 1.9 4.8, 3.6 15.3") == ("OpenNMT-py", [(1.9, 4.8), (3.6, 15.3)], False)


@pytest.mark.parametrize("words", ["1.9 4.8", "OpenNMT-py: 1.9", "OpenNMT-py: 1.9 x", "OpenNMT-py:"])
def test_figures_of_another_form_are_refused(tool, monkeypatch, capsys, run, tmp_path, words):
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, run, "--out", tmp_path / "plot.svg", "--other", words)
    assert (
        f"argument --other: {words!r} is not of the form NAME: MINUTES BLEU, MINUTES BLEU, …" in capsys.readouterr().err
    )


def test_the_picture_names_every_curve(tool, monkeypatch, run, tmp_path):
    pytest.importorskip("matplotlib", reason='no matplotlib (pip install "nmt[plot]")')
    plot, log = tmp_path / "plot.svg", tmp_path / "onmt.log"
    log.write_text(PEER_LOG, "utf-8")
    names = [f"small={run}", f"large={run}", f"peer={log}"]
    call(tool, monkeypatch, *names, "--out", plot, "--other", "JoeyNMT: 1.9 4.8, 3.6 15.3")
    drawn = plot.read_text("utf-8")
    assert all(name in drawn for name in (">small<", ">large<", ">peer<", ">JoeyNMT<", ">minutes<"))
