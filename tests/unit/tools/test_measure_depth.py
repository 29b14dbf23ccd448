"""measure_depth.py: a measurement in small, a row of the table, and what is refused."""

import sys

import pytest
from support.tools import load_tool

tool = load_tool("benchmarks/measure_depth")


def test_networks_take_turns_in_small(monkeypatch, capsys):
    sizes = ("embedding_size=6", "encoder_size=4", "decoder_size=8", "attention_size=7")
    for name, value in {"SIZES": sizes, "PAIRS": 2, "LENGTH": 3, "WORDS": 20}.items():
        monkeypatch.setattr(tool, name, value)
    monkeypatch.setattr(tool, "NETWORKS", ("", "decoder_layers=2 residual=true"))
    monkeypatch.setattr(sys, "argv", ["measure_depth.py", "--updates", "1"])
    tool.main()
    _, _, plain, deep = capsys.readouterr().out.splitlines()
    assert plain.startswith("| one layer each | 0.0 M | ")
    assert plain.endswith(" | 1.00 |")
    assert deep.startswith("| decoder_layers=2 residual=true | 0.0 M | ")


def test_a_row_of_the_table():
    rows = [{"network": "one layer each", "weights": 6_000_000, "seconds": 0.2}]
    rows += [{"network": "decoder_layers=2", "weights": 9_140_000, "seconds": 0.25}]
    assert tool.format_table(rows).splitlines()[2:] == [
        "| one layer each | 6.0 M | 200 | 1.00 |",
        "| decoder_layers=2 | 9.1 M | 250 | 1.25 |",
    ]


def test_a_number_of_updates_that_cannot_be_used_is_named(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_depth.py", "--updates", "0"])
    with pytest.raises(SystemExit, match="2"):
        tool.main()
    assert "measure_depth.py: error: --updates 0: at least one update is needed" in capsys.readouterr().err
