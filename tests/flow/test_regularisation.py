"""Consistency and averages of weights as users meet them: the log, the terminal, checkpoints, and what is refused."""

import json
import re
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.runs import write_facts

from nmt.files import hash_file

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


@pytest.fixture(scope="module")
def averaged(tiny_prepared, tmp_path_factory):
    """A run of which moving averages are saved."""
    from nmt import train
    from nmt.settings import resolve_settings

    run = tmp_path_factory.mktemp("averaged") / "run"
    words = [word for word in SMALL if "=" in word] + ["train.average=0.98", "train.max_updates=6"]
    words += ["train.validate_every=3", "train.precision=float32", "train.compile=false", "train.warmup=2"]
    train(tiny_prepared, run, resolve_settings(overrides=words), device="cpu")
    return run


def test_every_checkpoint_has_the_average_and_last_has_the_weights_too(averaged):
    last, numbered = (load_file(averaged / name / "weights.safetensors") for name in ("last", "update-000006"))
    training = load_file(averaged / "last" / "training.safetensors")
    assert last.keys() == numbered.keys() == {key[8:] for key in training if key.startswith("weights.")}
    for name, average in last.items():
        assert torch.equal(average, numbered[name])
    assert not torch.equal(last["output_bias"], training["weights.output_bias"])


def test_a_description_tells_which_checkpoints_are_averages(run_nmt, averaged):
    described = run_nmt("inspect", averaged).stdout
    for name in ("best", "last", "update-000003", "update-000006"):
        assert re.search(rf"^  {name} +update [36].*, moving average with decay 0.98$", described, re.MULTILINE), name
    assert "train.average = 0.98  (default 0.0)" in described
    facts = json.loads(run_nmt("inspect", averaged, "--format", "json").stdout)
    assert facts["checkpoints"]["last"]["average_decay"] == 0.98
    assert run_nmt("inspect", averaged, "--verify").code == 0


def test_a_checkpoint_that_lacks_the_weights_of_training_is_damaged(averaged, train, tmp_path):
    run = shutil.copytree(averaged, tmp_path / "run")
    path = run / "last" / "training.safetensors"
    save_file({key: value for key, value in load_file(path).items() if not key.startswith("weights.")}, path)
    facts = json.loads((run / "last" / "checkpoint.json").read_text())
    facts["sha256"]["training.safetensors"] = hash_file(path)
    write_facts(run / "last" / "checkpoint.json", facts)
    done = train(run, "--resume", "--max-updates", "7")
    assert done.code != 0
    assert "training.safetensors is damaged: its tensors do not fit train.average in settings.toml" in done.stderr


def test_best_by_another_metric_is_still_described_as_an_average(run_nmt, averaged, train, tmp_path):
    run = shutil.copytree(averaged, tmp_path / "run")
    done = train(run, "--resume", "--max-updates", "7", "--set", "train.metric=perplexity")
    assert done.code == 0, done.stderr
    assert re.search(
        r"^  best +update .*, moving average with decay 0.98$", run_nmt("inspect", run).stdout, re.MULTILINE
    )
