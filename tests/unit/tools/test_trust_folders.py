"""The tools that damage folders, read hostile ones, kill commands and fill disks, in short: they find faults."""

import json
import re
import shutil
import subprocess
import sys
from random import Random
from unittest.mock import Mock

import pytest
from support.tools import TOOLS, load_tool

from nmt.errors import DamageError

damage, kills, tiny = load_tool("trust/damage"), load_tool("trust/kills"), load_tool("trust/tiny")


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
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith("3 of ")
    assert done.stdout.endswith(" 0 traceback\n")


def run_tool(name, *words):
    command = [sys.executable, TOOLS / "trust" / name, *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="it kills commands as Linux does")
def test_killed_commands_continue_to_the_same_files():
    done = run_tool("kills.py", "--kills", "6", "--seed", "5", "--jobs", "train", "resume", "average", "shortlist")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert re.fullmatch(
        r"6 kills \([1-9] at file-system calls, [0-9] in writes, [1-9] at random instants\): "
        "0 unloadable, 0 different, 0 litter, 0 tracebacks\n",
        done.stdout,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="it mounts a file system as Linux does")
def test_full_disks_end_in_messages_that_work():
    done = run_tool("full_disk.py", "--tries", "6", "--seed", "2", "--jobs", "average", "shortlist")
    if done.returncode == 3:
        pytest.skip("the tests may mount no file system (Debian: run them as root)")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    counts = "0 unclear, 0 changed, 0 unloadable, 0 different, 0 litter, 0 tracebacks"
    assert re.fullmatch(f"6 disks: [0-5] fitting, [1-6] messages; {counts}\n", done.stdout)


@pytest.fixture
def trial(tmp_path):
    """A trial in a folder with a log and a checkpoint."""
    (tmp_path / "run" / "last").mkdir(parents=True)
    (tmp_path / "run" / "log.jsonl").write_text('{"update": 1, "seconds": 0.5, "loss": 2}\n')
    (tmp_path / "run" / "last" / "checkpoint.json").write_text('{"update": 1, "place": {"seconds": 3.5, "batch": 7}}')
    return kills.Trial(kills.JOBS["resume"], Mock(work=tmp_path))


def test_only_times_may_differ_after_a_kill(trial, tmp_path):
    expected = kills.read_files(tmp_path)
    for path in (tmp_path / "run" / "log.jsonl", tmp_path / "run" / "last" / "checkpoint.json"):
        path.write_text(path.read_text().replace(".5", ".75"))
    trial.compare(expected)
    assert trial.faults == []
    facts = {"update": 1, "place": {"seconds": 3.5, "batch": 8}}
    (tmp_path / "run" / "last" / "checkpoint.json").write_text(json.dumps(facts))
    (tmp_path / "run" / "log.jsonl").unlink()
    trial.compare(expected)
    assert trial.faults == [("different", "run/last/checkpoint.json, run/log.jsonl")]


@pytest.mark.parametrize("name", ["run/.last.old", "out.part", ".page.html.tmp", "run/best/.graphs-int8.new"])
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_a_kill_leaves_is_litter(trial, tmp_path, name, is_folder):
    expected = kills.read_files(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).mkdir() if is_folder else (tmp_path / name).touch()
    trial.compare(expected)
    assert trial.faults == [("litter", name)]


@pytest.mark.parametrize(
    ("code", "stderr", "is_alone", "faults"),
    [
        (0, "", True, []),
        (-9, kills.STARTING + "EOFError", True, []),
        (2, "nmt: error: no", True, []),
        (1, "", True, ["tracebacks"]),
        (0, "Traceback (most recent call last):\n  File nmt", False, ["tracebacks", "litter"]),
    ],
)
def test_errors_and_processes_that_go_on_are_found(trial, code, stderr, is_alone, faults):
    trial.place.run.return_value = kills.Ended(code, stderr, 0, 0.0, is_alone)
    trial.run("train")
    assert [fault for fault, _ in trial.faults] == faults


@pytest.mark.parametrize(
    ("codes", "ran", "faults"),
    [
        ([(0, "")], ["resume"], []),
        ([(2, "nmt: error: x has no checkpoint\n  Train again without --resume"), (0, "")], ["resume", "train"], []),
        ([(2, "nmt: error: x does not exist"), (2, "nmt: error: no")], ["resume", "train"], ["unloadable"]),
        ([(2, "nmt: error: half already holds a run")], ["resume"], []),
        ([(2, "nmt: error: damaged")], ["resume"], ["unloadable"]),
    ],
)
def test_the_advice_of_a_message_is_followed(trial, codes, ran, faults):
    trial.job = kills.Job("train", "resume", "half")
    trial.place.run.side_effect = [kills.Ended(code, stderr, 0, 0.0, True) for code, stderr in codes]
    trial.follow()
    assert [call.args[0] for call in trial.place.run.call_args_list] == ran
    assert [fault for fault, _ in trial.faults] == faults
