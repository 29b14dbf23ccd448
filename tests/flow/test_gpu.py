"""The commands on a GPU, as on a CPU: training, resuming, translating, aligning and scoring."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file
from support.machine import needs_gpu

pytestmark = needs_gpu
SMALL = [
    *("--set", "model.embedding_size=16", "--set", "model.encoder_size=16", "--set", "model.decoder_size=32"),
    *("--set", "model.attention_size=16", "--set", "model.readout_size=16", "--set", "train.max_tokens=100"),
    *("--set", "train.validate_every=5", "--set", "train.warmup=4", "--set", "model.word_dropout=0.1"),
]


@pytest.fixture
def train(run_nmt, tiny_prepared):
    return lambda out, *words: run_nmt("train", "--data", tiny_prepared, "--out", out, "--device", "cuda", *words)


@pytest.fixture
def translate(run_nmt, reverser, tiny_corpus):
    """`translate(device, words…)`: standard output."""

    def run(device, *words):
        words = [tiny_corpus / "test.a", "--precision", "float32", "--device", device, *words]
        done = run_nmt("translate", "--model", reverser, *words)
        assert done.code == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@pytest.mark.parametrize("words", [[], ["--compile"], ["--precision", "float32"]], ids=" ".join)
def test_ten_updates_equal_five_a_restart_and_five(train, tmp_path, words, compiling):
    for out, updates in ("ten", 10), ("five", 5):
        done = train(tmp_path / out, *SMALL, *words, "--max-updates", updates)
        assert done.code == 0, done.stderr
        assert torch.cuda.get_device_name() in done.stderr
    assert train(tmp_path / "five", "--resume", "--max-updates", "10").code == 0
    for name in ("weights.safetensors", "training.safetensors"):
        ten, five = (load_file(tmp_path / run / "last" / name) for run in ("ten", "five"))
        assert ten.keys() == five.keys()
        for key, tensor in ten.items():
            assert torch.equal(tensor, five[key]), key


@pytest.mark.parametrize("words", [["--beam", "5"], ["--sample", "--seed", "3"], ["--no-repeat", "2"]], ids=" ".join)
def test_translations_are_those_of_the_cpu(translate, words):
    for size in "1", "16":
        cpu, gpu = (translate(device, *words, "--batch-size", size) for device in ("cpu", "cuda"))
        assert gpu == cpu


def test_scores_are_those_of_the_cpu(translate):
    """Hypotheses whose scores are nearly the same may change places."""
    cpu, gpu = (translate(device, "--beam", "4", "--n-best", "4").splitlines() for device in ("cpu", "cuda"))
    assert [float(line.split()[-1]) for line in gpu] == pytest.approx(
        [float(line.split()[-1]) for line in cpu], abs=2e-4
    )


def test_constraints_and_the_other_commands_work_on_a_gpu(run_nmt, reverser, tiny_corpus):
    line = json.dumps({"source": "ba de fi", "constraints": ["zu"]})
    done = run_nmt("translate", "--model", reverser, "--input-format", "jsonl", "--device", "cuda", stdin=line + "\n")
    assert done.code == 0, done.stderr
    assert "zu" in done.stdout
    sides = ["--model", reverser, "--source", tiny_corpus / "test.a", "--precision", "float32"]
    words = ["align", *sides, "--target", tiny_corpus / "test.b"]
    cpu, gpu = (run_nmt(*words, "--device", device) for device in ("cpu", "cuda"))
    assert (gpu.code, gpu.stdout) == (0, cpu.stdout), gpu.stderr
    words = ["evaluate", *sides, "--reference", tiny_corpus / "test.b", "--metrics", "bleu"]
    cpu, gpu = (run_nmt(*words, "--device", device) for device in ("cpu", "cuda"))
    bleu_of = [re.search(r"^\S+ +5 +([0-9.]+) ", done.stdout, re.MULTILINE)[1] for done in (cpu, gpu)]
    assert (gpu.code, float(bleu_of[0])) == (0, float(bleu_of[1])), gpu.stderr


def test_auto_trains_and_translates_on_the_gpu(run_nmt, tiny_prepared, tiny_corpus, tmp_path):
    done = run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", *SMALL, "--max-updates", "5")
    assert (done.code, torch.cuda.get_device_name() in done.stderr) == (0, True), done.stderr
    done = run_nmt("translate", "--model", tmp_path / "run", tiny_corpus / "test.a")
    assert done.code == 0, done.stderr
    assert len(done.stdout.splitlines()) == 30
