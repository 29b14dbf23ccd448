import runpy
import sys
import tomllib

import pytest
from support.tools import TOOLS

TOOL = TOOLS / "corpora" / "make_label_corpus.py"


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Make the corpus of a seed: `make(1)` -> its files by name, as lines."""

    def run(seed):
        out = tmp_path / f"of {seed}"
        monkeypatch.setattr(sys, "argv", [str(TOOL), "--out", str(out), "--seed", str(seed)])
        runpy.run_path(str(TOOL), run_name="__main__")
        return {path.name: path.read_text().splitlines() for path in out.iterdir()}

    return run


def test_one_planted_word_decides_each_label(make):
    planted = runpy.run_path(str(TOOL))["PLANTED"]
    files = make(1)
    for split, size in (("train", 2000), ("valid", 200), ("test", 500)):
        lines = list(zip(*(files[f"{split}.{ending}"] for ending in ("text", "label", "align")), strict=True))
        assert len(lines) == size
        for text, label, link in lines:
            place = int(link.removesuffix("-0"))
            found = [
                (number, key) for number, word in enumerate(text.split()) for key in planted if word in planted[key]
            ]
            assert found == [(place, label)]


def test_a_seed_gives_the_same_files_and_another_gives_others(make):
    assert make(1) == make(1)
    assert make(1)["train.text"] != make(2)["train.text"]


def test_its_settings_train(make):
    from nmt.settings import RunSettings
    from nmt.validation import check

    assert check(RunSettings, tomllib.loads("\n".join(make(1)["settings.toml"])), "it").model.bridge == "zeros"
