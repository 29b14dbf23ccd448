import errno
import json
import os
import re
import shutil
from contextlib import nullcontext

import numpy as np
import pytest
from support.runs import write_facts

from nmt.data import arrays, prepared
from nmt.data.prepared import ArrayWriter, PreparedCorpus, find_foreign_entries
from nmt.errors import DamageError, FolderError, FormatError
from nmt.files import hash_file
from nmt.text.corpus import read_lines
from nmt.version import __version__


@pytest.fixture
def folder(tiny_prepared, tmp_path):
    """A prepared folder that a test may change."""
    return shutil.copytree(tiny_prepared, tmp_path / "prepared")


def test_ids_decode_to_the_text(tiny_corpus, tiny_prepared):
    opened = PreparedCorpus.open(tiny_prepared)
    for name in ("train", "valid", "test"):
        split = opened.open_split(name)
        sources, targets = (list(read_lines(tiny_corpus / f"{name}.{lang}")) for lang in "ab")
        assert [opened.source_subword.decode(split.read_source(row)) for row in range(len(split))] == sources
        assert [opened.target_subword.decode(split.read_target(row)) for row in range(len(split))] == targets
        assert split.source_lengths.tolist() == [len(split.read_source(row)) for row in range(len(split))]
        assert split.target_lengths.tolist() == [len(split.read_target(row)) for row in range(len(split))]
        counts = opened.manifest.splits[name]
        assert counts.pairs == len(sources)
        assert counts.source_tokens == split.source_lengths.sum()
        assert counts.target_tokens == split.target_lengths.sum()


def test_arrays_are_memory_mapped(tiny_prepared):
    split = PreparedCorpus.open(tiny_prepared).open_split("train")
    assert isinstance(split.source_ids, np.memmap)
    assert split.source_ids.dtype == np.uint16


def test_raw_validation_text_is_kept(tiny_corpus, tiny_prepared):
    opened = PreparedCorpus.open(tiny_prepared)
    assert opened.read_raw_lines("valid", "target") == list(read_lines(tiny_corpus / "valid.b"))


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


def test_a_folder_with_format_version_1_is_read(folder):
    splits = json.loads((folder / "manifest.json").read_text())["splits"]
    for counts in splits.values():
        assert counts.pop("links") is None
    edit_manifest(folder, format_version=1, splits=splits)
    opened = PreparedCorpus.open(folder)
    assert len(opened.open_split("train")) == 1000
    with pytest.raises(FolderError, match="was prepared without word alignments, which guide attention\n  Prepare it "):
        opened.open_split("train", with_links=True)


def edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    write_facts(path, json.loads(path.read_text()) | changes)


def test_opening_another_folder_raises_an_error(tmp_path):
    with pytest.raises(FolderError, match="gone does not exist\n  `nmt prepare` writes prepared folders"):
        PreparedCorpus.open(tmp_path / "gone")
    with pytest.raises(FolderError, match=r"is not a prepared folder: it has no manifest\.json"):
        PreparedCorpus.open(tmp_path)


def test_the_message_for_another_format_version_has_both_versions(folder):
    edit_manifest(folder, format_version=99)
    what = rf"has format version 99, and this version of nmt, {re.escape(__version__)}, reads 1, 2 and 3\n  It was "
    with pytest.raises(FormatError, match=what):
        PreparedCorpus.open(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_a_manifest_that_is_no_json_object_raises_an_error(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DamageError, match=r"manifest\.json cannot be read: it is incomplete or was edited"):
        PreparedCorpus.open(folder)


def test_the_message_for_an_edited_manifest_names_the_entries(folder):
    edit_manifest(folder, joint="perhaps", extra=1)
    with pytest.raises(DamageError, match=r"json is damaged: joint must be a valid boolean; extra is unknown\n"):
        PreparedCorpus.open(folder)


def remove_last_byte(path):
    path.write_bytes(path.read_bytes()[:-1])


def change_last_byte(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_every_damaged_file_is_named(folder):
    remove_last_byte(folder / "train.source.ids.npy")
    change_last_byte(folder / "target.model")
    (folder / "valid.source.txt").unlink()
    size = (folder / "train.source.ids.npy").stat().st_size
    with pytest.raises(DamageError) as caught:
        PreparedCorpus.open(folder)
    assert str(caught.value) == (
        f"{folder} is damaged\n"
        "  target.model has changed: its SHA-256 is not the one in manifest.json\n"
        f"  train.source.ids.npy has {size:,} bytes instead of {size + 1:,}\n"
        "  valid.source.txt is missing\n"
        "  Prepare the corpus again, with overwrite=True"
    )


def test_opening_checks_the_size_of_large_files_and_verifying_their_checksum(folder, monkeypatch):
    monkeypatch.setattr(prepared, "VERIFIED_BYTES", 100)
    change_last_byte(folder / "train.source.ids.npy")
    manifest = PreparedCorpus.open(folder).manifest
    with pytest.raises(DamageError, match=r"train\.source\.ids\.npy has changed: its SHA-256 is not the one in man"):
        prepared.verify_prepared(folder, manifest)


def test_opening_a_split_that_was_not_prepared_raises_an_error(folder):
    opened = PreparedCorpus.open(folder)
    del opened.manifest.splits["test"]
    with pytest.raises(FolderError, match="was prepared without test\n  It has train, valid"):
        opened.open_split("test")


def test_foreign_files_are_found(folder, tmp_path):
    assert find_foreign_entries(folder) == []
    (folder / "notes.txt").write_text("")
    assert find_foreign_entries(folder) == ["notes.txt"]
    assert find_foreign_entries(tmp_path) == ["prepared"]


def test_an_interrupted_replacement_is_undone(folder):
    folder.rename(folder.with_name(".prepared.old"))
    assert len(PreparedCorpus.open(folder).open_split("valid")) == 30


def test_writing_an_array_to_a_full_disk_raises_the_error(tmp_path):
    def fill(path):
        with ArrayWriter(path, np.int32) as array:
            array.append(np.zeros(100_000, np.int64))
            os.truncate(path, 1000)  # the rest does not fit on the disk
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fill(tmp_path / "ids.npy")


def replace_array(folder, name, change):
    """Change an array of a prepared folder, and its size and checksum in the manifest."""
    path = folder / name
    np.save(path, change(np.load(path)))
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit_manifest(folder, files=files | {name: {"size": path.stat().st_size, "sha256": hash_file(path)}})


def shift(array):
    array[5] = array[6] + 1
    return array


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("valid.source.ids.npy", lambda ids: ids.astype(np.float32), "it is not a list of integers"),
        ("valid.target.ids.npy", lambda ids: ids > 5, "it is not a list of integers"),
        ("valid.source.ids.npy", lambda ids: ids[:, None], "it is not a list of integers"),
        ("valid.source.ids.npy", lambda ids: ids[:-1], "it has {} ids, and manifest.json has {}"),
        ("valid.target.ids.npy", lambda ids: ids + 296, "it has ids that are not in the vocabulary of 296 pieces"),
        ("valid.target.ids.npy", lambda ids: -ids.astype(np.int16), "it has ids that are not in the vocabulary of 296"),
        ("valid.source.offsets.npy", lambda ends: ends.astype(np.int32), "its numbers have the type int32, not int64"),
        ("valid.source.offsets.npy", shift, "its offsets do not divide {} numbers among 30 pairs"),
        ("valid.target.offsets.npy", lambda ends: ends + 1, "its offsets do not divide {} numbers among 30 pairs"),
        ("valid.target.offsets.npy", lambda ends: ends[1:], "its offsets do not divide {} numbers among 30 pairs"),
        ("valid.target.offsets.npy", lambda ends: ends[:0], "its offsets do not divide {} numbers among 30 pairs"),
    ],
)
def test_arrays_that_do_not_fit_together_are_named(folder, name, change, message):
    side = name.split(".")[1]
    tokens = json.loads((folder / "manifest.json").read_text())["splits"]["valid"][f"{side}_tokens"]
    replace_array(folder, name, change)
    with pytest.raises(DamageError) as caught:
        PreparedCorpus.open(folder).open_split("valid")
    counts = (tokens - 1, tokens) if "manifest" in message else (tokens,)
    assert str(caught.value).startswith(f"{folder / name} is damaged: {message.format(*counts)}")
    assert str(caught.value).endswith("\n  Prepare the corpus again, with overwrite=True")


def change_file(folder, name, content):
    (folder / name).write_bytes(content)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    edit_manifest(folder, files=files | {name: {"size": len(content), "sha256": hash_file(folder / name)}})


@pytest.mark.parametrize("header", [b"v\x00" + b"[" * 118, b"v\x00" + b"{" * 117 + b"\n", b"v\x00(" + b"\n" * 117])
def test_a_header_that_numpy_cannot_parse_is_named(folder, header):
    change_file(folder, "train.source.ids.npy", b"\x93NUMPY\x01\x00" + header)
    with pytest.raises(DamageError, match=r"train\.source\.ids\.npy is damaged: it is no array"):
        PreparedCorpus.open(folder).open_split("train")


def test_files_of_other_content_with_the_right_checksum_are_named(folder):
    change_file(folder, "train.source.ids.npy", b"\x93NUMPY\x01\x00" + b"[" * 118)
    with pytest.raises(DamageError, match=r"train\.source\.ids\.npy is damaged: it is no array"):
        PreparedCorpus.open(folder).open_split("train")
    change_file(folder, "valid.source.txt", b"ba\n\xfe\n")
    with pytest.raises(DamageError, match=r"valid\.source\.txt is damaged: it is not UTF-8 text at byte 3"):
        PreparedCorpus.open(folder).read_raw_lines("valid", "source")
    change_file(folder, "valid.target.txt", b"ba\n")
    with pytest.raises(DamageError, match=r"valid\.target\.txt is damaged: it has 1 line for the 30 pairs in man"):
        PreparedCorpus.open(folder).read_raw_lines("valid", "target")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {}}, "its files lack source.model, target.model, test.source.ids.npy"),
        ({"files": {"../thesis": {"size": 1, "sha256": ""}}}, "files.../thesis.[key] must match pattern"),
        ({"joint": 0}, "joint must be a valid boolean"),
        ({"splits": {"dev": {"pairs": 1, "source_tokens": 1, "target_tokens": 1}}}, "splits.dev.[key] must be 'train'"),
        ({"settings": {"symbols": {"deep": [1]}}}, "settings.symbols"),
        ({"dropped": {"short": -1}}, "dropped.short must be greater than or equal to 0"),
    ],
)
def test_wrong_entries_of_a_manifest_are_named(folder, changes, message):
    edit_manifest(folder, **changes)
    with pytest.raises(DamageError) as caught:
        PreparedCorpus.open(folder)
    assert "manifest.json is damaged: " in str(caught.value)
    assert message in str(caught.value)


def test_a_changed_manifest_is_damaged(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"target_lang": "b"', '"target_lang": "a"'))
    with pytest.raises(DamageError, match=r"manifest\.json is damaged: its checksum is not that of its content"):
        PreparedCorpus.open(folder)


@pytest.mark.parametrize(
    ("sources", "targets", "ends", "message"),
    [
        ([0, 1, 0], [0, 0, 0], [0, 2, 3], None),
        ([0, 2, 0], [0, 0, 0], [0, 2, 3], "it links pieces that do not exist"),
        ([0, 1, -1], [0, 0, 0], [0, 2, 3], "it links pieces that do not exist"),
        ([0, 1], [0, 0, 0], [0, 2, 3], "it has 2 links, and the offsets are those of 3"),
        ([0, 1, 0], [0, 0, 0], [0, 1, 3], "it links pieces that do not exist"),
    ],
)
def test_links_are_between_pieces_that_exist(tmp_path, monkeypatch, sources, targets, ends, message):
    monkeypatch.setattr(arrays, "PART", 1)
    pieces, offsets = np.array([0, 2, 3]), np.array(ends)
    arrays.check_links(tmp_path, np.array(targets), offsets, pieces)
    with pytest.raises(DamageError, match=message) if message else nullcontext():
        arrays.check_links(tmp_path, np.array(sources), offsets, pieces)
