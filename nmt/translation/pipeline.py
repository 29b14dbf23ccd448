"""Lines of text to translations, in a stream: segment, batch, search, and put into words again.

Runs any step model; it reads no folder and writes no file.
"""

# B sentences   S source positions   T target positions

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, islice, takewhile
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.analysis.alignment import Matrix, extract_links, link_shares, merge_attention
from nmt.errors import DataError, NmtError, is_out_of_memory
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.beam import beam_search
from nmt.search.hypothesis import Hypothesis
from nmt.search.shortlisted import restrict_to_shortlist
from nmt.step import StepModel
from nmt.text.links import Link
from nmt.text.subword import SegmentedLine, Subword
from nmt.translation.constraints import CompiledRequest, ConstraintCompiler, Request, Search, build_choice
from nmt.translation.long_lines import split_line
from nmt.translation.mbr import rank_by_utility

BLANKS = re.compile("  +")
Item = TypeVar("Item")
Found = TypeVar("Found")

WINDOW_BATCHES = 20  # lines read ahead to be sorted by length, in batches
PIECES_PER_SENTENCE = (
    64  # a batch holds no more pieces than this for each of its sentences, so that long lines travel in few
)
MAX_PIECES = 1000  # pieces of a line that are read: attention takes memory by the square of this


@dataclass(frozen=True, eq=False)
class Translation:
    """A line, what became of it, and which word came from where.

    `log_prob` is the natural logarithm of the translation's probability and the sum of `token_log_probs`; `score` is
    what hypotheses were ranked by. `tokens` and `source_pieces` are subwords and end with "</s>", except that `tokens`
    has none when the length limit cut the translation (`is_finished` is False). `attention_TS` has a row for each of
    `tokens` and a column for each of `source_pieces`. An empty line has empty fields and scores zero. `is_whole` is
    False when the line was so long that only its first 1,000 pieces were read.

    A line that was translated in parts has a block of attention for each; the parts' "</s>" belong to word -1.
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
    attention_blocks: tuple[NDArray[np.float32], ...]
    is_finished: bool
    is_whole: bool

    @cached_property
    def attention_TS(self) -> NDArray[np.float32]:  # noqa: N802
        """Attention between pieces; between parts there is none."""
        if len(self.attention_blocks) == 1:
            return self.attention_blocks[0]
        whole_TS = np.zeros((len(self.tokens), sum(block.shape[1] for block in self.attention_blocks)), np.float32)
        row, column = 0, 0
        for block in self.attention_blocks:
            whole_TS[row : row + block.shape[0], column : column + block.shape[1]] = block
            row, column = row + block.shape[0], column + block.shape[1]
        return whole_TS

    @cached_property
    def word_attention(self) -> Matrix:
        """Target words x source words; see nmt.analysis.alignment.merge_attention."""
        counts = len(self.source_words), len(self.target_words)
        return merge_attention(self.attention_TS, self.source_word_of_piece, self.target_word_of_piece, *counts)

    @property
    def alignment(self) -> list[Link]:
        """Pairs (source word, target word), counted from 0: where each target word looked most."""
        return list(self.links())

    def links(self, threshold: float | None = None, offset: int = 0) -> dict[Link, float]:
        """Those pairs, or all that reach a threshold, with the share of its attention that a target word gave.

        `threshold` and `offset` are those of nmt.analysis.alignment.links and select_rows.
        """
        found: dict[Link, float] = {}
        row, column = 0, 0
        for block in self.attention_blocks:  # the whole would take memory by the square of the line
            sources = self.source_word_of_piece[column : column + block.shape[1]]
            targets = self.target_word_of_piece[row : row + block.shape[0]]
            source, target = (min((word for word in words if word >= 0), default=0) for words in (sources, targets))
            own_sources, own_targets = [word - source for word in sources], [word - target for word in targets]
            weights_JI = merge_attention(block, own_sources, own_targets, offset=offset)
            for (i, j), share in link_shares(weights_JI, extract_links(weights_JI, threshold)).items():
                found[i + source, j + target] = share
            row, column = row + block.shape[0], column + block.shape[1]
        return dict(sorted(found.items()))


class LinePart(NamedTuple):
    """What is translated at a time: a line, or a part of one."""

    line: int  # in the window
    task: CompiledRequest


def translate_lines(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    lines: Iterable[str | Request],
    *,
    batch_sentences: int = 64,
    device: torch.device | str = "cpu",
    first: int = 1,
    shortlist: Callable[[Tensor], Tensor] | None = None,
    **search: Any,
) -> Iterator[list[Translation]]:
    """The translations of each line, best first, in the order of the lines; `search` is what `Search` takes.

    Reads a window of lines ahead, to batch lines of like length, and holds no more than that: a stream without end
    takes constant memory. With `batch_sentences` 1 each line is translated as soon as it is read. A line without
    pieces (empty, or blanks only) becomes one empty translation; the model never sees it.

    With `split_long` a line of more than `longest` pieces is translated in parts, and can have no constraints and no
    max_length of its own; its prefix is that of the first part.

    `shortlist` says which target pieces sentences may be translated with, source_BS -> allowed_BV; those of a prefix
    and of constraints may be said all the same.

    Raises DataError with the number of a line whose request cannot be met; the first has number `first`.
    """
    how = Search(**search)
    compiler = ConstraintCompiler(target_subword)
    is_copying = how.replace_unk and not target_subword.has_byte_fallback
    symbols = source_subword.symbols & target_subword.symbols if how.keep_symbols else frozenset()

    def compile_request(request: Request, number: int) -> CompiledRequest:
        source = source_subword.segment(request.source)
        try:
            kept = [piece for piece in source_subword.pieces(source.ids) if piece in symbols - {*request.constraints}]
            shown = source._replace(ids=source.ids[:MAX_PIECES])
            return compiler.compile_request(request, shown, how, kept)._replace(source=source)
        except DataError as error:
            raise DataError(f"line {number:,}: {error}") from error

    def search_batch(parts: Sequence[LinePart]) -> list[list[Hypothesis]]:
        tasks = [part.task for part in parts]
        source_BS, lengths_B = pad_ids([[*task.source.ids[:MAX_PIECES], EOS] for task in tasks])
        choice, slots = build_choice(tasks, how)
        sayer = model
        if shortlist is not None:
            allowed_BV = shortlist(source_BS)
            for row, task in enumerate(tasks):
                allowed_BV[row, sum(task.phrases, task.prefix)] = True
            sayer = restrict_to_shortlist(model, allowed_BV)
        return beam_search(
            compiler.apply_constraints(sayer, tasks, how),
            source_BS.to(device),
            lengths_B.to(device),
            beam=slots,
            normalization=how.normalization,
            alpha=how.alpha,
            max_length_ratio=how.max_length_ratio,
            max_length_extra=how.max_length_extra,
            n_best=min(how.wanted, slots),
            limits=[task.limit for task in tasks],
            choice=choice,
            forbidden_ids=(PAD, BOS) if is_copying else (PAD, UNK, BOS),
            beta=how.beta,
        )

    window = WINDOW_BATCHES * batch_sentences if batch_sentences > 1 else 1
    stream = (
        [compile_request(request, number) for request in in_requests(line, number, source_subword, how)]
        for number, line in enumerate(lines, first)
    )
    for read in read_windows(stream, window):
        parts = [LinePart(row, task) for row, tasks in enumerate(read) for task in tasks]
        found: list[list[Translation]] = [[empty_translation(part.task.source)] for part in parts]
        for rows in plan_batches([len(part.task.source.ids) for part in parts], batch_sentences):
            for row, ranked in zip(rows, run_in_halves(search_batch, [parts[row] for row in rows]), strict=True):
                source = parts[row].task.source
                some = [translation(source, one, source_subword, target_subword, is_copying) for one in ranked]
                if how.mbr != "none":
                    some = rank_by_utility(some, how.mbr, is_sample=how.sample)
                found[row] = some[: how.n_best]
        for _, of_line in groupby(zip(parts, found, strict=True), key=lambda each: each[0].line):
            yield [join_parts(same_rank) for same_rank in zip(*(ranked for _, ranked in of_line), strict=False)]


def read_windows(stream: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """So many items at a time. Where reading fails, those before are given out first."""
    while True:
        read: list[Item] = []
        try:
            read += islice(stream, size)
        except NmtError:
            if read:
                yield read
            raise
        if not read:
            return
        yield read


def in_requests(line: str | Request, number: int, subword: Subword, search: Search) -> list[Request]:
    """A line as one request, or as one for each part where it is too long.

    Raises DataError for what is wished of a whole translation where there are parts.
    """
    request = Request(line) if isinstance(line, str) else line
    if not search.split_long:
        return [request]
    first, *others = split_line(request.source, subword, search.longest)
    if others and (request.constraints or request.max_length is not None):
        raise DataError(
            f"line {number:,} has more than {search.longest:,} pieces, and what is to be split can have no constraints "
            "and no max_length\n  Split it yourself, or leave out --split-long"
        )
    return [replace(request, source=first), *(replace(request, source=other, prefix="") for other in others)]


def join_parts(parts: Sequence[Translation]) -> Translation:
    """The translation of a line from those of its parts; indices of words and pieces are those of the whole line.

    Each part keeps its "</s>" among the pieces, which belongs to no word; log-probabilities and scores are summed up.
    """
    if len(parts) == 1:
        return parts[0]
    line = "".join(part.source for part in parts)
    source_word_of_piece: list[int] = []
    target_word_of_piece: list[int] = []
    read, said, before = 0, 0, " "
    for part in parts:
        read -= not (before[-1].isspace() or part.source[0].isspace())  # cut in the middle of a word
        source_word_of_piece += [read + word for word in part.source_word_of_piece]
        source_word_of_piece += [-1] * (len(part.source_pieces) - len(part.source_word_of_piece))
        target_word_of_piece += [said + word for word in part.target_word_of_piece]
        target_word_of_piece += [-1] * (len(part.tokens) - len(part.target_word_of_piece))
        read, said, before = read + len(part.source_words), said + len(part.target_words), part.source
    return Translation(
        source=line,
        text=" ".join(part.text for part in parts if part.text),
        score=sum(part.score for part in parts),
        log_prob=sum(part.log_prob for part in parts),
        token_log_probs=tuple(log_prob for part in parts for log_prob in part.token_log_probs),
        source_pieces=[piece for part in parts for piece in part.source_pieces],
        tokens=[token for part in parts for token in part.tokens],
        source_words=line.split(),
        target_words=[word for part in parts for word in part.target_words],
        source_word_of_piece=source_word_of_piece,
        target_word_of_piece=target_word_of_piece,
        attention_blocks=tuple(block for part in parts for block in part.attention_blocks),
        is_finished=all(part.is_finished for part in parts),
        is_whole=all(part.is_whole for part in parts),
    )


def plan_batches(lengths: Sequence[int], batch_sentences: int) -> list[list[int]]:
    """Rows of each batch, shortest first, leaving out those of length 0.

    No batch has more than `batch_sentences` rows or PIECES * batch_sentences pieces with padding; a row that is longer
    than that travels alone.
    """
    batches: list[list[int]] = []
    for row in sorted((row for row, length in enumerate(lengths) if length), key=lengths.__getitem__):
        size = len(batches[-1]) + 1 if batches else 0
        if 0 < size <= batch_sentences and size * lengths[row] <= PIECES_PER_SENTENCE * batch_sentences:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def run_in_halves(work: Callable[[Sequence[Item]], list[Found]], items: Sequence[Item]) -> list[Found]:
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
    return run_in_halves(work, items[:middle]) + run_in_halves(work, items[middle:])


def pad_ids(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids as a rectangle, and how many of each row are real. -> source_BS, lengths_B"""
    tensors = [torch.tensor(ids) for ids in rows]
    return (
        torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True, padding_value=PAD),
        torch.tensor([len(ids) for ids in rows]),
    )


def translation(
    source: SegmentedLine, found: Hypothesis, source_subword: Subword, target_subword: Subword, is_copying: bool = False
) -> Translation:
    """A hypothesis in words, those that hold UNK copied from the source where asked."""
    target = target_subword.segment_ids(found.tokens)
    if is_copying and UNK in target.ids:
        target = copy_unknown(target, target_subword, source, found.attention_TS.numpy())
    return Translation(
        source=source.text,
        text=BLANKS.sub(" ", target.text).strip(" "),  # a piece may be a blank alone
        score=found.score,
        log_prob=found.log_prob,
        token_log_probs=found.token_log_probs,
        source_pieces=source_subword.pieces([*source.ids[:MAX_PIECES], EOS]),
        tokens=target_subword.pieces(found.tokens),
        source_words=source.words,
        target_words=target.words,
        source_word_of_piece=source.word_of_piece[:MAX_PIECES],
        target_word_of_piece=target.word_of_piece,
        attention_blocks=(found.attention_TS.numpy(),),
        is_finished=found.is_finished,
        is_whole=len(source.ids) <= MAX_PIECES,
    )


def copy_unknown(
    target: SegmentedLine, subword: Subword, source: SegmentedLine, attention_TS: NDArray[np.float32]
) -> SegmentedLine:
    """A translation whose words that hold UNK are each the source word that they look at most.

    Marks at the edges of a word that both subword models can spell (the comma after a name) are the target's own.
    Luong et al. 2015, arXiv:1410.8206, with attention for their pointers, and without a dictionary. Where there is no
    attention the word stays as it is.
    """
    unit_of_piece = np.cumsum([piece.startswith("▁") for piece in subword.pieces(target.ids)])
    unit_of_piece -= unit_of_piece[:1]
    units = int(unit_of_piece[-1]) + 1
    weights_JI = merge_attention(
        attention_TS, source.word_of_piece[:MAX_PIECES], unit_of_piece.tolist(), len(source.words), units
    )
    looked = {unit: word for word, unit in extract_links(weights_JI)}
    words: list[str] = []
    word_of_piece: list[int] = []
    for unit in range(units):
        ids = [index for index, own in zip(target.ids, unit_of_piece, strict=True) if own == unit]
        said = subword.decode(ids)
        if UNK in ids and unit in looked:
            first, last = ids.index(UNK), len(ids) - ids[::-1].index(UNK)
            before, after = subword.decode(ids[:first]).strip(), subword.decode(ids[last:]).strip()
            copied = source.words[looked[unit]]
            inner = copied[edge(copied, subword) : len(copied) - edge(copied[::-1], subword)] or copied
            said = before[: edge(before, subword)] + inner + after[len(after) - edge(after[::-1], subword) :]
        word_of_piece += [len(words)] * len(ids)
        words += said.split()
    final = len(words) - 1
    return SegmentedLine(" ".join(words), target.ids, words, [min(word, final) for word in word_of_piece])


def edge(word: str, subword: Subword) -> int:
    """How many marks a word begins with that the subword model can spell."""
    marks = takewhile(lambda one: unicodedata.category(one)[0] == "P" and UNK not in subword.encode(one), word)
    return sum(1 for _ in marks)


def empty_translation(source: SegmentedLine) -> Translation:
    """What an empty line becomes."""
    return Translation(
        source.text, "", 0.0, 0.0, (), [], [], source.words, [], [], [], (np.zeros((0, 0), np.float32),), True, True
    )
