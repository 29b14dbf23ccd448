import math

import numpy as np
import pytest

from nmt.analysis.alignment import (
    NEIGHBOURS,
    SYMMETRISATIONS,
    alignment_error_rate,
    compute_link_shares,
    diagnose_attention,
    extract_links,
    format_pharaoh,
    merge_attention,
    parse_naacl,
    reverse_links,
    symmetrise,
)
from nmt.errors import DataError
from nmt.text.links import GoldLinks, parse_gold


@pytest.mark.parametrize(
    ("attention", "source_words", "target_words", "merged"),
    [
        # words of one piece; the last row and column, those of EOS, are left out, and rows are normalised
        ([[0.8, 0.2, 0.0], [0.2, 0.3, 0.5], [0, 0, 1]], [0, 1], [0, 1], [[0.8, 0.2], [0.4, 0.6]]),
        # two source pieces make a word: their weights are summed
        ([[0.5, 0.3, 0.2, 0.0], [0, 0, 0, 1]], [0, 0, 1], [0], [[0.8, 0.2]]),
        # two target pieces make a word: their rows are averaged
        ([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0, 0, 1]], [0, 1], [0, 0], [[0.75, 0.25]]),
        # a hypothesis without EOS has no row for it
        ([[0.25, 0.75, 0.0]], [0, 1], [0], [[0.25, 0.75]]),
        # all attention is on EOS
        ([[0.0, 0.0, 1.0], [0, 0, 1]], [0, 1], [0], [[0.0, 0.0]]),
        # a model without attention has no columns
        (np.zeros((3, 0)), [0, 1], [0, 1], [[0.0, 0.0], [0.0, 0.0]]),
        # pieces without a word are left out
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
    ("attention", "merged"),
    [
        ([[1, 0, 0], [0, 1, 0], [0.5, 0.5, 0]], [[0, 1], [0.5, 0.5]]),  # the row of the step whose input a piece is
        ([[1, 0, 0], [0, 1, 0]], [[0, 1], [0, 0]]),  # without EOS the last piece is never an input
    ],
)
def test_with_offset_1_a_piece_has_the_row_of_the_next_step(attention, merged):
    np.testing.assert_array_equal(merge_attention(attention, [0, 1], [0, 1], offset=1), merged)


@pytest.mark.parametrize("seed", range(3))
def test_an_offset_shifts_the_rows_of_attention(seed):
    attention = np.random.default_rng(seed).dirichlet(np.ones(5), size=7)
    words = [0, 0, 1, 2], [0, 1, 1, 2, 3, 3]
    np.testing.assert_array_equal(merge_attention(attention, *words, offset=1), merge_attention(attention[1:], *words))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([[0.1, 0.9], [0.7, 0.3]], [(0, 1), (1, 0)]),
        ([[0.5, 0.5]], [(0, 0)]),  # of equal weights, the first
        ([[0.0, 0.0], [0.0, 1.0]], [(1, 1)]),  # no attention, no link
        (np.zeros((0, 3)), []),
        (np.zeros((3, 0)), []),
    ],
)
def test_a_target_word_is_linked_to_the_source_word_with_most_attention(weights, expected):
    assert extract_links(weights) == expected


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(0.3, [(0, 0), (1, 0), (2, 1)]), (0.5, [(0, 0), (2, 1)]), (0.05, [(0, 0), (0, 1), (1, 0), (2, 1)]), (0.95, [])],
)
def test_a_threshold_links_all_words_that_reach_it(threshold, expected):
    assert extract_links([[0.6, 0.4, 0.0], [0.1, 0.0, 0.9]], threshold) == expected


@pytest.mark.parametrize(
    ("attention", "entropy", "deviation", "unattended", "unsupported"),
    [
        ([[1, 0, 0], [0, 1, 0]], 0, 0, [], []),  # one to one; the last column is EOS
        ([[0.5, 0.5, 0], [0.5, 0.5, 0]], 1, 0, [], []),  # equal attention to two words: one bit
        ([[1, 0, 0], [1, 0, 0]], 0, math.log(2), [1], []),  # one word is translated twice, one is left out
        ([[0, 0, 1]], 0, math.log(2), [0, 1], [0]),  # attends to EOS
        ([[0.5, 0, 0.5]], 1, (math.log(1.25) + math.log(2)) / 2, [1], []),
        ([[0.125] * 8], 3, math.log(1 + 0.875**2), list(range(7)), [0]),  # attends to all words equally
        (np.zeros((0, 3)), 0, math.log(2), [0, 1], []),  # no target words
        (np.zeros((2, 1)), 0, 0, [], [0, 1]),  # no source words
    ],
)
def test_diagnostics_by_hand(attention, entropy, deviation, unattended, unsupported):
    found = diagnose_attention(attention)
    assert (found.entropy, found.coverage_deviation) == pytest.approx((entropy, deviation))
    assert (found.unattended, found.unsupported) == (unattended, unsupported)


def test_reversing_links_swaps_source_and_target():
    assert reverse_links([(0, 2), (1, 1)]) == [(1, 1), (2, 0)]


# Source words run to the right, target words down: o both directions, f forward only, b backward only.
@pytest.mark.parametrize(
    ("drawing", "grown", "final"),
    [
        (["o..", ".f.", "..b"], ["o..", ".x.", "..x"], ["o..", ".x.", "..x"]),  # diagonal neighbours are added
        (
            ["of.", "...", "..."],
            ["ox.", "...", "..."],
            ["ox.", "...", "..."],
        ),  # adjacent, with a new source word
        (["o..", "...", "..f"], ["o..", "...", "..."], ["o..", "...", "..x"]),  # not adjacent; added by final
        (
            ["o.f", "...", "..."],
            ["o..", "...", "..."],
            ["o..", "...", "..."],
        ),  # not adjacent; its target has a link
        (["of.", "fo.", "..."], ["o..", ".o.", "..."], ["o..", ".o.", "..."]),  # adjacent, but both words have links
        (["...", ".f.", "..."], ["...", "...", "..."], ["...", ".x.", "..."]),  # the intersection is empty
        (["f..", "b..", "..."], ["...", "...", "..."], ["x..", "...", "..."]),  # final adds forward links first
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


def grow_by_scanning(forward, backward):
    """The published pseudo-code, which searches for linked words where `symmetrise` stores them."""
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
    assert sets["grow-diag"] == grow_by_scanning(forward, backward)
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
        ("3p4 3-4", [(3, 4)], [(3, 4)]),  # sure and possible is sure
        ("1s2 3?4", [(1, 2)], [(1, 2), (3, 4)]),  # other notations
    ],
)
def test_gold_links_are_sure_or_possible(line, sure, possible):
    assert parse_gold(line) == GoldLinks(frozenset(sure), frozenset(possible))


@pytest.mark.parametrize("word", ["1:2", "1-", "-1-2", "1-2-3", "a-b", "1P2"])
def test_the_message_for_text_that_is_not_a_link_quotes_it(word):
    with pytest.raises(DataError, match=f'^gold, line 3: "{word}" is not a link\n  Write 1-2 for a sure link'):
        parse_gold(f"0-0 {word}", "gold, line 3")


def test_a_number_that_no_word_has_is_not_a_link():
    for number in ("9" * 10, "1" * 5000):
        with pytest.raises(DataError, match=f'^gold, line 3: "0-{number[:58]}" is not a link'):
            parse_gold(f"0-{number}", "gold, line 3")


def test_a_weight_after_a_link_is_ignored():
    assert parse_gold("0-0:0.912 1p2:1.000") == parse_gold("0-0 1p2")


def test_words_may_be_counted_from_one():
    assert parse_gold("1-1 2p3", base=1) == parse_gold("0-0 1p2")
    with pytest.raises(DataError, match=r"the first word is 1$"):
        parse_gold("1:1", base=1)


NAACL_LINES = ["0001 1 1 S", "1 2 3 P", "", "3 1 2", "3 2 0 P", "3 0 1", "3 2 2 P 0.75"]


def test_naacl_links_are_read_one_from_each_line():
    drawn = [parse_gold(line, base=1) for line in ("1-1 2p3", "", "1-2 2p2")]
    assert parse_naacl(NAACL_LINES, 3) == drawn  # word 0 is the empty word
    assert parse_naacl([line.lower() for line in NAACL_LINES], 3) == drawn
    from_zero = parse_naacl(NAACL_LINES, 3, base=0)
    assert from_zero[2] == parse_gold("1-2 2p0 0-1 2p2")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 2", 'gold, line 8: "1 2" is not a link\n  A line has the numbers of sentence, source word and target'),
        ("1 2 3 X", 'gold, line 8: "1 2 3 X" is not a link'),
        ("1 " + "9" * 5000 + " 3", 'gold, line 8: "1 ' + "9" * 58 + '" is not a link'),
        ("4 1 1", "gold, line 8: sentence 4 does not exist: the source has 3 lines\n  Every line of the source is a"),
        ("0 1 1", "gold, line 8: sentence 0 does not exist: the source has 3 lines\n"),
        (
            "1 0 0",
            "gold, line 8: word 0 is the empty word if words are counted from 1, and cannot be linked to itself\n",
        ),
    ],
)
def test_the_message_for_a_wrong_naacl_line_quotes_it(line, message):
    with pytest.raises(DataError) as caught:
        parse_naacl([*NAACL_LINES, line], 3, "gold")
    assert str(caught.value).startswith(message)


def test_links_can_be_written_with_their_shares():
    weights = np.array([[0.25, 0.75], [1.0, 0.0]])
    found = [(1, 0), (0, 1)]
    assert format_pharaoh(found, compute_link_shares(weights, found)) == "0-1:1.000 1-0:0.750"


def test_pharaoh_lines_are_read_back():
    assert format_pharaoh([(1, 2), (0, 0)]) == "0-0 1-2"
    assert format_pharaoh([]) == ""
    assert parse_gold(format_pharaoh([(1, 2), (10, 3)])).sure == {(1, 2), (10, 3)}


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (["0-0 1-1"], ["0-0 1-1"], (0, 1, 1, 1)),
        (["0-0 1-1"], ["0-0 1p1"], (0, 1, 1, 1)),  # a possible link is not an error,
        (["0-0"], ["0-0 1p1"], (0, 1, 1, 1)),  # and may be left out
        (["0-0 1-1"], ["0-0 2-2"], (1 - (1 + 1) / (2 + 2), 1 / 2, 1 / 2, 1 / 2)),
        (["0-0 1-1 2-2"], ["0-0 1p1"], (1 - (1 + 2) / (3 + 1), 2 / 3, 1, 4 / 5)),
        (["0-0", ""], ["0-0", "0-0 1-1"], (1 - (1 + 1) / (1 + 3), 1, 1 / 3, 1 / 2)),  # counted over the corpus
        (["0-1"], ["1-0"], (1, 0, 0, 0)),
        ([""], [""], (0, 1, 1, 1)),  # no links
        ([""], ["0-0"], (1, 1, 0, 0)),
    ],
)
def test_alignment_error_rate_by_hand(predicted, gold, expected):
    score = alignment_error_rate([parse_gold(line).sure for line in predicted], [parse_gold(line) for line in gold])
    assert score == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(5))
def test_without_possible_links_aer_is_one_minus_f1(seed):
    found, drawn = random_directions(seed)
    score = alignment_error_rate([found], [GoldLinks(frozenset(drawn), frozenset(drawn))])
    assert score.aer == pytest.approx(1 - score.f1)


@pytest.mark.parametrize("seed", range(20))
def test_the_error_rate_equals_that_of_nltk(seed):
    from nltk.translate import metrics

    random = np.random.default_rng(seed)
    predicted, golds, all_of = [], [], [set(), set(), set()]
    for sentence in range(5):
        found, drawn = (random_directions(int(random.integers(1000)))[0] for _ in range(2))
        gold = GoldLinks(
            frozenset(link for link in drawn if random.random() < 0.7), frozenset(drawn | set(list(found)[:2]))
        )
        predicted.append(found)
        golds.append(gold)
        for whole, part in zip(all_of, (gold.sure, found, gold.possible), strict=True):
            whole |= {(sentence, *link) for link in part}  # nltk scores one sentence, so five are joined
    assert alignment_error_rate(predicted, golds).aer == pytest.approx(metrics.alignment_error_rate(*all_of), abs=1e-12)
