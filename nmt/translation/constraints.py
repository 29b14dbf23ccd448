"""Compiles requests, whose constraints are strings, to the restricted step models and choices of nmt.search."""

# V target words

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from nmt.errors import DataError
from nmt.ids import EOS, UNK
from nmt.search.banned import BannedStrings
from nmt.search.beam import MOST_PROBABLE, compute_length_limit
from nmt.search.choices import Choice, Diverse, Sample
from nmt.search.required import RequiredPhrases
from nmt.search.restrictions import LimitedPhrases, MinLength, NoRepeat, Prefix
from nmt.settings import SearchSettings
from nmt.step import StepModel
from nmt.text.segmented import SegmentedLine
from nmt.text.subword import Subword
from nmt.text.words import UNSPACED, count_phrase, is_boundary
from nmt.translation.request import Request
from nmt.translation.result import Translation

BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")


class CompiledRequest(NamedTuple):
    """A request in ids. Banned strings are in the form in which the model would generate them."""

    source: SegmentedLine
    prefix: list[int]
    prefix_ends_word: bool
    phrases: list[list[int]]
    phrase_may_continue: list[bool]
    banned: list[bytes]
    limit: int  # tokens of the translation, EOS included
    key: int  # of random samples, see nmt.search.choices.Sample
    constraints: Counter[str]
    symbols: dict[str, tuple[int, int]]  # smallest and largest number of occurrences of each
    limited: Sequence[tuple[list[int], int]] = ()  # phrases, and the largest number of occurrences of each

    @property
    def is_constrained(self) -> bool:
        """Whether it has constraints other than a prefix."""
        return bool(self.constraints or self.symbols or self.banned)

    @property
    def needed(self) -> int:
        """The number of tokens of all required phrases."""
        return sum(map(len, self.phrases))

    def drop_constraints(self) -> "CompiledRequest":
        """The same request without constraints other than its prefix."""
        return self._replace(phrases=[], phrase_may_continue=[], banned=[])

    def limit_phrases(self, symbol_ids: Mapping[str, int], tokens: Sequence[int]) -> "CompiledRequest":
        """The same request with a limit on the occurrences of each phrase: the number that is required or, if it is
        larger, the number in `tokens`.

        Symbols keep their own limits.
        """
        symbols = [([symbol_ids[piece]], most) for piece, (_, most) in self.symbols.items()]
        phrases = [ids for number, ids in enumerate(self.phrases) if ids not in self.phrases[:number]]
        others = [
            (ids, max(count_ids(tokens, ids), self.count_needed(ids)))
            for ids in phrases
            if not any(ids == symbol for symbol, _ in symbols)
        ]
        limit = max(self.limit, len(self.prefix) + self.needed + 1)
        return self._replace(limited=symbols + others, limit=limit)

    def count_needed(self, ids: list[int]) -> int:
        """The number of occurrences of `ids` in the prefix and in the phrases that the prefix does not contain."""
        in_prefix = count_ids(self.prefix, ids)
        in_phrases = sum(count_ids(phrase, ids) for phrase in self.phrases)
        return in_prefix + in_phrases - min(in_prefix, self.phrases.count(ids))

    def is_met_by(self, one: Translation) -> bool:
        """Whether a translation has each constraint and symbol as often as required, and no banned string."""
        text = f" {one.text} ".encode()
        return (
            all(count_phrase(one.text, phrase) >= count for phrase, count in self.constraints.items())
            and all(least <= one.tokens.count(piece) <= most for piece, (least, most) in self.symbols.items())
            and not any(string in text for string in self.banned)
        )


def count_ids(tokens: Sequence[int], ids: Sequence[int]) -> int:
    """The number of times that `tokens` contain the sequence `ids`."""
    return sum(list(tokens[begin : begin + len(ids)]) == list(ids) for begin in range(len(tokens) - len(ids) + 1))


def count_apart(constraints: Counter[str]) -> Counter[str]:
    """The number of times that each constraint is required in addition to longer constraints that contain it."""
    apart = Counter[str]()
    for text in sorted(constraints, key=len, reverse=True):
        inside = sum(count * count_phrase(longer, text) for longer, count in apart.items())
        apart[text] = max(0, constraints[text] - inside)
    return Counter({text: apart[text] for text in constraints})


class ConstraintCompiler:
    """Encodes strings with the subword model of the target language, and wraps step models to meet requests."""

    def __init__(self, subword: Subword) -> None:
        self.subword = subword

    @cached_property
    def surfaces(self) -> tuple[bytes, ...]:
        """The bytes that each id adds to the text. EOS is a blank, because it ends a word."""
        texts = []
        for piece in self.subword.ids_to_pieces(range(self.subword.size)):
            is_byte = BYTE_PIECE.fullmatch(piece)
            texts.append(bytes.fromhex(is_byte[1]) if is_byte else piece.replace("▁", " ").encode())
        texts[: EOS + 1] = [b"", b"", b"", b" "]  # PAD, UNK, BOS
        return tuple(texts)

    @cached_property
    def begins_word_V(self) -> Tensor:  # noqa: N802
        """True of ids that cannot continue a word: those that begin neither with a letter or digit nor with a byte.

        In a script without blanks between words, every letter can begin a word.
        """
        texts = [surface.decode(errors="ignore") for surface in self.surfaces]
        return torch.tensor([text != "" and is_boundary("a", text[0]) for text in texts])

    @cached_property
    def is_unspaced(self) -> bool:
        """Whether most pieces with letters are of a script without blanks between words, such as Japanese or Thai."""
        letters = [next(filter(str.isalpha, surface.decode(errors="ignore")), "") for surface in self.surfaces]
        return 2 * sum(bool(UNSPACED.match(letter)) for letter in letters) > sum(map(bool, letters))

    def encode_exactly(self, text: str, what: str) -> list[int]:
        """The ids of a text, which decode to exactly this text. Raises DataError, which calls it `what`, if none do."""
        normal = " ".join(text.split())
        ids = self.subword.encode(normal)
        decoded = self.subword.decode(ids)
        if UNK in ids or decoded != normal:
            nearest = f"; the nearest text is {decoded!r}" if UNK not in ids and decoded.strip() else ""
            raise DataError(f"{what} {text!r} cannot be generated by this model{nearest}")
        if not ids:
            raise DataError(f"{what} {text!r} is empty: it needs at least one character that is not a blank")
        return ids

    def encode_constraint(self, text: str) -> list[int]:
        """The ids of a constraint, as `encode_exactly`, without a blank before it if the language has no blanks."""
        ids = self.encode_exactly(text, "the constraint")
        if not (self.is_unspaced and UNSPACED.match(text.strip())):
            return ids
        before = self.subword.encode("。")
        inside = self.subword.encode(f"。{' '.join(text.split())}")  # without the blank that begins a sentence
        is_apart = inside[: len(before)] == before and len(inside) > len(before)
        return inside[len(before) :] if is_apart else ids

    def encode_banned(self, text: str) -> bytes:
        """The bytes of a banned string as the model would generate it. Blanks at its ends are kept."""
        if not text.strip():
            raise DataError(f"the banned string {text!r} is empty: it needs at least one character that is not a blank")
        ids = self.subword.encode(text)
        core = text.strip() if UNK in ids else self.subword.decode(ids).strip()
        before, after = (" " if end.isspace() else "" for end in (text[0], text[-1]))
        return f"{before}{core or text.strip()}{after}".encode()

    def compile_request(
        self, request: Request, source: SegmentedLine, search: SearchSettings, symbols: Mapping[str, int] | None = None
    ) -> CompiledRequest:
        """Encode the constraints of a request. `symbols` are pieces and the number of times each must be generated.

        A constraint that a longer one contains is not required in addition to it.

        Raises DataError for constraints that cannot be generated, contradict each other, or exceed max_length.
        """
        symbols = symbols or {}
        prefix = self.encode_exactly(request.prefix, "the prefix") if request.prefix else []
        ids_of = {" ".join(text.split()): self.encode_constraint(text) for text in request.constraints}
        constraints = Counter(" ".join(text.split()) for text in request.constraints)
        phrases, may_continue = [], []
        for text, count in count_apart(constraints).items():
            phrases += [ids_of[text]] * count
            may_continue += [is_boundary(text[-1], "a")] * count
        banned = [self.encode_banned(text) for text in request.banned]
        for ban in request.banned:
            for what, text in [("prefix", request.prefix), *(("constraint", text) for text in request.constraints)]:
                if text and ban in f" {text.strip()} ":
                    raise DataError(
                        f"the {what} {text!r} contains {ban!r}, which is banned\n  Leave out one of the two"
                    )
        for piece, count in symbols.items():
            index = self.subword.piece_to_id(piece)
            missing = max(0, count - sum(phrase.count(index) for phrase in phrases))
            phrases += [[index]] * missing
            may_continue += [True] * missing
        needed = len(prefix) + sum(map(len, phrases))
        limit = compute_length_limit(len(source.ids) + 1, search.max_length_ratio, search.max_length_extra)
        if search.min_length:
            limit = max(limit, search.min_length + max(1, search.max_length_extra))
        if request.max_length is not None:
            if 0 < needed >= request.max_length:
                raise DataError(
                    f"a max_length of {request.max_length:,} is too small: prefix and constraints have {needed:,} "
                    "pieces, and the end counts as one\n  Raise it, or leave out a constraint"
                )
            if search.min_length >= request.max_length:
                raise DataError(
                    f"a max_length of {request.max_length:,} is too small for a min_length of {search.min_length:,}, "
                    "because the end counts as one\n  Raise the one, or lower the other"
                )
            limit = request.max_length
        compiled = CompiledRequest(
            source=source,
            prefix=prefix,
            prefix_ends_word=request.prefix[-1:].isspace(),
            phrases=phrases,
            phrase_may_continue=may_continue,
            banned=banned,
            limit=max(limit, len(prefix) + 1),
            key=0,
            constraints=constraints,
            symbols={},
        )
        most = {
            piece: max(count, compiled.count_needed([self.subword.piece_to_id(piece)]))
            for piece, count in symbols.items()
        }
        return compiled._replace(symbols={piece: (count, most[piece]) for piece, count in symbols.items()})

    def apply_constraints(
        self, model: StepModel, requests: Sequence[CompiledRequest], search: SearchSettings
    ) -> StepModel:
        """A step model that meets the requests of one batch. Where restrictions contradict, the innermost one wins."""
        if any(request.prefix for request in requests):
            prefixes = [request.prefix for request in requests]
            ends_word = [request.prefix_ends_word for request in requests]
            begins_with_blank_V = torch.tensor([surface[:1] == b" " for surface in self.surfaces])
            model = Prefix(model, prefixes, ends_word, begins_with_blank_V)
        if any(request.phrases for request in requests):
            phrases, may_continue = (
                [request.phrases for request in requests],
                [request.phrase_may_continue for request in requests],
            )
            model = RequiredPhrases(
                model, phrases, may_continue, [request.limit for request in requests], self.begins_word_V
            )
        if any(request.limited for request in requests):
            limited, most = (
                [[ids for ids, _ in request.limited] for request in requests],
                [[count for _, count in request.limited] for request in requests],
            )
            model = LimitedPhrases(model, limited, most)
        if any(request.banned for request in requests):
            model = BannedStrings(model, self.surfaces, [request.banned for request in requests])
        if search.min_length:
            model = MinLength(model, search.min_length)
        if search.no_repeat:
            model = NoRepeat(model, search.no_repeat)
        return model


def count_hypotheses(search: SearchSettings, n_best: int) -> int:
    """The number of hypotheses to search for: more than `n_best` where MBR chooses among candidates."""
    return n_best if search.mbr == "none" else max(n_best, search.candidates or search.beam)


def build_choice(requests: Sequence[CompiledRequest], search: SearchSettings, samples: int) -> tuple[Choice, int]:
    """The choice of continuations that the settings describe, and the number of slots of a sentence.

    With required phrases there are `beam` slots for each number of required tokens that a hypothesis may have, so that
    hypotheses without a phrase are kept until they reach a probable position for it. All `requests` need the same
    number of tokens.
    """
    if search.sample:
        keys = [request.key for request in requests]
        sample = Sample(
            samples,
            keys,
            seed=search.seed,
            temperature=search.temperature,
            top_k=search.top_k,
            top_p=search.top_p,
        )
        return sample, samples
    groups = min(search.groups, search.beam)
    slots = search.beam * (requests[0].needed + 1)
    return Diverse(groups, search.diversity) if groups > 1 else MOST_PROBABLE, slots
