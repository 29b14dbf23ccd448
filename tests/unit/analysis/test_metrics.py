import json
import subprocess
import sys
from random import Random

import pytest
import sacrebleu

from nmt.analysis.metric_settings import MetricSettings, check_metric_settings
from nmt.analysis.metrics import (
    METRICS,
    compare_systems,
    drop_missing_references,
    find_score_warnings,
    score_corpus,
    score_systems,
    score_validation,
)
from nmt.errors import DataError, NmtError, SettingsError, UsageError

HYPOTHESES = ["The cat sat on the mat.", "", "A dog  barks loudly at two men .", "It's 5,000 km – far!", "Yes\u2028no"]
REFERENCES = ["The cat is on the mat.", "Nothing", "Two men hear a dog bark loudly.", "It is 5,000 km: far!", "yes no "]
CHRF_BETA = ["--chrf-beta", "3"]
OTHERS = ["A cat sat on a mat.", "", "A dog barks at two men.", "That's 5.000 km!", "Yes; no"]


def sacrebleu_prints(tmp_path, references, *arguments):
    """What sacreBLEU's own command says of the hypotheses."""
    paths = []
    for number, lines in enumerate((HYPOTHESES, *references)):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", *paths[1:], "-i", paths[0], "-f", "text", *arguments]
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout.rstrip("\n")


@pytest.mark.parametrize(
    ("metric", "options", "flags", "references"),
    [
        ("bleu", {}, [], [REFERENCES]),
        ("bleu", {"tokenize": "intl", "lowercase": True}, ["-tok", "intl", "-lc"], [REFERENCES, OTHERS]),
        ("chrf", {}, [], [REFERENCES, OTHERS]),
        ("chrf++", {}, ["--chrf-word-order", "2"], [REFERENCES]),
        ("ter", {}, [], [REFERENCES, OTHERS]),
    ],
)
def test_scores_equal_those_of_the_sacrebleu_command(tmp_path, metric, options, flags, references):
    expected = sacrebleu_prints(tmp_path, references, "-m", metric.rstrip("+"), *flags)
    [score] = score_corpus(HYPOTHESES, references, [metric], **options)
    assert str(score) == expected
    assert f"nrefs:{len(references)}|" in score.signature
    assert score.signature.endswith(f"version:{sacrebleu.__version__}")


@pytest.mark.parametrize(
    ("metric", "settings", "flags"),
    [
        ("bleu", {"smooth_method": "floor", "smooth_value": 0.3}, ["-s", "floor", "-sv", "0.3"]),
        ("bleu", {"smooth_method": "add-k"}, ["-s", "add-k"]),
        ("bleu", {"smooth_method": "none"}, ["-s", "none"]),
        ("chrf", {"chrf_char_order": 4, "chrf_word_order": 1, "chrf_beta": 3}, ["-cc", "4", "-cw", "1", *CHRF_BETA]),
        (
            "chrf",
            {"chrf_whitespace": True, "chrf_lowercase": True, "chrf_eps_smoothing": True},
            ["--chrf-whitespace", "--chrf-lowercase", "--chrf-eps-smoothing"],
        ),
        ("ter", {"ter_case_sensitive": True, "ter_no_punct": True}, ["--ter-case-sensitive", "--ter-no-punct"]),
        ("ter", {"ter_normalized": True, "ter_asian_support": True}, ["--ter-normalized", "--ter-asian-support"]),
    ],
)
def test_settings_mean_what_they_mean_to_the_sacrebleu_command(tmp_path, metric, settings, flags):
    expected = sacrebleu_prints(tmp_path, [REFERENCES], "-m", metric, *flags)
    assert str(score_corpus(HYPOTHESES, [REFERENCES], [metric], settings=MetricSettings(**settings))[0]) == expected
    assert expected != str(score_corpus(HYPOTHESES, [REFERENCES], [metric])[0])


def test_a_confidence_interval_equals_that_of_the_sacrebleu_command(tmp_path):
    metrics = ["bleu", "chrf", "ter"]
    scores = score_corpus(HYPOTHESES, [REFERENCES, OTHERS], metrics, samples=60)
    expected = sacrebleu_prints(tmp_path, [REFERENCES, OTHERS], "-m", *metrics, "--confidence", "-cin", "60", "-w", "4")
    assert [score.format(4) for score in scores] == [line.strip() for line in expected.splitlines()]
    assert all(score.mean > 0 and score.confidence > 0 and "|bs:60|seed:12345|" in score.signature for score in scores)


def test_a_confidence_interval_may_contain_scores_of_0():
    [zero] = score_corpus(["a"] * 3, [["b"] * 3], ["bleu"], samples=10)
    assert (zero.mean, zero.confidence, zero.format(only_score=True)) == (0, 0, "0.0")
    for score in score_corpus(["un", "xyz"], [["un", "dos"]], ["chrf", "ter"], samples=50):
        assert 0 < score.mean < 100
        assert score.confidence == pytest.approx(50)


@pytest.mark.parametrize("metric", ["bleu", "chrf", "ter"])
def test_scores_of_sentences_equal_those_of_the_sacrebleu_command(tmp_path, metric):
    expected = sacrebleu_prints(tmp_path, [REFERENCES, OTHERS], "-m", metric, "--sentence-level", "-w", "5")
    [score] = score_corpus(HYPOTHESES, [REFERENCES, OTHERS], [metric], with_sentences=True)
    assert [one.format(5) for one in score.sentences] == expected.splitlines()
    [alone] = score_corpus(HYPOTHESES, [REFERENCES, OTHERS], [metric])
    assert (score.score, score.signature, alone.sentences) == (alone.score, alone.signature, None)


def test_p_values_by_randomization_equal_those_of_the_sacrebleu_command(tmp_path):
    more = ["-m", "bleu", "ter", "--paired-ar", "--paired-ar-n", "80", "-f", "json"]
    (tmp_path / "other.txt").write_text("".join(f"{line}\n" for line in OTHERS), encoding="utf-8")
    expected = json.loads(
        sacrebleu_prints(tmp_path, [REFERENCES], "-i", tmp_path / "0.txt", tmp_path / "other.txt", *more)
    )
    found = compare_systems([HYPOTHESES, OTHERS], [REFERENCES], ["bleu", "ter"], samples=80, test="randomization")
    for system, row in zip(expected, found, strict=True):
        for score in row:
            assert (score.score, score.p_value) == (system[score.name]["score"], system[score.name]["p_value"])
            assert (score.confidence, "|ar:80|seed:12345|" in score.signature) == (None, True)
    assert 0 < found[1][0].p_value <= 1


def test_a_line_may_have_fewer_references():
    several = drop_missing_references([REFERENCES, OTHERS, ["\u3000", "", "", "It's 5,000 kilometres!", ""]])
    assert [lines[1] for lines in several] == ["Nothing", None, None]
    assert several[2] == [None, None, None, "It's 5,000 kilometres!", None]
    scores = score_corpus(HYPOTHESES, several, ["bleu", "chrf++", "ter"], with_sentences=True)
    for score, metric in zip(scores, [sacrebleu.BLEU(), sacrebleu.CHRF(word_order=2), sacrebleu.TER()], strict=True):
        stripped = [[line and line.rstrip() for line in lines] for lines in several]
        assert score.score == metric.corpus_score(HYPOTHESES, stripped).score
        assert score.signature == str(metric.get_signature())
        assert score.signature.startswith("nrefs:var|")
        assert [one.signature.split("|")[0] for one in score.sentences] == [
            f"nrefs:{count}" for count in (2, 1, 2, 3, 2)
        ]
    assert drop_missing_references([["", "a"], ["", ""]]) == [["", "a"], ["", None]]  # a reference of no words stays
    accuracy, f1 = score_corpus(["good", "bad"], [["good", None], [None, "bad"]], ["accuracy", "f1"])
    assert (accuracy.score, [one.label for one in f1.labels]) == (100, ["bad", "good"])


def test_labels_of_two_systems_are_mixed_by_randomization():
    meant = ["good", "bad"] * 20
    other = ["good", "odd", "good", "good"] * 10
    baseline, better = compare_systems([other, meant], [meant], ["f1"], samples=99, test="randomization")
    assert [row.score for row in baseline] == [row.score for row in score_corpus(other, [meant], ["f1"])]
    assert (better[0].score, better[0].p_value < 0.05) == (100, True)


@pytest.mark.parametrize("metric", ["bleu", "f1"])
@pytest.mark.parametrize("test", ["none", "confidence", "bootstrap", "randomization"])
def test_systems_have_the_same_scores_by_every_test(metric, test):
    rows = score_systems([OTHERS, HYPOTHESES], [REFERENCES], [metric], samples=20, test=test)
    assert [row[0].score for row in rows] == [
        score_corpus(one, [REFERENCES], [metric])[0].score for one in (OTHERS, HYPOTHESES)
    ]
    assert [row[0].confidence is not None for row in rows] == [test in ("confidence", "bootstrap")] * 2
    assert [row[0].p_value is not None for row in rows] == [False, test in ("bootstrap", "randomization")]


@pytest.mark.parametrize(
    ("values", "metrics", "error", "message"),
    [
        (
            {"chrf_word_ordr": 2},
            ["chrf"],
            SettingsError,
            'chrf_word_ordr   no such setting; did you mean "chrf_word_order"',
        ),
        ({"chrf_beta": -1}, ["chrf"], SettingsError, "chrf_beta = -1   must be at least 0"),
        (
            {"smooth_method": "flor"},
            ["bleu"],
            SettingsError,
            'not one of exp, floor, add-k, none; did you mean "floor"?',
        ),
        (
            {"ter_normalized": True},
            ["bleu"],
            UsageError,
            "ter_normalized has no effect without ter, which is not among metrics",
        ),
        ({"chrf_word_order": 1}, ["chrf++"], UsageError, "chrf_word_order has no effect without chrf, which"),
        (
            {"chrf_word_order": 1},
            ["chrf++", "chrf"],
            UsageError,
            "chrf++ has a word order of 2, not 1\n  Leave out chrf_w",
        ),
        (
            {"smooth_value": 0.5},
            ["bleu"],
            UsageError,
            'smooth_value has no effect with the smoothing "exp"\n  Choose smooth_m',
        ),
        (
            {"chrf_char_order": 0},
            ["chrf"],
            UsageError,
            "chrF without characters and words counts nothing\n  Raise chrf_char",
        ),
    ],
)
def test_settings_without_effect_raise_an_error(values, metrics, error, message):
    with pytest.raises(error) as caught:
        check_metric_settings(values, metrics)
    assert message in str(caught.value)


def test_settings_that_are_the_defaults_need_no_metric():
    assert check_metric_settings({"ter_normalized": False, "chrf_beta": 2}, ["bleu"]) == MetricSettings()
    assert check_metric_settings({"chrf_beta": 3}, ["chrf++"]).chrf_beta == 3


@pytest.mark.parametrize("call", [compare_systems, lambda systems, *more: score_corpus(systems[0], *more, samples=5)])
def test_a_seed_that_is_no_number_raises_an_error(monkeypatch, call):
    monkeypatch.setenv("SACREBLEU_SEED", "x1")
    with pytest.raises(
        UsageError, match="the environment variable SACREBLEU_SEED is 'x1'\n  It must be a whole number"
    ):
        call([HYPOTHESES, OTHERS], [REFERENCES])


def test_tokenized_text_is_reported_in_our_words_alone(capfd):
    tokenized = ["Où est le chat ?", *["Le chat dort ."] * 100]
    score_corpus(tokenized, [tokenized], ["bleu"], with_sentences=True)
    compare_systems([tokenized, tokenized], [tokenized], ["bleu"], samples=2)
    assert capfd.readouterr() == ("", "")
    [warning] = find_score_warnings({"mine": tokenized, "other": tokenized[2:]}, ["bleu", "ter"])
    assert warning.startswith(
        "100 of 101 lines of mine end in a full stop after a blank, as tokenized text does\n  BLEU"
    )
    assert list(find_score_warnings({"mine": tokenized}, ["chrf"])) == []


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (["", " ", "a"], "2 of 3 lines of mine are blank\n  Look whether the translation has ended early"),
        (["", "a", "b"], None),
        (
            ["0 ||| a ||| -0.1", "1 ||| b |||"],
            "2 of 2 lines of mine are of an n-best list: index ||| translation ||| score\n  Score the translations",
        ),
        (["0 ||| a ||| -0.1", "b", "1 || c ||| d"], None),
        (['{"text": "a"}'], "1 of 1 line of mine is JSON\n  Score the translations alone: jq -r .text"),
        (['{"text": "a"}', "{b}", "{"], None),
        (
            ["a@@ b", *["a"] * 99],
            "1 of 100 lines of mine has marks of subwords, such as @@\n  Scores can be compared only for words",
        ),
        (["▁a ▁b"], "1 of 1 line of mine has marks of subwords, such as ▁\n  Scores can be compared only"),
        (["a@@ b", *["a"] * 100], None),
        (["@@ @-@ ▁", "a"], None),
    ],
)
@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_translations_in_another_form_are_reported(lines, warning, metric):
    found = list(find_score_warnings({"mine": lines, "good": ["a"] * len(lines)}, [metric]))
    assert len(found) == (warning is not None)
    assert all(one.startswith(warning) for one in found)


def test_a_perfect_translation_scores_best():
    scores = score_corpus(REFERENCES, [REFERENCES], METRICS)
    assert [score.name for score in scores] == ["BLEU", "chrF2", "chrF2++", "TER", "Accuracy", "MacroF1"]
    assert [score.score for score in scores] == pytest.approx([100, 100, 100, 0, 100, 100])


def test_label_scores_by_hand():
    said, meant = ["good", "bad ", "good", "odd"], ["good", "bad", "bad", "bad"]
    accuracy, f1 = score_corpus(said, [meant], ["accuracy", "f1"])
    assert accuracy.score == 50
    assert f1.score == pytest.approx(100 * (2 / 4 + 2 / 3 + 0) / 3)
    assert [tuple(vars(label).values()) for label in f1.labels] == [
        ("bad", 100, pytest.approx(100 / 3), 50, 3),
        ("good", 50, 100, pytest.approx(200 / 3), 1),
        ("odd", 0, 0, 0, 0),
    ]
    assert str(accuracy).startswith("Accuracy|nrefs:1|case:mixed|version:")
    assert accuracy.labels is None


def test_labels_are_case_sensitive_by_default():
    assert [score_corpus(["Good"], [["good"]], ["f1"], lowercase=lower)[0].score for lower in (False, True)] == [0, 100]
    [score] = score_corpus(["Good"], [["good"]], ["accuracy"], lowercase=True)
    assert (score.score, score.signature.split("|")[1]) == (100, "case:lc")


@pytest.mark.parametrize("seed", range(10))
def test_label_scores_equal_those_of_scikit_learn(seed):
    from sklearn import metrics

    random = Random(seed)
    labels = ["good", "bad", "so so", "", "odd"][: random.randint(2, 5)]
    said, meant = (random.choices(labels, k=random.randint(1, 30)) for _ in range(2))
    said, meant = said[: len(meant)], meant[: len(said)]
    accuracy, f1 = score_corpus(said, [meant], ["accuracy", "f1"])
    assert accuracy.score == pytest.approx(100 * metrics.accuracy_score(meant, said))
    assert f1.score == pytest.approx(100 * metrics.f1_score(meant, said, average="macro", zero_division=0))
    names = [label.label for label in f1.labels]
    figures = metrics.precision_recall_fscore_support(meant, said, labels=names, zero_division=0)
    for label, *expected, lines in zip(f1.labels, *figures, strict=True):
        assert [label.precision, label.recall, label.f1] == pytest.approx([100 * figure for figure in expected])
        assert label.lines == lines


def test_label_metrics_are_compared_by_paired_bootstrap():
    meant = ["good", "bad"] * 20
    other = ["good", "bad", "good", "good"] * 10
    baseline, better = compare_systems([other, meant], [meant], ["accuracy", "f1"], samples=50)
    assert [row.score for row in baseline] == [row.score for row in score_corpus(other, [meant], ["accuracy", "f1"])]
    assert [row.score for row in better] == [100, 100]
    assert all(row.p_value < 0.05 for row in better)
    assert all(0 < row.confidence < 20 and row.mean == pytest.approx(row.score, abs=5) for row in baseline)


def test_label_metrics_accept_one_reference_only():
    with pytest.raises(UsageError, match="accuracy and f1 need one reference, and there are 2\n"):
        score_corpus(["good"], [["good"], ["bad"]], ["accuracy"])


def test_the_paired_bootstrap_is_seeded_and_keeps_the_scores():
    baseline, other = compare_systems([OTHERS, HYPOTHESES], [REFERENCES], ["bleu", "chrf"], samples=50)
    for system, lines in ((baseline, OTHERS), (other, HYPOTHESES)):
        assert [row.score for row in system] == [
            row.score for row in score_corpus(lines, [REFERENCES], ["bleu", "chrf"])
        ]
    assert all(row.p_value is None for row in baseline)
    assert all(0 < row.p_value <= 1 and row.confidence > 0 for row in other)
    assert "|bs:50|seed:12345|" in other[0].signature
    assert compare_systems([OTHERS, HYPOTHESES], [REFERENCES], ["bleu", "chrf"], samples=50) == [baseline, other]


def test_a_system_does_not_differ_significantly_from_its_copy():
    _, same = compare_systems([HYPOTHESES, list(HYPOTHESES)], [REFERENCES], ["bleu"], samples=20)
    assert same[0].p_value == 1


@pytest.mark.parametrize("test", ["bootstrap", "randomization"])
def test_systems_with_the_same_score_do_not_differ_significantly(test):
    metrics = ["bleu", "ter", "accuracy", "f1"]
    _, other = compare_systems([["a"] * 3, ["c d"] * 3], [["b b"] * 3], metrics, samples=20, test=test)
    assert [row.p_value for row in other if row.score == 0] == [1.0] * 3  # all but TER


@pytest.mark.parametrize(
    ("hypotheses", "references", "options", "error", "message"),
    [
        ([], [[]], {}, DataError, "there are no lines to score"),
        (["a"], [], {}, DataError, "there are no references to score against"),
        (["a", "b"], [["a", None], ["c", None]], {}, DataError, "line 2 has no reference"),
        (["a", None], [["a", "b"]], {}, DataError, "translation 2 is NoneType, not a string"),
        (["a", "b"], [["a", "b"], [None, 7]], {}, DataError, "reference 2 is int, not a string"),
        (["a"] * 1200, [["a"] * 1200, ["a"]], {}, DataError, "1,200 translations cannot be scored against 1 line\n"),
        (
            ["a"],
            [["a"]],
            {"metrics": ["chfr"]},
            UsageError,
            'there is no metric "chfr"; did you mean "chrf"?\n  The metrics are bleu, ',
        ),
        (
            ["a"],
            [["a"]],
            {"tokenize": "13"},
            UsageError,
            'there is no tokenizer "13"; did you mean "13a"?\n  The tokenizers are none, zh',
        ),
    ],
)
def test_lines_that_cannot_be_scored_raise_an_error(hypotheses, references, options, error, message):
    with pytest.raises(error) as caught:
        score_corpus(hypotheses, references, **options)
    assert str(caught.value).startswith(message)


def test_the_message_for_a_missing_tokenizer_says_what_to_install(monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    with pytest.raises(
        NmtError, match=r'the tokenizer "ja-mecab" cannot be used here\n  .* pip install sacrebleu\[ja\]'
    ):
        score_corpus(["a"], [["a"]], tokenize="ja-mecab")


@pytest.mark.parametrize("error", [OSError("no network"), SystemExit(1)])
def test_a_tokenizer_that_cannot_be_downloaded_is_reported(monkeypatch, error):
    def download(*arguments, **others):
        raise error

    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.download_file", download)
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_spm.SACREBLEU_DIR", "nowhere")
    with pytest.raises(
        NmtError, match=r'the tokenizer "flores101" cannot be used here\n  sacreBLEU could not download its'
    ):
        score_corpus(["a"], [["a"]], tokenize="flores101")


@pytest.mark.parametrize("tokenizer", ["13a", "char"])
def test_validation_scores_are_those_of_score_corpus(tokenizer):
    scores = score_validation(HYPOTHESES, REFERENCES, tokenizer)
    names = ["bleu", "chrf", "accuracy", "f1"]
    expected = [one.score for one in score_corpus(HYPOTHESES, [REFERENCES], names, tokenizer)]
    assert scores == dict(zip(names, map(pytest.approx, expected), strict=True))
    labels = score_validation(["good", "bad", "good"], ["good", "bad", "bad"], tokenizer)
    assert (labels["accuracy"], labels["f1"]) == (pytest.approx(200 / 3), pytest.approx(200 / 3))
