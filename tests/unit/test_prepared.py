import errno
import json
import os
import shutil

import numpy as np
import pytest

from nmt.data import encode, prepared
from nmt.data.encode import Cleaner, HashSet, chunks, link_pieces, pair_hash, write_split
from nmt.data.prepared import ArrayWriter, Prepared, Split, foreign_entries
from nmt.errors import DamageError, FolderError, FormatError
from nmt.text.corpus import Pair, read_lines


@pytest.fixture
def folder(tiny_prepared, tmp_path):
    """A prepared folder that a test may spoil."""
    return shutil.copytree(tiny_prepared, tmp_path / "prepared")


def test_ids_decode_to_the_text_they_came_from(tiny_corpus, tiny_prepared):
    opened = Prepared.open(tiny_prepared)
    for name in ("train", "valid", "test"):
        split = opened.split(name)
        sources, targets = (list(read_lines(tiny_corpus / f"{name}.{lang}")) for lang in "ab")
        assert [opened.source_subword.decode(split.source(row)) for row in range(len(split))] == sources
        assert [opened.target_subword.decode(split.target(row)) for row in range(len(split))] == targets
        assert split.source_lengths.tolist() == [len(split.source(row)) for row in range(len(split))]
        assert split.target_lengths.tolist() == [len(split.target(row)) for row in range(len(split))]
        counts = opened.manifest.splits[name]
        assert counts.pairs == len(sources)
        assert counts.source_tokens == split.source_lengths.sum()
        assert counts.target_tokens == split.target_lengths.sum()


def test_arrays_are_mapped_not_read(tiny_prepared):
    split = Prepared.open(tiny_prepared).split("train")
    assert isinstance(split.source_ids, np.memmap)
    assert split.source_ids.dtype == np.uint16


def test_validation_text_is_kept_as_it_was(tiny_corpus, tiny_prepared):
    opened = Prepared.open(tiny_prepared)
    assert opened.lines("valid", "target") == list(read_lines(tiny_corpus / "valid.b"))


@pytest.mark.parametrize("sizes", [[], [0], [3], [3, 0, 100_000, 1]])
def test_an_array_grows_as_it_is_written(sizes, tmp_path):
    parts = [np.arange(size) for size in sizes]
    with ArrayWriter(tmp_path / "it.npy", np.uint16) as writer:
        for part in parts:
            writer.append(part)
    expected = np.concatenate([np.zeros(0, int), *parts]).astype(np.uint16)
    found = np.load(tmp_path / "it.npy", mmap_mode="r")
    assert found.dtype == np.uint16
    assert np.array_equal(found, expected)


def pieces(count: int) -> np.ndarray:
    return np.array([count])


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        (0, 3, "empty source"),
        (3, 0, "empty target"),
        (0, 0, "empty source"),  # the first reason counts
        (10, 11, "too long"),
        (11, 10, "too long"),
        (10, 4, "length ratio"),
        (4, 10, "length ratio"),
        (10, 5, None),  # on the border of both
    ],
)
def test_cleaning_names_its_reason(source, target, reason):
    cleaner = Cleaner(max_length=10, max_ratio=2.0, keep_duplicates=True)
    kept = cleaner.keep([Pair("x", "y")], pieces(source), pieces(target))
    assert kept.tolist() == [reason is None]
    assert {name for name, count in cleaner.dropped.items() if count} == ({reason} - {None})


def test_duplicates_are_dropped_across_chunks_only_when_asked():
    pairs = [Pair("a", "b"), Pair("a", "c"), Pair("a", "b"), Pair("ab", "")]
    ones = np.ones(4, int)
    for keep_duplicates, expected in ((True, [[1, 1, 1, 1]] * 2), (False, [[1, 1, 0, 1], [0, 0, 0, 0]])):
        cleaner = Cleaner(10, 2.0, keep_duplicates)
        assert [cleaner.keep(pairs, ones, ones).tolist() for _ in range(2)] == expected
        assert cleaner.dropped["duplicate"] == (0 if keep_duplicates else 5)


def test_a_pair_that_is_dropped_for_another_reason_is_no_first_sight():
    cleaner = Cleaner(10, 2.0, keep_duplicates=False)
    assert not cleaner.keep([Pair("a", "b")], pieces(11), pieces(9))
    assert cleaner.keep([Pair("a", "b")], pieces(9), pieces(9))


def test_where_a_pair_is_split_makes_a_difference():
    assert pair_hash(Pair("a b", "c")) != pair_hash(Pair("a", "b c"))


@pytest.mark.parametrize("seed", range(5))
def test_a_hash_set_is_a_set(seed):
    random = np.random.default_rng(seed)
    mine, theirs = HashSet(), set()
    for _ in range(30):
        values = random.integers(0, 400, random.integers(0, 40)).astype(np.uint64)
        expected = []
        for value in values.tolist():
            expected.append(value not in theirs)
            theirs.add(value)
        assert mine.add(values).tolist() == expected
    assert sum(map(len, mine.runs)) == len(theirs)
    assert len(mine.runs) < 10  # runs double, so that looking up stays cheap


@pytest.mark.parametrize(
    ("pairs", "characters", "sizes"),
    [(0, 100, []), (1, 100, [1]), (4, 100, [4]), (9, 100, [4, 4, 1]), (4, 3, [2, 2])],
)
def test_chunks_are_bounded_in_pairs_and_characters(pairs, characters, sizes, monkeypatch):
    monkeypatch.setattr(encode, "CHUNK_PAIRS", 4)
    monkeypatch.setattr(encode, "CHUNK_CHARACTERS", characters)
    assert [len(chunk) for chunk in chunks([Pair("a", "b")] * pairs)] == sizes


def test_chunking_does_not_show(tiny_prepared, tmp_path, monkeypatch):
    opened = Prepared.open(tiny_prepared)
    subwords = (opened.source_subword, opened.target_subword)
    pairs = [Pair("ba de", "de ba"), Pair("", "go"), Pair("fi " * 9, "fi"), Pair("ku", "ku"), Pair("", "")]
    written = []
    for size in (1, 2, 100):
        monkeypatch.setattr(encode, "CHUNK_PAIRS", size)
        place = tmp_path / str(size)
        place.mkdir()
        write_split(place, "train", pairs, subwords, Cleaner(150, 5.0, True))
        write_split(place, "valid", pairs, subwords)
        written.append({file.name: file.read_bytes() for file in place.iterdir()})
    assert written[0] == written[1] == written[2]
    assert (len(Split.open(place, "train")), len(Split.open(place, "valid"))) == (2, 5)


@pytest.mark.parametrize(
    ("links", "source_words", "target_words", "expected"),
    [
        ([(0, 1)], [0, 1], [0, 1], [(0, 1)]),
        ([(0, 0)], [0, 0, 1], [0, 1, 1], [(0, 0), (1, 0)]),
        ([(1, 0), (0, 1)], [0, 1, 1], [0, 1, 1], [(1, 0), (2, 0), (0, 1), (0, 2)]),
        ([(5, 0), (0, 5)], [0, 1], [0, 1], []),  # words without pieces
        ([], [0], [0], []),
    ],
)
def test_every_piece_of_a_word_has_its_links(links, source_words, target_words, expected):
    assert link_pieces(links, source_words, target_words) == expected


@pytest.mark.parametrize("size", [1, 2, 100])
def test_links_stay_with_their_pairs(tiny_prepared, tmp_path, monkeypatch, size):
    monkeypatch.setattr(encode, "CHUNK_PAIRS", size)
    opened = Prepared.open(tiny_prepared)
    subwords = opened.source_subword, opened.target_subword
    pairs = [Pair("ba de xyz", "fi"), Pair("", "ku"), Pair("la", "me ni"), Pair("po", "ru")]
    links = [[(2, 0), (0, 0)], [], [(0, 1)], []]
    counts = write_split(tmp_path, "train", pairs, subwords, Cleaner(150, 99.0, True), links=iter(links))
    split = Split.open(tmp_path, "train", with_links=True)
    assert isinstance(split.links.sources, np.memmap)
    assert counts.links == len(split.links.sources) == split.links.offsets[-1]
    for row, (pair, wanted) in enumerate((pair, link) for pair, link in zip(pairs, links, strict=True) if pair.source):
        sides = [subword.segment(line).word_of_piece for subword, line in zip(subwords, pair, strict=True)]
        own = slice(*split.links.offsets[row : row + 2])
        found = zip(split.links.sources[own], split.links.targets[own], strict=True)
        assert {(sides[0][i], sides[1][j]) for i, j in found} == set(wanted)
        assert own.stop - own.start == sum(sides[0].count(i) * sides[1].count(j) for i, j in wanted)


# What is wrong with a folder


def test_a_folder_of_the_first_version_is_read(folder):
    splits = json.loads((folder / "manifest.json").read_text())["splits"]
    for counts in splits.values():
        assert counts.pop("links") is None
    edit_manifest(folder, format_version=1, splits=splits)
    opened = Prepared.open(folder)
    assert len(opened.split("train")) == 1000
    with pytest.raises(FolderError, match="was prepared without word alignments, which guide attention\n  Prepare it "):
        opened.split("train", with_links=True)


def edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(FolderError, match="gone does not exist\n  `nmt prepare` makes one"):
        Prepared.open(tmp_path / "gone")
    with pytest.raises(FolderError, match=r"is not a prepared folder: it has no manifest\.json"):
        Prepared.open(tmp_path)


def test_another_format_version_names_both(folder):
    edit_manifest(folder, format_version=99)
    with pytest.raises(FormatError, match="prepared in format version 99; this nmt reads 1 and 2\n  Prepare"):
        Prepared.open(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_manifest_that_is_none(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DamageError, match=r"manifest\.json cannot be read: it is cut short or was edited"):
        Prepared.open(folder)


def test_a_manifest_that_was_edited(folder):
    edit_manifest(folder, joint="perhaps", extra=1)
    with pytest.raises(DamageError, match=r"manifest\.json was edited: joint, extra cannot be used"):
        Prepared.open(folder)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_every_damaged_file_is_named(folder):
    cut(folder / "train.source.ids.npy")
    flip(folder / "target.model")
    (folder / "valid.source.txt").unlink()
    size = (folder / "train.source.ids.npy").stat().st_size
    with pytest.raises(DamageError) as caught:
        Prepared.open(folder)
    assert str(caught.value) == (
        f"{folder} is damaged\n"
        "  target.model has other bytes than were written (SHA-256)\n"
        f"  train.source.ids.npy has {size:,} bytes; {size + 1:,} were written\n"
        "  valid.source.txt is missing\n"
        "  Prepare the corpus again, with overwrite=True"
    )


def test_large_files_are_held_against_their_size_when_opened_and_their_bytes_when_verified(folder, monkeypatch):
    monkeypatch.setattr(prepared, "SMALL", 100)
    flip(folder / "train.source.ids.npy")
    manifest = Prepared.open(folder).manifest
    with pytest.raises(DamageError, match=r"train\.source\.ids\.npy has other bytes than were written \(SHA-256\)"):
        prepared.require_whole(folder, manifest)


def test_a_split_that_was_not_prepared(folder):
    opened = Prepared.open(folder)
    del opened.manifest.splits["test"]
    with pytest.raises(FolderError, match="was prepared without test\n  It has train, valid"):
        opened.split("test")


def test_what_is_not_ours_is_told_apart(folder, tmp_path):
    assert foreign_entries(folder) == []
    (folder / "notes.txt").write_text("")
    assert foreign_entries(folder) == ["notes.txt"]
    assert foreign_entries(tmp_path) == ["prepared"]


def test_a_replacement_that_was_cut_between_its_renames_is_settled(folder):
    folder.rename(folder.with_name(".prepared.old"))
    assert len(Prepared.open(folder).split("valid")) == 30


def test_an_array_that_was_cut_short_by_a_full_disk_passes_the_error_on(tmp_path):
    def fill(path):
        with ArrayWriter(path, np.int32) as array:
            array.append(np.zeros(100_000, np.int64))
            os.truncate(path, 1000)  # what the disk had room for
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill(tmp_path / "ids.npy")
