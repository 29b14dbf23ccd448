import math

import numpy as np
import pytest
from support.scripted import WORDS, ScriptedModel, batch

from nmt.errors import NmtError
from nmt.ids import EOS
from nmt.search.beam import beam_search
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import force_decode

pytestmark = pytest.mark.numerical

A, B = WORDS, WORDS + 1
OPTIONS = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": 6}


def test_probabilities_are_the_mean_of_those_of_the_members():
    members = [ScriptedModel.random(vocab=3, seed=seed) for seed in range(3)]
    source, tokens = (A, B, EOS), (B, A, EOS)
    (got,) = force_decode(Ensemble(members), *batch((A, B)), np.array([tokens]), np.array([3]))
    for t, word in enumerate(tokens):
        probabilities = [math.exp(member.log_probs(source, tokens[:t])[word]) for member in members]
        assert got.token_log_probs[t] == pytest.approx(math.log(sum(probabilities) / 3), abs=1e-6)


def test_an_ensemble_of_two_equal_models_translates_as_one():
    model = ScriptedModel.random(vocab=5, seed=4)
    alone = beam_search(model, *batch((A,), (A, B, B)), beam=4, n_best=4, **OPTIONS)
    together = beam_search(Ensemble([model, model]), *batch((A,), (A, B, B)), beam=4, n_best=4, **OPTIONS)
    assert [[h.tokens for h in found] for found in together] == [[h.tokens for h in found] for found in alone]
    assert together[1][0].attention_TS.tolist() == alone[1][0].attention_TS.tolist()


def test_attention_is_the_mean_over_the_members_that_have_attention():
    first, blind, last = (ScriptedModel.random(vocab=3, seed=seed) for seed in range(3))
    first.attend, blind.attend, last.attend = (lambda *_: 0), None, (lambda *_: 1)
    target = np.array([[A, EOS]]), np.array([2])
    (mixed,) = force_decode(Ensemble([first, blind, last]), *batch((A, B)), *target)
    assert mixed.attention_TS.tolist() == [[0.5, 0.5, 0.0]] * 2
    (none,) = force_decode(Ensemble([blind, blind]), *batch((A, B)), *target)
    assert none.attention_TS.shape == (2, 0)


def test_members_of_different_vocabularies_are_refused():
    with pytest.raises(NmtError, match=r"^models with different vocabularies cannot form an ensemble: 7 and 8 words$"):
        Ensemble([ScriptedModel.random(vocab=3, seed=0), ScriptedModel.random(vocab=4, seed=0)])
