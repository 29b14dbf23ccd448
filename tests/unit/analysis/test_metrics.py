import subprocess
import sys
from random import Random

import pytest
import sacrebleu

from nmt.analysis.metrics import METRICS, compare_systems, score_corpus, score_validation
from nmt.errors import DataError, NmtError, UsageError

HYPOTHESES = ["The cat sat on the mat.", "", "A dog  barks loudly at two men .", "It's 5,000 km – far!", "Yes\u2028no"]
REFERENCES = ["The cat is on the mat.", "Nothing", "Two men hear a dog bark loudly.", "It is 5,000 km: far!", "yes no "]
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


@pytest.mark.parametrize(
    ("hypotheses", "references", "options", "error", "message"),
    [
        ([], [[]], {}, DataError, "there are no lines to score"),
        (["a"], [], {}, DataError, "there are no references to score against"),
        (["a"] * 1200, [["a"] * 1200, ["a"]], {}, DataError, "1,200 translations cannot be scored against 1 lines\n"),
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


@pytest.mark.parametrize("tokenizer", ["13a", "char"])
def test_validation_scores_are_those_of_score_corpus(tokenizer):
    scores = score_validation(HYPOTHESES, REFERENCES, tokenizer)
    names = ["bleu", "chrf", "accuracy", "f1"]
    expected = [one.score for one in score_corpus(HYPOTHESES, [REFERENCES], names, tokenizer)]
    assert scores == dict(zip(names, map(pytest.approx, expected), strict=True))
    labels = score_validation(["good", "bad", "good"], ["good", "bad", "bad"], tokenizer)
    assert (labels["accuracy"], labels["f1"]) == (pytest.approx(200 / 3), pytest.approx(200 / 3))
