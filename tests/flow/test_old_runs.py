"""Runs of released versions: this version reads, verifies, translates and resumes each as the one that made it did.

tools/trust/make_old_run.py makes such a run for each release.
"""

import json
import shutil
from pathlib import Path

import pytest

import nmt

OLD_RUNS = sorted((Path(__file__).parents[1] / "support" / "old_runs").iterdir())


@pytest.fixture(params=OLD_RUNS, ids=lambda path: path.name)
def old(request, tmp_path):
    """The folder of a version, in a copy that a test may change: prepared, run and expected.json."""
    return shutil.copytree(request.param, tmp_path / request.param.name)


def test_there_is_a_run_of_this_version():
    assert nmt.__version__ in [path.name for path in OLD_RUNS]


def test_an_old_run_is_small():
    for folder in OLD_RUNS:
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 200_000


def test_an_old_run_is_whole_and_described(run_nmt, old):
    for folder in ("run", "prepared"):
        done = run_nmt("inspect", old / folder, "--verify")
        assert (done.code, done.stderr) == (0, "")
    assert f", with nmt {old.name} and torch " in run_nmt("inspect", old / "run").stdout


@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_an_old_run_translates_as_it_did(old, checkpoint):
    expected = json.loads((old / "expected.json").read_text())
    translator = nmt.load(old / "run", checkpoint=checkpoint, device="cpu", precision="float32")
    found = list(translator.translate(expected["lines"]))
    assert [one.text for one in found] == [text for text, _ in expected[checkpoint]]
    assert [one.score for one in found] == pytest.approx([score for _, score in expected[checkpoint]], rel=1e-3)


def test_an_old_run_is_resumed_as_it_was(run_nmt, old):
    expected = json.loads((old / "expected.json").read_text())
    words = ("--resume", "--max-updates", expected["update"], "--device", "cpu")
    done = run_nmt("train", "--data", old / "prepared", "--out", old / "run", *words)
    assert done.code == 0
    records = [json.loads(line) for line in (old / "run" / "log.jsonl").read_text().splitlines()]
    last = [record for record in records if record["kind"] == "train"][-1]
    assert last["update"] == expected["update"]
    assert last["loss"] == pytest.approx(expected["loss"], rel=1e-3)
