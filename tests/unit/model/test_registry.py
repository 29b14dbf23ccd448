"""Kinds of attention by name: what registration accepts, what settings then accept, and how a kind is built."""

import pytest
import torch
from support.attentions import PLUGINS, BiasedAdditiveAttention, BilinearAttention, DistanceAttention, FadingAttention
from support.models import KINDS, VOCABULARY, small_settings
from torch import nn

from nmt.errors import NmtError, RegistrationError, SettingsError
from nmt.ids import PAD
from nmt.model.attention.base import Attention
from nmt.model.attention.composite import CompositeAttention
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, build_attention
from nmt.model.attention.scores import DotAttention, GeneralAttention
from nmt.model.cells import AttendThenUpdate, UpdateThenAttend, build_cell
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import RunSettings
from nmt.validation import check


@pytest.mark.parametrize(
    ("name", "kind", "wiring", "message"),
    [
        (
            "luong-dot",
            DistanceAttention,
            "after",
            'the attention "luong-dot" is registered already: it is nmt.model.attention.scores.DotAttention\n'
            "  Register another name",
        ),
        (
            "mine",
            nn.Linear,
            "after",
            r"\"mine\" cannot be registered: <class '.*Linear'> is not a subclass of Attention",
        ),
        ("mine", Attention, "after", r"\"mine\" cannot be registered: <class '.*'> is not a subclass of Attention"),
        ("mine", "DistanceAttention", "after", "'DistanceAttention' is not a subclass of Attention"),
        (
            "mine",
            DistanceAttention,
            "befor",
            r'"mine" cannot be registered: wiring = "befor" is not one of before, after; did you mean "before"\?',
        ),
    ],
)
def test_what_cannot_be_registered_is_refused(register, name, kind, wiring, message):
    with pytest.raises(RegistrationError, match=message) as caught:
        register(name, kind, wiring=wiring)
    assert isinstance(caught.value, NmtError)
    assert "mine" not in REGISTERED_ATTENTIONS
    assert REGISTERED_ATTENTIONS["luong-dot"].kind is DotAttention


def test_a_name_is_registered_once(register):
    register("mine", DistanceAttention, wiring="after")
    with pytest.raises(RegistrationError, match=r'"mine" is registered already: it is support.attentions.DistanceAtt'):
        register("mine", BilinearAttention, wiring="after")


def test_settings_accept_a_name_as_soon_as_it_is_registered(register):
    values = {"model": {"attention": "mine", "mix": ["other"]}}
    with pytest.raises(SettingsError) as caught:
        check(RunSettings, values, "a-run/settings.toml")
    names = "bahdanau, luong-dot, luong-general, luong-concat, luong-location, scaled-dot"
    hint = "register it first: import the module that calls register_attention"
    assert str(caught.value) == (
        "2 settings in a-run/settings.toml cannot be used\n"
        f'  model.attention = "mine"   not one of {names}, none; {hint}\n'
        f'  model.mix = "other"        not one of {names}; {hint}'
    )
    register("mine", BilinearAttention, wiring="after")
    with pytest.raises(SettingsError, match=r"model\.mix"):
        check(RunSettings, values, "a-run/settings.toml")
    register("other", BilinearAttention, wiring="after")
    assert check(RunSettings, values, "a-run/settings.toml").model.attention == "mine"


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        ({"attention": "biased", "attention_size": 7}, "biased needs attention_size to be even, not 7"),
        ({"mix": ["biased"], "attention_size": 7}, "biased needs attention_size to be even, not 7"),
        ({"attention": "distance", "decoder_size": 8}, "distance needs decoder_size to be twice encoder_size, not 8"),
    ],
)
def test_a_kind_checks_the_sizes_in_settings(plugins, model, problem):
    with pytest.raises(SettingsError, match=problem):
        check(RunSettings, {"model": model}, "a test")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"attention": "bilinear", "attention_size": 5, "heads": 4},
            "4 heads cannot share the 10 dimensions of bilinear evenly",
        ),
        ({"attention": "fading", "normalizer": "entmax"}, "fading does not only score source positions"),
        ({"attention": "fading", "window": "monotonic"}, "its class defines forward or build_memory"),
        ({"mix": ("fading",)}, "Leave out heads, window, normalizer, content_gate, coverage and mix"),
    ],
)
def test_parts_that_a_kind_cannot_be_combined_with_are_refused(plugins, changes, problem):
    with pytest.raises(SettingsError, match=problem):
        build_attention(small_settings(**changes))


@pytest.mark.parametrize(
    ("settings", "cell"),
    [
        ({"attention": "biased"}, AttendThenUpdate),
        ({"attention": "distance"}, UpdateThenAttend),
        ({"attention": "biased", "wiring": "after"}, UpdateThenAttend),
        ({"attention": "distance", "wiring": "before"}, AttendThenUpdate),
    ],
)
def test_a_kind_attends_where_it_was_registered_unless_settings_choose(plugins, settings, cell):
    built = build_cell(small_settings(attention_size=8, **{"attention": "luong-dot"} | settings))
    assert type(built) is cell
    assert type(built.attention) is PLUGINS[settings["attention"]]


def test_a_fused_form_belongs_to_the_class_that_names_it():
    class Renamed(GeneralAttention):
        pass

    class Restated(GeneralAttention):
        fused_form = "dot"

    forms = {kind: kind.fused_form for kind in (GeneralAttention, Renamed, Restated, DistanceAttention, Attention)}
    assert list(forms.values()) == ["dot", None, "dot", None, None]
    for kind, form in ((Renamed, None), (Restated, "dot")):
        composite = CompositeAttention(small_settings(heads=2, attention_size=8), [kind(8, 8, 8)])
        assert composite.fused_form == form


def test_a_kind_with_a_forward_of_its_own_has_a_history_unless_it_states_otherwise():
    class Stateless(FadingAttention):
        has_history = False

        def forward(self, state_BKD, memory, history_BKP=None):
            return super().forward(state_BKD, memory)

    assert (FadingAttention.has_history, Stateless.has_history, DistanceAttention.has_history) == (True, False, False)


def initialise_by_name(model: nn.Module) -> None:
    """The initial values of the built-in kinds, as one rule for the names of all parameters."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            continue
        if parameter.dim() == 1:
            nn.init.zeros_(parameter)
        elif "embedding.weight" in name and not name.startswith("cell"):
            nn.init.normal_(parameter, std=0.1)
            with torch.no_grad():
                parameter[PAD].zero_()
        elif "weight_hh" in name or "from_hidden" in name:
            for gate in parameter.chunk(3):
                nn.init.orthogonal_(gate)
        else:
            nn.init.xavier_uniform_(parameter)


MORE = {
    "self-attention": {"encoder_heads": 2},
    "norms": {"layer_norm": True, "encoder_layers": 2},
    "untied": {"tie": "none", "bridge": "zeros"},
    "one table": {"tie": "all", "encoder_layers": 0, "embedding_size": 8},
}


@pytest.mark.parametrize("settings", [*KINDS.values(), *MORE.values()], ids=str)
def test_built_in_kinds_have_the_initial_weights_of_one_rule(settings):
    """Runs of version 0.1 are repeated exactly: the order of draws and the seed decide every weight."""
    models = []
    for initialise in (Seq2Seq.initialise, initialise_by_name):
        torch.manual_seed(5)
        model = Seq2Seq(small_settings(**settings), VOCABULARY, VOCABULARY, initialise=False)
        initialise(model)
        models.append((model.state_dict(), torch.rand(1)))
    (got, next_draw), (want, expected_draw) = models
    assert got.keys() == want.keys()
    for name, expected in want.items():
        assert torch.equal(got[name], expected), name
    assert next_draw == expected_draw


@pytest.mark.parametrize("changes", [{}, {"heads": 2}, {"mix": ("luong-general",)}], ids=str)
def test_parameters_of_a_registered_kind_stay_as_its_constructor_made_them(plugins, changes):
    model = Seq2Seq(small_settings(attention="bilinear", **changes), VOCABULARY, VOCABULARY)
    score = model.cell.attention.base_score
    assert (score.query_matrix == 0.1).all()
    assert (score.key_matrix == 0.2).all()


def test_a_registered_kind_may_initialise_itself(plugins):
    model = Seq2Seq(small_settings(attention="biased", attention_size=8), VOCABULARY, VOCABULARY)
    score = model.cell.attention
    assert isinstance(score, BiasedAdditiveAttention)
    assert torch.equal(score.bias, torch.full((8,), 0.3))
    assert score.v.weight.abs().max() <= (6 / 9) ** 0.5  # Xavier's bound, from AdditiveAttention.initialise


def test_the_fixtures_leave_no_name_behind():
    assert REGISTERED_ATTENTIONS.keys().isdisjoint(PLUGINS)
