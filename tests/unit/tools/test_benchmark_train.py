"""benchmark_train.py: what it counts, reads from logs, attributes and prints; and a whole run in small."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
import torch
from support.models import ATTENTIONS, VOCABULARY, small_model, small_settings
from support.tools import TOOLS, load_tool
from torch.utils.flop_counter import FlopCounterMode

from nmt.config import ModelSettings, TrainSettings
from nmt.errors import UsageError
from nmt.training.loss import plain_loss
from nmt.training.update import Updater

SCRIPT = TOOLS / "benchmarks" / "benchmark_train.py"
tool = load_tool("benchmarks/benchmark_train")

OPENNMT_LOG = """\
[INFO] Start training loop and validate every 120 steps...
[INFO] Step 10/20000; acc: 7.2; lr: 0.00100; sents:    1294; bsz: 1601/1859/129; 930/1080 tok/s;     17 sec;
[INFO] Step 20/20000; acc: 13.8; lr: 0.00100; sents:    1397; bsz: 1655/1851/140; 1419/1587 tok/s;     29 sec;
[INFO] Step 30/20000; acc: 11.0; lr: 0.00100; sents:     995; bsz: 1766/1790/100; 1198/1214 tok/s;     44 sec;
[INFO] Validation perplexity: 80.1
[INFO] Step 40/20000; acc: 13.2; lr: 0.00100; sents:    1210; bsz: 1714/1799/121; 202/261 tok/s;     58 sec;
[INFO] Step 50/20000; acc: 17.7; lr: 0.00100; sents:    1100; bsz: 1634/1810/110; 1168/1293 tok/s;     72 sec;
"""
JOEYNMT_LOG = """\
2026-01-01 - INFO - joeynmt.training - EPOCH 1
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  10, Batch Acc: 0.080907, Tokens per Sec:      653, Lr: 0.001000
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  20, Batch Acc: 0.120225, Tokens per Sec:      623, Lr: 0.001000
2026-01-01 - INFO - joeynmt.training - Epoch   1, Step:  30, Batch Acc: 0.130225, Tokens per Sec:     1044, Lr: 0.001000
"""


def flops_by_part(settings: ModelSettings, shape: tuple[int, ...]) -> dict[str, int]:
    found = tool.products(settings, VOCABULARY, tool.Shape(*shape))
    return {part: sum(one.flops for one in found if one.part == part) for part in {one.part for one in found}}


def test_operations_are_those_counted_by_hand():
    """One sentence of two source and three target tokens; each figure is inputs * outputs * positions, summed."""
    sizes = {"embedding_size": 2, "encoder_size": 1, "decoder_size": 2, "attention_size": 7, "readout_size": 4}
    settings = ModelSettings(attention="luong-dot", input_feeding=False, tie="none", **sizes)
    each_way = 6  # a multiplication and an addition, forward and for two gradients
    assert flops_by_part(settings, (1, 2, 3, 3)) == {
        "encoder": each_way * (2 * (2 * 3 * 2 + 1 * 3 * 2) + 2 * 2),  # two directions: input, state; then the bridge
        "recurrence": each_way * (2 * 6 * 3 + 2 * 6 * 3),  # input, state
        "attention": each_way * (2 * 2 * 3 + 2 * 2 * 3),  # every target position: scores of, and mixture of, two
        "readout": each_way * 4 * 4 * 3,
        "loss": each_way * 4 * VOCABULARY * 3,
    }


@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("name", ATTENTIONS)
def test_operations_are_those_that_the_readable_loop_does(name, feeding):
    sentences, source, target = 3, 8, 9
    model = small_model(attention=name, input_feeding=feeding, encoder_layers=2, tie="none")
    source_BS, target_BT = torch.full((sentences, source), 5), torch.full((sentences, target), 5)
    with FlopCounterMode(display=False) as forward:
        readout_BTR, _ = model(source_BS, torch.full((sentences,), source), target_BT)
        vectors_VR, bias_V = model.output_vectors, model.output_bias
        loss, _ = plain_loss(readout_BTR.flatten(0, 1), vectors_VR, bias_V, target_BT.flatten(), 0.0)
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    counted = sum(flops_by_part(model.settings, (sentences, source, target, sentences * target)).values())
    assert forward.get_total_flops() == counted // 3
    # The first states are zeros that need no gradient.
    assert 0.9 * counted * 2 / 3 < backward.get_total_flops() <= counted * 2 / 3


def test_reports_of_peers_are_read_without_warm_up_and_validation():
    assert tool.peer_rates("opennmt-py", OPENNMT_LOG) == [1214, 1293]
    assert tool.peer_rates("joeynmt", JOEYNMT_LOG) == [1044]
    assert tool.peer_rates("joeynmt", OPENNMT_LOG) == []


def test_peers_stand_beside_ours_with_the_score_they_have():
    rows = tool.systems(["luong-dot/no", "none"], ["bfloat16"], peers=True, compile=True)
    assert [row[:3] for row in rows] == [
        *((name, "luong-dot", False) for name in ("nmt fused", "nmt fused --compile", "nmt reference")),
        *((name, "luong-dot", False) for name in ("opennmt-py", "joeynmt")),
        *((name, "none", True) for name in ("nmt fused", "nmt fused --compile", "nmt reference")),
    ]
    assert [row.peer_words for row in rows[3:5]] == [
        ("opennmt", "train", "general", "0"),
        ("joeynmt", "train", "luong", "False"),
    ]
    assert [row.precision for row in rows[2:4]] == ["bfloat16", "float32"]


def fake_peers(folder: Path, log: str, code: int = 0) -> Path:
    """A folder with a run.sh that says what it was asked, then a log."""
    (folder / "log").write_text(log)
    (folder / "run.sh").write_text(f'echo "$@"; echo "threads $OMP_NUM_THREADS"; cat {folder}/log; exit {code}\n')
    return folder


def test_a_peer_is_run_and_its_memory_seen(tmp_path):
    """By a process that holds as little as the tool does, because a child's peak begins with what its parent holds."""
    code = (
        "import json, sys, benchmark_train as tool; from pathlib import Path;"
        "system = tool.System('opennmt-py', 'bahdanau', True, 'float32');"
        "print(json.dumps(tool.measure_peer(system, Path(sys.argv[1]), Path('peers'), threads=1, seconds=5)))"
    )
    scripts = fake_peers(tmp_path, OPENNMT_LOG)
    done = subprocess.run([sys.executable, "-c", code, scripts], cwd=SCRIPT.parent, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["rates"] == [1214, 1293]
    assert 0.5 < found["peak_mib"] < 100


def test_a_peer_that_reports_nothing_is_named_with_the_end_of_its_log(tmp_path):
    system = tool.System("joeynmt", "bahdanau", False, "float32")
    with pytest.raises(UsageError) as caught:
        tool.measure_peer(system, fake_peers(tmp_path, "no such file", 3), Path("here"), threads=1, seconds=5)
    assert str(caught.value) == (
        "joeynmt gave no rate after its warm-up in 95 seconds and ended with code 3\n"
        "  here joeynmt train bahdanau False 95\n"
        "  threads 1\n"
        "  no such file\n"
        "  Give more --seconds, or leave out --peers"
    )


def test_rates_are_of_windows_after_the_warm_up(monkeypatch):
    """Each update takes a second by a clock that only updates move."""
    now, updates, waits = [0.0], [], []
    monkeypatch.setattr(tool.time, "perf_counter", lambda: now[0])

    def update() -> int:
        now[0] += 1
        updates.append(now[0])
        return 100 if len(updates) <= 8 else 300

    found = tool.window_rates(update, 6, lambda: waits.append(now[0]), warm_updates=2, warm_seconds=5, window=3)
    assert (found, waits) == ([100, 300], [5, 8, 11])


def test_every_moment_belongs_to_one_part(monkeypatch):
    """The clock moves by one whenever it is read, so that each stretch between two changes of part takes one."""
    ticks = count()
    monkeypatch.setattr(tool.time, "perf_counter", lambda: float(next(ticks)))
    profile = tool.Profile(lambda: None)
    weight = torch.ones(2, requires_grad=True)
    inner = profile.timed(lambda values: values.exp(), "attention")
    outer = profile.timed(lambda values: inner(values * 2).sin(), "recurrence")
    after = profile.timed(lambda values: values.sum(), "loss")
    backward = profile.backward(torch.autograd.backward)
    backward(after(outer(weight)))
    profile.switch("the rest")
    profiling = {place: spent for place, spent in profile.spent.items() if place[0] == "profiling"}
    assert sum(profiling.values()) == 3
    assert profile.spent.total() == next(ticks) - 1
    assert {place: spent for place, spent in profile.spent.items() if place not in profiling} == {
        ("the rest", "forward"): 4,  # before, between and after the two, and after backward
        ("recurrence", "forward"): 2,  # before the inner one and after
        ("attention", "forward"): 1,
        ("loss", "forward"): 1,
        ("the rest", "backward"): 1,  # until the first node
        ("loss", "backward"): 1,
        ("recurrence", "backward"): 3,  # sin; the product, and the weight's gradient
        ("attention", "backward"): 1,
    }


@pytest.mark.parametrize("loop", ["fused", "reference"])
@pytest.mark.parametrize(("name", "feeding"), [("bahdanau", True), ("luong-general", True), ("luong-dot", False)])
def test_the_parts_of_an_update_add_up(monkeypatch, tiny_prepared, loop, name, feeding):
    from nmt.data.batches import make_batch
    from nmt.data.prepared import Prepared
    from nmt.model.seq2seq import Seq2Seq

    prepared = Prepared.open(tiny_prepared)
    words = prepared.source_subword.size, prepared.target_subword.size
    model = Seq2Seq(small_settings(attention=name, input_feeding=feeding), *words)
    settings = TrainSettings(loop=loop)
    updater = Updater(model, settings, device=torch.device("cpu"), precision=torch.float32)
    for owner, function, _ in [*tool.timed_functions(updater), (torch.autograd, "backward", "")]:
        monkeypatch.setattr(owner, function, getattr(owner, function))  # so that it is put back
    monkeypatch.setattr(tool, "PROFILED", 2)
    batch = make_batch(prepared.split("train"), torch.arange(8).numpy())
    found = tool.profile_updates(updater, lambda: batch, lambda: None)
    assert found["update_ms"] == pytest.approx(sum(sum(ways.values()) for ways in found["parts"].values()))
    busy = {(part, way) for part, ways in found["parts"].items() for way, spent in ways.items() if spent}
    both = {"encoder", "recurrence", "attention", "loss", "the rest"}
    both |= {"keys"} if name != "luong-dot" else set()
    both |= {"readout"} if name != "luong-general" else set()  # fed back, it belongs to the recurrence
    expected = {(part, way) for part in both for way in ("forward", "backward")}
    expected |= {("optimizer", "forward"), ("data", "forward")}
    assert busy - {("keys", "forward")} == expected - {("keys", "forward")}


def test_rounds_become_a_row_and_a_row_two_tables():
    products = [["loss", 600, 0.5], ["loss", 200, 0.25], ["keys", 200, 0.25]]
    slower = [[part, flops, 3 * seconds] for part, flops, seconds in products]
    profile = {"update_ms": 3000.0, "parts": {part: {"forward": 1.0, "backward": 2.0} for part in tool.PARTS}}
    rounds = [
        {"rates": [20.0, 30.0], "peak_mib": 100.0, "products": products, "profile": profile | {"update_ms": 1.0}},
        {"rates": [60.0], "peak_mib": 120.0, "products": slower, "profile": profile},
        {"rates": [25.0, 50.0], "peak_mib": 110.0, "products": slower, "profile": profile | {"update_ms": 9999.0}},
    ]
    ours = tool.report_row(tool.System("nmt fused", "bahdanau", True, "bfloat16"), rounds, 2**16, tokens=100)
    assert ours["target_tokens_per_second"] == {"median": 30, "min": 20, "max": 60}
    assert (ours["peak_mib"], ours["weights_mib"], ours["profile"]) == (120, 1, profile)
    assert ours["roofline"] == {
        "flops_per_token": {"loss": 8, "keys": 2},
        "ms": {"loss": 2250, "keys": 750},
        "gflops_per_second": pytest.approx(1000 / 3 / 1e9),
        "target_tokens_per_second": pytest.approx(100 / 3),
        "fraction_reached": pytest.approx(0.9),
    }
    peer = tool.report_row(tool.System("opennmt-py", "bahdanau", True, "float32"), [rounds[0]], 2**16, tokens=100)
    assert peer["run_as"] == ("opennmt", "train", "mlp", "1")
    assert tool.main_table([ours, peer], "opennmt-py").splitlines()[2:] == [
        "| nmt fused | bahdanau | yes | bfloat16 | 30 (20–60) | 1.20 | 90% | 120 | 119 |",
        "| opennmt-py | bahdanau | yes | float32 | 25 (20–30) | 1.00 |  | 100 | 99 |",
    ]
    lines = tool.part_table(ours, tokens=100).splitlines()
    assert lines[0] == (
        "nmt fused, bahdanau, bfloat16: products at 0 GFLOP/s; 3000 ms an update under the profile's eyes, 3333 without"
    )
    assert "| loss | 0.0 | 2250.0 | 1.0 | 2.0 |" in lines
    assert lines[-1] == "| **in all** | 0.0 | 3000.0 | 9.0 | 18.0 |"


@pytest.fixture
def in_small(monkeypatch):
    """Jobs in this process, of small models and few updates; what they leave timed is put back."""
    jobs = {"survey": tool.survey, "train": tool.train}

    def job(threads, kind, **words):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.autograd, "backward", torch.autograd.backward)
            patch.setattr(torch.nn.utils, "clip_grad_norm_", torch.nn.utils.clip_grad_norm_)
            for owner, function, _ in tool.timed_attention():
                patch.setattr(owner, function, getattr(owner, function))
            return json.loads(json.dumps(jobs[kind](**json.loads(json.dumps(words)))))

    monkeypatch.setattr(tool, "in_fresh_process", job)
    sizes = {"embedding_size": 6, "encoder_size": 4, "decoder_size": 8, "attention_size": 7, "readout_size": 5}
    windows = {"warm_updates": 1, "warm_seconds": 0, "window": 1}
    changes = {"SIZES": tool.SIZES | sizes, "WINDOWS": windows, "PROFILED": 1, "PRODUCT_SECONDS": 1e-4}
    for name, value in changes.items():
        monkeypatch.setattr(tool, name, value)


def test_a_whole_run(monkeypatch, capsys, tmp_path, tiny_prepared, in_small):
    scripts, out = fake_peers(tmp_path, OPENNMT_LOG + JOEYNMT_LOG), tmp_path / "found.json"
    for peer in ("opennmt", "joeynmt"):
        (tmp_path / peer).mkdir()
    words = ["--data", tiny_prepared, "--peers", tmp_path, "--peer-scripts", scripts, "--json", out, "--no-compile"]
    words += ["--attention", "luong-dot/no", "luong-general/no", "--precision", "float32", "--rounds", "2"]
    monkeypatch.setattr(sys, "argv", ["benchmark_train.py", *map(str, words), "--seconds", "0"])
    tool.main()
    printed, report = capsys.readouterr(), json.loads(out.read_text())
    assert [(row["system"], row["attention"]) for row in report["rows"]] == [
        (system, attention)
        for attention in ("luong-dot", "luong-general")
        for system in ("nmt fused", "nmt reference", "opennmt-py", "joeynmt")
    ]
    for row in report["rows"]:
        rate = row["target_tokens_per_second"]
        assert 0 < rate["min"] <= rate["median"] <= rate["max"]
        assert row["input_feeding"] is False
        assert row["precision"] == "float32"
        assert row["peak_mib"] > 0
    fused, _, opennmt, joeynmt = report["rows"][:4]
    assert (opennmt["target_tokens_per_second"], joeynmt["run_as"][2]) == (
        {"median": 1253.5, "min": 1214, "max": 1293},
        "luong",
    )
    assert sum(sum(ways.values()) for ways in fused["profile"]["parts"].values()) > 0
    assert printed.err.count("opennmt-py") == 2, "the two rows share a peer, measured once a round"
    assert "times opennmt-py" in printed.out
    assert "nmt reference, luong-general/no, float32: products at" in printed.out


def test_without_peers_the_plain_loop_stands_in(monkeypatch, capsys, tiny_prepared, in_small):
    words = ["--data", tiny_prepared, "--attention", "none", "--precision", "float32", "--rounds", "1", "--no-compile"]
    monkeypatch.setattr(sys, "argv", ["benchmark_train.py", *map(str, words), "--seconds", "0"])
    tool.main()
    printed = capsys.readouterr().out
    assert "No --peers: our plain loop in float32, nmt reference, stands in for them" in printed
    assert "| times nmt reference |" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--peers", "p", "--device", "cuda"], "--peers are set up for a CPU; leave them out with --device cuda"),
        (["--peers", "p", "--peer-scripts", "s"], "s/run.sh is not there; run s/setup.sh p first"),
        (["--json", "nowhere/found.json"], "--json nowhere/found.json: nowhere is no folder; make it first"),
        (["--attention", "loung-dot"], "argument --attention: invalid choice: 'loung-dot'"),
        (["--rounds", "0"], "--rounds 0: at least one is needed"),
    ],
)
def test_words_that_cannot_be_used_are_named(monkeypatch, capsys, tmp_path, words, message):
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
