"""What a user wishes of a translation, in words, as step models and choices of the search.

Strings become ids here, and messages name strings; what the restrictions do stands in nmt.search.
"""

# V target words

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from nmt.errors import DataError
from nmt.ids import EOS, UNK
from nmt.search.banned import BannedStrings
from nmt.search.beam import MOST_PROBABLE, length_limit
from nmt.search.choices import Choice, Diverse, Sample
from nmt.search.hypothesis import Normalization
from nmt.search.required import RequiredPhrases
from nmt.search.restrictions import MinLength, NoRepeat, Prefix
from nmt.step import StepModel
from nmt.text.subword import SegmentedLine, Subword

BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")


@dataclass(frozen=True)
class Request:
    """A line to be translated and what its translation must and must not say.

    `prefix` is how the translation begins; where it ends with a blank, a new word follows it. `constraints` are words
    or phrases that it contains, each as often as it is named, from the beginning of a word to the end of one. `banned`
    are strings that it does not contain, anywhere inside words, or at their beginning (" cat") or end ("cat ") only
    where there is a blank. All are case-sensitive. `max_length` counts pieces and the end.
    """

    source: str
    prefix: str = ""
    constraints: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
    max_length: int | None = None

    def __post_init__(self) -> None:
        """Raises DataError for a lone surrogate, which is half a character and has no UTF-8."""
        for text in (self.source, self.prefix, *self.constraints, *self.banned):
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise DataError(
                    f"{text[:60]!r} has half a character at position {error.start + 1:,}\n"
                    "  It was cut or decoded wrongly where it comes from: write whole characters, in UTF-8"
                ) from error


@dataclass(frozen=True)
class Search:
    """How to look for translations: the settings of nmt.config.SearchSettings, and how many to return."""

    beam: int
    normalization: Normalization
    alpha: float
    max_length_ratio: float
    max_length_extra: int
    beta: float = 0.0
    n_best: int = 1
    min_length: int = 0
    no_repeat: int = 0
    groups: int = 1
    diversity: float = 0.5
    sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 1
    mbr: Literal["none", "chrf", "bleu"] = "none"
    candidates: int = 0
    replace_unk: bool = False
    keep_symbols: bool = False
    split_long: bool = False
    longest: int = 150

    @property
    def wanted(self) -> int:
        """Hypotheses that a search is asked for: more than are returned when the choice is among them."""
        if self.mbr == "none":
            return self.n_best
        return max(self.n_best, self.candidates or self.beam)


class CompiledRequest(NamedTuple):
    """A request in ids. Required and banned strings are those of the user in the form that the model can say."""

    source: SegmentedLine
    prefix: list[int]
    prefix_is_whole: bool
    phrases: list[list[int]]
    phrase_is_open: list[bool]
    banned: list[bytes]
    limit: int  # tokens, EOS among them
    key: int  # of samples


class ConstraintCompiler:
    """The target's subword model, as far as wishes need to know it."""

    def __init__(self, subword: Subword) -> None:
        self.subword = subword

    @cached_property
    def surfaces(self) -> tuple[bytes, ...]:
        """What each id adds to the text, in bytes; EOS ends a word as a blank does."""
        texts = []
        for piece in self.subword.pieces(range(self.subword.size)):
            is_byte = BYTE_PIECE.fullmatch(piece)
            texts.append(bytes.fromhex(is_byte[1]) if is_byte else piece.replace("▁", " ").encode())
        texts[: EOS + 1] = [b"", b"", b"", b" "]  # PAD, UNK, BOS
        return tuple(texts)

    @cached_property
    def begins_word_V(self) -> Tensor:  # noqa: N802
        """True of ids that cannot continue a word: those that begin with no letter, digit or part of one."""
        texts = [surface.decode(errors="ignore") for surface in self.surfaces]
        return torch.tensor([text != "" and not text[0].isalnum() for text in texts])

    def encode_exactly(self, text: str, what: str) -> list[int]:
        """Ids that say a text as it is. Raises DataError, which calls it `what`, when no ids do."""
        wanted = " ".join(text.split())
        ids = self.subword.encode(wanted)
        said = self.subword.decode(ids)
        if UNK in ids or said != wanted:
            nearest = f"; the nearest is {said!r}" if UNK not in ids and said.strip() else ""
            raise DataError(f"{what} {text!r} cannot be said by this model{nearest}")
        if not ids:
            raise DataError(f"{what} {text!r} is empty: it needs at least one character that is no blank")
        return ids

    def encode_banned(self, text: str) -> bytes:
        """The bytes that a banned string would be said with, blanks at its ends kept."""
        if not text.strip():
            raise DataError(f"the banned string {text!r} is empty: it needs at least one character that is no blank")
        ids = self.subword.encode(text)
        core = text.strip() if UNK in ids else self.subword.decode(ids).strip()
        before, after = (" " if end.isspace() else "" for end in (text[0], text[-1]))
        return f"{before}{core or text.strip()}{after}".encode()

    def compile_request(
        self, request: Request, source: SegmentedLine, search: Search, kept: Sequence[str] = ()
    ) -> CompiledRequest:
        """`kept` are pieces that are required besides. Raises DataError for what cannot be said, or has no room."""
        prefix = self.encode_exactly(request.prefix, "the prefix") if request.prefix else []
        phrases = [self.encode_exactly(phrase, "the constraint") for phrase in request.constraints]
        phrases += [[self.subword.id_of(piece)] for piece in kept]
        banned = [self.encode_banned(text) for text in request.banned]
        for ban in request.banned:
            for what, text in [("prefix", request.prefix), *(("constraint", text) for text in request.constraints)]:
                if text and ban in f" {text.strip()} ":
                    raise DataError(f"the {what} {text!r} contains {ban!r}, which is banned\n  Drop one of the two")
        needed = len(prefix) + sum(map(len, phrases))
        limit = length_limit(len(source.ids) + 1, search.max_length_ratio, search.max_length_extra)
        if request.max_length is not None:
            if 0 < needed >= request.max_length:
                raise DataError(
                    f"a max_length of {request.max_length:,} leaves no room for the {needed:,} pieces that prefix and "
                    "constraints take, and the end\n  Raise it, or drop one of them"
                )
            limit = request.max_length
        return CompiledRequest(
            source=source,
            prefix=prefix,
            prefix_is_whole=request.prefix[-1:].isspace(),
            phrases=phrases,
            phrase_is_open=[not text.strip()[-1].isalnum() for text in request.constraints] + [True] * len(kept),
            banned=banned,
            limit=max(limit, needed + 1),
            key=int.from_bytes(sha256(source.text.encode()).digest()[:8], "big"),
        )

    def apply_constraints(self, model: StepModel, tasks: Sequence[CompiledRequest], search: Search) -> StepModel:
        """A step model for one batch that does as it is told; the innermost restriction wins."""
        if any(task.prefix for task in tasks):
            prefixes, is_whole = [task.prefix for task in tasks], [task.prefix_is_whole for task in tasks]
            begins_blank_V = torch.tensor([surface[:1] == b" " for surface in self.surfaces])
            model = Prefix(model, prefixes, is_whole, begins_blank_V)
        if any(task.phrases for task in tasks):
            phrases, is_open = [task.phrases for task in tasks], [task.phrase_is_open for task in tasks]
            model = RequiredPhrases(model, phrases, is_open, [task.limit for task in tasks], self.begins_word_V)
        if any(task.banned for task in tasks):
            model = BannedStrings(model, self.surfaces, [task.banned for task in tasks])
        if search.min_length:
            model = MinLength(model, search.min_length)
        if search.no_repeat:
            model = NoRepeat(model, search.no_repeat)
        return model


def build_choice(tasks: Sequence[CompiledRequest], search: Search) -> tuple[Choice, int]:
    """How slots are filled, and how many there are."""
    if search.sample:
        drawn = Sample(
            search.wanted,
            [task.key for task in tasks],
            seed=search.seed,
            temperature=search.temperature,
            top_k=search.top_k,
            top_p=search.top_p,
        )
        return drawn, search.wanted
    groups = min(search.groups, search.beam)
    return Diverse(groups, search.diversity) if groups > 1 else MOST_PROBABLE, search.beam
