"""Laws of the network: padding, batching and the step seam change nothing; what is tied is tied."""

import math

import numpy as np
import pytest
import torch
from support.models import COMPOSITES, KINDS, VOCABULARY, sentences, small_model, small_settings
from support.steps import assert_steps_give_what_teacher_forcing_gives
from torch.nn import functional as F

from nmt.ids import BOS
from nmt.model.dropout import Dropout, WeightDropout, WordDropout
from nmt.model.seq2seq import Seq2Seq

pytestmark = pytest.mark.numerical

CASES = [settings | {"input_feeding": feeding} for settings in KINDS.values() for feeding in (True, False)]
CASES.append({"encoder_heads": 4})


@pytest.mark.parametrize("case", [*CASES, {"layer_norm": True}, {"bridge": "mean"}, {"bridge": "zeros"}], ids=str)
def test_a_sentence_reads_the_same_alone_and_in_a_batch(case):
    model = small_model(**case)
    batch = sentences([(4, 3), (2, 5), (6, 1)])
    readout_BTR, attention_BTS = model(*batch)
    for row, (source, target) in enumerate([(4, 3), (2, 5), (6, 1)]):
        alone = model(
            batch.source_BS[row : row + 1, :source],
            batch.lengths_B[row : row + 1],
            batch.target_BT[row : row + 1, :target],
        )
        torch.testing.assert_close(readout_BTR[row, :target], alone.readout_BTR[0], rtol=1e-10, atol=1e-12)
        if case.get("attention") != "none":
            torch.testing.assert_close(
                attention_BTS[row, :target, :source], alone.attention_BTS[0], rtol=1e-10, atol=1e-12
            )
            assert (attention_BTS[row, :, source:] == 0).all()
            torch.testing.assert_close(attention_BTS[row].sum(-1), torch.ones(5).double())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_steps_give_what_teacher_forcing_gives(case):
    assert_steps_give_what_teacher_forcing_gives(small_model(**case), atol=1e-12)


@pytest.mark.parametrize("kind", COMPOSITES)
def test_a_model_in_bfloat16_has_nearly_the_same_log_probs(kind):
    source_BS, lengths_B, target_BT = sentences([(4, 3), (2, 3)])
    logits = []
    for dtype in (torch.float64, torch.bfloat16):
        model = small_model(**KINDS[kind]).to(dtype)
        logits.append(model.score_words(model(source_BS, lengths_B, target_BT).readout_BTR).double())
    torch.testing.assert_close(*logits, rtol=0, atol=0.02)  # of logits up to 1.5; measured at most 0.008


@pytest.mark.parametrize("kind", ["bahdanau", *COMPOSITES])
def test_select_repeats_reorders_and_drops_rows(kind):
    model = small_model(**KINDS[kind])
    source_BS, lengths_B, _ = sentences([(4, 2), (2, 2), (3, 2)]).to_arrays()
    start = model.step(np.full(3, BOS), model.start(source_BS, lengths_B)).state
    wide = model.select(start, np.array([[0, 0], [1, 1], [2, 2]]))
    assert wide.memory is start.memory
    words_N = np.array([5, 6, 7, 8, 9, 10])
    stepped = model.step(words_N, wide).state
    left = model.select(stepped, np.array([[1, 0], [5, 5]]))  # the middle sentence has left
    assert left.memory.values_BSM.shape[0] == 2
    again = model.step(np.array([4, 4, 4, 4]), left)
    for row, (sentence, word) in enumerate([(0, 6), (0, 5), (2, 10), (2, 10)]):
        state = model.start(source_BS[sentence : sentence + 1], lengths_B[sentence : sentence + 1])
        for previous in (BOS, word, 4):
            out = model.step(np.array([previous]), state)
            state = out.state
        np.testing.assert_allclose(again.log_probs_NV[row], out.log_probs_NV[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("tie", ["none", "target", "all"])
def test_the_loss_of_an_untrained_model_is_near_that_of_a_uniform_one(tie):
    torch.manual_seed(0)
    model = Seq2Seq(small_settings(tie=tie, embedding_size=32, decoder_size=32, encoder_size=16), 500, 500).eval()
    source_BS, lengths_B, target_BT = sentences([(5, 9)] * 8)
    logits = model.score_words(model(source_BS, lengths_B, target_BT).readout_BTR)
    loss = F.cross_entropy(logits.flatten(0, 1), target_BT.flatten())
    assert loss.item() == pytest.approx(math.log(500), rel=0.02)


@pytest.mark.parametrize(("tie", "tables"), [("none", 3), ("target", 2), ("all", 1)])
def test_tied_tables_are_one_table(tie, tables):
    model = small_model(tie=tie)
    assert sum(parameter.shape[0] == VOCABULARY and parameter.dim() == 2 for parameter in model.parameters()) == tables


@pytest.mark.parametrize(
    ("name", "score", "readout"),
    [
        ("bahdanau", ["query_weight.weight", "key_weight.weight", "v.weight"], ["readout_embedding.weight",
         "readout_embedding.bias", "readout.weight"]),
        ("luong-general", ["key_weight.weight"], ["readout.weight", "readout.bias"]),
    ],
)  # fmt: skip
def test_checkpoints_of_version_0_1_keep_their_names(name, score, readout):
    gru = [f"{kind}_l0" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    expected = {f"encoder.{way}.0.{part}" for way in ("forwards", "backwards") for part in gru}
    expected |= {f"cell.attention.{part}" for part in score} | {f"cell.{part}" for part in readout}
    expected |= {f"cell.{part}" for part in ("from_embedding.weight", "from_embedding.bias", "from_loop.weight")}
    expected |= {"cell.from_hidden.weight", "cell.from_hidden.bias", "bridge.weight", "bridge.bias"}
    expected |= {"source_embedding.weight", "target_embedding.weight", "output_bias"}
    assert {key for key, _ in small_model(attention=name).named_parameters()} == expected


def test_dropout_draws_one_mask_a_position_or_a_sentence():
    torch.manual_seed(0)
    ones_BTF = torch.ones(2, 50, 8)
    by_position, by_sentence = Dropout(0.5, False)(ones_BTF), Dropout(0.5, True)(ones_BTF)
    assert set(by_position.unique().tolist()) == set(by_sentence.unique().tolist()) == {0.0, 2.0}
    assert (by_sentence == by_sentence[:, :1]).all()
    assert not (by_position == by_position[:, :1]).all()
    words_BTF = WordDropout(0.5)(ones_BTF)
    assert (words_BTF == words_BTF[..., :1]).all()
    assert 0.3 < words_BTF.mean() < 0.7
    assert (WordDropout(0.5).eval()(ones_BTF) == 1).all()


def test_weight_dropout_applies_to_the_transitions_of_the_encoder():
    model = small_model(encoder_transitions=2, weight_dropout=0.5).train()
    model(*sentences([(4, 3)])).readout_BTR.sum().backward()
    for transition in (*model.encoder.forwards[0].transitions, *model.encoder.backwards[0].transitions):
        assert 0 < (transition.from_hidden.weight.grad == 0).float().mean() < 1


def test_weight_dropout_has_one_mask_for_a_batch_and_none_in_translation():
    model = small_model(weight_dropout=0.5)
    twice = sentences([(4, 3), (4, 3)])
    twice = twice._replace(source_BS=twice.source_BS[:1].repeat(2, 1), target_BT=twice.target_BT[:1].repeat(2, 1))
    torch.manual_seed(0)
    whole, one, other = model(*twice).readout_BTR, *(model.train()(*twice).readout_BTR for _ in range(2))
    for readout_BTR in (whole, one, other):
        torch.testing.assert_close(readout_BTR[0], readout_BTR[1])
    assert not torch.allclose(whole, one)
    assert not torch.allclose(one, other)
    torch.testing.assert_close(model.eval()(*twice).readout_BTR, whole, rtol=0, atol=0)
    factors_GD = WeightDropout(0.25).train()(torch.ones(400, 100))
    assert sorted(factors_GD.unique().tolist()) == pytest.approx([0, 4 / 3])
    assert float(factors_GD.mean()) == pytest.approx(1, abs=0.02)
