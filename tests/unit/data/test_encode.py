from itertools import repeat

import numpy as np
import pytest

from nmt.data import encode
from nmt.data.encode import Cleaner, HashSet, hash_pair, link_pieces, split_into_chunks, write_split
from nmt.data.prepared import PreparedCorpus
from nmt.data.split import Split
from nmt.errors import Option
from nmt.text.corpus import Pair
from nmt.text.units import BOTH_WORDS


def pieces(*counts: int) -> np.ndarray:
    return np.array(counts)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (0, 3, "empty source"),
        (3, 0, "empty target"),
        (0, 0, "empty source"),  # the first reason counts
        (10, 11, "too long"),
        (11, 10, "too long"),
        (10, 4, "length ratio"),
        (4, 10, "length ratio"),
        (10, 5, None),  # exactly at both limits
    ],
)
def test_cleaning_counts_dropped_pairs_by_reason(source, target, reason):
    cleaner = Cleaner(max_length=10, max_ratio=2.0, keep_duplicates=True)
    kept = cleaner.keep([Pair("x", "y")], pieces(source), pieces(target))
    assert kept.tolist() == [reason is None]
    assert {name for name, count in cleaner.dropped.items() if count} == ({reason} - {None})


def test_a_limit_is_named_only_where_it_dropped_most_pairs():
    cleaner = Cleaner(max_length=10, max_ratio=2.0, keep_duplicates=True)
    cleaner.keep([Pair("x", "y")] * 3, pieces(0, 0, 9), pieces(5, 5, 1))
    assert cleaner.advise() == []
    cleaner.keep([Pair("x", "y")] * 2, pieces(9, 9), pieces(1, 1))
    assert cleaner.advise() == ["\n  Raise ", Option("max_ratio")]


def test_duplicates_are_dropped_across_chunks_unless_they_are_kept():
    pairs = [Pair("a", "bc"), Pair("a", "c"), Pair("a", "bc"), Pair("ab", "c")]
    ones = np.ones(4, int)
    for keep_duplicates, expected in ((True, [[1, 1, 1, 1]] * 2), (False, [[1, 1, 0, 1], [0, 0, 0, 0]])):
        cleaner = Cleaner(10, 2.0, keep_duplicates)
        assert [cleaner.keep(pairs, ones, ones).tolist() for _ in range(2)] == expected
        assert cleaner.dropped["duplicate"] == (0 if keep_duplicates else 5)


def test_pairs_that_differ_in_blanks_and_in_how_accents_are_encoded_are_duplicates():
    pairs = [
        Pair("caf\u00e9 1", "x y"),
        Pair(" cafe\u0301\u00a01 ", "x  y"),
        Pair("cafe 1", "x y"),
        Pair("caf\u00e9 1", "xy"),
    ]
    kept = Cleaner(10, 9.0, keep_duplicates=False).keep(pairs, np.ones(4, int), np.ones(4, int))
    assert kept.tolist() == [1, 0, 1, 1]


def test_a_dropped_pair_does_not_make_a_later_one_a_duplicate():
    cleaner = Cleaner(10, 2.0, keep_duplicates=False)
    assert not cleaner.keep([Pair("a", "b")], pieces(11), pieces(9))
    assert cleaner.keep([Pair("a", "b")], pieces(9), pieces(9))


@pytest.mark.parametrize("blank", ["\x85", " \u2028", "\u3000", "\u200b", "\ufeff"])
def test_a_blank_line_is_empty_whatever_pieces_it_has(blank):
    cleaner = Cleaner(max_length=10, max_ratio=9, keep_duplicates=True)
    kept = cleaner.keep([Pair("a", blank), Pair(blank, "b"), Pair("a", "b")], np.ones(3), np.ones(3))
    assert kept.tolist() == [False, False, True]
    assert cleaner.dropped == {"empty source": 1, "empty target": 1, "too long": 0, "length ratio": 0}


def test_the_hash_of_a_pair_depends_on_where_the_source_ends():
    assert hash_pair(Pair("a b", "c")) != hash_pair(Pair("a", "b c"))


@pytest.mark.parametrize("seed", range(5))
def test_a_hash_set_is_a_set(seed):
    random = np.random.default_rng(seed)
    hash_set, python_set = HashSet(), set()
    for _ in range(30):
        values = random.integers(0, 400, random.integers(0, 40)).astype(np.uint64)
        expected = []
        for value in values.tolist():
            expected.append(value not in python_set)
            python_set.add(value)
        assert hash_set.add(values).tolist() == expected
    assert sum(map(len, hash_set.runs)) == len(python_set)
    assert len(hash_set.runs) < 10  # arrays double in length, so that lookups stay fast


@pytest.mark.parametrize(
    ("pairs", "characters", "sizes"),
    [(0, 100, []), (1, 100, [1]), (4, 100, [4]), (9, 100, [4, 4, 1]), (4, 3, [2, 2])],
)
def test_chunks_are_bounded_in_pairs_and_characters(pairs, characters, sizes, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_PAIRS", 4)
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", characters)
    assert [len(chunk) for chunk in split_into_chunks([Pair("a", "b")] * pairs)] == sizes


def test_the_size_of_chunks_does_not_change_the_files(tiny_prepared, tmp_path, monkeypatch):
    opened = PreparedCorpus.open(tiny_prepared)
    subwords = (opened.source_subword, opened.target_subword)
    pairs = [Pair("ba de", "de ba"), Pair("", "go"), Pair("fi " * 9, "fi"), Pair("ku", "ku"), Pair("", "")]
    written = []
    for size in (1, 2, 100):
        monkeypatch.setattr(encode, "CHUNK_PAIRS", size)
        folder = tmp_path / str(size)
        folder.mkdir()
        write_split(folder, "train", pairs, subwords, Cleaner(150, 5.0, True))
        write_split(folder, "valid", pairs, subwords)
        written.append({file.name: file.read_bytes() for file in folder.iterdir()})
    assert written[0] == written[1] == written[2]
    assert (len(Split.open(folder, "train")), len(Split.open(folder, "valid"))) == (2, 5)


@pytest.mark.parametrize(
    ("links", "source_words", "target_words", "expected"),
    [
        ([(0, 1)], [0, 1], [0, 1], [(0, 1)]),
        ([(0, 0)], [0, 0, 1], [0, 1, 1], [(0, 0), (1, 0)]),
        ([(1, 0), (0, 1)], [0, 1, 1], [0, 1, 1], [(1, 0), (2, 0), (0, 1), (0, 2)]),
        ([(5, 0), (0, 5)], [0, 1], [0, 1], []),  # words without pieces
        ([], [0], [0], []),
    ],
)
def test_every_piece_of_a_word_has_the_links_of_the_word(links, source_words, target_words, expected):
    assert link_pieces(links, source_words, target_words) == expected


@pytest.mark.parametrize("size", [1, 2, 100])
def test_links_stay_with_their_pairs(tiny_prepared, tmp_path, monkeypatch, size):
    monkeypatch.setattr(encode, "CHUNK_PAIRS", size)
    opened = PreparedCorpus.open(tiny_prepared)
    subwords = opened.source_subword, opened.target_subword
    pairs = [Pair("ba de xyz", "fi"), Pair("", "ku"), Pair("la", "me ni"), Pair("po", "ru")]
    links = [[(2, 0), (0, 0)], [], [(0, 1)], []]
    counts = write_split(
        tmp_path, "train", pairs, subwords, Cleaner(150, 99.0, True), links=zip(links, repeat(BOTH_WORDS))
    )
    split = Split.open(tmp_path, "train", with_links=True)
    assert isinstance(split.links.sources, np.memmap)
    assert counts.links == len(split.links.sources) == split.links.offsets[-1]
    for row, (pair, wanted) in enumerate((pair, link) for pair, link in zip(pairs, links, strict=True) if pair.source):
        sides = [subword.segment(line).group_of_piece for subword, line in zip(subwords, pair, strict=True)]
        own = slice(*split.links.offsets[row : row + 2])
        found = zip(split.links.sources[own], split.links.targets[own], strict=True)
        assert {(sides[0][i], sides[1][j]) for i, j in found} == set(wanted)
        assert own.stop - own.start == sum(sides[0].count(i) * sides[1].count(j) for i, j in wanted)


@pytest.mark.parametrize(
    ("dropped", "total", "hint"),
    [
        ({"length ratio": 285}, 400, "max_ratio"),
        ({"too long": 150, "length ratio": 60}, 400, "max_length"),
        ({"length ratio": 200}, 400, ""),
        ({"duplicate": 300, "too long": 10}, 400, ""),
    ],
)
def test_a_hint_tells_what_to_change_where_most_pairs_are_dropped_for_their_length(dropped, total, hint):
    cleaner = Cleaner(max_length=100, max_ratio=3.0, keep_duplicates=True)
    cleaner.dropped.update(dropped)
    expected = ["\n  More than half is dropped for its length: raise ", Option(hint)] if hint else []
    assert cleaner.describe_losses(total) == expected
