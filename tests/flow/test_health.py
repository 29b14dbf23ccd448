"""Trainings that go wrong without an error of the program: what a person reads, and what remains on disk."""

import gzip
import json
import re
from unittest.mock import Mock

import pytest
import torch
from support.attentions import FadingAttention
from support.runs import REVERSER

import nmt
from nmt.data.batches import measure_size, plan_epoch
from nmt.data.prepared import PreparedCorpus
from nmt.model.attention.base import AttentionOutput
from nmt.model.seq2seq import Seq2Seq
from nmt.settings import RunSettings
from nmt.training.update import Updater

SMALL = [f"--set=model.{part}_size={size}" for part, size in (("embedding", 8), ("encoder", 8), ("decoder", 16))]
SMALL += ["--set=model.attention_size=8", "--set=train.max_tokens=200", "--precision=float32", "--device=cpu"]


@pytest.fixture
def train(run_nmt, tiny_prepared, tmp_path):
    """`train(words…)`: nmt train to the folder `run` with a small model on the toy corpus."""
    return lambda *words: run_nmt("train", "--data", tiny_prepared, "--out", tmp_path / "run", *words)


def read_records(run, kind):
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [record for record in records if record["kind"] == kind]


def read_place(run):
    return json.loads((run / "last" / "checkpoint.json").read_text())["place"]


def spoil_gradients(monkeypatch, value):
    """Every gradient of the output layer's bias becomes `value`."""
    accumulate = Updater._accumulate

    def accumulate_wrongly(self, *rest):
        sums = accumulate(self, *rest)
        for parameter in self.model.parameters():
            parameter.grad *= 0
        self.model.output_bias.grad += value
        return sums

    monkeypatch.setattr(Updater, "_accumulate", accumulate_wrongly)


def test_gradients_that_overflow_again_and_again_stop_training(train, tiny_prepared, tmp_path, monkeypatch):
    run = tmp_path / "run"
    assert train(*SMALL, "--max-updates=4").code == 0
    before = {path: path.read_bytes() for path in (run / "last").iterdir()}
    spoil_gradients(monkeypatch, float("inf"))
    done = train("--resume", "--max-updates=20", "--set=train.max_unchanged=3")
    split = PreparedCorpus.open(tiny_prepared).open_split("train")
    rows = list(plan_epoch(split, 200, 1, epoch=0))[6]
    numbers = [str(row + 1) for row in sorted(rows.tolist())]
    assert done.code == 2
    message = done.stderr[done.stderr.index("nmt: error") :].splitlines()
    assert message[:2] == [
        "nmt: error: 3 updates in a row changed nothing, the last of them update 7: its gradients are not finite",
        f"  its batch: lines {', '.join(numbers[:40])} and {len(numbers) - 40} more of the training text"
        if len(numbers) > 40
        else f"  its batch: lines {', '.join(numbers[:-1])} and {numbers[-1]} of the training text",
    ]
    assert message[2].startswith("  largest gradients: output_bias inf, ")
    assert message[3] == (
        f"  {run / 'last'} is unchanged and has update 4. Continue from it with --resume and a lower "
        "train.learning_rate (now 0.002) or a smaller train.clip (now 1), and look at these pairs"
    )
    assert {path: path.read_bytes() for path in (run / "last").iterdir()} == before
    monkeypatch.undo()
    done = train("--resume", "--max-updates=6", "--set=train.learning_rate=1e-3", "--set=train.clip=0.5")  # as advised
    assert done.code == 0


def test_without_a_limit_updates_that_change_nothing_are_counted(train, tmp_path, monkeypatch):
    spoil_gradients(monkeypatch, 0)
    done = train(*SMALL, "--max-updates=5", "--set=train.validate_every=3", "--set=train.max_unchanged=0")
    assert done.code == 0
    assert "update 4 changed nothing: its gradients are zero; 4 such updates so far\n" in done.stderr
    assert [record["unchanged"] for record in read_records(tmp_path / "run", "train")] == [3, 2]
    assert read_place(tmp_path / "run")["unchanged"] == read_place(tmp_path / "run")["unchanged_in_row"] == 5
    monkeypatch.undo()
    assert train("--resume", "--max-updates=6").code == 0
    assert read_records(tmp_path / "run", "train")[-1]["unchanged"] == 2  # of updates 4 to 6, as without a stop
    assert (read_place(tmp_path / "run")["unchanged"], read_place(tmp_path / "run")["unchanged_in_row"]) == (5, 0)


def test_a_learning_rate_below_all_numbers_changes_nothing(train, tmp_path):
    done = train(*SMALL, "--set=train.learning_rate=1e-60", "--set=train.max_unchanged=2", "--set=train.clip=0")
    assert done.code == 2
    assert "2 updates in a row changed nothing, the last of them update 2: no parameter is another " in done.stderr
    assert f"{tmp_path / 'run'} has no checkpoint yet and can be removed. " in done.stderr
    assert (
        "Train again with a higher train.learning_rate (now 1e-60, and 1e-62 in this update), and look" in done.stderr
    )


def test_a_gradient_that_is_not_finite_is_left_out_without_clipping_too(train, tmp_path, monkeypatch):
    spoil_gradients(monkeypatch, float("nan"))
    done = train(*SMALL, "--max-updates=1", "--set=train.clip=0")
    assert done.code == 0
    assert "update 1 changed nothing: its gradients are not finite\n" in done.stderr


class FirstWordAttention(FadingAttention):
    """All weight is on the first source position."""

    def forward(self, state_BKD, memory, history_BKP=None):
        weights_BKS = torch.zeros(*state_BKD.shape[:2], memory.values_BSM.shape[1])
        weights_BKS[..., 0] = 1
        return AttentionOutput(weights_BKS @ memory.values_BSM, weights_BKS, weights_BKS)


class Notes(nmt.Progress):
    def __init__(self):
        self.texts = []

    def note(self, text):
        self.texts.append(text)


@pytest.mark.parametrize("attention", ["first-word", "none", "luong-general"])
def test_collapsed_attention_is_noted_once(register, tiny_prepared, tmp_path, attention):
    register("first-word", FirstWordAttention, wiring="after")
    settings = REVERSER.model_dump()
    settings["model"] |= {"attention": attention, "embedding_size": 8, "encoder_size": 8, "decoder_size": 16}
    settings["train"] |= {"max_updates": 2, "validate_every": 1}
    notes = Notes()
    nmt.train(tiny_prepared, tmp_path / "run", RunSettings.model_validate(settings), device="cpu", progress=notes)
    nmt.resume(tiny_prepared, tmp_path / "run", max_updates=3, device="cpu", progress=notes)
    collapsed = [text for text in notes.texts if text.startswith("attention has collapsed: 100.0 % of it in ")]
    assert len(collapsed) == (attention == "first-word")
    assert read_place(tmp_path / "run")["collapsed"] == (attention == "first-word")


def predict_no_numbers(monkeypatch, where):
    """Make predictions in validation NaN: those of the references, or those of the search alone."""
    if where == "loss":
        monkeypatch.setattr(Updater, "measure", lambda *_: torch.nan)
        return
    predict = Seq2Seq.predict

    def predict_without_numbers(*arguments):
        output, log_probs_NV = predict(*arguments)
        return output, log_probs_NV * torch.nan

    monkeypatch.setattr(Seq2Seq, "predict", predict_without_numbers)


@pytest.mark.parametrize("where", ["loss", "search"])
def test_weights_that_predict_no_numbers_end_training_with_what_to_do(train, monkeypatch, where):
    """The checkpoint `last` has these weights too, so resuming fails in the same way."""
    predict_no_numbers(monkeypatch, where)
    for words in ([*SMALL, "--set=train.learning_rate=0.5", "--set=train.clip=0", "--max-updates=1"], ["--resume"]):
        done = train(*words)
        assert done.code == 2
        assert done.stderr.partition("nmt: error: ")[2] == (
            "training has diverged: after update 1 the model predicts what is not a finite number\n"
            "  Train again in another folder, with a lower train.learning_rate (now 0.5), train.clip=1 or a "
            "longer train.warmup (now 200)\n"
        )


@pytest.mark.parametrize("where", ["loss", "search"])
def test_training_that_diverges_later_can_start_from_its_best_checkpoint(train, tmp_path, monkeypatch, where):
    assert train(*SMALL, "--set=train.warmup=0", "--max-updates=4").code == 0
    predict_no_numbers(monkeypatch, where)
    done = train("--resume", "--max-updates=8")
    assert done.code == 2
    assert done.stderr.endswith(f"longer train.warmup (now 0); update 4 is a start: --from {tmp_path / 'run'}\n")


def test_a_profile_is_a_trace_and_a_table(train, tmp_path):
    words = ["--set=train.accumulate=2", "--set=train.validate_every=100", "--profile"]
    done = train(*SMALL, "--max-updates=3", *words)
    assert done.code == 0
    assert "there is no profile: it begins after 5 updates\n" in done.stderr
    done = train("--resume", "--max-updates=14", "--profile")
    assert done.code == 0
    table = done.stderr.split("profile of 5 updates, by the CPU:\n")[1].splitlines()
    assert table[0].split() == ["ms/update", "share", "calls"]
    assert [row.split()[0] for row in table[1:4]] == ["forward", "backward", "optimizer"]
    assert float(table[4].split()[1]) > 0
    path = tmp_path / "run" / "profile.json.gz"
    assert f"{path}: open it at ui.perfetto.dev or chrome://tracing\n" in done.stderr
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    names = [event.get("name") for event in events if event.get("cat") == "user_annotation"]
    forward, backward, optimizer = (names.count(name) for name in ("forward", "backward", "optimizer"))
    assert 8 <= forward == backward <= 10  # two batches an update, but at the end of an epoch
    assert optimizer == 5
    assert "USDT" not in done.stderr


@pytest.mark.parametrize("fault", ["nmt.training.profiling.write_atomically", "torch.profiler.profile.start"])
def test_a_profile_that_cannot_be_written_does_not_end_training(train, monkeypatch, fault):
    monkeypatch.setattr(fault, Mock(side_effect=OSError("no space left")))
    done = train(*SMALL, "--max-updates=11", "--profile")
    assert done.code == 0
    assert "profile.json.gz cannot be written, and training goes on without: OSError: no space left\n" in done.stderr
    assert "stopped: 11 updates are done" in done.stderr


def test_a_trace_that_is_too_large_is_not_kept(train, tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.training.profiling.MAX_BYTES", 1000)
    done = train(*SMALL, "--max-updates=7", "--profile")  # shorter than a profile
    assert "profile of 2 updates, by the CPU:\n" in done.stderr
    assert "profile.json.gz is not written: it would have 0 MiB. Use a smaller train.max_tokens\n" in done.stderr
    assert not (tmp_path / "run" / "profile.json.gz").exists()


def test_the_size_that_did_not_fit_is_remembered(train, tmp_path, monkeypatch):
    """Batches of four pairs or more fail. A size fails once at most, also after a restart, and the runs are equal."""
    accumulate, failed = Updater._accumulate, []

    def accumulate_little(self, batch, *rest):
        if len(batch.source_BS) >= 4:
            failed.append(measure_size(batch))
            raise MemoryError
        return accumulate(self, batch, *rest)

    monkeypatch.setattr(Updater, "_accumulate", accumulate_little)
    done = train(*SMALL, "--max-updates=6", "--set=train.accumulate=2")
    assert done.code == 0
    assert failed == sorted(set(failed), reverse=True)
    place = read_place(tmp_path / "run")
    assert place["split_from"] == failed[-1]
    assert done.stderr.count(" positions did not fit in memory, and was split. From now on those of this size ") == 1
    assert re.search(r"update 1: a batch of [\d,]+ positions did not fit", done.stderr)
    whole = (tmp_path / "run" / "last" / "weights.safetensors").read_bytes()
    (tmp_path / "run").rename(tmp_path / "whole")
    assert train(*SMALL, "--max-updates=4", "--set=train.accumulate=2").code == 0
    failed.clear()
    remembered = read_place(tmp_path / "run")["split_from"]
    done = train("--resume", "--max-updates=6")
    assert "did not fit" not in done.stderr
    assert all(size < remembered for size in failed)
    assert (tmp_path / "run" / "last" / "weights.safetensors").read_bytes() == whole
