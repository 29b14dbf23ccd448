"""benchmark_translate.py: what it runs, reads from logs and prints; and a whole run in small."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.tools import TOOLS, load_tool

from nmt.errors import UsageError

OPENNMT_LOG = """\
[INFO] PRED SCORE: -0.6040, PRED PPL: 1.83 NB SENTENCES: 1000
[INFO] Total translation time (s): 8.0
[INFO] Average translation time (ms): 8.0
{
 "name": "BLEU",
 "score": 33.2,
 "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"
}
"""
JOEYNMT_LOG = """\
INFO - joeynmt.prediction - Decoding on test set... (device: cpu, n_gpu: 0, use_ddp: False, fp16: {'enabled': False})
INFO - joeynmt.prediction - Generation took 20.0000[sec].
INFO - joeynmt.prediction - Evaluation result (beam search): bleu:  20.01, 0.1153[sec]
"""
CONFIG = """\
data:
    train: "train"
    dev: "val"
    test: "test"
testing:
    # as in training
    beam_size: 5
    batch_size: 64
    batch_type: "sentence"
training:
    batch_size: 4096
"""


@pytest.fixture
def tool(monkeypatch):
    return load_tool("benchmarks/benchmark_translate")


def fake_peers(folder: Path, opennmt: str = OPENNMT_LOG, code: int = 0) -> Path:
    """A folder of trained peers with a run.sh that notes what it was asked and says a log."""
    for peer in ("opennmt", "joeynmt", "data", "runs/joeynmt-bahdanau-True"):
        (folder / peer).mkdir(parents=True)
    for name in ("opennmt-mlp-1_step_120.pt", "opennmt-mlp-1_step_1080.pt", "joeynmt-bahdanau-True/best.ckpt"):
        (folder / "runs" / name).touch()
    (folder / "runs" / "joeynmt-bahdanau-True" / "config.yaml").write_text(CONFIG)
    (folder / "opennmt.log").write_text(opennmt)
    (folder / "joeynmt.log").write_text(JOEYNMT_LOG)
    (folder / "run.sh").write_text(
        f'echo "$2 $3 $4 $5 $6 threads $OMP_NUM_THREADS" >> {folder}/asked\n'
        f'[[ $3 == test ]] && cp "$4" {folder}/config\ncat {folder}/$2.log; exit {code}\n'
    )
    return folder


def test_ours_stand_beside_the_reference_and_peers(tool):
    rows = tool.systems(["float32", "int8"], [1, 5], [64], shortlist=True, peers=True)
    ours = ["nmt", "nmt shortlist", "nmt processes"]
    one = [*ours, *ours, "nmt reference", "opennmt-py", "joeynmt"]
    assert [row.system for row in rows] == [*one, *one]
    assert [row.precision for row in rows[:9]] == ["float32"] * 3 + ["int8"] * 3 + ["float32"] * 3
    assert {(row.beam, row.batch_size) for row in rows[:9]} == {(1, 64)}
    assert tool.systems(["float32"], [5], [1], shortlist=False, peers=False) == [
        tool.System("nmt", "float32", 5, 1),
        tool.System("nmt reference", "float32", 5, 1),
    ]


def test_peers_translate_with_their_newest_checkpoint_and_say_how_fast(tool, tmp_path):
    peers = fake_peers(tmp_path)
    ask = {"scripts": peers, "peers": peers, "threads": 3, "lines": 1000}
    found = tool.measure_peer(tool.System("opennmt-py", "float32", 5, 64), **ask)
    assert (found["rates"], found["bleu"]) == ([125.0], 33.2)
    assert found["peak_mib"] > 0.5
    found = tool.measure_peer(tool.System("joeynmt", "float32", 1, 7), **ask)
    assert (found["rates"], found["bleu"]) == ([50.0], 20.01)
    first, second = (peers / "asked").read_text().splitlines()
    assert first == f"opennmt translate {peers}/runs/opennmt-mlp-1_step_1080.pt 5 64 threads 3"
    assert second.startswith("joeynmt test ")
    assert (peers / "config").read_text() == CONFIG.replace('    dev: "val"\n', "").replace(
        "beam_size: 5\n    batch_size: 64", "beam_size: 1\n    batch_size: 7"
    )


def test_a_peer_that_fails_is_named_with_the_end_of_its_log(tool, tmp_path):
    peers = fake_peers(tmp_path, "no such model\n", 3)
    with pytest.raises(UsageError, match=r"^opennmt-py ended with code 3 and gave no .*\n  no such model$"):
        tool.measure_peer(tool.System("opennmt-py", "float32", 5, 64), peers, peers, 1, 1000)


def test_peers_without_a_checkpoint_are_trained(tool, tmp_path):
    peers = fake_peers(tmp_path)
    tool.train_peers(peers, peers, 1, 60)
    assert not (peers / "asked").exists()
    (peers / "runs" / "joeynmt-bahdanau-True" / "best.ckpt").unlink()
    with pytest.raises(UsageError, match=r"^joeynmt had no checkpoint after 60 seconds\n(.*\n)+  Give more --peer-sec"):
        tool.train_peers(peers, peers, 1, 60)
    assert (peers / "asked").read_text() == "joeynmt train bahdanau True 60 threads 1\n"


@pytest.fixture
def in_small(tool, monkeypatch, tmp_path, tiny_corpus, reverser):
    """Jobs in this process, on a few lines; -> the words of a command line."""
    for side in ("a", "b"):
        lines = (tiny_corpus / f"test.{side}").read_text().splitlines(keepends=True)[:9]
        (tmp_path / f"few.{side}").write_text("".join(lines))
    monkeypatch.setattr(tool, "in_fresh_process", lambda threads, kind, script, **job: getattr(tool, kind)(**job))
    words = ["--model", reverser, "--source", tmp_path / "few.a", "--reference", tmp_path / "few.b", "--threads", 1]
    return [*words, "--rounds", 1, "--seconds", 0, "--precision", "float32", "--batch-size", 4]


def call(tool, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["benchmark_translate.py", *map(str, words)])
    tool.main()


def test_a_whole_run(tool, monkeypatch, capsys, tmp_path, in_small):
    peers, out = fake_peers(tmp_path / "peers"), tmp_path / "found.json"
    (peers / "data" / "test_2016_flickr.en").write_bytes((tmp_path / "few.a").read_bytes())
    call(tool, monkeypatch, *in_small, "--peers", peers, "--peer-scripts", peers, "--json", out)
    report, printed = json.loads(out.read_text()), capsys.readouterr()
    assert [(row["system"], row["precision"], row["beam"], row["batch_size"]) for row in report["rows"]] == [
        (system, "float32", beam, 4)
        for beam in (1, 5)
        for system in ("nmt", "nmt processes", "nmt reference", "opennmt-py", "joeynmt")
    ]
    for row in report["rows"]:
        rate = row["sentences_per_second"]
        assert 0 < rate["min"] <= rate["median"] <= rate["max"]
        assert row["peak_mib"] > 0
    ours, processes, plain, opennmt, _ = report["rows"][:5]
    assert ours["bleu"] == processes["bleu"] == pytest.approx(plain["bleu"])
    assert ours["bleu"] > 50
    assert opennmt["sentences_per_second"] == {"median": 9 / 8, "min": 9 / 8, "max": 9 / 8}
    assert 0 < report["one_sentence_seconds"]["min"] <= report["one_sentence_seconds"]["max"]
    head, *lines = [line for line in printed.out.splitlines() if line.startswith("| ")]
    assert "| times nmt reference | times opennmt-py | times joeynmt | BLEU |" in head
    assert len(lines) == 10
    assert lines[2].split(" | ")[5] == "1.00"
    assert printed.err.count("opennmt-py float32 5 4: ") == 1


def test_the_table_compares_like_with_like(tool):
    def row(system, beam, rate):
        spread = {"median": rate, "min": rate / 2, "max": 2 * rate}
        return {"system": system, "precision": "float32", "beam": beam, "batch_size": 64} | {
            "sentences_per_second": spread,
            "bleu": 33.333,
            "peak_mib": 1000.0,
        }

    rows = [row("nmt", 1, 1000.0), row("joeynmt", 1, 100.0), row("nmt", 5, 300.0), row("joeynmt", 5, 20.0)]
    assert tool.table(rows, ["joeynmt"]).splitlines()[2:] == [
        "| nmt | float32 | 1 | 64 | 1,000.0 (500.0–2,000.0) | 10.00 | 33.33 | 1,000 |",
        "| joeynmt | float32 | 1 | 64 | 100.0 (50.0–200.0) | 1.00 | 33.33 | 1,000 |",
        "| nmt | float32 | 5 | 64 | 300.0 (150.0–600.0) | 15.00 | 33.33 | 1,000 |",
        "| joeynmt | float32 | 5 | 64 | 20.0 (10.0–40.0) | 1.00 | 33.33 | 1,000 |",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peers", "p", "--peer-scripts", "s"], "s/run.sh is not there; run s/setup.sh p first"),
        (["--json", "nowhere/found.json"], "--json nowhere/found.json: nowhere is no folder; make it first"),
        (["--source", "gone"], "gone is not there"),
        (["--rounds", "0"], "--rounds 0: at least one is needed"),
        (["--precision", "int4"], "argument --precision: invalid choice: 'int4'"),
    ],
)
def test_words_that_cannot_be_used_are_named(tool, monkeypatch, capsys, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").write_text("a line\n")
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, "--model", "run", "--source", "some", "--reference", "some", *words)
    assert f"benchmark_translate.py: error: {message}" in capsys.readouterr().err


def test_peers_must_translate_the_same_lines(tool, monkeypatch, capsys, tmp_path):
    peers = fake_peers(tmp_path)
    (peers / "data" / "test_2016_flickr.en").write_text("a line\n")
    (tmp_path / "other").write_text("another line\n")
    words = ["--model", "run", "--source", tmp_path / "other", "--reference", tmp_path / "other", "--peers", peers]
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, *words, "--peer-scripts", peers)
    assert f"other is not what peers translate: give {peers}/data/test_2016_flickr.en" in capsys.readouterr().err


def test_a_job_that_cannot_be_done_ends_the_tool_with_its_message(tmp_path):
    (tmp_path / "some").write_text("a line\n")
    words = ["--model", tmp_path / "nothing", "--source", tmp_path / "some", "--reference", tmp_path / "some"]
    done = subprocess.run(
        [sys.executable, TOOLS / "benchmarks" / "benchmark_translate.py", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: {tmp_path / 'nothing'} does not exist" in done.stderr
    assert "Traceback" not in done.stderr
