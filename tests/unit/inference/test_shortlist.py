"""Lists of target pieces: whose they are, how they are counted, and files of them."""

import os
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
from safetensors.numpy import save
from support.axes import hold_axes

from nmt.errors import DamageError, FolderError, FormatError, NmtError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.inference import shortlist
from nmt.inference.shortlist import (
    PairWeights,
    Shortlist,
    refuse_other_pair,
    select_best,
    select_frequent,
    sum_weights,
    train_ibm_model_1,
)

OWN = ("s" * 64, "t" * 64)
TABLE = [[EOS, EOS], [EOS, EOS], [EOS, EOS], [EOS, EOS], [7, 5], [8, EOS], [5, 9]]


def lists():
    return Shortlist(np.array(TABLE), np.array([EOS, 10]), 12, OWN, ("en", "zh Hant"))


def pairs(*texts):
    """("4 5", "6") as ids."""
    return [tuple(np.array(side.split(), dtype=np.uint16) for side in text) for text in texts]


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ([4, EOS], [EOS, 5, 7, 10]),
        ([4, 6, EOS], [EOS, 5, 7, 9, 10]),
        ([5, 5, EOS], [EOS, 8, 10]),
        ([EOS], [EOS, 10]),
    ],
)
def test_a_list_is_the_union_over_the_source(monkeypatch, source, ids):
    assert hold_axes(monkeypatch, "nmt.inference") > 0
    assert lists().list_words(np.array(source)).tolist() == ids


def test_a_list_does_not_depend_on_the_other_sentences_of_the_batch():
    together = lists().allowed_words(np.array([[4, EOS, PAD], [5, 6, EOS], [EOS, PAD, PAD]]))
    for row, source in enumerate(([4, EOS], [5, 6, EOS], [EOS])):
        assert together[row].nonzero()[0].tolist() == lists().list_words(np.array(source)).tolist()
    assert together[:, EOS].all()
    assert not together[:, [PAD, UNK, BOS]].any()


def test_the_best_are_kept_by_weight_and_of_equals_the_smaller_ids():
    source, target = np.array([5, 4, 4, 5, 4]), np.array([9, 6, 8, 7, 5])
    weighted = PairWeights(source, target, np.array([2.0, 1.0, 3.0, 2.0, 1.0]))
    assert select_best(weighted, 7, 2)[4:].tolist() == [[8, 5], [7, 9], [EOS, EOS]]


def test_the_select_frequent_are_words_that_occur():
    counts = np.array([9, 9, 9, 9, 1, 0, 5, 3])
    assert select_frequent(counts, 2).tolist() == [EOS, 6, 7]
    assert select_frequent(counts, 9).tolist() == [EOS, 4, 6, 7]
    assert select_frequent(counts, 0).tolist() == [EOS]


def as_table(weighted):
    return {
        (int(source), int(target)): weight for source, target, weight in zip(*weighted, strict=True) if source != EOS
    }


def test_the_first_em_iteration_divides_each_target_piece_evenly():
    found = as_table(train_ibm_model_1(pairs(("4", "6"), ("4 5", "6 7")), 8, 8, rounds=range(1)))
    third = pytest.approx(1 / 3)
    assert found == {(4, 6): pytest.approx(1 / 2 + 1 / 3), (4, 7): third, (5, 6): third, (5, 7): third}


def test_em_concentrates_weights_on_the_best_explanation():
    """Das Haus, das Buch, ein Buch: counting together cannot tell, expectation can; Brown et al. 1993's own example."""
    das, ein, haus, buch = 4, 5, 6, 7
    text = pairs(("4 6", "14 16"), ("4 7", "14 17"), ("5 7", "15 17"))
    found = as_table(train_ibm_model_1(text, 8, 18, rounds=range(20)))
    for source, target in ((das, 14), (ein, 15), (haus, 16), (buch, 17)):
        rivals = {other: weight for (word, other), weight in found.items() if word == source}
        assert max(rivals, key=rivals.__getitem__) == target
        assert rivals[target] > 0.9 * sum(rivals.values())


def test_the_size_of_chunks_does_not_change_the_weights(monkeypatch):
    random = np.random.default_rng(1)
    text = [
        (random.integers(4, 9, random.integers(0, 5)), random.integers(4, 9, random.integers(0, 5))) for _ in "x" * 30
    ]
    whole = train_ibm_model_1(text, 9, 9)
    monkeypatch.setattr(shortlist, "CELLS", 7)
    parts = train_ibm_model_1(text, 9, 9)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    said = sum(len(target) for _, target in text)
    assert whole.weight_X.sum() == pytest.approx(said)  # every target piece is explained once


def test_coverage_counts_tokens_and_sizes():
    found = shortlist.measure_coverage(lists(), pairs(("4", "7 6"), ("5 6", "8 9 10")))
    assert found == (7, 6, 4 + 5, 2)  # 6 is on no list; EOS is on both


def test_a_written_file_is_read_back(tmp_path):
    lists().write(tmp_path / "list")
    again = Shortlist.read(tmp_path / "list")
    assert (again.table_WK.tolist(), again.frequent_F.tolist()) == (TABLE, [EOS, 10])
    assert (again.vocabulary, again.fingerprints, again.languages) == (12, OWN, ("en", "zh Hant"))
    assert os.listdir(tmp_path) == ["list"]


def test_a_file_of_an_older_version_names_no_languages(tmp_path):
    replace(lists(), languages=None).write(tmp_path / "list")
    assert b"_lang" not in (tmp_path / "list").read_bytes()
    assert Shortlist.read(tmp_path / "list").languages is None


def test_a_shortlist_can_be_in_a_run_folder(tmp_path):
    lists().write(tmp_path)
    assert os.listdir(tmp_path) == ["shortlist.safetensors"]
    assert Shortlist.read(tmp_path).table_WK.tolist() == TABLE


def change(path, before, after):
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, after))


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda path: path.unlink(), FolderError, "does not exist\n"),
        (lambda path: path.write_bytes(b""), FolderError, "is no shortlist, or is cut short"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), FolderError, "is no shortlist, or is cut short"),
        (lambda path: path.write_bytes(save({"a": np.ones(2)})), FolderError, "is no shortlist\n"),
        (
            lambda path: change(path, b'version":"1"', b'version":"2"'),
            FormatError,
            "version 2, and this program reads 1",
        ),
        (
            lambda path: change(path, b"\x09\0\0\0", b"\x08\0\0\0"),
            DamageError,
            "its bytes are not those that were written",
        ),
    ],
)
def test_a_file_that_is_no_shortlist_raises_an_error(tmp_path, spoil, error, message):
    path = tmp_path / "list"
    lists().write(path)
    spoil(path)
    with pytest.raises(error) as caught:
        Shortlist.read(path)
    assert str(caught.value).startswith(f"{path} ")
    assert message in str(caught.value)
    assert str(caught.value).endswith("\n  `nmt shortlist` makes one")


def test_tensors_that_are_no_lists_raise_an_error(tmp_path):
    path = tmp_path / "list"
    for table, frequent, vocabulary, message in [
        ([[3, 4]], [3], 4, "it has ids that are not among 4 pieces"),
        ([[3, -9]], [3], 12, "it has ids that are not among 12 pieces"),
        ([3, 4], [3], 12, "its tensors are not those of a shortlist"),
        ([[3.0]], [3], 12, "its tensors are not those of a shortlist"),
        ([[3]], [3], "7" * 5000, "its vocabulary or fingerprints cannot be used"),
        ([[3]], [3], -1, "its vocabulary or fingerprints cannot be used"),
    ]:
        tensors = {"table": np.array(table), "frequent": np.array(frequent)}
        tensors = {name: ids.astype(np.int32) if ids.dtype == int else ids for name, ids in tensors.items()}
        facts = {"kind": "nmt shortlist", "format_version": "1", "fingerprints": "s t", "vocabulary": str(vocabulary)}
        path.write_bytes(save(tensors, facts | {"sha256": shortlist.compute_checksum(tensors)}))
        with pytest.raises(DamageError) as caught:
            Shortlist.read(path)
        assert str(caught.value) == f"{path} is damaged: {message}\n  `nmt shortlist` makes one"


@pytest.mark.parametrize("languages", [{"source_lang": "a"}, {"source_lang": "a", "target_lang": "\x1b"}])
def test_languages_that_cannot_be_names_raise_an_error(tmp_path, languages):
    path, tensors = tmp_path / "list", {"table": np.array([[3]], np.int32), "frequent": np.array([3], np.int32)}
    facts = {"kind": "nmt shortlist", "format_version": "1", "fingerprints": "s t", "vocabulary": "12", **languages}
    path.write_bytes(save(tensors, facts | {"sha256": shortlist.compute_checksum(tensors)}))
    with pytest.raises(DamageError, match=f"^{path} is damaged: its languages cannot be used\n"):
        Shortlist.read(path)


def test_a_shortlist_with_other_numbers_of_pieces_raises_an_error(tmp_path):
    lists().check_sizes(tmp_path, len(TABLE), 12)
    with pytest.raises(DamageError, match=f"it is for {len(TABLE)} and 12 pieces, and the models have 9 and 13\n"):
        lists().check_sizes(tmp_path, 9, 13)


@pytest.mark.parametrize(
    ("languages", "fingerprints", "message"),
    [
        (("en", "de"), ("x" * 64, "t" * 64), "was made for other subwords than those of a-run: their source subword"),
        (("en", "de"), ("s" * 64, "x" * 64), "was made for other subwords than those of a-run: their target subword"),
        (None, ("s" * 64, "x" * 64), "was made for other subwords than those of a-run: their target subword"),
        (("de", "en"), OWN, "is for de to en, and a-run translates en to de\n  Make a shortlist from the prepared"),
        (("en", "fr"), OWN, "is for en to fr, and a-run translates en to de\n"),
    ],
)
def test_a_shortlist_for_others_than_a_run_raises_an_error(languages, fingerprints, message):
    run = Mock(path="a-run", languages=("en", "de"), fingerprints=OWN)
    for known in (("en", "de"), None):
        refuse_other_pair("a.list", known, OWN, run)
    with pytest.raises(NmtError, match=f"^a.list {message}"):
        refuse_other_pair("a.list", languages, fingerprints, run)


def test_weights_of_equal_pairs_are_summed():
    parts = [
        PairWeights(np.array([4, 5, 4]), np.array([6, 6, 6]), np.array([1.0, 2.0, 0.5])),
        PairWeights(np.array([], int), np.array([], int), np.array([])),
        PairWeights(np.array([5, 4]), np.array([7, 6]), np.array([3.0, 0.25])),
    ]
    assert [column.tolist() for column in sum_weights(parts, 8)] == [[4, 5, 5], [6, 6, 7], [1.75, 2.0, 3.0]]
    assert len(sum_weights([], 8).weight_X) == 0
