from collections import OrderedDict, UserDict, namedtuple
from types import MappingProxyType, SimpleNamespace

import pytest

import nmt
from nmt.data.prepared import PreparedCorpus
from nmt.errors import DataError
from nmt.text.corpus import Pair, read_pairs
from nmt.text.iterables import Languages, iterate_pairs, store_pairs

FI_PT = Languages("fi", "pt")
Row = namedtuple("Row", ["pt", "fi"])


@pytest.mark.parametrize(
    ("item", "pair"),
    [
        (("a b", "c"), ("a b", "c")),
        (["a b\n", "c\r\n"], ("a b", "c")),  # newer torchtext data sets keep line ends
        ((["a", "b"], ("c",)), ("a b", "c")),
        (SimpleNamespace(src="a b", trg=["c", "d"]), ("a b", "c d")),
        (("", []), ("", "")),
        ({"pt": "cão", "fi": "koira"}, ("koira", "cão")),  # by language, whatever the order
        ({"fi": ["iso", "koira"], "pt": "cão\n", "sv": "hund"}, ("iso koira", "cão")),
        ({"translation": {"pt": "cão", "fi": "koira"}}, ("koira", "cão")),  # a row of a Hugging Face data set
        ({"id": 7, "translation": UserDict({"pt": "cão", "fi": "koira"})}, ("koira", "cão")),
        ({"pt": "cão", "fi": "koira", "translation": "yes"}, ("koira", "cão")),
        (OrderedDict(pt="cão", fi="koira"), ("koira", "cão")),
        (MappingProxyType({"pt": "cão", "fi": "koira"}), ("koira", "cão")),
        (Row(fi="koira", pt="cão"), ("koira", "cão")),  # a named tuple has languages, too
        (namedtuple("Row", ["a", "b"])("koira", "cão"), ("koira", "cão")),
    ],
)
def test_items_that_are_pairs(item, pair):
    assert list(iterate_pairs([item], "train", FI_PT)) == [Pair(*pair)]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ("ab", " is not a (source, target) pair: 'ab'"),  # two characters are no pair
        (("a", "b", "c"), " is not a (source, target) pair: \"('a', 'b', 'c')\""),
        (7, " is not a (source, target) pair: '7'"),
        (("a", 7), ": a side must be a string or a list of tokens, not int"),
        ((["a", 7], "b"), ": a side must be a string or a list of tokens, not list"),
        (("a\nb", "c"), " contains a line end: 'a\\nb'\n  A side must be one line: split or join it"),
        ({"koira", "cão"}, " is a set, whose order means nothing, so it is unknown which is the source: "),
        (
            frozenset(["koira", "cão"]),
            " is a frozenset, whose order means nothing, so it is unknown which is the source: ",
        ),
        ({"a": 1, "b": 2}.values(), " is not a (source, target) pair: 'dict_values([1, 2])'"),
        (
            {"fi": "koira"},
            " has no pt: its keys are 'fi'\n  Keys must be the languages, as source_lang and target_lang",
        ),
        ({"fin": "koira", "por": "cão"}, " has no fi and no pt: its keys are 'fin', 'por'; did you mean \"fin\"?\n"),
        ({"translation": {"de": "Hund"}}, " has no fi and no pt: its keys are 'de'\n"),
        ({"translation": "koira"}, " has no fi and no pt: its keys are 'translation'\n"),
        ({}, " has no fi and no pt: its keys are none\n"),
        ({n: n for n in range(9)}, " has no fi and no pt: its keys are 0, 1, 2, 3, 4, 5, 6, 7, …\n"),
        ({"fi": "koira", "pt": None}, ": a side must be a string or a list of tokens, not NoneType"),
        (("a", "\ud800"), " cannot be written as UTF-8: surrogates not allowed at character 0"),
    ],
)
def test_the_message_for_other_items_has_their_number(item, problem):
    with pytest.raises(DataError) as caught:
        list(iterate_pairs([("a", "b"), item], "train", FI_PT))
    assert f"train, item 2{problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ({("koira", "cão"), ("kissa", "gato")}, "train is a set, whose order changes from run to run\n  Pass a list"),
        ({"fi": ["koira"], "pt": ["cão"]}, "train is a dict with the keys 'fi', 'pt', not an iterable of pairs\n"),
        ({"train": [("koira", "cão")]}, "train is a dict with the keys 'train', not an iterable of pairs\n"),
    ],
)
def test_a_whole_corpus_without_an_order_of_pairs_is_refused(items, problem):
    with pytest.raises(DataError) as caught:
        list(iterate_pairs(items, "train", FI_PT))
    assert problem in str(caught.value)


def test_a_dictionary_is_read_by_its_entries():
    assert list(iterate_pairs({"koira": "cão", "kissa": "gato"}.items(), "train", FI_PT)) == [
        Pair("koira", "cão"),
        Pair("kissa", "gato"),
    ]


def test_languages_cannot_tell_sides_apart_that_have_the_same_language():
    with pytest.raises(DataError, match=r"item 1 is a dict, but source and target are both fi\n  Pass \(source"):
        list(iterate_pairs([{"fi": "koira"}], "train", Languages("fi", "fi")))


def test_prepare_reads_mappings_by_its_languages(tmp_path):
    words = [(f"koira {n}", f"cão {n * n}") for n in range(40)]
    rows = [{"translation": {"pt": target, "fi": source}} for source, target in words]
    prepared = nmt.prepare(rows, rows, tmp_path / "out", source_lang="fi", target_lang="pt", vocab_size=278)
    assert prepared.read_raw_lines("valid", "source") == [source for source, _ in words]
    assert prepared.read_raw_lines("valid", "target") == [target for _, target in words]


def test_stored_pairs_can_be_read_several_times(tmp_path):
    pairs = [Pair("a\u2028b", ""), Pair("", "c")]
    corpus = store_pairs(iter(pairs), tmp_path, "train", FI_PT)
    assert list(corpus.read()) == list(corpus.read()) == pairs


def test_a_corpus_without_pairs_raises_an_error(tmp_path):
    with pytest.raises(DataError, match="train is empty: it has no pairs"):
        store_pairs([], tmp_path, "train", FI_PT)


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
