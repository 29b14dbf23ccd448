"""Compiles requests, whose constraints are strings, to the restricted step models and choices of nmt.search."""

# V target words

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from nmt.arguments import SHOWN_CHARACTERS
from nmt.errors import DataError, indent
from nmt.ids import EOS, UNK
from nmt.search.banned import BannedStrings
from nmt.search.beam import MOST_PROBABLE, compute_length_limit
from nmt.search.choices import Choice, Diverse, Sample
from nmt.search.phrases import Alternatives, Phrase, WordBounds, list_lengths
from nmt.search.required import RequiredPhrases
from nmt.search.restrictions import LimitedPhrases, MinLength, NoRepeat, Prefix
from nmt.settings import SearchSettings
from nmt.step import StepModel
from nmt.text.normalization import BLANK_PIECE
from nmt.text.segmented import SegmentedLine
from nmt.text.subword import Subword
from nmt.text.terms import MOST_SHOWN, FoundTerm, Terms
from nmt.text.words import UNSPACED, count_phrase, find_texts, is_boundary, match_texts
from nmt.translation.request import Request
from nmt.translation.result import Translation

BYTE_PIECE = re.compile("<0x([0-9A-F]{2})>")
CLOSING = (*".,;:!?…)]}»”’%",)  # marks that are usually followed by a blank
MOST_BANNED_BYTES = 1000  # of a string: its automaton takes time and memory
MOST_TERM_PIECES = 512  # of the terms of a sentence: the time of the search grows with them
SPARE_TOKENS = 10  # of a translation with required phrases, above its usual length
MORE_SLOTS = 3  # of a group, where phrases are required
CARRIERS = '("-。'  # after which a text is spelled that has no blank before it


class Required(NamedTuple):
    """One of several texts that a translation contains as whole words, and the phrases that spell them."""

    texts: tuple[str, ...]
    phrases: tuple[Phrase, ...]

    def count(self, text: str) -> int:
        """The number of times that a text has one of the texts, without overlaps."""
        return len(find_texts(text, self.texts))


class CompiledRequest(NamedTuple):
    """A request in ids. Banned strings are in the form in which the model would generate them."""

    source: SegmentedLine
    prefix: list[int]
    prefix_ends_word: bool
    prefix_text: str
    required: list[Required]  # what is required several times occurs several times
    banned: list[bytes]
    limit: int  # tokens of the translation, EOS included
    key: int  # of random samples, see nmt.search.choices.Sample
    constraints: Counter[str]
    terms: tuple[tuple[str, ...], ...]  # of each one text is required, apart from the others
    symbols: dict[str, tuple[int, int]]  # smallest and largest number of occurrences of each
    limited: Sequence[tuple[Alternatives, int]] = ()  # phrases, and the largest number of their occurrences

    @property
    def is_constrained(self) -> bool:
        """Whether it has constraints other than a prefix."""
        return bool(self.constraints or self.terms or self.symbols or self.banned)

    @property
    def needed(self) -> int:
        """The number of tokens that all required phrases need at least."""
        return sum(min(list_lengths(one.phrases)) for one in self.required)

    @property
    def allowed_ids(self) -> list[int]:
        """The ids of the prefix and of all required phrases."""
        return [*self.prefix, *(index for one in self.required for phrase in one.phrases for index in phrase.ids)]

    def drop_constraints(self) -> "CompiledRequest":
        """The same request without constraints other than its prefix."""
        return self._replace(required=[], banned=[])

    def limit_search(self, symbol_ids: Mapping[str, int], free: Translation, is_sample: bool) -> "CompiledRequest":
        """The same request with limits that a translation without constraints gives.

        What is required may occur as often as it is required or, if that is more often, as in the text of `free`.
        Symbols, and what contains them, have the limits of symbols. Without the required phrases, the translation may
        be half as long again as `free`, or SPARE_TOKENS longer, unless `is_sample`: hypotheses that delay a phrase need
        not be followed further.
        """
        symbols = [((Phrase((symbol_ids[piece],)),), most) for piece, (_, most) in self.symbols.items()]
        own = {symbol_ids[piece] for piece in self.symbols}
        others = {one.texts: one for one in self.required if not any(own & {*phrase.ids} for phrase in one.phrases)}
        limited = [(one.phrases, max(one.count(free.text), self.count_needed(one))) for one in others.values()]
        longest = sum(max(list_lengths(one.phrases)) for one in self.required)
        tokens = len(free.tokens)
        usual = self.limit if is_sample else longest + tokens + max(SPARE_TOKENS, tokens // 2)
        limit = max(min(self.limit, usual), len(self.prefix) + self.needed + 1)
        return self._replace(limited=[*symbols, *limited], limit=limit)

    def count_needed(self, one: Required) -> int:
        """The number of occurrences of a text in the prefix, and in what is required and not in the prefix."""
        in_prefix = one.count(self.prefix_text)
        in_required = sum(max(map(one.count, other.texts)) for other in self.required if other.texts)
        own = sum(other.texts == one.texts for other in self.required)
        return in_prefix + in_required - min(in_prefix, own)

    def is_met_by(self, one: Translation) -> bool:
        """Whether a translation has each constraint and symbol as often as required, and no banned string."""
        text = f" {one.text} ".encode()
        return (
            all(count_phrase(one.text, phrase) >= count for phrase, count in self.constraints.items())
            and None not in match_texts(one.text, self.terms)
            and all(least <= one.tokens.count(piece) <= most for piece, (least, most) in self.symbols.items())
            and not any(string in text for string in self.banned)
        )


def count_apart(constraints: Counter[str], terms: Sequence[Sequence[str]] = ()) -> Counter[str]:
    """The number of times that each constraint is required in addition to longer constraints and terms that contain
    it."""
    apart = Counter[str]()
    for text in sorted(constraints, key=len, reverse=True):
        inside = sum(count * count_phrase(longer, text) for longer, count in apart.items())
        inside += sum(min(count_phrase(one, text) for one in texts) for texts in terms)
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
    def bounds(self) -> WordBounds:
        """Where words begin and end.

        An id cannot continue a word if it begins neither with a letter or digit nor with a byte. In a script without
        blanks between words, every letter can begin a word. A word can begin without a blank after an id that ends with
        a blank, such a letter, or a mark that is not usually followed by a blank.
        """
        texts = [surface.decode(errors="ignore") for surface in self.surfaces]
        begins = [text != "" and is_boundary("a", text[0]) for text in texts]
        ends = [
            text.encode() == surface and text.isprintable() and is_boundary(text[-1:], "a") and text[-1:] not in CLOSING
            for text, surface in zip(texts, self.surfaces, strict=True)
        ]
        return WordBounds(np.array(begins), np.array(ends))

    @cached_property
    def is_unspaced(self) -> bool:
        """Whether most pieces with letters are of a script without blanks between words, such as Japanese or Thai."""
        pieces = self.subword.ids_to_pieces(range(self.subword.size))
        letters = [next(filter(str.isalpha, piece), "") for piece in pieces if not BYTE_PIECE.fullmatch(piece)]
        return 2 * sum(bool(UNSPACED.match(letter)) for letter in letters) > sum(map(bool, letters))

    def compose(self, text: str) -> str:
        """A text with single blanks, and with letters and accents composed if the subword model composes them."""
        plain = " ".join(text.split())
        written = " ".join(self.subword.normalize(plain).replace(BLANK_PIECE, " ").split())
        return written if unicodedata.normalize("NFC", plain) == unicodedata.normalize("NFC", written) else plain

    def encode_exactly(self, text: str, what: str) -> list[int]:
        """The ids of a text, which decode to exactly this text. Raises DataError, which calls it `what`, if none do."""
        normal = self.compose(text)
        ids = self.subword.encode(normal, with_invisible=True)
        decoded = self.subword.decode(ids)
        if UNK in ids or decoded != normal:
            nearest = f"; the nearest text is {decoded!r}" if UNK not in ids and decoded.strip() else ""
            raise DataError(f"{what} {text!r} cannot be generated by this model{nearest}")
        if not ids:
            raise DataError(f"{what} {text!r} is empty: it needs at least one character that is not a blank")
        return ids

    def spell(self, text: str) -> tuple[Phrase, ...]:
        """The ways to generate a constraint: after a blank, and where there is none, as after a bracket.

        In a language without blanks between words, the first is the way at the beginning of a text, and the second
        that at all other places.

        Raises DataError as `encode_exactly` does.
        """
        ids = self.encode_exactly(text, "the constraint")
        text = self.compose(text)
        may_continue = is_boundary(text[-1], "a")
        is_initial = self.is_unspaced and UNSPACED.match(text) is not None
        is_free = self.is_unspaced and is_boundary("a", text[0])
        spelled = {tuple(ids): Phrase(tuple(ids), may_continue, is_initial=is_initial)}
        if (inside := self.encode_attached(text)) is not None:
            spelled.setdefault(inside, Phrase(inside, may_continue, not is_free))
        return tuple(spelled.values())

    def encode_attached(self, text: str) -> tuple[int, ...] | None:
        """The ids of a text without a blank before it; None if the subword model has no mark to put before it."""
        for carrier in CARRIERS:
            before, inside = (self.subword.encode(one, with_invisible=True) for one in (carrier, f"{carrier}{text}"))
            ids = tuple(inside[len(before) :])
            if UNK not in inside and inside[: len(before)] == before and self.subword.decode(list(ids)) == text:
                return ids
        return None

    def encode_banned(self, text: str) -> bytes:
        """The bytes of a banned string as the model would generate it. Blanks at its ends are kept."""
        if not text.strip():
            raise DataError(f"the banned string {text!r} is empty: it needs at least one character that is not a blank")
        if (size := len(text.encode())) > MOST_BANNED_BYTES:
            raise DataError(
                f"the banned string {text[:SHOWN_CHARACTERS]!r} … has {size:,} bytes, and at most "
                f"{MOST_BANNED_BYTES:,} can be banned\n  Ban a part of it"
            )
        ids = self.subword.encode(text)
        core = text.strip() if UNK in ids else self.subword.decode(ids).strip()
        before, after = (" " if end.isspace() else "" for end in (text[0], text[-1]))
        return f"{before}{core or text.strip()}{after}".encode()

    def compile_request(
        self,
        request: Request,
        source: SegmentedLine,
        search: SearchSettings,
        symbols: Mapping[str, int] | None = None,
        terms: Sequence[tuple[str, ...]] = (),
    ) -> CompiledRequest:
        """Encode the constraints of a request. `symbols` are pieces and the number of times each must be generated.
        `terms` are texts of which one must be generated; those that cannot be generated, or are banned, are left out,
        and so are those beyond MOST_TERM_PIECES or max_length.

        A constraint that a longer one, or a term, contains is not required in addition to it.

        Raises DataError for constraints that cannot be generated, contradict each other, or exceed max_length.
        """
        symbols = symbols or {}
        prefix = self.encode_exactly(request.prefix, "the prefix") if request.prefix else []
        constraints = Counter(map(self.compose, request.constraints))
        spelled = {self.compose(text): self.spell(text) for text in request.constraints}
        required = []
        banned = [self.encode_banned(text) for text in request.banned]
        room = MOST_TERM_PIECES  # in pieces, for terms
        if request.max_length is not None:
            others = sum(min(list_lengths(spelled[text])) * count for text, count in constraints.items())
            room = min(room, request.max_length - 1 - len(prefix) - others)
        for texts in terms:
            ways = {text: ways for text in map(self.compose, texts) if (ways := self.try_to_spell(text, banned))}
            pieces = min((min(list_lengths(own)) for own in ways.values()), default=0)
            if ways and pieces <= room:
                room -= pieces
                phrases = {phrase.ids: phrase for own in ways.values() for phrase in own}
                required.append(Required(tuple(ways), tuple(phrases.values())))
        terms = tuple(one.texts for one in required)
        for text, count in count_apart(constraints, terms).items():
            required += [Required((text,), spelled[text])] * count
        for ban, string in zip(request.banned, banned, strict=True):
            for what, text in [("prefix", request.prefix), *(("constraint", text) for text in request.constraints)]:
                if text and string in f" {self.compose(text)} ".encode():
                    raise DataError(
                        f"the {what} {text!r} contains {ban!r}, which is banned\n  Leave out one of the two"
                    )
        for piece, count in symbols.items():
            index = self.subword.piece_to_id(piece)
            inside = sum(min(phrase.ids.count(index) for phrase in one.phrases) for one in required)
            required += [Required((), (Phrase((index,)),))] * max(0, count - inside)
        needed = len(prefix) + sum(min(list_lengths(one.phrases)) for one in required)
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
            prefix_text=self.compose(request.prefix),
            required=required,
            banned=banned,
            limit=max(limit, len(prefix) + 1),
            key=0,
            constraints=constraints,
            terms=terms,
            symbols={},
        )
        most = {
            piece: max(count, count_symbol(self.subword.piece_to_id(piece), prefix, required))
            for piece, count in symbols.items()
        }
        return compiled._replace(symbols={piece: (count, most[piece]) for piece, count in symbols.items()})

    def try_to_spell(self, text: str, banned: Sequence[bytes]) -> tuple[Phrase, ...]:
        """The ways to generate a text; none if the model cannot, or if it contains a banned string."""
        if any(string in f" {text} ".encode() for string in banned):
            return ()
        with suppress(DataError):
            return self.spell(text)
        return ()

    def list_required(self, term: FoundTerm) -> tuple[str, ...]:
        """The targets of a term of which one is required: any in a glossary, else the first that can be written."""
        if term.kind == "glossary":
            return term.targets
        return next(((text,) for text in term.targets if self.try_to_spell(text, ())), ())

    def apply_constraints(
        self, model: StepModel, requests: Sequence[CompiledRequest], search: SearchSettings
    ) -> StepModel:
        """A step model that meets the requests of one batch. Where restrictions contradict, the innermost one wins."""
        if any(request.prefix for request in requests):
            prefixes = [request.prefix for request in requests]
            ends_word = [request.prefix_ends_word for request in requests]
            begins_with_blank_V = np.array([surface[:1] == b" " for surface in self.surfaces])
            model = Prefix(model, prefixes, ends_word, begins_with_blank_V)
        if any(request.required for request in requests):
            groups = [[one.phrases for one in request.required] for request in requests]
            model = RequiredPhrases(model, groups, [request.limit for request in requests], self.bounds)
        if any(request.limited for request in requests):
            model = LimitedPhrases(model, [request.limited for request in requests], self.bounds)
        if any(request.banned for request in requests):
            model = BannedStrings(model, self.surfaces, [request.banned for request in requests])
        if search.min_length:
            model = MinLength(model, search.min_length)
        if search.no_repeat:
            model = NoRepeat(model, search.no_repeat)
        return model


def refuse_unwritable_terms(terms: Terms, subword: Subword) -> None:
    """Raise DataError, with lines of the glossary, if the target language cannot write terms of it."""
    compiler = ConstraintCompiler(subword)
    problems: list[DataError] = []
    for entry in chain.from_iterable(terms.entries.values()):
        try:
            compiler.encode_exactly(entry.target, f"{entry.describe(terms.name)}: the target")
        except DataError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DataError(f"{len(problems):,} terms cannot be generated by this model", *indent(problems[:MOST_SHOWN]))


def count_symbol(index: int, prefix: Sequence[int], required: Sequence[Required]) -> int:
    """The number of occurrences of a symbol in a prefix, and in what is required and not in the prefix."""
    in_prefix = prefix.count(index)
    in_required = sum(max(phrase.ids.count(index) for phrase in one.phrases) for one in required)
    return in_prefix + in_required - min(in_prefix, sum(one.phrases == (Phrase((index,)),) for one in required))


def count_hypotheses(search: SearchSettings, n_best: int) -> int:
    """The number of hypotheses to search for: more than `n_best` where MBR chooses among candidates."""
    return n_best if search.mbr == "none" else max(n_best, search.candidates or search.beam)


def build_choice(requests: Sequence[CompiledRequest], search: SearchSettings, samples: int) -> tuple[Choice, int]:
    """The choice of continuations that the settings describe, and the number of slots of a sentence.

    With required phrases each group has MORE_SLOTS more slots, so that hypotheses without a phrase are kept until they
    reach a probable position for it. Either all `requests` have required phrases or none has.
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
    slots = search.beam + groups * MORE_SLOTS * bool(requests[0].required)
    return Diverse(groups, search.diversity) if groups > 1 else MOST_PROBABLE, slots
