"""`nmt shortlist` as a user meets it."""

import json
import os
import shutil
from unittest.mock import Mock

import numpy as np
import pytest
from support.corpora import WORDS

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.ids import EOS
from nmt.inference.shortlist import Shortlist
from nmt.loaded_run import load_run
from nmt.translation.aligner import load_aligner


def words_on_list(path, prepared, word):
    """The words of the toy language that are on the list of a sentence of one word."""
    subword = PreparedCorpus.open(prepared).source_subword
    ids = Shortlist.read(path).list_words(np.array(subword.encode(word)))
    return {piece.removeprefix("▁") for piece in subword.ids_to_pieces(ids)} & set(WORDS)


def test_words_are_listed_with_their_translations_and_counted(run_nmt, tiny_prepared, tmp_path):
    out = tmp_path / "list"
    done = run_nmt("shortlist", "--data", tiny_prepared, "--out", out, "--best", 2, "--frequent", 0)
    assert (done.code, done.stderr) == (0, "")
    heads, valid, test = done.stdout.splitlines()
    assert heads.split() == ["split", "target", "tokens", "on", "the", "list", "pieces", "on", "a", "list", "of", "296"]
    assert (valid.split()[0], test.split()[0]) == ("valid", "test")
    assert valid.split()[2] == test.split()[2] == "100.00%"  # each word is its own translation
    assert 2 < float(valid.split()[3]) < 20
    for word in WORDS:
        assert word in words_on_list(out, tiny_prepared, word)
        assert len(words_on_list(out, tiny_prepared, word)) <= 2
    assert os.listdir(tmp_path) == ["list"]


def test_more_pieces_of_each_and_of_all_make_longer_lists(run_nmt, tiny_prepared, tmp_path):
    sizes = []
    for words in (["--best", 1, "--frequent", 0], ["--best", 3, "--frequent", 0], ["--best", 1, "--frequent", 9]):
        done = run_nmt("shortlist", "--data", tiny_prepared, "--out", tmp_path / "list", *words)
        sizes.append(int(done.stdout.splitlines()[1].split()[3]))
    assert sizes[0] < sizes[1]
    assert sizes[0] < sizes[2] <= sizes[0] + 9


def test_fewer_pairs_may_be_read(run_nmt, tiny_prepared, tmp_path):
    words = ["shortlist", "--data", tiny_prepared, "--out", tmp_path / "list", "--frequent", 0]
    limited = run_nmt(*words, "--max-pairs", 1)
    few = Shortlist.read(tmp_path / "list").table_WK
    whole = run_nmt(*words)
    assert (limited.code, whole.code) == (0, 0)
    for some, all_read in zip(limited.stdout.splitlines()[1:], whole.stdout.splitlines()[1:], strict=True):
        assert some.split()[:2] == all_read.split()[:2]  # the splits that are looked up are whole either way
    assert 0 < (few[:, :-1] > 3).sum() < (Shortlist.read(tmp_path / "list").table_WK[:, :-1] > 3).sum()


def test_attention_of_a_run_links_words_into_its_folder(run_nmt, reverser, tiny_prepared, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(reverser, run)
    words = [
        "--model",
        run,
        "--checkpoint",
        "last",
        "--best",
        2,
        "--frequent",
        0,
        "--batch-size",
        100,
        "--device",
        "cpu",
    ]
    done = run_nmt("shortlist", "--data", tiny_prepared, "--out", run, *words)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split()[2] == "100.00%"
    for word in WORDS:
        assert word in words_on_list(run / "shortlist.safetensors", tiny_prepared, word)
    assert load_run(run).checkpoint == "best"  # the run is as good as before


def test_a_run_of_other_subwords_cannot_read_the_corpus(run_nmt, reverser, tiny_corpus, tmp_path):
    other = tmp_path / "other"
    words = [word for split in ("train", "valid") for word in (f"--{split}", tiny_corpus / split)]
    done = run_nmt("prepare", "--source-lang", "a", "--target-lang", "b", *words, "--out", other, "--vocab-size", 290)
    assert done.code == 0
    done = run_nmt("shortlist", "--data", other, "--out", tmp_path / "list", "--model", reverser)
    assert (done.code, done.stdout) == (2, "")
    assert f"{other} was made for other subwords than those of {reverser}: their source subword models" in done.stderr
    assert not (tmp_path / "list").exists()


def test_a_run_keeps_no_shortlist_of_other_subwords(run_nmt, reverser, tiny_corpus, tmp_path):
    run, other = tmp_path / "run", tmp_path / "other"
    shutil.copytree(reverser, run)
    words = [word for split in ("train", "valid") for word in (f"--{split}", tiny_corpus / split)]
    done = run_nmt("prepare", "--source-lang", "a", "--target-lang", "b", *words, "--out", other, "--vocab-size", 290)
    assert done.code == 0
    done = run_nmt("shortlist", "--data", other, "--out", run)
    assert (done.code, done.stdout) == (2, "")
    assert f"{other} was made for other subwords than those of {run}: their source subword models" in done.stderr
    assert not (run / "shortlist.safetensors").exists()


def test_a_shortlist_is_for_the_languages_of_its_corpus(run_nmt, turned, tiny_prepared, tmp_path, monkeypatch):
    path, run = tmp_path / "list", tmp_path / "run"
    monkeypatch.setattr("socket.create_server", Mock(side_effect=OSError("it is a test")))
    assert run_nmt("shortlist", "--data", tiny_prepared, "--out", path).code == 0
    shutil.copytree(turned, run)
    for words, wrong, owner in (
        (["translate", "--model", run, "--shortlist", path], path, run),
        (["serve", "--model", run, "--shortlist", path], path, run),
        (["shortlist", "--data", tiny_prepared, "--out", run], tiny_prepared, run),
        (["shortlist", "--data", tiny_prepared, "--out", path, "--model", turned], tiny_prepared, turned),
    ):
        done = run_nmt(*words, stdin="ba\n")
        assert (done.code, done.stdout) == (2, "")
        assert f"nmt: error: {wrong} is for a to b, and {owner} translates b to a\n  Make a shortlist" in done.stderr
    assert not (run / "shortlist.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "gone", "--out", "list"], "gone does not exist\n  `nmt prepare` writes prepared folders"),
        (["--out", "gone/list"], "gone/list cannot be written: there is no folder gone\n"),
        (
            ["--out", "list", "--model", "nowhere"],
            "nowhere does not exist\n  A run is a folder that `nmt train` writes",
        ),
        (["--out", "list", "--best", "0"], "0 is not in the range x>=1"),
        (["--out", "list", "--checkpoint", "bets", "--model", "RUN"], 'has no checkpoint "bets"; did you mean "best"?'),
        (["--out", "list", "--device", "abacus", "--model", "RUN"], "--device abacus cannot be used here\n"),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(
    run_nmt, reverser, tiny_prepared, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    words = [reverser if word == "RUN" else word for word in words]
    done = run_nmt("shortlist", *([] if "--data" in words else ["--data", tiny_prepared]), *words)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.fixture(scope="module")
def narrow(tiny_prepared, reverser, tmp_path_factory):
    """A list that knows of three words only: for each source piece those that are spelt the same, and few others."""
    subword = PreparedCorpus.open(tiny_prepared).source_subword
    path = tmp_path_factory.mktemp("lists") / "narrow"
    ids = [
        piece if subword.ids_to_pieces([piece])[0] in ("▁ba", "▁de", "▁fi") else EOS for piece in range(subword.size)
    ]
    prints = PreparedCorpus.open(tiny_prepared)
    fingerprints = prints.source_subword.fingerprint, prints.target_subword.fingerprint
    Shortlist(np.array(ids)[:, None], np.array([EOS]), subword.size, fingerprints).write(path)
    return path


def texts(done):
    assert (done.code, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_translations_have_only_pieces_on_the_list(run_nmt, reverser, narrow):
    words = ["translate", "--model", reverser, "--shortlist", narrow]
    one, two, three = texts(run_nmt(*words, stdin="ba de fi\nku ba la\nde fi\n"))
    assert (one, three) == ("fi de ba", "fi de")
    assert set(two.split()) <= {"ba"}
    assert texts(run_nmt(*words, "--model", reverser, stdin="ba de fi\n")) == ["fi de ba"]  # an ensemble


def test_constraints_are_met_though_their_pieces_are_not_on_the_list(run_nmt, reverser, narrow):
    words = ["translate", "--model", reverser, "--shortlist", narrow]
    (wished,) = texts(run_nmt(*words, "--constraint", "zu", "--prefix", "wo ", stdin="ba de fi\n"))
    assert wished.startswith("wo ")
    assert set(wished.split()) <= {"wo", "zu", "ba", "de", "fi"}
    assert "zu" in wished.split()


def test_a_shortlist_does_not_change_correct_translations(run_nmt, reverser, tiny_prepared, tiny_corpus, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(reverser, run)
    assert run_nmt("shortlist", "--data", tiny_prepared, "--out", run, "--best", 3, "--frequent", 0).code == 0
    words = ["translate", "--model", run, "--beam", 5, tiny_corpus / "test.a"]
    assert texts(run_nmt(*words, "--shortlist", run)) == texts(run_nmt(*words))
    words = ["evaluate", "--model", run, "--source", tiny_corpus / "test.a", "--reference", tiny_corpus / "test.b"]
    rows = [texts(run_nmt(*words, *more))[1].split()[1:3] for more in ([], ["--shortlist", run])]
    assert rows[0] == rows[1]


@pytest.mark.parametrize(
    "words",
    [
        ["--n-best", "3"],
        ["--sample", "--temperature", "2"],
        ["--constraint", "zu", "--ban", "k", "--no-repeat", "2"],
        ["--groups", "5", "--diversity", "1"],
    ],
)
def test_neither_batch_size_nor_order_changes_a_line(run_nmt, reverser, narrow, tiny_corpus, words):
    lines = (tiny_corpus / "test.a").read_text().splitlines()
    found = []
    turned = 1 if "--sample" in words else -1  # what is drawn for a line depends on its number
    for size, order in ((1, 1), (7, 1), (64, 1), (7, turned)):
        options = ["--shortlist", narrow, "--batch-size", size, "--format", "jsonl", "--precision", "float32", *words]
        done = run_nmt("translate", "--model", reverser, *options, stdin="\n".join(lines[::order]))
        ranked = [json.loads(line) for line in texts(done)]
        found.append(sorted((one["source"], one["rank"], one["text"]) for one in ranked))
    assert found[0] == found[1] == found[2] == found[3]


def test_a_server_translates_with_a_shortlist(run_nmt, reverser, narrow, monkeypatch):
    load = Mock(side_effect=load_aligner)
    monkeypatch.setattr("nmt.translation.aligner.load_aligner", load)
    monkeypatch.setattr("socket.create_server", Mock(side_effect=OSError("it is a test")))
    done = run_nmt("serve", "--model", reverser, "--model", reverser, "--shortlist", narrow)
    assert "the server cannot listen on 127.0.0.1, port 8000: it is a test\n" in done.stderr
    assert load.call_count == 2
    for asked in load.call_args_list:
        (found,) = load_aligner(*asked.args, **asked.kwargs).translate(["ku ba la"])
        assert set(found.target_words) <= {"ba"}


@pytest.mark.parametrize("command", ["translate", "evaluate", "serve"])
def test_a_shortlist_that_cannot_be_used_raises_an_error(
    run_nmt, reverser, tiny_prepared, tiny_corpus, tmp_path, command
):
    files = ["--source", tiny_corpus / "test.a", "--reference", tiny_corpus / "test.b"]
    words = [command, "--model", reverser, *(files if command == "evaluate" else []), "--shortlist"]
    done = run_nmt(*words, reverser, stdin="ba\n")
    assert (done.code, done.stdout) == (2, "")
    assert f"{reverser}/shortlist.safetensors does not exist\n  `nmt shortlist` makes one" in done.stderr
    Shortlist(np.full((296, 1), EOS), np.array([EOS]), 296, ("a" * 64, "b" * 64)).write(tmp_path / "list")
    done = run_nmt(*words, tmp_path / "list", stdin="ba\n")
    assert (done.code, done.stdout) == (2, "")
    assert f"{tmp_path / 'list'} was made for other subwords than those of {reverser}: their source" in done.stderr


def test_a_translator_loads_a_shortlist(reverser, narrow):
    translator = nmt.Translator.load(reverser, shortlist=narrow)
    assert [one.text for one in translator.translate(["ba de fi"])] == ["fi de ba"]
