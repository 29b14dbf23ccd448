import math

import pytest
import torch
from support.scripted import WORDS, ScriptedModel, batch

from nmt.errors import NmtError
from nmt.ids import EOS
from nmt.search.beam import beam_search
from nmt.search.ensemble import Ensemble
from nmt.search.forced import force

pytestmark = pytest.mark.numerical

A, B = WORDS, WORDS + 1
OPTIONS = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": 6}


def test_members_vote_with_the_mean_of_their_probabilities():
    members = [ScriptedModel.random(vocab=3, seed=seed) for seed in range(3)]
    source, tokens = (A, B, EOS), (B, A, EOS)
    (got,) = force(Ensemble(members), *batch((A, B)), torch.tensor([tokens]), torch.tensor([3]))
    for t, word in enumerate(tokens):
        probabilities = [math.exp(member.log_probs(source, tokens[:t])[word]) for member in members]
        assert got.token_log_probs[t] == pytest.approx(math.log(sum(probabilities) / 3), abs=1e-6)


def test_a_model_translates_with_its_twin_as_it_does_alone():
    model = ScriptedModel.random(vocab=5, seed=4)
    alone = beam_search(model, *batch((A,), (A, B, B)), beam=4, n_best=4, **OPTIONS)
    twins = beam_search(Ensemble([model, model]), *batch((A,), (A, B, B)), beam=4, n_best=4, **OPTIONS)
    assert [[h.tokens for h in found] for found in twins] == [[h.tokens for h in found] for found in alone]
    assert twins[1][0].attention_TS.tolist() == alone[1][0].attention_TS.tolist()


def test_attention_is_the_mean_over_those_that_have_any():
    first, blind, last = (ScriptedModel.random(vocab=3, seed=seed) for seed in range(3))
    first.attend, blind.attend, last.attend = (lambda *_: 0), None, (lambda *_: 1)
    target = torch.tensor([[A, EOS]]), torch.tensor([2])
    (mixed,) = force(Ensemble([first, blind, last]), *batch((A, B)), *target)
    assert mixed.attention_TS.tolist() == [[0.5, 0.5, 0.0]] * 2
    (none,) = force(Ensemble([blind, blind]), *batch((A, B)), *target)
    assert none.attention_TS.shape == (2, 0)


def test_members_of_different_vocabularies_are_refused():
    with pytest.raises(NmtError, match=r"^models of different vocabularies cannot vote together: 7 and 8 words$"):
        Ensemble([ScriptedModel.random(vocab=3, seed=0), ScriptedModel.random(vocab=4, seed=0)])
