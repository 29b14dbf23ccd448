import gzip
import io
import lzma

import pytest

from nmt.errors import DataError
from nmt.text import corpus
from nmt.text.corpus import Pair, ParallelFiles, TsvFile, decode_lines, find_side, read_lines, read_pairs, sample_pairs


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),  # the last line may lack its end
        (b"\n\na\n", ["", "", "a"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\r\r\n", ["a\rb\r"]),  # one carriage return is dropped, and only before the line end
        ("a\u2028b\u2029c\u0085d\x0ce\x0bf\x1cg\x00h\ti\n".encode(), ["a\u2028b\u2029c\u0085d\x0ce\x0bf\x1cg\x00h\ti"]),
        (
            "\ufeffa\n\ufeffb\n".encode(),
            ["a", "\ufeffb"],
        ),  # a byte order mark, and a character that only looks like one
    ],
)
def test_lines_end_at_newlines_only(content, lines):
    assert list(decode_lines(io.BytesIO(content), "it")) == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"good\nb\xe4d\n", "line 2, byte 6 of the text is 0xE4\n  If it is ISO-8859-1"),
        ("\ufeffa".encode() + b"\xff\n", "line 1, byte 4 of the text is 0xFF\n  If it is ISO-8859-1"),
        (
            "a\n".encode("utf-16"),
            "line 1, byte 0 of the text is 0xFF\n  If it is UTF-16, convert it first: iconv -f UTF-16",
        ),
        (b"\xed\xa0\x80\n", "line 1, byte 0 of the text is 0xED"),  # half of a surrogate pair
    ],
)
def test_bytes_that_are_not_utf8_are_placed(content, message):
    with pytest.raises(DataError) as caught:
        list(decode_lines(io.BytesIO(content), "it"))
    assert f"it is not UTF-8: {message}" in str(caught.value)


def pack_zst(content: bytes) -> bytes:
    reason = 'no backports.zstd (pip install "nmt[zstd]")'
    return pytest.importorskip("backports.zstd", reason=reason).compress(content)


PACKERS = {".gz": gzip.compress, ".xz": lzma.compress, ".zst": pack_zst}


@pytest.mark.parametrize("suffix", PACKERS)
def test_packed_files_read_like_plain_ones(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    pack = PACKERS[suffix]
    path.write_bytes(pack("ä\nb\n".encode()) + pack(b"c\n"))  # packed files may be joined end to end
    assert list(read_lines(path)) == ["ä", "b", "c"]


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_packed_file_that_is_cut_short_does_not_pass_for_a_whole_one(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    packed = PACKERS[suffix]("".join(f"line {n}\n" for n in range(10_000)).encode())
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"it\.en.* cannot be read beyond line [\d,]+: .*\n  The file is cut short"):
        list(read_lines(path))


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_suffix_that_lies_is_noticed(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    path.write_bytes(b"plain text all along\n" * 10)
    if suffix == ".zst":
        pack_zst(b"")  # skips where it cannot be read
    with pytest.raises(DataError, match="cannot be read beyond line 0"):
        list(read_lines(path))


def test_without_the_extra_zst_is_refused_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "zstd", None)
    (tmp_path / "it.en.zst").write_bytes(b"")
    with pytest.raises(DataError, match=r'pip install "nmt\[zstd\]"'):
        list(read_lines(tmp_path / "it.en.zst"))


def test_a_side_is_found_under_any_suffix(tmp_path):
    (tmp_path / "it.en.xz").write_bytes(lzma.compress(b""))
    assert find_side(tmp_path / "it", "en") == tmp_path / "it.en.xz"
    (tmp_path / "it.en").write_text("")
    with pytest.raises(DataError, match=r"is there more than once: .*it\.en, .*it\.en\.xz"):
        find_side(tmp_path / "it", "en")


def test_missing_sides_are_all_named_with_what_was_looked_for_and_what_is_there(tmp_path):
    (tmp_path / "it.fr").write_text("")
    with pytest.raises(DataError) as caught:
        ParallelFiles(tmp_path / "it", "en", "de").find()
    for lang in ("en", "de"):
        assert f"{tmp_path}/it.{lang} does not exist" in str(caught.value)
        assert f"for it.{lang}, it.{lang}.gz, it.{lang}.xz, it.{lang}.zst; there are it.fr" in str(caught.value)


def test_one_file_cannot_be_both_sides(tmp_path):
    with pytest.raises(DataError, match=r"it\.en cannot be source and target at once"):
        ParallelFiles(tmp_path / "it", "en", "en").find()


def test_a_folder_is_not_text(tmp_path):
    (tmp_path / "it.en").mkdir()
    with pytest.raises(DataError, match=r"it\.en is not a file"):
        find_side(tmp_path / "it", "en")
    with pytest.raises(DataError, match=r"it\.en is not a file"):
        TsvFile(tmp_path / "it.en").find()
    with pytest.raises(DataError, match=r"it\.en cannot be read: Is a directory"):
        list(read_lines(tmp_path / "it.en"))


def test_unequal_files_are_told_apart_by_count_and_empty_lines(tmp_path):
    source, target = tmp_path / "it.en", tmp_path / "it.de"
    source.write_text("a\n\n \nd\n" + "e\n" * 1234)
    target.write_text("a\nb\n")
    with pytest.raises(DataError) as caught:
        list(read_pairs(source, target))
    assert str(caught.value) == (
        f"{source} has 1,238 lines and {target} has 2\n"
        "  Line n of one must translate line n of the other. Look first at empty lines:\n"
        "  it.en has 2, the first at line 2; it.de has none.\n"
        '  Lines are split at "\\n" only; U+2028 and form feeds stay inside a line.'
    )


def test_pairs_match_line_by_line_and_empty_lines_count(tmp_path):
    (tmp_path / "it.en").write_text("a\n\nc\n")
    (tmp_path / "it.de").write_text("A\nB\n\n")
    corpus = ParallelFiles(tmp_path / "it", "en", "de")
    assert list(corpus.read()) == list(corpus.read()) == [Pair("a", "A"), Pair("", "B"), Pair("c", "")]


def test_a_table_has_two_columns(tmp_path):
    path = tmp_path / "it.tsv"
    path.write_text("a\tA\n\tB\n")
    assert list(TsvFile(path).read()) == [Pair("a", "A"), Pair("", "B")]
    path.write_text("a\tA\nb\tB\t0.9\n")
    with pytest.raises(DataError, match=r"it\.tsv, line 2 has 3 columns, not 2: 'b\\tB\\t0\.9'"):
        list(TsvFile(path).read())


def numbered_checkpoints(count):
    return [Pair(str(number), "") for number in range(count)]


def test_a_sample_is_the_whole_when_that_fits():
    assert sample_pairs(numbered_checkpoints(5), 5, seed=1) == numbered_checkpoints(5)


def test_a_sample_is_a_function_of_the_seed():
    first, again, other = (sample_pairs(numbered_checkpoints(1000), 20, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 20


def test_each_pair_is_as_likely_to_be_sampled():
    hits = [0] * 10
    for seed in range(2000):
        for pair in sample_pairs(numbered_checkpoints(10), 3, seed):
            hits[int(pair.source)] += 1
    assert all(500 < hit < 700 for hit in hits)  # 600 expected, standard deviation 20
