"""Processes that train together: devices, failures and what is reported, without training."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from support.runs import REVERSER
from torch.distributed import HashStore

from nmt.checkpoint import read_run
from nmt.data.prepared import PreparedCorpus
from nmt.errors import (
    DataError,
    FolderError,
    NmtError,
    Option,
    PeerError,
    TrainingError,
    TrainingInterrupted,
    UsageError,
)
from nmt.progress import Progress
from nmt.settings import ModelSettings
from nmt.training import distributed, launch
from nmt.training.distributed import ALONE, Group, choose_device_type, is_first_to_fail, is_restarted
from nmt.training.launch import ProcessDeathError, RemoteProgress, choose_error, make_picklable, replay
from nmt.training.random_states import restore_random_states, seed_process
from nmt.training.run import is_run_of, start_run

LOST = PeerError("lost")
KILLED = ProcessDeathError("process 2 of 2 (rank 1) was ended by SIGKILL", -9)


def use_gpus(monkeypatch, count):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.mark.parametrize(
    ("device", "processes", "gpus", "expected"),
    [("auto", 2, 0, "cpu"), ("auto", 2, 2, "cuda"), ("cpu", 9, 2, "cpu"), ("cuda", 4, 8, "cuda")],
)
def test_each_process_has_a_gpu_of_its_own_or_all_share_the_cpu(monkeypatch, device, processes, gpus, expected):
    use_gpus(monkeypatch, gpus)
    assert choose_device_type(device, processes) == expected


@pytest.mark.parametrize(
    ("device", "gpus", "message"),
    [
        ("auto", 2, "3 processes need 3 GPUs, and this machine has 2\n  Use processes=2, or device='cpu'"),
        ("cuda", 0, "3 processes need 3 GPUs, and this machine has 0\n  Use device='cpu'"),
        (
            *("cuda:1", 4),
            "device='cuda:1' is one GPU, and each of 3 processes needs its own\n"
            "  Use device='cuda'; $CUDA_VISIBLE_DEVICES chooses which GPUs it has",
        ),
        ("tpu", 0, "device='tpu' cannot be used here\n  The devices of this machine are auto, cpu"),
    ],
)
def test_devices_that_processes_cannot_share(monkeypatch, device, gpus, message):
    use_gpus(monkeypatch, gpus)
    with pytest.raises(UsageError) as caught:
        choose_device_type(device, 3)
    assert str(caught.value) == message


def test_torchrun_starts_the_processes_itself(monkeypatch, run_nmt, tiny_prepared, tmp_path):
    variables = {"RANK": 0, "LOCAL_RANK": 0, "WORLD_SIZE": 4, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    assert not is_restarted()
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert is_restarted()
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", "--processes", "2")
    assert (done.code, done.stderr) == (
        2,
        "nmt: error: --processes 2 cannot be used with torchrun, which has started 4 processes\n"
        "  Leave it out, or train without torchrun\n",
    )


def test_more_processes_than_cores_are_noted(monkeypatch, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(*_):
        raise StoppedError

    notes = []
    shown = Progress()
    shown.note = notes.append
    monkeypatch.setattr(launch.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(launch, "Launch", stop)
    for processes in (2, 3):
        with pytest.raises(StoppedError):
            launch.run_in_processes(print, processes, "cpu", shown, tmp_path)
    assert notes == ["3 processes share 2 cores and wait for each other: 2 would train faster"]


@pytest.mark.parametrize(
    ("failures", "interrupts", "saved", "expected"),
    [
        # An error is the one that a single process would have raised; that of rank 0 comes first
        ([(1, DataError("b")), (0, LOST)], 0, 7, DataError("b")),
        ([(1, DataError("b")), (0, DataError("a"))], 0, 7, DataError("a")),
        ([(2, DataError("c")), (1, DataError("b"))], 0, None, DataError("c")),
        ([(0, TrainingInterrupted(4)), (1, TrainingInterrupted(None))], 1, 7, TrainingInterrupted(4)),
        # Signals before training began, or the second of two
        ([(0, KILLED)], 1, None, TrainingInterrupted(None)),
        ([(0, LOST), (1, LOST)], 2, 7, TrainingInterrupted(7)),
        (
            [(0, LOST), (1, KILLED)],
            *(0, 1200),
            TrainingError(
                "process 2 of 2 (rank 1) was ended by SIGKILL, and training has ended\n"
                "  The system kills a process when memory runs out\n"
                "  Update 1,200 is saved: to continue from it, use ",
                Option("resume", True),
            ),
        ),
        (
            [(0, ProcessDeathError("process 1 of 3 (rank 0) was ended with exit code 3", 3)), (1, LOST)],
            *(0, None),
            TrainingError(
                "process 1 of 3 (rank 0) was ended with exit code 3, and training has ended\n"
                "  Nothing is saved yet: train again"
            ),
        ),
        (
            [(0, LOST), (1, LOST)],
            *(0, None),
            TrainingError(
                "the processes have lost their connections, and training has ended\n  Nothing is saved yet: train again"
            ),
        ),
    ],
)
def test_one_error_explains_why_training_ended(monkeypatch, tmp_path, failures, interrupts, saved, expected):
    monkeypatch.setattr(launch, "find_saved_update", {tmp_path: saved}.__getitem__)
    error = choose_error(SimpleNamespace(failures=failures, interrupts=interrupts), tmp_path)
    assert (type(error), error.args) == (type(expected), expected.args)


def report_failures(store, ranks):
    """Which of some ranks, that fail at the same time, are the ones to report why."""
    found = {}
    threads = [
        threading.Thread(target=lambda rank=rank: found.update({rank: is_first_to_fail(store, rank)})) for rank in ranks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [rank for rank in ranks if found[rank]]


def test_one_process_reports_a_failure_and_rank_0_if_it_fails_too(monkeypatch):
    monkeypatch.setattr(distributed, "MAIN_REPORTS_WITHIN", distributed.timedelta(seconds=0.3))
    assert report_failures(HashStore(), [2, 1, 0]) == [0]
    store = HashStore()
    assert len(report_failures(store, [3, 1])) == 1
    assert report_failures(store, [0, 2]) == []


def test_a_restarted_process_continues_only_its_own_run(reverser, tiny_prepared, tiny_corpus, tmp_path):
    from nmt import prepare

    corpus = PreparedCorpus.open(tiny_prepared)
    assert is_run_of(reverser, corpus, REVERSER)
    assert not is_run_of(reverser, corpus, REVERSER.model_copy(update={"model": ModelSettings(attention="luong-dot")}))
    assert not is_run_of(tmp_path, corpus, REVERSER)
    splits = {"train": tiny_corpus / "valid", "valid": tiny_corpus / "test"}
    prepare(**splits, out=tmp_path / "other", source_lang="a", target_lang="b", vocab_size=290)
    other = PreparedCorpus.open(tmp_path / "other")
    assert not is_run_of(reverser, other, REVERSER)

    class OnAnotherHost(Group):
        def share(self, compute):
            return read_run(reverser)

    with pytest.raises(FolderError) as caught:
        start_run(other, tmp_path / "run", REVERSER, torch.device("cpu"), OnAnotherHost(3, 4))
    assert str(caught.value) == (
        f"{other.path} on the host of rank 3 is another corpus than on that of rank 0\n"
        "  Copy the prepared folder of rank 0 to the other hosts"
    )
    assert not (tmp_path / "run").exists()


class Recorder(Progress):
    """Keeps what it receives, and counts what is tracked."""

    def __init__(self):
        self.received = []

    def note(self, text):
        self.received.append(text)

    def record(self, record):
        self.received.append(record["kind"])

    def track(self, items, title, total=None, unit="it"):
        self.received.append((title, total, unit))
        for item in items:
            self.received.append("item")
            yield item


def test_what_another_process_reports_is_reported_here_in_the_same_order():
    def report(progress):
        progress.note("one")
        progress.record({"kind": "begin"})
        for item in progress.track("ab", "validation", 2, "lines"):
            progress.note(item)
        for _ in progress.track([], "nothing"):
            pass
        progress.record({"kind": "end"})

    messages, here, there = [], Recorder(), Recorder()
    report(here)
    report(RemoteProgress(messages.append))
    replay(iter(messages), there)
    assert there.received == here.received
    cut = Recorder()
    replay(iter(messages[:5]), cut)  # the process was killed
    assert cut.received == [*here.received[:5], "end"]
    with pytest.warns(UserWarning, match="no locks"):
        replay(iter([("warning", UserWarning("no locks"))]), cut)


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(one)


def test_an_error_that_cannot_be_sent_is_sent_as_text():
    import pickle

    for error in (OddError(1, 2), NmtError("a ", Option("beam", 3)), OSError(28, "disk full", "/tmp/x")):
        got = pickle.loads(pickle.dumps(make_picklable(error)))
        if isinstance(error, OddError):
            assert (type(got), "OddError: 1" in str(got)) == (RuntimeError, True)
        else:
            assert (type(got), got.args) == (type(error), error.args)


def test_a_group_of_one_changes_nothing():
    numbers_2 = torch.tensor([1.0, 2.0])
    ALONE.add([numbers_2])
    assert (numbers_2.tolist(), ALONE.gather("a"), ALONE.share(lambda: "b")) == ([1.0, 2.0], ["a"], "b")
    assert (ALONE.agree(True, 1.5), ALONE.agree(False, 2.5)) == ((True, 1.5), (False, 2.5))
    layer = torch.nn.Linear(2, 2)
    ALONE.add_gradients(layer)
    assert layer.weight.grad is None


def test_processes_draw_different_numbers_that_a_seed_repeats():
    draws = Counter()
    with torch.random.fork_rng([]):
        for rank in (0, 1, 2):
            for seed, update in ((1, 0), (2, 0), (1, 5)):
                for _ in range(2):
                    torch.manual_seed(seed)
                    seed_process(Group(rank, 3), seed, update)
                    draws[rank, torch.randint(2**60, ()).item()] += 1
    assert sorted(draws.values()) == [2, 2, 2, 2, 2, 2, 2, 4]  # rank 0 goes on, whatever the update is


@pytest.mark.parametrize(("before", "now"), [(1, 1), (2, 2), (1, 3), (3, 1), (2, 4)])
def test_generators_of_a_checkpoint_go_on(before, now):
    tensors = {}
    with torch.random.fork_rng([]):
        for rank in range(before):
            torch.manual_seed(rank)
            tensors["random.cpu" + f".{rank}" * (rank > 0)] = torch.get_rng_state()
        notes = set()
        for rank in range(now):
            notes.add(restore_random_states(tensors, Group(rank, now), torch.device("cpu"), seed=1, update=7))
            drawn = torch.rand(())
            torch.manual_seed(rank)
            assert bool(drawn == torch.rand(())) == (rank < before)
    text = f"trained by {before} process{'es' * (before > 1)} before, and by {now} now: the batches stay the same, and "
    assert notes == ({""} if before == now else {text + "dropout draws other numbers"})


REPORTING = """
import os, signal, time
from nmt.training.interrupts import end_after_reports

end_after_reports()
os.kill(os.getpid(), signal.SIGTERM)
print("reported", flush=True)
time.sleep(60)
"""


def test_a_process_that_is_ended_reports_first():
    done = subprocess.run([sys.executable, "-c", REPORTING], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("reported\n", "", 128 + signal.SIGTERM)
