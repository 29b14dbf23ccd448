"""Lines of millions of characters: only what is used of them takes memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from nmt import Translator, align, evaluate, score
from nmt.analysis.alignment import AttentionDiagnostics
from nmt.analysis.metrics import score_validation
from nmt.analysis.page import AttentionView, fit_view
from nmt.errors import DataError

MEGABYTES = 2
LINES = {
    "one word": "λ" * (MEGABYTES * 500_000),
    "short words": "ба де фи " * (MEGABYTES * 62_500),
    "no blanks": "ก" * (MEGABYTES * 333_333),
}
MEASURE = """
import resource, sys
from nmt.cli.main import main
from nmt.translation import batching
batching.MAX_PIECES = 100
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


def measure(*words):
    """-> exit code, standard output, lines of standard error, peak memory in MiB"""
    command = [sys.executable, "-c", MEASURE, *map(str, words)]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=env)
    *messages, peak = done.stderr.splitlines()
    return done.returncode, done.stdout, messages, int(peak)


@pytest.fixture(scope="module")
def least(reverser, tmp_path_factory):
    """The peak memory of translating a short line, in MiB."""
    path = tmp_path_factory.mktemp("short") / "short"
    path.write_text("ba de\n")
    return measure("translate", "--model", reverser, "--beam", 1, path)[-1]


@pytest.fixture(params=LINES)
def long_file(request, tmp_path):
    path = tmp_path / "long"
    path.write_text(f"ba de fi\n{LINES[request.param]}\n")
    return path


def test_a_line_of_megabytes_is_translated_in_little_memory(reverser, long_file, least):
    code, out, messages, peak = measure("translate", "--model", reverser, "--beam", 1, long_file)
    assert (code, out.splitlines()[0], len(out.splitlines())) == (0, "fi de ba", 2)
    assert "line 2 is too long: only its first 100 pieces are translated" in messages[0]
    assert peak < least + 100


def test_a_line_of_megabytes_is_aligned_in_little_memory(reverser, long_file, least, tmp_path):
    words = "--matrix", tmp_path / "matrix", "--html", tmp_path / "page.html", "--table", tmp_path / "table"
    code, out, messages, peak = measure(
        "align", "--model", reverser, "--source", long_file, "--target", long_file, *words
    )
    assert (code, len(out.splitlines())) == (0, 2)
    assert "pair 2: only the first 100 pieces of its source are read" in messages[0]
    assert peak < least + 200
    first, second = map(json.loads, (tmp_path / "matrix").read_text().splitlines())
    assert (first["is_whole"], second["is_whole"]) == (True, False)
    assert first["source_words"] == ["ba", "de", "fi"]
    assert len(second["attention"][0]) == len(second["source_words"]) <= 102
    assert max(max(link) for link in second["links"]) < len(second["source_words"])


def test_what_is_cut_changes_nothing_before_the_cut(reverser, monkeypatch):
    """The two lines have the same pieces up to the largest number of pieces, and one is far longer."""
    monkeypatch.setattr("nmt.translation.batching.MAX_PIECES", 30)
    shorter, longer = "ba de fi ku la " * 30, "ba de fi ku la " * 3000
    one, other = Translator.load(reverser).translate([shorter, longer])
    assert (one.text, one.log_prob, one.alignment) == (
        other.text,
        pytest.approx(other.log_prob, abs=1e-4),
        other.alignment,
    )
    assert (other.source, other.is_whole) == (longer, False)
    assert len(other.source_words) <= 31
    assert align(reverser, ["ba"], ["ba"])[0].is_whole
    for pairs in ([shorter], [longer]):
        aligned = align(reverser, pairs, pairs)[0]
        assert not aligned.is_whole
        assert {index for link in aligned.links for index in link} <= set(range(31))
        assert aligned.view.weights_JI.shape == (len(aligned.target_words), len(aligned.source_words))


def test_runs_that_read_different_words_are_shown_on_one_page():
    found = AttentionDiagnostics(0.0, 0.0, [0, 2], [])
    view = AttentionView(0, 0, ["x", "y"], np.eye(2, 3), [(0, 0), (1, 1), (2, 1)], found, 0.0)
    fewer = fit_view(view, 2)
    assert (fewer.weights_JI.tolist(), fewer.links, fewer.diagnostics.unattended) == (
        [[1, 0], [0, 1]],
        [(0, 0), (1, 1)],
        [0],
    )
    more = fit_view(view, 4)
    assert (more.weights_JI.tolist(), more.links) == ([[1, 0, 0, 0], [0, 1, 0, 0]], view.links)


SPLIT = "\n  Split the line into sentences, and those that belong to it"


@pytest.mark.parametrize(
    ("metrics", "hypothesis", "reference", "message"),
    [
        ("bleu", 200_001, 3, f"translation 2 has 200,001 characters, and at most 200,000 can be scored{SPLIT}"),
        ("chrf", 3, 300_000, f"reference 2 has 300,000 characters, and at most 200,000 can be scored{SPLIT}"),
        ("accuracy", 300_000, 3, f"translation 2 has 300,000 characters, and at most 200,000 can be scored{SPLIT}"),
        (
            "bleu,ter",
            3,
            10_002,
            f"reference 2 has 10,002 characters, and at most 10,000 can be scored by ter{SPLIT}, or leave ter out of "
            "--metrics",
        ),
    ],
)
def test_a_line_that_cannot_be_scored_is_named(run_nmt, tmp_path, metrics, hypothesis, reference, message):
    paths = {}
    for name, size in (("hypothesis", hypothesis), ("reference", reference)):
        paths[name] = tmp_path / name
        paths[name].write_text(f"ku ba\n{'ку' * (size // 2)}{'.' * (size % 2)}\n")
    done = run_nmt("score", "--reference", paths["reference"], paths["hypothesis"], "--metrics", metrics)
    assert (done.code, done.stdout, done.stderr) == (2, "", f"nmt: error: {message}\n")


def test_lines_of_the_largest_length_are_scored():
    lines = ["ба де фи " * 22_222]
    assert [one.score for one in score(lines, lines, ["bleu", "chrf"])] == [pytest.approx(100)] * 2
    assert score(["ба де фи " * 1100], ["ба де фи " * 1100], ["ter"])[0].score == 0


def test_evaluate_refuses_a_long_reference_before_it_translates(run_nmt, reverser, tmp_path):
    (tmp_path / "source").write_text("ba\n")
    (tmp_path / "reference").write_text("ж" * 200_001)
    message = "reference 1 has 200,001 characters, and at most 10,000 can be scored by ter"
    words = "--source", tmp_path / "source", "--reference", tmp_path / "reference"
    done = run_nmt("evaluate", "--model", reverser, *words)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message}")
    with pytest.raises(DataError, match=message):
        evaluate(reverser, ["ba"], ["ж" * 200_001])


def test_a_long_line_does_not_end_validation():
    scores = score_validation(["ба де фи ку", "ба"], ["ба де фи ку", "ба де " * 50_000], "13a")
    assert 0 < scores["chrf"] < 100
    assert scores["accuracy"] == 50
