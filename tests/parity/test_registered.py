"""Registered kinds of attention: fused loops against readable ones, and the laws of the network, as for our own."""

import pytest
import torch
from support.attentions import PLUGINS, SCORING
from support.models import COMPOSITES, sentences, small_model
from support.steps import assert_same_step

from nmt.ids import BOS
from nmt.inference.build import build_engine
from nmt.kernels.unroll_fused import unroll_fused
from nmt.model.unroll import unroll
from nmt.search.beam import beam_search
from nmt.search.ensemble import Ensemble
from nmt.search.shortlisted import restrict_to_shortlist

pytestmark = [pytest.mark.numerical, pytest.mark.usefixtures("plugins")]
SIZES = {"attention_size": 8}
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2, "beam": 3, "n_best": 3}


@pytest.mark.parametrize("name", PLUGINS)
@pytest.mark.parametrize("wiring", ["before", "after"])
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_a_step_in_the_fused_loops_is_the_reference_step(name, wiring, feeding):
    assert_same_step(attention=name, wiring=wiring, input_feeding=feeding, **SIZES)


@pytest.mark.parametrize("name", SCORING)
@pytest.mark.parametrize("parts", COMPOSITES)
@pytest.mark.parametrize("feeding", [True, False], ids=["feeding", "no feeding"])
def test_a_step_with_parts_is_the_reference_step(name, parts, feeding):
    assert_same_step(**COMPOSITES[parts] | SIZES | {"attention": name, "input_feeding": feeding})


@pytest.mark.parametrize("name", SCORING)
def test_a_registered_kind_may_be_mixed_with_another(name):
    assert_same_step(mix=(name,), mix_window="monotonic", window_width=1, **SIZES)


@pytest.mark.parametrize(("name", "is_fused"), [("distance", False), ("bilinear", True), ("biased", True)])
@pytest.mark.parametrize("parts", [{}, {"heads": 2}, {"content_gate": "plain"}], ids=str)
def test_only_a_kind_that_names_a_form_runs_in_the_fused_loop(monkeypatch, name, is_fused, parts):
    calls = []
    monkeypatch.setattr("nmt.kernels.unroll_fused.unroll", lambda *inputs: calls.append(1) or unroll(*inputs))
    model = small_model(attention=name, **SIZES, **parts)
    model(*sentences([(4, 3), (2, 5)]), decode=unroll_fused)
    assert calls == [] if is_fused else calls == [1]


def test_a_subclass_with_its_own_score_is_not_replaced_by_the_score_of_its_parent():
    batch = sentences([(4, 3), (2, 5)])
    own, parent = small_model(attention="distance"), small_model(attention="luong-dot")
    parent.load_state_dict(own.state_dict())
    got, want, other = own(*batch, decode=unroll_fused), own(*batch), parent(*batch, decode=unroll_fused)
    torch.testing.assert_close(got.attention_BTS, want.attention_BTS)
    assert (got.attention_BTS - other.attention_BTS).abs().max() > 0.1


CASES = [
    *({"attention": name} for name in PLUGINS),
    *({**parts, "attention": name} for name in SCORING for parts in COMPOSITES.values()),
]


@pytest.mark.parametrize("changes", CASES, ids=str)
@torch.no_grad()
def test_steps_of_network_and_engine_give_what_teacher_forcing_gives(changes):
    model = small_model(**changes | SIZES)
    source_BS, lengths_B, target_BT = sentences([(4, 3), (2, 3)])
    readout_BTR, attention_BTS = model(source_BS, lengths_B, target_BT)
    expected_BTV = model.score_words(readout_BTR).log_softmax(-1)
    for stepping, atol in ((model, 1e-12), (build_engine(model), 1e-5)):
        state, previous_N = stepping.start(source_BS, lengths_B), torch.full((2,), BOS)
        for t in range(3):
            out = stepping.step(previous_N, state)
            torch.testing.assert_close(out.log_probs_NV, expected_BTV[:, t], rtol=0, atol=atol, check_dtype=False)
            torch.testing.assert_close(out.attention_NS, attention_BTS[:, t], rtol=0, atol=atol, check_dtype=False)
            assert (0 if out.parts_NHS is None else out.parts_NHS.shape[1]) == len(model.part_names)
            previous_N, state = target_BT[:, t], out.state


@pytest.mark.parametrize("name", PLUGINS)
@torch.no_grad()
def test_an_engine_with_a_registered_kind_searches_as_the_network(name):
    model = small_model(attention=name, **SIZES)
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)])
    slow, fast = (beam_search(each, source_BS, lengths_B, **HOW) for each in (model, build_engine(model)))
    assert [[h.tokens for h in found] for found in fast] == [[h.tokens for h in found] for found in slow]


@pytest.mark.parametrize("name", PLUGINS)
@torch.no_grad()
def test_a_registered_kind_works_in_ensembles_and_with_shortlists(name):
    """A row finds the same alone as in a batch from which sentences leave."""
    members = [build_engine(small_model(attention=name, **SIZES)), build_engine(small_model(seed=1))]
    allowed_BV = torch.rand(3, members[0].vocabulary, generator=torch.Generator().manual_seed(0)) < 0.7
    allowed_BV[:, :4] = torch.tensor([False, False, False, True])
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)])
    together = beam_search(restrict_to_shortlist(Ensemble(members), allowed_BV), source_BS, lengths_B, **HOW)
    for row, length in enumerate(lengths_B.tolist()):
        one = slice(row, row + 1)
        model = restrict_to_shortlist(Ensemble(members), allowed_BV[one])
        (alone,) = beam_search(model, source_BS[one, :length], lengths_B[one], **HOW)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        for hypothesis, twin in zip(alone, together[row], strict=True):
            assert hypothesis.log_prob == pytest.approx(twin.log_prob, abs=1e-5)
            torch.testing.assert_close(hypothesis.attention_TS, twin.attention_TS[:, :length])
