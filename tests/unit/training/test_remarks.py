"""Settings that have no effect, and a warm-up that takes the whole training, are noted."""

import pytest

from nmt.settings import resolve_settings
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


def test_defaults_need_no_remark():
    assert list(remark_on_settings(resolve_settings(), 0)) == []


@pytest.mark.parametrize(("updates", "share"), [(24, "12%"), (200, "100%"), (201, None), (0, None)])
def test_a_warmup_as_long_as_the_training_is_remarked_on(updates, share):
    found = list(remark_on_settings(resolve_settings(overrides=["train.warmup=200"]), updates))
    text = (
        f"training ends after update {updates} and warm-up after 200: the learning rate only rises, to {share} of its "
        "peak. Lower train.warmup for more"
    )
    assert found == ([text] if share else [])
