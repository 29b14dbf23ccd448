"""How slots are filled: by sampling, in diverse groups, in turns; each is compared with its definition."""

import math
from collections import Counter

import numpy as np
import pytest
from support.axes import hold_axes
from support.scripted import WORDS, ScriptedModel, batch, enumerate_best

from nmt.ids import EOS, PAD
from nmt.search.beam import beam_search
from nmt.search.choices import (
    BLOCK_SIZE,
    Diverse,
    Sample,
    allocate_slots,
    choose_continuations,
    count_progress,
    favour_constraints,
    find_top_ids,
    truncate,
)
from nmt.search.forced_decoding import force_decode
from nmt.search.probabilities import log_softmax
from nmt.step import ConstraintProgress, StepOut

pytestmark = pytest.mark.numerical

A, B, C = WORDS, WORDS + 1, WORDS + 2
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.0, "max_length_extra": 4}
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


def draw(model, sources, keys, samples=4, seed=7, **how):
    choice = Sample(samples, keys, seed=seed, **OFF | how)
    return beam_search(model, *batch(*sources), beam=samples, n_best=samples, choice=choice, **HOW)


def facts(hypotheses):
    return [(h.tokens, h.log_prob, h.attention_TS.tolist()) for h in hypotheses]


@pytest.mark.parametrize("seed", range(3))
def test_samples_are_the_same_alone_and_in_any_batch_and_order(seed):
    model = ScriptedModel.random(vocab=6, seed=seed)
    sources, keys = [(A,), (B, C), (C, A, A, B), (), (B,)], [3, 1, 4, 2**63 + 1, 5]
    together = draw(model, sources, keys, seed=seed)
    assert [facts(found) for found in draw(model, sources[::-1], keys[::-1], seed=seed)[::-1]] == [
        facts(found) for found in together
    ]
    for source, key, found in zip(sources, keys, together, strict=True):
        assert facts(draw(model, [source], [key], seed=seed)[0]) == facts(found)
    for other in (
        draw(model, sources, keys, seed=seed + 1),
        draw(model, sources, [key + 1 for key in keys], seed=seed),
    ):
        assert [facts(found) for found in other] != [facts(found) for found in together]


def test_more_samples_begin_with_the_fewer():
    model = ScriptedModel.random(vocab=6, seed=0)
    few, many = ({h.tokens for h in draw(model, [(A, B)], [9], samples=samples)[0]} for samples in (3, 8))
    assert few < many


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_samples_are_as_frequent_as_they_are_probable(temperature):
    model = ScriptedModel.random(vocab=2, seed=3)
    draws = 4000
    (found,) = draw(model, [(A,)], [0], samples=draws, temperature=temperature)
    seen = Counter(h.tokens[0] for h in found)
    log_probs = np.array([[-math.inf] * 3 + model.log_probs((A, EOS), ())[EOS:]])
    for word, probability in enumerate(np.exp(log_softmax(log_probs / temperature))[0].tolist()):
        assert seen[word] / draws == pytest.approx(probability, abs=4 * math.sqrt(0.25 / draws))
    for one in found[:20]:  # log-probabilities are the model's at every temperature
        (forced,) = force_decode(model, *batch((A,)), np.array([one.tokens]), np.array([len(one.tokens)]))
        assert one.token_log_probs == pytest.approx(forced.token_log_probs)
        assert one.attention_TS.tolist() == forced.attention_TS.tolist()


@pytest.mark.parametrize("how", [{"top_k": 1}, {"top_p": 0.01}, {"temperature": 0.001}])
def test_the_narrowest_samples_are_greedy(how):
    model = ScriptedModel.random(vocab=6, seed=1)
    (greedy,) = beam_search(model, *batch((A, B)), beam=1, **HOW)
    (found,) = draw(model, [(A, B)], [0], samples=5, **how)
    assert {one.tokens for one in found} == {greedy[0].tokens}


@pytest.mark.parametrize(
    ("top_k", "top_p", "kept"),
    [(0, 1.0, 4), (2, 1.0, 2), (9, 1.0, 4), (0, 0.5, 1), (0, 0.51, 2), (0, 0.8, 2), (0, 0.81, 3), (3, 0.99, 3)],
)
def test_truncation_keeps_the_most_probable(top_k, top_p, kept):
    logits_NV = np.log(np.array([[0.05, 0.5, 0.15, 0.3]]))
    order = (1, 3, 2, 0)
    got = truncate(logits_NV, top_k, top_p)
    assert set(np.isfinite(got)[0].nonzero()[0].tolist()) == set(order[:kept])
    assert np.array_equal(got[np.isfinite(got)], logits_NV[np.isfinite(got)])


def test_of_equally_probable_words_truncation_keeps_the_first():
    logits_NV = np.log(np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [0.1, 0.4, 0.1, 0.1, 0.3], [0.1, np.nan, 0.1, 0.1, 0.1]]))
    kept_NV = truncate(logits_NV, 0, 0.75) != -np.inf
    assert kept_NV[:2].tolist() == [[True, True, True, True, False], [True, True, False, False, True]]
    assert np.isnan(truncate(logits_NV, 0, 0.75)[2, 1])  # search reports it


@pytest.mark.parametrize("how", [OFF, OFF | {"top_k": 3}, OFF | {"top_p": 0.6}])
def test_noise_has_the_gumbel_distribution_of_its_key_and_counter(how):
    log_probs_NV = log_softmax(np.random.default_rng(1).standard_normal((4, 9)))
    drawn = Sample(2, [5, 6], seed=7, **how)(
        np.zeros((4, 1)), StepOut(log_probs_NV, None, np.zeros((4, 0))), np.ones(4, int), 1, np.array([0, 1]), 3
    )
    noise_NV = [
        np.random.Generator(np.random.Philox(key=[7, key], counter=[0, 0, sample, 3])).gumbel(size=9)
        for key in (5, 6)
        for sample in (0, 1)
    ]
    ranked_NV = truncate(log_probs_NV, how["top_k"], how["top_p"]) + noise_NV
    assert drawn.token_UW[:, 0].tolist() == ranked_NV.argmax(1).tolist()


def diverse(model, sources, groups, strength, beam=4):
    choice = Diverse(groups, strength)
    return beam_search(model, *batch(*sources), beam=beam, n_best=beam, choice=choice, **HOW)


@pytest.mark.parametrize("seed", range(4))
def test_groups_follow_the_paper(seed):
    """The paper's algorithm 1 for groups of one hypothesis: at each position, one group after the other."""
    model = ScriptedModel.random(vocab=5, seed=seed)
    (found,) = diverse(model, [(A, B)], groups=3, strength=0.7, beam=3)
    limit = 6
    groups = [((), 0.0)] * 3
    for _ in range(limit):
        chosen = Counter()
        for group, (tokens, log_prob) in enumerate(groups):
            if tokens[-1:] == (EOS,):
                continue
            numbers = model.log_probs((A, B, EOS), tokens)
            word = max(range(EOS, model.vocabulary), key=lambda word: numbers[word] - 0.7 * chosen[word])
            chosen[word] += 1
            groups[group] = (*tokens, word), log_prob + numbers[word]
    united = dict(groups)  # equal ones are returned once
    assert {h.tokens: h.log_prob for h in found} == pytest.approx(united, abs=1e-5)
    assert len(found) == len(united)


@pytest.mark.parametrize("seed", range(3))
def test_without_strength_groups_are_one_beam_and_so_is_one_group(seed):
    model = ScriptedModel.random(vocab=5, seed=seed)
    sources = [(A,), (B, C, C), ()]
    beams = beam_search(model, *batch(*sources), beam=2, n_best=2, **HOW)
    assert [facts(found) for found in diverse(model, sources, 2, 0.0)] == [facts(found) for found in beams]
    assert [facts(found) for found in diverse(model, sources, 1, 9.0, beam=2)] == [facts(found) for found in beams]


@pytest.mark.parametrize("seed", range(3))
def test_a_strong_penalty_keeps_the_first_words_of_groups_apart(seed):
    model = ScriptedModel.random(vocab=5, seed=seed)
    for found in diverse(model, [(A,), (B, C)], groups=4, strength=100.0):
        assert len({one.tokens[0] for one in found}) == 4


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_the_same_alone_and_in_any_batch(seed):
    model = ScriptedModel.random(vocab=5, seed=seed)
    sources = [(A,), (B, C, A, A), (), (C,)]
    together = diverse(model, sources, 2, 0.5)
    for source, found in zip(sources, together, strict=True):
        assert facts(diverse(model, [source], 2, 0.5)[0]) == facts(found)


def test_groups_that_stop_early_find_the_same_translations():
    for seed in range(6):
        model = ScriptedModel.random(vocab=6, seed=seed, sharpness=3.0)
        how = HOW | {"beam": 6, "choice": Diverse(3, 0.5), "normalization": "none", "max_length_extra": 7}
        for n_best in (1, 2, 3):
            whole, first = (beam_search(model, *batch((A,), (B, C)), n_best=n, **how) for n in (6, n_best))
            assert [facts(found) for found in first] == [facts(found[:n_best]) for found in whole]


@pytest.mark.parametrize("seed", range(4))
def test_what_several_groups_find_is_returned_once(seed):
    """A model that is sure of its words is so in every group. Samples may be equal, as they are drawn."""
    model = ScriptedModel.random(vocab=6, seed=seed, sharpness=6.0)
    for found in diverse(model, [(A,), (B, C, A), (C, C)], groups=3, strength=0.1, beam=6):
        assert len(found) < 6
        assert len({one.tokens for one in found}) == len(found)


@pytest.mark.parametrize(
    ("ranks", "banks", "order"),
    [
        ([-1.0, -2.0, -3.0], [0, 0, 0], [0, 1, 2]),  # one bank: by rank
        ([-1.0, -2.0, -9.0, -3.0], [0, 0, 1, 0], [2, 0, 1, 3]),  # the most advanced bank first, then turns
        ([-1.0, -2.0, -9.0, -8.0], [0, 2, 2, 1], [1, 3, 0, 2]),
        ([-1.0, -math.inf, -2.0], [0, 5, 0], [0, 2, 1]),  # a forbidden id takes no turn
    ],
)
def test_banks_take_turns(ranks, banks, order):
    assert allocate_slots(np.array([ranks]), np.array([banks])).tolist() == [order]


def test_an_id_that_advances_a_row_has_its_highest_allowance():
    constraints = ConstraintProgress(
        token_NQ=np.array([[5, PAD, 5, 6], [PAD, PAD, PAD, PAD]]),
        progress_N=np.array([2, 0]),
        allowance_NQ=np.array([[7.0, 99.0, 1.0, 1.0], [99.0] * 4]),
        allowance_N=np.array([1.0, 0.5]),
    )
    progress_NC, allowance_NC = count_progress(constraints, np.array([[4, 5, 6], [PAD, 5, 6]]))
    assert progress_NC.tolist() == [[2, 3, 3], [0, 0, 0]]
    assert allowance_NC.tolist() == [[1, 7, 1], [0.5, 0.5, 0.5]]


def test_the_allowance_ranks_and_is_not_part_of_a_log_probability():
    """Without it the row that has paid for all of a phrase would lose to one that has only begun it."""
    log_probs_NV = np.array([[-9.0, -9, -9, -0.1, -9], [-9, -9, -9, -0.5, -9]])
    none = np.zeros((2, 2), int)
    constraints = ConstraintProgress(none, np.ones(2), none.astype(float), np.array([0.0, 6.0]))
    chosen = choose_continuations(np.array([[-3.0, -8.0]]), log_probs_NV, 1, constraints=constraints)
    assert (chosen.row_UW.item(), chosen.token_UW.item()) == (1, 3)
    assert chosen.log_prob_UW.item() == pytest.approx(-8.5)


def test_constraints_that_are_met_change_nothing():
    log_probs_NV = log_softmax(np.random.default_rng(1).standard_normal((6, 9)))
    log_prob_UK = np.array([[-1.0, -1.5, -math.inf], [-0.1, -0.2, -3.0]])
    none = np.zeros((6, 2), int)
    constraints = ConstraintProgress(none, np.full(6, 3), none.astype(float), np.zeros(6))
    for slots in (1, 3, 20):
        plain, constrained = (
            choose_continuations(log_prob_UK, log_probs_NV, slots, constraints=some) for some in (None, constraints)
        )
        size = min(part.shape[1] for part in (plain.token_UW, constrained.token_UW))
        for one, other in zip(plain, constrained, strict=True):
            is_real = np.isfinite(plain.log_prob_UW[:, :size])
            assert np.array_equal(one[:, :size][is_real], other[:, :size][is_real])


@pytest.mark.parametrize("words", [3, BLOCK_SIZE, 8 * BLOCK_SIZE, 9 * BLOCK_SIZE + 5])
@pytest.mark.parametrize("count", [1, 2, 40])
def test_top_ids_are_those_of_sorted_scores(words, count):
    scores_NV = np.random.default_rng(words).random((4, words))
    scores_NV[3, words // 2] = math.nan
    want = np.argsort(scores_NV, 1)[:, -min(count, words) :]
    assert np.array_equal(np.sort(find_top_ids(scores_NV, count), 1), np.sort(want, 1))


def test_a_wide_beam_in_groups_still_finds_the_best():
    model = ScriptedModel.random(vocab=3, seed=0)
    (found,) = beam_search(model, *batch((A,)), beam=400, choice=Diverse(2, 0.0), **HOW)
    assert found[0].tokens == enumerate_best(model, (A, EOS), 5, "wu", 1.0)[0].tokens


def test_arrays_are_shaped_as_they_are_named(monkeypatch):
    from nmt.search import banned, beam, choices, phrases, required, restrictions

    assert hold_axes(monkeypatch, "nmt.search") > 40
    model = restrictions.NoRepeat(restrictions.MinLength(ScriptedModel.random(vocab=3, seed=0), 2), 2)
    begins_word_V = np.ones(7, bool)
    model = restrictions.Prefix(model, [(A,), (), ()], [True, False, False], begins_word_V)
    bounds = phrases.WordBounds(begins_word_V, begins_word_V)
    one, two, three = phrases.Phrase((A, B)), phrases.Phrase((C,), False), phrases.Phrase((A,), is_attached=True)
    model = required.RequiredPhrases(model, [[[one]], [], [[two, three], [three]]], [5, 6, 7], bounds)
    model = restrictions.LimitedPhrases(model, [[([one], 1)], [], [([two, three], 2), ([one], 1)]], bounds)
    model = banned.BannedStrings(model, (b"", b"", b"", b" ", b" a", b" b", b"c"), [[b"cc"], [b"a", b" bb"], []])
    sample = choices.Sample(4, [1, 2, 3], seed=1, **OFF | {"top_p": 0.9})
    for choice in (choices.Diverse(2, 0.5), sample, choices.MostProbable()):
        how = HOW | {"beam": 4, "n_best": 4, "limits": [5, 6, 7], "choice": choice}
        assert len(beam.beam_search(model, *batch((A,), (B, C), (C, C, C)), **how)) == 3


def test_the_probability_of_forbidden_words_goes_to_required_ones():
    p_NV = np.array([[0, 0, 0, 0, 0.1, 0.3, 0.2], [0, 0, 0, 0, 0.5, 0.25, 0.25], [0, 0, 0, 0, 0.9, 0.1, 0]])
    p_NV = np.concatenate([p_NV, [[0, 0, 0, 0, 0.2, 0.6, 0.2]]])
    token_NQ = np.array([[PAD, PAD, 4, 5], [PAD, 6, 4, PAD], [6, PAD, 4, PAD], [4, 5, 6, PAD]])
    constraints = ConstraintProgress(token_NQ, np.zeros(4), np.zeros((4, 4)), np.zeros(4))
    expected = [
        [0, 0, 0, 0, 0.3, 0.5, 0.2],  # the forbidden end had 0.4
        [0, 0, 0, 0, 0, 0, 1],  # a phrase has begun and continues
        [0, 0, 0, 0, 0.9, 0.1, 0],  # a phrase has begun, but its next token is forbidden
        [0, 0, 0, 0, 0.25, 0.75, 0],  # two phrases have begun
    ]
    with np.errstate(divide="ignore"):
        log_probs_NV = np.log(p_NV)
    np.testing.assert_allclose(np.exp(favour_constraints(log_probs_NV, constraints)), expected, rtol=0, atol=1e-7)
