"""Subwords: training SentencePiece models, and lines to ids and back.

The only importer of sentencepiece. Ids carry no BOS or EOS here; whoever builds batches adds them.
"""

import io
import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import sentencepiece
from numpy.typing import NDArray

from nmt.errors import DataError, FolderError, Option
from nmt.ids import BOS, EOS, PAD, UNK

LINE_ENDS = str.maketrans("\r\n", "  ")
TRAINER_THREADS = 16  # a fixed number, because the models of different numbers differ


def train_subword(
    lines: Iterable[str],
    name: str = "the text",
    *,
    vocab_size: int,
    subword: str = "unigram",
    normalize: str = "nmt_nfkc",
    character_coverage: float = 1.0,
    byte_fallback: bool = True,
    symbols: Sequence[str] = (),
) -> bytes:
    """A SentencePiece model, as bytes, of exactly `vocab_size` pieces. The same lines give the same bytes.

    Messages call the lines `name`. SentencePiece leaves out lines longer than 4192 bytes.

    Raises DataError when the text cannot support that many pieces, or needs more; it names the number that works.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            model_type=subword,
            normalization_rule_name=normalize,
            vocab_size=vocab_size,
            character_coverage=character_coverage,
            byte_fallback=byte_fallback,
            user_defined_symbols=list(symbols),
            pad_id=PAD,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            num_threads=TRAINER_THREADS,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise vocabulary_error(str(error), name, vocab_size) from error
    return model.getvalue()


def vocabulary_error(complaint: str, name: str, vocab_size: int) -> DataError:
    """The error for SentencePiece's complaint about the text called `name`."""
    if most := re.search(r"value <= (\d+)", complaint):
        return DataError(
            f"{name}: a vocabulary of {vocab_size:,} pieces is larger than the text supports\n"
            f"  The largest that works is {int(most[1]):,}: ",
            Option("vocab_size", int(most[1])),
        )
    if least := re.search(r"required_chars\. \d+ vs (\d+)", complaint):
        return DataError(
            f"{name}: a vocabulary of {vocab_size:,} pieces has no room for the {int(least[1]):,} characters, bytes "
            f"and symbols that need one\n  The smallest that works is {int(least[1]):,}: ",
            *(Option("vocab_size", int(least[1])), ", or lower ", Option("character_coverage")),
        )
    if "sentences_.empty()" in complaint:
        return DataError(
            f"{name}: no line is left to train subwords on\n  Empty lines and lines above 4192 bytes are left out"
        )
    return DataError(f"{name}: SentencePiece cannot train on this text: {complaint}")


class SegmentedLine(NamedTuple):
    """A line, its pieces, and the word that each piece belongs to.

    `words` are what `text.split()` yields; `word_of_piece[i]` is an index into them, -1 only when there is no word.
    """

    text: str
    ids: list[int]
    words: list[str]
    word_of_piece: list[int]


class Subword:
    """A subword model: lines to ids and back."""

    def __init__(self, model_bytes: bytes) -> None:
        self.model_bytes = model_bytes
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model_bytes)
        self.size: int = self._processor.get_piece_size()

    @classmethod
    def read(cls, path: Path | str) -> "Subword":
        """The model in a file. Raises FolderError when it is not there or is no such model."""
        try:
            return cls(Path(path).read_bytes() or b"nothing")  # of no bytes SentencePiece makes an empty model
        except OSError as error:
            raise FolderError(f"{path} cannot be read: {error.strerror}\n  Restore it from a copy") from error
        except RuntimeError as error:
            raise FolderError(f"{path} is not a SentencePiece model\n  Restore it from a copy") from error

    @cached_property
    def fingerprint(self) -> str:
        """What tells this model from others: the SHA-256 of its bytes."""
        return sha256(self.model_bytes).hexdigest()

    @cached_property
    def has_byte_fallback(self) -> bool:
        """Whether what has no piece is spelt in bytes, so that nothing is unknown."""
        return any(self._processor.is_byte(index) for index in range(self.size))

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The pieces that whoever trained the model named, which are never cut.

        SentencePiece does not say which they are, but beside bytes nothing else scores 0; BPE's first merge scores -0.
        """
        own = self._processor
        return frozenset(
            own.id_to_piece(index)
            for index in range(EOS + 1, self.size)
            if str(own.get_score(index)) == "0.0" and not own.is_byte(index)
        )

    def encode(self, line: str) -> list[int]:
        """The ids of a line, without BOS and EOS."""
        ids: list[int] = self._processor.encode(line)
        return ids

    def encode_lines(self, lines: list[str], threads: int | None = None) -> list[NDArray[np.int32]]:
        """The ids of many lines, in parallel."""
        arrays: list[NDArray[np.int32]] = self._processor.encode(
            lines, return_type="numpy", num_threads=threads or os.cpu_count() or 1
        )
        return arrays

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, always one line. PAD, BOS and EOS say nothing."""
        text: str = self._processor.decode(visible_ids(ids))
        return text.translate(LINE_ENDS)

    def id_of(self, piece: str) -> int:
        """The id of a piece."""
        index: int = self._processor.piece_to_id(piece)
        return index

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The piece of each id, as SentencePiece writes it: "▁the", "s"."""
        return [self._processor.id_to_piece(int(index)) for index in ids]

    def segment(self, line: str) -> SegmentedLine:
        """A line to be translated, in pieces and in words."""
        return segment_by_offsets(line, self._processor.encode(line, return_type="offset_mapping"))

    def segment_ids(self, ids: Sequence[int]) -> SegmentedLine:
        """A translation, in pieces and in words; PAD, BOS and EOS are left out."""
        found = self._processor.decode(visible_ids(ids), return_type="offset_mapping")
        return segment_by_offsets(found["text"].translate(LINE_ENDS), found)


def visible_ids(ids: Sequence[int]) -> list[int]:
    """Ids without those that say nothing."""
    return [int(index) for index in ids if index not in (PAD, BOS, EOS)]


def segment_by_offsets(text: str, found: dict[str, list[int] | list[tuple[int, int]]]) -> SegmentedLine:
    """Which word each piece lies in, from its offsets.

    A piece belongs to the word in which it ends: so does one that begins on the blank before it ("▁the"), or on words
    that the subword model takes for blanks, which have no pieces. That blank alone belongs to the word after it.
    """
    words = text.split()
    word_at: list[int] = []
    for number, word in enumerate(words):
        begin = text.index(word, len(word_at))
        word_at += [number] * (begin + len(word) - len(word_at))
    last = len(words) - 1
    ids: list[int] = found["ids"]  # type: ignore[assignment]
    offsets: list[tuple[int, int]] = found["offsets"]  # type: ignore[assignment]
    ends = [max(begin, end - 1) for begin, end in offsets]
    return SegmentedLine(text, ids, words, [word_at[end] if end < len(word_at) else last for end in ends])
