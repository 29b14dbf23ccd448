import math

import numpy as np
import pytest
import torch
from support.models import small_settings

from nmt.data.prepared import PreparedCorpus
from nmt.ids import EOS
from nmt.model.seq2seq import Seq2Seq
from nmt.search.forced_decoding import force_decode
from nmt.text.corpus import Pair
from nmt.text.segmented import SegmentedLine
from nmt.text.words import split_words
from nmt.translation.forced_pairs import ForcedPair, force_pairs

pytestmark = pytest.mark.numerical

PAIRS = [
    Pair("ba de fi", "fi de ba"),
    Pair("go", "ku la"),
    Pair("", "me"),
    Pair("ni po ru sa te vi wo zu", "zu"),
    Pair("ba ba", ""),
    Pair(" ", ""),
    Pair("xylophon\u2028q", "ba   xylophon"),
]


@pytest.fixture(scope="module")
def subword(tiny_prepared):
    return PreparedCorpus.open(tiny_prepared).source_subword


def make_model(subword, attention="bahdanau"):
    torch.manual_seed(3)
    return Seq2Seq(small_settings(attention=attention), subword.size, subword.size).double().eval()


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_a_pair_has_the_same_scores_alone_and_in_any_batch(subword, batch_size):
    model = make_model(subword)
    given = list(force_pairs(model, subword, subword, PAIRS, batch_size=batch_size))
    assert [(one.source.text, one.target.text) for one in given] == PAIRS
    for pair, one in zip(PAIRS, given, strict=True):
        source, target = ([*subword.encode(side), EOS] for side in pair)
        [alone] = force_decode(
            model,
            np.array([source]),
            np.array([len(source)]),
            np.array([target]),
            np.array([len(target)]),
        )
        assert one.token_log_probs == pytest.approx(alone.token_log_probs, abs=1e-9)
        assert one.log_prob == pytest.approx(sum(alone.token_log_probs), abs=1e-9)
        assert one.attention_TS.shape == (len(target), len(source))


def test_attention_between_words_has_a_row_for_each_word(subword):
    for pair, one in zip(PAIRS, force_pairs(make_model(subword), subword, subword, PAIRS), strict=True):
        words = len(split_words(pair.target)), len(split_words(pair.source))
        assert one.word_attention.shape == words
        assert one.word_attention.sum(axis=1) == pytest.approx([1.0 if words[1] else 0.0] * words[0])
        assert [target for _, target in sorted(one.alignment, key=lambda link: link[1])] == (
            list(range(words[0])) if words[1] else []
        )


def test_a_model_without_attention_has_no_links(subword):
    given = list(force_pairs(make_model(subword, "none"), subword, subword, PAIRS))
    assert all(one.alignment == [] for one in given)
    assert all(math.isfinite(one.log_prob) for one in given)


def test_both_sides_are_read_up_to_the_largest_number_of_pieces(subword, monkeypatch):
    monkeypatch.setattr("nmt.translation.batching.MAX_PIECES", 3)
    [one] = force_pairs(make_model(subword), subword, subword, [Pair("ba de fi go", "ku la me ni")])
    assert one.attention_TS.shape == (4, 4)  # three pieces and EOS
    assert one.word_attention.shape == (4, 4)
    assert not one.is_whole
    for pair, is_whole in ((Pair("ba de fi", ""), True), (Pair("ba", "ku la me ni"), False)):
        assert [found.is_whole for found in force_pairs(make_model(subword), subword, subword, [pair])] == [is_whole]


def test_the_gate_of_a_word_is_the_mean_over_its_pieces():
    """Not more for words of more pieces, as attention is."""
    source = SegmentedLine("ab c", [5, 6, 7], ["ab", "c", "!"], [0, 0, 1], [0, 1, 2])
    target = SegmentedLine("x y", [5, 6], ["x", "y"], [0, 1], [0, 1])
    gate_TS = np.array([[0.2, 0.4, 0.9, 0.5]] * 3, np.float32)
    one = ForcedPair(source, target, -1.0, (-0.5, -0.3, -0.2), gate_TS)
    np.testing.assert_allclose(one.compute_mean_attention(), [[0.3, 0.9, 0.0]] * 2, atol=1e-6)
    np.testing.assert_allclose(one.compute_total_weight(), [2.0, 2.0], atol=1e-6)
