"""Output that survives what ends a program."""

import json
import os

import pytest

from nmt.cli.output import find_resume_point, get_partial_path, write_in_parts
from nmt.errors import DataError, FolderError, UsageError


def write(path, *lines, size=0):
    with write_in_parts(path, size) as file:
        for line in lines:
            if line is None:
                raise KeyboardInterrupt
            file.write(line)
            file.flush()


def first_field(line):
    return int(line.split()[0])


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "out"
    path.write_text("old\n")
    with write_in_parts(path) as file:
        file.write(b"new\n")
        assert path.read_text() == "old\n"
    assert path.read_text() == "new\n"
    assert os.listdir(tmp_path) == ["out"]


def test_an_interruption_keeps_the_written_lines_in_the_partial_file(tmp_path):
    path = tmp_path / "out"
    path.write_text("old\n")
    with pytest.raises(KeyboardInterrupt):
        write(path, b"one\n", b"two\n", None)
    assert (path.read_text(), get_partial_path(path).read_text()) == ("old\n", "one\ntwo\n")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "other", None)
    assert sorted(os.listdir(tmp_path)) == ["out", "out.part"]


def test_writing_keeps_symbolic_links_and_pipes(tmp_path):
    (tmp_path / "real").write_text("old\n")
    (tmp_path / "link").symlink_to("real")
    write(tmp_path / "link", b"new\n")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "real").read_text()) == (True, "new\n")
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write(tmp_path / "pipe", b"through\n")
    assert os.read(reader, 99) == b"through\n"
    os.close(reader)
    with pytest.raises(
        UsageError, match="pipe is not a file, so writing to it cannot be resumed\n  Leave out --resume-output"
    ):
        find_resume_point([tmp_path / "pipe"], None)


def test_two_programs_cannot_write_the_same_file(tmp_path):
    with write_in_parts(tmp_path / "out"), pytest.raises(FolderError, match="is being written by another program"):
        write(tmp_path / "out", b"x\n")


@pytest.mark.parametrize(
    ("part", "links", "index", "done", "kept"),
    [
        (b"a\nb\n", None, None, 2, b"a\nb\n"),
        (b"a\nb\nc", None, None, 2, b"a\nb\n"),  # the last line was cut
        (b"", None, None, 0, b""),
        (b"a\nb\nc\n", b"x\ny\n", None, 2, b"a\nb\n"),  # links were behind
        (b"a\n", b"x\ny\nz", None, 1, b"a\n"),
        (b"0 a\n0 b\n1 c\n2 d\n2 e\n", None, first_field, 2, b"0 a\n0 b\n1 c\n"),  # line 2 may have had more
        (b"0 a\n0 b\n1 c\n2 d\n", b"x\nx\n", first_field, 0, b""),  # links of line 0 may have been more
        (b"0 a\n0 b\n1 c\n2 d\n", b"x\nx\nx\n", first_field, 1, b"0 a\n0 b\n"),
        (b"0 a\n0 b", None, first_field, 0, b""),
    ],
)
@pytest.mark.parametrize("place", ["part", "whole"])
def test_resuming_keeps_the_lines_that_all_files_cover(tmp_path, part, links, index, done, kept, place):
    paths = [tmp_path / "out", tmp_path / "links"][: 1 if links is None else 2]
    for path, content in zip(paths, [part, links], strict=False):
        (get_partial_path(path) if place == "part" else path).write_bytes(content)
    got, sizes = find_resume_point(paths, index)
    assert got == done
    for path, size in zip(paths, sizes, strict=True):
        assert get_partial_path(path).read_bytes()[:size].count(b"\n") == kept.count(b"\n")
        write(path, b"more\n", size=size)
    assert paths[0].read_bytes() == kept + b"more\n"


def test_without_resuming_the_partial_file_is_overwritten(tmp_path):
    get_partial_path(tmp_path / "out").write_text("left\n")
    write(tmp_path / "out", b"new\n")
    assert (os.listdir(tmp_path), (tmp_path / "out").read_text()) == (["out"], "new\n")


def test_a_missing_file_starts_all_files_from_the_beginning(tmp_path):
    (tmp_path / "out").write_text("a\nb\n")
    assert find_resume_point([tmp_path / "out", tmp_path / "links"], None) == (0, [0, 0])
    assert os.listdir(tmp_path) == ["out"]


def test_lines_without_an_index_cannot_be_resumed(tmp_path):
    (tmp_path / "out").write_text('{"index": 0}\n{"text": 1}\n')
    with pytest.raises(DataError, match=r"out, line 2 has no index, so writing to it cannot be resumed\n"):
        find_resume_point([tmp_path / "out"], lambda line: json.loads(line)["index"])
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == '{"index": 0}\n{"text": 1}\n'
