"""fine_tuning.py: the trainings that it starts, and its table."""

import json
import sys

import pytest
from support.tools import load_tool

BLEU = {
    "general": [20.04, 30.0],
    "0.001-4-7": [26.5, 27.25],
    "0.01-4-7": [19.0, 31.0],
}  # of the domain, and of the other


@pytest.fixture
def tool(monkeypatch):
    """The tool with commands noted in `tool.calls` instead of run."""
    module = load_tool("experiments/fine_tuning")
    monkeypatch.setattr(module, "calls", [], raising=False)

    def run(command, *arguments) -> str:
        words = [command, *map(str, arguments)]
        module.calls.append(words)
        if command == "train":
            folder = arguments[arguments.index("--out") + 1]
            (folder / "best").mkdir(parents=True)
            (folder / "log.jsonl").write_text('{"seconds": 6.0}\n{"seconds": 90.0}\n', "utf-8")
            return ""
        is_general = "wide.mt" in words
        name = arguments[arguments.index("--model") + 1].name
        return json.dumps({"systems": [{"scores": [{"score": BLEU[name][is_general]}]}]})

    monkeypatch.setattr(module, "run_nmt", run)
    return module


def test_each_rate_is_trained_once_and_compared_with_the_general_run(tool, monkeypatch, capsys, tmp_path):
    words = ["--model", "general", "--data", "law", "--domain", "law.test", "--general", "wide", "--out", tmp_path]
    words += ["--source-lang", "mt", "--target-lang", "hu", "--rates", 1e-3, 1e-2, "--epochs", 4, "--seed", 7]
    monkeypatch.setattr(sys, "argv", ["fine_tuning.py", *map(str, words)])
    table = [
        "| learning rate | epochs | BLEU, domain | gain | BLEU, general | loss | minutes |",
        "|---|---|---|---|---|---|---|",
        "| the general run | | 20.0 | | 30.0 | | |",
        "| 0.001 | 4 | 26.5 | +6.5 | 27.2 | 2.8 | 1.5 |",
        "| 0.01 | 4 | 19.0 | -1.0 | 31.0 | -1.0 | 1.5 |",
    ]
    tool.main()
    assert capsys.readouterr().out.splitlines() == table
    trained = [call for call in tool.calls if call[0] == "train"]
    start = ["train", "--data", "law", "--out", str(tmp_path / "0.001-4-7"), "--from", "general"]
    assert trained[0] == [
        *start,
        *("--set", "train.learning_rate=0.001", "--set", "train.schedule=constant", "--set", "train.warmup=0"),
        *("--max-epochs", "4", "--seed", "7"),
    ]
    scored = next(call for call in tool.calls if call[0] == "evaluate")
    assert scored[1:7] == ["--model", "general", "--source", "law.test.mt", "--reference", "law.test.hu"]
    tool.main()
    assert capsys.readouterr().out.splitlines() == table
    assert len([call for call in tool.calls if call[0] == "train"]) == 2  # those that are there are used again
