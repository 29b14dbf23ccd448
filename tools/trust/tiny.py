"""A tiny prepared folder and a tiny run, for tools that damage them, and the facts that a program reads in them."""

import argparse
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from safetensors.torch import save

from nmt.checkpoint import list_checkpoints, read_checkpoint_info, read_run
from nmt.data.prepared import PreparedCorpus, verify_prepared
from nmt.inspection import verify_run
from nmt.loaded_run import load_run
from nmt.run_log import read_log
from nmt.training.state import read_state
from nmt.weights import read_training_tensors

WORDS = ("ka", "lo", "mi", "nu", "pe", "ra", "si", "to", "ve", "zo")
PAIRS = {"train": 60, "valid": 6}
SIZES = [f"model.{part}_size=2" for part in ("embedding", "encoder", "decoder", "attention", "readout")]
TRAINING = ["train.validate_every=2", "train.keep=1", "train.max_tokens=60", "train.precision=float32"]


def parse_arguments(description: str | None, sampled: str, shown: str) -> argparse.Namespace:
    """The options of a tool that tries a random sample of all cases, or all of them."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=300, help=f"{sampled}; 0 for all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default: %(default)s)")
    parser.add_argument("--show", action="store_true", help=f"print {shown}")
    return parser.parse_args()


def call_nmt(*words: str | Path) -> None:
    """Run a command of nmt. Raises CalledProcessError when it fails."""
    subprocess.run([sys.executable, "-m", "nmt", *map(str, words)], check=True, capture_output=True)


def make_corpus(folder: Path) -> None:
    """Write train and valid, with the word alignments of both."""
    folder.mkdir(exist_ok=True)
    random = Random(1)
    for split, pairs in PAIRS.items():
        lines = [random.choices(WORDS, k=random.randint(1, 4)) for _ in range(pairs)]
        links = [" ".join(f"{place}-{len(line) - 1 - place}" for place in range(len(line))) for line in lines]
        (folder / f"{split}.x").write_text("".join(" ".join(line) + "\n" for line in lines))
        (folder / f"{split}.y").write_text("".join(" ".join(reversed(line)) + "\n" for line in lines))
        (folder / f"{split}.links").write_text("".join(f"{line}\n" for line in links))


def make_tiny(folder: Path) -> tuple[Path, Path]:
    """Prepare a corpus with word alignments and train on it. -> prepared folder, run folder"""
    make_corpus(folder)
    prepared, run = folder / "prepared", folder / "run"
    splits = ("--train", folder / "train", "--valid", folder / "valid", "--train-alignments", folder / "train.links")
    call_nmt("prepare", "--source-lang", "x", "--target-lang", "y", *splits, "--vocab-size", "280", "--out", prepared)
    settings = [word for setting in SIZES + TRAINING for word in ("--set", setting)]
    call_nmt("train", "--data", prepared, "--out", run, *settings, "--max-updates", "4", "--device", "cpu")
    return prepared, run


def read_prepared(path: Path) -> dict[str, Any]:
    """Everything that training reads in a prepared folder."""
    prepared = PreparedCorpus.open(path)
    facts: dict[str, Any] = {"manifest": prepared.manifest}
    for side in ("source", "target"):
        facts[side] = getattr(prepared, f"{side}_subword").fingerprint
        facts[f"valid.{side}"] = prepared.read_raw_lines("valid", side)  # type: ignore[arg-type]
    for name in prepared.manifest.splits:
        split = prepared.open_split(name, with_links=prepared.manifest.splits[name].links is not None)
        arrays = [split.source_ids, split.source_offsets, split.target_ids, split.target_offsets, *(split.links or ())]
        facts[name] = [array.tolist() for array in arrays]
    return facts


def read_whole_run(path: Path) -> dict[str, Any]:
    """Everything that translating with a run and resuming it read."""
    run = read_run(path)
    subwords = run.source_subword.fingerprint, run.target_subword.fingerprint
    facts: dict[str, Any] = {"info": run.info, "settings": run.settings, "subwords": subwords}
    for name in list_checkpoints(path):
        loaded = load_run(path, name)
        weights = {key: value.contiguous() for key, value in loaded.model.named_parameters()}
        facts[name] = read_checkpoint_info(path / name), sha256(save(weights)).hexdigest()
    tensors = read_training_tensors(path / "last", loaded.model)
    facts["state"] = read_state(path), sha256(save(tensors)).hexdigest()
    facts["log"] = [line.record for line in read_log(path / "log.jsonl") if line.record is not None]
    return facts


def verify(path: Path) -> None:
    """What `nmt inspect --verify` compares."""
    if (path / "run.json").exists():
        verify_run(path)
    else:
        prepared = PreparedCorpus.open(path)
        verify_prepared(path, prepared.manifest)
