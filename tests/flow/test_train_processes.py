"""nmt train in several processes: what one writes, and what happens when one of them fails or all are interrupted."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from unittest.mock import Mock, call

import pytest
import torch
from safetensors.torch import load_file
from support.fixtures import ROOT, Done
from support.processes import wait_until
from support.together import fail

from nmt.errors import DataError, Option
from nmt.progress import Progress
from nmt.training import launch

SMALL = [
    *("--set", "model.embedding_size=16", "--set", "model.encoder_size=16", "--set", "model.decoder_size=32"),
    *("--set", "model.attention_size=16", "--set", "model.readout_size=16", "--set", "train.max_tokens=100"),
    *("--set", "train.accumulate=9", "--set", "train.validate_every=4", "--set", "train.warmup=4"),
    *("--precision", "float32", "--device", "cpu"),
]


@pytest.fixture
def train(run_nmt, tiny_prepared):
    """`train(out, words…)`: nmt train on the toy corpus."""
    return lambda out, *words: run_nmt("train", "--data", tiny_prepared, "--out", out, *words)


@pytest.fixture
def start(tiny_prepared):
    """`start(out, words…)`: nmt train on the toy corpus, in a program of its own."""

    def start(out, *words):
        command = [sys.executable, "-m", "nmt", "train", "--data", tiny_prepared, "--out", out, *words]
        return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return start


def finish(program):
    """What a program has left behind at its end."""
    stdout, stderr = program.communicate(timeout=100)
    return Done(program.returncode, stdout, stderr)


def find_workers(program):
    """The processes that a program has spawned to work, in the order of their start."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True).stdout
    found = (line.split(maxsplit=2) for line in listed.splitlines())
    return sorted(int(pid) for pid, parent, words in found if int(parent) == program.pid and "spawn_main" in words)


def saved_update(run):
    """The update of the last checkpoint, also while it is replaced; 0 if there is none."""
    try:
        return json.loads((run / "last" / "checkpoint.json").read_text())["update"]
    except FileNotFoundError:
        return 0


def validations(run):
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [(r["update"], r["perplexity"], r["bleu"]) for r in records if r["kind"] == "valid"]


def test_killed_interrupted_and_resumed_training_is_that_of_one_go(train, start, tiny_prepared, tmp_path):
    run, whole = tmp_path / "run", tmp_path / "whole"
    program = start(run, *SMALL, "--max-epochs", "1000", "--processes", "2")
    wait_until(lambda: saved_update(run), program)
    os.kill(find_workers(program)[1], signal.SIGKILL)
    done = finish(program)
    saved = saved_update(run)
    assert (done.code, done.stdout) == (2, ""), done.stderr
    assert done.stderr.endswith(
        "nmt: error: process 2 of 2 (rank 1) was ended by SIGKILL, and training has ended\n"
        "  The system kills a process when memory runs out\n"
        f"  Update {saved} is saved: to continue from it, use --resume\n"
    )
    assert done.stderr.count("Traceback") == 0
    assert "cpu (1 thread), float32, each of 2 processes\n" in done.stderr

    program = start(run, "--resume", "--device", "cpu", "--processes", "2")
    wait_until(lambda: saved_update(run) > saved, program)
    program.send_signal(signal.SIGINT)
    done = finish(program)
    saved = saved_update(run)
    again = f"nmt train --data {tiny_prepared} --out {run} --resume --device cpu --processes 2"
    assert done.stderr.endswith(f"nmt: error: interrupted: update {saved} is saved\n  To continue: {again}\n")
    assert (done.code, done.stderr.count("error: ")) == (130, 1)
    assert not find_workers(program)

    last = saved - saved % 4 + 4
    done = train(run, "--resume", "--processes", "2", "--max-updates", last, "--max-epochs", "0")
    assert (done.code, "dropout draws" in done.stderr) == (0, False), done.stderr
    done = train(whole, *SMALL, "--max-updates", last, "--max-epochs", "0", "--processes", "2")
    assert done.code == 0, done.stderr
    for name in ("weights.safetensors", "training.safetensors"):
        expected, got = (load_file(one / "last" / name) for one in (whole, run))
        assert expected.keys() == got.keys()
        for key, tensor in expected.items():
            assert torch.equal(tensor, got[key]), key
    assert {"random.cpu", "random.cpu.1"} <= got.keys()
    assert not torch.equal(got["random.cpu"], got["random.cpu.1"])
    assert validations(run) == validations(whole)
    assert (run / "best" / "weights.safetensors").read_bytes() == (whole / "best" / "weights.safetensors").read_bytes()
    assert {"events", "curve.png", "best", "last"} <= {path.name for path in run.iterdir()}

    done = train(run, "--resume", "--max-updates", last + 1)
    assert done.code == 0
    assert "trained by 2 processes before, and by 1 now: the batches stay the same, " in done.stderr
    assert "random.cpu.1" not in load_file(run / "last" / "training.safetensors")


KILLED = """
import os, signal, threading, time

def die_when(path):
    while not os.path.exists(path):
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)

if (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
    threading.Thread(target=die_when, args=({path!r},), daemon=True).start()
"""


def test_torchrun_restarts_a_training_that_continues(tiny_prepared, tmp_path):
    """A module that is imported kills one process of the first attempt."""
    run, module = tmp_path / "run", tmp_path / "killed.py"
    module.write_text(KILLED.format(path=str(run / "last")))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--max-restarts", "1"]
    words = ["train", "--data", tiny_prepared, "--out", run, *SMALL, "--max-updates", "8", "--import", module]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *torchrun, "-m", "nmt", *map(str, words)]
    done = subprocess.run(command, capture_output=True, env=env, cwd=ROOT, timeout=200)
    text = done.stderr.decode()
    assert done.returncode == 0, text
    assert text.count("1,000 pairs") == 2  # one of two processes writes, in each of two attempts
    assert "\ncontinues after update " in text
    assert text.count("nmt: error: ") == 1
    assert "Traceback" not in text
    assert text.splitlines()[-1] == f"stopped: 8 updates are done; {run} is ready to translate"


def test_an_error_of_one_process_is_raised_and_ends_the_others(monkeypatch, tmp_path):
    monkeypatch.setattr(launch, "GRACE_SECONDS", 0.5)
    shown = Mock(Progress)
    with pytest.raises(DataError) as caught:
        launch.run_in_processes(fail, 2, "cpu", shown, tmp_path)
    assert caught.value.args == ("a pair is wrong: ", Option("beam", 3))
    assert shown.note.mock_calls == [call("rank 0 is heard")]
    assert not multiprocessing.active_children()
