"""long_range.py: its tasks and figures, and a comparison in small that continues after an interruption."""

import json
import sys
from argparse import Namespace

import numpy as np
import pytest
import torch
from support.tools import load_tool

from nmt.ids import EOS
from nmt.search.hypothesis import Hypothesis


@pytest.fixture
def tool(monkeypatch):
    return load_tool("experiments/long_range")


def call(tool, monkeypatch, out, *words) -> None:
    line = ["long_range.py", "--out", out, "--kinds", "bahdanau", "none", "--lengths", 3, 6, "--sentences", 4, *words]
    monkeypatch.setattr(sys, "argv", [str(word) for word in line])
    tool.main()


@pytest.mark.parametrize(("task", "change"), [("copy", list), ("reverse", lambda x: x[::-1]), ("sort", sorted)])
def test_a_task_is_what_it_is_called(tool, task, change):
    batch = tool.draw(task, 3, 5, 20, torch.Generator().manual_seed(0))
    for source, target in zip(batch.source_BS.tolist(), batch.target_BT.tolist(), strict=True):
        assert (source[-1], target[-1]) == (EOS, EOS)
        assert target[:-1] == list(change(source[:-1]))
        assert all(EOS < symbol <= EOS + 20 for symbol in source[:-1])
    assert batch.target_tokens == 18


@pytest.mark.parametrize(("spoil", "share"), [(0, 1.0), (1, 0.75), (4, 0.0)])
def test_accuracy_counts_symbols_in_their_place(tool, monkeypatch, spoil, share):
    def search(model, source_BS, lengths_B, **how):
        outputs = [[EOS + 1000] * spoil + words[spoil:-1] for words in source_BS.tolist()]
        return [[Hypothesis((*words, EOS), 0.0, 0.0, (), np.empty(0), True)] for words in outputs]

    monkeypatch.setattr(tool, "beam_search", search)
    assert tool.measure_accuracy(None, "copy", 4, Namespace(sentences=5, symbols=20)) == share


def test_figures_are_kept(tool, monkeypatch, capsys, tmp_path):
    small = ["--updates", 2, "--trained-to", 5, "--tasks", "copy"]
    call(tool, monkeypatch, tmp_path, *small)
    first = json.loads((tmp_path / "long_range.json").read_text())
    trained = []
    measure = tool.measure
    monkeypatch.setattr(tool, "measure", lambda *job: trained.append(job[:3]) or measure(*job))
    call(tool, monkeypatch, tmp_path, *small, "--seeds", 1, 2)
    assert trained == [("copy", "bahdanau", 2), ("copy", "none", 2)]
    report = json.loads((tmp_path / "long_range.json").read_text())
    assert report["rows"][:4] == first["rows"]
    assert [(row["kind"], row["seed"], row["length"]) for row in report["rows"]] == [
        (kind, seed, length) for seed in (1, 2) for kind in ("bahdanau", "none") for length in (3, 6)
    ]
    assert (tmp_path / "long_range.png").read_bytes().startswith(b"\x89PNG")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-4:-2] == ["| copy | 3 | 6 |", "|---|---|---|"]
    assert lines[-1].startswith("| none | ")


def test_attention_learns_to_reverse_and_a_model_without_it_does_not(tool):
    words = {"updates": 150, "minutes": float("inf"), "trained_to": 8, "lengths": [8], "symbols": 6, "sentences": 40}
    settings = ["train.max_tokens=300", "train.learning_rate=0.01", "train.warmup=20"]
    arguments = Namespace(**words, settings=settings)
    seen, blind = (tool.measure("reverse", kind, 1, arguments)["accuracy"][8] for kind in ("bahdanau", "none"))
    assert seen > 0.7 > blind


def test_settings_that_cannot_be_used_end_it_with_their_message(tool, monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"long_range.py: error: 1 setting in --set cannot be used"):
        call(tool, monkeypatch, tmp_path, "--set", "model.dropout=2")
