"""`nmt inspect` on prepared folders and on runs."""

import json
import shutil

import pytest
from safetensors.torch import load_file
from support.corpora import SIZES

from nmt.data import prepared


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
    checksum, _, settings = (reverser / "settings.toml").read_text().partition("\n")
    assert checksum.startswith("# checksum of the lines below: ")
    assert done.stdout.endswith(settings)


def test_a_run_is_verified_too(run_nmt, reverser, tmp_path):
    run = shutil.copytree(reverser, tmp_path / "run")
    folders = len(list(run.glob("update-*"))) + 2  # each has facts and weights; last has its optimizer too
    count = len(["run.json", "settings.toml", "source.model", "target.model", "log.jsonl"]) + 2 * folders + 1
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
        f"nmt: error: {folder} has format version 9, and this version of nmt reads 1, 2 and 3\n"
        "  Prepare the corpus again, with --overwrite or another --out\n"
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
