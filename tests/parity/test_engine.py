"""The engine against its network, for every kind of attention: float32 is the same but for rounding, int8 is near.

Both give the same bits for every batch. ONNX Runtime chooses its kernels by the CPU alone, so these tests are
not run again with the variables that limit torch's.
"""

import copy
import random
from functools import cache
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors
from support.models import ATTENTIONS, KINDS, VOCABULARY, sentences, small_model
from support.steps import run_steps

from nmt.ids import EOS, pad_ids
from nmt.inference import build, engine
from nmt.inference.build import build_engine, build_graphs
from nmt.inference.engine import NarrowEngine, split_batch
from nmt.inference.output import Ending
from nmt.inference.quantize import round_weight
from nmt.search.beam import MOST_PROBABLE, beam_search
from nmt.search.choices import Diverse, Sample
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import force_decode
from nmt.search.restrictions import NoRepeat
from nmt.search.shortlisted import ShortlistedModel, restrict_to_shortlist
from nmt.translation.batching import count_threads, run_batches

SHAPES = [
    {"layer_norm": True, "encoder_layers": 2},
    {"tie": "none", "bridge": "mean"},
    {"tie": "all", "bridge": "zeros", "input_feeding": False},
    {"encoder_heads": 2},
    {"encoder_layers": 0, "embedding_size": 8},
    {"wiring": "before"},
    {"wiring": "after"},
    {"wiring": "after", "input_feeding": False},
]
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2}
TRACED = {}  # graphs by the settings and weights of their network


@pytest.fixture(autouse=True)
def trace_once(monkeypatch):
    """A network is traced once for all tests and both precisions, because that takes longer than most tests."""
    trace = build.trace_graphs

    def trace_or_copy(model):
        key = model.settings.model_dump_json(), *(weight.numpy().tobytes() for weight in model.state_dict().values())
        if key not in TRACED:
            TRACED[key] = trace(model)
        return copy.deepcopy(TRACED[key])

    monkeypatch.setattr(build, "trace_graphs", trace_or_copy)


@cache
def build_kind(kind, precision):
    """The engine of a kind of attention, built once for all tests."""
    return build_engine(small_model(**KINDS[kind]), precision)


def assert_same_steps(model, other, atol):
    for one, twin in zip(run_steps(model), run_steps(other), strict=True):
        np.testing.assert_allclose(twin, one, rtol=0, atol=atol)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_computes_what_the_network_computes(kind):
    """Log-probabilities are around -3. Measured at most 1e-6 in float32 and 0.03 in int8."""
    model = small_model(**KINDS[kind])
    assert_same_steps(model, build_kind(kind, "float32"), atol=1e-5)
    assert_same_steps(model, build_kind(kind, "int8"), atol=0.08)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["bahdanau", "luong-dot", "none", "all"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_engine_computes_what_the_network_computes_in_every_shape(kind, shape):
    if kind == "none":
        shape = {name: value for name, value in shape.items() if name != "bridge"}  # bridge=zeros is refused
    model = small_model(**KINDS[kind] | shape)
    assert_same_steps(model, build_engine(model), atol=1e-5)
    assert_same_steps(model, build_engine(model, "int8"), atol=0.08)


SOURCES = [[*(random.Random(row).choices(range(EOS + 1, VOCABULARY), k=row * 5 % 23)), EOS] for row in range(16)]


def search_in_batches(model, order, batch_size, beam):
    """Everything about the hypotheses of each source, in batches of sources in some order."""

    def search(rows):
        source_BS, lengths_B = pad_ids([SOURCES[row] for row in rows])
        return beam_search(model, source_BS, lengths_B, beam=beam, n_best=beam, **HOW)

    found = run_batches(search, order, [len(SOURCES[row]) for row in order], batch_size, count_threads(model))
    return {
        row: [(h.tokens, h.log_prob, h.score, h.token_log_probs, h.attention_TS.tobytes()) for h in hypotheses]
        for row, hypotheses in zip(order, found, strict=True)
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_every_batch_gives_the_same_bits(kind, precision, monkeypatch):
    model = build_kind(kind, precision)
    rows = list(range(len(SOURCES)))
    shuffled = random.Random(1).sample(rows, len(rows))
    for beam in (1, 3):
        together = search_in_batches(model, rows, len(rows), beam)
        for order, batch_size in ((rows, 1), (shuffled, 7), (shuffled, 16)):
            assert search_in_batches(model, order, batch_size, beam) == together
        with monkeypatch.context() as patch:
            patch.setattr(engine, "CACHED", 1)  # every sentence is a block
            assert search_in_batches(model, rows, len(rows), beam) == together


def list_products(graph):
    """The operators that multiply constant weights, and the weights, those of loops included."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
    found = []
    for node in graph.node:
        if node.op_type == "Scan":
            found += list_products(node.attribute[0].g)
        elif ("MatMul" in node.op_type or node.op_type == "GRU") and node.input[1] in weights:
            found.append((node.op_type, weights[node.input[1]]))
    return found


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_int8_multiplies_in_8_bits_wherever_operands_are_bounded(attention):
    deep = {"decoder_layers": 3, "decoder_transitions": 2, "encoder_layers": 2, "residual": True}
    for shape, least in (({}, 0), (deep, 0), ({"layer_norm": True}, 1)):
        graphs = build_graphs(small_model(attention=attention, **shape), "int8")
        kinds = [kind for kind, _ in list_products(graphs.step.graph)]
        assert kinds.count("MatMulIntegerToFloat") >= 4
        assert kinds.count("MatMul") <= least + 1
        kinds = [kind for kind, _ in list_products(graphs.encoder.graph)]
        assert "GRU" not in kinds
        assert kinds.count("MatMulIntegerToFloat") >= 4 * shape.get("encoder_layers", 1)  # two in each direction


@pytest.mark.parametrize(
    ("changes", "products"),
    [({}, 2), ({"encoder_transitions": 2}, 4), ({"encoder_cell": "mingru"}, 1), ({"encoder_cell": "lrn"}, 1)],
)
def test_all_products_of_an_encoder_are_in_8_bits(changes, products):
    """Those of a layer in a direction, in two layers and both directions, and that of the keys."""
    graphs = build_graphs(small_model(encoder_layers=2, **changes), "int8")
    assert [kind for kind, _ in list_products(graphs.encoder.graph)] == ["MatMulIntegerToFloat"] * (4 * products + 1)


def test_a_gru_whose_inputs_have_no_bound_stays_in_float32():
    graphs = build_graphs(small_model(encoder_layers=2, layer_norm=True), "int8")
    assert [kind for kind, _ in list_products(graphs.encoder.graph)].count("GRU") == 2


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_of_products_in_8_bits_fit_in_16_bits(kind):
    """A CPU without VNNI adds them there: operands are 0 to 255."""
    graphs = build_graphs(small_model(**KINDS[kind]), "int8")
    for graph in filter(None, graphs):
        for name, weight_IO in list_products(graph.graph):
            if name == "MatMulIntegerToFloat":
                assert 2 * 255 * np.abs(weight_IO.astype(int)).max() < 2**15


def test_a_weight_of_zeros_is_rounded_to_zeros():
    levels_IO, scale_O = round_weight(np.array([[0, 2.0], [0, -4.0]], np.float32))
    assert levels_IO.tolist() == [[0, 32], [0, -64]]
    assert (scale_O > 0).all()


@pytest.mark.parametrize("kind", ["all", "encoder transitions", "minimal encoder", "lightweight encoder"])
def test_graphs_are_valid_and_have_no_markers(kind):
    for precision in ("float32", "int8"):
        for graph in filter(None, build_graphs(small_model(**KINDS[kind]), precision)):
            onnx.checker.check_model(graph)
            assert {node.domain for node in graph.graph.node} <= {"", "com.microsoft"}


@pytest.mark.parametrize(
    ("sentences", "numbers", "sizes"),
    [(64, 10, [64]), (3, 5 * 2**19, [1, 1, 1]), (2, 2**21, [1, 1]), (1, 2**21, [1]), (9, 2**18, [1, 2, 2, 2, 2])],
)
def test_a_batch_is_split_so_that_blocks_fit_in_the_cache(sentences, numbers, sizes):
    blocks = split_batch(sentences, numbers)
    assert [len(range(sentences)[block]) for block in blocks] == sizes


@pytest.mark.parametrize("batch_size", [16, 3])
def test_threads_compute_what_one_computes(monkeypatch, batch_size):
    model = build_engine(small_model(), "int8")
    order = list(range(16))
    alone = search_in_batches(model, order, batch_size, 3)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert count_threads(model) == count_threads(Ensemble([model, model])) == 3
    assert count_threads(Ensemble([model, small_model()])) == count_threads(NoRepeat(model, 1)) == 1
    assert search_in_batches(model, order, batch_size, 3) == alone


@pytest.mark.parametrize("beam", [1, 4])
def test_the_most_probable_words_suffice_for_search(beam):
    model = build_engine(small_model())
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    narrow, wide = (
        beam_search(wrap(model), source_BS, lengths_B, beam=beam, n_best=beam, **HOW)
        for wrap in (lambda model: model, lambda model: NoRepeat(model, 100))
    )
    assert [[h.tokens for h in found] for found in narrow] == [[h.tokens for h in found] for found in wide]
    assert [h.log_prob for found in narrow for h in found] == [h.log_prob for found in wide for h in found]


def allowed_words():
    """The words allowed in each of three sentences; some ids are allowed in none."""
    allowed_BV = np.zeros((3, VOCABULARY), bool)
    for row, ids in enumerate([[EOS, 5, 9, 20], [EOS, 4], [EOS, 5, 6, 7, 8]]):
        allowed_BV[row, ids] = True
    return allowed_BV


@pytest.fixture(params=["listed words", "all words"])
def scored(request, monkeypatch):
    """What a step in 8 bits scores for a shortlist: for listed words alone, however many, or for all of them."""
    monkeypatch.setattr(engine, "SMALL_SHARE", 1 if request.param == "listed words" else VOCABULARY + 1)
    return request.param


@torch.no_grad()
@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("name", ["bahdanau", "luong-general"])
def test_scoring_listed_words_equals_scoring_all_and_masking_the_others(name, precision, scored):
    whole = build_engine(small_model(attention=name), precision)
    narrow = restrict_to_shortlist(whole, allowed_words())
    lists_words = scored == "listed words" or precision == "float32"
    assert narrow.ending == Ending("listed" if lists_words else "allowed", best=False)
    assert len(narrow.words_C) == 11 if lists_words else narrow.words_C is None
    for one, twin in zip(run_steps(ShortlistedModel(whole, allowed_words())), run_steps(narrow), strict=True):
        np.testing.assert_allclose(twin, one, rtol=0, atol=1e-6)


def test_listed_words_in_8_bits_have_the_same_sums_as_all_words():
    """Probabilities differ by the order in which their softmax adds, and no more."""
    whole = build_engine(small_model(), "int8")
    assert whole.output_weights.is_exact
    every_BV = np.ones((3, VOCABULARY), bool)
    listed = NarrowEngine(
        whole, whole.output_weights.list_words(np.arange(VOCABULARY)), np.arange(VOCABULARY), every_BV[:, None]
    )
    for one, twin in zip(run_steps(whole), run_steps(listed), strict=True):
        np.testing.assert_array_equal(twin, one)


def test_sums_that_float32_has_not_are_computed_in_8_bits(monkeypatch):
    monkeypatch.setattr(engine, "SMALL_SHARE", 1)
    whole = build_engine(small_model(), "int8")
    weights = whole.output_weights
    for readouts, is_exact in (2064, True), (2065, False):
        vectors_VR = np.zeros((VOCABULARY, readouts), np.int8)
        whole.output_weights = weights._replace(vectors_VR=vectors_VR)
        assert whole.output_weights.is_exact == is_exact
        assert whole.with_shortlist(allowed_words()).ending.words == ("listed" if is_exact else "allowed")


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("beam", [1, 4])
def test_search_among_listed_words_does_not_depend_on_the_batch(beam, precision, scored):
    model = small_model()
    whole = build_engine(model, precision)
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    how = HOW | {"beam": beam}
    together = beam_search(whole.with_shortlist(allowed_words()), source_BS, lengths_B, n_best=beam, **how)
    readable = ShortlistedModel(model if precision == "float32" else whole, allowed_words())
    slow = beam_search(readable, source_BS, lengths_B, n_best=beam, **how)
    assert [[h.tokens for h in found] for found in together] == [[h.tokens for h in found] for found in slow]
    for row, length in enumerate(lengths_B.tolist()):
        one = slice(row, row + 1)
        narrow = whole.with_shortlist(allowed_words()[one])
        (alone,) = beam_search(narrow, source_BS[one, :length], lengths_B[one], n_best=beam, **how)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        for hypothesis, twin in zip(alone, together[row], strict=True):
            assert allowed_words()[row, list(hypothesis.tokens)].all()
            assert hypothesis.log_prob == pytest.approx(twin.log_prob, abs=1e-5)
            target_BT, target_lengths_B = np.array([twin.tokens]), np.array([len(twin.tokens)])
            (forced,) = force_decode(narrow, source_BS[one, :length], lengths_B[one], target_BT, target_lengths_B)
            assert forced.log_prob == pytest.approx(twin.log_prob, abs=1e-5)


def test_searches_that_use_ids_find_the_same_among_listed_words():
    """Restrictions, ensembles, groups and samples work on ids of the whole vocabulary."""
    model = small_model()
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)]).to_arrays()
    how = HOW | {"beam": 4}
    sample = Sample(4, [1, 2, 3], seed=1, temperature=1.0, top_k=0, top_p=0.9)
    for choice, wrap in [
        (MOST_PROBABLE, lambda model: NoRepeat(model, 1)),
        (MOST_PROBABLE, lambda model: Ensemble([model, model])),
        (Diverse(2, 0.5), lambda model: model),
        (sample, lambda model: model),
    ]:
        narrow, slow = (
            beam_search(wrap(model), source_BS, lengths_B, n_best=4, choice=choice, **how)
            for model in (build_engine(model).with_shortlist(allowed_words()), ShortlistedModel(model, allowed_words()))
        )
        assert [[h.tokens for h in found] for found in narrow] == [[h.tokens for h in found] for found in slow]


@torch.no_grad()
def test_lack_of_memory_in_onnx_runtime_is_a_memory_error(monkeypatch):
    """So that the caller can halve the batch, as for torch's own error."""
    broken = build_engine(small_model())
    words = "[ONNXRuntimeError] : 1 : FAIL : Failed to allocate memory for requested buffer of size 14400000000"
    monkeypatch.setattr(broken.encoder.session, "run", Mock(side_effect=[onnxruntime_errors.Fail(words)]))
    source_BS, lengths_B, _ = sentences([(4, 3)]).to_arrays()
    with pytest.raises(MemoryError):
        broken.start(source_BS, lengths_B)
