import threading
from dataclasses import replace
from itertools import chain, islice

import numpy as np
import pytest
import torch
from support.machine import needs_gpu

from nmt.data import batches
from nmt.data.batches import (
    Cursor,
    Share,
    compute_padding_share,
    group_by_tokens,
    iterate_train_batches,
    iterate_valid_batches,
    make_batch,
    plan_epoch,
    plan_pools,
    split_batch,
    survey_epoch,
)
from nmt.data.split import LinkArrays, Split
from nmt.ids import EOS, PAD

CPU = torch.device("cpu")


def make_split(*pairs: tuple[list[int], list[int]]) -> Split:
    """A split in memory with these ids."""
    arrays = []
    for sentences in zip(*pairs, strict=True):
        arrays.append(np.array([index for sentence in sentences for index in sentence], np.uint16))
        arrays.append(np.cumsum([0, *map(len, sentences)], dtype=np.int64))
    return Split(*arrays)


def random_split(size: int, seed: int = 0) -> Split:
    """A split with correlated source and target lengths; the first source id is the number of the pair."""
    random = np.random.default_rng(seed)
    lengths = random.geometric(0.08, size)
    others = np.maximum(1, lengths + random.integers(-3, 4, size))
    return make_split(
        *(([row + 4, *[4] * (n - 1)], [5] * m) for row, (n, m) in enumerate(zip(lengths, others, strict=True)))
    )


def pair_numbers(batch) -> list[int]:
    return (batch.source_BS[:, 0] - 4).tolist()


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        ([3, 3, 3, 3], 6, [[0, 1], [2, 3]]),  # two sentences of three fit six tokens
        ([3, 3, 9], 6, [[0, 1], [2]]),  # a longer sentence is a batch of its own
        ([9, 9, 1, 1], 6, [[0], [1], [2, 3]]),
        ([1, 2, 3, 1], 6, [[0, 1, 2], [3]]),
        ([], 6, []),
    ],
)
def test_batches_respect_the_token_budget(lengths, budget, expected):
    groups = group_by_tokens(np.array(lengths, np.int64), budget)
    assert [list(range(begin, end)) for begin, end in groups] == expected


def make_plan(split: Split, budget: int = 100, seed: int = 1, epoch: int = 0):
    return list(plan_epoch(split, budget, seed, epoch))


@pytest.fixture(params=["small", "large"])
def corpus_size(request, monkeypatch):
    """Whether 300 pairs count as a large corpus, which has several pools: of 7 blocks of 10 pairs."""
    if request.param == "large":
        for name, value in {"LARGE_CORPUS": 299, "BLOCK_PAIRS": 10, "POOL_BLOCKS": 7}.items():
            monkeypatch.setattr(batches, name, value)


@pytest.mark.parametrize("budget", [1, 30, 500, 10**9])
def test_an_epoch_has_every_pair_once_within_the_budget(budget, corpus_size):
    split = random_split(304)
    plan = make_plan(split, budget)
    assert sorted(np.concatenate(plan).tolist()) == list(range(304))
    for rows in plan:
        assert len(rows) == 1 or (split.target_lengths[rows] + 1).sum() <= budget


def test_the_order_is_a_function_of_seed_and_epoch(corpus_size):
    split = random_split(300)

    def order(seed, epoch):
        return [rows.tolist() for rows in make_plan(split, seed=seed, epoch=epoch)]

    assert order(1, 0) == order(1, 0)
    assert len({str(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_the_order_of_a_corpus_of_up_to_a_million_pairs_is_that_of_earlier_versions():
    """Runs that were begun by version 0.1.0 are resumed in its order, which is spelled out here."""
    split, plan = random_split(300), []
    random = np.random.Generator(np.random.PCG64([5, 2]))
    order = random.permutation(300)
    source, target = split.source_lengths[order], split.target_lengths[order]
    order = order[np.lexsort((np.where(target % 2 == 0, source, -source), target))]
    plan = [order[begin:end] for begin, end in group_by_tokens(split.target_lengths[order] + 1, 80)]
    expected = [plan[number].tolist() for number in random.permutation(len(plan))]
    assert [rows.tolist() for rows in plan_epoch(split, 80, 5, 2)] == expected


def test_pools_of_a_large_corpus_have_pairs_from_all_its_parts(monkeypatch):
    monkeypatch.setattr(batches, "LARGE_CORPUS", 1000)
    monkeypatch.setattr(batches, "POOL_BLOCKS", 40)
    pools = [np.concatenate(pool) for pool in plan_pools(random_split(10_000), 500, 1, 0)]
    assert len(pools) == 4
    assert sum(map(len, pools)) == 10_000
    for pool in pools:
        thirds = np.histogram(pool, 3, (0, 10_000))[0] / len(pool)
        assert thirds.min() > 0.15
        assert (np.diff(pool) == 1).mean() < 0.05


def test_the_survey_of_a_large_corpus_is_near_the_truth(corpus_size):
    split = random_split(300)
    count, padding, first = survey_epoch(split, 60, 1)
    plan = make_plan(split, 60)
    assert first.tolist() == plan[0].tolist()
    assert count == pytest.approx(len(plan), rel=0.15)
    assert padding == pytest.approx(compute_padding_share(split, plan), abs=0.05)


def test_batches_of_similar_lengths_have_little_padding():
    split = random_split(4000)
    planned = compute_padding_share(split, make_plan(split, 1000))
    unsorted = compute_padding_share(split, np.array_split(np.arange(4000), 50))
    assert planned < 0.1 < 0.5 < unsorted


def test_padding_share_by_hand():
    split = make_split(([7], [7, 7, 7]), ([7, 7, 7], [7]))
    assert compute_padding_share(split, [np.array([0]), np.array([1])]) == 0
    assert compute_padding_share(split, [np.array([0, 1])]) == 4 / 16  # two short sides of 2, padded to 4; EOS counts
    assert compute_padding_share(split, []) == 0


def test_a_batch_by_hand():
    split = make_split(([7, 8], [9]), ([], [5, 6, 7]), ([4], [4]))
    batch = make_batch(split, np.array([1, 0]))
    assert batch.source_BS.tolist() == [[EOS, PAD, PAD], [7, 8, EOS]]
    assert batch.source_lengths_B.tolist() == [1, 3]
    assert batch.target_BT.tolist() == [[5, 6, 7, EOS], [9, EOS, PAD, PAD]]
    assert batch.target_lengths_B.tolist() == [4, 2]
    assert (batch.source_tokens, batch.target_tokens) == (4, 6)
    assert {tensor.dtype for tensor in batch[:4]} == {torch.int64}


def add_links(split: Split, *pairs: list[tuple[int, int]]) -> Split:
    """The split with links (source piece, target piece) for each pair."""
    sources, targets = np.array([link for links in pairs for link in links], np.int32).reshape(-1, 2).T
    return replace(split, links=LinkArrays(sources, targets, np.cumsum([0, *map(len, pairs)])))


def test_a_guide_by_hand():
    split = add_links(make_split(([7, 8], [9]), ([4], [5, 6, 7]), ([4], [4])), [(1, 0)], [(0, 0), (0, 2)], [])
    batch = make_batch(split, np.array([1, 0]))
    assert batch.guide_BTS.tolist() == [
        [[1, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]],  # the second piece has no link, the last position is EOS
        [[0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]],
    ]
    assert make_batch(split, np.array([2])).guide_BTS.tolist() == [[[0, 0], [0, 1]]]
    shared = add_links(make_split(([7, 8, 9], [9])), [(0, 0), (2, 0)])
    assert make_batch(shared, np.array([0])).guide_BTS.tolist() == [[[0.5, 0, 0.5, 0], [0, 0, 0, 1]]]


@pytest.mark.parametrize("seed", range(3))
def test_a_guide_has_equal_weights_for_the_links_of_each_piece(seed):
    random = np.random.default_rng(seed)
    split = random_split(6, seed)
    lengths = list(zip(split.source_lengths, split.target_lengths, strict=True))
    links = [sorted({(int(random.integers(s)), int(random.integers(t))) for _ in range(5)}) for s, t in lengths]
    rows = random.permutation(6)
    guide_BTS = make_batch(add_links(split, *links), rows).guide_BTS.numpy()
    for row, guide_TS in zip(rows, guide_BTS, strict=True):
        ends = (*lengths[row],)
        assert set(zip(*guide_TS.T.nonzero(), strict=True)) == {*links[row], ends}
        for target, shares_S in enumerate(guide_TS):
            count = sum(link[1] == target for link in [*links[row], ends])
            assert shares_S[shares_S > 0] == pytest.approx(1 / count if count else [])


def assert_same_batch(one, other):
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right, name


@pytest.mark.parametrize("size", [2, 3, 8])
def test_halves_of_a_batch_equal_batches_of_their_rows(size):
    split = add_links(random_split(size), *[[(0, 0)] for _ in range(size)])
    rows = np.arange(size)
    halves = split_batch(make_batch(split, rows))
    for half, expected in zip(halves, (rows[: size // 2], rows[size // 2 :]), strict=True):
        assert_same_batch(half, make_batch(split, expected))


def take(split, count, cursor=Cursor(0, 0)):  # noqa: B008
    stream = iterate_train_batches(split, 100, 1, cursor, CPU)
    try:
        return list(islice(stream, count))
    finally:
        stream.close()


def test_epochs_follow_each_other_in_planned_order(corpus_size):
    split = random_split(300)
    plans = [make_plan(split, epoch=0), make_plan(split, epoch=1)]
    got = take(split, len(plans[0]) + len(plans[1]))
    assert [pair_numbers(batch) for _, batch in got] == [rows.tolist() for plan in plans for rows in plan]
    assert got[len(plans[0]) - 1][0] == Cursor(1, 0)
    assert got[-1][0] == Cursor(2, 0)


def test_batches_from_a_cursor_on_are_those_that_follow_it(corpus_size):
    split = random_split(301)
    whole = take(split, 120)
    for number in range(0, 119, 4):
        cursor, _ = whole[number]
        (next_cursor, batch), expected = take(split, 1, cursor)[0], whole[number + 1]
        assert next_cursor == expected[0]
        assert_same_batch(batch, expected[1])


def test_the_first_epochs_may_have_both_directions(corpus_size):
    split = random_split(150).with_both_directions(2, tag=[0])
    plans = [make_plan(split, epoch=epoch) for epoch in range(4)]
    pairs = [sorted(chain.from_iterable(rows.tolist() for rows in plan)) for plan in plans]
    assert pairs == [list(range(size)) for size in (300, 300, 150, 150)]
    got = take(split, sum(map(len, plans)))
    rows = chain.from_iterable(plans)
    for (cursor, batch), expected in zip(got, rows, strict=True):
        firsts = np.stack([batch.source_BS[:, 0], batch.target_BT[:, 0]])
        ours = (expected >= 150).astype(int)  # the side that was a source: its first id is the number of the pair
        assert (firsts[ours, np.arange(len(ours))] - 4).tolist() == (expected % 150).tolist()
        assert set(firsts[1 - ours, np.arange(len(ours))]) == {5}
        assert (cursor.batch == 0) == (expected is plans[cursor.epoch - 1][-1])
    for number in (len(plans[0]) - 1, len(plans[0]) + 2, len(plans[0]) + len(plans[1]) - 1):
        assert_same_batch(take(split, 1, got[number][0])[0][1], got[number + 1][1])
    surveys = [survey_epoch(split, 100, 1, epoch) for epoch in (0, 2)]
    for (count, _, first), plan in zip(surveys, plans[::2], strict=True):
        assert first.tolist() == plan[0].tolist()
        assert count == pytest.approx(len(plan), rel=0.15)


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_processes_have_equal_shares_of_every_batch(processes):
    split = add_links(random_split(60), *[[(0, 0)] for _ in range(60)])
    whole = take(split, 30)
    streams = [
        iterate_train_batches(split, 100, 1, Cursor(0, 0), CPU, Share(rank, processes)) for rank in range(processes)
    ]
    for cursor, batch in whole:
        shares = [next(stream) for stream in streams]
        assert {after for after, _ in shares} == {cursor}
        numbers = [pair_numbers(share) for _, share in shares]
        assert sorted(chain.from_iterable(numbers)) == sorted(pair_numbers(batch))
        assert max(map(len, numbers)) - min(map(len, numbers)) <= 1
        assert {share.whole_tokens for _, share in shares} == {batch.target_tokens}
        assert sum(share.target_tokens for _, share in shares) == batch.target_tokens
        longest = [int(share.target_lengths_B.max()) for _, share in shares if share.target_tokens]
        assert max(longest) == batch.target_BT.shape[1]
    for stream in streams:
        stream.close()
    assert any(len(batch.source_BS) < processes for _, batch in whole)  # and one process has nothing of it


def running_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_the_thread_ends_with_the_iterator():
    stream = iterate_train_batches(random_split(60), 100, 1, Cursor(0, 0), CPU)
    next(stream)
    assert running_threads()
    stream.close()
    assert not running_threads()


def test_an_error_in_the_thread_is_raised_in_the_iterator(monkeypatch):
    made = []

    def failing(split, rows):
        made.append(rows)
        if len(made) == 3:
            raise OSError("the disk is gone")
        return make_batch(split, rows)

    monkeypatch.setattr(batches, "make_batch", failing)
    stream = iterate_train_batches(random_split(60), 100, 1, Cursor(0, 0), CPU)
    next(stream), next(stream)
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)
    assert not running_threads()


def test_validation_batches_have_every_pair_once_in_a_fixed_order():
    split = random_split(60)
    orders = [[pair_numbers(batch) for batch in iterate_valid_batches(split, 100, 1000)] for _ in range(2)]
    assert orders[0] == orders[1]
    assert sorted(number for batch in orders[0] for number in batch) == list(range(60))
    lengths = [int(batch.target_lengths_B.max()) for batch in iterate_valid_batches(split, 100, 1000)]
    assert lengths == sorted(lengths)


def test_long_sides_of_validation_pairs_are_cut():
    split = make_split(([7, 8, 9, 10], [5]), ([6], [11, 12, 13]), ([4, 5], [6, 7]))
    [batch] = iterate_valid_batches(split, 100, 2)
    assert batch.source_BS.tolist() == [[7, 8, EOS], [6, EOS, PAD], [4, 5, EOS]]
    assert batch.target_BT.tolist() == [[5, EOS, PAD], [11, 12, EOS], [6, 7, EOS]]
    assert (batch.source_tokens, batch.target_tokens) == (8, 8)


@needs_gpu
def test_batches_reach_the_gpu_unchanged():
    split = random_split(60)
    stream = iterate_train_batches(split, 100, 1, Cursor(0, 0), "cuda")
    for (cursor, batch), (expected_cursor, expected) in zip(islice(stream, 20), take(split, 20), strict=True):
        assert batch.source_BS.device.type == "cuda"
        assert cursor == expected_cursor
        assert_same_batch(batch.to("cpu"), expected)
    stream.close()
