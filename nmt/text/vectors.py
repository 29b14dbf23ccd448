"""Pretrained word vectors in text files, as word2vec, GloVe and fastText write them, matched to the pieces of a model.

A line is a word and its numbers. A file is read line by line; only the vectors of pieces are kept.
"""

# N pieces with a vector   E numbers of a vector

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DataError, SettingsError, describe_unreadable
from nmt.ids import PAD
from nmt.progress import Progress, format_count
from nmt.text.compression import READ_ERRORS, decompress
from nmt.text.corpus import refuse_wide_encoding
from nmt.text.normalization import BLANK_PIECE
from nmt.text.subword import Subword

LINE_BYTES = 2**20  # of the longest line that is read; longer ones are of a binary file
SHOWN_WORDS = 5  # of a file, in a message
FEW = 0.1  # share of the pieces below which a person is warned
FORMAT = (
    "A line has a word and its numbers, with blanks between them, as word2vec, GloVe and fastText write them in text; "
    "convert a binary file first"
)


class PieceVectors(NamedTuple):
    """The vectors of the pieces that have one, and what to tell a person about them."""

    ids_N: NDArray[np.int64]
    vectors_NE: NDArray[np.float32]
    notes: list[str]


class VectorFile:
    """A file of word vectors with `size` numbers each, which may be compressed: gz, bz2, xz, zst.

    A first line of two whole numbers is a heading, as word2vec and fastText write it: how many vectors, and their size.
    Words that are not UTF-8, of which published files have some, are words like others, and match no piece.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size
        self.vectors = 0
        self.announced: int | None = None
        self.first_words: list[str] = []

    def __iter__(self) -> Iterator[tuple[bytes, int, bytes]]:
        """The words with the number of their line and the whole line.

        Raises DataError for a file that cannot be read and for a line that is not a word and numbers; SettingsError
        when the vectors have another size.
        """
        for number, line in self._read_lines():
            if number == 1:
                heading = line.split()
                if len(heading) == 2 and all(part.isdigit() for part in heading):
                    self.announced = int(heading[0])
                    self._check_size(int(heading[1]))
                    continue
                self._check_size(count_numbers(heading))
            if b"\t" in line:
                line = line.replace(b"\t", b" ")
            if line.count(b" ") < self.size:
                if not line.strip():
                    continue
                raise self._make_error(number, line)
            self.vectors += 1
            word, _, _ = line.partition(b" ")
            if len(self.first_words) < SHOWN_WORDS:
                self.first_words.append(word.decode("utf-8", "replace"))
            yield word, number, line
        if not self.vectors:
            raise DataError(f"{self.path} is empty: it has no vectors\n  {FORMAT}")

    def parse(self, word: bytes, number: int, line: bytes) -> NDArray[np.float32] | None:
        """The numbers of a line; None if the word is not the only one before them. -> vector_E"""
        _, *numbers = line.split()
        if len(numbers) > self.size:
            return None
        if len(numbers) < self.size:
            raise self._make_error(number, line)
        try:
            with np.errstate(over="ignore"):  # what is too large is infinite
                vector_E = np.array([float(one) for one in numbers]).astype(np.float32)
        except ValueError as error:
            wrong = next(one for one in numbers if not is_number(one))
            raise self._make_value_error(word, number, wrong, "is not a number") from error
        if not np.isfinite(vector_E).all():
            wrong = numbers[int(np.flatnonzero(~np.isfinite(vector_E))[0])]
            raise self._make_value_error(word, number, wrong, "cannot be a weight")
        return vector_E

    def _read_lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines with their numbers, from 1."""
        number = 0
        try:
            with open(self.path, "rb") as stream:
                file = decompress(stream, str(self.path))
                refuse_wide_encoding(file.peek(4), str(self.path))
                while line := file.readline(LINE_BYTES):
                    number += 1
                    if len(line) == LINE_BYTES:
                        raise self._make_error(number, line)
                    yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        except READ_ERRORS as error:
            if isinstance(error, OSError) and error.filename is not None:
                raise DataError(describe_unreadable(self.path, error)) from error
            raise DataError(
                f"{self.path} cannot be read beyond line {number:,}: {error}\n"
                "  The file is incomplete or damaged: download or copy it again"
            ) from error

    def _check_size(self, found: int) -> None:
        if 0 < found != self.size:
            raise SettingsError(
                f"{self.path} has vectors of {format_count(found, 'number')}, and model.embedding_size is "
                f"{self.size:,}\n  Set model.embedding_size={found}, or use vectors of {self.size:,} numbers"
            )

    def _make_error(self, number: int, line: bytes) -> DataError:
        shown = line[:40].decode("utf-8", "replace")
        return DataError(f"{self.path}, line {number:,} is not a word and {self.size:,} numbers: {shown!r}\n  {FORMAT}")

    def _make_value_error(self, word: bytes, number: int, value: bytes, problem: str) -> DataError:
        shown = value[:40].decode("utf-8", "replace")
        return DataError(
            f"{self.path}, line {number:,}: the vector of {word.decode()!r} has {shown!r}, which {problem}"
        )


def is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def count_numbers(columns: list[bytes]) -> int:
    """How many of the last columns are numbers; the first is a word, whatever it is."""
    count = 0
    for column in reversed(columns[1:]):
        if not is_number(column):
            break
        count += 1
    return count


def match_vectors(path: Path, subword: Subword, side: str, size: int, progress: Progress) -> PieceVectors:
    """The vectors of the pieces of a subword model, in a file of vectors with `size` numbers.

    The vector of a piece is that of the word that equals it ("▁house", in a file of pieces; "house" for a piece inside
    words); else of the word without the mark of a word's beginning; else of that word in lower case, which is all that
    uncased files have. Of a word that is there twice, the first vector counts. Vectors are taken as they are: their
    scale stays that of the file, as in other toolkits.

    Raises what VectorFile raises, and DataError when no piece has a vector. Messages name the `side` of the pieces.
    """
    pieces = subword.ids_to_pieces(range(subword.size))
    wanted: dict[bytes, list[tuple[int, int]]] = {}  # by a word: pieces, and how well the word stands for each
    for index, piece in enumerate(pieces):
        word = piece.removeprefix(BLANK_PIECE)
        for rank, name in enumerate((piece, word, word.lower())):
            if name and index != PAD:
                wanted.setdefault(name.encode(), []).append((rank, index))
    file = VectorFile(path, size)
    worst = 3
    rank_of_piece = np.full(len(pieces), worst)
    vectors_VE = np.zeros((len(pieces), size), np.float32)
    lines: Iterable[tuple[bytes, int, bytes]] = progress.track(file, f"reading {path.name}", unit="vectors")
    for word_bytes, number, line in lines:
        better = [(rank, index) for rank, index in wanted.get(word_bytes, ()) if rank < rank_of_piece[index]]
        vector_E = file.parse(word_bytes, number, line) if better else None
        if vector_E is not None:
            for rank, index in better:
                rank_of_piece[index] = min(rank, rank_of_piece[index])
                vectors_VE[index] = vector_E
    ids_N = np.flatnonzero(rank_of_piece < worst)
    if not len(ids_N):
        raise DataError(
            f"{path} has no vector for any of the {len(pieces):,} {side} pieces\n  It begins with the words "
            f"{', '.join(file.first_words)}: is it of the {side} language?"
        )
    counts = [int((rank_of_piece == rank).sum()) for rank in range(worst)]
    how = f"{counts[0]:,} as they are, {counts[1]:,} without {BLANK_PIECE}, {counts[2]:,} in lower case"
    notes = [
        f"{len(ids_N):,} of {len(pieces):,} {side} pieces have a vector in {path} ({how}); their standard deviation is "
        f"{vectors_VE[ids_N].std():.2g}, that of random ones 0.1"
    ]
    if len(ids_N) < FEW * len(pieces):
        notes.append(f"hardly any {side} piece has a vector in {path}: is it of the {side} language, and in this case?")
    if file.announced is not None and file.announced != file.vectors:
        notes.append(
            f"{path} has {format_count(file.vectors, 'vector')}, and its first line announces {file.announced:,}: it "
            "may lack some"
        )
    return PieceVectors(ids_N, vectors_VE[ids_N], notes)
