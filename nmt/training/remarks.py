"""Remarks on settings that will not do what whoever gave them may expect, for a note before training."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from nmt.settings import ModelSettings, RunSettings


class Need(NamedTuple):
    """Settings that only another one gives an effect: `other` names it, as in a message."""

    names: tuple[str, ...]
    other: str
    is_met: Callable[[RunSettings], bool]


WITHOUT_ATTENTION_SIZE = {"none", "luong-dot", "luong-general"}


def uses_attention_size(model: ModelSettings) -> bool:
    """Whether a part of attention has this size; kinds that are registered elsewhere may have."""
    kinds = {model.attention, *model.mix}
    return not kinds <= WITHOUT_ATTENTION_SIZE or "predictive" in (model.window, model.mix_window)


NEEDS = (
    Need(("train.weight_decay",), 'train.optimizer = "adamw"', lambda run: run.train.optimizer == "adamw"),
    Need(("train.decay", "train.plateau"), 'train.schedule = "plateau"', lambda run: run.train.schedule == "plateau"),
    Need(("train.consistency_weight",), "train.consistency", lambda run: run.train.consistency != "none"),
    Need(("train.cut",), 'train.consistency = "simcut"', lambda run: run.train.consistency == "simcut"),
    Need(("train.guided_decay",), "train.guided_weight", lambda run: run.train.guided_weight > 0),
    Need(
        ("model.window_width",),
        "model.window or model.mix_window",
        lambda run: (run.model.window, run.model.mix_window) != ("none", "none"),
    ),
    Need(("model.coverage_size",), 'model.coverage = "neural"', lambda run: run.model.coverage == "neural"),
    Need(("model.input_feeding",), "attention, of which there is none", lambda run: run.model.attention != "none"),
    Need(
        ("model.attention_size",),
        'an attention that has it, such as "luong-concat", or model.window = "predictive"',
        lambda run: uses_attention_size(run.model),
    ),
    Need(("model.variational",), "model.dropout", lambda run: run.model.dropout > 0),
    Need(("model.readout_size",), 'model.tie = "none"', lambda run: run.model.tie == "none"),
)


def remark_on_settings(settings: RunSettings, updates_in_all: int) -> Iterator[str]:
    """What has no effect, and a warm-up as long as the training, which has `updates_in_all`, or no limit if that is 0.

    A setting at its default is not remarked on.
    """
    for need in NEEDS:
        for name in need.names if not need.is_met(settings) else ():
            section, _, key = name.partition(".")
            values = getattr(settings, section)
            if getattr(values, key) != type(values).model_fields[key].default:
                yield f"{name} has no effect without {need.other}"
    warmup = settings.train.warmup
    if 0 < updates_in_all <= warmup:
        yield (
            f"training ends after update {updates_in_all:,} and warm-up after {warmup:,}: the learning rate only "
            f"rises, to {updates_in_all / warmup:.0%} of its peak. Lower train.warmup for more"
        )
