"""`train.both_epochs`: the first epochs read each pair in both directions, and the others in one."""

import re

import pytest
from support.corpora import SIZES

from nmt.data.prepared import PreparedCorpus
from nmt.settings import TrainSettings
from nmt.training.epochs import open_training_pairs

TEXTS = ("--source-lang", "a", "--target-lang", "b", "--joint", "--vocab-size", "296")
QUICK = ("--threads", "1", "--precision", "float32", "--no-compile")
TRAIN = ("--set", "model.embedding_size=4", "--set", "model.encoder_size=4", "--set", "model.decoder_size=4")
TRAIN += ("--set", "model.attention_size=4", "--set", "train.max_tokens=2000", *QUICK)


@pytest.fixture
def prepare(run_nmt, tiny_corpus, tmp_path, monkeypatch):
    """`prepare(words…)`: prepare the toy corpus in the folder `data`."""
    monkeypatch.chdir(tmp_path)
    texts = ("--train", tiny_corpus / "train", "--valid", tiny_corpus / "valid")
    return lambda *words: run_nmt("prepare", *TEXTS, *texts, "--out", "data", *words)


@pytest.mark.parametrize(
    ("epochs", "described"),
    [
        (1, "both directions in the first epoch: 5 batches"),
        (2, "both directions in each of the first 2 epochs: 5 batches"),
    ],
)
def test_the_first_epochs_have_twice_as_many_pairs(prepare, run_nmt, tmp_path, epochs, described):
    assert prepare().code == 0
    words = ("--set", f"train.both_epochs={epochs}", "--max-epochs", "3", "--set", "train.schedule=cosine")
    done = run_nmt("train", "--data", "data", "--out", "run", *TRAIN, *words)
    assert done.code == 0, done.stderr
    assert re.search(rf"1,000 pairs, 3 batches per epoch, [\d.]+% padding; {described}\n", done.stderr)
    in_all = 5 * epochs + 3 * (3 - epochs)
    assert f"epoch 3, update {in_all}, " in done.stderr
    assert "stopped: 3 epochs are done" in done.stderr


def test_what_a_model_wrote_is_no_target(prepare, tmp_path):
    (tmp_path / "back.a").write_text("ba de\nku\n")
    (tmp_path / "back.b").write_text("de ba\nku ku\n")
    assert prepare("--synthetic", "back").code == 0
    prepared = PreparedCorpus.open("data")
    split = open_training_pairs(prepared, TrainSettings(both_epochs=1))
    assert [len(split.of_epoch(epoch)) for epoch in (0, 1)] == [2 * SIZES["train"] + 2, SIZES["train"] + 2]
    decode = prepared.source_subword.decode
    both = split.of_epoch(0)
    pairs = [(decode(both.read_source(row)), decode(both.read_target(row))) for row in range(len(both))]
    assert pairs[SIZES["train"] : SIZES["train"] + 2] == [("<BT> ba de", "de ba"), ("<BT> ku", "ku ku")]
    assert pairs[SIZES["train"] + 2 :] == [pair[::-1] for pair in pairs[: SIZES["train"]]]


def test_two_vocabularies_are_refused_before_a_folder_is_made(run_nmt, tiny_prepared, tmp_path):
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", "--set", "train.both_epochs=3", *QUICK)
    assert (done.code, done.stderr) == (
        2,
        f"nmt: error: train.both_epochs needs one vocabulary for both languages, and {tiny_prepared} has two\n"
        "  Prepare it with --joint, or set train.both_epochs=0\n",
    )
    assert not (tmp_path / "run").exists()


def test_it_cannot_change_when_a_run_is_resumed(prepare, run_nmt):
    assert prepare().code == 0
    train = ("train", "--data", "data", "--out", "run")
    assert run_nmt(*train, *TRAIN, "--set", "train.both_epochs=1", "--max-updates", "2").code == 0
    done = run_nmt(*train, "--resume", "--set", "train.both_epochs=2")
    assert done.code == 2
    assert "train.both_epochs = 2   the run has 1" in done.stderr
    done = run_nmt(*train, "--resume", "--max-updates", "0", "--max-epochs", "2")
    assert done.code == 0, done.stderr
    assert "epoch 2, update 8, " in done.stderr
