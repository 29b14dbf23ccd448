"""Subwords: training SentencePiece models, encoding lines as ids, and decoding ids.

Only this module imports sentencepiece. Ids are without BOS and EOS here; the code that builds batches adds them.
"""

import io
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from nmt.errors import DamageError, DataError, FolderError, Option, SettingsError
from nmt.ids import BOS, EOS, PAD, UNK
from nmt.metadata import RESTORE, read_bytes
from nmt.progress import format_count
from nmt.text.corpus import Pair
from nmt.text.normalization import BLANK_PIECE, IGNORABLE, SHOWS_NOTHING, list_nfc_rules
from nmt.text.segmented import SegmentedLine, segment_by_offsets
from nmt.text.units import WORDS, Units

LINE_ENDS = str.maketrans("\r\n", "  ")
BLANK = re.compile(r"\s")
INVISIBLE = re.compile(rf"[\s{SHOWS_NOTHING}]*")
MODEL_BYTES = 64 * 2**20  # no subword model is larger
QUIET = 2  # log level at which SentencePiece writes only errors to standard error
TRAINER_THREADS = 16  # fixed, because the number of threads changes the trained model
LINE_BYTES = 4192  # SentencePiece ignores longer lines
PART_CHARACTERS = 32_000  # longer lines are encoded in parts, because SentencePiece takes up to 1 kB for each character
CHARACTERS_PER_PIECE = 16  # SentencePiece's longest, except for symbols
LAST_BLANK = re.compile(r"\s\S*\Z")
RESERVED = re.compile(r"<pad>|<unk>|<s>|</s>|<0x[0-9A-F]{2}>")  # the names of PAD, UNK, BOS, EOS and bytes


class VocabularySizeError(DataError):
    """A vocabulary size that the text does not support. `nearest` is the nearest size that it supports."""

    def __init__(self, *parts: str | Option, nearest: int) -> None:
        super().__init__(*parts)
        self.nearest = nearest


def train_subword(
    lines: Iterable[str],
    name: str = "the text",
    *,
    vocab_size: int,
    size_option: str = "vocab_size",
    subword: str = "unigram",
    normalize: str = "nfc",
    character_coverage: float = 1.0,
    byte_fallback: bool = True,
    symbols: Sequence[str] = (),
) -> bytes:
    """A SentencePiece model, as bytes, of exactly `vocab_size` pieces. The same lines give the same bytes.

    Error messages call the lines `name`, and name the argument for the vocabulary size `size_option`.

    Raises SettingsError for symbols that cannot be used; VocabularySizeError when the text is too small for
    `vocab_size` pieces, or needs more; DataError when there is no text.
    """
    check_symbols(symbols)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=cut_long_lines(lines),
            model_writer=model,
            model_type=subword,
            **({"normalizer": make_nfc_normalizer()} if normalize == "nfc" else {"normalization_rule_name": normalize}),
            vocab_size=vocab_size,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            user_defined_symbols=[write_as_piece(symbol) for symbol in symbols],
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=TRAINER_THREADS,
            minloglevel=QUIET,
        )
    except RuntimeError as error:
        raise explain_training_error(str(error), name, vocab_size, size_option, subword) from error
    trained = Subword(model.getvalue())
    lost = [symbol for symbol in symbols if write_as_piece(symbol) not in trained.ids_to_pieces(trained.encode(symbol))]
    if lost:
        raise SettingsError(
            f"normalization changes the symbol {lost[0]!r}, so that it would not stay one piece\n  Write it without "
            f"blanks, or choose another ",
            Option("normalize"),
        )
    return trained.model_bytes


def check_symbols(symbols: Sequence[str]) -> None:
    """Raise SettingsError, with the reasons, for symbols that cannot be pieces of their own."""
    problems = []
    for symbol, count in Counter(symbols).items():
        if RESERVED.fullmatch(symbol):
            problems.append(f"{symbol!r} is the name of a piece that every subword model has")
        elif symbol != " ".join(symbol.split()) or BLANK_PIECE in symbol or "\0" in symbol:
            problems.append(f"{symbol!r} has a blank at an end, or a blank that is not a single space, or a NUL")
        elif count > 1:
            problems.append(f"{symbol!r} is given {count} times")
    if problems:
        number = format_count(len(problems), "symbol")
        listed = "".join(f"\n  {problem}" for problem in problems)
        raise SettingsError(f"{number} cannot be used{listed}\n  Change or remove ", Option("symbols"))


def write_as_piece(symbol: str) -> str:
    """A symbol as SentencePiece writes it among its pieces."""
    return symbol.replace(" ", BLANK_PIECE)


def cut_long_lines(lines: Iterable[str]) -> Iterator[str]:
    """The lines, where those that SentencePiece would ignore because of their length are split at blanks.

    Pieces do not contain blanks. Very long words are split too, because lines of languages without blanks are such.
    """
    longest = LINE_BYTES // 8  # characters; each has at most four bytes
    for line in lines:
        if len(line) * 4 <= LINE_BYTES or len(line.encode()) <= LINE_BYTES:
            yield line
            continue
        part: list[str] = []
        size = 0
        for match in re.finditer(rf"[^ ]{{1,{longest}}}", line):
            word = match[0]
            bytes_of_word = len(f" {word}".encode())
            if size + bytes_of_word > LINE_BYTES:
                yield " ".join(part)
                part, size = [], 0
            part.append(word)
            size += bytes_of_word
        yield " ".join(part)


def select_fitting(pairs: Sequence[Pair], max_length: int) -> Sequence[Pair]:
    """The pairs without those that surely have more than `max_length` pieces on a side; all, if none is left.

    Cleaning drops those. A single line of a million characters would give the subword models most of their pieces.
    """
    longest = CHARACTERS_PER_PIECE * max_length
    return [pair for pair in pairs if len(pair.source) <= longest and len(pair.target) <= longest] or pairs


def split_into_parts(line: str, size: int) -> Iterator[str]:
    """The parts of a line, of at most `size` characters: split at blanks where possible, otherwise inside a word."""
    begin = 0
    while len(line) - begin > size:
        middle = begin + size // 2
        blank = LAST_BLANK.search(line, middle, begin + size)
        end = blank.start() if blank else begin + size
        yield line[begin:end]
        begin = end
    yield line[begin:]


@cache
def make_nfc_normalizer() -> sentencepiece.SentencePieceNormalizer:
    """A normalizer with the rules of `list_nfc_rules` and SentencePiece's default treatment of blanks."""
    sentencepiece.set_min_log_level(QUIET)
    return sentencepiece.SentencePieceNormalizer(
        norm_map=list_nfc_rules(), add_dummy_prefix=True, escape_whitespaces=True, remove_extra_whitespaces=True
    )


def explain_training_error(complaint: str, name: str, vocab_size: int, size_option: str, subword: str) -> DataError:
    """The error for SentencePiece's error message about the text called `name`."""
    if most := re.search(r"value <= (\d+)", complaint):
        nearest = int(most[1])
        parts: list[str | Option] = [
            f"{name}: a vocabulary of {vocab_size:,} pieces is larger than the text supports\n"
            f"  The largest that works is {nearest:,}: ",
            Option(size_option, nearest),
        ]
        if subword == "unigram":
            parts += ["; ", Option("subword", "bpe"), " allows larger ones"]
        return VocabularySizeError(*parts, nearest=nearest)
    if least := re.search(r"required_chars\. \d+ vs (\d+)", complaint):
        nearest = int(least[1])
        return VocabularySizeError(
            f"{name}: a vocabulary of {vocab_size:,} pieces has no room for the {nearest:,} characters, bytes "
            f"and symbols that each need one\n  The smallest that works is {nearest:,}: ",
            *(Option(size_option, nearest), ", or lower ", Option("character_coverage")),
            nearest=nearest,
        )
    if "sentences_.empty()" in complaint or "all_chars_count" in complaint:
        return DataError(f"{name}: there are no lines to train subwords on: all are empty")
    return DataError(f"{name}: SentencePiece cannot train on this text: {complaint}")


class Subword:
    """A subword model, which encodes lines as ids and decodes ids."""

    def __init__(self, model_bytes: bytes) -> None:
        self.model_bytes = model_bytes
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
        self.size: int = self._processor.get_piece_size()

    @classmethod
    def read(cls, path: Path | str, fingerprint: str | None = None) -> "Subword":
        """Read a model from a file. With `fingerprint` the file must be the model that has it.

        Raises FolderError when the file cannot be read or is not a SentencePiece model with our special pieces, and
        DamageError, which is one too, when it is not the model with the fingerprint.
        """
        try:
            content = read_bytes(Path(path), MODEL_BYTES)
            found = sha256(content).hexdigest()
            if fingerprint is not None and found != fingerprint:
                raise DamageError(
                    f"{path} is not the subword model that this run was trained with\n  Its SHA-256 begins with "
                    f"{found[:12]}, not with {fingerprint[:12]}: restore the file"
                )
            subword = cls(content or b"empty")  # SentencePiece would accept no bytes as a model
        except OSError as error:
            raise FolderError(f"{path} cannot be read: {error.strerror}\n  {RESTORE}") from error
        except ValueError as error:
            raise FolderError(f"{path} cannot be read: {error}\n  {RESTORE}") from error
        except RuntimeError as error:
            raise FolderError(f"{path} is not a SentencePiece model\n  {RESTORE}") from error
        own = subword._processor
        if (own.pad_id(), own.unk_id(), own.bos_id(), own.eos_id()) != (PAD, UNK, BOS, EOS):
            raise FolderError(
                f"{path} is not a model of `nmt prepare`: its first pieces are not those for padding, unknown, begin "
                f"and end\n  {RESTORE}"
            )
        return subword

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the model's bytes, by which two models are compared."""
        return sha256(self.model_bytes).hexdigest()

    @cached_property
    def _pieces(self) -> list[str]:
        return [self._processor.id_to_piece(index) for index in range(self.size)]

    @cached_property
    def has_byte_fallback(self) -> bool:
        """Whether characters without a piece are encoded as bytes, so that there is no UNK."""
        return any(self._processor.is_byte(index) for index in range(self.size))

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbols that were given when the model was trained, as pieces: a space in one is written "▁".

        SentencePiece has no method that lists them. But except for bytes, no other piece has the score 0; the first
        merge of BPE has the score -0.
        """
        own = self._processor
        return frozenset(
            own.id_to_piece(index)
            for index in range(EOS + 1, self.size)
            if str(own.get_score(index)) == "0.0" and not own.is_byte(index)
        )

    @cached_property
    def is_bpe(self) -> bool:
        """Whether it is a model of byte-pair encoding. Its scores are whole numbers, those of unigram are not."""
        return all(score.is_integer() for _, score in self.collect_scores().values())

    def collect_scores(self) -> dict[str, tuple[int, float]]:
        """Id and score of each piece that text is divided into: without symbols, bytes and special pieces."""
        own = self._processor
        fixed = self.symbols
        return {
            piece: (index, own.get_score(index))
            for index, piece in enumerate(self._pieces)
            if index > EOS and piece not in fixed and not own.is_byte(index)
        }

    @cached_property
    def _characters(self) -> frozenset[str]:
        return frozenset("".join(self._pieces))

    def _is_dropped(self, character: str) -> bool:
        if character in self._characters or not IGNORABLE.match(character):
            return False
        return character in self.normalize(f"a{character}a")  # other rules make a blank of some

    def drop_invisible(self, line: str) -> str:
        """The line without the invisible characters that no piece has, such as the soft hyphens of a web page.

        They would become bytes that divide a word. A line of nothing but invisible characters becomes empty.
        """
        shown = drop_invisible_line(line)
        if IGNORABLE.search(shown) is None:
            return shown
        return "".join(one for one in shown if not self._is_dropped(one))

    def _find_pieces(self, line: str) -> dict[str, Any]:
        """The `ids` of a line, and their `offsets`: where each piece begins and ends in it."""
        shown = self.drop_invisible(line)
        found: dict[str, Any] = self._processor.encode(shown, return_type="offset_mapping")
        if 0 < len(shown) < len(line):
            places = [*(place for place, one in enumerate(line) if not self._is_dropped(one)), len(line)]
            found["offsets"] = [  # of the bytes of a character, the first ones have no length
                (places[begin], places[end - 1] + 1 if begin < end else places[begin])
                for begin, end in found["offsets"]
            ]
        return found

    def encode(self, line: str, *, with_invisible: bool = False) -> list[int]:
        """The ids of a line, without BOS and EOS, after `drop_invisible`.

        `with_invisible` encodes what that drops as bytes, if the model has them and the line has other characters.
        A line of more than PART_CHARACTERS is encoded in parts. Its ids are those of the whole line, except where a
        word has so many characters: it is encoded as several words.
        """
        shown = self.drop_invisible(line)
        whole = line if with_invisible and self.has_byte_fallback and shown else shown
        parts = split_into_parts(whole, PART_CHARACTERS)
        return list(chain.from_iterable(map(self._processor.encode, parts)))

    def encode_lines(self, lines: list[str], threads: int | None = None) -> list[NDArray[np.int32]]:
        """The ids of many lines, in parallel, each as `encode` gives them."""
        parts = [list(split_into_parts(self.drop_invisible(line), PART_CHARACTERS)) for line in lines]
        arrays: list[NDArray[np.int32]] = self._processor.encode(
            [part for of_line in parts for part in of_line],
            return_type="numpy",
            num_threads=threads or os.cpu_count() or 1,
        )
        if len(arrays) == len(lines):
            return arrays
        remaining = iter(arrays)
        return [np.concatenate(list(islice(remaining, len(of_line)))) for of_line in parts]

    def cut(self, line: str, pieces: int) -> str:
        """The beginning of a line, with more than `pieces` pieces if the line has more, and not many more.

        The first `pieces` ids of the beginning are those of the line, which is not encoded beyond them. A line of at
        most CHARACTERS_PER_PIECE * `pieces` characters is returned as it is.
        """
        size = CHARACTERS_PER_PIECE * pieces
        if len(line) <= size:
            return line
        while True:
            head = next(split_into_parts(line, size))
            ends = [end for _, end in self._find_pieces(head)["offsets"]]
            if len(ends) > 2 * pieces:  # so many that what follows can make no difference to the first half
                last = ends[2 * pieces] + 1  # the first bytes of a character end where it begins
                blank = BLANK.search(head, ends[pieces], last)
                if cut := drop_invisible_line(head[: blank.start() if blank else last]):
                    return cut
            if len(head) == len(line):
                return line
            size *= 2

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, as one line. PAD, BOS and EOS are left out."""
        text: str = self._processor.decode(drop_special_ids(ids))
        return text.translate(LINE_ENDS)

    def normalize(self, line: str) -> str:
        """A line as it is before it is divided into pieces, with "▁" for a blank."""
        text: str = self._processor.normalize(line)
        return text

    def piece_to_id(self, piece: str) -> int:
        """The id of a piece."""
        index: int = self._processor.piece_to_id(piece)
        return index

    def ids_to_pieces(self, ids: Sequence[int]) -> list[str]:
        """The piece of each id, as SentencePiece writes it: "▁the", "s"."""
        pieces = self._pieces
        return [pieces[index] for index in ids]

    def segment(self, line: str, units: Units = WORDS) -> SegmentedLine:
        """A line with its pieces and words, or other units."""
        return segment_by_offsets(line, self._find_pieces(line), units)

    def segment_ids(self, ids: Sequence[int], units: Units = WORDS) -> SegmentedLine:
        """The text of ids with its pieces and words, or other units. PAD, BOS and EOS are left out."""
        found = self._processor.decode(drop_special_ids(ids), return_type="offset_mapping")
        return segment_by_offsets(found["text"].translate(LINE_ENDS), found, units)


def drop_invisible_line(line: str) -> str:
    """The line, or an empty string if it has only blanks and characters of no width."""
    return "" if INVISIBLE.fullmatch(line) else line


def drop_special_ids(ids: Sequence[int]) -> list[int]:
    """Ids without PAD, BOS and EOS."""
    return [int(index) for index in ids if index not in (PAD, BOS, EOS)]
