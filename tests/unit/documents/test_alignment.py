import numpy as np
import pytest

from nmt.documents.alignment import Alignment, align_by_links
from nmt.documents.anchors import add_anchors
from nmt.errors import DataError
from nmt.text.units import locate_words


def test_the_weight_of_a_unit_is_divided_among_its_atoms():
    # source "ab c" has the unit "ab c" of two atoms; target "xyz" has the units "x" and "yz" of one atom
    alignment = Alignment([(0, 4)], [(0, 1), (1, 3)], np.array([[1.0], [0.5]]))
    spread_YX = alignment.spread([(0, 2), (3, 4)], [(0, 3)])
    # of the target's characters 1/3 have weight 1 and 2/3 have 1/2; of the source's 4, 2 and 1 are in atoms
    np.testing.assert_allclose(spread_YX, [[2 / 3 * 2 / 3, 2 / 3 * 1 / 3]])


def test_an_alignment_without_units_has_no_weight():
    nothing = Alignment([], [], np.zeros((0, 0)))
    np.testing.assert_array_equal(nothing.spread([(0, 1)], [(0, 1), (2, 3)]), np.zeros((2, 1)))


def test_a_link_of_a_missing_word_is_refused():
    with pytest.raises(DataError, match="the link 2-0 is of a word that does not exist: the source has 2 words, and"):
        align_by_links("a b", "c", [(0, 0), (2, 0)])


def test_words_are_located_in_order():
    assert locate_words("a b a", ["a", "b", "a"]) == [(0, 1), (2, 3), (4, 5)]
    assert locate_words("New York ok", ["New\u00a0York", "ok"]) == [(0, 8), (9, 11)]
    assert locate_words("a b", ["x", "b"]) == [(0, 0), (2, 3)]


def test_equal_words_are_anchors():
    # attention is uniform; "Rom" and "7" are in both texts, "an" may be equal by chance
    weights_YX = np.full((3, 3), 1 / 3)
    anchored_YX = add_anchors(weights_YX, ["7", "Rom", "an"], ["Rom", "7", "an"])
    assert anchored_YX.argmax(axis=1).tolist() == [1, 0, 2]
    assert anchored_YX[0, 1] > 0.9 > 0.6 > anchored_YX[2, 2]
    np.testing.assert_allclose(anchored_YX.sum(axis=1), 1)


def test_of_equal_words_the_one_with_equal_neighbours_is_the_anchor():
    source = ["Save", "a", "Save", "file"]
    anchored_YX = add_anchors(np.zeros((2, 4)), source, ["Save", "file"])
    assert anchored_YX[0].argmax() == 2


def test_words_that_begin_equally_are_weaker_anchors():
    anchored_YX = add_anchors(np.array([[0.5, 0.5]]), ["catalogue", "profile"], ["Profil"])
    assert anchored_YX[0, 1] == pytest.approx(0.5 + 0.5 * 0.6 * 6 / 7)
