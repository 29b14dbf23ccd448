"""Lines of text to translations, in a stream: segment, batch, search, and join pieces into words again.

Runs any step model; it reads no folder and writes no file.
"""

# B sentences   S source positions   V target words

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.config import SearchSettings
from nmt.errors import DataError, Option
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.search.beam import beam_search
from nmt.search.choices import Choice
from nmt.search.hypothesis import Hypothesis
from nmt.search.shortlisted import restrict_to_shortlist
from nmt.step import StepModel
from nmt.text.subword import Subword, write_as_piece
from nmt.translation import batching
from nmt.translation.batching import pad_ids, read_windows, run_batches, window_size
from nmt.translation.constraints import CompiledRequest, ConstraintCompiler, build_choice, count_hypotheses
from nmt.translation.long_lines import split_line
from nmt.translation.mbr import rank_by_utility
from nmt.translation.request import Request
from nmt.translation.result import Translation, build_translation, empty_translation, join_parts


class LinePart(NamedTuple):
    """What is translated at a time: a line, or a part of a long one."""

    line: int  # in the window
    request: CompiledRequest


def translate_lines(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    lines: Iterable[str | Request],
    search: SearchSettings,
    *,
    n_best: int = 1,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    first: int = 1,
    shortlist: Callable[[Tensor], Tensor] | None = None,
    choice: Choice | None = None,
) -> Iterator[list[Translation]]:
    """The `n_best` translations of each line, best first, in the order of the lines.

    Reads a window of lines ahead, to batch lines of like length, and holds no more than that: a stream without end
    takes constant memory. With `batch_size` 1 each line is translated as soon as it is read. A line without pieces
    (empty, or blanks only) becomes one empty translation; the model never sees it.

    With `search.split_long` a line of more than `search.longest` pieces is translated in parts, and can have no
    constraints and no max_length of its own; its prefix is that of the first part.

    `shortlist` gives the target pieces that sentences may be translated with, source_BS -> allowed_BV; those of a
    prefix and of constraints are allowed in addition. `choice` takes the place of the one that `search` describes.

    Raises DataError with the number of a line whose request cannot be met; the first has number `first`.
    """
    compiler = ConstraintCompiler(target_subword)
    copies_unknown = search.replace_unk and not target_subword.has_byte_fallback
    symbols = source_subword.symbols & target_subword.symbols if search.keep_symbols else frozenset()
    wanted = count_hypotheses(search, n_best)

    def compile_request(request: Request, number: int) -> CompiledRequest:
        source = source_subword.segment(request.source)
        try:
            named = {write_as_piece(constraint) for constraint in request.constraints}
            kept = [piece for piece in source_subword.ids_to_pieces(source.ids) if piece in symbols - named]
            read = source._replace(ids=source.ids[: batching.MAX_PIECES])
            return compiler.compile_request(request, read, search, kept)._replace(source=source)
        except DataError as error:
            raise DataError(f"line {number:,}: ", *error.args) from error

    def search_batch(parts: Sequence[LinePart]) -> list[list[Hypothesis]]:
        requests = [part.request for part in parts]
        source_BS, lengths_B = pad_ids([[*request.source.ids[: batching.MAX_PIECES], EOS] for request in requests])
        chosen, slots = (choice, search.beam) if choice else build_choice(requests, search, wanted)
        restricted = model
        if shortlist is not None:
            allowed_BV = shortlist(source_BS)
            for row, request in enumerate(requests):
                allowed_BV[row, sum(request.phrases, request.prefix)] = True
            restricted = restrict_to_shortlist(model, allowed_BV)
        return beam_search(
            compiler.apply_constraints(restricted, requests, search),
            source_BS.to(device),
            lengths_B.to(device),
            beam=slots,
            normalization=search.normalization,
            alpha=search.alpha,
            max_length_ratio=search.max_length_ratio,
            max_length_extra=search.max_length_extra,
            n_best=min(wanted, slots),
            limits=[request.limit for request in requests],
            choice=chosen,
            forbidden_ids=(PAD, BOS) if copies_unknown else (PAD, UNK, BOS),
            beta=search.beta,
        )

    def rank(part: LinePart, hypotheses: list[Hypothesis] | None) -> list[Translation]:
        source = part.request.source
        if hypotheses is None:
            return [empty_translation(source)]
        subwords = source_subword, target_subword
        ranked = [build_translation(source, one, *subwords, copies_unknown) for one in hypotheses]
        if search.mbr != "none":
            ranked = rank_by_utility(ranked, search.mbr, is_sample=search.sample)
        return ranked[:n_best]

    stream = (
        [compile_request(request, number) for request in split_request(line, number, source_subword, search)]
        for number, line in enumerate(lines, first)
    )
    for window in read_windows(stream, window_size(batch_size)):
        parts = [LinePart(row, request) for row, requests in enumerate(window) for request in requests]
        found = run_batches(search_batch, parts, [len(part.request.source.ids) for part in parts], batch_size)
        ranked = zip(parts, map(rank, parts, found), strict=True)
        for _, of_line in groupby(ranked, key=lambda each: each[0].line):
            yield [join_parts(same_rank) for same_rank in zip(*(one for _, one in of_line), strict=False)]


def split_request(line: str | Request, number: int, subword: Subword, search: SearchSettings) -> list[Request]:
    """A line as one request or, where it is too long and may be split, as one for each part.

    Raises DataError for constraints on a whole translation where there are parts, and for a line that is no string.
    """
    if not isinstance(line, str | Request):
        raise DataError(f"line {number:,} is {type(line).__name__}, not a string or a Request: {str(line)[:60]!r}")
    request = Request(line) if isinstance(line, str) else line
    if not search.split_long:
        return [request]
    first, *others = split_line(request.source, subword, search.longest)
    if others and (request.constraints or request.max_length is not None):
        raise DataError(
            f"line {number:,} has more than {search.longest:,} pieces, and a split line can have no constraints and no "
            "max_length\n  Split it yourself, or leave out ",
            Option("split_long"),
        )
    return [replace(request, source=first), *(replace(request, source=other, prefix="") for other in others)]
