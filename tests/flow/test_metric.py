"""Which checkpoint is the best: languages without blanks, labels, ties, another metric for a run that is resumed."""

import json
import math
import shutil

import pytest
from safetensors.torch import load_file
from support.languages import SIZES, write_labels, write_language

import nmt
from nmt.analysis.metrics import TOKENIZERS
from nmt.checkpoint import list_numbered_checkpoints, read_checkpoint_info
from nmt.settings import RunSettings, TokenizerName
from nmt.training.trainer import MANY_WITHOUT_BLEU

SMALL = [
    *("--set", "model.embedding_size=32", "--set", "model.encoder_size=32", "--set", "model.decoder_size=64"),
    *("--set", "model.attention_size=32", "--set", "model.dropout=0.0", "--set", "train.max_tokens=50"),
    *("--set", "model.attention=bahdanau"),
    *("--set", "train.learning_rate=0.01", "--set", "train.warmup=20", "--precision", "float32", "--device", "cpu"),
]


def list_validations(run):
    records = map(json.loads, (run / "log.jsonl").read_text("utf-8").splitlines())
    return [record for record in records if record["kind"] == "valid"]


def prepare(run_nmt, folder, source, target):
    done = run_nmt(
        *("prepare", "--source-lang", source, "--target-lang", target, "--train", folder / "train"),
        *("--valid", folder / "valid", "--out", folder / "data", "--max-ratio", 100),
    )
    assert done.code == 0, done.stderr
    return folder / "data"


@pytest.fixture
def train(run_nmt):
    """`train(folder, words…)`: nmt train with a small model on the corpus in a folder."""
    return lambda folder, *words: run_nmt("train", "--data", folder / "data", "--out", folder / "run", *words)


@pytest.mark.parametrize(
    ("language", "suffix", "tokenizer"),
    [("km", "khm", "char"), ("lo", "trg", "char"), ("zh", "mine", "zh")],
)
def test_the_best_checkpoint_of_a_language_without_blanks_is_the_best(
    run_nmt, train, tmp_path, monkeypatch, language, suffix, tokenizer
):
    write_language(tmp_path, language, suffix)
    prepare(run_nmt, tmp_path, "en", suffix)
    more = ["--set", "train.max_tokens=100", "--set", "train.validate_every=40", "--set", "train.learning_rate=0.005"]
    done = train(tmp_path, *SMALL, *more, "--max-updates", 160, "--max-epochs", 0)
    assert done.code == 0, done.stderr
    assert f"validation: best by bleu; BLEU by sacreBLEU's tokenizer {tokenizer}\n" in done.stderr
    validations = list_validations(tmp_path / "run")
    assert {(record["metric"], record["tokenizer"]) for record in validations} == {("bleu", tokenizer)}
    best = max(validations, key=lambda record: (record["bleu"], -record["perplexity"]))
    assert best["bleu"] > validations[0]["bleu"]
    facts = read_checkpoint_info(tmp_path / "run" / "best")
    assert (facts["update"], facts["bleu"]) == (best["update"], best["bleu"])

    monkeypatch.chdir(tmp_path)
    words = ["--source", "valid.en", "--reference", f"valid.{suffix}", "--metrics", "bleu", "--format", "json"]
    evaluated = run_nmt("evaluate", "--model", "run", *words, "--beam", 1, "--device", "cpu", "--precision", "float32")
    [[score]] = [system["scores"] for system in json.loads(evaluated.stdout)["systems"]]
    assert f"|tok:{tokenizer}|" in score["signature"]
    assert score["score"] == pytest.approx(best["bleu"], abs=0.01)
    named = run_nmt("evaluate", "--model", "run", *words, "--tokenize", "intl", "--beam", 1, "--device", "cpu")
    assert "|tok:intl|" in named.stdout
    spoken = run_nmt("evaluate", "--model", "run", *words, "--language", "bo", "--beam", 1, "--device", "cpu")
    assert "|tok:char|" in spoken.stdout
    lines = (tmp_path / f"valid.{suffix}").read_text("utf-8").splitlines()
    sources = (tmp_path / "valid.en").read_text("utf-8").splitlines()
    found = nmt.evaluate("run", sources, lines, ["bleu"], beam=1, device="cpu", precision="float32")
    assert (found.scores[0].score, found.target_lang) == (pytest.approx(best["bleu"], abs=0.01), suffix)


def test_a_score_names_the_tokenizer_that_the_language_or_the_script_chose(run_nmt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_language(tmp_path, "lo", "out")

    def score(*words):
        done = run_nmt("score", "--reference", "test.out", "--metrics", "bleu", *words, "test.out")
        return done.stdout.split("|tok:")[1].split("|")[0], done.stdout.split(" = ")[1].split()[0]

    assert score() == ("char", "100.0")
    assert score("--tokenize", "13a") == ("13a", "0.0")
    assert score("--tokenize", "13a", "--language", "lo") == ("13a", "0.0")
    assert score("--language", "zh-TW") == ("zh", "0.0")
    lines = (tmp_path / "test.out").read_text("utf-8").splitlines()
    assert len(lines) == SIZES["test"]
    assert "|tok:char|" in nmt.score(lines, [lines], ["bleu"])[0].signature
    assert "|tok:char|" in nmt.score(["a b"], ["a b"], ["bleu"], language="dz")[0].signature
    assert "|tok:intl|" in nmt.score(lines, lines, ["bleu"], language="dz", tokenize="intl")[0].signature


def test_labels_have_no_bleu_so_that_perplexity_chooses_and_patience_waits(run_nmt, train, tmp_path, monkeypatch):
    write_labels(tmp_path)
    prepare(run_nmt, tmp_path, "text", "label")
    every = ["--set", "train.validate_every=30", "--set", "train.patience=3", "--max-updates", 240]
    done = train(tmp_path, *SMALL, *every)
    assert done.code == 0, done.stderr
    validations = list_validations(tmp_path / "run")
    assert {record["bleu"] for record in validations} == {0}
    assert len(validations) > MANY_WITHOUT_BLEU + 1
    best = min(validations, key=lambda record: record["perplexity"])
    assert read_checkpoint_info(tmp_path / "run" / "best")["update"] == best["update"]
    assert best["accuracy"] > 90 > validations[0]["accuracy"]
    warning = "bleu was 0.00 in 3 validations in a row, and so perplexity alone chooses best."
    assert done.stderr.count(warning) == 1
    assert "train.metric=accuracy or f1 for labels" in done.stderr
    assert "; or with train.tokenize=char if words have no blanks between them\n" in done.stderr

    monkeypatch.chdir(tmp_path)
    translated = run_nmt("translate", "--model", "run", "--beam", 1, "--precision", "float32", "valid.text").stdout
    words = ["--reference", "valid.label", "--metrics", "accuracy", "f1", "--format", "json"]
    [scores] = [system["scores"] for system in json.loads(run_nmt("score", *words, stdin=translated).stdout)["systems"]]
    assert [one["score"] for one in scores] == [pytest.approx(best[name]) for name in ("accuracy", "f1")]


@pytest.mark.parametrize("metric", ["chrf", "accuracy", "f1", "perplexity"])
def test_every_metric_chooses_the_best(run_nmt, train, tmp_path, metric):
    write_labels(tmp_path)
    prepare(run_nmt, tmp_path, "text", "label")
    chosen = ["--set", f"train.metric={metric}", "--set", "train.validate_every=30", "--max-updates", 90]
    done = train(tmp_path, *SMALL, *chosen)
    assert done.code == 0, done.stderr
    assert f"validation: best by {metric}; BLEU by sacreBLEU's tokenizer 13a\n" in done.stderr
    assert "bleu was 0.00" not in done.stderr
    assert f" {metric} " in done.stderr.split("best so far")[0]
    validations = list_validations(tmp_path / "run")
    sign = -1 if metric == "perplexity" else 1
    best = max(validations, key=lambda record: (sign * record[metric], -record["perplexity"]))
    assert best["update"] > validations[0]["update"]
    assert read_checkpoint_info(tmp_path / "run" / "best")["update"] == best["update"]
    assert f"{metric} " in run_nmt("inspect", tmp_path / "run").stdout.split("last")[0]


def script_validations(monkeypatch, figures):
    """Let validation n give `figures[n]`: scores, and a perplexity in place of that of the model."""
    left = iter(figures)

    def build(*arguments, **options):
        return lambda model: {"bleu": 0.0, "chrf": 0.0, "accuracy": 0.0, "f1": 0.0} | next(left)

    monkeypatch.setattr("nmt.training_api.build_validation_scores", build)


FIGURES = [
    {"perplexity": 9.0, "bleu": 5.0, "chrf": 30.0, "accuracy": 1.0},
    {"perplexity": 8.0, "bleu": 5.0, "chrf": 20.0, "accuracy": 3.0},  # a tie with a better perplexity
    {"perplexity": 8.5, "bleu": 5.0, "chrf": 10.0, "accuracy": 2.0},  # a tie with a worse one
    {"perplexity": 4.0, "bleu": 3.0, "chrf": 25.0, "accuracy": 2.0},
    {"perplexity": 7.0, "bleu": 4.0, "chrf": 24.0, "accuracy": 2.0},
]
EVERY = ["--set", "train.validate_every=1", "--max-updates", "5"]


@pytest.fixture
def scripted(train, tiny_prepared, tmp_path, monkeypatch):
    """`scripted(words…)`: five updates, each followed by a validation with the next of FIGURES."""
    (tmp_path / "data").symlink_to(tiny_prepared)

    def run(*words):
        script_validations(monkeypatch, FIGURES)
        return train(tmp_path, *SMALL, *EVERY, *words)

    return run


def get_best(run):
    facts = read_checkpoint_info(run / "best")
    for name in ("update-000003", "update-000004", "update-000005", "last"):
        if (run / name).exists() and read_checkpoint_info(run / name)["update"] == facts["update"]:
            best, same = (load_file(run / one / "weights.safetensors") for one in ("best", name))
            assert all(best[key].equal(same[key]) for key in same)
    return facts["update"]


@pytest.mark.parametrize("keep", [2, 1, 0])
def test_a_run_that_keeps_fewer_checkpoints_from_now_on_removes_the_others(scripted, train, tmp_path, keep):
    assert scripted("--set", "train.keep=3", "--max-updates", 4).code == 0
    numbered = [path.name for path in list_numbered_checkpoints(tmp_path / "run")]
    assert numbered == ["update-000002", "update-000003", "update-000004"]
    assert train(tmp_path, "--resume", "--max-updates", 5, "--set", f"train.keep={keep}").code == 0
    numbered = [path.name for path in list_numbered_checkpoints(tmp_path / "run")]
    assert numbered == ["update-000004", "update-000005"][2 - keep :]


@pytest.mark.parametrize(
    ("metric", "update"), [("bleu", 2), ("chrf", 1), ("accuracy", 2), ("f1", 4), ("perplexity", 4)]
)
def test_a_tie_is_decided_by_perplexity(scripted, tmp_path, metric, update):
    assert scripted("--set", f"train.metric={metric}").code == 0
    assert get_best(tmp_path / "run") == update
    is_best = [record["is_best"] for record in list_validations(tmp_path / "run")]
    assert [number for number, one in enumerate(is_best, 1) if one][-1] == update


@pytest.mark.parametrize(("accident", "update", "is_noted"), [(0.99, 4, True), (1.0, 1, False)])
def test_a_bleu_that_is_an_accident_does_not_keep_best(
    train, tiny_prepared, tmp_path, monkeypatch, accident, update, is_noted
):
    (tmp_path / "data").symlink_to(tiny_prepared)
    script_validations(monkeypatch, [{"perplexity": 9.0 - n, "bleu": 0.0 if n else accident} for n in range(4)])
    done = train(tmp_path, *SMALL, *EVERY, "--max-updates", 4)
    assert done.code == 0, done.stderr
    assert get_best(tmp_path / "run") == update
    assert ("and so perplexity alone chooses best" in done.stderr) == is_noted


@pytest.mark.parametrize(("perplexity", "best"), [(29.9, [1, 2]), (30.0, [1])])
def test_a_bleu_of_a_network_with_twice_the_perplexity_is_an_accident(
    train, tiny_prepared, tmp_path, monkeypatch, perplexity, best
):
    (tmp_path / "data").symlink_to(tiny_prepared)
    figures = [{"perplexity": 60.0, "bleu": 5.0}, {"perplexity": perplexity, "bleu": 1.5}]
    script_validations(monkeypatch, [*figures, *({"perplexity": 70.0, "bleu": 1.4} for _ in range(3))])
    done = train(tmp_path, *SMALL, *EVERY, "--set", "train.patience=2", "--set", "train.keep=5")
    assert "bleu has not improved for 2 validations" in done.stderr
    validations = list_validations(tmp_path / "run")
    assert [record["update"] for record in validations if record["is_best"]] == best
    assert len(validations) == best[-1] + 2
    for metric in ("perplexity", "bleu"):
        done = train(tmp_path, "--resume", "--set", f"train.metric={metric}")
    assert f"best is chosen by bleu (13a) now: update {best[-1]}, " in done.stderr


def test_a_tie_with_a_better_perplexity_does_not_use_up_patience(scripted, tmp_path):
    done = scripted("--set", "train.patience=2")
    assert "stopped: bleu has not improved for 2 validations" in done.stderr
    assert len(list_validations(tmp_path / "run")) == 4


@pytest.mark.parametrize(
    ("metric", "keep", "update", "explanation"),
    [
        ("perplexity", 3, 4, "best is chosen by perplexity now: update 4, perplexity 4.00\n"),
        ("accuracy", 3, 2, "best is chosen by accuracy now: update 2, accuracy 3.00\n"),
        (
            *("chrf", 2, 4),
            "best is chosen by chrf now: update 4, chrf 25.00; update 1, chrf 30.00, was better, but no usable "
            "checkpoint has it\n",
        ),
        ("chrf", 5, 1, "best is chosen by chrf now: update 1, chrf 30.00\n"),
    ],
)
def test_another_metric_makes_best_right_although_training_is_done(
    scripted, train, tmp_path, metric, keep, update, explanation
):
    assert scripted("--set", f"train.keep={keep}").code == 0
    assert get_best(tmp_path / "run") == 2
    done = train(tmp_path, "--resume", "--set", f"train.metric={metric}")
    assert done.code == 0, done.stderr
    assert explanation in done.stderr
    assert get_best(tmp_path / "run") == update
    assert f'metric = "{metric}"' in (tmp_path / "run" / "settings.toml").read_text()
    again = train(tmp_path, "--resume")
    assert (again.code, "best is chosen" in again.stderr) == (0, False)
    back = train(tmp_path, "--resume", "--set", "train.metric=bleu")
    assert "best is chosen by bleu (13a) now" in back.stderr


def cut(*names):
    """A function that shortens files of a run."""
    return lambda run: [(run / name).write_bytes((run / name).read_bytes()[:-9]) for name in names]


def lose_log(run):
    cut("best/weights.safetensors")(run)
    (run / "log.jsonl").unlink()


CHANGED = "weights.safetensors is damaged: its checksum is not the one in checkpoint.json"


@pytest.mark.parametrize(
    ("harm", "damage", "choice", "update"),
    [
        (cut("best/weights.safetensors"), CHANGED, "now: update 2, bleu 5.00\n", 2),
        (lambda run: (run / "best/weights.safetensors").unlink(), CHANGED, "now: update 2, bleu 5.00\n", 2),
        (cut("best/checkpoint.json"), "checkpoint.json is damaged: it is not JSON", "now: update 2, bleu 5.00\n", 2),
        (
            *(lambda run: shutil.rmtree(run / "best"), "checkpoint.json is damaged: No such file or directory"),
            *("now: update 2, bleu 5.00\n", 2),
        ),
        (
            *(cut("best/weights.safetensors", "update-000002/weights.safetensors"), CHANGED),
            # update 4 has less than half the perplexity of update 3, and update 5 a higher BLEU than update 4
            "now: update 5, bleu 4.00; update 2, bleu 5.00, was better, but no usable checkpoint has it\n",
            5,
        ),
        (lose_log, CHANGED, "from the next validation on: no usable checkpoint has that score\n", None),
    ],
)
def test_a_damaged_best_is_made_again(scripted, train, run_nmt, tmp_path, monkeypatch, harm, damage, choice, update):
    run = tmp_path / "run"
    assert scripted("--set", "train.keep=5").code == 0
    harm(run)
    done = train(tmp_path, "--resume")
    assert done.code == 0, done.stderr
    assert f"{run}/best/{damage}; another is chosen\nbest is chosen by bleu (13a) {choice}" in done.stderr
    end = f"translates with its checkpoint last, not best: {run}/best/{damage}" if update is None else "is ready to tr"
    assert f"stopped: 5 updates are done; {run} {end}" in done.stderr
    assert run_nmt("translate", "--model", run, stdin="ba\n").code == (2 if update is None else 0)
    script_validations(monkeypatch, [{"perplexity": 8.0, "bleu": 2.9}])
    done = train(tmp_path, "--resume", "--max-updates", 6)
    assert (done.code, "another is chosen" in done.stderr) == (0, update is None)
    assert f"stopped: 6 updates are done; {run} is ready to translate\n" in done.stderr
    assert get_best(run) == (update or 6)


def test_validations_that_were_not_due_do_not_count_for_a_new_metric(scripted, train, tmp_path):
    """A stop is validated; otherwise stops would use up patience."""
    assert scripted("--set", "train.validate_every=100", "--max-updates", "1").code == 0
    for updates in (2, 3):
        assert train(tmp_path, "--resume", "--max-updates", updates).code == 0
    assert [record["is_due"] for record in list_validations(tmp_path / "run")] == [False] * 3
    change = ["--set", "train.metric=chrf", "--set", "train.patience=2"]
    done = train(tmp_path, "--resume", *change, "--max-updates", "4")
    assert "stopped: 4 updates are done" in done.stderr


def test_training_after_early_stopping_goes_on_with_more_patience_and_another_rate(scripted, train, tmp_path):
    done = scripted("--set", "train.patience=1", "--set", "train.schedule=constant", "--set", "train.warmup=0")
    assert "stopped: bleu has not improved for 1 validation;" in done.stderr
    done = train(
        tmp_path, "--resume", "--set", "train.patience=9", "--set", "train.learning_rate=1e-5", "--max-updates", 4
    )
    assert "stopped: 4 updates are done" in done.stderr
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["learning_rate"] for record in records if record["kind"] == "train"] == [0.01] * 3 + [1e-5]


def age(run, metric):
    """Make a run as versions before 0.1 of this list of scores wrote it: BLEU by 13a and perplexity, and no more."""
    new = ("chrf", "accuracy", "f1", "metric", "tokenizer", "is_due", "checksum")
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    old = [{key: value for key, value in record.items() if key not in new} for record in lines]
    (run / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in old))
    for path in run.glob("*/checkpoint.json"):
        facts = {key: value for key, value in json.loads(path.read_text()).items() if key not in new}
        for key in ("best_perplexity", "criterion", "without_bleu"):
            facts.get("place", {}).pop(key, None)
        path.write_text(json.dumps(facts))
    info = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({key: value for key, value in info.items() if key not in new}))
    lines = (run / "settings.toml").read_text().splitlines()[1:]
    (run / "settings.toml").write_text("\n".join(line for line in lines if not line.startswith("tokenize")))


@pytest.mark.parametrize("metric", ["bleu", "perplexity"])
def test_a_run_of_an_older_version_goes_on(scripted, train, tmp_path, monkeypatch, metric):
    assert scripted("--set", f"train.metric={metric}", "--max-updates", "2").code == 0
    age(tmp_path / "run", metric)
    script_validations(monkeypatch, FIGURES[2:])
    done = train(tmp_path, "--resume", "--max-updates", "3")
    assert (done.code, "best is chosen" in done.stderr) == (0, False), done.stderr
    assert [record["is_best"] for record in list_validations(tmp_path / "run")] == [True, True, False]


def test_a_run_of_an_older_version_gets_another_metric(scripted, train, tmp_path, monkeypatch):
    assert scripted("--max-updates", "3").code == 0
    age(tmp_path / "run", "bleu")
    script_validations(monkeypatch, FIGURES[3:])
    done = train(tmp_path, "--resume", "--set", "train.metric=chrf", "--max-updates", "4")
    assert "best is chosen by chrf from the next validation on: no usable checkpoint has that score\n" in done.stderr
    assert get_best(tmp_path / "run") == 4
    done = train(tmp_path, "--resume", "--set", "train.metric=perplexity")
    assert "best is chosen by perplexity now: update 4, perplexity 4.00\n" in done.stderr
    done = train(tmp_path, "--resume", "--set", "train.metric=accuracy")
    assert "; that score of 3 earlier validations is not known\n" in done.stderr


def test_another_tokenizer_is_another_metric_for_bleu_alone(scripted, train, tmp_path):
    assert scripted().code == 0
    done = train(tmp_path, "--resume", "--set", "train.tokenize=char")
    assert "best is chosen by bleu (char) from the next validation on" in done.stderr
    done = train(tmp_path, "--resume", "--set", "train.metric=chrf")
    assert "best is chosen by chrf now" in done.stderr
    done = train(tmp_path, "--resume", "--set", "train.tokenize=intl")
    assert (done.code, "best is chosen" in done.stderr) == (0, False)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["train.seed=9"],
            "1 setting cannot change when a run is resumed\n  train.seed = 9   the run has 1\n  Only max_epochs, ",
        ),
        (["train.zzz=1"], "train.zzz   no such setting\n"),
        (["train.metrik=bleu"], 'train.metrik   no such setting; did you mean "metric"?\n'),
        (["train.keep=1", "--set", "model.attention=none"], 'model.attention = "none"   the run has "bahdanau"\n'),
        (["train.metric=ter"], 'metric = "ter"   not one of bleu, chrf, accuracy, f1, perplexity'),
        (["train.tokenize=ja-mecab"], 'the tokenizer "ja-mecab" cannot be used here'),
    ],
)
def test_what_a_resumed_run_cannot_change_is_refused(scripted, train, tmp_path, monkeypatch, words, message):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    assert scripted("--max-updates", "1").code == 0
    before = (tmp_path / "run" / "settings.toml").read_text()
    done = train(tmp_path, "--resume", "--set", *words)
    assert done.code == 2
    assert message in done.stderr
    assert (tmp_path / "run" / "settings.toml").read_text() == before


def test_a_tokenizer_that_is_not_installed_is_reported_before_a_run_is_made(scripted, tmp_path, monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ko_mecab.MeCab", None)
    done = scripted("--set", "train.tokenize=ko-mecab")
    assert (done.code, 'the tokenizer "ko-mecab" cannot be used here' in done.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


def test_every_tokenizer_of_sacrebleu_is_a_setting():
    assert set(TokenizerName.__args__) == {"auto", *TOKENIZERS}
    assert RunSettings().train.tokenize == "auto"
    assert math.isfinite(nmt.score(["a b c d"], ["a b c d"], ["bleu"])[0].score)
