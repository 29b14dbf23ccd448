"""`nmt prepare --synthetic`: back-translated pairs beside real ones, with a tag before their source."""

import pytest
from support.corpora import SIZES

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.errors import UsageError

LANGS = ("--source-lang", "a", "--target-lang", "b")


@pytest.fixture
def prepare(run_nmt, tiny_corpus, tmp_path):
    """`prepare(words…)`: prepare the toy corpus with its validation pairs as validation, and others as synthetic."""
    for side in "ab":
        (tmp_path / f"back.{side}").write_text("ba de\nku\nzu me ni\n")

    def run(*words):
        texts = ("--train", tiny_corpus / "train", "--valid", tiny_corpus / "valid", "--synthetic", tmp_path / "back")
        return run_nmt("prepare", *LANGS, *texts, "--out", tmp_path / "out", *words)

    return run


def test_the_source_of_synthetic_pairs_begins_with_the_tag(prepare, tmp_path):
    done = prepare("--vocab-size", 297, "--symbol", "<x>")
    assert done.code == 0, done.stderr
    total = SIZES["train"] + 3
    assert f"train: {total:,} pairs, {total:,} kept; dropped: none\n" in done.stderr
    made = PreparedCorpus.open(tmp_path / "out")
    assert made.manifest.settings["symbols"] == ["<x>", "<BT>"]
    split, source = made.open_split("train"), made.source_subword
    tag = source.piece_to_id("<BT>")
    has_tag = [tag in split.read_source(row) for row in range(total)]
    assert has_tag == [False] * SIZES["train"] + [True] * 3
    assert [source.decode(split.read_source(row)) for row in range(total - 3, total)] == [
        "<BT> ba de",
        "<BT> ku",
        "<BT> zu me ni",
    ]
    assert made.target_subword.decode(split.read_target(total - 1)) == "zu me ni"
    assert not any("<BT>" in line for line in made.read_raw_lines("valid", "source"))


def test_synthetic_pairs_without_a_source_are_dropped(prepare, tmp_path):
    (tmp_path / "back.a").write_text("ba de\n \u200b\n\n")
    done = prepare("--vocab-size", 296)
    assert done.code == 0, done.stderr
    total = SIZES["train"] + 3
    assert f"train: {total:,} pairs, {total - 2:,} kept; dropped: 2 empty source\n" in done.stderr


def test_synthetic_pairs_have_no_word_links(prepare, tmp_path):
    (tmp_path / "links").write_text("0-0\n" * SIZES["train"])
    done = prepare("--vocab-size", 296, "--train-alignments", tmp_path / "links")
    assert done.code == 0, done.stderr
    offsets = PreparedCorpus.open(tmp_path / "out").open_split("train", with_links=True).links.offsets
    assert offsets[-1] == offsets[-4] > 0


def test_reused_models_need_the_tag(prepare, tiny_corpus, tmp_path):
    texts = {"train": tiny_corpus / "train", "valid": tiny_corpus / "valid", "source_lang": "a", "target_lang": "b"}
    nmt.prepare(**texts, out=tmp_path / "without", vocab_size=290)
    done = prepare("--subwords-from", tmp_path / "without")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: the subword models of {tmp_path / 'without'} have no piece <BT>, which marks the pairs of "
        "--synthetic\n  Prepare the first corpus with --symbol '<BT>'\n"
    )
    nmt.prepare(**texts, out=tmp_path / "with", vocab_size=290, symbols=["<BT>"])
    assert prepare("--subwords-from", tmp_path / "with").code == 0


def test_a_missing_file_is_named(prepare, tmp_path):
    (tmp_path / "back.a").unlink()
    done = prepare()
    assert done.code == 2
    assert done.stderr.startswith(f"nmt: error: {tmp_path / 'back.a'} does not exist")


def test_validation_pairs_may_not_be_synthetic_ones_too(prepare, tiny_corpus):
    done = prepare("--synthetic", tiny_corpus / "valid")
    assert done.code == 2
    assert f"{tiny_corpus / 'valid'} is named for training and again for validation\n" in done.stderr


def test_pairs_in_memory_are_refused(tiny_corpus, tmp_path):
    texts = {"train": tiny_corpus / "train", "valid": tiny_corpus / "valid", "source_lang": "a", "target_lang": "b"}
    with pytest.raises(UsageError, match=r"^synthetic takes paths of files, and no pairs\n"):
        nmt.prepare(**texts, out=tmp_path / "out", synthetic=[("ba", "ba")])
