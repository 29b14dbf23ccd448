"""nmt tune: its table, its laws, what it writes, and what is refused."""

import json
import shutil

import pytest
from support.runs import REVERSER, write_facts

import nmt
import nmt.tuning
from nmt.checkpoint import read_run
from nmt.errors import SettingsError
from nmt.files import lock_exclusively
from nmt.settings import RunSettings, SearchSettings, to_toml

GRID = ["--beam", "1", "--beam", "4", "--alpha", "0.6", "--alpha", "1.4", "--beta", "0.3"]


@pytest.fixture
def run(novice, tmp_path):
    """A copy of it, which a test may change."""
    return shutil.copytree(novice, tmp_path / "run")


def change(run, section, **values):
    """Change settings of a run, as an expert would who writes the checksum too."""
    settings = read_run(run).settings
    changed = getattr(settings, section).model_copy(update=values)
    (run / "settings.toml").write_text(to_toml(settings.model_copy(update={section: changed})))


def change_info(run, **facts):
    """Change facts in run.json."""
    write_facts(run / "run.json", json.loads((run / "run.json").read_text()) | facts)


def tune(run_nmt, run, *words):
    done = run_nmt("tune", "--model", run, "--format", "json", *words)
    assert done.code == 0, done.stderr
    return json.loads(done.stdout)


def test_a_score_is_that_of_translate_with_these_settings(run_nmt, run, tiny_corpus):
    found = tune(run_nmt, run, *GRID)
    assert found["lines"] == 30
    trials = {(one["beam"], one["normalization"], one["alpha"], one["beta"]) for one in found["trials"]}
    shapes = {("none", None, 0), ("average", None, 0), ("wu", 0.6, 0), ("wu", 1.0, 0), ("wu", 1.4, 0)}
    assert {trial for trial in trials if not trial[3]} == {(beam, *shape) for beam in (1, 4, 5) for shape in shapes}
    covered = {trial for trial in trials if trial[3]}
    assert len(covered) == 3  # the best normalization, with each beam
    reference = tiny_corpus / "valid.b"
    for trial in found["trials"]:
        if trial["beam"] == 1 and trial["normalization"] != "average":
            continue  # all of them are one translation
        options = [word for name in ("beam", "normalization", "beta") for word in (f"--{name}", trial[name])]
        options += ["--alpha", trial["alpha"]] if trial["alpha"] is not None else []
        translated = run_nmt("translate", "--model", run, *options, tiny_corpus / "valid.a").stdout
        scored = run_nmt("score", "--reference", reference, "--metrics", "bleu", "--format", "json", stdin=translated)
        [[score]] = [system["scores"] for system in json.loads(scored.stdout)["systems"]]
        assert score["score"] == pytest.approx(trial["score"], abs=1e-9), trial
    assert found["signature"] == score["signature"]


def test_the_table_marks_the_best_and_names_the_present_settings(run_nmt, run):
    facts = tune(run_nmt, run, *GRID)
    done = run_nmt("tune", "--model", run, *GRID)
    assert done.code == 0
    heading, *rows = done.stdout.splitlines()
    assert heading.split() == ["normalization", "alpha", "beta", "beam", "1", "beam", "4", "beam", "5"]
    table, summary = rows[: rows.index("")], rows[rows.index("") + 1 :]
    assert len(table) == 6
    assert done.stdout.count("*") == 1
    best = facts["best"]
    [marked] = [row for row in table if "*" in row]
    assert f"{best['score']:.2f}*" in marked.split()
    assert marked.startswith(best["normalization"])
    alpha = "" if best["alpha"] is None else f" --alpha {best['alpha']}"
    options = f"--beam {best['beam']} --normalization {best['normalization']}{alpha} --beta {best['beta']}"
    assert summary[0] == f"best  {best['score']:.2f}  {options}"
    now = facts["present"]
    assert summary[1] == f"now   {now['score']:.2f}  --beam 5 --normalization wu --alpha 1.0 --beta 0.0"
    assert best["score"] == max(one["score"] for one in facts["trials"]) >= now["score"]
    assert summary[-1] == f"BLEU|{facts['signature']}"
    assert done.stderr.endswith(f"--write makes the best settings those of {run}\n")
    assert read_run(run).settings.search == SearchSettings()  # nothing is written unless asked


def test_what_is_written_is_what_translate_uses(run_nmt, run, tiny_corpus):
    change(run, "search", beam=1, no_repeat=7)
    before = run_nmt("translate", "--model", run, tiny_corpus / "valid.a").stdout
    done = run_nmt("tune", "--model", run, *GRID, "--metric", "chrf", "--write", "--format", "json")
    assert done.code == 0
    assert done.stderr.endswith(f"{run} translates with the best settings now\n")
    facts = json.loads(done.stdout)
    best = {name: facts["best"][name] for name in ("beam", "normalization", "alpha", "beta")}
    if best["alpha"] is None:
        best["alpha"] = 1.0  # unchanged, because it has no effect
    settings = read_run(run).settings
    assert settings.search == SearchSettings(**best, no_repeat=7)
    assert {name: after for name, (_, after) in facts["changes"].items()}.items() <= best.items()
    assert run_nmt("inspect", run, "--verify").code == 0
    assert f"search.beam = {best['beam']}  (default 5)\n" in run_nmt("inspect", run).stdout
    options = [word for name, value in best.items() for word in (f"--{name}", value)]
    by_options = run_nmt("translate", "--model", run, *options, tiny_corpus / "valid.a").stdout
    assert run_nmt("translate", "--model", run, tiny_corpus / "valid.a").stdout == by_options != before
    again = run_nmt("tune", "--model", run, *GRID, "--metric", "chrf", "--write")
    assert again.stderr.endswith("the run has the best of these settings already\n")
    assert read_run(run).settings == settings


def test_a_tuned_run_is_resumed(run_nmt, run, tiny_prepared):
    tune(run_nmt, run, "--beam", "2", "--alpha", "0.2", "--beta", "0", "--write")
    search = read_run(run).settings.search
    done = run_nmt("train", "--data", tiny_prepared, "--out", run, "--resume", "--max-updates", "151")
    assert done.code == 0, done.stderr
    assert read_run(run).settings.search == search


def test_the_text_may_be_another_and_have_several_references(run_nmt, run, tmp_path):
    (tmp_path / "s").write_text("ba de\n\nku la\n")
    (tmp_path / "r1").write_text("de ba\n\nla ku\n")
    (tmp_path / "r2").write_text("ba de\n\n\n")
    words = ("--source", tmp_path / "s", "--reference", tmp_path / "r1", "--reference", tmp_path / "r2")
    found = tune(run_nmt, run, *words, *GRID, "--tokenize", "char", "--batch-size", "2")
    assert found["lines"] == 3
    assert "|tok:char|" in found["signature"]
    assert found["signature"].startswith("nrefs:var")


def test_lower_is_better_for_ter(run_nmt, run):
    found = tune(run_nmt, run, *GRID, "--metric", "ter")
    assert found["best"]["score"] == min(one["score"] for one in found["trials"])
    assert found["metric"] == "TER"


def test_labels_have_one_reference_which_is_told_before_any_search(run_nmt, run, tmp_path):
    (tmp_path / "s").write_text("ba de\nku la\n")
    (tmp_path / "r1").write_text("de ba\n\n")
    (tmp_path / "r2").write_text("ba de\nla ku\n")
    words = ("--source", tmp_path / "s", "--reference", tmp_path / "r1", "--reference", tmp_path / "r2")
    done = run_nmt("tune", "--model", run, *words, *GRID, "--metric", "f1")
    assert (done.code, done.stderr) == (2, "nmt: error: --metric f1 needs one reference, and there are 2\n")
    (tmp_path / "r2").write_text("\nla ku\n")
    assert tune(run_nmt, run, *words, *GRID, "--metric", "f1")["lines"] == 2


def test_metric_and_tokenizer_are_those_of_validation(run_nmt, run):
    few = ["--beam", "1", "--alpha", "1", "--beta", "0"]
    change(run, "train", metric="accuracy")
    assert tune(run_nmt, run, *few)["metric"] == "Accuracy"
    change(run, "train", metric="perplexity", tokenize="intl")
    assert "|tok:intl|" in tune(run_nmt, run, *few)["signature"]


def test_equal_scores_leave_the_settings_as_they_are(run_nmt, run, tmp_path):
    (tmp_path / "empty").write_text("\n\n")
    words = ("--source", tmp_path / "empty", "--reference", tmp_path / "empty", "--metric", "accuracy")
    found = tune(run_nmt, run, *words, *GRID)
    assert (found["changes"], found["best"]) == ({}, found["present"])


def test_several_processes_find_the_same(run_nmt, run):
    words = ["--beam", "2", "--alpha", "0.6", "--beta", "0.2", "--precision", "float32"]
    assert tune(run_nmt, run, *words, "--processes", "2") == tune(run_nmt, run, *words)


def test_an_ensemble_is_tuned_and_not_written(run_nmt, run, novice):
    few = ("--beam", "2", "--alpha", "0.6", "--beta", "0")
    found = run_nmt("tune", "--model", run, "--model", novice, *few)
    assert found.code == 0
    assert "--write" not in found.stderr
    done = run_nmt("tune", "--model", run, "--model", novice, *few, "--write")
    assert (done.code, done.stderr) == (2, "nmt: error: --write changes the settings of one run, and there are 2\n")


def test_ctrl_c_leaves_the_run_as_it_was(run_nmt, run, monkeypatch):
    before = (run / "settings.toml").read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(nmt.tuning, "score_corpus", interrupt)
    done = run_nmt("tune", "--model", run, *GRID, "--write")
    assert (done.code, done.stdout) == (130, "")
    assert done.stderr.endswith("nmt: error: interrupted\n")
    assert (run / "settings.toml").read_bytes() == before
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_a_run_that_trains_is_not_written(run_nmt, run):
    with lock_exclusively(run, run):
        done = run_nmt("tune", "--model", run, *GRID, "--write")
    assert done.code == 2
    assert f"nmt: error: {run} is being written by another program\n" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "X"], "--source and --reference belong together: give both or, for the validation text of the "),
        (["--reference", "X"], "--source and --reference belong together: give both or, for the validation text "),
        (["--metric", "blue"], 'there is no metric "blue"; did you mean "bleu"?\n'),
        (
            ["--tokenize", "zh", "--metric", "chrf"],
            "--tokenize zh has no effect on chrf\n  Leave it out, or choose --metric bleu\n",
        ),
        (["--tokenize", "13b"], 'there is no tokenizer "13b"; did you mean "13a"?\n'),
        (
            ["--beam", "9000"],
            "1 setting in the search settings to try cannot be used\n  beam = 9000   must be at most ",
        ),
        (["--checkpoint", "lats"], 'RUN has no checkpoint "lats"; did you mean "last"?\n'),
        (["--source", "X", "--reference", "Y"], "X has 2 lines and Y has 1\n"),
        (["--source", "EMPTY", "--reference", "EMPTY"], "EMPTY is empty: it has no lines\n"),
    ],
)
def test_wrong_options_are_explained(run_nmt, run, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    for name, content in (("X", "ba\nde\n"), ("Y", "ba\n"), ("EMPTY", "")):
        (tmp_path / name).write_text(content)
    done = run_nmt("tune", "--model", run, *words)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("nmt: error: " + message.replace("RUN", str(run))), done.stderr


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"corpus": "data/gone"}, "data/gone is not there, the corpus of RUN, whose validation text would be used\n"),
        ({"corpus": None}, "RUN was made by an older version, which did not store the name of its corpus\n"),
        ({"data_fingerprint": "0" * 64}, "DATA has changed: it is not the corpus any more that RUN was trained on\n"),
    ],
)
def test_without_its_corpus_a_run_needs_a_text(run_nmt, run, tiny_prepared, facts, message):
    change_info(run, **facts)
    done = run_nmt("tune", "--model", run)
    assert done.code == 2
    message = message.replace("RUN", str(run)).replace("DATA", str(tiny_prepared))
    assert done.stderr == f"nmt: error: {message}  Name a text: --source and --reference\n"


@pytest.mark.parametrize(("name", "value"), [("sample", True), ("mbr", "chrf"), ("groups", 5)])
def test_a_run_without_a_plain_beam_search_is_refused(run_nmt, run, name, value):
    change(run, "search", **{name: value})
    done = run_nmt("tune", "--model", run)
    assert done.code == 2
    assert f"search.{name} is {value} in {run}, and what is tuned is a plain beam search\n" in done.stderr


def test_a_run_without_attention_has_no_coverage(run_nmt, tiny_prepared, tmp_path):
    out = tmp_path / "blind"
    model = REVERSER.model.model_copy(update={"attention": "none"})
    train = REVERSER.train.model_copy(update={"max_updates": 1})
    nmt.train(tiny_prepared, out, RunSettings(model=model, train=train), device="cpu")
    found = tune(run_nmt, out, "--beam", "2")
    assert {trial["beta"] for trial in found["trials"]} == {0}
    done = run_nmt("tune", "--model", out, "--beta", "0.2")
    assert done.code == 2
    assert done.stderr == (
        f"nmt: error: {out} has no attention, which the coverage penalty needs\n  Leave out --beta\n"
    )


def test_from_python(run, tiny_corpus):
    lines = {side: (tiny_corpus / f"test.{side}").read_text().splitlines() for side in "ab"}
    found = nmt.tune(run, lines["a"], lines["b"], beams=[3], alphas=[0.5], betas=[], metric="chrf", write=True)
    assert found.lines == 30
    assert found.best in found.trials
    assert {trial.beam for trial in found.trials} == {3, 5}
    assert read_run(run).settings.search.model_dump().items() >= found.best.settings.items()
    with pytest.raises(SettingsError, match="alpha = -1   must be at least 0"):
        nmt.tune(run, alphas=[-1])
