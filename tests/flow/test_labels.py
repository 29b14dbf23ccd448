"""Labels as targets, by the commands in the help of tools/corpora/make_label_corpus.py, one after the other."""

import json
import runpy
import shlex
import sys

from support.tools import TOOLS

TOOL = TOOLS / "corpora" / "make_label_corpus.py"


def test_attention_finds_the_words_that_decide(run_nmt, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", [str(TOOL), "--out", str(tmp_path)])
    text = runpy.run_path(str(TOOL), run_name="__main__")["__doc__"].replace("\\\n", " ").replace("$D", str(tmp_path))
    prepare, train, translate, score, align = (
        shlex.split(line)[1:] for line in text.splitlines() if line.startswith("    nmt ")
    )
    for words in (prepare, [*train, "--device", "cpu"], translate):
        done = run_nmt(*words)
        assert done.code == 0, done.stderr
    scores = run_nmt(*score, "--format", "json")
    assert [score["score"] for score in json.loads(scores.stdout)["systems"][0]["scores"]] == [100, 100]
    links = run_nmt(*align, "--format", "json")
    assert json.loads(links.stdout)["scores"]["forward"]["precision"] == 1
    assert (tmp_path / "page.html").is_file()
