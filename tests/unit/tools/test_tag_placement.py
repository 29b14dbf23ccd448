"""tag_placement.py: how it reads lines with tags, and what it counts."""

import gzip
import sys

import pytest
from support.tools import load_tool

tag_placement = load_tool("experiments/tag_placement")


@pytest.mark.parametrize(
    ("line", "text", "written"),
    [
        ("a <b>c &amp; d</b>.", "a c & d.", "a<b>c & d</b>."),
        ("<ul><li>a</li><li>b</li></ul>", "a b", "<ul><li>a</li><li>b</li></ul>"),
        ("no tags", "no tags", "no tags"),
    ],
)
def test_lines_are_read_without_their_tags(line, text, written):
    segment, names = tag_placement.read_segment(line)
    assert segment.text == text
    assert tag_placement.write_segment(segment, names) == written


def test_only_places_of_the_translator_are_exact(tmp_path, capsys, monkeypatch):
    for side, lines in {
        "en": "use <b>NMT</b> now\n<b>a</b> b\nc\n",
        "de": "nun <b>NMT</b> nutzen\nx <b>y</b>\nz\n",
    }.items():
        with gzip.open(tmp_path / f"dev.en-de.{side}.gz", "wt") as file:
            file.write(lines)
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(tmp_path), "--out", str(tmp_path), "--languages", "de"])
    tag_placement.main()
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "| en-de | none | 2 | 100 % | 50.0 % |",
        "| en-de | nmt.word_alignment | 2 | 100 % | 50.0 % |",
    ]
