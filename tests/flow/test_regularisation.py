"""Consistency of two passes as users meet it: the log, the terminal, and what is refused."""

import json
import re
import sys

import pytest
import torch

SMALL = [
    *("--set", "model.embedding_size=8", "--set", "model.encoder_size=8", "--set", "model.decoder_size=8"),
    *("--set", "model.attention_size=8", "--set", "train.max_tokens=60", "--precision", "float32"),
]


@pytest.fixture
def train(run_nmt, tiny_prepared):
    return lambda out, *words: run_nmt("train", "--data", tiny_prepared, "--out", out, "--device", "cpu", *words)


def records(run, kind):
    found = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [record for record in found if record["kind"] == kind]


@pytest.mark.parametrize("kind", ["simcut", "r-drop"])
def test_the_log_and_a_terminal_show_the_consistency_loss(train, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    words = ["--set", f"train.consistency={kind}", "--set", "train.cut=0.5", "--set", "train.label_smoothing=0"]
    done = train(tmp_path / "run", *SMALL, *words, "--set", "train.consistency_weight=0.5", "--max-updates", "2")
    assert done.code == 0
    assert re.search(r"loss \d\.\d\d, perplexity [\d.]+, consistency \d\.\d\d, ", done.stderr.replace("\r", "\n"))
    [record] = records(tmp_path / "run", "train")
    assert record["consistency_loss"] > 0
    nll = torch.tensor(record["perplexity"]).log()
    assert record["loss"] == pytest.approx(float(nll) + 0.5 * record["consistency_loss"], rel=1e-4)


def test_passes_that_cannot_differ_are_refused(train, tmp_path):
    words = ["--set", "train.consistency=r-drop", "--set", "model.dropout=0"]
    done = train(tmp_path / "run", *SMALL, *words, "--max-updates", "2")
    assert done.code == 2
    assert (
        "r-drop compares two passes with different dropout, and there is none: set model.dropout, or train.consistency "
        '= "simcut"\n' in re.sub(r"\s*\n\s+", " ", done.stderr)
    )
    assert train(tmp_path / "run", *SMALL, *words, "--set", "model.word_dropout=0.1", "--max-updates", "1").code == 0
