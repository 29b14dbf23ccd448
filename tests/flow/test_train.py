"""nmt train as a user meets it: what a run folder holds, limits, resuming, and what goes wrong."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from unittest.mock import Mock

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.processes import wait_until
from support.runs import write_facts

import nmt.translation.validation
from nmt.checkpoint import read_run
from nmt.errors import UsageError
from nmt.files import hash_file, lock_exclusively
from nmt.kernels.compiled import require_compiler
from nmt.loaded_run import load_run
from nmt.metadata import add_line_of_checksum
from nmt.settings import RESUMABLE
from nmt.training.update import Updater
from nmt.weights import save_checkpoint

SMALL = [
    *("--set", "model.embedding_size=16", "--set", "model.encoder_size=16", "--set", "model.decoder_size=32"),
    *("--set", "model.attention_size=16", "--set", "model.readout_size=16", "--set", "train.max_tokens=100"),
]

FROZEN = [
    *("--set", "train.learning_rate=1e-30", "--set", "train.validate_every=1", "--set", "train.metric=perplexity"),
    *("--set", "train.warmup=0"),
]


@pytest.fixture
def train(run_nmt, tiny_prepared):
    """`train(out, words…)`: nmt train with a small model on the toy corpus."""
    return lambda out, *words: run_nmt("train", "--data", tiny_prepared, "--out", out, "--device", "cpu", *words)


def records(run, kind):
    lines = (run / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_has_everything_that_translating_needs(drawn_curve, train, run_nmt, tmp_path):
    run = tmp_path / "run"
    done = train(run, *SMALL, "--max-epochs", "2", "--precision", "float32")
    assert (done.code, done.stdout) == (0, "")
    assert "1,000 pairs" in done.stderr
    assert "padding" in done.stderr
    assert "luong-concat" in done.stderr
    assert "float32" in done.stderr
    assert "perplexity" in done.stderr
    assert "bleu" in done.stderr
    assert "stopped: 2 epochs are done" in done.stderr
    names = {path.name for path in run.iterdir()}
    assert names >= {"settings.toml", "run.json", "source.model", "target.model", "best", "last", "log.jsonl"}
    assert names >= {"curve.png", "events"}
    assert (run / "curve.png").read_bytes().startswith(b"\x89PNG")
    valid = records(run, "valid")
    assert [record["epoch"] for record in valid] == [1, 2]
    assert valid[1]["perplexity"] < valid[0]["perplexity"] < 300
    assert sum(name.startswith("update-") for name in names) == 2
    assert load_run(run, "last").settings.train.max_epochs == 2
    shown = run_nmt("inspect", run)
    assert shown.code == 0
    for words in ("a to b", "luong-concat", "parameters", "best", "perplexity"):
        assert words in shown.stdout


def test_ten_updates_equal_five_a_restart_and_five(train, tmp_path):
    words = [*SMALL, "--set", "train.validate_every=5", "--set", "train.warmup=4"]
    assert train(tmp_path / "ten", *words, "--max-updates", "10").code == 0
    assert train(tmp_path / "five", *words, "--max-updates", "5").code == 0
    assert train(tmp_path / "five", "--resume", "--max-updates", "10").code == 0
    assert read_run(tmp_path / "five").settings == read_run(tmp_path / "ten").settings
    for name in ("weights.safetensors", "training.safetensors"):
        ten, five = (load_file(tmp_path / run / "last" / name) for run in ("ten", "five"))
        assert ten.keys() == five.keys()
        for key, tensor in ten.items():
            assert torch.equal(tensor, five[key]), key
    assert [r["loss"] for r in records(tmp_path / "ten", "train")] == [
        r["loss"] for r in records(tmp_path / "five", "train")
    ]


def test_settings_come_from_recipe_file_and_overrides(train, tmp_path):
    (tmp_path / "my.toml").write_text("[train]\nclip = 0.5\nwarmup = 7\n")
    done = train(
        tmp_path / "run", *SMALL, "--config", tmp_path / "my.toml", "--set", "train.warmup=9", "--max-updates", "1"
    )
    assert done.code == 0
    settings = load_run(tmp_path / "run").settings.train
    assert (settings.clip, settings.warmup, settings.max_updates) == (0.5, 9, 1)


@pytest.mark.parametrize(
    "attention", ["luong-dot", "luong-general", "luong-concat", "luong-location", "scaled-dot", "none"]
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_attention_trains(train, tmp_path, attention, precision):
    done = train(
        *(tmp_path / "run", *SMALL, "--set", f"model.attention={attention}", "--max-updates", "25"),
        *("--precision", precision, "--set", "train.warmup=5"),
    )
    assert done.code == 0
    losses = [record["loss"] for record in records(tmp_path / "run", "train")]
    assert losses[-1] < losses[0]
    assert f"{attention}, " in done.stderr
    assert precision in done.stderr


def test_parts_of_attention_train_translate_and_align(train, run_nmt, tmp_path):
    parts = ["wiring=before", "heads=2", "window=predictive", "normalizer=entmax", "content_gate=plain"]
    parts += ["coverage=neural", 'mix=["scaled-dot"]', "mix_window=monotonic", "encoder_heads=2"]
    done = train(
        *(tmp_path / "run", *SMALL, *(word for part in parts for word in ("--set", f"model.{part}"))),
        *("--max-updates", "25", "--precision", "bfloat16", "--set", "train.warmup=5"),
    )
    assert done.code == 0
    losses = [record["loss"] for record in records(tmp_path / "run", "train")]
    assert losses[-1] < losses[0]
    translated = run_nmt("translate", "--model", tmp_path / "run", stdin="a b\n\nc\n")
    assert (translated.code, len(translated.stdout.splitlines())) == (0, 3)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("a b\nc\n")
    target.write_text("b a\nc\n")
    aligned = run_nmt("align", "--model", tmp_path / "run", "--source", source, "--target", target)
    assert aligned.code == 0
    assert [len(line.split()) for line in aligned.stdout.splitlines()] == [2, 1]


def test_patience_and_time_end_training_and_schedules_change_the_rate(train, tmp_path):
    frozen = ["--set", "train.learning_rate=1e-30", "--set", "train.validate_every=1", "--set", "train.patience=3"]
    done = train(tmp_path / "patient", *SMALL, *frozen, "--set", "train.metric=perplexity")
    assert "has not improved for 3 validations" in done.stderr
    assert len(records(tmp_path / "patient", "valid")) == 4
    kept = [path.name for path in (tmp_path / "patient").glob("update-*")]
    assert sorted(kept) == ["update-000002", "update-000003", "update-000004"]
    done = train(tmp_path / "short", *SMALL, "--max-minutes", "0.001")
    assert "0.001 minutes are over" in done.stderr
    assert records(tmp_path / "short", "valid")
    plateau = [*frozen, "--set", "train.schedule=plateau", "--set", "train.warmup=0", "--set", "train.plateau=1"]
    train(tmp_path / "plateau", *SMALL, *plateau, "--set", "train.metric=perplexity", "--set", "train.decay=0.5")
    rates = [record["learning_rate"] for record in records(tmp_path / "plateau", "train")]
    assert rates == [1e-30, 1e-30, 5e-31, 2.5e-31]


def test_accumulated_batches_make_the_update_of_one_large_batch(tiny_prepared):
    from nmt.data.batches import Batch, make_batch, split_batch
    from nmt.data.prepared import PreparedCorpus
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings, TrainSettings

    prepared = PreparedCorpus.open(tiny_prepared)
    batch = make_batch(prepared.open_split("train"), torch.arange(6).numpy())
    states = []
    for group in ([batch], split_batch(batch)):
        torch.manual_seed(0)
        model = Seq2Seq(ModelSettings(embedding_size=8, dropout=0.0), 296, 296).double()
        updater = Updater(model, TrainSettings(), device=torch.device("cpu"), precision=torch.float32)
        loss, nll, tokens, *_ = updater.update([Batch(*part) for part in group], 0.001)
        states.append((loss, nll, tokens, dict(model.named_parameters())))
    assert states[0][2] == states[1][2]
    torch.testing.assert_close(states[0][0], states[1][0])
    torch.testing.assert_close(states[0][1], states[1][1])
    for name, parameter in states[0][3].items():
        torch.testing.assert_close(parameter, states[1][3][name], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("fitting", [1, 6])
@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("pretend"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_a_batch_that_does_not_fit_in_memory_is_split(train, tmp_path, monkeypatch, fitting, error):
    accumulate, sizes = Updater._accumulate, []

    def tight(self, batch, *rest):
        sizes.append(len(batch.source_BS))
        if len(batch.source_BS) > fitting:
            raise error
        return accumulate(self, batch, *rest)

    monkeypatch.setattr(Updater, "_accumulate", tight)
    assert train(tmp_path / "run", *SMALL, "--set", "train.accumulate=2", "--max-updates", "2").code == 0
    assert max(sizes) > fitting


def test_a_pair_that_does_not_fit_in_memory_raises_an_error(train, tmp_path, monkeypatch):
    monkeypatch.setattr(Updater, "_accumulate", lambda self, *rest: exec("raise MemoryError"))
    done = train(tmp_path / "small", *SMALL, "--max-updates", "2")
    assert done.code == 2
    assert "one sentence pair alone does not fit in memory" in done.stderr


def test_other_runtime_errors_are_not_handled(train, tmp_path, monkeypatch):
    monkeypatch.setattr(Updater, "_accumulate", lambda self, *rest: exec("raise RuntimeError('odd')"))
    done = train(tmp_path / "run", *SMALL, "--max-updates", "2")
    assert done.code == 1
    assert "RuntimeError: odd" in done.stderr


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_checkpoint(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--set", "train.validate_every=4", "--max-updates", "4").code == 0
    weights = load_file(run / "last" / "weights.safetensors")
    weights["output_bias"][5] = float("nan")
    save_file(weights, run / "last" / "weights.safetensors")
    facts = json.loads((run / "last" / "checkpoint.json").read_text())
    facts["sha256"]["weights.safetensors"] = hash_file(run / "last" / "weights.safetensors")
    write_facts(run / "last" / "checkpoint.json", facts)
    before = contents(run / "best"), contents(run / "last")
    done = train(run, "--resume", "--max-updates", "8")
    assert done.code == 2
    assert "the loss of update 5 is not a number" in done.stderr
    assert "learning_rate" in done.stderr
    assert (contents(run / "best"), contents(run / "last")) == before


@pytest.mark.numerical
def test_a_loss_that_was_never_a_number_leaves_a_run_that_can_be_removed(train, tmp_path):
    """The first update makes weights of 3e38: on every CPU two of them add up to more than a float32 can hold."""
    done = train(tmp_path / "run", *SMALL, "--set", "train.learning_rate=3e38", "--set", "train.warmup=0")
    assert done.code == 2
    assert "is not a number" in done.stderr
    assert f"{tmp_path / 'run'} has no checkpoint yet and can be removed" in done.stderr


@pytest.mark.numerical
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_absurd_learning_rate_ends_in_a_message_or_in_a_curve(train, tmp_path, precision):
    """With weights of 1e30 the order of a CPU's sums decides whether the loss is a number."""
    words = ["--set", "train.learning_rate=1e30", "--set", "train.warmup=0", "--precision", precision]
    done = train(tmp_path / "run", *SMALL, *words, "--max-updates", "20")
    assert (done.code, bool(re.search("is not a (finite )?number", done.stderr))) in [(0, False), (2, True)]
    assert (tmp_path / "run" / "curve.png").exists() == (done.code == 0)


def test_a_run_is_trained_by_one_program_at_a_time(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "1").code == 0
    before = contents(run)
    with lock_exclusively(run, run):
        done = train(run, "--resume", "--max-epochs", "500", "--set", "train.patience=3")
    assert done.code == 2
    assert f"{run} is being written by another program" in done.stderr
    assert contents(run) == before


def test_weights_that_are_not_numbers_are_not_saved(train, tmp_path, monkeypatch):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "4").code == 0
    before = contents(run / "best"), contents(run / "last")
    update = Updater.update

    def spoil(self, *rest):
        figures = update(self, *rest)
        with torch.no_grad():
            self.model.output_bias[5] = float("nan")
        return figures

    monkeypatch.setattr(Updater, "update", spoil)
    done = train(run, "--resume", "--max-updates", "5")
    assert done.code == 2
    assert "a weight after update 5 is not a number" in done.stderr
    assert (contents(run / "best"), contents(run / "last")) == before


def test_a_full_disk_leaves_the_checkpoints_unchanged(train, tmp_path):
    run = tmp_path / "run"
    wide = [*SMALL, "--set", "model.decoder_size=160"]
    assert train(run, *wide, "--max-updates", "2").code == 0
    before = contents(run / "best"), contents(run / "last")
    assert (run / "best/weights.safetensors").stat().st_size > 200_000 > (run / "curve.png").stat().st_size
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
    try:
        done = train(run, "--resume", "--max-updates", "4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert done.code == 2
    advice = "  The last checkpoint is whole: free disk space. To continue: nmt train "
    assert f"nmt: error: {run}/last: {os.strerror(errno.EFBIG)}\n{advice}" in done.stderr
    assert "Traceback" not in done.stderr
    assert (contents(run / "best"), contents(run / "last")) == before
    assert train(run, "--resume", "--max-updates", "4").code == 0


def test_after_a_full_disk_before_the_first_checkpoint_the_same_command_works(train, tmp_path):
    run = tmp_path / "run"
    words = [*SMALL, "--set", "model.decoder_size=160", "--max-updates", "2"]
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
    try:
        done = train(run, *words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert done.code == 2
    assert "free disk space or use another path, then run again\n" in done.stderr
    resumed = train(run, "--resume")
    assert resumed.stderr == (f"nmt: error: {run} has no checkpoint to resume from\n  Train again without --resume\n")
    (run / ".last.new").mkdir()  # a kill leaves it
    before = contents(run)
    with lock_exclusively(run, run):
        locked = train(run, *words)
    assert (locked.code, contents(run)) == (2, before)
    assert f"{run} is being written by another program" in locked.stderr
    assert train(run, *words).code == 0
    assert [record["update"] for record in records(run, "train")] == [2]
    assert f"{run} already holds a run" in train(run, *words).stderr


@pytest.mark.parametrize("name", ["thesis.txt", "update-000500-mine", "last"])
def test_a_run_with_more_than_its_beginning_is_not_replaced(train, tmp_path, name):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "1").code == 0
    for folder in ("best", "last", "update-000001"):
        shutil.rmtree(run / folder)
    (run / name).mkdir()
    before = contents(run)
    done = train(run, *SMALL)
    assert (done.code, contents(run)) == (2, before)
    assert f"{run} already holds a run" in done.stderr


def test_a_validation_that_was_due_at_an_interruption_runs_after_resuming(train, tmp_path, monkeypatch):
    words = [*SMALL, "--set", "train.validate_every=2", "--max-updates", "4"]
    assert train(tmp_path / "whole", *words).code == 0
    update = Updater.update

    def interrupted(self, *rest):
        figures = update(self, *rest)
        if len(updates := [*updates_done, 1]) == 2:
            signal.raise_signal(signal.SIGINT)
        updates_done[:] = updates
        return figures

    updates_done = []
    monkeypatch.setattr(Updater, "update", interrupted)
    assert train(tmp_path / "broken", *words).code == 130
    monkeypatch.undo()
    assert not records(tmp_path / "broken", "valid")
    assert train(tmp_path / "broken", "--resume").code == 0
    whole, broken = (
        [(record["update"], record["perplexity"]) for record in records(tmp_path / run, "valid")]
        for run in ("whole", "broken")
    )
    assert broken == whole
    assert contents(tmp_path / "broken" / "best") == contents(tmp_path / "whole" / "best")


def test_resuming_reports_where_it_continues_and_what_has_changed(train, tmp_path):
    run = tmp_path / "run"
    words = [*SMALL, "--max-epochs", "2", "--seed", "7", "--set", "train.clip=0.5"]
    assert train(run, *words, "--max-updates", "3").code == 0
    done = train(run, *words, "--resume", "--max-updates", "5", "--max-minutes", "30")
    assert done.code == 0
    assert "continues after update 3, in epoch 1, after 0.0 minutes of training\n" in done.stderr
    assert "train.max_updates is 5 now, and was 3\n" in done.stderr
    assert "the limit of 30 minutes counts from now\n" in done.stderr
    assert "train.clip" not in done.stderr
    assert "epoch 1, update 5, 0.0 min: perplexity" in done.stderr
    assert "stopped: 5 updates are done;" in done.stderr
    settings = read_run(run).settings.train
    assert (settings.seed, settings.clip, settings.max_updates, settings.max_minutes) == (7, 0.5, 5, 30)


def test_resuming_with_other_settings_than_those_of_the_run_is_refused(train, tmp_path):
    run = tmp_path / "run"
    (tmp_path / "my.toml").write_text("[train]\nwarmup = 30\n")
    assert train(run, *SMALL, "--config", tmp_path / "my.toml", "--max-updates", "1").code == 0
    before = contents(run)
    done = train(run, "--resume", "--config", tmp_path / "my.toml", "--seed", "3", "--set", "model.heads=2")
    assert (done.code, contents(run)) == (2, before)
    assert done.stderr == (
        "nmt: error: 2 settings cannot change when a run is resumed\n"
        "  model.heads = 2   the run has 1\n"
        "  train.seed = 3   the run has 1\n"
        f"  Only {', '.join(RESUMABLE)} may change: leave out the others, or train a new run\n"
    )
    done = train(run, "--resume", "--set", "train.max_epoch=3")
    assert (done.code, contents(run)) == (2, before)
    assert 'no such setting; did you mean "max_epochs"?' in done.stderr


@pytest.mark.parametrize(
    ("first", "more", "message"),
    [
        (
            ["--max-updates", "5"],
            ["--max-updates", "4"],
            "is in update 5 already, so --max-updates 4 cannot be met\n  Use a larger one, or 0 for no limit. "
            "The run is unchanged\n",
        ),
        (
            ["--max-epochs", "3"],
            ["--set", "train.max_epochs=2", "--max-minutes", "9"],
            "is in epoch 3 already, so --max-epochs 2 cannot be met",
        ),
        (
            ["--max-updates", "60", "--max-epochs", "2"],
            ["--max-epochs", "1", "--max-updates", "0"],
            "is in epoch 2 already, so --max-epochs 1 cannot be met",
        ),
        (
            [*FROZEN, "--set", "train.patience=2"],
            ["--max-epochs", "40"],
            "has ended: perplexity has not improved for 2 validations, and train.patience is 2\n"
            "  To continue, set a larger train.patience, or 0 for no limit. The run is unchanged\n",
        ),
    ],
)
def test_limits_that_leave_nothing_to_train_are_refused_before_anything_is_stored(
    train, tmp_path, first, more, message
):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--set", "train.max_tokens=1000", *first).code == 0
    before = contents(run)
    done = train(run, "--resume", *more)
    assert (done.code, contents(run)) == (2, before)
    assert message in done.stderr


def test_a_training_that_stopped_early_continues_with_more_patience_and_another_rate(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, *FROZEN, "--set", "train.patience=2").code == 0
    stopped = records(run, "valid")[-1]
    words = ["--set", "train.patience=4", "--set", "train.learning_rate=0.01", "--max-updates", "7"]
    done = train(run, "--resume", *words)
    assert done.code == 0
    assert "train.learning_rate is 0.01 now, and was 1e-30\n" in done.stderr
    assert "train.patience is 4 now, and was 2\n" in done.stderr
    assert records(run, "valid")[-1]["update"] > stopped["update"]
    assert records(run, "valid")[-1]["perplexity"] < stopped["perplexity"]
    assert records(run, "train")[-1]["learning_rate"] > 1e-6


def test_a_cosine_that_gets_a_later_end_reports_its_jump(train, tmp_path):
    run = tmp_path / "run"
    cosine = ["--set", "train.schedule=cosine", "--set", "train.warmup=2", "--set", "train.learning_rate=0.004"]
    assert train(run, *SMALL, *cosine, "--max-updates", "6").code == 0
    done = train(run, "--resume", "--max-updates", "10")
    assert "update 10 now, not at 6: the learning rate goes from 0 to 0.0012\n" in done.stderr
    assert records(run, "train")[-1]["learning_rate"] == 0
    assert "the cosine schedule" not in train(run, "--resume", "--max-minutes", "9").stderr


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (["--max-updates", "1"], "1 update is done"),
        (["--max-epochs", "1", "--max-updates", "1000"], "1 epoch is done"),
        (["--max-minutes", "0.002"], "0.002 minutes are over"),
    ],
)
def test_the_reason_to_stop_is_a_sentence(train, tmp_path, limits, reason):
    assert f"\nstopped: {reason}" in train(tmp_path / "run", *SMALL, *limits).stderr


def test_long_epochs_are_validated_before_they_end_at_the_same_updates_after_a_restart(train, tmp_path, monkeypatch):
    monkeypatch.setattr("nmt.training.intervals.SAVING_TOKENS", 0)
    monkeypatch.setattr("nmt.training.intervals.TIME_SHARE", 0.5)  # the validation set has 3 % of the tokens
    words = [*SMALL, "--set", "train.keep=0"]
    assert train(tmp_path / "whole", *words, "--max-updates", "70").code == 0
    assert train(tmp_path / "parts", *words, "--max-updates", "17").code == 0
    assert train(tmp_path / "parts", "--resume", "--max-updates", "70").code == 0
    whole, parts = (
        [(record["update"], record["epoch"]) for record in records(tmp_path / run, "valid")]
        for run in ("whole", "parts")
    )
    assert whole == [(8, 1), (15, 1), (22, 1), (29, 1), (36, 1), (43, 1), (50, 1), (57, 1), (65, 2), (70, 2)]
    assert parts == sorted([*whole, (17, 1)])


@pytest.mark.parametrize(
    "failing", ["nmt.translation.validation.score_validation", "nmt.training.trainer.update_checkpoint_info"]
)
def test_training_is_saved_before_a_validation_that_fails(train, tmp_path, monkeypatch, failing):
    words = [*SMALL, "--set", "train.validate_every=3", "--max-updates", "7"]
    assert train(tmp_path / "whole", *words).code == 0
    monkeypatch.setattr(failing, Mock(side_effect=RuntimeError("the power is gone")))
    done = train(tmp_path / "broken", *words)
    assert done.code == 1
    assert "RuntimeError: the power is gone" in done.stderr
    monkeypatch.undo()
    assert json.loads((tmp_path / "broken/last/checkpoint.json").read_text())["update"] == 3
    assert train(tmp_path / "broken", "--resume").code == 0
    whole, broken = (
        [
            (r["kind"], r["update"], r["perplexity"])
            for kind in ("train", "valid")
            for r in records(tmp_path / run, kind)
        ]
        for run in ("whole", "broken")
    )
    assert broken == whole
    assert contents(tmp_path / "broken/best") == contents(tmp_path / "whole/best")


def test_an_interruption_during_validation_ends_it_at_once(train, tmp_path, monkeypatch):
    def interrupted(*arguments):
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("validation goes on")

    monkeypatch.setattr("nmt.translation.validation.score_validation", interrupted)
    done = train(tmp_path / "run", *SMALL, "--set", "train.validate_every=2")
    assert (done.code, records(tmp_path / "run", "valid")) == (130, [])
    assert "nmt: error: interrupted: update 2 is saved\n  To continue: nmt train --data " in done.stderr


def test_a_second_interruption_ends_training_without_saving(train, tmp_path, monkeypatch):
    def interrupted(*arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Updater, "update", interrupted)
    done = train(tmp_path / "run", *SMALL)
    assert (done.code, done.stderr.splitlines()[-1]) == (130, "nmt: error: interrupted: nothing is saved yet")


def test_a_validation_batch_that_does_not_fit_in_memory_is_split(train, tmp_path, monkeypatch):
    words = [*SMALL, "--max-updates", "2", "--precision", "float32"]
    assert train(tmp_path / "roomy", *words).code == 0
    loss, sizes = Updater.loss, []

    def tight(self, batch, *rest):
        if not self.model.training:
            sizes.append(len(batch.source_BS))
            if sizes[-1] > 3:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return loss(self, batch, *rest)

    monkeypatch.setattr(Updater, "loss", tight)
    assert train(tmp_path / "tight", *words).code == 0
    assert max(sizes) > 3
    roomy, split = (records(tmp_path / run, "valid")[-1]["perplexity"] for run in ("roomy", "tight"))
    assert split == pytest.approx(roomy, rel=1e-5)


@pytest.mark.parametrize(
    ("failing", "message"),
    [
        ("nmt.training.update.Updater.measure", None),
        (
            "nmt.translation.pipeline.beam_search",
            "validation failed, and training up to update 2 is saved: a single line does not fit in memory",
        ),
    ],
)
def test_a_validation_pair_that_does_not_fit_in_memory_is_reported(train, tmp_path, monkeypatch, failing, message):
    if message is None:
        loss = Updater.loss
        monkeypatch.setattr(
            Updater, "loss", lambda self, *rest: loss(self, *rest) if self.model.training else exec("raise MemoryError")
        )
        message = "one validation pair alone does not fit in memory, and training is saved\n  Free memory"
    else:
        monkeypatch.setattr(failing, Mock(side_effect=MemoryError))
    done = train(tmp_path / "run", *SMALL, "--max-updates", "2")
    assert done.code == 2
    assert f"nmt: error: {message}" in done.stderr
    assert json.loads((tmp_path / "run/last/checkpoint.json").read_text())["update"] == 2


def test_of_an_enormous_validation_pair_the_first_pieces_are_read(run_nmt, tiny_corpus, tmp_path):
    for side in "ab":
        lines = (tiny_corpus / f"valid.{side}").read_text().splitlines()[:4]
        (tmp_path / f"long.{side}").write_text("\n".join([*lines, "zu wo " * 9000]) + "\n")
    splits = ["--train", tiny_corpus / "train", "--valid", tmp_path / "long", "--vocab-size", "290"]
    assert run_nmt("prepare", "--source-lang", "a", "--target-lang", "b", *splits, "--out", tmp_path / "data").code == 0
    words = ["--set", "search.max_length_ratio=0.1", "--max-updates", "2"]
    done = run_nmt("train", "--data", tmp_path / "data", "--out", tmp_path / "run", *SMALL, *words)
    assert done.code == 0
    assert "\n1 validation pair with a side of more than 1,000 pieces: only the first 1,000 are read\n" in done.stderr
    assert "bleu" in done.stderr


class FakeTime:
    """A clock on which an update takes a second and a validation ten."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        update, score = Updater.update, nmt.translation.validation.score_validation
        monkeypatch.setattr(Updater, "update", lambda *rest: self.move(1) or update(*rest))
        monkeypatch.setattr(nmt.translation.validation, "score_validation", lambda *rest: self.move(10) or score(*rest))
        monkeypatch.setattr("nmt.training.trainer.time", self)

    def move(self, seconds):
        self.now += seconds

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(
    ("minutes", "every", "updates", "reason"),
    [
        (1, 10, 30, "1 minute is over"),  # 30 updates and 3 validations
        (0.75, 10, 20, "0.75 minutes are over"),  # at second 40 there is no time for another validation
        (0.1, 10, 4, "0.1 minutes are over (0.23 with the last validation)"),  # at most half of it is kept for it
    ],
)
def test_a_limit_of_minutes_includes_the_last_validation(train, tmp_path, monkeypatch, minutes, every, updates, reason):
    FakeTime(monkeypatch)
    limit = ["--set", f"train.validate_every={every}", "--max-minutes", minutes]
    done = train(tmp_path / "run", *SMALL, *limit)
    assert f"\nstopped: {reason};" in done.stderr
    assert records(tmp_path / "run", "valid")[-1]["update"] == updates


def test_resuming_a_finished_run_changes_nothing(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "3").code == 0
    before = contents(run / "last"), (run / "log.jsonl").read_text()
    done = train(run, "--resume")
    assert done.code == 0
    assert "stopped: 3 updates are done" in done.stderr
    assert (contents(run / "last"), (run / "log.jsonl").read_text()) == before


def test_log_records_after_the_checkpoint_are_removed(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "3").code == 0
    before = (run / "log.jsonl").read_text()
    (run / "log.jsonl").write_text(before + '{"kind": "train", "update": 4}\n{"kind": "tra')  # cut by a kill
    assert train(run, "--resume", "--max-updates", "3").code == 0
    assert (run / "log.jsonl").read_text() == before


def test_with_keep_0_no_numbered_checkpoint_is_kept(train, run_nmt, tmp_path):
    run = tmp_path / "run"
    every = ["--set", "train.validate_every=1", "--set", "train.keep=0"]
    assert train(run, *SMALL, *every, "--max-updates", "3").code == 0
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == ["best", "events", "last"]
    done = run_nmt("average", run, "--last", "1", "--out", tmp_path / "mean")
    assert done.code == 2
    assert "has 0 numbered checkpoints, fewer than --last 1" in done.stderr
    assert not (tmp_path / "mean").exists()


def test_events_are_those_of_the_log_also_after_resuming(train, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    words = ["--set", "train.validate_every=2", "--precision", "float32"]
    assert train(run, *SMALL, *words, "--max-updates", "4").code == 0
    assert train(run, "--resume", "--max-updates", "6").code == 0
    events = EventAccumulator(str(run / "events")).Reload()
    for kind, name in (("train", "loss"), ("train", "learning_rate"), ("valid", "perplexity"), ("valid", "bleu")):
        written = [(event.step, event.value) for event in events.Scalars(f"{kind}/{name}")]
        logged = [(record["update"], pytest.approx(record[name])) for record in records(run, kind)]
        assert [step for step, _ in written] == [2, 4, 6]
        assert written == logged


def test_without_extras_training_goes_on_without_events_and_curve(train, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", None)
    monkeypatch.setattr("nmt.training_api.find_spec", lambda name: None)
    assert train(tmp_path / "run", *SMALL, "--max-updates", "1").code == 0
    assert not {"events", "curve.png"} & {path.name for path in (tmp_path / "run").iterdir()}


def test_the_backend_that_a_notebook_hands_down_does_not_matter(run_nmt, tiny_prepared, tmp_path):
    words = ["--data", tiny_prepared, "--out", tmp_path / "run", *SMALL, "--max-updates", "1"]
    done = run_nmt("train", *words, process=True, env={"MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    assert done.code == 0
    assert "cannot be written" not in done.stderr
    assert (tmp_path / "run/curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("failing", "name"),
    [
        ("nmt.analysis.plots.save_curve", "curve.png"),
        ("torch.utils.tensorboard.writer.SummaryWriter.add_scalar", "events"),
        ("torch.utils.tensorboard.writer.SummaryWriter.close", "events"),
        ("tensorboard.summary.writer.record_writer.RecordWriter.write", "events"),  # in a thread
        ("torch.utils.tensorboard.writer.SummaryWriter.__init__", "events"),
    ],
)
def test_pictures_and_events_that_fail_are_noted_once(train, tmp_path, monkeypatch, failing, name):
    monkeypatch.setattr(failing, Mock(side_effect=OSError("no ink\nat all")))
    done = train(tmp_path / "run", *SMALL, "--set", "train.validate_every=1", "--max-updates", "3")
    assert done.code == 0
    message = f"{name} cannot be written, and training goes on without: OSError: no ink\n"
    assert (done.stderr.count(message), done.stderr.count("no ink")) == (1, 1)
    assert len(records(tmp_path / "run", "valid")) == 3


def test_the_name_of_a_run_need_not_be_utf8(train, drawn_curve, tmp_path):
    run = tmp_path / os.fsdecode(b"\xe9t\xe9")
    done = train(run, *SMALL, "--max-updates", "2")
    assert done.code == 0
    assert "events cannot be written, and training goes on without: UnicodeEncodeError: " in done.stderr
    assert train(run, "--resume", "--max-updates", "3").code == 0
    assert (run / "curve.png").exists()


def test_a_terminal_shows_a_bar_with_what_is_left(train, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    done = train(tmp_path / "run", *SMALL, "--max-updates", "40", "--max-minutes", "9")
    assert done.code == 0
    shown = done.stderr.replace("\r", "\n")
    assert re.search(r"20/40 .*loss \d\.\d\d, perplexity [\d.]+, [\d,]+ tokens/s, [89]\.\d minutes left", shown)


@pytest.mark.parametrize("faster", [torch.bfloat16, torch.float32])
def test_the_chosen_precision_is_reported(train, tmp_path, monkeypatch, faster):
    monkeypatch.setattr("nmt.devices.time_matmul", lambda dtype: 1.0 if dtype == faster else 2.0)
    done = train(tmp_path / "run", *SMALL, "--precision", "auto", "--max-updates", "1")
    assert f"), {str(faster).removeprefix('torch.')}\n" in done.stderr


def test_compiled_training_has_the_same_result(train, tmp_path, monkeypatch):
    """The pieces that are compiled are held to the reference elsewhere; here they stay as they are written."""
    compiled = []
    monkeypatch.setattr("nmt.kernels.compiled.require_compiler", lambda device: None)
    monkeypatch.setattr(torch, "compile", lambda function, **options: compiled.append(function.__name__) or function)
    words = [*SMALL, "--set", "train.loop=fused", "--precision", "float32"]
    assert train(tmp_path / "eager", *words, "--max-updates", "6").code == 0
    assert compiled == []
    assert train(tmp_path / "compiled", *words, "--max-updates", "3", "--compile").code == 0
    assert set(compiled) == {
        "gru",
        "gru_backward",
        "attend",
        "attend_backward",
        "additive_keys",
        "softmax_gradient",
        "consistent_gradient",
    }
    done = train(tmp_path / "compiled", "--resume", "--max-updates", "6", "--no-compile")
    assert done.code == 0
    eager, others = (records(tmp_path / run, "valid")[-1]["perplexity"] for run in ("eager", "compiled"))
    assert others == pytest.approx(eager, rel=1e-4)
    assert "compile = false" in (tmp_path / "compiled" / "settings.toml").read_text()


@pytest.mark.parametrize(
    ("lacking", "message"),
    [
        (
            ("torch._inductor.cpp_builder.get_cpp_compiler", RuntimeError("none")),
            "train.compile needs a C++ compiler, and there is no g++ or $CXX that works\n"
            "  Install one (Debian: apt install g++), or train without --compile",
        ),
        (
            ("sysconfig.get_path", "/nowhere"),
            "train.compile needs Python's headers, and /nowhere/Python.h is not there\n"
            "  Install them (Debian: apt install python3-dev), or train without --compile",
        ),
    ],
)
def test_a_missing_compiler_is_reported_before_anything_is_written(train, tmp_path, monkeypatch, lacking, message):
    name, result = lacking
    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", lambda: "g++")
    monkeypatch.setattr(
        name, Mock(side_effect=[result] if isinstance(result, Exception) else None, return_value=result)
    )
    done = train(tmp_path / "run", *SMALL, "--compile")
    assert (done.code, done.stderr) == (2, f"nmt: error: {message}\n")
    assert not (tmp_path / "run").exists()


def test_compiling_for_a_gpu_needs_triton(monkeypatch):
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: False)
    with pytest.raises(UsageError, match=r"train.compile needs Triton on a GPU, and it is not there\n  Install it"):
        require_compiler(torch.device("cuda"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_saves_first_and_resumes(tiny_prepared, train, tmp_path, number):
    run = tmp_path / "run"
    words = ["--data", tiny_prepared, "--out", run, *SMALL, "--device", "cpu", "--max-epochs", "1000"]
    command = [sys.executable, "-m", "nmt", "train", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"})
    wait_until((run / "last").exists, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    update = json.loads((run / "last" / "checkpoint.json").read_text())["update"]
    again = f"nmt train --data {tiny_prepared} --out {run} --resume --device cpu"
    assert errors.decode().endswith(f"nmt: error: interrupted: update {update:,} is saved\n  To continue: {again}\n")
    assert all(json.loads(line)["update"] <= update for line in (run / "log.jsonl").read_text().splitlines())
    assert train(run, "--resume", "--max-updates", str(update + 1), "--max-epochs", "0").code == 0
    assert json.loads((run / "last" / "checkpoint.json").read_text())["update"] == update + 1


@pytest.mark.parametrize("renames", [0, 1])
def test_a_program_killed_while_saving_leaves_a_checkpoint(train, tmp_path, monkeypatch, renames):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "2").code == 0
    rename, done = os.rename, []

    def die_in_the_middle(before, after):
        if len(done) == renames:
            os._exit(9)
        done.append(before)
        rename(before, after)

    process = os.fork()
    if process == 0:
        monkeypatch.setattr(os, "rename", die_in_the_middle)
        replace_last(run)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    assert train(run, "--resume", "--max-updates", "3").code == 0
    assert load_run(run, "last").checkpoint == "last"


def replace_last(run):
    """Write `last` once more, as training does."""
    save_checkpoint(run / "last", {"weight": torch.ones(3)}, {"update": 3})


def test_existing_files_are_not_changed(train, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    done = train(tmp_path / "full", *SMALL, "--max-updates", "1")
    assert done.code == 2
    assert f"{tmp_path / 'full'} already holds something else" in done.stderr
    assert contents(tmp_path / "full") == {
        (tmp_path / "full/thesis.txt").relative_to(tmp_path / "full"): b"years of work"
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--recipe", "multi31k"], 'no recipe "multi31k"; did you mean "multi30k"?'),
        (["--config", "missing.toml"], "missing.toml does not exist"),
        (
            ["--set", "warmup=3"],
            '"warmup=3" is not section.key=value; did you mean "train.warmup"?\n  For example: --set train.clip=0.5',
        ),
        (["--set", "train.max_toknes=3"], 'train.max_toknes   no such setting; did you mean "max_tokens"?'),
        (["--set", "train.clip=-1", "--set", "model.dropout=1"], "2 settings in --set cannot be used"),
        (["--set", "model.dropout=1"], "model.dropout = 1   must be below 1"),
        (["--set", "model.attention=loung-dot"], 'did you mean "luong-dot"?'),
        (["--set", "model.attention=luong-dot", "--set", "model.decoder_size=8"], "luong-dot needs decoder_size"),
        (["--set", "train.schedule=cosine", "--max-epochs", "0"], "the cosine schedule needs a limit"),
        (["--set", "model.tie=all"], 'model.tie = "all" needs one vocabulary for both languages'),
        (["--device", "cuda:77"], "--device cuda:77 cannot be used here"),
        (["--device", "tpu"], "--device tpu cannot be used here"),
        (["--device", "meta"], "--device meta cannot be used here"),
        (["--resume"], "is not a run folder|does not exist"),
    ],
)
def test_options_that_cannot_be_used_raise_an_error(train, tmp_path, words, message):
    done = train(tmp_path / "run", *words)
    assert done.code == 2
    assert done.stderr.startswith("nmt: error: ")
    assert re.search(message if "|" in message else re.escape(message), done.stderr)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_is_resumed_with_its_own_corpus_only(train, run_nmt, tiny_corpus, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "1").code == 0
    splits = ["--train", tiny_corpus / "valid", "--valid", tiny_corpus / "test", "--vocab-size", "290"]
    languages = ["--source-lang", "a", "--target-lang", "b"]
    assert run_nmt("prepare", *languages, *splits, "--out", tmp_path / "other").code == 0
    done = run_nmt("train", "--data", tmp_path / "other", "--out", run, "--resume")
    assert done.code == 2
    assert "is not the corpus that" in done.stderr


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda run: (run / "best/weights.safetensors").write_bytes(b"short"), "weights.safetensors is damaged"),
        (lambda run: (run / "best/checkpoint.json").write_text("{"), "checkpoint.json is damaged: it is not JSON"),
        (lambda run: (run / "best/checkpoint.json").write_text("[]"), "checkpoint.json is damaged: it is not a JSON"),
        (lambda run: (run / "run.json").write_text("{"), "run.json is damaged"),
        (
            lambda run: (run / "run.json").write_text('{"format_version": 1}'),
            "run.json is damaged: source_lang is missing; target_lang is missing; joint is missing; and 3 more",
        ),
        (lambda run: (run / "run.json").write_text('{"format_version": 99}'), "has format version 99"),
        (
            lambda run: (run / "source.model").write_bytes((run / "target.model").read_bytes()),
            "is not the subword model",
        ),
        (lambda run: (run / "source.model").write_bytes(b"x"), "source.model is not the subword model"),
        (
            lambda run: (run / "settings.toml").write_text(""),
            "settings.toml has changed since nmt wrote it\n  Undo the",
        ),
        (lambda run: (run / "best/checkpoint.json").unlink(), "best/checkpoint.json is damaged: No such file"),
        (
            lambda run: (run / "settings.toml").write_text(add_line_of_checksum("[model]\nlayers = 9")),
            "no such setting",
        ),
        (
            lambda run: (run / "settings.toml").write_text(add_line_of_checksum("[model]\nencoder_size = 9")),
            "its tensors do not fit the model",
        ),
    ],
)
def test_a_damaged_run_is_named(run_nmt, reverser, tmp_path, harm, message):
    run = shutil.copytree(reverser, tmp_path / "run")
    harm(run)
    done = run_nmt("translate", "--model", run, stdin="ba de\n")
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_missing_checkpoint_raises_an_error(run_nmt, reverser):
    done = run_nmt("translate", "--model", reverser, "--checkpoint", "update-000001", stdin="ba\n")
    assert done.code == 2
    assert 'has no checkpoint "update-000001"' in done.stderr
    assert "  It has best, last" in done.stderr


def test_before_the_first_validation_best_stands_for_last(run_nmt, reverser, tmp_path):
    run = shutil.copytree(reverser, tmp_path / "run")
    shutil.rmtree(run / "best")
    source = "ba de fi\nku la\n"
    last = run_nmt("translate", "--model", run, "--checkpoint", "last", stdin=source)
    assert run_nmt("translate", "--model", run, stdin=source).stdout == last.stdout != ""
    shutil.rmtree(run / "last")
    done = run_nmt("train", "--data", tmp_path, "--out", run, "--resume")  # as it is with a run of nmt average
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {run} has weights, but no training to resume\n"
        f"  To train on from them, start another run with --from {run}\n"
    )
    for folder in run.glob("update-*"):
        folder.rename(folder.with_name(f"{folder.name}-mine"))  # a copy of one's own is none of ours
    done = run_nmt("translate", "--model", run, stdin=source)
    assert done.code == 2
    assert done.stderr == (f'nmt: error: {run} has no checkpoint "best"\n  It has no checkpoints yet: train first\n')
    done = run_nmt("train", "--data", tmp_path, "--out", run, "--resume")
    assert done.code == 2
    assert (
        done.stderr == f"nmt: error: {run} has no checkpoint to resume from\n  Remove it and train without --resume\n"
    )


def test_options_beside_resume_are_checked(train, tmp_path):
    assert train(tmp_path / "run", *SMALL, "--set", "train.schedule=cosine", "--max-epochs", "1").code == 0
    done = train(tmp_path / "run", "--resume", "--max-epochs", "0")
    assert done.code == 2
    assert "the cosine schedule needs a limit: set train.max_epochs or train.max_updates" in done.stderr


def test_averaged_checkpoints_are_their_mean_and_translate(run_nmt, reverser, tmp_path):
    mean = tmp_path / "mean"
    assert run_nmt("average", reverser, "--last", "2", "--out", mean).code == 0
    names = sorted(path.name for path in reverser.glob("update-*"))[-2:]
    first, second = (load_file(reverser / name / "weights.safetensors") for name in names)
    for name, tensor in load_file(mean / "best" / "weights.safetensors").items():
        torch.testing.assert_close(tensor, (first[name] + second[name]) / 2, rtol=1e-6, atol=1e-7)
    assert run_nmt("translate", "--model", mean, stdin="ba de\n").code == 0
    done = run_nmt("average", reverser, "--last", "9", "--out", tmp_path / "more")
    assert done.code == 2
    assert "fewer than --last 9" in done.stderr
    done = run_nmt("average", reverser, "--last", "1", "--out", mean)
    assert done.code == 2
    assert done.stderr == f"nmt: error: {mean} already holds a run\n  Name another --out\n"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.encoder_size=1000000000", "model.encoder_size = 1000000000   must be at most 1000000\n"),
        ("model.encoder_layers=70000", "model.encoder_layers = 70000   must be at most 100\n"),
        (f"train.keep={10**30}", f"train.keep = {10**30}   must be at most 9223372036854775807\n"),
        (f"train.warmup={'7' * 6000}", f'train.warmup = "{"7" * 58}…   must be a valid integer\n'),
        (f"model.mix={'[' * 90_000}", f'model.mix = "{"[" * 58}…   must be a list, such as ["one", "another"]\n'),
        ("model.attention_size=900000", " GiB free\n  Choose smaller sizes: model.attention_size is 900,000, model."),
        ("model.decoder_size=800000", "the model does not fit in memory: 1,9"),
    ],
)
def test_a_model_that_is_too_large_is_refused_before_anything_is_written(
    train, tmp_path, monkeypatch, setting, message
):
    monkeypatch.setattr("nmt.training.memory.find_free_memory", lambda device: 2**30)
    done = train(tmp_path / "run", "--set", setting)
    assert (done.code, list(tmp_path.iterdir())) == (2, [])
    assert message in done.stderr
    assert len(done.stderr) < 400


def test_a_run_that_no_longer_fits_in_memory_is_not_resumed(train, tmp_path, monkeypatch):
    assert train(tmp_path / "run", *SMALL, "--max-updates", "1").code == 0
    before = contents(tmp_path / "run" / "last")
    monkeypatch.setattr("nmt.training.memory.find_free_memory", lambda device: 16 * 20_000)
    done = train(tmp_path / "run", "--resume", "--max-updates", "2")
    assert (done.code, contents(tmp_path / "run" / "last")) == (2, before)
    assert "need 0.0 GiB, and this machine has 0.0 GiB free" in done.stderr


def test_a_changed_setting_is_kept_with_its_checksum(train, run_nmt, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "1").code == 0
    assert train(run, "--resume", "--set", "train.keep=7", "--max-updates", "2").code == 0
    assert read_run(run).settings.train.keep == 7
    edited = (run / "settings.toml").read_text().replace("keep = 7", "keep = 8")
    (run / "settings.toml").write_text(edited)
    done = train(run, "--resume", "--max-updates", "3")
    assert done.code == 2
    assert f"{run / 'settings.toml'} has changed since nmt wrote it\n  Undo the change" in done.stderr
    assert done.stderr.endswith("may change when the run is resumed: --resume --set train.patience=5\n")


def test_damaged_lines_of_the_log_are_left_out_and_counted(train, run_nmt, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--set", "train.validate_every=1", "--max-updates", "3").code == 0
    lines = (run / "log.jsonl").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"perplexity": ', b'"perplexity": 1')
    lines[3] = b"\xff" + lines[3][1:]
    (run / "log.jsonl").write_bytes(b"".join(lines))
    done = run_nmt("inspect", run, "--verify")
    assert done.code == 2
    assert "\n  log.jsonl has 2 changed lines, first line 2\n" in done.stderr
    done = train(run, "--resume", "--max-updates", "4")
    assert done.code == 0
    assert f"{run / 'log.jsonl'}: 2 damaged lines left out\n" in done.stderr
    assert run_nmt("inspect", run, "--verify").code == 0
    lines = (run / "log.jsonl").read_text().splitlines(keepends=True)
    for kept, lacking in [(lines[:-1], "the validation of update 4"), ([], "the validation of update 4")]:
        (run / "log.jsonl").write_text("".join(kept))
        assert (
            f"  log.jsonl is incomplete: it has no record of {lacking}\n" in run_nmt("inspect", run, "--verify").stderr
        )


def test_a_state_without_its_place_is_not_training_from_the_start(train, tmp_path):
    run = tmp_path / "run"
    assert train(run, *SMALL, "--max-updates", "2").code == 0
    path = run / "last" / "checkpoint.json"
    facts = json.loads(path.read_text())
    for place, message in [
        ({}, "the state of training in it lacks update, epoch, batch, best, stale, validated, plateaus, seconds\n"),
        (facts["place"] | {"epoch": 0.5}, "the state of training in it is wrong: epoch must be a valid integer"),
        (facts["place"] | {"stale": -1}, "the state of training in it is wrong: stale must be greater than or equal"),
        (facts["place"] | {"colour": 1}, "the state of training in it is wrong: colour is unknown"),
        (facts["place"] | {"update": 1, "validated": 1}, "its numbers of updates contradict each other"),
    ]:
        write_facts(path, facts | {"place": place})
        done = train(run, "--resume", "--max-updates", "3")
        assert done.code == 2
        assert f"nmt: error: {path} is damaged: {message}" in done.stderr
