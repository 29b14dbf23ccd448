"""Links and special files that somebody put where a command reads or writes: nothing outside is touched."""

import errno
import os
import shutil
from unittest.mock import Mock

import pytest

SMALL = [
    *("--set", "model.embedding_size=16", "--set", "model.encoder_size=16", "--set", "model.decoder_size=32"),
    *("--set", "model.attention_size=16", "--set", "model.readout_size=16", "--set", "train.max_tokens=100"),
]


@pytest.fixture
def home(tmp_path):
    """A folder with somebody's file."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("kept")
    yield tmp_path / "home"
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["precious"]
    assert (tmp_path / "home" / "precious").read_text() == "kept"


@pytest.fixture
def train(run_nmt, tiny_prepared, tmp_path):
    run = tmp_path / "run"
    return lambda *words: run_nmt("train", "--data", tiny_prepared, "--out", run, "--device", "cpu", *SMALL, *words)


def test_prepare_follows_no_planted_link(run_nmt, tiny_corpus, tmp_path, home):
    (tmp_path / ".mine.new").symlink_to(home)
    splits = ["--train", tiny_corpus / "train", "--valid", tiny_corpus / "valid"]
    words = [
        "prepare",
        *splits,
        "--source-lang",
        "a",
        "--target-lang",
        "b",
        "--out",
        tmp_path / "mine",
        "--vocab-size",
        "296",
    ]
    done = run_nmt(*words)
    assert done.code == 2
    assert f"{tmp_path}/.mine.new is in the way: its name is needed for a temporary folder" in done.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", [".last.new", ".best.old", "curve.png", "log.jsonl", "events", "settings.toml"])
@pytest.mark.parametrize("target", ["precious", "."])
def test_training_writes_through_no_link_in_its_run(train, tmp_path, home, name, target):
    assert train("--max-updates", "1").code == 0
    link = tmp_path / "run" / name
    if link.is_dir():
        shutil.rmtree(link)
    elif name == "settings.toml":
        link.rename(tmp_path / "elsewhere")  # a link to the file itself is read, and not written through
        home = tmp_path
        target = "elsewhere"
    else:
        link.unlink(missing_ok=True)
    link.symlink_to(home / target)
    done = train("--resume", "--max-updates", "2")
    assert done.code == 2
    assert f"{link} is a symbolic link, and writing to it would change another file\n  Remove the link" in done.stderr


@pytest.mark.parametrize("name", ["source.model", "best/checkpoint.json", "last/weights.safetensors", "log.jsonl"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_special_file_in_a_run_is_named_and_not_read(run_nmt, train, tmp_path, name, kind):
    assert train("--max-updates", "1").code == 0
    path = tmp_path / "run" / name
    path.unlink()
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    for words in ["inspect", tmp_path / "run"], ["translate", "--model", tmp_path / "run"]:
        done = run_nmt(*words, stdin="ba\n")
        assert (done.code, done.stdout) == (2, "")
        assert done.stderr == f"nmt: error: {path} is not a regular file\n  Remove it, or restore the file\n"


def test_outputs_and_shortlists_follow_no_planted_link(run_nmt, reverser, tiny_prepared, tmp_path, home):
    (tmp_path / "out.part").symlink_to(home / "precious")
    done = run_nmt("translate", "--model", reverser, "--output", tmp_path / "out", stdin="ba\n")
    assert (done.code, f"{tmp_path}/out.part is a symbolic link" in done.stderr) == (2, True)
    run = shutil.copytree(reverser, tmp_path / "run")
    (run / "shortlist.safetensors").symlink_to(home / "precious")
    done = run_nmt("shortlist", "--data", tiny_prepared, "--out", run)
    assert (done.code, f"{run}/shortlist.safetensors is a symbolic link" in done.stderr) == (2, True)


@pytest.mark.filterwarnings("default")
def test_training_goes_on_where_files_cannot_be_locked(train, monkeypatch):
    monkeypatch.setattr("fcntl.flock", Mock(side_effect=OSError(errno.ENOLCK, "No locks available")))
    done = train("--max-updates", "1")
    assert done.code == 0, done.stderr
    text = "nmt: warning: this file system has no locks: make sure that no other program writes the same folder\n"
    assert done.stderr.count(text) == 1


def test_training_removes_what_a_killed_program_left(train, tmp_path):
    assert train("--max-updates", "1").code == 0
    (tmp_path / "run" / ".update-000001.doomed").mkdir()
    (tmp_path / "run" / ".log.jsonl.7.tmp").touch()
    assert train("--resume", "--max-updates", "2").code == 0
    assert not [path for path in (tmp_path / "run").iterdir() if path.name.startswith(".")]
