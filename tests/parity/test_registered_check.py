"""What is found about a registered kind of attention before a run is trained with it."""

import pytest
import torch
from support.attentions import PLUGINS, SCORING
from support.models import COMPOSITES, small_settings
from torch import nn

from nmt.errors import RegistrationError
from nmt.kernels.registered import check_registered_attention
from nmt.model.attention.base import Attention
from nmt.model.attention.scores import AdditiveAttention, DotAttention, GeneralAttention, ScaledDotAttention

REMEDY = (
    "  The fused loop calls neither project_query nor score: it reads query_weight_AD, project_keys and, for\n"
    '  "additive", v_HE. Define them so that they give the same score, or leave out fused_form'
)


class Projected(GeneralAttention):
    """A query of its own, which the fused loop does not read."""

    fused_form = "dot"

    def __init__(self, decoder_size, memory_size, attention_size):
        super().__init__(decoder_size, memory_size, attention_size)
        self.query_weight = nn.Linear(decoder_size, decoder_size)

    def project_query(self, state_BTD):
        return self.query_weight(state_BTD)


class Halved(AdditiveAttention):
    """A score that is not the one of its form."""

    fused_form = "additive"

    def score(self, query_BT1HE, keys_BXSHE):
        return super().score(query_BT1HE, keys_BXSHE) / 2


class Late(AdditiveAttention):
    """A form with a parameter that begins at zero, and that the fused loop ignores."""

    fused_form = "additive"

    def __init__(self, decoder_size, memory_size, attention_size):
        super().__init__(decoder_size, memory_size, attention_size)
        self.bias = nn.Parameter(torch.zeros(()))

    def project_query(self, state_BTD):
        return super().project_query(state_BTD) + self.bias


class Incomplete(Attention):
    """An additive form without its vector v."""

    fused_form = "additive"

    def __init__(self, decoder_size, memory_size, attention_size):
        super().__init__(memory_size, decoder_size)
        self.key_weight = nn.Linear(memory_size, decoder_size)

    def project_keys(self, values_BSM):
        return self.key_weight(values_BSM)

    def score(self, query_BT1HE, keys_BXSHE):
        return torch.tanh(query_BT1HE + keys_BXSHE).sum(-1)


class Unread(ScaledDotAttention):
    """A query that the fused loop does not find, of another size than the state."""

    fused_form = "dot"
    query_weight_AD = None


class Single(GeneralAttention):
    """A kind that computes in float32 alone, and is what its form says."""

    fused_form = "dot"

    def project_keys(self, values_BSM):
        if values_BSM.dtype != torch.float32:
            raise RuntimeError("expected float32")
        return super().project_keys(values_BSM)


class WrongKeys(GeneralAttention):
    def __init__(self, decoder_size, memory_size, attention_size):
        super().__init__(decoder_size, decoder_size, attention_size)


class Flat(DotAttention):
    def score(self, query_BT1HE, keys_BXSHE):
        return super().score(query_BT1HE, keys_BXSHE)[..., 0]


class Needy(DotAttention):
    def __init__(self, decoder_size, memory_size, attention_size, width):
        super().__init__(decoder_size, memory_size, attention_size)


class Unsummed(DotAttention):
    def score(self, query_BT1HE, keys_BXSHE):
        return (query_BT1HE * keys_BXSHE)[..., None, :]


class Random(DotAttention):
    fused_form = None

    def score(self, query_BT1HE, keys_BXSHE):
        return super().score(query_BT1HE, keys_BXSHE) * torch.rand(())


class Short(DotAttention):
    def forward(self, state_BKD, memory, history_BKP=None):
        output = super().forward(state_BKD, memory, history_BKP)
        return output._replace(context_BKM=output.context_BKM[..., 1:])


CASES = [{"attention": name} for name in (*PLUGINS, "single")]
CASES += [{**parts, "attention": name} for name in SCORING for parts in COMPOSITES.values()]
CASES += [{"attention": "bahdanau", "mix": ("bilinear",)}, {"attention": "biased", "input_feeding": False}]


@pytest.mark.parametrize("changes", CASES, ids=str)
def test_kinds_that_keep_their_promise_pass(plugins, register, changes):
    register("single", Single, wiring="after")
    before = torch.get_rng_state()
    check_registered_attention(small_settings(**{"attention_size": 8} | changes), "auto")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (kind, parts)
        for kind in (Projected, Halved, Late, Incomplete)
        for parts in ({}, {"heads": 2}, {"wiring": "before"})
    ]
    + [(Halved, {"input_feeding": False}), (Halved, {"window": "monotonic", "attention_size": 6})],
    ids=str,
)
@pytest.mark.parametrize("loop", ["auto", "fused"])
def test_a_form_that_is_not_the_score_of_the_class_is_an_error(register, kind, changes, loop):
    register("mine", kind, wiring="after")
    settings = small_settings(attention="mine", **{"attention_size": 8} | changes)
    with pytest.raises(RegistrationError) as caught:
        check_registered_attention(settings, loop)
    first, _, rest = str(caught.value).partition("\n")
    assert first.startswith(
        f'{__name__}.{kind.__name__} has the fused_form "{kind.fused_form}", and the fused loop computes another score '
        "than the class: they differ by "
    )
    assert rest == REMEDY
    check_registered_attention(settings, "reference")  # which does not use the form


def test_a_query_of_its_own_is_used_where_nothing_recurs_through_attention(register):
    """Without input feeding the fused loop calls project_query, so nothing differs."""
    register("mine", Late, wiring="after")
    check_registered_attention(small_settings(attention="mine", input_feeding=False), "fused")


def test_a_form_that_lacks_what_the_fused_loop_reads_is_an_error(register):
    register("mine", Unread, wiring="after")
    with pytest.raises(RegistrationError) as caught:
        check_registered_attention(small_settings(attention="mine"), "auto")
    assert str(caught.value).startswith(
        f'{__name__}.Unread has the fused_form "dot", and the fused loop fails\n  RuntimeError: '
    )
    assert str(caught.value).endswith(f"\n{REMEDY}")


@pytest.mark.parametrize(
    ("kind", "decoder_size", "message"),
    [
        (
            WrongKeys,
            6,
            "WrongKeys.project_keys fails on tensors of shape (2, 5, 8)\n  RuntimeError: mat1 and mat2 shapes",
        ),
        (
            Flat,
            8,
            "Flat.score returns, for tensors of shape (2, 3, 1, 1, 8) and (2, 1, 5, 1, 8), one of shape (2, 3, 5), "
            "which has to begin with 2, 3, 5, 1\n"
            "  The batch has 2 sentences, 3 target positions and 5 source positions",
        ),
        (
            Needy,
            8,
            "Needy cannot be made with decoder_size 8, memory_size 8, attention_size 7\n"
            "  TypeError: Needy.__init__() missing 1 required positional argument: 'width'",
        ),
        (
            Unsummed,
            8,
            "Unsummed.score returns one of shape (2, 3, 5, 1, 1, 8), which has to be 2, 3, 5, 1\n"
            "  A score is one number: sum over the last axis of queries and keys, as by .sum(-1)",
        ),
        (Random, 8, "Random.score computes another score each time\n  It may depend on nothing but its arguments"),
        (Short, 8, "Short.forward returns a context of shape (2, 3, 7), which has to begin with 2, 3, 8\n"),
    ],
)
@pytest.mark.parametrize("role", ["attention", "mix"])
def test_a_shape_that_does_not_fit_is_named_with_its_class(register, kind, decoder_size, message, role):
    register("mine", kind, wiring="after")
    named = {"attention": {"attention": "mine"}, "mix": {"mix": ("mine",)}}[role]
    with pytest.raises(RegistrationError) as caught:
        check_registered_attention(small_settings(decoder_size=decoder_size, **named), "reference")
    assert str(caught.value).startswith(f"{__name__}.{message}")


def test_an_error_within_composed_attention_names_the_class(register):
    class Jumpy(GeneralAttention):
        def score(self, query_BT1HE, keys_BXSHE):
            if self.heads > 1:
                raise ValueError("one head, please")
            return super().score(query_BT1HE, keys_BXSHE)

    register("mine", Jumpy, wiring="after")
    with pytest.raises(RegistrationError) as caught:
        check_registered_attention(small_settings(attention="mine", heads=2), "auto")
    assert str(caught.value).endswith(".Jumpy cannot be computed with these settings\n  ValueError: one head, please")


def test_kinds_of_the_package_are_not_computed(monkeypatch):
    monkeypatch.setattr("nmt.kernels.registered.check_shapes", lambda *inputs: pytest.fail("computed"))
    check_registered_attention(small_settings(attention="luong-dot", mix=("bahdanau",)), "auto")
