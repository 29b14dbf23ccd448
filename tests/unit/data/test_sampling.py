"""Batches of drawn pieces: a function of the seed and of their place, in any number of processes, with links."""

from collections import defaultdict
from itertools import islice, pairwise

import numpy as np
import pytest
import torch

from nmt.data.batches import Cursor, Share, iterate_train_batches, make_batch
from nmt.data.encode import link_pieces
from nmt.data.sampling import BatchSampler
from nmt.data.split import LinkArrays, Split
from nmt.ids import EOS, PAD
from nmt.text.sampling import build_sampler
from nmt.text.subword import Subword, train_subword

SYLLABLES = ("ка", "до", "фи", "хен", "лу", "мо", "нит", "раб")
WORDS = [first + second + third for first in SYLLABLES for second in SYLLABLES for third in ("", "та", "ми")]
MAX_LENGTH = 60


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def subword(request):
    return Subword(train_subword(WORDS, vocab_size=340, subword=request.param))


@pytest.fixture(scope="module")
def pairs():
    """80 pairs of lines and the links of their words: some words have none and some several."""
    random = np.random.default_rng(1)
    pairs = []
    for size, other in random.integers(1, 9, (80, 2)).tolist():
        sides = [" ".join(random.choice(WORDS, count)) for count in (size, other)]
        links = sorted({(int(random.integers(size)), int(random.integers(other))) for _ in range(4)})
        pairs.append((*sides, links))
    return pairs


@pytest.fixture(scope="module")
def split(subword, pairs):
    arrays = []
    for lines in zip(*(pair[:2] for pair in pairs), strict=True):
        encoded = subword.encode_lines(list(lines))
        arrays += [np.concatenate(encoded).astype(np.uint16), np.cumsum([0, *map(len, encoded)])]
    linked = [link_pieces(links, *(subword.segment(line).group_of_piece for line in sides)) for *sides, links in pairs]
    sources, targets = np.array([link for links in linked for link in links], np.int32).T
    return Split(*arrays, LinkArrays(sources, targets, np.cumsum([0, *map(len, linked)])))


@pytest.fixture(scope="module")
def make(split, subword):
    """`make(both=True, seed=1)`: the make_batch of a new BatchSampler."""

    def make(both=True, seed=1):
        strength = 0.3 if subword.is_bpe else 0.1
        samplers = [build_sampler(subword, strength, MAX_LENGTH) for _ in range(1 + both)]
        return BatchSampler(split, seed, samplers if both else [*samplers, None]).make_batch

    return make


def take(split, make_batch, count, cursor=Cursor(0, 0), share=None):  # noqa: B008
    stream = iterate_train_batches(split, 100, 1, cursor, "cpu", share, make_batch)
    try:
        return list(islice(stream, count))
    finally:
        stream.close()


def assert_same_batch(one, other):
    for name, left, right in zip(one._fields, one, other, strict=True):
        assert torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right, name


def read_rows(ids, lengths):
    return [row[: length - 1] for row, length in zip(ids.tolist(), lengths.tolist(), strict=True)]


def test_a_batch_has_the_text_of_its_pairs_in_other_pieces(split, subword, pairs, make):
    rows = np.arange(80)[::-1].copy()
    batch, stored = make()(rows, Cursor(0, 0)), make_batch(split, rows)
    for number, name in enumerate(("source", "target")):
        ids, lengths = batch[2 * number : 2 * number + 2]
        found = read_rows(ids, lengths)
        assert [subword.decode(row) for row in found] == [pairs[row][number] for row in rows]
        assert found != read_rows(*stored[2 * number : 2 * number + 2])
        assert max(map(len, found)) <= MAX_LENGTH
        assert getattr(batch, f"{name}_tokens") == lengths.sum() == (ids != PAD).sum()
        assert all(row[length - 1] == EOS for row, length in zip(ids, lengths, strict=True))


def test_only_the_sides_that_are_drawn_change(split, make):
    rows = np.arange(80)
    batch, stored = make(both=False)(rows, Cursor(0, 0)), make_batch(split, rows)
    assert not torch.equal(batch.source_lengths_B, stored.source_lengths_B)
    assert torch.equal(batch.target_BT, stored.target_BT)


def test_pieces_are_a_function_of_seed_and_place(make):
    rows = np.arange(80)

    def pieces(seed, place):
        batch = make(seed=seed)(rows, Cursor(*place))
        return batch.source_BS.tolist(), batch.target_BT.tolist()

    assert pieces(1, (0, 0)) == pieces(1, (0, 0))
    sides = [side for seed in (1, 2) for place in ((0, 0), (0, 1), (1, 0)) for side in pieces(seed, place)]
    assert len({str(side) for side in sides}) == 12


def test_a_stream_that_is_resumed_goes_on_as_the_one_that_was_not(split, make):
    whole = take(split, make(), 30)
    assert whole[-1][0].epoch > 0
    for number in range(0, 29, 4):
        [(cursor, batch)] = take(split, make(), 1, whole[number][0])
        assert cursor == whole[number + 1][0]
        assert_same_batch(batch, whole[number + 1][1])


@pytest.mark.parametrize("processes", [2, 3, 7])
def test_processes_share_the_batch_of_one(split, make, processes):
    whole = take(split, make(), 20)
    shares = [take(split, make(), 20, share=Share(rank, processes)) for rank in range(processes)]
    for (cursor, batch), parts in zip(whole, zip(*shares, strict=True), strict=True):
        assert {after for after, _ in parts} == {cursor}
        assert {share.whole_tokens for _, share in parts} == {batch.target_tokens}
        for number in (0, 2):
            rows = [None] * len(batch.source_BS)
            for rank, (_, share) in enumerate(parts):
                rows[rank::processes] = read_rows(*share[number : number + 2])
            assert rows == read_rows(*batch[number : number + 2])
    assert any(len(batch.source_BS) < processes for _, batch in whole) or processes < 7  # and one process has none


@pytest.mark.parametrize("both", [True, False])
def test_drawn_pieces_have_the_links_of_their_words(split, subword, pairs, make, both):
    rows = np.arange(80)
    batch = make(both)(rows, Cursor(2, 3))
    sources, targets = (read_rows(*batch[number : number + 2]) for number in (0, 2))
    sides = zip(sources, targets, strict=True)
    for guide_TS, (_, _, links), ids in zip(batch.guide_BTS, pairs, sides, strict=True):
        expected = link_pieces(links, *(subword.segment_ids(side).group_of_piece for side in ids))
        expected.append((len(ids[0]), len(ids[1])))  # EOS
        linked = defaultdict(set)
        for source, target in expected:
            linked[target].add(source)
        for target, weights_S in enumerate(guide_TS):
            assert set(weights_S.nonzero().flatten().tolist()) == linked[target]
            if linked[target]:
                assert weights_S[sorted(linked[target])].tolist() == pytest.approx(
                    [1 / len(linked[target])] * len(linked[target])
                )


def test_drawn_pieces_have_the_links_of_their_characters_where_words_have_no_blanks(subword, pairs):
    """Pieces of a word may have different links there: a drawn piece has those of all pieces that it is made of."""
    random = np.random.default_rng(2)
    lines = ["".join(pair[0].split()) for pair in pairs]
    parts = [line[begin : begin + 6] for line in lines for begin in range(0, len(line), 5)]  # have pieces that overlap
    subword = Subword(train_subword(parts, vocab_size=380, subword="bpe" if subword.is_bpe else "unigram"))
    encoded = subword.encode_lines(lines)
    offsets = np.cumsum([0, *map(len, encoded)])
    ids = np.concatenate(encoded).astype(np.uint16)
    links = [[(int(random.integers(len(row))), place) for place in range(0, len(row), 2)] for row in encoded]
    sources, targets = np.array([link for of_pair in links for link in of_pair], np.int32).T
    split = Split(ids, offsets, ids, offsets, LinkArrays(sources, targets, np.cumsum([0, *map(len, links)])))
    sampler = build_sampler(subword, 0.3 if subword.is_bpe else 0.1, 1000)
    batch = BatchSampler(split, 1, [sampler, sampler]).make_batch(np.arange(len(lines)), Cursor(0, 0))

    def list_owners(pieces, stored):
        """For each piece the numbers of those stored pieces that have one of its characters."""
        owners = [number for number, piece in enumerate(subword.ids_to_pieces(stored)) for _ in piece]
        ends = np.cumsum([0, *(len(piece) for piece in subword.ids_to_pieces(pieces))])
        return [set(owners[begin:end]) for begin, end in pairwise(ends)]

    several = 0
    for row, (stored, of_pair) in enumerate(zip(encoded, links, strict=True)):
        drawn = [
            ids[: length - 1].tolist()
            for ids, length in (
                (batch.source_BS[row], batch.source_lengths_B[row]),
                (batch.target_BT[row], batch.target_lengths_B[row]),
            )
        ]
        of_sources, of_targets = (list_owners(pieces, stored.tolist()) for pieces in drawn)
        for target, owners in enumerate(of_targets):
            wanted = {
                source for source, theirs in enumerate(of_sources) for s, t in of_pair if s in theirs and t in owners
            }
            assert set(batch.guide_BTS[row, target].nonzero().flatten().tolist()) == wanted
            several += len(owners) > 1
        end = [len(pieces) for pieces in drawn]
        assert batch.guide_BTS[row, end[1]].nonzero().flatten().tolist() == [end[0]]
    assert several  # pieces that others were drawn into
