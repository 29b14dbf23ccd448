"""Attention against the papers' equations, written in NumPy one number at a time."""

import numpy as np
import pytest
import torch
from support.models import ATTENTIONS, COMPOSITES, small_settings

from nmt.model.attention.base import Attention, AttentionOutput
from nmt.model.attention.composite import CompositeAttention
from nmt.model.attention.normalizers import NORMALIZERS
from nmt.model.attention.registry import REGISTERED_ATTENTIONS, build_attention
from nmt.model.dropout import Dropout
from nmt.model.encoder import SelfAttention
from nmt.settings import ModelSettings

pytestmark = pytest.mark.numerical

Weights = dict[str, np.ndarray]
D, A = 6, 5


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum()


def score_terms(name: str, weights: Weights, state_D, value_M, position: int, cover_A=0.0) -> np.ndarray:
    """The terms whose sum is the score, one for each dimension of the attention space."""
    match name:
        case "luong-dot":
            return state_D * (value_M + cover_A)
        case "luong-general":
            return state_D * (weights["key_weight.weight"] @ value_M + cover_A)
        case "luong-location":
            size = weights["key_weight.weight"].shape[1]
            angles = [position / 10000 ** (2 * k / size) for k in range((size + 1) // 2)]
            return state_D * (weights["key_weight.weight"] @ np.r_[np.sin(angles), np.cos(angles)][:size] + cover_A)
    query_A, key_A = weights["query_weight.weight"] @ state_D, weights["key_weight.weight"] @ value_M
    if name == "scaled-dot":  # by sqrt(A); numpy_attention turns it into sqrt(E) of a head
        return query_A * (key_A / np.sqrt(len(key_A)) + cover_A)
    return weights["v.weight"][0] * np.tanh(query_A + key_A + cover_A)


def parameters_of(module: torch.nn.Module) -> Weights:
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def select_part(weights: Weights, name: str) -> Weights:
    return {key.removeprefix(name + "."): value for key, value in weights.items() if key.startswith(name + ".")}


@pytest.mark.parametrize("name", [name for name in ATTENTIONS if name != "none"])
def test_context_and_weights_follow_the_equations(name):
    memory_size = D if name == "luong-dot" else 4
    torch.manual_seed(3)
    attention = REGISTERED_ATTENTIONS[name].kind(D, memory_size, A).double()
    values_BSM, state_BTD = torch.randn(2, 3, memory_size).double(), torch.randn(2, 2, D).double()
    real_BS = torch.tensor([[True, True, True], [True, True, False]])
    context_BTM, weights_BTS, *_ = attention(state_BTD, attention.build_memory(values_BSM, real_BS))

    parameters = parameters_of(attention)
    for b, t in np.ndindex(2, 2):
        length = int(real_BS[b].sum())
        state_D, values_SM = state_BTD[b, t].numpy(), values_BSM[b].numpy()
        weights = softmax([score_terms(name, parameters, state_D, values_SM[i], i).sum() for i in range(length)])
        context = sum(weights[i] * values_SM[i] for i in range(length))
        np.testing.assert_allclose(weights_BTS[b, t, :length].detach().numpy(), weights, rtol=1e-12)
        np.testing.assert_allclose(context_BTM[b, t].detach().numpy(), context, rtol=1e-12)
        assert (weights_BTS[b, t, length:] == 0).all()


def test_no_attention_has_an_empty_context_and_no_weights():
    attention = REGISTERED_ATTENTIONS["none"].kind(D, D, A)
    context_BTM, weights_BTS, *_ = attention(
        torch.randn(2, 3, D), attention.build_memory(torch.randn(2, 4, D), torch.ones(2, 4).bool())
    )
    assert (context_BTM.shape, weights_BTS.shape) == ((2, 3, 0), (2, 3, 0))


def normalize_by_bisection(power: float):
    """Sparsemax (power 1) and entmax (2) by bisection for tau instead of by sorting."""

    def normalize(scores):
        scores = np.asarray(scores) / power
        low, high = scores[np.isfinite(scores)].max() - 1, scores[np.isfinite(scores)].max()
        for _ in range(100):
            tau = (low + high) / 2
            if (np.maximum(scores - tau, 0) ** power).sum() > 1:
                low = tau
            else:
                high = tau
        return np.maximum(scores - tau, 0) ** power

    return normalize


NORMALIZED = {"softmax": softmax, "sparsemax": normalize_by_bisection(1), "entmax": normalize_by_bisection(2)}


@pytest.mark.parametrize("name", NORMALIZERS)
@pytest.mark.parametrize("scale", [0.01, 1.0, 30.0])
def test_weights_equal_those_of_a_bisection_for_the_threshold(name, scale):
    scores_BTHS = scale * torch.randn(5, 2, 3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores_BTHS[:2, ..., 4:] = -torch.inf
    scores_BTHS[2] = scores_BTHS[2, ..., :1]  # all equal
    weights_BTHS = NORMALIZERS[name].weights(scores_BTHS)
    for place in np.ndindex(5, 2, 3):
        expected_S = NORMALIZED[name](scores_BTHS[place].numpy())
        np.testing.assert_allclose(weights_BTHS[place].numpy(), expected_S, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["sparsemax", "entmax"])
def test_sparse_weights_are_zero_and_have_a_gradient(name):
    scores_BTHS = torch.tensor([[[[0.3, 0.1, -0.2, -3.0, -torch.inf]]]], dtype=torch.float64, requires_grad=True)
    weights_BTHS = NORMALIZERS[name].weights(scores_BTHS)
    assert (weights_BTHS[0, 0, 0] == 0).tolist() == [False, False, False, True, True]
    assert torch.autograd.gradcheck(NORMALIZERS[name].weights, scores_BTHS.detach()[..., :4].requires_grad_())
    weights_BTHS[0, 0, 0, 0].backward()
    assert scores_BTHS.grad.isfinite().all()


def numpy_attention(settings: ModelSettings, weights: Weights, states_TD, values_SM) -> list[tuple[np.ndarray, ...]]:
    """(context, weights, parts) at each target position of one sentence without padding."""
    S, H = len(values_SM), settings.heads
    names = [settings.attention, *settings.mix]
    windows = [settings.window, *[settings.mix_window] * len(settings.mix)]
    coverage_SC = np.zeros((S, {"none": 0, "linguistic": 1, "neural": settings.coverage_size}[settings.coverage]))
    projected_SM = values_SM @ weights["value_weight.weight"].T if H > 1 else values_SM
    outputs = []
    for t, state_D in enumerate(states_TD):
        weights_HS, parts = np.zeros((H, S)), []
        shares = softmax(weights["share.weight"] @ state_D + weights["share.bias"]) if len(names) > 1 else [1.0]
        for number, (name, window, share) in enumerate(zip(names, windows, shares, strict=True)):
            own = select_part(weights, f"branches.{number}")
            inside, factor = [True] * S, [1.0] * S
            if window == "monotonic":
                inside = [abs(i - min(t, S - 1)) <= settings.window_width for i in range(S)]
            elif window == "predictive":
                predictor = select_part(own, "window")
                logit = predictor["v.weight"][0] @ np.tanh(predictor["state_weight.weight"] @ state_D)
                centre, sigma = (S - 1) * sigmoid(logit), settings.window_width / 2
                inside = [abs(i - centre) <= settings.window_width for i in range(S)]
                factor = [np.exp(-((i - centre) ** 2) / (2 * sigma**2)) for i in range(S)]
            for h in range(H):
                scores = np.full(S, -np.inf)
                for i in np.flatnonzero(inside):
                    cover_A = own["coverage_weight.weight"] @ coverage_SC[i] if coverage_SC.size else 0.0
                    terms_A = score_terms(name, select_part(own, "score"), state_D, values_SM[i], i, cover_A)
                    scores[i] = np.split(terms_A, H)[h].sum() * (np.sqrt(H) if name == "scaled-dot" else 1)
                parts.append(share * NORMALIZED[settings.normalizer](scores) * factor)
                weights_HS[h] += parts[-1]
        if settings.content_gate != "none":
            gates_S = np.array(
                [sigmoid(weights["gate.weight"][0] @ value + weights["gate.bias"][0]) for value in values_SM]
            )
            parts.append(gates_S)
            weights_HS = weights_HS * gates_S
            if settings.content_gate == "renormalised":
                weights_HS = weights_HS / weights_HS.sum(-1, keepdims=True)
        context_M = np.concatenate([w @ v for w, v in zip(weights_HS, np.split(projected_SM, H, axis=1), strict=True)])
        mean_S = weights_HS.mean(0) / weights_HS.mean(0).sum()
        outputs.append((context_M, mean_S, np.array(parts)))
        for i in range(S):
            own = select_part(weights, "coverage")
            if settings.coverage == "linguistic":
                coverage_SC[i] += mean_S[i] / (2 * sigmoid(own["key_weight.weight"][0] @ values_SM[i]))
            elif settings.coverage == "neural":
                in_G = own["key_weight.weight"] @ values_SM[i] + own["key_weight.bias"]
                in_G = in_G + own["state_weight.weight"] @ state_D + own["attention_weight.weight"][:, 0] * mean_S[i]
                r, z, n = np.split(in_G, 3)
                r_c, z_c, n_c = np.split(own["from_hidden.weight"] @ coverage_SC[i] + own["from_hidden.bias"], 3)
                z, n = sigmoid(z + z_c), np.tanh(n + sigmoid(r + r_c) * n_c)
                coverage_SC[i] = (1 - z) * n + z * coverage_SC[i]
    return outputs


def random_attention(settings: ModelSettings) -> Attention:
    torch.manual_seed(1)
    attention = build_attention(settings).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return attention


def attend_in_turn(attention: Attention, states_BTD, values_BSM, real_BS) -> list[AttentionOutput]:
    """The output at each target position, computed one after the other."""
    memory, history, outputs = attention.build_memory(values_BSM, real_BS), None, []
    for state_BD in states_BTD.unbind(1):
        outputs.append(attention(state_BD[:, None], memory, history))
        history = outputs[-1].history_BKP
    return outputs


@pytest.mark.parametrize("kind", COMPOSITES)
def test_parts_around_a_score_follow_the_equations(kind):
    settings = small_settings(**COMPOSITES[kind])
    attention = random_attention(settings)
    lengths, T = [6, 1, 4], 8
    states_BTD = torch.randn(3, T, settings.decoder_size).double()
    values_BSM = torch.randn(3, 6, 2 * settings.encoder_size).double()
    outputs = attend_in_turn(attention, states_BTD, values_BSM, torch.arange(6) < torch.tensor(lengths)[:, None])
    for b, length in enumerate(lengths):
        expected = numpy_attention(
            settings, parameters_of(attention), states_BTD[b].numpy(), values_BSM[b, :length].numpy()
        )
        for output, (context_M, weights_S, parts_HS) in zip(outputs, expected, strict=True):
            assert len(parts_HS) == len(attention.part_names)
            for value, wanted in (
                (output.context_BKM[b, 0], context_M),
                (output.weights_BKS[b, 0, :length], weights_S),
                (output.parts_BKHS[b, 0, :, :length], parts_HS),
            ):
                np.testing.assert_allclose(value.detach().numpy(), wanted, rtol=1e-9, atol=1e-12)
            assert (output.weights_BKS[b, 0, length:] == 0).all()
            assert (output.parts_BKHS[b, 0, :, length:] == 0).all()


@pytest.mark.parametrize("kind", COMPOSITES)
def test_gradients_of_the_parts_are_those_of_finite_differences(kind):
    changes = {"attention_size": 2, "encoder_size": 1, "decoder_size": 2, "coverage_size": 1}
    attention = random_attention(small_settings(**(COMPOSITES[kind] | changes)))
    real_BS = torch.tensor([[True, True, True], [True, True, False]])

    def run(states_BTD, values_BSM, *_):
        outputs = attend_in_turn(attention, states_BTD, values_BSM, real_BS)
        return tuple(value for output in outputs for value in output[:2])

    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in ((2, 2, 2), (2, 3, 2))]
    assert torch.autograd.gradcheck(run, (*inputs, *attention.parameters()), fast_mode=True)


@pytest.mark.parametrize("name", [name for name in ATTENTIONS if name != "none"])
def test_a_composite_without_parts_equals_its_score(name):
    settings = small_settings(attention=name)
    plain = random_attention(settings)
    composite = CompositeAttention(settings, [plain]).double()
    states_BTD, values_BSM = torch.randn(2, 3, 8).double(), torch.randn(2, 5, 8).double()
    real_BS = torch.arange(5) < torch.tensor([[5], [2]])
    for one in (0, 1):
        found, expected = (each(states_BTD, each.build_memory(values_BSM, real_BS))[one] for each in (composite, plain))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


def test_location_scores_depend_on_positions_alone():
    attention = random_attention(small_settings(attention="luong-location"))
    state_BTD, values_BSM, real_BS = torch.randn(1, 1, 8).double(), torch.randn(1, 700, 8).double(), torch.ones(1, 700)
    long, other = (
        attention(state_BTD, attention.build_memory(values, real_BS.bool()))[1] for values in (values_BSM, -values_BSM)
    )
    assert torch.equal(long, other)
    short = attention(state_BTD, attention.build_memory(values_BSM[:, :9], real_BS[:, :9].bool()))[1]
    torch.testing.assert_close(short, long[..., :9] / long[..., :9].sum(), rtol=1e-10, atol=0)


def test_a_monotonic_window_stops_at_the_end_of_its_sentence():
    attention = random_attention(small_settings(window="monotonic", window_width=2))
    states_BTD, values_BSM = torch.randn(1, 12, 8).double(), torch.randn(1, 6, 8).double()
    outputs = attend_in_turn(attention, states_BTD, values_BSM, torch.arange(6)[None] < 5)
    opened = [(output.weights_BKS[0, 0] > 0).nonzero()[:, 0].tolist() for output in outputs]
    assert opened[:5] == [[0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4]]
    assert all(positions == [2, 3, 4] for positions in opened[5:])


def test_a_closed_gate_gives_zeros_and_no_nan():
    attention = random_attention(small_settings(content_gate="renormalised"))
    with torch.no_grad():
        attention.gate.bias.fill_(-1e5)
    states_BTD, values_BSM = torch.randn(1, 1, 8).double(), torch.randn(1, 3, 8).double()
    (output,) = attend_in_turn(attention, states_BTD, values_BSM, torch.ones(1, 3).bool())
    assert (output.weights_BKS == 0).all()
    assert (output.context_BKM == 0).all()


def test_self_attention_follows_the_equations():
    torch.manual_seed(0)
    attention = SelfAttention(6, 2, Dropout(0.0, False)).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    values_BSM, lengths = torch.randn(2, 4, 6).double(), [4, 2]
    found_BSM = attention(values_BSM, torch.arange(4) < torch.tensor(lengths)[:, None]).detach().numpy()
    weights = parameters_of(attention)
    for b, length in enumerate(lengths):
        values_SM = values_BSM[b, :length].numpy()
        query, key, value = (values_SM @ weights[f"{name}_weight.weight"].T for name in ("query", "key", "value"))
        for i in range(length):
            heads = []
            for head in (slice(0, 3), slice(3, 6)):
                heads.append(softmax(key[:, head] @ query[i, head] / np.sqrt(3)) @ value[:, head])
            summed = values_SM[i] + weights["out_weight.weight"] @ np.concatenate(heads)
            normed = (summed - summed.mean()) / np.sqrt(summed.var() + 1e-5)
            expected = normed * weights["norm.weight"] + weights["norm.bias"]
            np.testing.assert_allclose(found_BSM[b, i], expected, rtol=1e-9)
