"""Scores and masks against the papers' equations, written out in NumPy one number at a time."""

import numpy as np
import pytest
import torch

from nmt.model.cells import DECODERS

D, A = 6, 5


def numpy_score(name: str, weights: dict[str, np.ndarray], state_D: np.ndarray, value_M: np.ndarray) -> float:
    match name:
        case "luong-dot":
            return float(state_D @ value_M)
        case "luong-general":
            return float(state_D @ weights["key_weight.weight"] @ value_M)
        case _:
            inside_A = weights["query_weight.weight"] @ state_D + weights["key_weight.weight"] @ value_M
            return float(weights["v.weight"][0] @ np.tanh(inside_A))


@pytest.mark.parametrize("name", ["bahdanau", "luong-dot", "luong-general", "luong-concat"])
def test_context_and_weights_follow_the_equations(name):
    memory_size = D if name == "luong-dot" else 4
    torch.manual_seed(3)
    attention = DECODERS[name][0](D, memory_size, A).double()
    values_BSM, state_BTD = torch.randn(2, 3, memory_size).double(), torch.randn(2, 2, D).double()
    real_BS = torch.tensor([[True, True, True], [True, True, False]])
    context_BTM, weights_BTS = attention(state_BTD, attention.remember(values_BSM, real_BS))

    parameters = {key: value.detach().numpy() for key, value in attention.named_parameters()}
    for b, t in np.ndindex(2, 2):
        length = int(real_BS[b].sum())
        scores = [
            numpy_score(name, parameters, state_BTD[b, t].numpy(), values_BSM[b, i].numpy()) for i in range(length)
        ]
        weights = np.exp(scores) / np.exp(scores).sum()
        context = sum(weights[i] * values_BSM[b, i].numpy() for i in range(length))
        np.testing.assert_allclose(weights_BTS[b, t, :length].detach().numpy(), weights, rtol=1e-12)
        np.testing.assert_allclose(context_BTM[b, t].detach().numpy(), context, rtol=1e-12)
        assert (weights_BTS[b, t, length:] == 0).all()


def test_no_attention_has_nothing_to_show():
    attention = DECODERS["none"][0](D, D, A)
    context_BTM, weights_BTS = attention(
        torch.randn(2, 3, D), attention.remember(torch.randn(2, 4, D), torch.ones(2, 4).bool())
    )
    assert (context_BTM.shape, weights_BTS.shape) == ((2, 3, 0), (2, 3, 0))
