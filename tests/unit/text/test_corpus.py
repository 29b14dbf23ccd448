import bz2
import gzip
import io
import lzma
from pathlib import Path

import pytest

from nmt.errors import DataError
from nmt.text import compression
from nmt.text.corpus import Pair, ParallelFiles, TsvFile, decode_lines, find_side, read_lines, read_pairs, sample_pairs


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nb", ["a", "b"]),  # the last line may be without a line end
        (b"\n\na\n", ["", "", "a"]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\r\r\n", ["a\rb\r"]),  # one carriage return is dropped, and only before the line end
        ("a\u2028b\u2029c\u0085d\x0ce\x0bf\x1cg\x00h\ti\n".encode(), ["a\u2028b\u2029c\u0085d\x0ce\x0bf\x1cg\x00h\ti"]),
        ("\ufeffa\n\ufeffb\n".encode(), ["a", "\ufeffb"]),  # only the first one is a byte order mark
    ],
)
def test_lines_end_at_newlines_only(content, lines):
    assert list(decode_lines(io.BytesIO(content), "it")) == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"good\nb\xe4d\n",
            "line 2, byte 6 of the text is 0xE4\n  If it is ISO-8859-1, convert it first: iconv -f ISO-8859-1",
        ),
        ("\ufeffa".encode() + b"\xff\n", "line 1, byte 4 of the text is 0xFF\n  If it is ISO-8859-1"),
        (
            "L’œuvre coûte 9 €.\n".encode("cp1252"),
            "line 1, byte 1 of the text is 0x92\n  If it is Windows-1252, convert it first: iconv -f Windows-1252",
        ),
        (
            "Mädchen\n".encode() + b"B\xfccher\n",
            "line 2, byte 10 of the text is 0xFC\n  The lines before it are UTF-8: mend",
        ),
        (
            "дом и сад\n".encode("koi8-r"),
            "line 1, byte 0 of the text is 0xC4\n  It is hardly in Latin letters. Its encoding",
        ),
        (
            "犬が水を飲む。\n".encode("euc-jp"),
            "line 1, byte 0 of the text is 0xB8\n  It is hardly in Latin letters. Its encoding",
        ),
        *(
            (
                before + b"\xed\xa0\x80 \xc3\xa4\n",
                f"line {number}, byte {byte} of the text is 0xED\n  Half a character (a lone ",
            )
            for before, number, byte in ((b"a ", 1, 2), ("ä\n".encode(), 2, 3))
        ),
        (b"a \xed\xa0\xbd\xed\xb8\x80\n", "line 1, byte 2 of the text is 0xED\n  It is CESU-8, which has two halves"),
        (b"\xed\xa0\x80 not that \xe4\n", "line 1, byte 0 of the text is 0xED\n  If it is Windows-1252"),
    ],
)
def test_the_message_for_bytes_that_are_not_utf8_has_line_and_byte(content, message):
    with pytest.raises(DataError) as caught:
        list(decode_lines(io.BytesIO(content), "it"))
    assert f"it is not UTF-8: {message}" in str(caught.value)


TEXTS = [
    "The dog\nsleeps.\n",
    "Собака спит.\nДа.\n",
    "一只狗\n一二\n",
    "x\n",
    "no line end",
    "\nÇa va\n",
    "כלב ישן\nכן\n",
    "犬が水を飲む。\n",
    "あした\n",
    "おはよう\nございます\n",
    "개가잔다\n",
    "한\n" * 3000,
    "狗睡觉\n" * 3000,
    "สุนัข\n",
    "नमस्ते\n",
]


@pytest.mark.parametrize("encoding", ["UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE", "UTF-16", "UTF-32"])
@pytest.mark.parametrize("text", TEXTS)
def test_wide_encodings_are_refused_by_name_with_a_mark_or_without(text, encoding):
    with pytest.raises(DataError) as caught:
        list(decode_lines(io.BytesIO(text.encode(encoding)), "it"))
    assert str(caught.value) == (f"it is not UTF-8 but {encoding}\n  Convert it first: iconv -f {encoding} -t UTF-8")


@pytest.mark.parametrize(
    "text",
    [
        "a\0b\n",
        "one\0two\nthree\n",
        "ab\0\ncd\nef\n",
        "\0" * 9 + "a\n",
        "A man.\0\n",
        "A man\n\0",
        "Ein Mädchen\0\n" * 3000,
        "Собака спит\0\nДа.\0\n",
        "一只\t狗.\0\t\n\0",
        *TEXTS,
    ],
)
def test_other_text_is_not_taken_for_a_wide_encoding(text):
    assert list(decode_lines(io.BytesIO(text.encode()), "it")) == text.removesuffix("\n").split("\n")


@pytest.mark.parametrize("content", [b"a\rb\r", b"a\rb", b"a\r\rb c\r"])
def test_lines_that_end_with_carriage_returns_alone_are_refused(content):
    with pytest.raises(DataError) as caught:
        list(decode_lines(io.BytesIO(content), "it"))
    assert str(caught.value) == (
        "it ends its lines with \"\\r\" (CR) alone, and would be one line\n  Convert it first: tr '\\r' '\\n'"
    )
    assert list(decode_lines(io.BytesIO(b"one line\r"), "it")) == ["one line"]


def compress_zst(content: bytes) -> bytes:
    reason = 'no backports.zstd (pip install "nmt[zstd]")'
    return pytest.importorskip("backports.zstd", reason=reason).compress(content)


COMPRESSORS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": compress_zst}


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_files_read_like_plain_ones(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    compress = COMPRESSORS[suffix]
    path.write_bytes(compress("ä\nb\n".encode()) + compress(b"c\n"))  # compressed files may be concatenated
    assert list(read_lines(path)) == ["ä", "b", "c"]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_compressed_text_is_recognised_whatever_its_name(suffix, tmp_path, monkeypatch):
    content = COMPRESSORS[suffix]("ä\nb\n".encode())
    for name in ("it.en", f"it.en{suffix.upper()}", "it.en.gz"):
        (tmp_path / name).write_bytes(content)
        assert list(read_lines(tmp_path / name)) == ["ä", "b"]
    with open(tmp_path / "it.en", "rb") as file:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(file))
        assert list(read_lines("-")) == ["ä", "b"]


@pytest.mark.parametrize(
    ("content", "description"),
    [
        (b"PK\x03\x04\x14\x00rest", "a ZIP archive"),
        (b"7z\xbc\xaf\x27\x1c\x00", "a 7z archive"),
        (b"\x04\x22\x4d\x18\x64", "compressed by lz4"),
        (b"\x1f\x9d\x90", "compressed by compress"),
        (gzip.compress(b"name".ljust(257, b"\0") + b"ustar\x0000", mtime=0), "a tar archive"),
    ],
)
def test_archives_are_refused_by_name(content, description):
    with pytest.raises(DataError, match=rf"^it is {description}, not text\n  Extract the text from it first$"):
        list(decode_lines(io.BytesIO(content), "it"))


@pytest.mark.parametrize("text", ["BZh9 is no header", "PK", "7z a b"])
def test_text_that_begins_like_a_compressed_file_is_text(text):
    assert list(decode_lines(io.BytesIO(text.encode()), "it")) == [text]


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_an_incomplete_compressed_file_raises_an_error(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    content = COMPRESSORS[suffix]("".join(f"line {n}\n" for n in range(10_000)).encode())
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"it\.en.* cannot be read beyond line [\d,]+: .*\n  The file is incomplete"):
        list(read_lines(path))


@pytest.mark.parametrize("suffix", COMPRESSORS)
def test_plain_text_with_the_suffix_of_a_compressed_file_raises_an_error(suffix, tmp_path):
    path = tmp_path / f"it.en{suffix}"
    path.write_bytes(b"plain text all along\n" * 10)
    if suffix == ".zst":
        compress_zst(b"")  # skips the test where zstd is not installed
    with pytest.raises(DataError, match="cannot be read beyond line 0"):
        list(read_lines(path))


def test_without_the_extra_zst_the_message_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setattr(compression, "zstd", None)
    (tmp_path / "it.en.zst").write_bytes(b"")
    with pytest.raises(
        DataError, match=r'it\.en\.zst needs the extra zstd: pip install "nmt\[zstd\]"\n  Or decompress it'
    ):
        list(read_lines(tmp_path / "it.en.zst"))


def test_a_side_is_found_with_any_suffix(tmp_path):
    (tmp_path / "it.en.xz").write_bytes(lzma.compress(b""))
    assert find_side(tmp_path / "it", "en") == tmp_path / "it.en.xz"
    (tmp_path / "it.de.BZ2").write_bytes(bz2.compress(b""))
    assert find_side(tmp_path / "it", "de") == tmp_path / "it.de.BZ2"
    (tmp_path / "it.en").write_text("")
    with pytest.raises(DataError, match=r"it\.en exists several times: .*it\.en, .*it\.en\.xz"):
        find_side(tmp_path / "it", "en")


def test_the_message_for_missing_sides_names_both_and_the_files_that_exist(tmp_path):
    (tmp_path / "it.fr").write_text("")
    with pytest.raises(DataError) as caught:
        ParallelFiles(tmp_path / "it", "en", "de").find()
    for lang in ("en", "de"):
        assert f"{tmp_path}/it.{lang} does not exist" in str(caught.value)
        assert f"/it.{lang} does not exist, nor with .gz, .bz2, .xz, .zst\n  Files that begin so are it.fr" in str(
            caught.value
        )


def test_the_message_for_a_folder_as_prefix_lists_no_files(tmp_path, monkeypatch):
    (tmp_path / "it.fr").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^\.fi does not exist, nor with \.gz, \.bz2, \.xz, \.zst$"):
        find_side(Path("."), "fi")


def test_one_file_cannot_be_both_sides(tmp_path):
    with pytest.raises(DataError, match=r"it\.en cannot be both source and target"):
        ParallelFiles(tmp_path / "it", "en", "en").find()


def test_a_folder_is_not_text(tmp_path):
    (tmp_path / "it.en").mkdir()
    with pytest.raises(DataError, match=r"it\.en is not a file\n  Text is read twice, so it cannot be a folder"):
        find_side(tmp_path / "it", "en")
    with pytest.raises(DataError, match=r"it\.en is not a file\n  Text is read twice, so it cannot be a folder"):
        TsvFile(tmp_path / "it.en").find()
    with pytest.raises(DataError, match=r'^standard input, "-", is not a file\n  Text is read twice'):
        TsvFile(Path("-")).find()
    with pytest.raises(DataError, match=r"it\.en is a folder, and must be a file"):
        list(read_lines(tmp_path / "it.en"))


def test_the_message_for_files_of_different_lengths_counts_lines_and_empty_lines(tmp_path):
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
    with pytest.raises(DataError, match=r"it\.tsv, line 2 has 3 columns, not 2: 'b\\tB\\t0\.9'\n.*; cut -f 1,2 keeps"):
        list(TsvFile(path).read())
    path.write_text("a\tA\n\nb\tB\n \n")
    assert list(TsvFile(path).read()) == [Pair("a", "A"), Pair("", ""), Pair("b", "B"), Pair("", "")]


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ("a\tA\t0.9", "1,2 keeps the first two columns"),
        ("a\tA\tCC-BY 2.0", "1,2 keeps the first two columns"),
        ("1276\tLet's try it.\t77\tProbieren wir es!", "2,4 keeps the first two that have text"),  # as of Tatoeba
        ("1.5e-7\ta\tA", "2,3 keeps the first two that have text"),
        ("https://a.b/c?d\thttp://a.b/e\ta 1\tÄ\tx", "3,4 keeps the first two that have text"),
        ("\t\t犬\tdog", "3,4 keeps the first two that have text"),
        ("1\t2\tdog", "1,2 keeps the first two columns"),
    ],
)
def test_the_advice_for_a_table_with_more_columns_names_those_of_text(tmp_path, row, advice):
    (tmp_path / "it.tsv").write_text(f"{row}\n", "utf-8")
    with pytest.raises(DataError) as caught:
        list(TsvFile(tmp_path / "it.tsv").read())
    assert str(caught.value).splitlines()[1] == f"  A line has the source, one tab and the target; cut -f {advice}"


@pytest.mark.parametrize("names", ["en\tde", "de\tEN", "Source\tTarget", "en-US\tde_DE"])
def test_a_table_that_begins_with_names_is_refused(tmp_path, names):
    (tmp_path / "it.tsv").write_text(f"{names}\na\tA\n")
    with pytest.raises(
        DataError, match=r"it\.tsv, line 1 is no pair but names the columns: .*\n  Remove it, with tail"
    ):
        list(TsvFile(tmp_path / "it.tsv", ("en", "de")).read())
    (tmp_path / "it.tsv").write_text(f"a\tA\n{names}\n")
    assert len(list(TsvFile(tmp_path / "it.tsv", ("en", "de")).read())) == 2


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("it.en", "Give the prefix without its ending: %s/it"),
        ("it.en.gz", "Give the prefix without its ending: %s/it"),
        ("it.de", "Give the prefix without its ending: %s/it"),  # it.de.xz, in part
        ("it.en-de.en", "Give the prefix without its ending: %s/it.en-de"),
        ("both.txt", "%s/both.txt is one file: name one that has both languages with .tsv"),
        (".en", "%s/.en is one file: name one"),
        ("other", None),
    ],
)
def test_the_message_for_a_file_as_prefix_tells_what_to_give(tmp_path, given, hint):
    for name in ("it.en.gz", "it.de.xz", "it.en-de.en", "both.txt", ".en"):
        (tmp_path / name).write_text("")
    with pytest.raises(DataError) as caught:
        ParallelFiles(tmp_path / given, "en", "de").find()
    last = str(caught.value).splitlines()[-1]
    if hint is None:
        assert last == f"  {tmp_path}/other.de does not exist, nor with .gz, .bz2, .xz, .zst"
    else:
        assert last.startswith("  " + hint % tmp_path)
        assert str(caught.value).count("Give the prefix") <= 1


def number_pairs(count):
    return [Pair(str(number), "") for number in range(count)]


def test_a_sample_as_large_as_the_corpus_is_the_corpus_in_order():
    assert sample_pairs(number_pairs(5), 5, seed=1) == number_pairs(5)


def test_a_sample_is_a_function_of_the_seed():
    first, again, other = (sample_pairs(number_pairs(1000), 20, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(set(first)) == 20


def test_all_pairs_are_equally_likely_to_be_sampled():
    hits = [0] * 10
    for seed in range(2000):
        for pair in sample_pairs(number_pairs(10), 3, seed):
            hits[int(pair.source)] += 1
    assert all(500 < hit < 700 for hit in hits)  # 600 expected, standard deviation 20
