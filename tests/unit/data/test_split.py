"""Epochs that read each pair in both directions."""

import numpy as np
import pytest

from nmt.data.batches import make_batch
from nmt.data.split import LinkArrays, Split

SOURCES = [[4, 5, 6], [9, 4], [7], [9, 9]]
TARGETS = [[14], [15, 16], [17, 18, 19], [14, 14]]
LINKS = [[(0, 0), (2, 0)], [], [(0, 2)], [(1, 0)]]


@pytest.fixture
def split():
    sides = []
    for sentences in (SOURCES, TARGETS):
        sides += [np.concatenate(sentences).astype(np.uint16), np.cumsum([0, *map(len, sentences)])]
    sources, targets = np.array([link for links in LINKS for link in links]).T
    return Split(*sides, LinkArrays(sources, targets, np.cumsum([0, *map(len, LINKS)])))


def list_pairs(split):
    return [(split.read_source(row).tolist(), split.read_target(row).tolist()) for row in range(len(split))]


PAIRS = list(zip(SOURCES, TARGETS, strict=True))


@pytest.mark.parametrize(
    ("tag", "turned"),
    [([9], [0, 2]), ([9, 4], [0, 2, 3]), ([8], [0, 1, 2, 3]), ([7, 7, 7, 7], [0, 1, 2, 3]), ([], [0, 1, 2, 3])],
)
def test_pairs_without_the_tag_follow_turned_around(split, tag, turned):
    both = split.with_both_directions(2, tag)
    assert both.of_epoch(0) is both.of_epoch(1)
    assert list_pairs(both.of_epoch(1)) == PAIRS + [PAIRS[row][::-1] for row in turned]
    memory = vars(both).keys()
    assert "_both" in memory
    assert both.of_epoch(2) is both
    assert "_both" not in memory  # nothing reads it any more
    assert list_pairs(both) == PAIRS
    assert both.find_pairs(np.array([5, 0, 4, 3])).tolist() == sorted({turned[1], 0, turned[0], 3})


def test_links_are_turned_around_too(split):
    both = split.with_both_directions(1, [9])
    forward = make_batch(both, np.array([0, 2])).guide_BTS
    backward = make_batch(both.of_epoch(0), np.array([4, 5])).guide_BTS
    assert forward.shape == (2, 4, 4)
    assert ((forward > 0).transpose(1, 2) == (backward > 0)).all()


def test_a_corpus_of_which_nothing_can_be_turned_around_stays_as_it_is(split):
    rows = np.array([1, 3])
    whole = make_batch(split, rows)
    tagged = Split(np.array([9, 4, 9, 9]), np.array([0, 2, 4]), np.array([15, 16, 14, 14]), np.array([0, 2, 4]))
    both = tagged.with_both_directions(1, [9]).of_epoch(0)
    assert list_pairs(both) == [PAIRS[1], PAIRS[3]]
    assert (make_batch(both, np.arange(2)).source_BS == whole.source_BS).all()
