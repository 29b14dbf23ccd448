"""Training on other segmentations, as a user asks for it."""

import json

import pytest

SMALL = [
    *("--set", "model.embedding_size=8", "--set", "model.encoder_size=8", "--set", "model.decoder_size=8"),
    *("--set", "model.attention_size=8", "--set", "train.max_tokens=400", "--set", "train.threads=1"),
    *("--set", "train.compile=false", "--precision", "float32", "--device", "cpu", "--max-updates", "2"),
]


@pytest.fixture(scope="module")
def prepared(tiny_corpus, tmp_path_factory):
    """A few pairs of the toy corpus with subword models of each kind: a folder by kind."""
    from nmt import prepare

    folder = tmp_path_factory.mktemp("few")
    for side in "ab":
        lines = (tiny_corpus / f"train.{side}").read_text().splitlines()[:40]
        (folder / f"train.{side}").write_text("".join(f"{line}\n" for line in lines))
        (folder / f"valid.{side}").write_text("ba de\n")
    few = {"train": folder / "train", "valid": folder / "valid", "source_lang": "a", "target_lang": "b"}
    for kind in ("unigram", "bpe"):
        prepare(**few, out=folder / kind, vocab_size=285, subword=kind)
    return {kind: folder / kind for kind in ("unigram", "bpe")}


def train(run_nmt, data, out, *settings):
    sets = [word for setting in settings for word in ("--set", setting)]
    return run_nmt("train", "--data", data, "--out", out, *SMALL, *sets)


def read_loss(run):
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return next(record["loss"] for record in records if record["kind"] == "train")


def test_training_tells_which_segmentations_are_drawn(run_nmt, prepared, tmp_path):
    done = train(run_nmt, prepared["unigram"], tmp_path / "unigram", "train.sample_source=0.2")
    assert done.code == 0, done.stderr
    assert "draws other pieces each time a pair is read: a by sampling with alpha 0.2\n" in done.stderr
    done = train(run_nmt, prepared["bpe"], tmp_path / "bpe", "train.sample_source=0.1", "train.sample_target=0.25")
    assert done.code == 0, done.stderr
    told = "draws other pieces each time a pair is read: a by BPE-dropout of 0.1, b by BPE-dropout of 0.25\n"
    assert told in done.stderr
    done = train(run_nmt, prepared["bpe"], tmp_path / "stored")
    assert "draws other pieces" not in done.stderr
    assert read_loss(tmp_path / "bpe") != read_loss(tmp_path / "stored")


def test_a_probability_of_dropout_above_one_is_refused(run_nmt, prepared, tmp_path):
    done = train(run_nmt, prepared["bpe"], tmp_path / "run", "train.sample_target=1.5")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: train.sample_target = 1.5 is the probability of BPE-dropout, because the subword models of "
        f"{prepared['bpe']} are of the type bpe\n  It must be at most 1; 0.1 is usual\n"
    )
    assert not (tmp_path / "run").exists()
