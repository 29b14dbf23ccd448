"""`nmt demo` with one epoch: every job runs, and every file that it names exists."""

import pytest

from nmt.cli.demo import SAMPLE


@pytest.fixture
def corpus(tmp_path):
    """The sample corpus, with fewer lines to translate and to align."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for split, count in (("train", 6000), ("valid", 50), ("test", 50)):
        for suffix in ("en", "de", "align"):
            lines = (SAMPLE / f"{split}.{suffix}").read_text("utf-8").splitlines(keepends=True)
            (folder / f"{split}.{suffix}").write_text("".join(lines[:count]), "utf-8")
    return folder


def test_the_demo_does_all_five_jobs(run_nmt, corpus, tmp_path):
    done = run_nmt("demo", "--corpus", corpus, "--out", tmp_path / "demo", "--max-epochs", "1")
    assert done.code == 0, done.stderr
    for job in ("prepare", "train", "translate", "score", "align"):
        assert f"$ nmt {job} " in done.stdout
    assert done.stdout.count("  translation  ") == 5
    assert "BLEU|nrefs:1|case:mixed" in done.stdout
    assert "AER" in done.stderr
    assert f"translate --model {tmp_path / 'demo' / 'run'}" in done.stdout.splitlines()[-1]
    for name in ("prepared", "run", "test.hypotheses.de", "test.links", "pictures"):
        assert f"{tmp_path / 'demo' / name}  " in done.stdout
        assert (tmp_path / "demo" / name).exists()
    assert len((tmp_path / "demo/test.links").read_text().splitlines()) == 50
    assert len(list((tmp_path / "demo/pictures").glob("*.png"))) == 5


def test_the_demo_overwrites_nothing_and_needs_the_corpus(run_nmt, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    done = run_nmt("demo", "--out", tmp_path)
    assert (done.code, done.stdout) == (2, "")
    assert f"{tmp_path} already holds files" in done.stderr
    done = run_nmt("demo", "--corpus", tmp_path, "--out", tmp_path / "demo")
    assert done.code == 2
    assert "does not hold the sample corpus" in done.stderr


@pytest.mark.parametrize("side", ["en", "de"])
def test_the_sample_corpus_comes_with_the_repository(side):
    assert (SAMPLE / f"test.{side}").exists()
