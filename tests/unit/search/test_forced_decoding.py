import math

import numpy as np
import pytest
from support.scripted import WORDS, ScriptedModel, batch

from nmt.errors import NmtError
from nmt.ids import EOS, PAD
from nmt.search.forced_decoding import force_decode

pytestmark = pytest.mark.numerical

A, B, C = WORDS, WORDS + 1, WORDS + 2


def test_each_word_gets_the_log_prob_and_attention_of_its_prefix():
    model = ScriptedModel.random(vocab=4, seed=5)
    target_BT = np.array([[A, EOS, PAD], [B, C, EOS]])
    got = force_decode(model, *batch((A, B), (C,)), target_BT, np.array([2, 3]))
    for source, tokens, forced in zip([(A, B, EOS), (C, EOS)], [(A, EOS), (B, C, EOS)], got, strict=True):
        want = [model.log_probs(source, tokens[:t])[word] for t, word in enumerate(tokens)]
        assert forced.token_log_probs == pytest.approx(want, abs=1e-6)
        assert forced.log_prob == pytest.approx(sum(want), abs=1e-6)
        assert forced.attention_TS.argmax(1).tolist() == [model.attend(source, tokens[:t]) for t in range(len(tokens))]
        assert forced.attention_TS.shape == (len(tokens), len(source))


def test_nan_raises_an_error_in_words_and_is_ignored_in_padding():
    model = ScriptedModel(WORDS + 1, lambda source, prefix: [math.nan if len(prefix) == 2 else -1.0] * 5)
    target_BT = np.array([[A, EOS, PAD]])
    assert force_decode(model, *batch((A,)), target_BT, np.array([2]))[0].log_prob == -2.0
    with pytest.raises(NmtError, match=r"not numbers \(NaN\) at target position 3\n"):
        force_decode(model, *batch((A,)), np.array([[A, A, EOS]]), np.array([3]))
