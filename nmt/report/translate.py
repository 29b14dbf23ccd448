"""Lines of text to translations, in a stream: segment, batch, search, and put into words again.

Runs any step model; it reads no folder and writes no file.
"""

# B sentences   S source positions   T target positions

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.errors import NmtError, is_out_of_memory
from nmt.ids import EOS, PAD
from nmt.report.alignment import Link, Matrix, links, merge_attention
from nmt.search.beam import beam_search
from nmt.search.hypothesis import Hypothesis
from nmt.step import StepModel
from nmt.text.subword import Segmented, Subword

Item = TypeVar("Item")
Found = TypeVar("Found")

WINDOW_BATCHES = 20  # lines read ahead to be sorted by length, in batches
PIECES = 64  # a batch holds no more pieces than this for each of its sentences, so that long lines travel in few
LONGEST = 1000  # pieces of a line that are read: attention takes memory by the square of this


@dataclass(frozen=True, eq=False)
class Translation:
    """A line, what became of it, and which word came from where.

    `log_prob` is the natural logarithm of the translation's probability and the sum of `token_log_probs`; `score` is
    what hypotheses were ranked by. `tokens` and `source_pieces` are subwords and end with "</s>", except that `tokens`
    has none when the length limit cut the translation (`is_finished` is False). `attention_TS` has a row for each of
    `tokens` and a column for each of `source_pieces`. An empty line has empty fields and scores zero. `is_whole` is
    False when the line was so long that only its first 1,000 pieces were read.
    """

    source: str
    text: str
    score: float
    log_prob: float
    token_log_probs: tuple[float, ...]
    source_pieces: list[str]
    tokens: list[str]
    source_words: list[str]
    target_words: list[str]
    source_word_of_piece: list[int]
    target_word_of_piece: list[int]
    attention_TS: NDArray[np.float32]
    is_finished: bool
    is_whole: bool

    @cached_property
    def word_attention(self) -> Matrix:
        """Target words x source words; see nmt.report.alignment.merge_attention."""
        counts = len(self.source_words), len(self.target_words)
        return merge_attention(self.attention_TS, self.source_word_of_piece, self.target_word_of_piece, *counts)

    @property
    def alignment(self) -> list[Link]:
        """Pairs (source word, target word), counted from 0: where each target word looked most."""
        return links(self.word_attention)


def translate_lines(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    lines: Iterable[str],
    *,
    batch_sentences: int = 64,
    device: torch.device | str = "cpu",
    **search: Any,
) -> Iterator[list[Translation]]:
    """The translations of each line, best first, in the order of the lines; `search` is what `beam_search` takes.

    Reads a window of lines ahead, to batch lines of like length, and holds no more than that: a stream without end
    takes constant memory. With `batch_sentences` 1 each line is translated as soon as it is read. A line without
    pieces (empty, or blanks only) becomes one empty translation; the model never sees it.
    """

    def search_batch(sources: Sequence[Segmented]) -> list[list[Hypothesis]]:
        source_BS, lengths_B = pad([[*source.ids[:LONGEST], EOS] for source in sources])
        return beam_search(model, source_BS.to(device), lengths_B.to(device), **search)

    window = WINDOW_BATCHES * batch_sentences if batch_sentences > 1 else 1
    stream = iter(lines)
    while read := list(islice(stream, window)):
        sources = [source_subword.split_source(line) for line in read]
        found = [[nothing(source)] for source in sources]
        for rows in plan_batches([len(source.ids) for source in sources], batch_sentences):
            hypotheses = in_parts(search_batch, [sources[row] for row in rows])
            for row, ranked in zip(rows, hypotheses, strict=True):
                found[row] = [translation(sources[row], best, source_subword, target_subword) for best in ranked]
        yield from found


def plan_batches(lengths: Sequence[int], batch_sentences: int) -> list[list[int]]:
    """Rows of each batch, shortest first, leaving out those of length 0.

    No batch has more than `batch_sentences` rows or PIECES * batch_sentences pieces with padding; a row that is longer
    than that travels alone.
    """
    batches: list[list[int]] = []
    for row in sorted((row for row, length in enumerate(lengths) if length), key=lengths.__getitem__):
        size = len(batches[-1]) + 1 if batches else 0
        if 0 < size <= batch_sentences and size * lengths[row] <= PIECES * batch_sentences:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def in_parts(work: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item]) -> list[Found]:
    """`work(items)`, or the same in halves when that does not fit in memory.

    Raises NmtError when one item alone does not fit.
    """
    try:
        return work(items)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if len(items) == 1:
            raise NmtError("one line alone does not fit in memory\n  Split it, or use a smaller --beam") from error
    middle = len(items) // 2
    return in_parts(work, items[:middle]) + in_parts(work, items[middle:])


def pad(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids as a rectangle, and how many of each row are real. -> source_BS, lengths_B"""
    tensors = [torch.tensor(ids) for ids in rows]
    return (
        torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PAD),
        torch.tensor([len(ids) for ids in rows]),
    )


def translation(source: Segmented, found: Hypothesis, source_subword: Subword, target_subword: Subword) -> Translation:
    """A hypothesis in words."""
    target = target_subword.split_target(found.tokens)
    return Translation(
        source=source.text,
        text=target.text,
        score=found.score,
        log_prob=found.log_prob,
        token_log_probs=found.token_log_probs,
        source_pieces=source_subword.pieces([*source.ids[:LONGEST], EOS]),
        tokens=target_subword.pieces(found.tokens),
        source_words=source.words,
        target_words=target.words,
        source_word_of_piece=source.word_of_piece[:LONGEST],
        target_word_of_piece=target.word_of_piece,
        attention_TS=found.attention_TS.numpy(),
        is_finished=found.is_finished,
        is_whole=len(source.ids) <= LONGEST,
    )


def nothing(source: Segmented) -> Translation:
    """What an empty line becomes."""
    return Translation(
        source.text, "", 0.0, 0.0, (), [], [], source.words, [], [], [], np.zeros((0, 0), np.float32), True, True
    )
