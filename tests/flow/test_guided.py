"""Guided attention as a user meets it: alignments in at `nmt prepare`, learnt by `nmt train`, read by `nmt align`."""

import json
import math
import re
import sys

import pytest
import torch
from safetensors.torch import load_file

SMALL = [
    *("--set", "model.embedding_size=16", "--set", "model.encoder_size=16", "--set", "model.decoder_size=32"),
    *("--set", "model.attention_size=16", "--set", "train.max_tokens=100", "--precision", "float32"),
]

GUIDED = ["--set", "train.guided_weight=1"]


@pytest.fixture(scope="module")
def linked(tiny_corpus, tmp_path_factory):
    """The toy corpus with links that nothing in it suggests: the first target word to the first source word, all others
    to the last."""
    from nmt import prepare

    folder = tmp_path_factory.mktemp("linked")
    for split in ("train", "test"):
        lengths = [len(line.split()) for line in (tiny_corpus / f"{split}.a").read_text().splitlines()]
        lines = (" ".join(f"{n - 1 if target else 0}-{target}" for target in range(n)) for n in lengths)
        (folder / f"{split}.links").write_text("".join(f"{line}\n" for line in lines))
    prepare(
        tiny_corpus / "train",
        tiny_corpus / "valid",
        folder / "prepared",
        train_alignments=[folder / "train.links"],
        source_lang="a",
        target_lang="b",
        vocab_size=296,
    )
    return folder


@pytest.fixture
def train(run_nmt, linked):
    return lambda out, *words: run_nmt("train", "--data", linked / "prepared", "--out", out, "--device", "cpu", *words)


def records(run, kind="train"):
    found = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [record for record in found if record["kind"] == kind]


def error_rate(run_nmt, run, linked, corpus):
    texts = ("--source", corpus / "test.a", "--target", corpus / "test.b", "--gold", linked / "test.links")
    done = run_nmt("align", "--model", run, *texts, "--format", "json")
    assert done.code == 0, done.stderr
    return json.loads(done.stdout)["scores"]["forward"]["aer"]


@pytest.mark.parametrize("attention", ["bahdanau", "luong-general"])
def test_guided_attention_learns_the_alignments(train, run_nmt, linked, tiny_corpus, tmp_path, attention):
    run = tmp_path / "run"
    fast = ["--set", "train.warmup=5", "--set", "train.learning_rate=0.01", "--max-updates", "60"]
    assert train(run, *SMALL, *fast, "--set", f"model.attention={attention}", *GUIDED).code == 0
    assert error_rate(run_nmt, run, linked, tiny_corpus) < 0.05
    first, *_, last = [record["guided_loss"] for record in records(run)]
    assert last < first / 2


def test_without_guided_weight_a_message_says_that_alignments_are_not_used(
    train, run_nmt, linked, tiny_corpus, tmp_path
):
    done = train(tmp_path / "run", *SMALL, "--max-updates", "2")
    assert done.code == 0
    assert (
        "the corpus has word alignments, which are not used: to use them, set train.guided_weight=0.1\n" in done.stderr
    )
    assert all("guided_loss" not in record for record in records(tmp_path / "run"))
    assert error_rate(run_nmt, tmp_path / "run", linked, tiny_corpus) > 0.2


def test_resumed_guided_training_equals_uninterrupted_training(train, tmp_path):
    words = [*SMALL, *GUIDED, "--set", "train.validate_every=5", "--set", "train.max_tokens=1000"]
    words += ["--set", "train.guided_decay=0.5"]  # epochs of five batches, so that the weight falls within the test
    assert train(tmp_path / "ten", *words, "--max-updates", "10").code == 0
    assert train(tmp_path / "five", *words, "--max-updates", "5").code == 0
    assert train(tmp_path / "five", "--resume", "--max-updates", "10").code == 0
    ten, five = (load_file(tmp_path / run / "last" / "training.safetensors") for run in ("ten", "five"))
    for key, tensor in ten.items():
        assert torch.equal(tensor, five[key]), key
    for name in ("loss", "guided_loss"):
        assert [r[name] for r in records(tmp_path / "ten")] == [r[name] for r in records(tmp_path / "five")]
    assert records(tmp_path / "ten")[0]["epoch"] == 1


def test_a_weight_that_has_decayed_to_nothing_has_no_loss(train, tmp_path):
    words = [*SMALL, *GUIDED, "--set", "train.max_tokens=2000", "--max-epochs", "3"]
    assert train(tmp_path / "run", *words, "--set", "train.guided_decay=1e-200").code == 0
    assert ["guided_loss" in record for record in records(tmp_path / "run")] == [True, True, False]


def test_guided_decay_lowers_the_weight_after_each_epoch(train, tmp_path):
    words = [*SMALL, *GUIDED, "--set", "train.max_tokens=2000", "--max-epochs", "2", "--set", "train.guided_decay=0.25"]
    assert train(tmp_path / "run", *words, "--set", "train.label_smoothing=0").code == 0
    weights = [  # every piece has a link
        (record["loss"] - math.log(record["perplexity"])) / record["guided_loss"]
        for record in records(tmp_path / "run")
    ]
    assert weights == pytest.approx([1, 0.25], abs=1e-5)


def test_events_have_the_guided_loss(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    assert train(run, *SMALL, *GUIDED, "--max-updates", "2").code == 0
    events = EventAccumulator(str(run / "events")).Reload()
    [written] = events.Scalars("train/guided_loss")
    assert written.value == pytest.approx(records(run)[0]["guided_loss"])


def test_a_terminal_shows_the_guided_loss(train, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    shown = train(tmp_path / "run", *SMALL, *GUIDED, "--max-updates", "2").stderr.replace("\r", "\n")
    assert re.search(r"loss \d\.\d\d, perplexity [\d.]+, guided \d\.\d\d, ", shown)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--set", "model.attention=none", *GUIDED],
            'model.attention = "none" has no attention to guide: set train.guided_weight to 0, or another attention\n',
        ),
        (
            ["--set", "model.attention=none", "--set", "search.beta=0.2"],
            'model.attention = "none" has no attention, which the coverage penalty needs: set search.beta to 0, or '
            "another attention\n",
        ),
        (
            ["--set", "train.guided_weight=-1"],
            "train.guided_weight = -1   must be at",
        ),
        (
            ["--set", "train.guided_decay=0"],
            "train.guided_decay = 0   must be above 0",
        ),
    ],
)
def test_settings_that_cannot_be_used_raise_an_error(train, tmp_path, words, message):
    done = train(tmp_path / "run", *words)
    assert done.code == 2
    assert done.stderr.startswith(f"nmt: error: 1 setting in --set cannot be used\n  {message}")
    assert not (tmp_path / "run").exists()


def test_guided_attention_needs_alignments(run_nmt, tiny_prepared, tmp_path):
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", *GUIDED)
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {tiny_prepared} was prepared without word alignments, which guide attention\n"
        "  Prepare it with --train-alignments, or set train.guided_weight=0\n"
    )
    assert not (tmp_path / "run").exists()
