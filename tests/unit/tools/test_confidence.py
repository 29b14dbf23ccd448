"""confidence.py: correlations by hand, which words it takes for wrong, and its tables."""

import sys

import pytest
from support.tools import load_tool

confidence = load_tool("experiments/confidence")


@pytest.mark.parametrize(
    ("values", "others", "pearson", "spearman"),
    [
        ([1, 2, 3], [2, 4, 6], 1, 1),
        ([1, 2, 3], [3, 2, 1], -1, -1),
        ([0, 0, 1, 10], [0, 0, 5, 6], 0.745, 1),
        ([1, 1, 1], [1, 2, 3], 0, 0),
    ],
)
def test_correlations(values, others, pearson, spearman):
    assert confidence.correlate(values, others) == pytest.approx((pearson, spearman), abs=1e-3)


def test_a_word_is_wrong_if_the_reference_has_it_less_often():
    text = "Le chat, le chien !"
    wrong = confidence.find_wrong_words(text, "le CHIEN")
    assert [(text[begin:end], is_wrong) for begin, end, is_wrong in wrong] == [
        ("Le", False),
        ("chat,", True),
        ("le", True),
        ("chien", False),
    ]


def test_tables_of_a_run(reverser, tmp_path, capsys, monkeypatch):
    for name, lines in {"source": "ba de fi\n\nku la me\n", "reference": "fi de ba\n\nvi ku ku\n"}.items():
        (tmp_path / name).write_text(lines)
    options = ["--source", tmp_path / "source", "--reference", tmp_path / "reference"]
    monkeypatch.setattr(sys, "argv", ["x", "--model", str(reverser), *map(str, options)])
    confidence.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2 sentences, mean sentence chrF ")
    assert len([line for line in lines if line.count("|") == 4]) == len(confidence.MEASURES) + 2
    assert any(line.startswith("| all words | 6 | 100.0% | 33.3% |") for line in lines), lines
