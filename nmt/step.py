"""The interface between models and search: search uses nothing of a model but this.

`Seq2Seq`, an ensemble, a wrapper and a table of numbers in a test are all step models. How a model is built and how
hypotheses are chosen is described elsewhere. All arrays are NumPy's: what computes elsewhere, on a GPU, copies them.

Rows are grouped by sentence: with B sentences in the batch and K rows for each, row n belongs to sentence n // K.
Encoder states and projected keys, which belong to a sentence, are therefore never copied for its rows.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words
# H parts of attention   Q ids that would advance a row's required phrases   C most probable words of a row

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class ConstraintProgress(NamedTuple):
    """How far each row has come with the phrases that are required of it.

    `token_NQ` has the ids that would advance it, and PAD where there are fewer than Q: in its first half those that
    continue a phrase, in its second half those that begin one. An id may occur twice. Progress is the number of
    phrases of the row, one that has begun included. An allowance is added to log-probabilities when hypotheses of equal
    progress are ranked, and only then.
    """

    token_NQ: Array
    progress_N: Array  # progress after any other id; it is one more after each of these
    allowance_NQ: Array  # after each of these ids; the highest counts
    allowance_N: Array  # after any other id


class StepOut(NamedTuple):
    """The output of a step model for one target position."""

    log_probs_NV: Array  # a new array at each step: the caller may change it in place
    state: Any
    attention_NS: Array  # rows sum to one and are zero on padding; (N, 0) from a model without attention
    constraints: ConstraintProgress | None = None  # from a wrapper that requires phrases
    parts_NHS: Array | None = None  # heads, branches or gates of the attention; zero on padding
    words_V: Array | None = None  # ids of the columns, where only some words were scored; ascending, with 0 to 3
    words_NC: Array | None = None  # ids of each row's columns, where only the most probable words are returned

    def expand_to_vocabulary(self, vocabulary: int) -> "StepOut":
        """The same output with a column for each word of the vocabulary: minus infinity for words without a score."""
        if self.words_V is None:
            return self
        all_NV = np.full((len(self.log_probs_NV), vocabulary), -np.inf, self.log_probs_NV.dtype)
        all_NV[:, self.words_V] = self.log_probs_NV
        return self._replace(log_probs_NV=all_NV, words_V=None)


class StepModel(Protocol):
    """A model that predicts the next word.

    `vocabulary` is V. `start` reads a batch of source ids that end with EOS, padded with PAD, and returns a state with
    one row for each sentence. `step` reads the previous id of every row, which is BOS at first. `select` rearranges the
    rows: `rows_BK[b, k]` is the old row that becomes row k of sentence b. The K rows of a sentence come from one old
    sentence, and sentences keep their order. So if B stays the same, the sentences are the same; if B is smaller, some
    have been removed.

    A model that several threads can share, and that computes each step in the thread that calls it, may have an
    attribute `is_single_threaded` that is True. Batches are then computed side by side.
    """

    @property
    def vocabulary(self) -> int: ...

    def start(self, source_BS: Array, lengths_B: Array) -> Any: ...

    def step(self, previous_N: Array, state: Any) -> StepOut: ...

    def select(self, state: Any, rows_BK: Array) -> Any: ...
