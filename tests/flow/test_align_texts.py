"""`nmt align` without a run, and `nmt prepare --align`: links that are learnt from the text alone."""

import json

import pytest

from nmt.data.prepared import PreparedCorpus

SOURCE = ["ba de fi", "", "ku la", "de ku", "ba la fi", "fi", "la de"] * 5
WORDS = {"ba": "mo", "de": "nu", "fi": "pe", "ku": "ri", "la": "so"}
TARGET = [" ".join(WORDS[word] for word in line.split()) for line in SOURCE]
LINKS = [" ".join(f"{i}-{i}" for i in range(len(line.split()))) for line in SOURCE]
TEXTS = ("--source", "source", "--target", "target")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, lines in (("source", SOURCE), ("target", TARGET), ("gold", LINKS)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return tmp_path


def test_links_need_no_run(run_nmt, files):
    done = run_nmt("align", *TEXTS)
    assert (done.code, done.stderr) == (0, "")
    found = done.stdout.splitlines()
    assert len(found) == len(LINKS)
    assert found[1] == ""
    assert sum(one == other for one, other in zip(found, LINKS, strict=True)) > 0.8 * len(LINKS)


def test_links_are_scored_and_symmetrised(run_nmt, files):
    done = run_nmt("align", *TEXTS, "--gold", "gold")
    assert done.code == 0
    assert done.stdout.splitlines()[1] == ""
    assert "intersection" in done.stderr
    both = {}
    for how in ("intersection", "union"):
        document = json.loads(
            run_nmt("align", *TEXTS, "--gold", "gold", "--format", "json", "--symmetrise", how).stdout
        )
        assert document["units"] == ["words", "words"]
        assert document["scores"]["union"]["recall"] > 0.8
        both[how] = [set(map(tuple, links)) for links in document["links"]]
    assert all(one <= other for one, other in zip(both["intersection"], both["union"], strict=True))


def test_tags_go_where_the_words_went(run_nmt, files):
    lines = ["ba <b>de</b> fi", *SOURCE[1:]]
    (files / "source").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    done = run_nmt("align", *TEXTS, "--project-tags")
    assert (done.code, done.stdout.splitlines()[:2]) == (0, ["mo <b>nu</b> pe", ""])
    assert "have tags" not in done.stderr
    targets = ["mo &amp; nu <i>pe</i>", "", f"<i>{TARGET[2]}</i>", *TARGET[3:]]
    (files / "target").write_text("".join(f"{line}\n" for line in targets), encoding="utf-8")
    done = run_nmt("align", *TEXTS, "--project-tags")
    assert (done.code, done.stdout.splitlines()[:3]) == (0, ["mo &amp; <b>nu</b> pe", "", TARGET[2]])
    assert "nmt: target, line 1: its tags are replaced by those of its source\n" in done.stderr
    assert "nmt: target, line 3: its tags are taken out, because its source has none\n" in done.stderr


def test_characters_are_named(run_nmt, files):
    (files / "source").write_text("世界\n" * len(SOURCE), encoding="utf-8")
    done = run_nmt("align", *TEXTS)
    assert done.code == 0
    assert "links are between characters of the source and words of the target" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--reverse", "run"], "--reverse needs a run\n  Name it with --model, or leave it out\n"),
        (["--html", "x", "--plot", "y"], "--html and --plot need a run\n  Name it with --model, or leave them out\n"),
        (["--gold-base", "1"], "--gold-base has no effect without --gold: name its file"),
        (["--project-tags", "--gold", "gold"], "--project-tags writes text: leave out --gold, --units and --format"),
        (["--units", "pieces"], "--units pieces needs a run, whose pieces they are\n  Name it with --model"),
    ],
)
def test_options_of_runs_are_refused(run_nmt, files, options, message):
    done = run_nmt("align", *TEXTS, *options)
    assert (done.code, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_text_of_other_length_is_refused(run_nmt, files):
    (files / "target").write_text("mo\n", encoding="utf-8")
    done = run_nmt("align", *TEXTS)
    assert done.code == 2
    assert "35" in done.stderr


@pytest.fixture
def corpus(files):
    for split in ("train", "valid"):
        for language, lines in (("a", SOURCE), ("b", TARGET)):
            (files / f"{split}.{language}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return ["--source-lang", "a", "--target-lang", "b", "--train", "train", "--valid", "valid", "--out", "prepared"]


def test_prepare_makes_the_links_that_guide_attention(run_nmt, files, corpus):
    done = run_nmt("prepare", *corpus, "--align")
    assert done.code == 0, done.stderr
    assert "links between pieces" in done.stderr
    own = PreparedCorpus.open(files / "prepared").open_split("train", with_links=True).links
    assert not (files / "prepared" / "scratch").exists()
    assert run_nmt("prepare", *corpus, "--train-alignments", "gold", "--overwrite").code == 0
    gold = PreparedCorpus.open(files / "prepared").open_split("train", with_links=True).links
    found, wanted = (set(zip(one.sources.tolist(), one.targets.tolist(), strict=True)) for one in (own, gold))
    assert found == wanted
    assert abs(len(own.sources) - len(gold.sources)) < 0.1 * len(gold.sources)


def test_prepare_links_text_without_blanks(run_nmt, files, corpus):
    (files / "train.a").write_text("東京世界\n世界\n東京\n" * 12, encoding="utf-8")
    (files / "train.b").write_text("Токио мир\nмир\nТокио\n" * 12, encoding="utf-8")
    done = run_nmt("prepare", *corpus, "--align")
    assert done.code == 0, done.stderr
    links = PreparedCorpus.open(files / "prepared").open_split("train", with_links=True).links
    assert len(links.sources) > 0


def test_prepare_takes_links_from_one_place(run_nmt, files, corpus):
    done = run_nmt("prepare", *corpus, "--align", "--train-alignments", "gold")
    assert done.code == 2
    assert "--align makes the links that --train-alignments names\n  Leave one of them out" in done.stderr
    assert not (files / "prepared").exists()
