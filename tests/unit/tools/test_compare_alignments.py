"""compare_alignments.py: the links that guide training, and the whole table in small."""

import json
import sys

import pytest
from support.tools import load_tool


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool with commands noted in `tool.calls` instead of run, and a sample corpus of two links."""
    module = load_tool("experiments/compare_alignments")
    monkeypatch.setattr(module, "calls", [], raising=False)
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "train.align").write_text("0-1 2p3\n\n4?5 10s0\n", "utf-8")
    monkeypatch.setattr(load_tool("experiments/commands"), "SAMPLE", sample)

    def run(command, *arguments) -> str:
        module.calls.append([command, *map(str, arguments)])
        aer = len(module.calls) / 100
        scores = {"forward": {"aer": aer}, "reverse": {"aer": 0.5}}
        systems = [{"scores": [{"score": 90.0}]}]
        return json.dumps({"align": {"scores": scores}, "evaluate": {"systems": systems}}.get(command))

    monkeypatch.setattr(module, "run_nmt", run)
    return module


def test_links_turn_round_with_the_direction(tool, tmp_path):
    assert tool.find_links("en", tmp_path) == tmp_path / "sample" / "train.align"
    assert tool.find_links("de", tmp_path).read_text("utf-8") == "1-0 3p2\n\n5?4 0s10\n"


def test_both_directions_are_trained_and_seeds_give_their_median(tool, monkeypatch, capsys, tmp_path):
    out = tmp_path / "out"
    words = ["--out", out, "--attention", "luong-dot", "--seeds", 1, 2, "--set", "train.guided_weight=1"]
    monkeypatch.setattr(sys, "argv", ["compare_alignments.py", *map(str, words), "--threshold", "0.3"])
    tool.main()
    # A seed is six commands here, since nothing that was prepared is there: its aligning is the fifth.
    assert [call[0] for call in tool.calls] == [*["prepare", "train"] * 2, "align", "evaluate"] * 2
    prepare, train, reverse_prepare, reverse_train, align, _ = tool.calls[:6]
    assert prepare[prepare.index("--train-alignments") + 1] == str(tmp_path / "sample" / "train.align")
    assert reverse_prepare[reverse_prepare.index("--train-alignments") + 1] == str(out / "train.de.align")
    assert reverse_prepare[1:5] == ["--source-lang", "de", "--target-lang", "en"]
    for call, direction in ((train, "en-de"), (reverse_train, "de-en")):
        assert call[call.index("--out") + 1] == str(out / f"luong-dot-{direction}-1")
        assert call[-4:] == ["--set", "model.attention=luong-dot", "--set", "train.guided_weight=1"]
    assert align[1:5] == ["--model", str(out / "luong-dot-en-de-1"), "--reverse", str(out / "luong-dot-de-en-1")]
    assert align[align.index("--threshold") + 1] == "0.3"
    assert capsys.readouterr().out.splitlines() == [
        "| attention | forward | reverse | BLEU |",
        "|---|---|---|---|",
        "| luong-dot | 8.0 | 50.0 | 90.0 |",
    ]
