"""Builds a shortlist: the likely target pieces of each source piece of a corpus.

nmt.inference.shortlist stores and uses shortlists, and trains IBM model 1.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nmt.ids import EOS, pad_ids
from nmt.inference.shortlist import (
    Ids,
    PairWeights,
    Shortlist,
    select_best,
    select_frequent,
    sum_weights,
    train_ibm_model_1,
)
from nmt.progress import Progress
from nmt.search.forced_decoding import ForcedTarget, force_decode
from nmt.text.subword import Subword
from nmt.translation.batching import choose_window_size, count_threads, read_windows, run_batches
from nmt.translation.translator import Translator

MIN_WEIGHT = 0.01  # attention below this is ignored
ROUNDS = 5  # iterations of the EM algorithm


def build_shortlist(
    pairs: Iterable[tuple[Ids, Ids]],
    counts_V: NDArray[np.int64],
    subwords: tuple[Subword, Subword],
    languages: tuple[str, str],
    *,
    translator: Translator | None = None,
    best: int = 100,
    frequent: int = 100,
    batch_size: int = 64,
    progress: Progress | None = None,
) -> Shortlist:
    """The `best` target pieces of each source piece, the one with the same spelling, and the `frequent` ones of all.

    `pairs` are the ids of training pairs without EOS, `counts_V` the frequencies of target pieces, `subwords` the
    models of source and target, and `languages` their languages. The best pieces have the highest lexical translation
    probability (IBM model 1) or, with a translator, get most of its attention.
    """
    source, target = subwords
    if translator is None:
        rounds = (progress or Progress()).track(range(ROUNDS), "counting", ROUNDS, "rounds")
        weights = train_ibm_model_1(pairs, source.size, target.size, rounds)
    else:
        weights = sum_weights(iterate_attention_weights(translator, pairs, batch_size), target.size)
    table_WK = np.column_stack([select_best(weights, source.size, best), find_same_spelling(source, target)])
    fingerprints = source.fingerprint, target.fingerprint
    return Shortlist(table_WK, select_frequent(counts_V, frequent), target.size, fingerprints, languages)


def find_same_spelling(source: Subword, target: Subword) -> NDArray[np.int64]:
    """The target piece with the same spelling as each source piece, so that names and numbers can be copied.

    EOS for source pieces without one, and for PAD, UNK and BOS. -> ids_W
    """
    ids = {piece: index for index, piece in enumerate(target.ids_to_pieces(range(target.size))) if index > EOS}
    return np.array([ids.get(piece, EOS) for piece in source.ids_to_pieces(range(source.size))])


def iterate_attention_weights(
    translator: Translator, pairs: Iterable[tuple[Ids, Ids]], batch_size: int
) -> Iterator[PairWeights]:
    """The attention of target pieces, EOS excluded, to source pieces, for one window of pairs at a time."""

    def force_batch(some: Sequence[tuple[list[int], list[int]]]) -> list[ForcedTarget]:
        sources, targets = (pad_ids(side) for side in zip(*some, strict=True))
        return force_decode(translator.model, *sources, *targets)

    with_ends = (([*source.tolist(), EOS], [*target.tolist(), EOS]) for source, target in pairs)
    for window in read_windows(with_ends, choose_window_size(batch_size)):
        lengths = [max(map(len, pair)) for pair in window]
        found = run_batches(force_batch, window, lengths, batch_size, count_threads(translator.model))
        columns: list[tuple[NDArray[np.int64], ...]] = []
        for (source, target), forced in zip(window, found, strict=True):
            assert forced is not None
            weights_TS = forced.attention_TS[:-1]
            positions = np.nonzero(weights_TS >= MIN_WEIGHT)
            columns.append((np.array(source)[positions[1]], np.array(target)[positions[0]], weights_TS[positions]))
        yield PairWeights(*(np.concatenate(column) for column in zip(*columns, strict=True)))
