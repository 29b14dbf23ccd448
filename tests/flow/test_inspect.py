"""`nmt inspect` on prepared folders and on runs."""

import json
import os
import re
import shutil
import signal

import pytest
import torch
from safetensors.torch import load_file
from support.corpora import SIZES
from support.runs import write_facts

import nmt
from nmt.data import prepared
from nmt.errors import TrainingInterrupted
from nmt.files import lock_exclusively
from nmt.run_history import HistoryEvent, append_event
from nmt.settings import RunSettings


@pytest.fixture
def folder(tiny_prepared, tmp_path):
    """A prepared folder that a test may change."""
    return shutil.copytree(tiny_prepared, tmp_path / "prepared")


def test_a_prepared_folder_is_described(run_nmt, tiny_prepared):
    done = run_nmt("inspect", tiny_prepared)
    assert (done.code, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.stdout.startswith(f"{tiny_prepared}: prepared corpus, a to b\n")
    assert ["subwords:", "unigram,", "296", "a,", "296", "b"] in lines
    manifest = json.loads((tiny_prepared / "manifest.json").read_text())
    for name in SIZES:
        counts = manifest["splits"][name]
        assert [name, *(f"{counts[key]:,}" for key in ("pairs", "source_tokens", "target_tokens"))] in lines
    assert ["dropped", "training", "pairs:", "none"] in lines
    assert ["vocab_size", "=", "296"] in lines


def test_a_joint_model_is_described_once(run_nmt, tiny_corpus, tmp_path):
    words = ("--source-lang", "a", "--target-lang", "b", "--vocab-size", "290", "--joint", "--drop-duplicates")
    splits = ("--train", tiny_corpus / "train", "--valid", tiny_corpus / "valid")
    assert run_nmt("prepare", *words, *splits, "--out", tmp_path / "out").code == 0
    done = run_nmt("inspect", tmp_path / "out")
    assert "subwords: unigram, 290 joint\n" in done.stdout
    dropped = json.loads((tmp_path / "out" / "manifest.json").read_text())["dropped"]
    assert f"dropped training pairs: {dropped['duplicate']:,} duplicate\n" in done.stdout


def test_verifying_compares_all_files_with_their_checksums(run_nmt, folder, monkeypatch):
    done = run_nmt("inspect", folder, "--verify")
    assert done.code == 0
    assert done.stdout.endswith("all 18 files are unchanged\n")

    monkeypatch.setattr(prepared, "VERIFIED_BYTES", 10)
    path = folder / "train.target.ids.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run_nmt("inspect", folder).code == 0  # only the size of a large file is checked
    done = run_nmt("inspect", folder, "--verify")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {folder} is damaged\n"
        "  train.target.ids.npy has changed: its SHA-256 is not the one in manifest.json\n"
        "  Prepare the corpus again, with --overwrite\n"
    )


def test_a_run_is_described(run_nmt, reverser):
    done = run_nmt("inspect", reverser)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{reverser}: a run, a to b\n")
    lines = [line.split() for line in done.stdout.splitlines()]
    weights = load_file(reverser / "best" / "weights.safetensors").values()
    assert ["attention", "bahdanau"] in lines
    assert ["parameters", f"{sum(tensor.numel() for tensor in weights):,}"] in lines
    assert ["vocabulary", "296", "pieces", "and", "296", "pieces"] in lines
    for name in ("best", "last", *(path.name for path in reverser.glob("update-*"))):
        assert [name, "update"] in [line[:2] for line in lines]
    facts = json.loads((reverser / "best" / "checkpoint.json").read_text())
    figures = f"update {facts['update']:,}, bleu {facts['bleu']:.2f}, perplexity {facts['perplexity']:.2f}"
    assert f"  best          {figures}\n" in done.stdout
    assert "  train.learning_rate = 0.005  (default 0.002)\n" in done.stdout
    assert "model.heads" not in done.stdout  # it is the default
    state = json.loads((reverser / "last" / "checkpoint.json").read_text())["place"]
    assert f"  so far        20 complete epochs and 0 batches, {state['update']:,} updates, " in done.stdout
    ago = f", {state['stale']} validation{'s' * (state['stale'] > 1)} ago" if state["stale"] else ", in the last"
    assert f"  best          by bleu (13a), at update {facts['update']:,}{ago}" in done.stdout
    total = sum(path.stat().st_size for path in reverser.rglob("*") if path.is_file())
    assert f"  in all        {total / 2**20:.1f} MiB\n" in done.stdout


SMALL = {f"{name}_size": 8 for name in ("embedding", "encoder", "decoder", "attention", "readout")}


@pytest.fixture(scope="module")
def interrupted(tiny_prepared, tmp_path_factory):
    """A run whose training ended three times: by its limit, by Ctrl-C, and by a signal that nothing can catch."""
    out = tmp_path_factory.mktemp("story") / "run"
    settings = {"model": SMALL, "train": {"max_tokens": 500, "precision": "float32", "max_updates": 2}}
    nmt.train(tiny_prepared, out, RunSettings.model_validate(settings), device="cpu")

    class Interrupting(nmt.Progress):
        def record(self, record):
            if record["kind"] == "update" and record["update"] == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingInterrupted):
        nmt.resume(tiny_prepared, out, max_updates=9, device="cpu", progress=Interrupting())
    append_event(out, HistoryEvent(event="begin", time=1.8e9, update=4, nmt="0.1.0", torch="2.13.0", device="cpu"))
    return out


def test_the_course_of_training_is_told(run_nmt, interrupted, tiny_prepared):
    text = run_nmt("inspect", interrupted).stdout
    versions = f"nmt {nmt.__version__}, torch {torch.__version__}"
    assert re.search(
        rf"\n  made          20\d\d-\d\d-\d\d \d\d:\d\d UTC, with {re.escape(versions.replace(',', ' and'))}\n", text
    )
    assert f"\n  corpus        {tiny_prepared}, 1,000 training pairs\n" in text
    sessions = text.split("\nsessions\n")[1].split("\n\n")[0].splitlines()
    where = (
        rf"minutes on cpu \(1 thread\), float32, {re.escape(versions)}: " if torch.get_num_threads() == 1 else ".*: "
    )
    assert re.search(f" UTC  from update 0 to 2 in 0.. {where}2 updates are done$", sessions[0])
    assert re.search(f" UTC  from update 2 to 4 in 0.. {where}interrupted$", sessions[1])
    begin = "  2027-01-15 08:00 UTC  from update 4 on cpu, nmt 0.1.0, torch 2.13.0: "
    assert sessions[2] == f"{begin}killed"
    with lock_exclusively(interrupted, interrupted):
        assert f"\n{begin}still running\n" in run_nmt("inspect", interrupted).stdout
    assert "\n  so far        0 complete epochs and 4 batches, 4 updates, " in text
    assert "unchanged" not in text
    assert "split" not in text


@pytest.mark.parametrize(("update", "since"), [(2, "at update 2\n"), (4, "at update 4, in the last validation\n")])
def test_the_best_checkpoint_is_of_the_last_validation_only_if_it_is(run_nmt, interrupted, tmp_path, update, since):
    run = shutil.copytree(interrupted, tmp_path / "run")
    last, best = (json.loads((run / name / "checkpoint.json").read_text()) for name in ("last", "best"))
    write_facts(run / "last" / "checkpoint.json", last | {"place": last["place"] | {"stale": 0}})
    write_facts(run / "best" / "checkpoint.json", best | {"update": update})
    assert since in run_nmt("inspect", run).stdout


@pytest.mark.parametrize(
    ("bleu", "criterion", "told"),
    [
        (0.02, "bleu (13a)", "by perplexity, because bleu (13a) is below 1, at update"),
        (1.0, "bleu (13a)", "by bleu (13a), at update"),
        (None, "bleu (13a)", "by bleu (13a), at update"),  # not known of an old checkpoint
        (0.02, "chrf", "by chrf, at update"),
    ],
)
def test_perplexity_chooses_the_best_checkpoint_where_bleu_is_below_1(
    run_nmt, interrupted, tmp_path, bleu, criterion, told
):
    run = shutil.copytree(interrupted, tmp_path / "run")
    last, best = (json.loads((run / name / "checkpoint.json").read_text()) for name in ("last", "best"))
    write_facts(run / "last" / "checkpoint.json", last | {"place": last["place"] | {"criterion": criterion}})
    write_facts(run / "best" / "checkpoint.json", best | {"bleu": bleu})
    assert f"  best          {told}" in run_nmt("inspect", run).stdout


def test_warnings_of_training_are_told(run_nmt, interrupted, tmp_path):
    run = shutil.copytree(interrupted, tmp_path / "run")
    facts = json.loads((run / "last" / "checkpoint.json").read_text())
    place = {"unchanged": 1, "split_from": 3000, "collapsed": 2, "plateaus": 2, "stale": 4}
    write_facts(run / "last" / "checkpoint.json", facts | {"place": facts["place"] | place})
    text = run_nmt("inspect", run).stdout
    for line in (
        "  unchanged     1 update changed nothing\n",
        "  memory        batches of 3,000 positions or more are split, because one did not fit\n",
        "  attention     had collapsed to one position at update 2\n",
        "  rate lowered  2 times\n",
        "at update 2, 4 validations ago\n",
    ):
        assert line in text


def test_the_same_facts_are_there_as_json(run_nmt, interrupted, tiny_prepared):
    done = run_nmt("inspect", interrupted, "--format", "json", "--verify")
    assert (done.code, done.stderr) == (0, "all 13 files are unchanged\n")
    facts = json.loads(done.stdout)
    run = {"kind": "run", "source_lang": "a", "pairs": 1000, "attention": "luong-concat"}
    assert facts | run == facts
    assert facts["training"]["update"] == facts["checkpoints"]["last"]["update"] == 4
    assert [session["reason"] for session in facts["sessions"]] == ["2 updates are done", "interrupted", None]
    assert facts["settings"]["model.decoder_size"] == 8
    assert facts["bytes"]["in all"] >= facts["bytes"]["checkpoints"] > 0
    prepared = json.loads(run_nmt("inspect", tiny_prepared, "--format", "json").stdout)
    assert (prepared["kind"], prepared["splits"]["train"]["pairs"]) == ("nmt prepared corpus", 1000)


def test_a_run_of_an_older_version_lacks_what_it_did_not_write(run_nmt, interrupted, tmp_path):
    run = shutil.copytree(interrupted, tmp_path / "run")
    (run / "history.jsonl").unlink()
    facts = json.loads((run / "run.json").read_text())
    for name in ("corpus", "pairs", "created", "nmt_version", "torch_version"):
        del facts[name]
    write_facts(run / "run.json", facts)
    shutil.rmtree(run / "last")
    text = run_nmt("inspect", run).stdout
    assert text.splitlines()[1] == "  attention     luong-concat"
    assert not {"training", "sessions"} & set(text.splitlines())


def test_a_damaged_history_is_found_and_harms_nothing(run_nmt, interrupted, tmp_path):
    run = shutil.copytree(interrupted, tmp_path / "run")
    lines = (run / "history.jsonl").read_bytes().splitlines(keepends=True)
    (run / "history.jsonl").write_bytes(b"\xff" + lines[0] + b"".join(lines[1:]))
    assert " from update 2 to 4 in " in run_nmt("inspect", run).stdout
    done = run_nmt("inspect", run, "--verify")
    assert done.code == 2
    assert "  history.jsonl has 1 changed line: remove it, since nothing depends on it\n" in done.stderr


def test_a_file_that_is_too_large_for_a_history_is_not_read(run_nmt, interrupted, tmp_path):
    run = shutil.copytree(interrupted, tmp_path / "run")
    with open(run / "history.jsonl", "r+b") as file:
        file.truncate(10**11)
    assert "sessions" not in run_nmt("inspect", run).stdout.splitlines()
    assert "  history.jsonl has 1 changed line: " in run_nmt("inspect", run, "--verify").stderr


@pytest.mark.parametrize(
    ("facts", "advice"),
    [
        ({"nmt_version": "3.1.4"}, "It was written by nmt 3.1.4: install that version or a later one"),
        ({}, "Install the version of nmt that wrote it, or a later one"),
        ({"nmt_version": "4; rm -r ~"}, "Install the version of nmt that wrote it, or a later one"),
    ],
)
def test_a_later_format_names_the_version_to_install(run_nmt, tmp_path, facts, advice):
    (tmp_path / "run.json").write_text(json.dumps({"format_version": 7, **facts}))
    done = run_nmt("inspect", tmp_path)
    assert (done.code, done.stdout) == (2, "")
    what = f"{tmp_path} has format version 7, and this version of nmt, {nmt.__version__}, reads 1"
    assert done.stderr == f"nmt: error: {what}\n  {advice}\n"


def test_a_run_is_verified_too(run_nmt, reverser, tmp_path):
    run = shutil.copytree(reverser, tmp_path / "run")
    folders = len(list(run.glob("update-*"))) + 2  # each has facts and weights; last has its optimizer too
    files = ["run.json", "settings.toml", "source.model", "target.model", "log.jsonl", "history.jsonl"]
    count = len(files) + 2 * folders + 1
    done = run_nmt("inspect", run, "--verify")
    assert done.code == 0
    assert done.stdout.endswith(f"all {count} files are unchanged\n")
    for name in ("best/weights.safetensors", "last/training.safetensors"):
        content = (run / name).read_bytes()
        (run / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run_nmt("inspect", run, "--verify")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {run} is damaged\n"
        "  best/weights.safetensors has changed: its SHA-256 is not the one in checkpoint.json\n"
        "  last/training.safetensors has changed: its SHA-256 is not the one in checkpoint.json\n"
        "  Restore these files from a copy, or remove the checkpoints\n"
    )


def test_a_damaged_folder_is_an_error(run_nmt, folder):
    (folder / "source.model").write_bytes(b"")
    done = run_nmt("inspect", folder)
    assert (done.code, done.stdout) == (2, "")
    assert "  source.model has 0 bytes instead of " in done.stderr
    assert done.stderr.endswith("  Prepare the corpus again, with --overwrite\n")


def test_another_format_version_is_an_error(run_nmt, folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 9}))
    done = run_nmt("inspect", folder)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == (
        f"nmt: error: {folder} has format version 9, and this version of nmt, {nmt.__version__}, reads 1, 2 and 3\n"
        f"  It was written by nmt {nmt.__version__}: install that version or a later one. Or prepare the corpus again, "
        "with --overwrite or another --out\n"
    )


def test_other_paths_are_an_error(run_nmt, tmp_path):
    done = run_nmt("inspect", tmp_path / "gone")
    assert done.code == 2
    assert done.stderr.startswith(f"nmt: error: {tmp_path / 'gone'} does not exist\n")
    done = run_nmt("inspect", tmp_path)
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {tmp_path} is neither a run nor a prepared folder\n"
        "  A run has a file run.json, a prepared folder has manifest.json\n"
    )
