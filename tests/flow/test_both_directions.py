"""`nmt prepare --both-directions`: one run learns both directions, and another goes on in one of them."""

import pytest
from support.corpora import SIZES

import nmt
from nmt.data.prepared import PreparedCorpus

TEXTS = ("--source-lang", "fo", "--target-lang", "is")
QUICK = ("--threads", "1", "--precision", "float32", "--no-compile")
TRAIN = ("--set", "model.embedding_size=4", "--set", "model.encoder_size=4", "--set", "model.decoder_size=4")
TRAIN += ("--set", "model.attention_size=4", "--set", "train.max_tokens=200", "--max-updates", "1", *QUICK)


@pytest.fixture
def prepare(run_nmt, tiny_corpus, tmp_path, monkeypatch):
    """`prepare(words…)`: prepare the toy corpus under other names of its languages, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for split in ("train", "valid"):
        for ours, theirs in (("fo", "a"), ("is", "b")):
            (tmp_path / f"{split}.{ours}").symlink_to(tiny_corpus / f"{split}.{theirs}")
    return lambda *words: run_nmt("prepare", *TEXTS, "--train", "train", "--valid", "valid", *words)


def decode(folder, rows):
    """Training pairs of a prepared folder."""
    made = PreparedCorpus.open(folder)
    split, subword = made.open_split("train"), made.source_subword
    return [tuple(subword.decode(ids) for ids in (split.read_source(row), split.read_target(row))) for row in rows]


def test_each_training_pair_is_added_turned_around(prepare, tmp_path):
    (tmp_path / "back.fo").write_text("ba ba\n")
    (tmp_path / "back.is").write_text("ku\n")
    (tmp_path / "links").write_text("0-0\n" * SIZES["train"])
    done = prepare(
        "--joint",
        "--vocab-size",
        "296",
        "--both-directions",
        "--out",
        "both",
        "--synthetic",
        "back",
        "--train-alignments",
        "links",
    )
    assert done.code == 0, done.stderr
    total = 2 * SIZES["train"] + 1
    assert f"train: {total:,} pairs, {total:,} kept; dropped: none" in done.stderr
    pairs = decode("both", range(total))
    assert pairs[SIZES["train"]] == ("<BT> ba ba", "ku")  # a source that a model wrote is no target
    assert pairs[SIZES["train"] + 1 :] == [pair[::-1] for pair in pairs[: SIZES["train"]]]
    made = PreparedCorpus.open("both")
    assert made.manifest.splits["valid"].pairs == SIZES["valid"]
    assert made.manifest.settings["both_directions"] is True
    offsets = made.open_split("train", with_links=True).links.offsets
    assert offsets[-1] == offsets[SIZES["train"]] > 0


def test_a_run_in_one_direction_starts_from_one_in_both(prepare, run_nmt):
    assert prepare("--joint", "--vocab-size", "296", "--both-directions", "--out", "both").code == 0
    assert run_nmt("train", "--data", "both", "--out", "first", *TRAIN).code == 0
    assert prepare("--subwords-from", "both", "--out", "one").code == 0
    done = run_nmt("train", "--data", "one", "--out", "second", "--from", "first", "--max-updates", "1", *QUICK)
    assert done.code == 0, done.stderr
    assert "starts with the weights of first, checkpoint best" in done.stderr
    assert len(PreparedCorpus.open("one").open_split("train")) == SIZES["train"]


def test_it_needs_one_vocabulary(prepare, tiny_prepared):
    done = prepare("--both-directions", "--out", "both")
    assert (done.code, done.stderr) == (
        2,
        "nmt: error: --both-directions needs one vocabulary for both languages\n  Add --joint\n",
    )
    assert prepare("--vocab-size", "290", "--out", "pair").code == 0
    done = prepare("--both-directions", "--subwords-from", "pair", "--out", "both")
    assert (done.code, done.stderr) == (
        2,
        "nmt: error: --both-directions needs one vocabulary for both languages\n  pair has two\n",
    )


def test_pairs_in_memory_are_turned_around_too(tmp_path):
    pairs = [("ba de", "de ba"), ("ku", "ku la")]
    settings = {"joint": True, "both_directions": True, "vocab_size": 270, "source_lang": "a", "target_lang": "b"}
    nmt.prepare(pairs, pairs, tmp_path / "out", **settings)
    assert decode(tmp_path / "out", range(4)) == [*pairs, *(pair[::-1] for pair in pairs)]
