"""Models with a shortlist against models that have no other words."""

import math

import numpy as np
import pytest
from support.models import sentences, small_model
from support.scripted import WORDS, ScriptedModel, batch

from nmt.ids import EOS
from nmt.search.beam import beam_search
from nmt.search.ensemble import Ensemble
from nmt.search.shortlisted import restrict_to_shortlist

pytestmark = pytest.mark.numerical

A, B, C, D = WORDS, WORDS + 1, WORDS + 2, WORDS + 3
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": 3, "beam": 5, "n_best": 4}
LISTS = [(EOS, A, C), (EOS, B), (EOS, A, B, D)]
SOURCES = [(A, B, C), (B,), (D, A)]


def allowed_words(*lists, vocabulary=WORDS + 4):
    flags_BV = np.zeros((len(lists), vocabulary), bool)
    for row, ids in enumerate(lists):
        flags_BV[row, list(ids)] = True
    return flags_BV


def drop_other_words(model, ids):
    """A scripted model whose probabilities are normalised over `ids`."""

    def log_probs(source, prefix):
        numbers = model.log_probs(source, prefix)
        total = math.log(sum(math.exp(numbers[index]) for index in ids))
        return [number - total if index in ids else -math.inf for index, number in enumerate(numbers)]

    return ScriptedModel(model.vocabulary, log_probs, model.attend)


def facts(hypotheses):
    return [(h.tokens, h.attention_TS.tolist()) for h in hypotheses]


@pytest.mark.parametrize("seed", range(4))
def test_a_shortlist_is_the_same_as_a_smaller_vocabulary(seed):
    model = ScriptedModel.random(vocab=4, seed=seed)
    found = beam_search(restrict_to_shortlist(model, allowed_words(*LISTS)), *batch(*SOURCES), **HOW)
    for source, ids, hypotheses in zip(SOURCES, LISTS, found, strict=True):
        (want,) = beam_search(drop_other_words(model, ids), *batch(source), **HOW)
        assert facts(hypotheses) == facts(want)
        assert [h.log_prob for h in hypotheses] == pytest.approx([h.log_prob for h in want], abs=1e-5)
        assert all(set(h.tokens) <= set(ids) for h in hypotheses)


def test_a_shortlist_applies_to_every_member_of_an_ensemble():
    models = [ScriptedModel.random(vocab=4, seed=seed) for seed in (1, 2)]
    found = beam_search(restrict_to_shortlist(Ensemble(models), allowed_words(*LISTS)), *batch(*SOURCES), **HOW)
    for source, ids, hypotheses in zip(SOURCES, LISTS, found, strict=True):
        (want,) = beam_search(Ensemble([drop_other_words(model, ids) for model in models]), *batch(source), **HOW)
        assert [h.tokens for h in hypotheses] == [h.tokens for h in want]
        assert [h.log_prob for h in hypotheses] == pytest.approx([h.log_prob for h in want], abs=1e-5)


def test_a_network_with_a_shortlist_translates_the_same_alone_and_in_any_batch():
    model = small_model()
    source_BS, lengths_B, _ = sentences([(5, 1), (2, 1), (9, 1), (4, 1)]).to_arrays()
    flags_BV = np.random.default_rng(1).random((4, model.vocabulary)) < 0.4
    flags_BV[:, EOS] = True
    together = beam_search(restrict_to_shortlist(model, flags_BV), source_BS, lengths_B, **HOW)
    for row, length in enumerate(lengths_B.tolist()):
        source = source_BS[row : row + 1, :length], lengths_B[row : row + 1]
        (alone,) = beam_search(restrict_to_shortlist(model, flags_BV[row : row + 1]), *source, **HOW)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        assert [h.log_prob for h in alone] == pytest.approx([h.log_prob for h in together[row]], abs=1e-9)
