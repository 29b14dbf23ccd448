"""Registered kinds of attention in the engine, which computes what the network computes.

ONNX Runtime chooses its kernels by the CPU alone, so these tests are not run again with the variables that limit
torch's.
"""

from itertools import cycle

import numpy as np
import pytest
import torch
from support.attentions import PLUGINS, SCORING
from support.models import COMPOSITES, sentences, small_model
from support.steps import assert_steps_give_what_teacher_forcing_gives

from nmt.inference.build import build_engine
from nmt.search.beam import beam_search
from nmt.search.ensemble import Ensemble
from nmt.search.shortlisted import restrict_to_shortlist

pytestmark = pytest.mark.usefixtures("plugins")
SIZES = {"attention_size": 8}
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2, "beam": 3, "n_best": 3}
# Each kind alone, and each composite with one of the kinds: building an engine takes half a second
CASES = [
    *({"attention": name} for name in PLUGINS),
    *({**parts, "attention": name} for parts, name in zip(COMPOSITES.values(), cycle(SCORING))),
]


@pytest.mark.parametrize("changes", CASES, ids=str)
@torch.no_grad()
def test_steps_of_the_engine_give_what_teacher_forcing_gives(changes):
    model = small_model(**changes | SIZES)
    assert_steps_give_what_teacher_forcing_gives(model, build_engine(model), atol=1e-5)


@pytest.mark.parametrize("name", PLUGINS)
@torch.no_grad()
def test_an_engine_with_a_registered_kind_searches_as_the_network(name):
    model = small_model(attention=name, **SIZES)
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    slow, fast = (beam_search(each, source_BS, lengths_B, **HOW) for each in (model, build_engine(model)))
    assert [[h.tokens for h in found] for found in fast] == [[h.tokens for h in found] for found in slow]


@pytest.mark.parametrize("name", PLUGINS)
@torch.no_grad()
def test_a_registered_kind_works_in_ensembles_and_with_shortlists(name):
    """A row finds the same alone as in a batch from which sentences leave."""
    members = [build_engine(small_model(attention=name, **SIZES)), build_engine(small_model(seed=1))]
    allowed_BV = np.random.default_rng(0).random((3, members[0].vocabulary)) < 0.7
    allowed_BV[:, :4] = [False, False, False, True]
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    together = beam_search(restrict_to_shortlist(Ensemble(members), allowed_BV), source_BS, lengths_B, **HOW)
    for row, length in enumerate(lengths_B.tolist()):
        one = slice(row, row + 1)
        model = restrict_to_shortlist(Ensemble(members), allowed_BV[one])
        (alone,) = beam_search(model, source_BS[one, :length], lengths_B[one], **HOW)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        for hypothesis, twin in zip(alone, together[row], strict=True):
            assert hypothesis.log_prob == pytest.approx(twin.log_prob, abs=1e-5)
            np.testing.assert_allclose(hypothesis.attention_TS, twin.attention_TS[:, :length], rtol=1e-5, atol=1e-6)
