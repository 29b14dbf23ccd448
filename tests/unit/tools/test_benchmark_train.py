"""benchmark_train.py: its systems, its tables, and a whole run in small."""

import json
import subprocess
import sys

import pytest
import torch
from support.peers import JOEYNMT_TRAINING, OPENNMT_TRAINING, fake_peers
from support.tools import TOOLS, load_tool

SCRIPT = TOOLS / "benchmarks" / "benchmark_train.py"
tool, cost, profiler, report = (
    load_tool(f"benchmarks/{name}")
    for name in ("benchmark_train", "training_cost", "training_profile", "training_report")
)


def test_peers_stand_beside_ours_with_the_score_they_have():
    rows = tool.list_systems(["luong-dot/no", "none"], ["bfloat16"], peers=True, compile=True)
    assert [row[:3] for row in rows] == [
        *((name, "luong-dot", False) for name in ("nmt fused", "nmt fused --compile", "nmt reference")),
        *((name, "luong-dot", False) for name in ("opennmt-py", "joeynmt")),
        *((name, "none", True) for name in ("nmt fused", "nmt fused --compile", "nmt reference")),
    ]
    assert [row.peer_arguments for row in rows[3:5]] == [
        ("opennmt", "train", "general", "0"),
        ("joeynmt", "train", "luong", "False"),
    ]
    assert [row.precision for row in rows[2:4]] == ["bfloat16", "float32"]


def test_rounds_become_a_row_and_a_row_two_tables():
    products = [["loss", 600, 0.5], ["loss", 200, 0.25], ["keys", 200, 0.25]]
    slower = [[part, flops, 3 * seconds] for part, flops, seconds in products]
    profile = {"update_ms": 3000.0, "parts": {part: {"forward": 1.0, "backward": 2.0} for part in profiler.PARTS}}
    rounds = [
        {"rates": [20.0, 30.0], "peak_mib": 100.0, "products": products, "profile": profile | {"update_ms": 1.0}},
        {"rates": [60.0], "peak_mib": 120.0, "products": slower, "profile": profile},
        {"rates": [25.0, 50.0], "peak_mib": 110.0, "products": slower, "profile": profile | {"update_ms": 9999.0}},
    ]
    system = tool.System("nmt fused", "bahdanau", True, "bfloat16")
    ours = {**system._asdict(), **report.make_row(rounds, 2**16, tokens=100)}
    assert ours["target_tokens_per_second"] == {"median": 30, "min": 20, "max": 60}
    assert (ours["peak_mib"], ours["weights_mib"], ours["profile"]) == (120, 1, profile)
    assert ours["roofline"] == {
        "flops_per_token": {"loss": 8, "keys": 2},
        "ms": {"loss": 2250, "keys": 750},
        "gflops_per_second": pytest.approx(1000 / 3 / 1e9),
        "target_tokens_per_second": pytest.approx(100 / 3),
        "fraction_reached": pytest.approx(0.9),
    }
    system = tool.System("opennmt-py", "bahdanau", True, "float32")
    assert system.peer_arguments == ("opennmt", "train", "mlp", "1")
    reported = {"rates": rounds[0]["rates"], "peak_mib": rounds[0]["peak_mib"]}
    peer = {**system._asdict(), **report.make_row([reported], 2**16, tokens=100)}
    assert report.format_table([ours, peer], "opennmt-py").splitlines()[2:] == [
        "| nmt fused | bahdanau | yes | bfloat16 | 30 (20–60) | 1.20 | 90% | 120 | 119 |",
        "| opennmt-py | bahdanau | yes | float32 | 25 (20–30) | 1.00 |  | 100 | 99 |",
    ]
    lines = report.format_profile(ours, tokens=100).splitlines()
    assert lines[0] == (
        "nmt fused, bahdanau, bfloat16: matrix products at 0 GFLOP/s; an update takes 3000 ms with profiling and "
        "3333 ms without"
    )
    assert "| loss | 0.0 | 2250.0 | 1.0 | 2.0 |" in lines
    assert lines[-1] == "| **in all** | 0.0 | 3000.0 | 9.0 | 18.0 |"


@pytest.fixture
def in_small(monkeypatch):
    """Jobs in this process, of small models and few updates; what they leave timed is put back."""
    jobs = {"describe_corpus": tool.describe_corpus, "train": tool.train}

    def run(script, job, threads, **arguments):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.autograd, "backward", torch.autograd.backward)
            patch.setattr(torch.nn.utils, "clip_grad_norm_", torch.nn.utils.clip_grad_norm_)
            for owner, function, _ in profiler.list_attention_functions():
                patch.setattr(owner, function, getattr(owner, function))
            return json.loads(json.dumps(jobs[job](**json.loads(json.dumps(arguments)))))

    monkeypatch.setattr(tool, "run_in_fresh_process", run)
    sizes = {"embedding_size": 6, "encoder_size": 4, "decoder_size": 8, "attention_size": 7, "readout_size": 5}
    windows = {"warm_updates": 1, "warm_seconds": 0, "window": 1}
    monkeypatch.setattr(tool, "SIZES", tool.SIZES | sizes)
    monkeypatch.setattr(tool, "WINDOWS", windows)
    monkeypatch.setattr(profiler, "PROFILED_UPDATES", 1)
    monkeypatch.setattr(cost, "PRODUCT_SECONDS", 1e-4)


def test_a_whole_run(monkeypatch, capsys, tmp_path, tiny_prepared, in_small):
    peers, out = fake_peers(tmp_path / "peers", OPENNMT_TRAINING, JOEYNMT_TRAINING), tmp_path / "found.json"
    words = ["--data", tiny_prepared, "--peers", peers, "--peer-scripts", peers, "--json", out, "--no-compile"]
    words += ["--attention", "luong-dot/no", "luong-general/no", "--precision", "float32", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", ["benchmark_train.py", *map(str, words), "--seconds", "0"])
    tool.main()
    printed, written = capsys.readouterr(), json.loads(out.read_text())
    assert [(row["system"], row["attention"]) for row in written["rows"]] == [
        (system, attention)
        for attention in ("luong-dot", "luong-general")
        for system in ("nmt fused", "nmt reference", "opennmt-py", "joeynmt")
    ]
    for row in written["rows"]:
        rate = row["target_tokens_per_second"]
        assert 0 < rate["min"] <= rate["median"] <= rate["max"]
        assert row["input_feeding"] is False
        assert row["precision"] == "float32"
        assert row["peak_mib"] > 0
    fused, _, opennmt, joeynmt = written["rows"][:4]
    assert (opennmt["target_tokens_per_second"], joeynmt["run_as"][2]) == (
        {"median": 1253.5, "min": 1214, "max": 1293},
        "luong",
    )
    assert sum(sum(ways.values()) for ways in fused["profile"]["parts"].values()) > 0
    assert printed.err.count("opennmt-py") == 2, "the two rows share a peer, measured once a round"
    assert "times opennmt-py" in printed.out
    assert "nmt reference, luong-general/no, float32: matrix products at" in printed.out


def test_without_peers_the_readable_loop_is_the_baseline(monkeypatch, capsys, tiny_prepared, in_small):
    words = ["--data", tiny_prepared, "--attention", "none", "--precision", "float32", "--rounds", "1", "--no-compile"]
    monkeypatch.setattr(sys, "argv", ["benchmark_train.py", *map(str, words), "--seconds", "0"])
    tool.main()
    printed = capsys.readouterr().out
    assert "Without --peers, speeds are compared with nmt reference, our readable loop, in float32" in printed
    assert "| times nmt reference |" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peers", "p", "--device", "cuda"], "the peers are set up for a CPU; leave out --peers with --device cuda"),
        (["--peers", "p", "--peer-scripts", "s"], "s/run.sh does not exist; run s/setup.sh p first"),
        (
            ["--json", "nowhere/found.json"],
            "--json nowhere/found.json: the folder nowhere does not exist; create it first",
        ),
        (["--attention", "loung-dot"], "argument --attention: invalid choice: 'loung-dot'"),
        (["--rounds", "0"], "--rounds 0: at least one round is needed"),
    ],
)
def test_options_that_cannot_be_used_are_named(monkeypatch, capsys, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark_train.py", "--data", "data", *words])
    with pytest.raises(SystemExit, match="2"):
        tool.main()
    assert f"benchmark_train.py: error: {message}" in capsys.readouterr().err


def test_a_job_that_cannot_be_done_ends_the_tool_with_its_message(tmp_path):
    words = [sys.executable, SCRIPT, "--data", tmp_path / "nothing", "--threads", "1"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"benchmark_train.py: error: {tmp_path / 'nothing'} ")
    assert "Traceback" not in done.stderr
