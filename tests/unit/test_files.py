"""Files and folders are replaced completely or not at all."""

import errno
import hashlib
import os
import re
import resource
import stat
from contextlib import suppress
from unittest.mock import Mock

import pytest

from nmt.errors import FolderError
from nmt.files import (
    FileSystemWarning,
    hash_file,
    locate_folder,
    recover_folder,
    remove_folder,
    remove_leftovers,
    replace_folder,
    write_atomically,
)


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


@pytest.fixture
def home(tmp_path):
    """A folder of somebody else's files, which a planted link points to."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "precious").write_text("kept")
    return home


@pytest.mark.parametrize("name", [".mine.new", ".mine.old"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_planted_link_is_named_and_never_followed(tmp_path, home, name, is_there):
    if is_there:
        fill(tmp_path / "mine", "one")
    (tmp_path / name).symlink_to(home)
    message = (
        f"{re.escape(str(tmp_path / name))} is in the way: .*it is a symbolic link\n  See who made it, and remove it"
    )
    with pytest.raises(FolderError, match=message):
        fill(tmp_path / "mine", "two")
    recover_folder(tmp_path / "mine")
    assert locate_folder(tmp_path / "mine") == tmp_path / "mine"
    assert (home / "precious").read_text() == "kept"
    assert names(tmp_path) == sorted(["home", name, *["mine"] * is_there])
    (tmp_path / name).unlink()
    fill(tmp_path / "mine", "two")
    assert (tmp_path / "mine" / "file").read_text() == "two"


def test_a_folder_of_another_user_is_named_and_left(tmp_path, monkeypatch):
    (tmp_path / ".mine.new").mkdir()
    (tmp_path / ".mine.new" / "theirs").write_text("kept")
    lstat = os.lstat
    theirs = Mock(st_uid=os.geteuid() + 1, st_mode=lstat(tmp_path).st_mode)
    monkeypatch.setattr(
        os, "lstat", lambda path, **more: theirs if path == tmp_path / ".mine.new" else lstat(path, **more)
    )
    with pytest.raises(FolderError, match="it is not a folder of yours"):
        fill(tmp_path / "mine", "one")
    assert names(tmp_path / ".mine.new") == ["theirs"]


def test_what_a_killed_program_left_is_replaced_and_its_links_are_not_followed(tmp_path, home):
    (tmp_path / ".mine.new" / "old").mkdir(parents=True)
    (tmp_path / ".mine.new" / "link").symlink_to(home)
    fill(tmp_path / "mine", "one")
    assert names(tmp_path / "mine") == ["file"]
    assert names(home) == ["precious"]


@pytest.mark.parametrize("name", [".update-000005.doomed", "update-000005"])
def test_removing_a_folder_follows_no_link(tmp_path, home, name):
    (tmp_path / name).symlink_to(home)
    if name != "update-000005":
        (tmp_path / "update-000005").mkdir()
        with pytest.raises(FolderError, match="is a symbolic link"):
            remove_folder(tmp_path / "update-000005")
    else:
        with pytest.raises(OSError, match=r"symbolic link|Not a directory|Is a directory"):
            remove_folder(tmp_path / name)
    assert names(home) == ["precious"]


def test_a_link_with_the_temporary_name_of_a_file_is_not_followed(tmp_path, home):
    (tmp_path / ".file.tmp").symlink_to(home / "precious")
    with write_atomically(tmp_path / "file") as file:
        file.write("one")
    assert (home / "precious").read_text() == "kept"
    assert (tmp_path / "file").read_text() == "one"


def test_what_killed_programs_left_in_a_run_is_removed(tmp_path, home):
    kept = ["last", "log.jsonl", ".notes", "new", "best/graphs"]
    removed = [".last.new", ".update-000005.doomed", ".last.old", "last/.graphs.new", "best/.graphs.old"]
    for name in (*kept, *removed, ".update-000004.old"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    for name in (".curve.png.123.tmp", ".log.jsonl.tmp", "last/.checkpoint.json.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".best.new").symlink_to(home)
    os.mkfifo(tmp_path / ".best.json.tmp")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == sorted([".notes", "best", "home", "last", "log.jsonl", "new", "update-000004"])
    assert (names(tmp_path / "last"), names(tmp_path / "best")) == (["file"], ["graphs"])
    assert names(home) == ["precious"]


def test_what_another_program_writes_at_present_is_not_removed(tmp_path):
    (tmp_path / "best").mkdir()
    with replace_folder(tmp_path / "best" / "graphs"), write_atomically(tmp_path / "log") as file:
        file.write("one")
        remove_leftovers(tmp_path)
    assert names(tmp_path / "best") == ["graphs"]
    assert (tmp_path / "log").read_text() == "one"


def test_a_file_that_a_killed_program_left_unfinished_is_replaced(tmp_path):
    (tmp_path / ".page.html.tmp").write_text("<ht")
    with write_atomically(tmp_path / "page.html") as file:
        file.write("<html>")
    assert names(tmp_path) == ["page.html"]
    assert (tmp_path / "page.html").read_text() == "<html>"


def test_only_one_program_writes_a_file_at_a_time(tmp_path):
    message = re.escape(f"{tmp_path}/page.html is being written by another program\n  Wait until it ends")
    with write_atomically(tmp_path / "page.html") as file:
        file.write("one")
        with pytest.raises(FolderError, match=message), write_atomically(tmp_path / "page.html"):
            pass
    assert (tmp_path / "page.html").read_text() == "one"
    assert names(tmp_path) == ["page.html"]


def test_an_error_of_the_disk_has_the_name_of_what_was_written(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        for mode, content in (("w", "ä" * 6_000), ("wb", bytes(12_000))):
            with (
                pytest.raises(OSError, match="page") as found,
                write_atomically(tmp_path / "page.html", mode) as file,
            ):
                file.write(content)
            assert found.value.filename == f"{tmp_path}/page.html"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(OSError, match="space") as found, write_atomically(tmp_path / "page.html"):
        raise OSError(errno.ENOSPC, "No space left on device")  # of another file
    assert found.value.filename is None
    with pytest.raises(OSError, match="best") as found, replace_folder(tmp_path / "best"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert found.value.filename == f"{tmp_path}/best"
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_gets_a_warning(tmp_path, monkeypatch, code):
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(code, os.strerror(code))))
    with pytest.warns(FileSystemWarning, match="has no locks: make sure that no other program writes the same folder"):
        fill(tmp_path / "run", "one")
    assert (tmp_path / "run" / "file").read_text() == "one"


def test_another_error_of_a_lock_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        fill(tmp_path / "run", "one")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_folders_gets_a_warning(tmp_path, monkeypatch, code):
    fsync = os.fsync

    def sync(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.warns(FileSystemWarning, match="cannot sync folders: a power failure may undo what was written last"):
        fill(tmp_path / "run", "one")
    assert (tmp_path / "run" / "file").read_text() == "one"
