"""Kinds of attention from elsewhere: graphs are used only where they compute what the class computes."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from support.attentions import DistanceAttention, FadingAttention
from support.models import sentences, small_model

import nmt
from nmt.checkpoint import create_run, read_run
from nmt.errors import NmtError
from nmt.inference import trace
from nmt.inference.build import MAX_ERROR, build_engine, build_graphs, compute_error
from nmt.inference.engine import Engine
from nmt.inference.export import export_graphs
from nmt.inference.graphs import UntraceableError, is_own
from nmt.model.attention.scores import DotAttention
from nmt.model.seq2seq import Seq2Seq
from nmt.step import StepOut
from nmt.weights import build_model, save_checkpoint


class FrozenAttention(DotAttention):
    """Dot scores divided by the number of source positions, which Python computes."""

    def score(self, query_BT1HE, keys_BXSHE):
        return super().score(query_BT1HE, keys_BXSHE) * 8 / int(keys_BXSHE.shape[2])


class BrokenAttention(DotAttention):
    """Scores by an operator that no graph has."""

    def score(self, query_BT1HE, keys_BXSHE):
        return torch.special.bessel_j0(super().score(query_BT1HE, keys_BXSHE))


@pytest.mark.parametrize("kind", [FrozenAttention, BrokenAttention])
def test_an_attention_without_a_correct_graph_is_noticed(register, kind):
    register("odd", kind, wiring="after")
    model = small_model(attention="odd")
    for precision in ("float32", "int8"):
        with pytest.raises(UntraceableError):
            build_graphs(model, precision)


def test_a_graph_that_computes_nan_at_a_later_step_is_noticed():
    class Table:
        """A step model with as many steps without NaN as `good`."""

        def __init__(self, good):
            self.good = good

        def start(self, source_BS, lengths_B):
            return 0

        def select(self, state, rows_BK):
            return state

        def step(self, previous_N, state):
            log_probs_NV = np.full((6, 5), 0.0 if state < self.good else np.nan)
            return StepOut(log_probs_NV, state + 1, np.zeros((6, 8)))

    assert compute_error(Table(9), Table(9)) == 0
    assert not compute_error(Table(9), Table(2)) < MAX_ERROR


@pytest.mark.parametrize("kind", [DistanceAttention, FadingAttention])
def test_an_attention_with_a_correct_graph_has_an_engine(register, kind):
    register("other", kind, wiring="before")
    model = small_model(attention="other")
    assert not is_own(model.settings)
    assert isinstance(build_engine(model, "int8"), Engine)


def test_a_run_without_graphs_translates_by_its_network_and_is_not_exported(register, reverser, tmp_path):
    register("odd", FrozenAttention, wiring="after")
    taught = read_run(reverser)
    model = taught.settings.model.model_copy(update={"attention": "odd"})
    settings = taught.settings.model_copy(update={"model": model})
    run = create_run(tmp_path / "run", settings, taught.info, taught.source_subword, taught.target_subword)
    save_checkpoint(run.path / "best", dict(build_model(run).named_parameters()), {"update": 1})
    translator = nmt.Translator.load(run.path)
    assert isinstance(translator.model, Seq2Seq)
    assert translator.precision == "float32"
    assert len(translator.translate(["ba de", "ku"])) == 2
    with pytest.raises(
        NmtError, match="cannot be exported: a graph of its attention, odd, does not compute what"
    ) as found:
        export_graphs(run.path, tmp_path / "graphs")
    assert "nmt/README.md" in str(found.value)
    assert not (tmp_path / "graphs").exists()


def test_the_traced_network_stays_as_it_was():
    model = small_model(attention="luong-general", coverage="linguistic")
    before = {name: (weight.dtype, weight.clone()) for name, weight in model.named_parameters()}
    batch = sentences([(4, 3), (2, 5)])
    wanted = model(*batch)
    trace.trace_graphs(model)
    for name, weight in model.named_parameters():
        assert weight.dtype == before[name][0]
        assert torch.equal(weight, before[name][1])
    assert torch.equal(model(*batch).readout_BTR, wanted.readout_BTR)
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_several_threads_may_make_graphs_at_once():
    """torch traces one network at a time."""
    model = small_model()
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(build_graphs, [model] * 4, ["float32"] * 4))
    assert len({graphs.step.SerializeToString() for graphs in made}) == 1
