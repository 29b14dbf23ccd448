import math
from collections import Counter

import numpy as np
import pytest
from support.models import KINDS, sentences, small_model
from support.scripted import WORDS, ScriptedModel, batch, enumerate_best

from nmt.errors import NmtError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.beam import beam_search
from nmt.search.choices import Diverse
from nmt.search.forced_decoding import force_decode
from nmt.search.hypothesis import MIN_COVERAGE, coverage_penalty, length_penalty
from nmt.search.restrictions import ForbiddenIds

pytestmark = pytest.mark.numerical

A, B, C, D = WORDS, WORDS + 1, WORDS + 2, WORDS + 3
HOW = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 1.5, "max_length_extra": 2}
NORMALIZATIONS = [("wu", 0.0), ("wu", 0.6), ("wu", 1.0), ("wu", 3.0), ("average", 1.0), ("none", 1.0)]


def search(model, *sources, beam=4, normalization="wu", alpha=1.0, ratio=1.0, extra=3, n_best=1, beta=0.0):
    return beam_search(
        model,
        *batch(*sources),
        beam=beam,
        normalization=normalization,
        alpha=alpha,
        max_length_ratio=ratio,
        max_length_extra=extra,
        n_best=n_best,
        beta=beta,
    )


def facts(hypotheses):
    """The parts of hypotheses that can be compared with ==."""
    return [(h.tokens, h.log_prob, h.score, h.token_log_probs, h.attention_TS.tolist()) for h in hypotheses]


@pytest.mark.parametrize(
    ("n", "normalization", "alpha", "penalty"),
    [
        (1, "wu", 1.0, 1.0),  # (5 + 1) / 6
        (7, "wu", 1.0, 2.0),
        (7, "wu", 0.5, math.sqrt(2)),
        (7, "wu", 0.0, 1.0),  # raw sums
        (7, "average", 0.5, 7.0),
        (7, "none", 0.5, 1.0),
    ],
)
def test_length_penalty(n, normalization, alpha, penalty):
    assert length_penalty(np.array([float(n)]), normalization, alpha).tolist() == pytest.approx([penalty])


@pytest.mark.parametrize(
    ("coverage", "penalty"),
    [
        ([1.0, 1.0, 0.0], 0.0),  # the third position is padding
        ([0.5, 1.7, 0.0], math.log(0.5)),  # coverage above one counts as one
        ([0.5, 0.25, 9.0], math.log(0.125)),
        ([1.0, 0.0, 0.0], math.log(MIN_COVERAGE)),
    ],
)
def test_coverage_penalty(coverage, penalty):
    real = np.array([[True, True, False]])
    assert coverage_penalty(np.array([coverage]), real, 2.0).tolist() == pytest.approx([2 * penalty])


@pytest.mark.parametrize("beta", [0.0, 0.01, 0.1, 1.0])
@pytest.mark.parametrize(("normalization", "alpha"), NORMALIZATIONS)
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_wider_than_the_tree_finds_the_best_and_the_next_best(seed, normalization, alpha, beta):
    """The search may stop before the end of the tree, when no live hypothesis can still be among the best."""
    model = ScriptedModel.random(vocab=3, seed=seed)
    want = enumerate_best(model, (A, B, EOS), 4, normalization, alpha, beta)[:7]
    (got, _) = search(
        model, (A, B), (B,), beam=200, normalization=normalization, alpha=alpha, n_best=7, extra=2, beta=beta
    )
    assert [h.tokens for h in got] == [best.tokens for best in want]
    assert [h.log_prob for h in got] == pytest.approx([best.log_prob for best in want], abs=1e-9)
    assert [h.score for h in got] == pytest.approx([best.score for best in want], abs=1e-9)
    assert all(h.is_finished for h in got)


@pytest.mark.parametrize("beam", [1, 2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_a_sentence_translates_the_same_alone_and_in_any_batch(seed, beam):
    model = ScriptedModel.random(vocab=5, seed=seed)
    sources = [(A,), (B, C, D, A, B), (C,), (A, B), (D, D, D), (B,)]
    n_best = min(beam, 3)
    together = search(model, *sources, beam=beam, n_best=n_best)
    for source, found in zip(sources, together, strict=True):
        assert facts(search(model, source, beam=beam, n_best=n_best)[0]) == facts(found)
    for found, alone in zip(search(model, *sources[::-1], beam=beam, n_best=n_best)[::-1], together, strict=True):
        assert facts(found) == facts(alone)


@pytest.mark.parametrize("seed", range(10))
def test_a_beam_of_one_is_greedy(seed):
    model = ScriptedModel.random(vocab=6, seed=seed)
    tokens = []
    while (not tokens or tokens[-1] != EOS) and len(tokens) < 8:
        numbers = model.log_probs((A, B, EOS), tuple(tokens))
        tokens.append(max(range(EOS, model.vocabulary), key=numbers.__getitem__))
    ((got,),) = search(model, (A, B), beam=1, extra=6)
    assert got.tokens == tuple(tokens)
    assert got.is_finished == (tokens[-1] == EOS)


@pytest.mark.parametrize(("normalization", "alpha"), NORMALIZATIONS)
@pytest.mark.parametrize("beta", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_stopping_early_changes_nothing(seed, normalization, alpha, beta):
    """With n_best equal to the number of slots, a search cannot stop before every hypothesis has ended."""
    work = Counter()

    def run(n_best):
        model = ScriptedModel.random(vocab=6, seed=seed, sharpness=3.0)
        step = model.step
        model.step = lambda previous_N, state: work.update({n_best: len(previous_N)}) or step(previous_N, state)
        how = {"normalization": normalization, "alpha": alpha, "beam": 5, "extra": 5, "beta": beta}
        return [facts(found) for found in search(model, (A, B, C), (B,), (C, A), n_best=n_best, **how)]

    unstopped = run(n_best=5)
    for n_best in (1, 3):
        assert run(n_best) == [found[:n_best] for found in unstopped]
    if normalization == "none" and not beta:
        assert work[1] < work[5]


def test_n_best_lists_are_sorted_and_distinct():
    for hypotheses in search(ScriptedModel.random(vocab=6, seed=0), (A,), (B, C), beam=6, n_best=6, extra=9):
        assert len({h.tokens for h in hypotheses}) == len(hypotheses) == 6
        rank = [(not h.is_finished, -h.score) for h in hypotheses]
        assert rank == sorted(rank)


def test_log_prob_equals_forced_scoring_and_the_sum_over_tokens():
    model = ScriptedModel.random(vocab=6, seed=1)
    sources = [(A, B, C), (B,), (C, A)]
    for source, hypotheses in zip(sources, search(model, *sources, beam=4, n_best=4, extra=6), strict=True):
        for found in hypotheses:
            target_BT = np.array([found.tokens])
            (forced,) = force_decode(model, *batch(source), target_BT, np.array([len(found.tokens)]))
            assert forced.token_log_probs == found.token_log_probs
            assert found.log_prob == pytest.approx(forced.log_prob, abs=1e-12)
            assert forced.attention_TS.tolist() == found.attention_TS.tolist()


def test_a_hypothesis_has_the_attention_of_its_own_tokens():
    model = ScriptedModel.random(vocab=6, seed=2)
    sources = [(A, B, C, D), (B,), (C, A)]
    for source, hypotheses in zip(sources, search(model, *sources, beam=5, n_best=5, extra=6), strict=True):
        for found in hypotheses:
            assert found.attention_TS.shape == (len(found.tokens), len(source) + 1)
            assert found.attention_TS.sum(1).tolist() == [1] * len(found.tokens)
            for position, column in enumerate(found.attention_TS.argmax(1).tolist()):
                assert column == model.attend((*source, EOS), found.tokens[:position])


def test_a_hypothesis_keeps_no_attention_of_others_in_memory():
    model = ScriptedModel.random(vocab=5, seed=1)
    for found in beam_search(model, *batch((A,), (A, B, C)), beam=4, n_best=2, **HOW):
        for one in found:
            held = one.attention_TS if one.attention_TS.base is None else one.attention_TS.base
            assert held.size == one.attention_TS.size == len(one.tokens) * one.attention_TS.shape[1]


def test_attention_of_a_model_without_attention_has_no_columns():
    model = ScriptedModel.random(vocab=4, seed=2)
    model.attend = None
    ((found,),) = search(model, (A, B))
    assert found.attention_TS.shape == (len(found.tokens), 0)


def never_ends(log_prob_of_eos=-50.0):
    """Generates A (more probable) or B for ever."""
    return ScriptedModel(WORDS + 2, lambda source, prefix: [-9.0, -9.0, -9.0, log_prob_of_eos, -0.5, -1.0])


@pytest.mark.parametrize(
    ("source", "ratio", "extra", "limit"),
    [((A, A, A), 2.0, 1, 7), ((A,), 0.5, 0, 1), ((A, A, A), 0.5, 2, 4), ((), 2.0, 0, 1), ((), 2.0, 5, 5)],
)
def test_the_length_limit_depends_on_the_sentence_alone(source, ratio, extra, limit):
    (got, longer) = search(never_ends(-math.inf), source, (B,) * 9, beam=2, ratio=ratio, extra=extra)
    assert [len(h.tokens) for h in (*got, *longer)] == [limit, math.ceil(9 * ratio) + extra]
    assert not got[0].is_finished
    assert got[0].tokens == (A,) * limit


def test_hypotheses_at_the_length_limit_rank_after_finished_ones():
    (got,) = search(never_ends(-1.5), (A,), beam=3, extra=1, n_best=3, normalization="none")
    assert [h.is_finished for h in got] == [True, False, False]
    assert got[0].tokens == (EOS,)
    assert got[0].score < got[1].score  # so a sort by score alone would be wrong


@pytest.mark.parametrize("beam", [1, 3])
def test_pad_bos_and_unk_are_never_generated(beam):
    model = ScriptedModel(WORDS + 1, lambda source, prefix: [-0.1, -0.2, -0.3, -4.0, -3.0])
    for hypotheses in search(model, (A,), beam=beam, n_best=beam, extra=3):
        for found in hypotheses:
            assert {PAD, UNK, BOS}.isdisjoint(found.tokens)


def test_equal_continuations_go_to_the_better_row_and_the_smaller_id():
    def log_probs(source, prefix):
        return [-9.0, -9.0, -9.0, -1.0, -2.0, -2.0] if prefix else [-9.0, -9.0, -9.0, -9.0, -1.0, -1.0]

    (got,) = search(ScriptedModel(WORDS + 2, log_probs), (A,), beam=2, n_best=2)
    assert [h.tokens for h in got] == [(A, EOS), (B, EOS)]


@pytest.mark.parametrize("beam", [1, 3])
def test_nan_is_refused_with_its_position(beam):
    def log_probs(source, prefix):
        return [-1.0] * 4 + [-0.1, math.nan if len(prefix) == 2 else -1.0]

    with pytest.raises(NmtError, match=r"not numbers \(NaN\) at target position 3\n"):
        search(ScriptedModel(WORDS + 2, log_probs), (A,), (B, A), beam=beam)


@pytest.mark.parametrize("settings", [*KINDS.values(), {"encoder_heads": 2}], ids=str)
@pytest.mark.parametrize("beam", [1, 4])
def test_networks_translate_the_same_alone_in_a_batch_and_in_forced_decoding(settings, beam):
    model = small_model(**settings)
    source_BS, lengths_B, _ = sentences([(5, 1), (2, 1), (9, 1), (4, 1)]).to_arrays()
    batched = beam_search(model, source_BS, lengths_B, beam=beam, n_best=beam, **HOW)
    for row, length in enumerate(lengths_B.tolist()):
        source = source_BS[row : row + 1, :length], lengths_B[row : row + 1]
        (alone,) = beam_search(model, *source, beam=beam, n_best=beam, **HOW)
        assert [h.tokens for h in alone] == [h.tokens for h in batched[row]]
        for found, twin in zip(batched[row], alone, strict=True):
            (forced,) = force_decode(model, *source, np.array([found.tokens]), np.array([len(found.tokens)]))
            for other in (twin, forced):
                assert found.token_log_probs == pytest.approx(other.token_log_probs, abs=1e-10)
                assert found.log_prob == pytest.approx(other.log_prob, abs=1e-10)
                np.testing.assert_allclose(found.attention_TS, other.attention_TS, rtol=0, atol=1e-6)


@pytest.mark.parametrize("choice", [{}, {"choice": Diverse(2, 0.5)}])
def test_the_coverage_penalty_is_that_of_the_hypothesis_own_attention(choice):
    model = small_model()
    source_BS, lengths_B, _ = sentences([(5, 1), (2, 1), (9, 1), (4, 1)]).to_arrays()
    found = beam_search(model, source_BS, lengths_B, beam=6, n_best=3, beta=0.7, **HOW, **choice)
    for hypotheses in found:
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)
        for one in hypotheses:
            covered = np.log(one.attention_TS[:, :-1].sum(0, dtype=np.float64).clip(max=1)).sum()
            length = length_penalty(np.array([len(one.tokens)]), "wu", 1.0)[0]
            assert one.score == pytest.approx(one.log_prob / length + 0.7 * covered, abs=1e-5)


def test_the_coverage_penalty_needs_attention():
    with pytest.raises(
        NmtError, match=r"has no attention, which the coverage penalty needs\n  Search without the penalty: beta=0$"
    ):
        search(small_model(attention="none"), (A, B), beta=0.1)


@pytest.mark.parametrize("forbidden_ids", [(), (UNK,), (PAD, UNK, BOS)])
def test_forbidden_ids_have_no_probability_and_other_ids_keep_theirs(forbidden_ids):
    source_BS, lengths_B = batch([A, B])
    previous_N = np.array([BOS])
    want_NV, got_NV = (
        model.step(previous_N, model.start(source_BS, lengths_B)).log_probs_NV
        for model in (small_model(), ForbiddenIds(small_model(), forbidden_ids))
    )
    others = [word for word in range(want_NV.shape[1]) if word not in forbidden_ids]
    assert (got_NV[:, list(forbidden_ids)] == -math.inf).all()
    assert np.array_equal(got_NV[:, others], want_NV[:, others])


def test_a_search_is_checked_before_each_step_and_stops_at_an_error():
    model = ScriptedModel.random(vocab=4, seed=3)
    steps = []

    def check():
        steps.append(len(steps))
        if len(steps) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        beam_search(model, *batch((A, B, A)), beam=2, **HOW, limits=[9], check=check)
    steps.clear()
    target_BT = np.array([[A, B, A, EOS]])
    with pytest.raises(TimeoutError):
        force_decode(model, *batch((A, B)), target_BT, np.array([4]), check)
