"""From lines of text to translations with any step model: segment, batch, search, and join pieces to words."""

# B sentences   S source positions   V target words

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256

from nmt.arguments import check_text
from nmt.errors import DataError, Option
from nmt.ids import BOS, EOS, PAD, UNK, pad_ids
from nmt.search.beam import beam_search
from nmt.search.choices import Choice
from nmt.search.hypothesis import Hypothesis, get_sort_key
from nmt.search.shortlisted import restrict_to_shortlist
from nmt.settings import SearchSettings
from nmt.step import Array, StepModel
from nmt.text.subword import Subword
from nmt.text.terms import Terms
from nmt.text.units import WORDS, Units
from nmt.text.words import is_blank
from nmt.translation import batching
from nmt.translation.batching import choose_window_size, count_threads, read_windows, run_batches
from nmt.translation.constraints import CompiledRequest, ConstraintCompiler, build_choice, count_hypotheses
from nmt.translation.long_lines import split_line
from nmt.translation.mbr import rank_by_utility
from nmt.translation.request import Request
from nmt.translation.result import Translation, build_empty_translation, build_translation, join_parts


def translate_lines(
    model: StepModel,
    source_subword: Subword,
    target_subword: Subword,
    lines: Iterable[str | Request],
    search: SearchSettings,
    *,
    n_best: int = 1,
    batch_size: int = 64,
    first: int = 1,
    shortlist: Callable[[Array], Array] | None = None,
    choice: Choice | None = None,
    language: str = "",
    units: tuple[Units, Units] = (WORDS, WORDS),
    terms: Terms | None = None,
    check: Callable[[], object] = bool,
) -> Iterator[list[Translation]]:
    """The `n_best` translations of each line, best first, in the order of the lines.

    Reads a window of lines ahead, to batch lines of similar length. Only one window is in memory, so that `lines` may
    be endless. With `batch_size` 1 each line is translated as soon as it is read. A line without pieces (empty, or only
    blanks) has one empty translation, for which the model is not run.

    With `search.split_long` a line of more than `search.longest` pieces is translated in parts. Such a line cannot have
    constraints or a max_length; its prefix applies to the first part.

    `shortlist` returns the target pieces that are allowed for each source, source_BS -> allowed_BV; pieces of a prefix
    and of constraints are always allowed. `choice` replaces the choice of continuations that `search` describes.
    `language` is the language of the lines, by which sentences are found in long ones. `units` are those of source and
    target, which become the words of translations. `terms` are looked for in every line, or part of a long one, and
    required where they are found; those that the model cannot generate are not. `check` is called before each
    step of search, by every thread that searches, and may raise an error to stop.

    Raises DataError, with the number of the line, for a request that cannot be met. The first line has number `first`.
    """
    compiler = ConstraintCompiler(target_subword)
    copies_unknown = search.replace_unk and not target_subword.has_byte_fallback
    symbols = source_subword.symbols & target_subword.symbols if search.keep_symbols else frozenset()
    symbol_ids = {piece: target_subword.piece_to_id(piece) for piece in sorted(symbols)}
    wanted = count_hypotheses(search, n_best)

    def compile_request(request: Request, number: int, part: int) -> CompiledRequest:
        read = source_subword.cut(request.source, batching.MAX_PIECES)
        source = source_subword.segment(read, units[0])._replace(text=request.source)
        if is_blank(request.source):
            source = source._replace(ids=[], group_of_piece=[])
            if request.prefix or request.constraints:
                raise DataError(
                    f"line {number:,}: prefix and constraints cannot be met, because the source is empty, and its "
                    "translation is, too\n  Leave them out, or leave out the request"
                )
        pieces = Counter(source_subword.ids_to_pieces(source.ids) if symbol_ids else ())
        used = source._replace(ids=source.ids[: batching.MAX_PIECES])
        try:
            wanted_symbols = {piece: pieces[piece] for piece in symbol_ids}
            wanted_terms = [compiler.list_required(one) for one in terms.find(read)] if terms else []
            compiled = compiler.compile_request(request, used, search, wanted_symbols, wanted_terms)
        except DataError as error:
            raise DataError(f"line {number:,}: ", *error.args) from error
        key = f"{number} {part} {source.text}".encode()
        return compiled._replace(source=source, key=int.from_bytes(sha256(key).digest()[:8], "big"))

    def search_batch(requests: Sequence[CompiledRequest]) -> list[list[Hypothesis]]:
        source_BS, lengths_B = pad_ids([[*request.source.ids[: batching.MAX_PIECES], EOS] for request in requests])
        used_choice, slots = (choice, search.beam) if choice else build_choice(requests, search, wanted)
        restricted = model
        if shortlist is not None:
            allowed_BV = shortlist(source_BS)
            for row, request in enumerate(requests):
                allowed_BV[row, request.allowed_ids] = True
            restricted = restrict_to_shortlist(model, allowed_BV)
        return beam_search(
            compiler.apply_constraints(restricted, requests, search),
            source_BS,
            lengths_B,
            beam=slots,
            normalization=search.normalization,
            alpha=search.alpha,
            max_length_ratio=search.max_length_ratio,
            max_length_extra=search.max_length_extra,
            n_best=min(wanted, slots),
            limits=[request.limit for request in requests],
            choice=used_choice,
            forbidden_ids=(PAD, BOS) if copies_unknown else (PAD, UNK, BOS),
            beta=search.beta,
            finished_keep_slots=slots == search.beam or search.sample,
            check=check,
        )

    def search_all(requests: Sequence[CompiledRequest], size: int) -> Sequence[list[Hypothesis] | None]:
        lengths = [len(request.source.ids) for request in requests]
        threads = 1 if choice else count_threads(model)  # a choice from elsewhere may not be one that threads can share
        return run_batches(search_batch, requests, lengths, size, threads)

    def rank(request: CompiledRequest, hypotheses: list[Hypothesis] | None) -> list[Translation]:
        source = request.source
        if hypotheses is None:
            return [build_empty_translation(source, units)]
        subwords = source_subword, target_subword
        ranked = [build_translation(source, one, *subwords, copies_unknown, units) for one in hypotheses]
        return rank_by_utility(ranked, search.mbr, is_sample=search.sample) if search.mbr != "none" else ranked

    def translate_requests(requests: Sequence[CompiledRequest]) -> list[list[Translation]]:
        """Translate without constraints first. If the best translation, or too few, meet them, translate with them.

        So constraints that are met without force change nothing, with any beam.
        """
        found = search_all([request.drop_constraints() for request in requests], batch_size)
        ranked = list(map(rank, requests, found))
        again: list[tuple[int, CompiledRequest]] = []
        for row, (request, hypotheses) in enumerate(zip(requests, found, strict=True)):
            if hypotheses is not None and request.is_constrained:
                met = [one for one in ranked[row] if request.is_met_by(one)]
                if met[:1] == ranked[row][:1] and len(met) >= n_best:
                    ranked[row] = met
                else:
                    again.append((row, request.limit_search(symbol_ids, ranked[row][0], search.sample)))
        for some in ([one for one in again if one[1].required], [one for one in again if not one[1].required]):
            more = search_all([request for _, request in some], max(1, batch_size // 2))
            for (row, _), hypotheses in zip(some, more, strict=True):
                ranked[row] = merge(requests[row], ranked[row], found[row] or [], hypotheses or [])
        return [of_line[:n_best] for of_line in ranked]

    def merge(
        request: CompiledRequest, free: list[Translation], plain: list[Hypothesis], constrained: list[Hypothesis]
    ) -> list[Translation]:
        """Rank all translations that meet the request. If the best one without constraints does, it stays the best."""
        met = [one for one in plain if request.is_met_by(rank(request, [one])[0])]
        if search.sample:
            groups = {one.group for one in met}
            more = [one for one in constrained if one.group not in groups]
        else:
            tokens = {one.tokens for one in met}
            more = [one for one in constrained if one.tokens not in tokens]
        ranked = rank(request, sorted(met + more, key=get_sort_key)[:wanted])
        if not request.is_met_by(free[0]):
            return ranked
        others = (one for one in ranked if one.tokens != free[0].tokens)
        return [free[0], *(one for one in others if search.mbr != "none" or get_sort_key(one) >= get_sort_key(free[0]))]

    stream = (
        [
            compile_request(request, number, part)
            for part, request in enumerate(split_request(line, number, source_subword, search, language))
        ]
        for number, line in enumerate(lines, first)
    )
    for window in read_windows(stream, choose_window_size(batch_size)):
        parts = iter(translate_requests([request for requests in window for request in requests]))
        for requests in window:
            of_line = [next(parts) for _ in requests]
            yield [join_parts(same_rank) for same_rank in zip(*of_line, strict=False)]


def split_request(
    line: str | Request, number: int, subword: Subword, search: SearchSettings, language: str
) -> list[Request]:
    """One request for a line or, if it is too long and `split_long` is set, one for each of its parts.

    Raises DataError for a line with several parts and constraints, and for a line that is neither string nor Request.
    """
    if not isinstance(line, str | Request):
        raise DataError(f"line {number:,} is {type(line).__name__}, not a string or a Request: {str(line)[:60]!r}")
    if isinstance(line, str):
        check_text(f"line {number:,}", line)
        line = Request(line)
    request = line
    if not search.split_long:
        return [request]
    first, *others = split_line(request.source, subword, search.longest, language)
    if others and (request.constraints or request.max_length is not None):
        raise DataError(
            f"line {number:,} has more than {search.longest:,} pieces, so it is split, and a line that is split cannot "
            "have constraints or a max_length\n  Split it yourself, or leave out ",
            Option("split_long"),
        )
    return [replace(request, source=first), *(replace(request, source=other, prefix="") for other in others)]
