"""Pretrained embeddings and frozen parts in nmt train: what stays, what is resumed, and what is refused."""

import gzip
import json

import pytest
import torch
from safetensors.torch import load_file
from support.corpora import WORDS

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.settings import ModelSettings, RunSettings, TrainSettings

SMALL = [
    *("--set", "model.embedding_size=8", "--set", "model.encoder_size=8", "--set", "model.decoder_size=12"),
    *("--set", "model.attention_size=8", "--set", "train.max_tokens=100", "--set", "train.warmup=0"),
    *("--precision", "float32", "--device", "cpu"),
]
FROZEN = "source-embeddings, target-embeddings, encoder, bridge, attention, decoder, output"


@pytest.fixture
def train(run_nmt, tiny_prepared):
    """`train(out, words…)`: nmt train with a small model on the toy corpus."""
    return lambda out, *words: run_nmt("train", "--data", tiny_prepared, "--out", out, *SMALL, *words)


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """A file with a vector for each word of the toy language, all of its numbers the word's number plus one."""
    path = tmp_path_factory.mktemp("vectors") / "toy.vec.gz"
    lines = "".join(f"{word} {' '.join([str(number + 1)] * 8)}\n" for number, word in enumerate(WORDS))
    path.write_bytes(gzip.compress(f"{len(WORDS)} 8\n{lines}".encode()))
    return path


def weights(run, name="weights.safetensors"):
    return load_file(run / "last" / name)


def find_rows(prepared, side):
    """The id of each word's piece, by the number of its word plus one."""
    subword = getattr(PreparedCorpus.open(prepared), f"{side}_subword")
    pieces = subword.ids_to_pieces(range(subword.size))
    return {number: pieces.index(f"▁{word}") for number, word in enumerate(WORDS, 1) if f"▁{word}" in pieces}


@pytest.mark.parametrize(("side", "other"), [("source", "target"), ("target", "source")])
def test_frozen_embeddings_stay_word_vectors(train, run_nmt, tiny_prepared, vectors, tmp_path, side, other):
    run = tmp_path / "run"
    words = (f"--{side}-embeddings", vectors, "--set", f"train.freeze={side}-embeddings", "--max-updates", "3")
    done = train(run, *words)
    assert (done.code, done.stdout) == (0, ""), done.stderr
    rows, found = find_rows(tiny_prepared, side), weights(run)
    assert len(rows) > 8
    for value, row in rows.items():
        assert found[f"{side}_embedding.weight"][row].tolist() == [value] * 8
    assert found[f"{other}_embedding.weight"].abs().max() < 1
    matched = f" of 296 {side} pieces have a vector in {vectors} ("
    [note] = [line for line in done.stderr.splitlines() if matched in line]
    count = int(note.split()[0])
    assert count >= len(rows)
    assert f"not trained: {side}-embeddings (2,368 parameters)" in done.stderr
    is_output = 'with model.tie = "target" these embeddings are the vectors of the output layer, too\n'
    assert (is_output in done.stderr) == (side == "target")
    shown = run_nmt("inspect", run, "--verify").stdout
    assert f"  embeddings    {side}: toy.vec.gz, {count} pieces\n" in shown
    assert f'  train.freeze = ["{side}-embeddings"]  (default [])\n' in shown
    facts = json.loads(run_nmt("inspect", run, "--format", "json").stdout)
    assert facts[f"{side}_embeddings"] == {"file": "toy.vec.gz", "pieces": count}
    assert facts[f"{other}_embeddings"] is None


def test_other_pieces_start_as_they_would(train, tiny_prepared, vectors, tmp_path):
    still = ("--max-updates", "1", "--set", "train.learning_rate=1e-30")
    assert train(tmp_path / "random", *still).code == 0
    assert train(tmp_path / "run", *still, "--source-embeddings", vectors, "--target-embeddings", vectors).code == 0
    before, after = weights(tmp_path / "random"), weights(tmp_path / "run")
    for name, tensor in before.items():
        changed = ((after[name] - tensor).abs() > 1e-20).any(-1)
        if name in ("source_embedding.weight", "target_embedding.weight"):
            assert set(find_rows(tiny_prepared, name.split("_")[0]).values()) <= set(changed.nonzero()[:, 0].tolist())
            assert changed.sum() < 100
        else:
            assert not changed.any(), name
    trained = tmp_path / "trained"
    assert train(trained, "--max-updates", "2", "--source-embeddings", vectors).code == 0
    row = next(iter(find_rows(tiny_prepared, "source").values()))
    assert not torch.equal(weights(trained)["source_embedding.weight"][row], after["source_embedding.weight"][row])


def test_a_shared_embedding_takes_one_file(run_nmt, tiny_corpus, vectors, tmp_path):
    splits = {"train": tiny_corpus / "train", "valid": tiny_corpus / "valid"}
    nmt.prepare(**splits, out=tmp_path / "data", source_lang="a", target_lang="b", vocab_size=296, joint=True)
    words = ["train", "--data", tmp_path / "data", "--out", tmp_path / "run", *SMALL, "--set", "model.tie=all"]
    words += ["--max-updates", "1", "--target-embeddings", vectors]
    both = ["--set", "train.freeze=source-embeddings,target-embeddings"]
    done = run_nmt(*words, *both, "--source-embeddings", vectors)
    assert (done.code, done.stderr) == (
        2,
        'nmt: error: model.tie = "all" has one embedding for both languages\n'
        "  Leave out --source-embeddings or --target-embeddings\n",
    )
    done = run_nmt(*words, *both)
    assert done.code == 0, done.stderr
    assert "not trained: source-embeddings, target-embeddings (2,368 parameters)" in done.stderr
    found = weights(tmp_path / "run")["target_embedding.weight"]
    for value, row in find_rows(tmp_path / "data", "target").items():
        assert found[row].tolist() == [value] * 8


@pytest.mark.parametrize("decay", ["0", "0.9"])
def test_frozen_parts_are_resumed_exactly_and_have_no_moments(train, run_nmt, tiny_prepared, vectors, tmp_path, decay):
    words = ["--source-embeddings", vectors, "--set", 'train.freeze=["encoder", "source-embeddings", "attention"]']
    words += ["--set", "train.validate_every=2", "--set", "model.dropout=0.2", "--set", f"train.average={decay}"]
    assert train(tmp_path / "whole", *words, "--max-updates", "5").code == 0
    assert train(tmp_path / "part", *words, "--max-updates", "3").code == 0
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "part", "--resume", "--max-updates", "5")
    assert done.code == 0, done.stderr
    assert "not trained: encoder, source-embeddings, attention (" in done.stderr
    for name in ("weights.safetensors", "training.safetensors"):
        whole, part = (weights(tmp_path / run, name) for run in ("whole", "part"))
        assert whole.keys() == part.keys()
        for key, tensor in whole.items():
            assert torch.equal(part[key], tensor), key
    moments = {key.split(".")[1] for key in whole if key.startswith("optimizer.")}
    assert moments == {"target_embedding", "bridge", "cell", "output_bias"}
    assert not any(key.startswith("optimizer.cell.attention.") for key in whole)
    rows = find_rows(tiny_prepared, "source")
    kept = weights(tmp_path / "part")["source_embedding.weight"]
    assert all(kept[row].tolist() == [value] * 8 for value, row in rows.items())


def test_several_processes_leave_frozen_parts_alone(train, vectors, tmp_path):
    words = ("--target-embeddings", vectors, "--set", "train.freeze=target-embeddings,encoder", "--processes", "2")
    done = train(tmp_path / "run", *words, "--max-updates", "2", "--set", "model.dropout=0")
    assert done.code == 0, done.stderr
    assert train(tmp_path / "one", *words[:-2], "--max-updates", "2", "--set", "model.dropout=0").code == 0
    one, two = weights(tmp_path / "one"), weights(tmp_path / "run")
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5)
    assert torch.equal(one["target_embedding.weight"], two["target_embedding.weight"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["train.freeze=endcoder"], f'train.freeze = "endcoder"   not one of {FROZEN}; did you mean "encoder"?'),
        (["train.freeze=3"], 'train.freeze = 3   must be a list, such as ["one", "another"]'),
        (
            ["train.freeze=source-embeddings", "model.tie=all"],
            'model.tie = "all" has one embedding for both languages: train.freeze needs both source-embeddings and '
            "target-embeddings, or neither",
        ),
        (
            ["train.freeze=output"],
            'with model.tie = "target" the output layer has the target embeddings: train.freeze needs '
            "target-embeddings beside output, or neither",
        ),
        (
            ["train.freeze=" + FROZEN],
            "train.freeze names every part that has parameters, so that nothing would be trained",
        ),
        (
            ["train.freeze=" + FROZEN.replace("bridge, ", ""), "model.bridge=zeros"],
            "train.freeze names every part that has parameters, so that nothing would be trained",
        ),
    ],
)
def test_parts_that_cannot_be_frozen_are_explained(train, tmp_path, settings, message):
    done = train(tmp_path / "run", *(word for one in settings for word in ("--set", one)))
    assert done.code == 2
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_what_is_frozen_cannot_change_when_a_run_is_resumed(train, run_nmt, tiny_prepared, tmp_path):
    assert train(tmp_path / "run", "--max-updates", "1").code == 0
    words = ("--resume", "--set", "train.freeze=encoder")
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", *words)
    assert done.code == 2
    assert 'train.freeze = ["encoder"]   the run has []\n' in done.stderr


def test_a_run_that_starts_from_a_frozen_one_trains_everything(train, vectors, tmp_path):
    first = ("--source-embeddings", vectors, "--set", "train.freeze=source-embeddings", "--max-updates", "1")
    assert train(tmp_path / "first", *first).code == 0
    done = train(tmp_path / "second", "--from", tmp_path / "first", "--max-updates", "1")
    assert done.code == 0, done.stderr
    assert "not trained" not in done.stderr
    before, after = (weights(tmp_path / run)["source_embedding.weight"] for run in ("first", "second"))
    assert not torch.equal(before, after)


def test_what_is_frozen_fits_the_run_to_start_from_and_not_the_defaults(train, tmp_path):
    assert train(tmp_path / "first", "--set", "model.tie=none", "--max-updates", "1").code == 0
    words = ("--set", "train.freeze=output", "--max-updates", "1")
    assert train(tmp_path / "second", "--from", tmp_path / "first", *words).code == 0
    first, second = (weights(tmp_path / run) for run in ("first", "second"))
    assert torch.equal(first["output_weight"], second["output_weight"])
    assert not torch.equal(first["target_embedding.weight"], second["target_embedding.weight"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--from", "RUN", "--target-embeddings", "FILE"],
            "--from has embeddings already: leave it out, or leave out --target-embeddings\n",
        ),
        (
            ["--resume", "--source-embeddings", "FILE"],
            "word vectors are where a new run starts, and --resume continues one: leave them out\n",
        ),
        (
            ["--source-embeddings", "FILE", "--set", "model.embedding_size=16"],
            "FILE has vectors of 8 numbers, and model.embedding_size is 16\n  Set model.embedding_size=8, or use ",
        ),
        (["--source-embeddings", "FILEX"], 'FILEX does not exist; did you mean "toy.vec.gz"?\n'),
        (["--target-embeddings", "OTHER"], "OTHER has no vector for any of the 296 target pieces\n"),
    ],
)
def test_wrong_word_vectors_are_explained(train, novice, vectors, tmp_path, words, message):
    (tmp_path / "other.vec").write_text("hello 1 2 3 4 5 6 7 8\n")
    names = {"FILE": str(vectors), "OTHER": str(tmp_path / "other.vec"), "RUN": str(novice)}
    for short, name in names.items():
        words, message = [word.replace(short, name) for word in words], message.replace(short, name)
    done = train(tmp_path / "run", *words)
    assert done.code == 2
    assert done.stderr.startswith("nmt: error: " + message), done.stderr
    assert not (tmp_path / "run").exists()


def test_word_vectors_from_python(tiny_prepared, vectors, tmp_path):
    model = ModelSettings(embedding_size=8, encoder_size=8, decoder_size=12, attention_size=8)
    settings = RunSettings(model=model, train=TrainSettings(max_updates=1, freeze=("source-embeddings",)))
    nmt.train(tiny_prepared, tmp_path / "run", settings, source_embeddings=str(vectors), device="cpu")
    found = weights(tmp_path / "run")["source_embedding.weight"]
    assert all(found[row].tolist() == [value] * 8 for value, row in find_rows(tiny_prepared, "source").items())
