import numpy as np
import pytest

from nmt.errors import DataError
from nmt.report.alignment import (
    NEIGHBOURS,
    SYMMETRISATIONS,
    Gold,
    alignment_error_rate,
    format_pharaoh,
    links,
    merge_attention,
    parse_gold,
    symmetrise,
    turn,
)


@pytest.mark.parametrize(
    ("attention", "source_words", "target_words", "merged"),
    [
        # one piece a word; the last row and column are EOS and vanish, what is left of a row is made to sum to one
        ([[0.8, 0.2, 0.0], [0.2, 0.3, 0.5], [0, 0, 1]], [0, 1], [0, 1], [[0.8, 0.2], [0.4, 0.6]]),
        # two source pieces make a word: their weights add up
        ([[0.5, 0.3, 0.2, 0.0], [0, 0, 0, 1]], [0, 0, 1], [0], [[0.8, 0.2]]),
        # two target pieces make a word: their rows are averaged
        ([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0, 0, 1]], [0, 1], [0, 0], [[0.75, 0.25]]),
        # a hypothesis that was cut before EOS has no row for it
        ([[0.25, 0.75, 0.0]], [0, 1], [0], [[0.25, 0.75]]),
        # all attention on EOS: nothing to share out
        ([[0.0, 0.0, 1.0], [0, 0, 1]], [0, 1], [0], [[0.0, 0.0]]),
        # a model without attention has no columns
        (np.zeros((3, 0)), [0, 1], [0, 1], [[0.0, 0.0], [0.0, 0.0]]),
        # pieces of no word count for none
        ([[1.0, 0.0], [0.0, 1.0]], [-1], [-1], np.zeros((0, 0))),
    ],
)
def test_pieces_merge_into_words(attention, source_words, target_words, merged):
    np.testing.assert_allclose(merge_attention(attention, source_words, target_words), merged, rtol=1e-12)


def test_words_without_pieces_have_zeros():
    merged = merge_attention([[0.5, 0.5, 0.0], [0, 0, 1]], [0, 2], [1], source_words=4, target_words=3)
    np.testing.assert_allclose(merged, [[0, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_words_sum_to_one(seed):
    random = np.random.default_rng(seed)
    attention = random.dirichlet(np.ones(8), size=6)
    merged = merge_attention(attention, [0, 0, 1, 2, 2, 2, 3], [0, 1, 1, 1, 2])
    assert merged.shape == (3, 4)
    np.testing.assert_allclose(merged.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[0.1, 0.9], [0.7, 0.3]], [(0, 1), (1, 0)]),
        ([[0.5, 0.5]], [(0, 0)]),  # the first of equals
        ([[0.0, 0.0], [0.0, 1.0]], [(1, 1)]),  # no attention, no link
        (np.zeros((0, 3)), []),
        (np.zeros((3, 0)), []),
    ],
)
def test_a_target_word_links_to_where_it_looked_most(weights, expected):
    assert links(weights) == expected


def test_turning_swaps_the_two_sides():
    assert turn([(0, 2), (1, 1)]) == [(1, 1), (2, 0)]


# Source words run to the right, target words down: o both directions, f forward only, b backward only.
@pytest.mark.parametrize(
    ("drawing", "grown", "final"),
    [
        (["o..", ".f.", "..b"], ["o..", ".x.", "..x"], ["o..", ".x.", "..x"]),  # a diagonal grows from its corner
        (["of.", "...", "..."], ["ox.", "...", "..."], ["ox.", "...", "..."]),  # beside: reaches a new source word
        (["o..", "...", "..f"], ["o..", "...", "..."], ["o..", "...", "..x"]),  # too far to grow; final takes it
        (["o.f", "...", "..."], ["o..", "...", "..."], ["o..", "...", "..."]),  # far, and its target word is taken
        (["of.", "fo.", "..."], ["o..", ".o.", "..."], ["o..", ".o.", "..."]),  # near, but both words are taken
        (["...", ".f.", "..."], ["...", "...", "..."], ["...", ".x.", "..."]),  # nothing to grow from
        (["f..", "b..", "..."], ["...", "...", "..."], ["x..", "...", "..."]),  # final: forward comes first
    ],
)
def test_growing_by_hand(drawing, grown, final):
    def marks(rows, wanted):
        return {(i, j) for j, row in enumerate(rows) for i, mark in enumerate(row) if mark in wanted}

    forward, backward = marks(drawing, "of"), marks(drawing, "ob")
    assert set(symmetrise(forward, backward, "grow-diag")) == marks(grown, "ox")
    assert set(symmetrise(forward, backward, "grow-diag-final-and")) == marks(final, "ox")


def random_directions(seed):
    random = np.random.default_rng(seed)
    forward = {(int(random.integers(7)), target) for target in range(6)}
    backward = {(source, int(random.integers(6))) for source in range(7)}
    return forward, backward


def grow_over_the_whole_grid(forward, backward):
    """The published pseudo-code, word for word, with a scan where `symmetrise` remembers which words have a link."""
    grown = forward & backward
    while True:
        before = len(grown)
        for target in range(6):
            for source in range(7):
                if (source, target) in grown:
                    for right, down in NEIGHBOURS:
                        new = (source + right, target + down)
                        is_source_free = all(other != new[0] for other, _ in grown)
                        is_target_free = all(other != new[1] for _, other in grown)
                        if (is_source_free or is_target_free) and new in forward | backward:
                            grown = grown | {new}
        if len(grown) == before:
            return grown


@pytest.mark.parametrize("seed", range(30))
def test_symmetrisation_laws(seed):
    forward, backward = random_directions(seed)
    results = {how: symmetrise(forward, backward, how) for how in SYMMETRISATIONS}
    assert all(found == sorted(set(found)) for found in results.values())
    sets = {how: set(found) for how, found in results.items()}
    assert sets["intersection"] == forward & backward
    assert sets["union"] == forward | backward
    assert sets["intersection"] <= sets["grow-diag"] <= sets["grow-diag-final-and"] <= sets["union"]
    assert sets["grow-diag"] == grow_over_the_whole_grid(forward, backward)
    for how in ("intersection", "union", "grow-diag"):
        assert symmetrise(backward, forward, how) == results[how]
    for how in SYMMETRISATIONS:
        assert symmetrise(forward, forward, how) == sorted(forward)


@pytest.mark.parametrize(
    ("line", "sure", "possible"),
    [
        ("", [], []),
        ("0-0 1-2", [(0, 0), (1, 2)], [(0, 0), (1, 2)]),
        ("0-0 1p2", [(0, 0)], [(0, 0), (1, 2)]),
        ("3p4 3-4", [(3, 4)], [(3, 4)]),  # sure wins
    ],
)
def test_gold_links_are_sure_or_possible(line, sure, possible):
    assert parse_gold(line) == Gold(frozenset(sure), frozenset(possible))


@pytest.mark.parametrize("word", ["1:2", "1-", "-1-2", "1-2-3", "a-b", "1P2"])
def test_what_is_not_a_link_is_named(word):
    with pytest.raises(DataError, match=f'^gold, line 3: "{word}" is not a link\n  Write 1-2 for a sure link'):
        parse_gold(f"0-0 {word}", "gold, line 3")


def test_pharaoh_lines_are_read_back():
    assert format_pharaoh([(1, 2), (0, 0)]) == "0-0 1-2"
    assert format_pharaoh([]) == ""
    assert parse_gold(format_pharaoh([(1, 2), (10, 3)])).sure == {(1, 2), (10, 3)}


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (["0-0 1-1"], ["0-0 1-1"], (0, 1, 1, 1)),
        (["0-0 1-1"], ["0-0 1p1"], (0, 1, 1, 1)),  # a possible link is no error,
        (["0-0"], ["0-0 1p1"], (0, 1, 1, 1)),  # nor is leaving it out
        (["0-0 1-1"], ["0-0 2-2"], (1 - (1 + 1) / (2 + 2), 1 / 2, 1 / 2, 1 / 2)),
        (["0-0 1-1 2-2"], ["0-0 1p1"], (1 - (1 + 2) / (3 + 1), 2 / 3, 1, 4 / 5)),
        (["0-0", ""], ["0-0", "0-0 1-1"], (1 - (1 + 1) / (1 + 3), 1, 1 / 3, 1 / 2)),  # counted over the corpus
        (["0-1"], ["1-0"], (1, 0, 0, 0)),
        ([""], [""], (0, 1, 1, 1)),  # nothing to find, nothing claimed
        ([""], ["0-0"], (1, 1, 0, 0)),
    ],
)
def test_alignment_error_rate_by_hand(predicted, gold, expected):
    score = alignment_error_rate([parse_gold(line).sure for line in predicted], [parse_gold(line) for line in gold])
    assert score == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_without_possible_links_aer_is_one_minus_f1(seed):
    found, drawn = random_directions(seed)
    score = alignment_error_rate([found], [Gold(frozenset(drawn), frozenset(drawn))])
    assert score.aer == pytest.approx(1 - score.f1)
