"""Counts and weights of the sampler against a slow twin that counts all links anew; and what it finds."""

import numpy as np
import pytest

from nmt.word_alignment import sampler as sampling
from nmt.word_alignment.cells import build_cells, divide_into_batches, measure_similarity
from nmt.word_alignment.sampler import FERTILITIES, JUMPS, LEXICON_ALONE, MAX_FERTILITY, MAX_JUMP, NO_LINK, Sampler

PAIRS = [
    (["kot", "pije", "mleko"], ["the", "cat", "drinks", "milk"]),
    (["pies", "pije"], ["the", "dog", "drinks"]),
    (["kot", "kot"], ["cat"]),
    (
        ["mleko"],
        ["milk", "milk", "milk", "milk", "milk", "milk", "milk", "milk", "milk"],
    ),  # more links than MAX_FERTILITY
]


def make_sampler(pairs=PAIRS, extra=0.0, seed=5):
    cells = build_cells(pairs)
    extra_E = np.full(len(cells.source_E), extra)
    sizes = len(cells.source_words), len(cells.target_words)
    return Sampler(cells.batches, sizes, cells.source_E, extra_E, np.random.default_rng(seed)), cells


def read_links(chain):
    """The links of each row as a list: target token by target token."""
    lengths = (chain.target_TB > 0).sum(axis=0)
    return [chain.links_TB[: lengths[row], row].tolist() for row in range(len(chain.pairs))]


def weigh_slowly(sampler, chain, row, t, stage, jump_D):
    """The weights of the links of one target token, by counting every other link of the batch in plain loops."""
    links = read_links(chain)
    words = [[int(word) for word in side if word] for side in chain.source_BS]
    targets = [[int(word) for word in side if word] for side in chain.target_TB.T]
    others = [
        (words[b][i] if i != NO_LINK else None, targets[b][j])
        for b, of_pair in enumerate(links)
        for j, i in enumerate(of_pair)
        if (b, j) != (row, t)
    ]
    vocabulary = len(sampler.empty_V)
    prior = sampling.LEXICON
    before = [i for i in links[row][:t] if i != NO_LINK]
    after = [i for i in links[row][t + 1 :] if i != NO_LINK]
    previous, following = (before[-1] if before else -1), (after[0] if after else len(words[row]))

    def jump(length):
        return jump_D[max(-MAX_JUMP, min(MAX_JUMP, length)) + MAX_JUMP]

    def fertility(b, i):
        found = sum(link == i for j, link in enumerate(links[b]) if (b, j) != (row, t))
        return min(found, MAX_FERTILITY)

    def count_all(b, i):
        return min(links[b].count(i), MAX_FERTILITY)

    tokens = [(b, i) for b, side in enumerate(words) for i in range(len(side))]
    prior_F = np.bincount([count_all(*token) for token in tokens], minlength=MAX_FERTILITY + 2) + sampling.USUAL
    prior_F = prior_F * sampling.FERTILITY / prior_F.sum()
    weights = []
    for i, word in enumerate(words[row]):
        of_word = [target for source, target in others if source == word]
        weight = (of_word.count(targets[row][t]) + prior) / (len(of_word) + prior * vocabulary)
        weight *= 1 - sampling.ABSENT
        weight *= jump(i - previous) * jump(following - i) if stage >= JUMPS else 1 / len(words[row])
        if stage >= FERTILITIES:
            same = [count_all(b, k) for b, k in tokens if words[b][k] == word and (b, k) != (row, i)]
            n = fertility(row, i)
            weight *= (same.count(n + 1) + prior_F[n + 1]) / (same.count(n) + prior_F[n])
        weights.append(weight)
    absent = [target for source, target in others if source is None]
    weight = (
        sampling.ABSENT * (absent.count(targets[row][t]) + sampling.EMPTY) / (len(absent) + sampling.EMPTY * vocabulary)
    )
    return weights, weight * (jump(following - previous) if stage >= JUMPS else 1)


@pytest.mark.parametrize("stage", [LEXICON_ALONE, JUMPS, FERTILITIES])
def test_weights_equal_those_of_a_slow_twin(stage):
    sampler, _ = make_sampler()
    for _ in range(3):
        sampler.sweep(stage)
    sampler.count_jumps()
    [chain] = sampler.chains
    for row, t in [(0, 0), (0, 2), (1, 1), (2, 0), (3, 4)]:
        order = chain.pairs.index(row)
        rows = chain.active_T[t]
        previous_A, next_A = np.zeros(rows, int), np.zeros(rows, int)
        links = read_links(chain)[order]
        before, after = ([i for i in part if i != NO_LINK] for part in (links[:t], links[t + 1 :]))
        previous_A[order] = before[-1] if before else -1
        next_A[order] = after[0] if after else chain.lengths_B[order]
        wanted, wanted_absent = weigh_slowly(sampler, chain, order, t, stage, sampler.jump_D)
        weights_AS, absent_A = sampler.weigh(chain, t, stage, previous_A, next_A, sampler.make_factors(chain))
        assert weights_AS[order][: len(wanted)] == pytest.approx(wanted, rel=1e-9)
        assert weights_AS[order][len(wanted) :] == pytest.approx(0)
        assert absent_A[order] == pytest.approx(wanted_absent, rel=1e-9)


def test_counts_are_those_of_the_links_after_every_sweep():
    sampler, cells = make_sampler(extra=0.25)
    for stage in (LEXICON_ALONE, JUMPS, FERTILITIES, FERTILITIES):
        sampler.sweep(stage)
    [chain] = sampler.chains
    entries, absent = np.zeros(len(cells.source_E)), np.zeros(len(cells.target_words))
    for row, links in enumerate(read_links(chain)):
        for t, link in enumerate(links):
            if link == NO_LINK:
                absent[chain.target_TB[t, row]] += 1
            else:
                entries[chain.entries_TBS[t, row, link]] += 1
        assert chain.fertility_BS[row].tolist() == [links.count(i) for i in range(chain.source_BS.shape[1])]
    assert (sampler.entry_E - entries)[1:] == pytest.approx(0.25 + sampling.LEXICON)
    assert sampler.empty_V - absent == pytest.approx(sampling.EMPTY)
    tokens = np.bincount(chain.source_BS.ravel())
    assert sampler.fertility_VF.sum(axis=1)[1:] == pytest.approx(tokens[1:])
    assert sampler.fertility_VF.min() >= 0


def test_probabilities_of_a_token_sum_to_one_at_most():
    sampler, _ = make_sampler()
    sums = [np.zeros((len(target), len(source)), np.float32) for source, target in PAIRS]
    sampler.sweep(FERTILITIES, sums)
    for matrix in sums:
        assert (matrix.sum(axis=1) <= 1 + 1e-5).all()
        assert matrix.max() > 0


@pytest.mark.parametrize(
    ("lengths", "batch_cells", "batches"),
    [
        ([(2, 2), (1, 3), (0, 4), (4, 0)], 100, [[1, 0]]),  # by length; empty sides are in no batch
        ([(2, 2), (2, 2), (2, 3)], 8, [[0, 1], [2]]),
        ([(1, 1), (9, 9)], 4, [[0], [1]]),  # one that is too long is alone
        ([(1, 9), (2, 2), (2, 2)], 20, [[0], [1, 2]]),  # padding counts
        ([], 4, []),
    ],
)
def test_batches_have_pairs_of_similar_lengths(lengths, batch_cells, batches):
    pairs = [(["x"] * source, ["y"] * target) for source, target in lengths]
    assert list(divide_into_batches(pairs, batch_cells)) == batches


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("berlin", "berlin", 1),
        ("kommission", "komission", 0),  # fewer than four letters in common
        ("informacja", "information", 0.6 * 7 / 11),
        ("12", "12", 1),
        ("12", "13", 0),
        ("nine", "neun", 0),
        ("東京", "東京", 1),
    ],
)
def test_similar_words_begin_with_the_same_letters(one, other, similarity):
    cells = build_cells([([one], [other])])
    assert measure_similarity(cells).tolist() == pytest.approx([0, similarity])
