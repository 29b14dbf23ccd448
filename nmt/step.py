"""The seam between models and search: all that search knows of a model.

`Seq2Seq`, an ensemble, a wrapper and a table of numbers in a test are all step models. Nothing here knows how a model
is built or how hypotheses are chosen.

Rows come in groups: with B sentences in the batch and K rows for each of them, row n belongs to sentence n // K. What
belongs to a sentence (encoder states, projected keys) therefore never needs to be copied for its rows.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words   Q ids a row asks for
# H parts of attention

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor


class ConstraintProgress(NamedTuple):
    """What a row has yet to say, where some words are required. Progress counts required tokens that were said."""

    token_NQ: (
        Tensor  # ids that bring the row on, PAD where there are fewer; of equal ones that which leads furthest counts
    )
    progress_NQ: Tensor  # after saying them
    progress_N: Tensor  # after saying anything else


class StepOut(NamedTuple):
    """What one target position yields."""

    log_probs_NV: Tensor  # made for this step: whoever asked may write over it
    state: Any
    attention_NS: Tensor  # rows sum to one and are zero on padding; (N, 0) from a model without attention
    constraints: ConstraintProgress | None = None  # from a wrapper that requires words
    parts_NHS: Tensor | None = None  # what the attention is made of, from a model that knows; zero on padding
    words_V: Tensor | None = None  # ids of the columns where only some words were scored; ascending, 0 to 3 among them

    def expand_to_vocabulary(self, vocabulary: int) -> "StepOut":
        """The same with a column for each of so many words: minus infinity for those that were not scored."""
        if self.words_V is None:
            return self
        all_NV = self.log_probs_NV.new_full((len(self.log_probs_NV), vocabulary), -torch.inf)
        return self._replace(log_probs_NV=all_NV.index_copy_(1, self.words_V, self.log_probs_NV), words_V=None)


class StepModel(Protocol):
    """A model that can be asked for the next word.

    `vocabulary` is V. `start` reads a batch of source ids that end with EOS, padded with PAD, and gives a state with
    one row for each sentence. `step` reads the previous id of every row (BOS at first). `select` rearranges the rows:
    `rows_BK[b, k]` is the old row that becomes row k of sentence b. The K entries of a sentence come from one old
    sentence and sentences keep their order, so an unchanged B means the same sentences, and a smaller one that some
    have left.
    """

    @property
    def vocabulary(self) -> int: ...

    def start(self, source_BS: Tensor, lengths_B: Tensor) -> Any: ...

    def step(self, previous_N: Tensor, state: Any) -> StepOut: ...

    def select(self, state: Any, rows_BK: Tensor) -> Any: ...
