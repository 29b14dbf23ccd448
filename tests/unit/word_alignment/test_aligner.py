"""Links of texts: a planted lexicon and order is found, and texts of every shape get through."""

import random
import tracemalloc

import numpy as np
import pytest

from nmt import align_texts, errors
from nmt.progress import Progress
from nmt.text.units import WORDS, Units
from nmt.word_alignment import aligner
from nmt.word_alignment.aligner import choose_links, link_pairs, sample_posteriors

SOURCE = ["pes", "strom", "dum", "reka", "hora", "kniha", "okno", "mesto", "vlak", "ryba"]
TARGET = ["koira", "puu", "talo", "joki", "vuori", "kirja", "ikkuna", "kaupunki", "juna", "kala"]


def plant(pairs, seed=3, reorder=lambda places, generator: places[::-1]):
    """Pairs of a planted lexicon, whose target words stand in another order. -> sources, targets, links"""
    generator = random.Random(seed)
    sources, targets, links = [], [], []
    for _ in range(pairs):
        words = [generator.randrange(len(SOURCE)) for _ in range(generator.randint(1, 7))]
        places = reorder(list(range(len(words))), generator)
        sources.append(" ".join(SOURCE[word] for word in words))
        targets.append(" ".join(TARGET[words[place]] for place in places))
        links.append(sorted((place, j) for j, place in enumerate(places)))
    return sources, targets, links


def test_a_planted_lexicon_and_order_are_found():
    sources, targets, links = plant(150)
    found = [pair.links for pair in align_texts(sources, targets)]
    wrong = sum(len(set(one) ^ set(other)) for one, other in zip(found, links, strict=True))
    assert wrong < 0.03 * 2 * sum(map(len, links))


def test_the_same_pairs_get_the_same_links():
    sources, targets, _ = plant(10)
    one, other = (align_texts(sources, targets) for _ in range(2))
    assert [pair.links for pair in one] == [pair.links for pair in other]
    assert all((a.weights_TS == b.weights_TS).all() for a, b in zip(one, other, strict=True))


def test_scripts_without_blanks_link_characters():
    pytest.importorskip("icu4py")
    sources = ["世界", "東京世界", "東京", "世界", "東京世界"] * 6
    targets = ["мир", "Токио мир", "Токио", "мир", "Токио мир"] * 6
    found = align_texts(sources, targets)
    assert found[0].source_words == ["世", "界"]
    assert found[0].links == [(0, 0), (1, 0)]
    assert found[1].links == [(0, 0), (1, 0), (2, 1), (3, 1)]
    assert align_texts(sources, targets, units="words")[0].source_words == ["世界"]


def test_a_mark_belongs_to_its_word_and_case_is_ignored():
    sources = ["Pes!", "strom pes.", "STROM", "strom, pes"] * 8
    targets = ["koira!", "puu Koira.", "puu", "puu, koira"] * 8
    found = align_texts(sources, targets)
    assert [pair.links for pair in found[:4]] == [[(0, 0)], [(0, 0), (1, 1)], [(0, 0)], [(0, 0), (1, 1)]]
    assert [found[0].source[begin:end] for begin, end in found[0].source_tokens] == ["Pes", "!"]


@pytest.mark.parametrize("pair", [("", ""), ("", "puu"), ("pes", ""), (" \t ", "puu")])
def test_an_empty_side_has_no_links(pair):
    empty, full = align_texts([pair[0], "pes"], [pair[1], "koira"])
    assert (empty.links, empty.weights_TS.size) == ([], 0)
    assert full.links == [(0, 0)]


def test_no_pairs_are_no_pairs():
    assert align_texts([], []) == []
    assert sample_posteriors([]) == []


class Notes(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_a_pair_that_is_too_long_has_no_links_and_a_note(monkeypatch):
    monkeypatch.setattr(aligner, "LONGEST", 50)
    notes = Notes()
    long = " ".join(SOURCE), " ".join(TARGET)
    found = list(link_pairs([("pes", "koira"), long], progress=notes))
    assert [pair.links for pair in found] == [[(0, 0)], []]
    assert len(found[1].source_words) == 10
    assert notes.notes == ["pair 2 is too long to be linked: 10 and 10 words"]


def test_a_pair_that_is_too_long_takes_no_table_of_its_words():
    line = "a b " * 2000
    tracemalloc.start()
    [pair] = link_pairs([(line, line)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (pair.links, pair.weights_TS.size) == ([], 0)
    assert peak < 4000 * 4000  # bytes


def test_a_large_text_is_aligned_in_parts_which_are_read_one_by_one(monkeypatch):
    monkeypatch.setattr(aligner, "CHAINS", 1)
    sources, targets, _ = plant(8)
    whole = [(pair.source, pair.target) for pair in align_texts(sources, targets)]
    monkeypatch.setattr(aligner, "PART_CELLS", 40)
    read = []

    def read_pairs():
        for pair in zip(sources, targets, strict=True):
            read.append(pair)
            yield pair

    parts = link_pairs(read_pairs())
    first = next(parts)
    assert len(read) < 8
    assert [(pair.source, pair.target) for pair in [first, *parts]] == whole


@pytest.mark.parametrize(
    ("posterior", "units", "tokens", "others", "other_tokens", "links"),
    [
        ([[0.9, 0.1], [0.2, 0.7]], *[[(0, 1), (2, 3)]] * 4, [(0, 0), (1, 1)]),
        ([[0.3, 0.1]], [(0, 2)], [(0, 2)], [(0, 1), (2, 3)], [(0, 1), (2, 3)], []),  # rather none
        # a word of two tokens, the first of which has more characters
        ([[0.9, 0], [0, 0.9]], [(0, 5)], [(0, 4), (4, 5)], [(0, 1), (2, 3)], [(0, 1), (2, 3)], [(0, 0)]),
        # two characters of one token
        ([[0.8, 0.1]], [(0, 1), (1, 2)], [(0, 2)], [(0, 1), (2, 3)], [(0, 1), (2, 3)], [(0, 0), (1, 0)]),
        ([[0.8]], [(0, 1)], [(0, 1)], [(0, 1), (1, 2)], [(0, 2)], [(0, 0), (0, 1)]),
    ],
)
def test_units_have_the_likeliest_links_of_their_tokens(posterior, units, tokens, others, other_tokens, links):
    assert choose_links(np.array(posterior), units, tokens, others, other_tokens) == links


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["a"], ["b", "c"]), errors.DataError, "1 sources cannot be aligned with 2 targets"),
        (("a", ["b"]), errors.DataError, "source is one string, and must be several"),
    ],
)
def test_texts_that_cannot_be_aligned_raise(arguments, error, message):
    with pytest.raises(error, match=message):
        align_texts(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": "pieces"}, "units='pieces' needs a run, whose pieces they are\n  Name it with model"),
        ({"units": "letters"}, 'there are no units "letters"'),
        ({"symmetrise": "sum"}, 'there is no symmetrisation "sum"'),
    ],
)
def test_options_that_cannot_be_used_raise(options, message):
    with pytest.raises(errors.UsageError) as caught:
        align_texts(["a"], ["b"], **options)
    assert str(caught.value).startswith(message)


def test_units_may_be_chosen():
    [pair] = link_pairs([("ab", "ab")], (Units("characters"), WORDS))
    assert (pair.source_words, pair.target_words) == (["a", "b"], ["ab"])
