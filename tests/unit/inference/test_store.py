"""Graphs kept beside weights: when they are used, and when they are made again."""

import json
import os
import shutil

import pytest

import nmt
from nmt.errors import DamageError
from nmt.inference import build
from nmt.inference.store import load_graphs
from nmt.loaded_run import load_run

LINES = ["ba de ku", "la"]


@pytest.fixture
def run(reverser, tmp_path):
    """A run whose best checkpoint has no graphs."""
    path = tmp_path / "run"
    shutil.copytree(reverser, path)
    for kept in path.glob("*/graphs-*"):
        shutil.rmtree(kept)
    return path


@pytest.fixture
def made(monkeypatch):
    """The precisions for which graphs were made."""
    precisions = []
    make = build.build_graphs

    def build_graphs(model, precision):
        precisions.append(precision)
        return make(model, precision)

    monkeypatch.setattr(build, "build_graphs", build_graphs)
    return precisions


def translate(run, **options):
    return [(one.text, one.score) for one in nmt.Translator.load(run, **options).translate(LINES)]


def test_graphs_are_made_once_for_each_precision(run, made):
    first = translate(run, precision="int8")
    assert (run / "best/graphs-int8/step.onnx").is_file()
    assert translate(run, precision="int8") == first
    translate(run, precision="float32")
    assert made == ["int8", "float32"]


@pytest.mark.parametrize("name", ["step.onnx", "encoder.onnx", "made_from.json"])
@pytest.mark.parametrize(
    "change", [lambda content: content[:-9], lambda content: b"", None], ids=["cut", "empty", "gone"]
)
def test_damaged_graphs_are_made_again(run, made, name, change):
    wanted = translate(run)
    file = run / "best/graphs-int8" / name
    file.unlink() if change is None else file.write_bytes(change(file.read_bytes()))
    assert translate(run) == wanted
    assert made == ["int8", "int8"]
    assert translate(run) == wanted
    assert made == ["int8", "int8"]


@pytest.mark.parametrize(
    "change",
    [lambda content: content[:-1] + b"\xff", lambda content: content + b"0", None],
    ids=["byte", "size", "gone"],
)
def test_graphs_do_not_hide_damaged_weights(run, change):
    translate(run)
    file = run / "best/weights.safetensors"
    file.unlink() if change is None else file.write_bytes(change(file.read_bytes()))
    with pytest.raises(DamageError, match="its checksum is not the one in checkpoint"):
        translate(run)


@pytest.mark.parametrize("field", ["fingerprint", "sha256"])
def test_graphs_made_from_something_else_are_made_again(run, made, field):
    wanted = translate(run)
    file = run / "best/graphs-int8/made_from.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps(facts | {field: "other"}))
    assert translate(run) == wanted
    assert made == ["int8", "int8"]


def test_graphs_of_other_weights_are_not_used(run, made):
    """Those of another checkpoint, copied."""
    translate(run, checkpoint="best")
    numbered = next(path for path in run.glob("update-*"))
    shutil.copytree(run / "best/graphs-int8", numbered / "graphs-int8")
    same = (numbered / "weights.safetensors").read_bytes() == (run / "best/weights.safetensors").read_bytes()
    translate(run, checkpoint=numbered.name)
    assert made == ["int8"] * (1 if same else 2)


def test_a_folder_that_cannot_be_written_keeps_none_and_translates(run, made, monkeypatch):
    def refuse(*_):
        raise OSError("read-only file system")

    wanted = translate(run)
    shutil.rmtree(run / "best/graphs-int8")
    monkeypatch.setattr(os, "rename", refuse)
    assert translate(run) == wanted
    assert not (run / "best/graphs-int8").exists()


def test_kept_graphs_equal_those_that_are_made(run):
    loaded = load_run(run)
    made, kept = load_graphs(loaded, "int8"), load_graphs(loaded, "int8")
    assert [graph and graph.SerializeToString() for graph in kept] == [
        graph and graph.SerializeToString() for graph in made
    ]
