"""Settings that have no effect, and a warm-up that takes the whole training, are noted."""

import pytest

from nmt.model.seq2seq import Seq2Seq
from nmt.settings import RunSettings, check, list_recipes, resolve_settings
from nmt.training.remarks import remark_on_settings


@pytest.mark.parametrize(
    ("name", "value", "other", "remark"),
    [
        ("train.weight_decay", 0.01, "train.optimizer=adamw", 'without train.optimizer = "adamw"'),
        ("train.decay", 0.7, "train.schedule=plateau", 'without train.schedule = "plateau"'),
        ("train.plateau", 3, "train.schedule=plateau", 'without train.schedule = "plateau"'),
        ("train.consistency_weight", 2, "train.consistency=r-drop", "without train.consistency"),
        ("train.cut", 0.1, "train.consistency=simcut", 'without train.consistency = "simcut"'),
        ("train.guided_decay", 0.9, "train.guided_weight=1", "without train.guided_weight"),
        ("model.window_width", 4, "model.window=monotonic", "without model.window or model.mix_window"),
        ("model.coverage_size", 4, "model.coverage=neural", 'without model.coverage = "neural"'),
        ("model.readout_size", 64, "model.tie=none", 'without model.tie = "none"'),
    ],
)
def test_a_setting_without_effect_is_named_with_what_it_needs(name, value, other, remark):
    alone = resolve_settings(overrides=[f"{name}={value}"])
    assert list(remark_on_settings(alone, 0)) == [f"{name} has no effect {remark}"]
    assert list(remark_on_settings(resolve_settings(overrides=[f"{name}={value}", other]), 0)) == []


ATTENTION_SIZE = 'an attention that has it, such as "luong-concat", or model.window = "predictive"'


@pytest.mark.parametrize(
    ("name", "value", "other", "needed"),
    [
        ("model.input_feeding", "false", "model.attention=none", "attention, of which there is none"),
        ("model.attention_size", 64, "model.attention=none", ATTENTION_SIZE),
        ("model.attention_size", 64, "model.attention=luong-dot", ATTENTION_SIZE),
        ("model.attention_size", 64, "model.attention=luong-general", ATTENTION_SIZE),
        ("model.variational", "true", "model.dropout=0", "model.dropout"),
    ],
)
def test_another_setting_may_take_the_effect_away(name, value, other, needed):
    settings = resolve_settings(overrides=[f"{name}={value}", other])
    assert list(remark_on_settings(settings, 0)) == [f"{name} has no effect without {needed}"]
    assert list(remark_on_settings(resolve_settings(overrides=[f"{name}={value}"]), 0)) == []


@pytest.mark.parametrize("other", ["mix=luong-location", "mix=scaled-dot", "mix=bahdanau", "window=predictive"])
def test_a_part_of_attention_may_have_the_size(other):
    words = ["model.attention_size=64", "model.attention=luong-general", f"model.{other}"]
    assert list(remark_on_settings(resolve_settings(overrides=words), 0)) == []


@pytest.mark.parametrize("attention", ["luong-concat", "luong-general", "luong-dot", "luong-location", "none"])
def test_only_what_has_an_effect_changes_the_network(attention):
    """The parameters of a network are the same with and without what is remarked on."""

    def outline(**changes):
        small = {"embedding_size": 8, "encoder_size": 4, "decoder_size": 8, "attention_size": 6, "readout_size": 10}
        settings = check(RunSettings, {"model": small | changes}, "settings")
        remarks = {text.split()[0] for text in remark_on_settings(settings, 0)}
        network = Seq2Seq(settings.model, 20, 20, initialise=False)
        return {name: parameter.shape for name, parameter in network.named_parameters()}, remarks

    plain, _ = outline(attention=attention)
    others = {"attention_size": 7, "readout_size": 12, "input_feeding": False, "coverage_size": 3, "window_width": 3}
    for name, value in others.items():
        changed, remarks = outline(attention=attention, **{name: value})
        assert (changed == plain) == (f"model.{name}" in remarks), name


@pytest.mark.parametrize("recipe", [None, *list_recipes()])
def test_defaults_and_recipes_need_no_remark(recipe):
    assert list(remark_on_settings(resolve_settings(recipe), 0)) == []


@pytest.mark.parametrize(("updates", "share"), [(24, "12%"), (200, "100%"), (201, None), (0, None)])
def test_a_warmup_as_long_as_the_training_is_remarked_on(updates, share):
    found = list(remark_on_settings(resolve_settings(overrides=["train.warmup=200"]), updates))
    text = (
        f"training ends after update {updates} and warm-up after 200: the learning rate only rises, to {share} of its "
        "peak. Lower train.warmup for more"
    )
    assert found == ([text] if share else [])
