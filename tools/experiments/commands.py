"""What the comparisons share: how they run commands of nmt, and the sample corpus with its gold links."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
VOCABULARY = 800  # pieces a side of the sample corpus
EXACT = ["--precision", "float32"]  # so that figures do not depend on the machine


def run_nmt(*arguments: object) -> str:
    """Run a command of nmt. -> what it prints"""
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def set_options(settings: Iterable[str]) -> list[str]:
    """Settings as options of nmt train."""
    return [word for setting in settings for word in ("--set", setting)]


def find_sample(name: str) -> Path:
    """A file of the sample corpus, or the prefix of a split."""
    return SAMPLE / name


def split_options() -> list[object]:
    """The training and validation text of the sample corpus, as options of nmt prepare."""
    return [word for split in ("train", "valid") for word in (f"--{split}", find_sample(split))]
