"""Runs that tests translate and align with."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nmt.metadata import add_checksum
from nmt.settings import ModelSettings, RunSettings, TrainSettings

TINY = ModelSettings(
    attention="bahdanau", embedding_size=32, encoder_size=32, decoder_size=64, attention_size=32, dropout=0.0
)
REVERSER = RunSettings(
    model=TINY,
    train=TrainSettings(
        max_tokens=100,
        learning_rate=0.005,
        warmup=30,
        max_epochs=20,
        validate_every=500,
        schedule="cosine",
        label_smoothing=0.0,
        precision="float32",
    ),
)


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Write a JSON file of a run with the checksum of `facts`."""
    rest = {name: value for name, value in facts.items() if name != "checksum"}
    path.write_text(json.dumps(add_checksum(rest)))


@pytest.fixture(scope="session")
def reverser(tiny_prepared, tmp_path_factory) -> Path:
    """A run that has learnt to reverse the words of the toy language."""
    from nmt import train

    out = tmp_path_factory.mktemp("runs") / "reverser"
    train(tiny_prepared, out, REVERSER, device="cpu")
    return out


@pytest.fixture(scope="session")
def turned(reverser, tmp_path_factory) -> Path:
    """The same run, whose run.json has the languages in the other order."""
    run = shutil.copytree(reverser, tmp_path_factory.mktemp("runs") / "turned")
    facts = json.loads((run / "run.json").read_text())
    write_facts(run / "run.json", facts | {"source_lang": facts["target_lang"], "target_lang": facts["source_lang"]})
    return run


@pytest.fixture(scope="session")
def novice(tiny_prepared, tmp_path_factory) -> Path:
    """A run that has learnt a little, so that what comes after it matters. It has two numbered checkpoints."""
    from nmt import train

    out = tmp_path_factory.mktemp("runs") / "novice"
    changes = {"max_updates": 150, "validate_every": 75, "schedule": "constant", "compile": False}
    train(
        tiny_prepared,
        out,
        REVERSER.model_copy(update={"train": REVERSER.train.model_copy(update=changes)}),
        device="cpu",
    )
    return out
