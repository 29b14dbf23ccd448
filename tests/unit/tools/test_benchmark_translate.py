"""benchmark_translate.py: its systems, its table, and a whole run in small."""

import json
import subprocess
import sys

import pytest
from support.peers import JOEYNMT_TRANSLATION, OPENNMT_TRANSLATION, fake_peers
from support.tools import TOOLS, load_tool

from nmt.errors import NmtError


@pytest.fixture
def tool(monkeypatch):
    return load_tool("benchmarks/benchmark_translate")


def test_ours_stand_beside_the_reference_and_peers(tool):
    rows = tool.list_systems(["float32", "int8"], [1, 5], [64], shortlist=True, peers=True)
    ours = ["nmt", "nmt shortlist", "nmt processes"]
    one = [*ours, *ours, "nmt reference", "opennmt-py", "joeynmt"]
    assert [row.system for row in rows] == [*one, *one]
    assert [row.precision for row in rows[:9]] == ["float32"] * 3 + ["int8"] * 3 + ["float32"] * 3
    assert {(row.beam, row.batch_size) for row in rows[:9]} == {(1, 64)}
    assert tool.list_systems(["float32"], [5], [1], shortlist=False, peers=False) == [
        tool.System("nmt", "float32", 5, 1),
        tool.System("nmt reference", "float32", 5, 1),
    ]


@pytest.fixture
def in_small(tool, monkeypatch, tmp_path, tiny_corpus, reverser):
    """Jobs in this process, on a few lines; -> the words of a command line."""
    for side in ("a", "b"):
        lines = (tiny_corpus / f"test.{side}").read_text().splitlines(keepends=True)[:9]
        (tmp_path / f"few.{side}").write_text("".join(lines))
    monkeypatch.setattr(
        tool, "run_in_fresh_process", lambda script, job, threads, **arguments: getattr(tool, job)(**arguments)
    )
    words = ["--model", reverser, "--source", tmp_path / "few.a", "--reference", tmp_path / "few.b", "--threads", 1]
    return [*words, "--rounds", 1, "--seconds", 0, "--precision", "float32", "--batch-size", 4]


def call(tool, monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["benchmark_translate.py", *map(str, words)])
    tool.main()


def test_a_whole_run(tool, monkeypatch, capsys, tmp_path, in_small):
    peers, out = fake_peers(tmp_path / "peers", OPENNMT_TRANSLATION, JOEYNMT_TRANSLATION), tmp_path / "found.json"
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


def test_ctranslate2_is_measured_by_the_interpreter_that_has_it(tool, monkeypatch, capsys, tmp_path, in_small):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$2" > {tmp_path}/job\necho \'{{"rates": [7.0], "peak_mib": 60.0}}\'\n')
    python.chmod(0o755)
    measured = {"rates": [21.0], "bleu": 1.0, "peak_mib": 9.0}
    for ours in ("translate", "translate_in_processes"):
        monkeypatch.setattr(tool, ours, lambda **arguments: measured)
    monkeypatch.setattr(tool, "time_one_sentence", lambda *arguments: 1.0)
    call(tool, monkeypatch, *in_small, "--beam", 5, "--ctranslate2", python)
    *_, last = capsys.readouterr().out.splitlines()
    assert last == "| ctranslate2 | best | 5 | 4 | 7.0 (7.0–7.0) | 0.33 | 1.00 | – | 60 |"
    assert json.loads((tmp_path / "job").read_text()) == {
        "beam": 5,
        "batch_size": 4,
        "lines": 9,
        "threads": 1,
        "seconds": 0.0,
    }
    python.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(NmtError, match=r"python cannot run ctranslate2_tiny.py, see above: it needs the package"):
        call(tool, monkeypatch, *in_small, "--beam", 5, "--ctranslate2", python)


def test_the_table_compares_like_with_like(tool):
    def row(system, beam, rate):
        spread = {"median": rate, "min": rate / 2, "max": 2 * rate}
        return {"system": system, "precision": "float32", "beam": beam, "batch_size": 64} | {
            "sentences_per_second": spread,
            "bleu": 33.333,
            "peak_mib": 1000.0,
        }

    rows = [row("nmt", 1, 1000.0), row("joeynmt", 1, 100.0), row("nmt", 5, 300.0), row("joeynmt", 5, 20.0)]
    assert tool.format_table(rows, ["joeynmt"]).splitlines()[2:] == [
        "| nmt | float32 | 1 | 64 | 1,000.0 (500.0–2,000.0) | 10.00 | 33.33 | 1,000 |",
        "| joeynmt | float32 | 1 | 64 | 100.0 (50.0–200.0) | 1.00 | 33.33 | 1,000 |",
        "| nmt | float32 | 5 | 64 | 300.0 (150.0–600.0) | 15.00 | 33.33 | 1,000 |",
        "| joeynmt | float32 | 5 | 64 | 20.0 (10.0–40.0) | 1.00 | 33.33 | 1,000 |",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peers", "p", "--peer-scripts", "s"], "s/run.sh does not exist; run s/setup.sh p first"),
        (
            ["--json", "nowhere/found.json"],
            "--json nowhere/found.json: the folder nowhere does not exist; create it first",
        ),
        (["--source", "gone"], "gone does not exist"),
        (["--rounds", "0"], "--rounds 0: at least one round is needed"),
        (["--precision", "int4"], "argument --precision: invalid choice: 'int4'"),
    ],
)
def test_options_that_cannot_be_used_are_named(tool, monkeypatch, capsys, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some").write_text("a line\n")
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, "--model", "run", "--source", "some", "--reference", "some", *words)
    assert f"benchmark_translate.py: error: {message}" in capsys.readouterr().err


def test_peers_must_translate_the_same_lines(tool, monkeypatch, capsys, tmp_path):
    peers = fake_peers(tmp_path / "peers", OPENNMT_TRANSLATION, JOEYNMT_TRANSLATION)
    (peers / "data" / "test_2016_flickr.en").write_text("a line\n")
    (tmp_path / "other").write_text("another line\n")
    words = ["--model", "run", "--source", tmp_path / "other", "--reference", tmp_path / "other", "--peers", peers]
    with pytest.raises(SystemExit, match="2"):
        call(tool, monkeypatch, *words, "--peer-scripts", peers)
    assert (
        f"other differs from the text that the peers translate; give {peers}/data/test_2016_flickr.en"
        in capsys.readouterr().err
    )


def test_a_job_that_cannot_be_done_ends_the_tool_with_its_message(tmp_path):
    (tmp_path / "some").write_text("a line\n")
    words = ["--model", tmp_path / "nothing", "--source", tmp_path / "some", "--reference", tmp_path / "some"]
    done = subprocess.run(
        [sys.executable, TOOLS / "benchmarks" / "benchmark_translate.py", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"error: {tmp_path / 'nothing'} does not exist" in done.stderr
    assert "Traceback" not in done.stderr
