"""training_profile.py: every moment of an update is attributed to one part of the network."""

from itertools import count

import pytest
import torch
from support.models import small_settings
from support.tools import load_tool

from nmt.settings import TrainSettings
from nmt.training.update import Updater

tool = load_tool("benchmarks/training_profile")


def test_every_moment_belongs_to_one_part(monkeypatch):
    """The clock moves by one whenever it is read, so that each stretch between two changes of part takes one."""
    ticks = count()
    monkeypatch.setattr(tool.time, "perf_counter", lambda: float(next(ticks)))
    profile = tool.Profile(lambda: None)
    weight = torch.ones(2, requires_grad=True)
    inner = profile.timed(lambda values: values.exp(), "attention")
    outer = profile.timed(lambda values: inner(values * 2).sin(), "recurrence")
    after = profile.timed(lambda values: values.sum(), "loss")
    backward = profile.timed_backward(torch.autograd.backward)
    backward(after(outer(weight)))
    profile.switch("the rest")
    profiling = {place: spent for place, spent in profile.spent.items() if place[0] == "profiling"}
    assert sum(profiling.values()) == 3
    assert profile.spent.total() == next(ticks) - 1
    assert {place: spent for place, spent in profile.spent.items() if place not in profiling} == {
        ("the rest", "forward"): 4,  # before, between and after the two, and after backward
        ("recurrence", "forward"): 2,  # before the inner one and after
        ("attention", "forward"): 1,
        ("loss", "forward"): 1,
        ("the rest", "backward"): 1,  # until the first node
        ("loss", "backward"): 1,
        ("recurrence", "backward"): 3,  # sin; the product, and the weight's gradient
        ("attention", "backward"): 1,
    }


@pytest.mark.parametrize("loop", ["fused", "reference"])
@pytest.mark.parametrize(("name", "feeding"), [("bahdanau", True), ("luong-general", True), ("luong-dot", False)])
def test_the_parts_of_an_update_add_up(monkeypatch, tiny_prepared, loop, name, feeding):
    from nmt.data.batches import make_batch
    from nmt.data.prepared import PreparedCorpus
    from nmt.model.seq2seq import Seq2Seq

    prepared = PreparedCorpus.open(tiny_prepared)
    words = prepared.source_subword.size, prepared.target_subword.size
    model = Seq2Seq(small_settings(attention=name, input_feeding=feeding), *words)
    settings = TrainSettings(loop=loop)
    updater = Updater(model, settings, device=torch.device("cpu"), precision=torch.float32)
    for owner, function, _ in [*tool.list_timed_functions(updater), (torch.autograd, "backward", "")]:
        monkeypatch.setattr(owner, function, getattr(owner, function))  # so that it is put back
    monkeypatch.setattr(tool, "PROFILED_UPDATES", 2)
    batch = make_batch(prepared.open_split("train"), torch.arange(8).numpy())
    found = tool.profile_updates(updater, lambda: batch, lambda: None)
    assert found["update_ms"] == pytest.approx(sum(sum(ways.values()) for ways in found["parts"].values()))
    busy = {(part, way) for part, ways in found["parts"].items() for way, spent in ways.items() if spent}
    both = {"encoder", "recurrence", "attention", "loss", "the rest"}
    both |= {"keys"} if name != "luong-dot" else set()
    both |= {"readout"} if name != "luong-general" else set()  # fed back, it belongs to the recurrence
    expected = {(part, way) for part in both for way in ("forward", "backward")}
    expected |= {("optimizer", "forward"), ("data", "forward")}
    assert busy - {("keys", "forward")} == expected - {("keys", "forward")}
