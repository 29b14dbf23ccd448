"""`nmt translate --processes`: the same translations in the same order, and an orderly end in every case."""

import json
import math
import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from support.processes import wait_until

from nmt.errors import DataError, NmtError
from nmt.inspection import verify_run
from nmt.loaded_run import load_run
from nmt.translation import growing
from nmt.translation import workers as crew
from nmt.translation.workers import WorkerPool


@pytest.fixture
def lines(tiny_corpus):
    return (tiny_corpus / "test.a").read_text().splitlines() * 4


@pytest.fixture(autouse=True)
def threads():
    """Commands set how many threads this process has."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def children(pid):
    """The processes that one has started, less those that only watch."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent == pid and "spawn_main" in words:
                found.append(int(entry.name))
    return found


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def in_threads(monkeypatch):
    """A worker pool of threads in place of processes, which does the same and starts at once."""
    monkeypatch.setattr(crew, "ProcessPoolExecutor", lambda processes, *_, **__: ThreadPoolExecutor(processes))


def test_lines_and_links_are_those_of_one_process(run_nmt, reverser, lines, tmp_path, in_threads):
    found = []
    for processes in (1, 2):
        out, links = tmp_path / f"out{processes}", tmp_path / f"links{processes}"
        words = ["--processes", processes, "--batch-size", 7, "--output", out, "--alignments", links, "--threads", 1]
        words += ["--precision", "float32"]
        done = run_nmt("translate", "--model", reverser, *words, stdin="\n".join([*lines, "", "ba"]))
        assert (done.code, done.stdout, done.stderr) == (
            0,
            "",
            f"nmt: {len(lines) + 2} lines are translated in {out}\n",
        )
        found.append((out.read_text(), links.read_text()))
    assert found[0] == found[1]
    assert found[0][0].count("\n") == len(lines) + 2


@pytest.mark.parametrize(
    ("least", "note"),
    [
        (0, r"nmt: 2 processes translate from line 201 on: [\d.]+ times as fast as one\n"),
        (math.inf, r"nmt: one process goes on: 2 processes were [\d.]+ times as fast\n"),
    ],
)
def test_a_long_input_on_many_cores_tries_several_processes(
    run_nmt, reverser, lines, tmp_path, in_threads, monkeypatch, least, note
):
    def translate(*words):
        done = run_nmt("translate", "--model", reverser, "--batch-size", 2, "--beam", 1, *words, stdin=text)
        return done.stdout, done.stderr

    text = "\n".join([*lines, "", *lines * 20][:230])
    alone = translate()
    assert alone[1] == ""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    monkeypatch.setattr(growing, "SECONDS_ALONE", 0)
    monkeypatch.setattr(growing, "MIN_GAIN", least)
    for words in ("--processes", 1), ("--threads", 5), ("--precision", "float32"):
        assert translate(*words)[1] == ""
    several = translate()
    assert several[0] == alone[0]
    assert re.fullmatch(note, several[1])
    assert translate("--quiet") == alone


def test_a_worker_pool_translates_as_a_translator(reverser, lines):
    with WorkerPool(2, 1, model=(str(reverser),), precision="float32") as several:
        from nmt import Translator

        alone = Translator.load(reverser, precision="float32")
        for batch_size, options in ((4, {"n_best": 2}), (1, {"sample": True})):
            found = several.stream(iter(lines), batch_size=batch_size, **options)
            for one, other in zip(found, alone.stream(lines, **options), strict=True):
                assert [(each.text, each.alignment) for each in one] == [(each.text, each.alignment) for each in other]
                assert [each.score for each in one] == pytest.approx([each.score for each in other], abs=1e-4)
        # with batch_size 1 each line is translated before the next is read
        read = []
        first = next(several.stream((read.append(line) or line for line in lines), batch_size=1))
        assert (len(read), first[0].text) == (1, " ".join(reversed(lines[0].split())))
        with pytest.raises(NmtError, match='beem   no such setting; did you mean "beam"'):
            several.stream(lines, beem=3)
        # the error of a line is raised after the lines before it
        from nmt.translation.request import Request

        wishes = [*lines, Request("ba", prefix="ba", banned=("ba",))]
        stream, said = several.stream(wishes, batch_size=4), []
        with pytest.raises(DataError, match=rf"^line {len(wishes)}: "):
            said.extend(stream)
        assert len(said) == len(lines)
        # a process that is gone is missed
        for pid in children(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(
            NmtError, match="a worker process was killed, probably by the system because memory ran out\n  Use fewer"
        ):
            list(several.stream(lines))


def test_no_more_processes_start_than_there_are_shares(reverser, lines, in_threads):
    with WorkerPool(99, 1, model=(str(reverser),), precision="float32") as pool:
        assert not pool.pool._threads
        for some, count in ((iter([]), 1), (lines[:3], 1), (iter(lines[:3]), 1), (lines[:50], 3), (iter(lines), 12)):
            found = [one.text for [one] in pool.stream(some, batch_size=4)]
            assert found == [" ".join(reversed(line.split())) for line in lines[: len(found)]]
            assert 1 <= len(pool.pool._threads) <= count
        pool.start(20, {})
        assert len(pool.pool._threads) <= 20


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b'{"source": "ba", "prefix": "ba", "banned": ["ba"]}', "line 86: "),
        (b'{"source": "ba", "constraints": ["\xff"]}', "asked is not UTF-8: line 86, byte "),
        (b"ba", "asked, line 86 is not JSON: "),
    ],
)
def test_lines_before_one_with_an_error_are_translated(run_nmt, reverser, lines, tmp_path, in_threads, bad, message):
    lines = (lines * 2)[:100]
    asked, out, part = tmp_path / "asked", tmp_path / "out", tmp_path / "out.part"
    good = [json.dumps({"source": line}).encode() for line in lines]
    words = ["translate", "--model", reverser, "--processes", 2, "--batch-size", 4, "--threads", 1]
    words += ["--input-format", "jsonl", "--output", out, asked]
    asked.write_bytes(b"\n".join([*good[:85], bad, *good[86:]]))
    done = run_nmt(*words)
    assert (done.code, done.stdout, out.exists(), message in done.stderr) == (2, "", False, True), done.stderr
    turned = [" ".join(reversed(line.split())) for line in lines]
    assert part.read_text().splitlines() == turned[:85]
    asked.write_bytes(b"\n".join(good))
    assert run_nmt(*words, "--resume-output").code == 0
    assert out.read_text().splitlines() == turned


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGKILL])
def test_all_processes_end_with_the_program_and_leave_complete_lines(run_nmt, reverser, lines, tmp_path, ending):
    out = tmp_path / "out"
    words = ["translate", "--model", reverser, "--batch-size", "2", "--output", out]
    command = [sys.executable, "-m", "nmt", *words, "--processes", "2", "--threads", "1"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        text = "".join(f"{line}\n" for line in lines)
        process.stdin.write(text.encode())
        process.stdin.flush()
        part = tmp_path / "out.part"
        wait_until(lambda: part.exists() and part.read_text().count("\n") >= 60, process)
        crew_of_it = children(process.pid)
        assert len(crew_of_it) == 2
        os.killpg(process.pid, ending) if ending == signal.SIGINT else process.send_signal(ending)  # as Ctrl-C does
        process.stdin.close()
        assert process.wait(60) == (130 if ending == signal.SIGINT else -ending)
        wait_until(lambda: not any(map(is_alive, crew_of_it)))
        said = process.stderr.read().decode()
    if ending == signal.SIGINT:
        assert list(filter(None, said.splitlines())) == [
            f"nmt: finished lines are in {part}; the same command with --resume-output continues",
            "nmt: error: interrupted",
        ]
    turned = "".join(" ".join(reversed(line.split())) + "\n" for line in lines)
    assert turned.startswith(part.read_text())
    assert part.read_text().endswith("\n")
    assert run_nmt(*words, "--resume-output", stdin=text).code == 0
    assert out.read_text() == turned


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--processes", "0"], "0 is not in the range x>=1"),
        (["--threads", "0"], "0 is not in the range x>=1"),
        (["--processes", "2", "--batch-size", "1"], "--batch-size 1 translates one line at a time, which several"),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(run_nmt, reverser, words, message):
    done = run_nmt("translate", "--model", reverser, *words, stdin="ba\n")
    assert (done.code, done.stdout, message in done.stderr) == (2, "", True)


def test_a_missing_run_is_reported_once(run_nmt, tmp_path, in_threads):
    done = run_nmt("translate", "--model", tmp_path / "nowhere", "--processes", 2, stdin="")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.count("nowhere does not exist") == done.stderr.count("\n  A run is a folder") == 1


def test_a_gpu_is_not_shared_by_processes(run_nmt, reverser, monkeypatch):
    monkeypatch.setattr("nmt.translation.workers.choose_translation_device", lambda name: "cuda:1")
    done = run_nmt("translate", "--model", reverser, "--processes", 3, stdin="ba\n")
    assert (done.code, done.stdout) == (2, "")
    assert "--processes 3 would load 3 copies of the model to cuda:1 and not be faster\n  Leave it out" in done.stderr


def test_the_number_of_threads_is_that_of_the_option(run_nmt, reverser):
    assert run_nmt("translate", "--model", reverser, "--threads", 3, stdin="ba\n").code == 0
    assert torch.get_num_threads() == 3


def test_a_test_set_is_evaluated_by_several_processes(run_nmt, reverser, tiny_corpus, in_threads):
    words = ["--source", tiny_corpus / "test.a", "--reference", tiny_corpus / "test.b", "--beam", 1, "--beam", 2]
    tables = []
    for more in ([], ["--processes", 2, "--threads", 1]):
        done = run_nmt("evaluate", "--model", reverser, *words, "--batch-size", 4, *more)
        assert (done.code, done.stderr) == (0, "")
        rows = [line.split() for line in done.stdout.splitlines()[:3]]
        tables.append([(row[0], row[1], row[2], row[-1]) for row in rows])
    assert tables[0] == tables[1]


def test_processes_share_the_weights_of_a_run_and_do_not_change_them(reverser):
    one, other = load_run(reverser), load_run(reverser)
    weight = next(one.model.parameters())
    assert str(reverser / "best" / "weights.safetensors") in Path("/proc/self/maps").read_text()
    with torch.no_grad():
        weight.add_(1)
    assert torch.equal(next(other.model.parameters()) + 1, weight)
    assert verify_run(reverser)
