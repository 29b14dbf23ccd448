"""check_gpu.py: what it says without a GPU, its jobs in small on a CPU, and its table."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.tools import TOOLS, load_tool

tool = load_tool("benchmarks/check_gpu")


def test_without_a_gpu_there_is_nothing_to_check():
    done = subprocess.run(
        [TOOLS / "check_gpu.sh"],
        env={"CUDA_VISIBLE_DEVICES": "", "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "no GPU that PyTorch can use: there is nothing to check\n"), (
        done.stderr
    )


def test_a_missing_test_file_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["check_gpu.py", "--corpus", str(tmp_path), "--target-lang", "fr"])
    with pytest.raises(SystemExit, match="2"):
        tool.main()
    assert f"error: {tmp_path / 'test.en'} does not exist" in capsys.readouterr().err


@pytest.fixture
def on_the_cpu(monkeypatch):
    monkeypatch.setattr(tool, "DEVICE", "cpu")
    monkeypatch.setattr(tool, "RECIPE", "sample")
    monkeypatch.setattr(tool, "WINDOWS", {"warm_seconds": 0, "window": 1})
    sizes = {"embedding_size": 6, "encoder_size": 4, "decoder_size": 8, "attention_size": 7, "readout_size": 5}
    monkeypatch.setattr(tool, "SIZES", tool.SIZES | sizes)


@pytest.mark.parametrize("loop", ["nmt", "nmt, loop=reference", "plain GRUCell"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_loop_trains(on_the_cpu, tiny_prepared, loop, precision):
    found = tool.train(str(tiny_prepared), loop, precision, 100, 0)
    assert len(found["rates"]) == 1
    assert found["rates"][0] > 0
    assert found["peak_mib"] > 0


def test_translation_is_timed_in_whole_passes(on_the_cpu, reverser, tiny_corpus):
    found = tool.translate(str(reverser), str(tiny_corpus / "test.a"), "cpu", "float32", 2, 16, 0)
    assert len(found["rates"]) == 1
    assert found["rates"][0] > 0


def test_a_run_is_trained_and_scored(on_the_cpu, tiny_prepared, tiny_corpus, tmp_path):
    found = tool.measure_quality(
        tiny_prepared, tmp_path / "run", [tiny_corpus / "test.a", tiny_corpus / "test.b"], 0.02
    )
    assert len(found["validations"]) >= 1
    assert "BLEU|nrefs:1" in found["test"]


def test_the_table_compares_with_the_plain_loop_and_names_failures():
    row = {"precision": "bfloat16", "max_tokens": 1850}
    rates = {"median": 3000.0, "min": 2000.0, "max": 4000.0}
    report = {
        "machine": {"gpu": "A card", "memory_gib": 8, "torch": "2.13.0", "cuda": "13.0"},
        "tests": {"counts": {"passed": 7, "failed": 1}},
        "training": [
            {**row, "loop": "nmt", "rate": rates, "peak_mib": 12.4},
            {**row, "loop": "nmt, loop=reference", "failed": "1"},
            {**row, "loop": "plain GRUCell", "rate": rates | {"median": 2000.0}, "peak_mib": 20},
        ],
        "translation": [
            {"device": "cpu", "precision": "int8", "beam": 5, "batch_size": 1, "rate": rates, "peak_mib": 5}
        ],
        "quality": {"validations": [[90, 31.25]], "test": "scores"},
        "seconds": 420,
    }
    lines = "\n".join(tool.format_report(report)).splitlines()
    assert lines[:2] == ["A card, 8 GiB, torch 2.13.0, CUDA 13.0", "tests on the GPU: 7 passed, 1 failed"]
    assert "| nmt | bfloat16 | 1,850 | 3,000 (2,000–4,000) | 12 | 1.50 |" in lines
    assert "| nmt, loop=reference | bfloat16 | 1,850 | failed |  |  |" in lines
    assert "| cpu | int8 | 5 | 1 | 3,000.0 (2,000.0–4,000.0) | 5 |" in lines
    assert "| 1.5 | 31.2 |" in lines
    assert lines[-1] == "the check took 7.0 minutes"
