from types import SimpleNamespace

import pytest

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.errors import DataError
from nmt.text.corpus import Pair, read_pairs
from nmt.text.iterables import iterate_pairs, store_pairs


@pytest.mark.parametrize(
    ("item", "pair"),
    [
        (("a b", "c"), ("a b", "c")),
        (["a b\n", "c\r\n"], ("a b", "c")),  # newer torchtext data sets keep line ends
        ((["a", "b"], ("c",)), ("a b", "c")),
        (SimpleNamespace(src="a b", trg=["c", "d"]), ("a b", "c d")),
        (("", []), ("", "")),
    ],
)
def test_items_that_are_pairs(item, pair):
    assert list(iterate_pairs([item], "train")) == [Pair(*pair)]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("ab", " is not a (source, target) pair: 'ab'"),  # two characters are no pair
        (("a", "b", "c"), " is not a (source, target) pair: \"('a', 'b', 'c')\""),
        (7, " is not a (source, target) pair: '7'"),
        (("a", 7), ": a side must be a string or a list of tokens, not int"),
        ((["a", 7], "b"), ": a side must be a string or a list of tokens, not list"),
        (("a\nb", "c"), " contains a line end: 'a\\nb'\n  A side must be one line: split or join it"),
        (("a", "\ud800"), " cannot be written as UTF-8: surrogates not allowed at character 0"),
    ],
)
def test_the_message_for_other_items_has_their_number(item, problem):
    with pytest.raises(DataError) as caught:
        list(iterate_pairs([("a", "b"), item], "train"))
    assert f"train, item 2{problem}" in str(caught.value)


def test_stored_pairs_can_be_read_several_times(tmp_path):
    pairs = [Pair("a\u2028b", ""), Pair("", "c")]
    corpus = store_pairs(iter(pairs), tmp_path, "train")
    assert list(corpus.read()) == list(corpus.read()) == pairs


def test_a_corpus_without_pairs_raises_an_error(tmp_path):
    with pytest.raises(DataError, match="train is empty: it has no pairs"):
        store_pairs([], tmp_path, "train")


def test_source_and_target_language_may_have_the_same_name(tmp_path):
    pairs = [("ba de fi", "BA DE FI")] * 5
    prepared = nmt.prepare(pairs, pairs, tmp_path / "out", source_lang="x", target_lang="x", vocab_size=268)
    assert prepared.source_subword.fingerprint != prepared.target_subword.fingerprint


def same_files(one, other):
    return {file.name: file.read_bytes() for file in one.iterdir()} == {
        file.name: file.read_bytes() for file in other.iterdir()
    }


def test_pairs_give_the_same_prepared_folder_as_files(tiny_corpus, tiny_prepared, tmp_path):
    def pairs(name):
        return read_pairs(tiny_corpus / f"{name}.a", tiny_corpus / f"{name}.b")

    out = tmp_path / "out"
    nmt.prepare(
        pairs("train"), list(pairs("valid")), out, test=pairs("test"), source_lang="a", target_lang="b", vocab_size=296
    )
    assert same_files(out, tiny_prepared)


def test_torchtext_gives_the_same_prepared_folder(tiny_corpus, tiny_prepared, tmp_path):
    torchtext = pytest.importorskip("torchtext", reason='no torchtext 0.6.0 (pip install "nmt[torchtext]")')
    assert torchtext.__version__ == "0.6.0"
    from torchtext.data import Field, RawField
    from torchtext.datasets import TranslationDataset

    for number, field in enumerate((Field(tokenize=str.split), RawField())):
        train, valid, test = (
            TranslationDataset(str(tiny_corpus / name), (".a", ".b"), (field, field))
            for name in ("train", "valid", "test")
        )
        out = tmp_path / str(number)
        prepared = nmt.prepare(train, valid, out, test=test, source_lang="a", target_lang="b", vocab_size=296)
        assert isinstance(prepared, PreparedCorpus)
        assert same_files(out, tiny_prepared)
