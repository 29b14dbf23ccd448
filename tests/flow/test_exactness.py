"""A training that stops and is resumed is the training that did not stop: parameters, optimizer and log, to the bit."""

import json
import signal
from itertools import pairwise

import pytest
import torch

import nmt
import nmt.training.trainer
import nmt.training_api
from nmt.checkpoint import read_checkpoint_info
from nmt.inspection import verify_run
from nmt.loaded_run import load_run
from nmt.settings import ModelSettings, RunSettings, TrainSettings
from nmt.training.update import Updater
from nmt.weights import read_tensors

MODEL = ModelSettings(
    embedding_size=8, encoder_size=8, decoder_size=8, attention_size=8, readout_size=8, dropout=0.2, weight_dropout=0.2
)
UPDATES = 8
# of these, validations are due after updates 3 and 6, and whole log records after 2, 3, 5, 6 and 8
BASE = {"compile": False, "threads": 1, "max_tokens": 40, "warmup": 4, "validate_every": 3, "max_epochs": 0, "keep": 2}
KINDS = {
    "plain": {},
    "accumulated, over two epochs": {"max_tokens": 2000, "accumulate": 3, "max_epochs": 0},
    "bfloat16": {"precision": "bfloat16"},
    "guided": {"guided_weight": 0.3, "guided_decay": 0.5},
    "simcut": {"consistency": "simcut", "cut": 0.3, "guided_weight": 0.3},
    "r-drop": {"consistency": "r-drop", "precision": "bfloat16", "max_tokens": 2000, "accumulate": 2},
    "averaged": {"average": 0.9, "metric": "perplexity"},
    "bleu and plateaus": {"metric": "bleu", "schedule": "plateau", "plateau": 1, "learning_rate": 1e-6},
    "chrf and a beam": {"metric": "chrf", "validation_beam": 2},
    "perplexity and adamw": {"metric": "perplexity", "optimizer": "adamw", "weight_decay": 0.1},
    "the readable loop": {"loop": "reference"},
    "deep": {"precision": "bfloat16"},
    "encoder transitions": {"precision": "bfloat16"},
    "lightweight encoder": {},
    "lexical": {"precision": "bfloat16"},
    "drawn pieces": {"sample_source": 0.1, "sample_target": 0.2, "guided_weight": 0.3},
    "both directions, then one": {"both_epochs": 1, "max_tokens": 250, "guided_weight": 0.3, "sample_source": 0.1},
    "updates that change nothing": {"learning_rate": 1e-30, "max_unchanged": 0},
}


def interrupt_after(monkeypatch, stop):
    """Send Ctrl-C in an update, as a person would."""
    update, updates = Updater.update, []

    def update_and_interrupt(self, *words):
        updates.append(update(self, *words))
        if len(updates) == stop:
            signal.raise_signal(signal.SIGINT)
        return updates[-1]

    monkeypatch.setattr(Updater, "update", update_and_interrupt)


@pytest.fixture(autouse=True)
def frequent_records(monkeypatch):
    """Log records of two updates."""
    monkeypatch.setattr(nmt.training.trainer, "LOG_EVERY", 2)


@pytest.fixture(scope="module")
def linked(tiny_corpus, tmp_path_factory):
    """A prepared corpus of a few pairs, with word links."""
    folder = tmp_path_factory.mktemp("linked")
    for side in ("a", "b"):
        lines = (tiny_corpus / f"train.{side}").read_text().splitlines()[:60]
        (folder / f"train.{side}").write_text("".join(f"{line}\n" for line in lines))
        (folder / f"valid.{side}").write_text("".join(f"{line}\n" for line in lines[:5]))
    (folder / "links").write_text("0-0\n" * 60)
    words = {
        "source_lang": "a",
        "target_lang": "b",
        "train_alignments": [folder / "links"],
        "vocab_size": 290,
        "joint": True,
    }
    nmt.prepare(folder / "train", folder / "valid", folder / "data", **words)
    return folder / "data"


@pytest.fixture(scope="module")
def undisturbed(linked, tmp_path_factory):
    """`undisturbed(kind)`: a run that did not stop."""
    runs = {}

    def make(kind):
        if kind not in runs:
            runs[kind] = tmp_path_factory.mktemp("run") / "run"
            nmt.train(linked, runs[kind], build_settings(kind, UPDATES), device="cpu")
        return runs[kind]

    return make


NETWORKS = {
    "deep": {
        "decoder_layers": 2,
        "decoder_transitions": 1,
        "encoder_layers": 2,
        "residual": True,
        "layer_norm": True,
        "encoder_cell": "mingru",
    },
    "encoder transitions": {"encoder_transitions": 1, "encoder_layers": 2},
    "lightweight encoder": {"encoder_cell": "lrn"},
    "lexical": {"lexical": True},
}


def build_settings(kind, updates):
    train = {"precision": "float32"} | BASE | KINDS[kind] | {"max_updates": updates}
    model = MODEL.model_copy(update=NETWORKS.get(kind))
    return RunSettings(model=model, train=TrainSettings(**train))


def read_records(run, kind):
    """The log without what depends on the clock."""
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    clock = ("seconds", "tokens_per_second", "checksum")
    return [{k: v for k, v in one.items() if k not in clock} for one in records if one["kind"] == kind]


def read_last(run):
    """Weights, optimizer, random generator and progress of the last checkpoint, without what depends on the clock."""
    tensors = read_tensors(run / "last", "weights.safetensors") | read_tensors(run / "last", "training.safetensors")
    place = read_checkpoint_info(run / "last")["place"]
    facts = {
        key: value
        for key, value in place.items()
        if "seconds" not in key and "best" not in key and key != "without_bleu"
    }
    return {key: tensor.tolist() for key, tensor in tensors.items()}, facts


def assert_same_training(run, expected, stop):
    assert read_last(run) == read_last(expected)
    assert read_records(run, "train") == read_records(expected, "train")
    # a limit adds the validation with which each training ends, which may be the best, and changes no other score
    scores = [{**one, "is_best": None} for one in read_records(run, "valid") if one["update"] != stop or stop % 3 == 0]
    assert scores == [{**one, "is_best": None} for one in read_records(expected, "valid")]
    assert verify_run(run)


@pytest.mark.parametrize(
    ("stop", "how"), [(stop, "limit") for stop in range(1, UPDATES)] + [(stop, "Ctrl-C") for stop in (2, 3, 7)]
)
def test_a_stop_after_any_update_changes_nothing(monkeypatch, linked, undisturbed, tmp_path, stop, how):
    stop_and_resume(monkeypatch, linked, tmp_path / "run", "plain", stop, how)
    assert_same_training(tmp_path / "run", undisturbed("plain"), stop)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "plain"])
@pytest.mark.parametrize(("stop", "how"), [(4, "Ctrl-C"), (7, "limit")])
def test_a_stop_in_training_of_any_kind_changes_nothing(monkeypatch, linked, undisturbed, tmp_path, kind, stop, how):
    stop_and_resume(monkeypatch, linked, tmp_path / "run", kind, stop, how)
    assert_same_training(tmp_path / "run", undisturbed(kind), stop)


def stop_and_resume(monkeypatch, linked, run, kind, stop, how):
    if how == "limit":
        nmt.train(linked, run, build_settings(kind, stop), device="cpu")
    else:
        interrupt_after(monkeypatch, stop)
        with pytest.raises(nmt.errors.TrainingInterrupted):
            nmt.train(linked, run, build_settings(kind, UPDATES), device="cpu")
    assert read_records(run, "train")[-1]["update"] == stop  # the log tells everything so far
    assert verify_run(run)
    nmt.resume(linked, run, device="cpu", changes={"train": {"max_updates": UPDATES}})


def test_a_deterministic_training_repeats_and_equals_one_that_is_not(linked, undisturbed, tmp_path, run_nmt):
    settings = build_settings("plain", UPDATES)
    words = [f"train.{name}={json.dumps(value)}" for name, value in settings.train.model_dump().items()]
    words += [f"model.{name}={json.dumps(value)}" for name, value in MODEL.model_dump().items()]
    words = [word for one in words for word in ("--set", one)]
    for out in (tmp_path / "one", tmp_path / "two"):
        done = run_nmt("train", "--data", linked, "--out", out, "--device", "cpu", *words, "--deterministic")
        assert done.code == 0, done.stderr
        assert read_last(out) == read_last(undisturbed("plain"))
        assert load_run(out).settings.train.deterministic


def test_a_deterministic_training_measures_nothing(linked, tmp_path, monkeypatch):
    for name in ("devices.time_matmul", "training.automatic.compute_gradient"):
        monkeypatch.setattr(f"nmt.{name}", None)
    settings = build_settings("plain", 1)
    automatic = {"precision": "auto", "compile": "auto", "threads": 0, "deterministic": True}
    changed = settings.model_copy(update={"train": settings.train.model_copy(update=automatic)})
    nmt.train(linked, tmp_path / "run", changed, device="cpu")
    found = load_run(tmp_path / "run").settings.train
    assert (found.precision, found.compile, found.threads) == ("float32", False, torch.get_num_threads())


def test_stops_after_every_update_change_nothing(linked, undisturbed, tmp_path):
    run = tmp_path / "run"
    nmt.train(linked, run, build_settings("plain", 1), device="cpu")
    for _, stop in pairwise(range(1, UPDATES + 1)):
        nmt.resume(linked, run, device="cpu", changes={"train": {"max_updates": stop}})
    assert read_last(run) == read_last(undisturbed("plain"))
    assert read_records(run, "train") == read_records(undisturbed("plain"), "train")


def test_an_interrupted_validation_is_done_again(linked, undisturbed, tmp_path, monkeypatch):
    build = nmt.training_api.build_validation_scores

    def build_interrupted(*words, **options):
        compute = build(*words, **options)

        def compute_once(model):
            signal.raise_signal(signal.SIGINT)
            return compute(model)

        return compute_once

    with monkeypatch.context() as patched:
        patched.setattr(nmt.training_api, "build_validation_scores", build_interrupted)
        with pytest.raises(nmt.errors.TrainingInterrupted):
            nmt.train(linked, tmp_path / "run", build_settings("plain", UPDATES), device="cpu")
    nmt.resume(linked, tmp_path / "run", device="cpu")
    assert_same_training(tmp_path / "run", undisturbed("plain"), 0)
    assert read_records(tmp_path / "run", "valid") == read_records(undisturbed("plain"), "valid")


def test_resuming_a_stopped_run_without_more_to_do_keeps_its_log(linked, tmp_path):
    run = tmp_path / "run"
    nmt.train(linked, run, build_settings("plain", 4), device="cpu")
    before = (run / "log.jsonl").read_bytes()
    nmt.resume(linked, run, device="cpu")
    assert (run / "log.jsonl").read_bytes() == before


def test_a_better_best_of_a_stop_is_kept(linked, tmp_path, monkeypatch):
    """The validation at a limit may choose `best`, and does not count for patience."""
    scores = iter([3.0, 9.0, 4.0, 2.0, 1.0])  # after updates 3, 4, 6, 9 and 12

    def build_scores(*words, **options):
        return lambda model: {"bleu": next(scores), "chrf": 0.0, "accuracy": 0.0, "f1": 0.0}

    monkeypatch.setattr(nmt.training_api, "build_validation_scores", build_scores)
    run = tmp_path / "run"
    settings = build_settings("plain", 4)
    settings = settings.model_copy(update={"train": settings.train.model_copy(update={"patience": 2})})
    nmt.train(linked, run, settings, device="cpu")
    outcome = nmt.resume(linked, run, device="cpu", changes={"train": {"max_updates": 100}})
    assert outcome.reason == "bleu has not improved for 2 validations"
    assert outcome.state.update == 12
    assert read_checkpoint_info(run / "best")["update"] == 4
    assert load_run(run).checkpoint == "best"


def test_figures_that_the_state_of_training_lacks_are_damage(linked, tmp_path):
    from safetensors.torch import load_file, save_file
    from support.runs import write_facts

    from nmt.files import hash_file

    run = tmp_path / "run"
    nmt.train(linked, run, build_settings("plain", 1), device="cpu")
    path = run / "last" / "training.safetensors"
    tensors = load_file(path)
    save_file({name: tensor for name, tensor in tensors.items() if name != "pending"}, path)
    facts = json.loads((run / "last" / "checkpoint.json").read_text())
    facts["sha256"]["training.safetensors"] = hash_file(path)
    write_facts(run / "last" / "checkpoint.json", facts)
    with pytest.raises(nmt.errors.DamageError, match="it lacks the figures of 1 update without a log record"):
        nmt.resume(linked, run, device="cpu", changes={"train": {"max_updates": 2}})
