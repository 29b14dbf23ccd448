"""The path from attended source words to the scores of target words."""

import math

import pytest
import torch
from support.models import sentences, small_model

from nmt.model.lexical import LexicalModel

pytestmark = pytest.mark.numerical


def test_it_is_what_the_paper_says_computed_by_hand():
    lexical = LexicalModel(2, 3)
    lexical.hidden.weight.data = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
    embedded_BSW = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
    out_BKW = lexical(torch.tensor([[[0.25, 0.75]]]), embedded_BSW)
    one, other = math.tanh(0.25), math.tanh(1.5)
    expected = (one + math.tanh(one + 2 * other)) / 2, (other + math.tanh(-other)) / 2
    torch.testing.assert_close(out_BKW, torch.tensor([[expected]]))


def test_without_vectors_of_words_it_changes_nothing():
    batch = sentences([(4, 3), (2, 5)])
    with_it, without = small_model(lexical=True), small_model()
    parameters = dict(with_it.named_parameters())
    with torch.no_grad():
        parameters["lexical.weight"].zero_()
        for name, parameter in without.named_parameters():
            parameter.copy_(parameters[name])
    logits = [model.score_words(model(*batch).readout_BTR) for model in (with_it, without)]
    torch.testing.assert_close(*logits, rtol=1e-12, atol=1e-12)


def test_a_vector_of_a_word_adds_to_its_score_alone():
    batch = sentences([(4, 3), (2, 5)])
    model = small_model(lexical=True)
    before = model.score_words(model(*batch).readout_BTR)
    with torch.no_grad():
        dict(model.named_parameters())["lexical.weight"][7] += 1
    changed_BTV = model.score_words(model(*batch).readout_BTR) != before
    assert changed_BTV[..., 7].all()
    assert changed_BTV.sum() == changed_BTV[..., 7].sum()
