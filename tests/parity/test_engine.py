"""The packed engine against its network, in every wiring, and packed products against exact ones."""

import pytest
import torch
from support.machine import needs_int8
from support.models import ATTENTIONS, KINDS, VOCABULARY, sentences, small_model
from support.steps import run_steps

from nmt.ids import EOS
from nmt.inference import engine, product
from nmt.inference.engine import Engine
from nmt.inference.packed import pack_cell
from nmt.model.attention.scores import AdditiveAttention
from nmt.search.beam import MOST_PROBABLE, beam_search
from nmt.search.choices import Diverse, Sample
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import force_decode
from nmt.search.restrictions import NoRepeat
from nmt.search.shortlisted import ShortlistedModel, restrict_to_shortlist

pytestmark = pytest.mark.numerical

SHAPES = [
    {},
    {"layer_norm": True, "encoder_layers": 2},
    {"tie": "none", "bridge": "mean"},
    {"tie": "all", "bridge": "zeros", "input_feeding": False},
    {"encoder_heads": 2},
    {"encoder_layers": 0, "embedding_size": 8},
    {"wiring": "before"},
]


def assert_same_steps(model, other, rtol, atol):
    for one, twin in zip(run_steps(model), run_steps(other), strict=True):
        torch.testing.assert_close(twin, one, rtol=rtol, atol=atol)


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_the_engine_computes_what_the_network_computes(kind):
    for shape in SHAPES:
        model = small_model(**KINDS[kind] | shape)
        assert_same_steps(model, Engine(model), rtol=1e-10, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("wiring", ["before", "after"])
def test_the_engine_computes_what_the_network_computes_in_every_wiring(attention, wiring):
    for feeding in (True, False):
        model = small_model(attention=attention, wiring=wiring, input_feeding=feeding)
        assert_same_steps(model, Engine(model), rtol=1e-10, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize(
    ("precision", "atol"), [("float32", 1e-5), ("bfloat16", 0.05), pytest.param("int8", 0.1, marks=needs_int8)]
)
def test_a_lower_precision_computes_nearly_the_same(attention, precision, atol):
    """Log-probabilities are around -3. Measured at most 1e-6 in float32, 0.02 in bfloat16, 0.05 in int8."""
    for shape in SHAPES:
        model = small_model(attention=attention, **shape).float()
        assert_same_steps(model, Engine(model, precision), rtol=0, atol=atol)


@torch.no_grad()
def test_a_kind_without_a_packed_form_runs_unchanged():
    class Other(AdditiveAttention):
        """A kind of attention without a packed form."""

        def score(self, query_BT1HE, keys_BXSHE):
            return -super().score(query_BT1HE, keys_BXSHE)

    model = small_model()
    model.cell.attention.__class__ = Other
    assert pack_cell(model.cell, product.choose_product("float32", torch.device("cpu")), True) is None
    assert_same_steps(model, Engine(model), rtol=1e-10, atol=1e-12)


@torch.no_grad()
def test_embeddings_of_a_large_vocabulary_are_multiplied_at_every_step(monkeypatch):
    monkeypatch.setattr(engine, "TABLE", 0)
    model = small_model()
    assert Engine(model).table_VI is None
    assert_same_steps(model, Engine(model), rtol=1e-10, atol=1e-12)


@torch.no_grad()
def test_additive_scores_are_the_same_in_blocks_of_sentences(monkeypatch):
    model = small_model()
    whole = run_steps(Engine(model))
    monkeypatch.setattr("nmt.inference.packed.CACHED", 1)
    for one, other in zip(whole, run_steps(Engine(model)), strict=True):
        assert torch.equal(one, other)


def operands(rows, bounded):
    generator = torch.Generator().manual_seed(rows)
    x_NI, weight_OI, bias_O = (torch.randn(shape, generator=generator) for shape in ((rows, 40), (50, 40), (50,)))
    return (x_NI.tanh() if bounded else 3 * x_NI), weight_OI, bias_O


@pytest.mark.parametrize("rows", [1, 8, 9, 16, 17, 40, 257])
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize(
    "kind", [product.PlainProduct, product.PackedProduct, pytest.param(product.Int8Product, marks=needs_int8)]
)
def test_packed_products_equal_exact_ones(kind, has_bias, bounded, rows):
    """Rounding to 8 bits changes an operand by half a level at most, which bounds the error of a sum of 40 products."""
    x_NI, weight_OI, bias_O = operands(rows, bounded)
    exact_NO = x_NI.double() @ weight_OI.double().T + (bias_O if has_bias else 0)
    packed = kind(weight_OI, bias_O if has_bias else None, *[bounded] * (kind is product.Int8Product))
    error_NO = torch.full_like(exact_NO, 1e-4)
    if kind is product.Int8Product:
        x_step_N1 = (torch.ones(rows, 1) if bounded else x_NI.abs().amax(1, True)) / 254
        weight_step_O = weight_OI.abs().amax(1) / 254
        error_NO += x_step_N1 * weight_OI.abs().sum(1) + (x_NI.abs().sum(1, True) + 40 * x_step_N1) * weight_step_O
    assert ((packed(x_NI) - exact_NO).abs() <= error_NO).all()
    kept_C = torch.tensor([3, 4, 44])
    torch.testing.assert_close(packed.select_outputs(kept_C)(x_NI), packed(x_NI)[:, kept_C], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_without_products_of_bfloat16_its_weights_are_multiplied_in_float32(monkeypatch):
    x_NI, weight_OI, bias_O = operands(9, True)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    multiply = product.choose_product("bfloat16", torch.device("cpu"))(weight_OI, bias_O, True)
    rounded_NO = x_NI @ weight_OI.bfloat16().float().T + bias_O.bfloat16().float()
    torch.testing.assert_close(multiply(x_NI), rounded_NO, rtol=1e-5, atol=1e-5)
    model = small_model().float()
    assert_same_steps(model, Engine(model, "bfloat16"), rtol=0, atol=0.05)


@needs_int8
@pytest.mark.parametrize("bounded", [True, False])
def test_a_row_in_8_bits_depends_on_no_other(bounded):
    x_NI, weight_OI, bias_O = operands(70, bounded)
    packed = product.Int8Product(weight_OI, bias_O, bounded)
    together_NO = packed(x_NI)
    for row in (0, 33, 69):
        assert torch.equal(packed(x_NI[row : row + 1])[0], together_NO[row])


def allowed_words():
    """The words allowed in each of three sentences; some ids are allowed in none."""
    allowed_BV = torch.zeros(3, VOCABULARY, dtype=torch.bool)
    for row, ids in enumerate([[EOS, 5, 9, 20], [EOS, 4], [EOS, 5, 6, 7, 8]]):
        allowed_BV[row, ids] = True
    return allowed_BV


@torch.no_grad()
@pytest.mark.parametrize(("columns", "scored"), [(1, 11), (7, 14), (256, VOCABULARY)])
@pytest.mark.parametrize("name", ["bahdanau", "luong-general"])
def test_scoring_listed_words_equals_scoring_all_and_masking_the_others(monkeypatch, name, columns, scored):
    monkeypatch.setattr(engine, "COLUMNS", columns)
    model = small_model(attention=name)
    narrow = restrict_to_shortlist(Engine(model), allowed_words())
    assert len(narrow.words_C) == scored
    for one, twin in zip(run_steps(ShortlistedModel(model, allowed_words())), run_steps(narrow), strict=True):
        torch.testing.assert_close(twin, one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("beam", [1, 4])
def test_search_among_listed_words_does_not_depend_on_the_batch(beam):
    model = small_model()
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)])
    how = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2, "beam": beam}
    together = beam_search(Engine(model).with_shortlist(allowed_words()), source_BS, lengths_B, n_best=beam, **how)
    slow = beam_search(ShortlistedModel(model, allowed_words()), source_BS, lengths_B, n_best=beam, **how)
    assert [[h.tokens for h in found] for found in together] == [[h.tokens for h in found] for found in slow]
    for row, length in enumerate(lengths_B.tolist()):
        one = slice(row, row + 1)
        narrow = Engine(model).with_shortlist(allowed_words()[one])
        (alone,) = beam_search(narrow, source_BS[one, :length], lengths_B[one], n_best=beam, **how)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        for hypothesis, twin in zip(alone, together[row], strict=True):
            assert allowed_words()[row, list(hypothesis.tokens)].all()
            assert hypothesis.log_prob == pytest.approx(twin.log_prob, abs=1e-10)
            target_BT, target_lengths_B = torch.tensor([twin.tokens]), torch.tensor([len(twin.tokens)])
            (forced,) = force_decode(narrow, source_BS[one, :length], lengths_B[one], target_BT, target_lengths_B)
            assert forced.log_prob == pytest.approx(twin.log_prob, abs=1e-10)


def test_searches_that_use_ids_find_the_same_among_listed_words():
    """Restrictions, ensembles, groups and samples work on ids of the whole vocabulary."""
    model = small_model()
    source_BS, lengths_B, _ = sentences([(4, 3), (2, 5), (6, 2)])
    how = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2, "beam": 4}
    sample = Sample(4, [1, 2, 3], seed=1, temperature=1.0, top_k=0, top_p=0.9)
    for choice, wrap in [
        (MOST_PROBABLE, lambda model: NoRepeat(model, 1)),
        (MOST_PROBABLE, lambda model: Ensemble([model, model])),
        (Diverse(2, 0.5), lambda model: model),
        (sample, lambda model: model),
    ]:
        narrow, slow = (
            beam_search(wrap(model), source_BS, lengths_B, n_best=4, choice=choice, **how)
            for model in (Engine(model).with_shortlist(allowed_words()), ShortlistedModel(model, allowed_words()))
        )
        assert [[h.tokens for h in found] for found in narrow] == [[h.tokens for h in found] for found in slow]
