"""compare_attentions.py: a comparison in small, its continuation after an interruption, and several seeds."""

import contextlib
import io
import json
import sys
from pathlib import Path

import pytest
from support.tools import TOOLS, load_tool

from nmt.cli.main import main
from nmt.settings import resolve_settings

SAMPLE = TOOLS.parent / "data" / "sample"
LINES = {"train": 100, "valid": 8, "test": 8}
SMALL = [f"model.{size}=16" for size in ("embedding_size", "encoder_size", "attention_size", "readout_size")]
SMALL += ["model.decoder_size=32", "train.max_tokens=2000"]


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool with commands run in this process, noted in `tool.calls`, and a sample corpus of a few lines."""
    module = load_tool("experiments/compare_attentions")
    monkeypatch.setattr(module, "calls", [], raising=False)

    def run(*words) -> str:
        module.calls.append([str(word) for word in words])
        with contextlib.redirect_stdout(io.StringIO()) as out:
            assert main(module.calls[-1]) == 0
        return out.getvalue()

    sample = tmp_path / "sample"
    sample.mkdir()
    for split, count in LINES.items():
        for side in ("en", "de", "align"):
            lines = (SAMPLE / f"{split}.{side}").read_text("utf-8").splitlines(keepends=True)
            (sample / f"{split}.{side}").write_text("".join(lines[:count]), "utf-8")
    monkeypatch.setattr(module, "run_nmt", run)
    monkeypatch.setattr(module, "VOCABULARY", 330)
    monkeypatch.setattr(load_tool("experiments/commands"), "SAMPLE", sample)
    return module


def compare(tool, monkeypatch, prepared, corpus, out, *words) -> None:
    texts = ["--source", corpus / "test.a", "--reference", corpus / "test.b", "--set", *SMALL]
    sample = [] if "--sample-epochs" in words else ["--sample-epochs", 1]
    line = ["compare_attentions.py", "--data", prepared, "--out", out, *sample, *texts, *words]
    monkeypatch.setattr(sys, "argv", [str(word) for word in line])
    tool.main()


def test_every_kind_is_measured_once(tool, monkeypatch, capsys, tmp_path, tiny_prepared, tiny_corpus):
    where = tiny_prepared, tiny_corpus, tmp_path / "out"
    compare(tool, monkeypatch, *where, "--epochs", 1, "--kinds", "bahdanau")
    capsys.readouterr()
    tool.calls.clear()
    compare(tool, monkeypatch, *where, "--epochs", 1, "--kinds", "bahdanau", "none")
    assert {words[words.index("--out") + 1] for words in tool.calls if "--out" in words} == {f"{where[2]}/runs/none-1"}
    rows = {row["kind"]: row for row in json.loads((tmp_path / "out/compared.json").read_text())["rows"]}
    assert rows["bahdanau"]["parameters"] > rows["none"]["parameters"] > 10_000
    assert 0 <= rows["bahdanau"]["aer"] <= 100
    assert 0 < rows["bahdanau"]["entropy"] < 4
    assert (rows["none"]["aer"], rows["none"]["entropy"]) == (None, None)
    header, _, first, second = capsys.readouterr().out.splitlines()
    assert header.startswith("| attention | parameters | target tokens/s | BLEU |")
    assert first.split(" | ")[1] == f"{rows['bahdanau']['parameters']:,}"
    assert second.startswith("| none | ")
    assert second.endswith(" | – | – |")


def test_alignment_error_can_be_left_out(tool, monkeypatch, capsys, tmp_path, tiny_prepared, tiny_corpus):
    where = tiny_prepared, tiny_corpus, tmp_path / "out"
    compare(tool, monkeypatch, *where, "--epochs", 1, "--kinds", "bahdanau", "--sample-epochs", 0)
    (row,) = json.loads((tmp_path / "out/compared.json").read_text())["rows"]
    assert row["aer"] is None
    assert row["entropy"] > 0
    assert not (tmp_path / "out/sample-runs").exists()


def test_training_resumes_for_the_rest_of_its_minutes(tool, monkeypatch, tmp_path):
    commands = []
    monkeypatch.setattr(tool, "run_nmt", lambda *words: commands.append([*map(str, words)]))
    run = tmp_path / "run"
    limits = {"epochs": None, "minutes": 3.0}
    tool.train(run, Path("data"), ["--recipe", "r"], **limits)
    (run / "last").mkdir(parents=True)
    for seconds in (60, 180):
        with (run / "log.jsonl").open("a") as log:
            log.write(json.dumps({"kind": "valid", "seconds": seconds}) + "\n")
        tool.train(run, Path("data"), ["--recipe", "r"], **limits)
    (run / "last").rmdir()
    tool.train(run, Path("data"), [], epochs=2, minutes=None)  # nothing to go on from
    assert not run.exists()
    begin = ["train", "--data", "data", "--out", str(run)]
    assert commands == [
        [*begin, "--recipe", "r", "--max-minutes", "3.0"],
        [*begin, "--resume", "--max-minutes", "2.0"],
        [*begin, "--max-epochs", "2"],
    ]


def test_several_seeds_give_their_median_and_range(tool):
    row = {"kind": "x", "parameters": 5000, "tokens_per_second": 10.0, "entropy": 1.0, "aer": None}
    table = tool.format_table([row | {"seed": seed, "bleu": bleu} for seed, bleu in ((1, 30.0), (2, 33.0), (3, 31.0))])
    assert table.splitlines()[2] == "| x | 5,000 | 10 | 31.0 (30.0–33.0) | 1.00 | – |"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give the length of training: --epochs or --minutes"),
        (["--epochs", 0], "--epochs must be at least 1"),
        (["--epochs", 1, "--kinds", "luong"], "invalid choice: 'luong'"),
    ],
)
def test_options_that_cannot_be_used_are_named(tool, monkeypatch, capsys, tmp_path, words, message):
    with pytest.raises(SystemExit):
        compare(tool, monkeypatch, tmp_path, tmp_path, tmp_path, *words)
    assert message in capsys.readouterr().err


def test_every_kind_can_be_built_for_both_corpora(tool):
    for settings in tool.KINDS.values():
        for recipe in ("sample", "multi30k"):
            assert resolve_settings(recipe, None, settings)
