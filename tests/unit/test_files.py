"""Files and folders are replaced completely or not at all."""

import hashlib
import os
from contextlib import suppress

import pytest

from nmt.errors import FolderError
from nmt.files import hash_file, locate_folder, recover_folder, remove_folder, replace_folder, write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill(path, content):
    with replace_folder(path) as folder:
        (folder / "file").write_text(content)


def test_a_file_exists_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    with write_atomically(path) as file:
        file.write("ä\n")
        assert not path.exists()
    assert path.read_bytes() == "ä\n".encode()
    assert hash_file(path) == hashlib.sha256("ä\n".encode()).hexdigest()
    assert names(tmp_path) == ["a.txt"]


def test_after_an_error_the_old_file_is_unchanged(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with suppress(MemoryError), write_atomically(path, "wb") as file:
        file.write(b"new")
        raise MemoryError
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_writing_keeps_symbolic_links_and_pipes(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with write_atomically(tmp_path / "link") as file:
        file.write("one")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "one"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with write_atomically(tmp_path / "pipe", "wb") as file:
        file.write(b"two")
    assert os.read(reader, 9) == b"two"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert names(tmp_path) == ["file", "link", "pipe"]


def test_a_folder_replaces_another_unless_there_is_an_error(tmp_path):
    path = tmp_path / "run"
    for content in ("one", "two"):
        fill(path, content)
        assert (path / "file").read_text() == content
    with suppress(MemoryError), replace_folder(path) as folder:
        (folder / "file").write_text("three")
        raise MemoryError
    assert (path / "file").read_text() == "two"
    assert names(tmp_path) == ["run"]


def test_a_replacement_that_was_killed_between_its_renames_is_undone(tmp_path, monkeypatch):
    path = tmp_path / "run"
    fill(path, "one")
    rename, done = os.rename, []

    def die_at_the_second(before, after):
        done.append(before)
        if len(done) == 2:
            raise MemoryError
        rename(before, after)

    monkeypatch.setattr(os, "rename", die_at_the_second)
    with pytest.raises(MemoryError):
        fill(path, "two")
    monkeypatch.undo()
    assert not path.exists()
    assert (locate_folder(path) / "file").read_text() == "one"  # a reader renames nothing
    assert not path.exists()
    recover_folder(path)
    assert locate_folder(path) == path
    assert (path / "file").read_text() == "one"
    (tmp_path / ".run.old").mkdir()  # a kill after both renames
    recover_folder(path)
    assert not (tmp_path / ".run.old").exists()


def test_a_removed_folder_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / ".a.doomed" / "b").mkdir(parents=True)  # an earlier removal that was killed
    remove_folder(tmp_path / "a")
    assert names(tmp_path) == []


def test_files_of_a_killed_program_are_removed_by_the_next(tmp_path):
    (tmp_path / ".run.new").mkdir()
    (tmp_path / ".run.new" / "half").write_text("x")
    fill(tmp_path / "run", "one")
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["file"]


def test_only_one_program_replaces_a_folder_at_a_time(tmp_path):
    with replace_folder(tmp_path / "out") as folder:
        (folder / "first").write_text("1")
        with (
            pytest.raises(FolderError, match=r"out is being written by another program\n  Wait"),
            replace_folder(tmp_path / "out"),
        ):
            pass
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_of_a_killed_program_are_not_part_of_the_new_folder(tmp_path):
    (tmp_path / ".out.new" / "scratch").mkdir(parents=True)
    (tmp_path / ".out.new" / "half").write_text("")
    with replace_folder(tmp_path / "out") as folder:
        (folder / "whole").write_text("1")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["whole"]
