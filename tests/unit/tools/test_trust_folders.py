"""The tools that damage folders and read hostile ones: short, seeded versions of them, and that they find faults."""

import shutil
import subprocess
import sys
from random import Random

import pytest
from support.tools import TOOLS, load_tool

from nmt.errors import DamageError

damage, tiny = load_tool("trust/damage"), load_tool("trust/tiny")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The tiny prepared folder and the tiny run."""
    return tiny.make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(("number", "read"), [(0, tiny.read_prepared), (1, tiny.read_whole_run)])
def test_no_damage_is_silent_and_none_ends_in_a_traceback(folders, tmp_path, number, read):
    folder = shutil.copytree(folders[number], tmp_path / "copy")
    found = list(damage.damage_folder(folder, read, 3, Random(number)))
    assert len({path for path, *_ in found}) >= 12
    assert [one for one in found if one[2] in ("silent", "traceback")] == []
    assert read(folder) == read(folders[number])  # mended again


def test_what_nobody_finds_is_silent(folders, tmp_path):
    folder = shutil.copytree(folders[1], tmp_path / "copy")
    facts = tiny.read_whole_run(folder)

    def fail(path):
        raise DamageError(f"{path} is damaged")

    def crash(path):
        raise KeyError(path)

    assert damage.find_outcome(folder, lambda path: facts, facts) == ("same", "")
    assert damage.find_outcome(folder, lambda path: {}, facts)[0] == "silent"
    assert damage.find_outcome(folder, fail, facts)[0] == "silent"
    assert damage.find_outcome(folder, crash, facts)[0] == "traceback"


@pytest.mark.parametrize("content", [b"", b"a", b"abc" * 9])
def test_every_byte_is_flipped_and_cut(content):
    names = [name for name, _ in damage.list_damages(content, 0, Random(1))]
    assert names[:-20] == [f"{kind} at {place}" for place in range(len(content)) for kind in ("flip", "cut")]
    assert all(damaged != content for _, damaged in damage.list_damages(content, 0, Random(1)))


@pytest.mark.skipif(sys.platform != "linux", reason="it measures memory as Linux does")
def test_hostile_folders_end_in_messages():
    command = [sys.executable, TOOLS / "trust" / "hostile_folders.py", "--sample", "3", "--seed", "4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("3 of ")
    assert done.stdout.endswith(" 0 traceback\n")
