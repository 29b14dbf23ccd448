"""Word vectors: which line is a vector, which piece it belongs to, and what is wrong with a file."""

import bz2
import gzip
import lzma

import numpy as np
import pytest

from nmt.errors import DataError, SettingsError
from nmt.ids import EOS, PAD
from nmt.progress import Progress
from nmt.text.subword import Subword, train_subword
from nmt.text.vectors import match_vectors

LINES = ["Der Bär schläft", "der Wald ist grün", "ein Wald", "Bär und Fuchs", "Fuchs und Hase"] * 8


@pytest.fixture(scope="module")
def subword():
    return Subword(train_subword(LINES, vocab_size=320, subword="bpe", byte_fallback=True))


@pytest.fixture
def match(subword, tmp_path):
    """`match(content)`: the vectors by piece, and the notes, of a file with this content; vectors have two numbers."""

    def match(content, name="words.vec"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = match_vectors(path, subword, "source", 2, Progress())
        pieces = subword.ids_to_pieces(found.ids_N.tolist())
        assert found.vectors_NE.dtype == np.float32
        return dict(zip(pieces, found.vectors_NE.tolist(), strict=True)), found.notes

    return match


@pytest.mark.parametrize(
    ("content", "vectors"),
    [
        ("▁Wald 1 2\n", {"▁Wald": [1, 2]}),  # a file of pieces
        ("Wald 1 2\n", {"▁Wald": [1, 2]}),
        ("Wald 1 2\n▁Wald 3 4\n", {"▁Wald": [3, 4]}),  # the piece as it is comes first, wherever it is
        ("▁Wald 3 4\nWald 1 2\n", {"▁Wald": [3, 4]}),
        ("fuchs 1 2\n", {"▁Fuchs": [1, 2]}),  # an uncased file
        ("der 1 2\nDer 3 4\n", {"▁der": [1, 2], "▁Der": [3, 4]}),
        ("der 1 2\n", {"▁der": [1, 2], "▁Der": [1, 2]}),
        ("FUCHS 1 2\nWald 3 4\n", {"▁Wald": [3, 4]}),  # capitals stand for no other word
        ("Wald 1 2\nWald 3 4\n", {"▁Wald": [1, 2]}),  # the first of two
        ("ä 1 2\n", {"ä": [1, 2]}),  # a piece inside words
        ("2 2\nWald 1e-3 -.5 \nHase -0 7\n", {"▁Wald": [0.001, -0.5], "▁Hase": [0, 7]}),  # as word2vec writes it
        ("\ufeffWald\t1\t2\r\n\r\nHase\t3  4\n", {"▁Wald": [1, 2], "▁Hase": [3, 4]}),
        ("Wald am See 1 2\nHase 3 4\n", {"▁Hase": [3, 4]}),  # words with blanks, which GloVe has, are no pieces
        ("und 1 2\n</s> 3 4\n<pad> 5 6\n", {"▁und": [1, 2], "</s>": [3, 4]}),  # padding stays zero
        (b"B\xc3 1 2\nWald 3 4\n", {"▁Wald": [3, 4]}),  # half a character, which published files have
        ("7 1 2\nWald 3 4\n", {"▁Wald": [3, 4]}),  # a word that is a number
        ("fox x y\nWald 3 4", {"▁Wald": [3, 4]}),  # numbers of words that are no pieces are not read
    ],
)
def test_a_piece_has_the_vector_of_its_word(match, content, vectors):
    found, _ = match(content)
    assert found == {piece: pytest.approx(vector) for piece, vector in vectors.items()}


def test_ids_are_those_of_the_pieces(subword, match, tmp_path):
    (tmp_path / "v").write_text("Wald 1 2\n</s> 3 4\n<pad> 1 1\n")
    found = match_vectors(tmp_path / "v", subword, "target", 2, Progress())
    assert found.ids_N.tolist() == [EOS, subword.piece_to_id("▁Wald")]
    assert PAD not in found.ids_N


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_files_may_be_compressed(match, compress):
    assert match(compress(b"Wald 1 2\n"))[0] == {"▁Wald": [1, 2]}


def test_a_person_reads_how_many_pieces_matched(match, subword, tmp_path):
    path = tmp_path / "words.vec"
    many = "".join(f"{piece} 0 2\n" for piece in subword.ids_to_pieces(range(4, 260)))  # bytes, letters and merges
    _, [note] = match(many)
    assert " of 320 source pieces have a vector in " in note
    assert "(256 as they are, " in note
    _, notes = match("3 2\nWald 0 2\nder 0 2\n")
    assert notes == [
        f"3 of 320 source pieces have a vector in {path} (0 as they are, 2 without ▁, 1 in lower case); their standard "
        "deviation is 1, that of random ones 0.1",
        f"hardly any source piece has a vector in {path}: is it of the source language, and in this case?",
        f"{path} has 2 vectors, and its first line announces 3: it may lack some",
    ]


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (
            "cat 1 2\ndog 1 2\n",
            DataError,
            "PATH has no vector for any of the 320 source pieces\n  It begins with the words cat, dog: is it of the "
            "source language?",
        ),
        (
            "2 3\nWald 1 2 3\n",
            SettingsError,
            "PATH has vectors of 3 numbers, and model.embedding_size is 2\n  Set model.embedding_size=3, or use "
            "vectors of 2 numbers",
        ),
        ("Wald 1 2 3\n", SettingsError, "PATH has vectors of 3 numbers, and model.embedding_size is 2\n"),
        ("Wald 1\n", SettingsError, "PATH has vectors of 1 number, and model.embedding_size is 2\n"),
        ("Hase 1 2\nWald 1\n", DataError, "PATH, line 2 is not a word and 2 numbers: 'Wald 1\\n'\n  A line has a word"),
        ("Wald 1 2\nHase\n", DataError, "PATH, line 2 is not a word and 2 numbers: 'Hase\\n'\n  A line has a word"),
        ("Wald 1 2\nHase 1 \n", DataError, "PATH, line 2 is not a word and 2 numbers: 'Hase 1 \\n'\n"),
        ("A B\n", DataError, "PATH, line 1 is not a word and 2 numbers: 'A B\\n'\n"),
        ("x 0 0\nWald 1 2,5\n", DataError, "PATH, line 2: the vector of 'Wald' has '2,5', which is not a number"),
        ("Bär nan 2\n", DataError, "PATH, line 1: the vector of 'Bär' has 'nan', which cannot be a weight"),
        ("Bär 1e39 2\n", DataError, "PATH, line 1: the vector of 'Bär' has '1e39', which cannot be a weight"),
        ("", DataError, "PATH is empty: it has no vectors\n"),
        ("\n\n", DataError, "PATH is empty: it has no vectors\n"),
        ("1 2\n", DataError, "PATH is empty: it has no vectors\n"),
        (b"2 2\n" + bytes(range(128, 256)) * 9000, DataError, "PATH, line 2 is not a word and 2 numbers: "),
        ("Wald 1 2\n".encode("utf-16"), DataError, "PATH is not UTF-8 but UTF-16\n"),
        (b"PK\x03\x04", DataError, "PATH is a ZIP archive, not text\n"),
        (
            gzip.compress(b"Wald 1 2\n" * 999, mtime=0)[:-9],
            DataError,
            "PATH cannot be read beyond line ",
        ),
    ],
)
def test_a_file_of_another_form_is_explained(match, tmp_path, content, error, message):
    with pytest.raises(error) as caught:
        match(content)
    assert str(caught.value).replace(str(tmp_path / "words.vec"), "PATH").startswith(message)


def test_a_file_that_is_not_there_is_named(subword, tmp_path):
    (tmp_path / "wiki.vec").write_text("Wald 1 2\n")
    with pytest.raises(DataError, match=r'wiki.vek does not exist; did you mean "wiki.vec"\?'):
        match_vectors(tmp_path / "wiki.vek", subword, "source", 2, Progress())
    with pytest.raises(DataError, match="is a folder, and must be a file"):
        match_vectors(tmp_path, subword, "source", 2, Progress())
