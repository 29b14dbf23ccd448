"""A step model that is a table of numbers, and its best translations by exhaustive search."""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from nmt.ids import BOS, EOS, pad_ids
from nmt.search.hypothesis import MIN_COVERAGE, length_penalty
from nmt.search.probabilities import log_softmax
from nmt.step import Array, StepOut

WORDS = 4  # the first id that is a word

Row = tuple[tuple[int, ...], tuple[int, ...]]  # the ids of the source with EOS, and of the target so far


class ScriptedState(NamedTuple):
    """The tokens that rows have generated, BOS first; `K` rows for each sentence."""

    rows: list[Row]
    K: int
    columns: int


class ScriptedModel:
    """A step model with the V log-probabilities `log_probs(source, prefix)`, by the ids of source and target so far.

    Attends to source position `attend(source, prefix)` alone, or has no attention when that is None.
    """

    def __init__(
        self,
        vocabulary: int,
        log_probs: Callable[[tuple[int, ...], tuple[int, ...]], list[float]],
        attend: Callable[[tuple[int, ...], tuple[int, ...]], int] | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.log_probs = log_probs
        self.attend = attend

    @classmethod
    def random(cls, vocab: int, seed: int, sharpness: float = 2.0) -> "ScriptedModel":
        """Log-probabilities that depend on the seed, the source and the whole prefix, over `vocab` words and EOS.

        Attention, too, differs between sources and prefixes.
        """

        def log_probs(source: tuple[int, ...], prefix: tuple[int, ...]) -> list[float]:
            generator = np.random.default_rng(digest(seed, source, prefix))
            return log_softmax(generator.standard_normal((1, WORDS + vocab)) * sharpness)[0].tolist()

        return cls(WORDS + vocab, log_probs, lambda source, prefix: digest(source, prefix) % len(source))

    def start(self, source_BS: Array, lengths_B: Array) -> ScriptedState:
        lengths = lengths_B.tolist()
        assert source_BS.shape == (len(lengths), max(lengths))
        sources = [tuple(ids[:length]) for ids, length in zip(source_BS.tolist(), lengths, strict=True)]
        assert all(source[-1] == EOS for source in sources)
        return ScriptedState([(source, ()) for source in sources], 1, source_BS.shape[1])

    def step(self, previous_N: Array, state: ScriptedState) -> StepOut:
        rows = [(s, (*prefix, word)) for (s, prefix), word in zip(state.rows, previous_N.tolist(), strict=True)]
        assert all(prefix[0] == BOS for _, prefix in rows)
        without_bos = [(source, prefix[1:]) for source, prefix in rows]
        attention = np.zeros((len(rows), state.columns if self.attend else 0), np.float32)
        if self.attend:
            for row, (source, prefix) in enumerate(without_bos):
                attention[row, self.attend(source, prefix)] = 1
        log_probs = np.array([self.log_probs(source, prefix) for source, prefix in without_bos], np.float32)
        return StepOut(log_probs, state._replace(rows=rows), attention)

    def select(self, state: ScriptedState, rows_BK: Array) -> ScriptedState:
        chosen = rows_BK.tolist()
        came_from = [{row // state.K for row in rows} for rows in chosen]
        assert all(len(sentences) == 1 for sentences in came_from), "rows of two sentences were mixed"
        order = [min(sentences) for sentences in came_from]
        assert order == sorted(set(order)), "sentences changed their order"
        return ScriptedState([state.rows[row] for rows in chosen for row in rows], rows_BK.shape[1], state.columns)


def digest(*values: object) -> int:
    """A number that differs when anything in `values` does."""
    return int.from_bytes(hashlib.sha256(repr(values).encode()).digest()[:7], "big")


class Enumerated(NamedTuple):
    """A translation that exhaustive search found."""

    tokens: tuple[int, ...]
    log_prob: float
    score: float


def enumerate_best(
    model: ScriptedModel, source: tuple[int, ...], limit: int, normalization: str, alpha: float, beta: float = 0.0
) -> list[Enumerated]:
    """Every translation of at most `limit` tokens that ends with EOS, best first."""
    penalties = length_penalty(np.arange(limit + 1.0), normalization, alpha).tolist()

    def coverage(tokens: tuple[int, ...]) -> float:
        attended = {model.attend(source, tokens[:length]) for length in range(len(tokens))} if beta else set()
        return sum(math.log(MIN_COVERAGE) for position in range(len(source) - 1) if position not in attended)

    def endings(prefix: tuple[int, ...], log_prob: float) -> Iterator[Enumerated]:
        numbers = np.float32(model.log_probs(source, prefix)).tolist()  # rounded as the model's are
        for word in range(EOS, model.vocabulary):
            tokens, total = (*prefix, word), log_prob + numbers[word]
            if word == EOS:
                yield Enumerated(tokens, total, total / penalties[len(tokens)] + beta * coverage(tokens))
            elif len(tokens) < limit:
                yield from endings(tokens, total)

    return sorted(endings((), 0.0), key=lambda found: -found.score)


def batch(*sources: tuple[int, ...]) -> tuple[Array, Array]:
    """source_BS and lengths_B of sources given without EOS."""
    return pad_ids([[*source, EOS] for source in sources])


def copying(vocabulary: int) -> ScriptedModel:
    """Copies its source, each word with probability one half, and attends to the word that it copies."""

    def log_probs(source: tuple[int, ...], prefix: tuple[int, ...]) -> list[float]:
        row = [math.log(0.5 / (vocabulary - 1))] * vocabulary
        row[source[len(prefix)] if len(prefix) < len(source) else EOS] = math.log(0.5)
        return row

    return ScriptedModel(vocabulary, log_probs, lambda source, prefix: min(len(prefix), len(source) - 1))
