"""Registered kinds of attention: fused loops against readable ones, and the laws of the network, as for our own."""

import pytest
import torch
from support.attentions import PLUGINS, SCORING
from support.models import COMPOSITES, sentences, small_model
from support.steps import assert_same_step, assert_steps_give_what_teacher_forcing_gives

from nmt.kernels.unroll_fused import unroll_fused
from nmt.model.unroll import unroll

pytestmark = [pytest.mark.numerical, pytest.mark.usefixtures("plugins")]
SIZES = {"attention_size": 8}


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
def test_steps_of_the_network_give_what_teacher_forcing_gives(changes):
    assert_steps_give_what_teacher_forcing_gives(small_model(**changes | SIZES), atol=1e-12)
