"""Scores of translations: BLEU, chrF and TER by sacreBLEU, each with the signature that makes it comparable.

Also accuracy and F1 of lines that are labels, as metrics of sacreBLEU, so that its significance test applies to them.

Only this module imports sacrebleu.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sacrebleu import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric, Score, Signature
from sacrebleu.significance import PairedTest

from nmt.errors import DataError, NmtError, Option, UsageError, did_you_mean

METRICS = ("bleu", "chrf", "chrf++", "ter", "accuracy", "f1")
TOKENIZERS = tuple(BLEU.TOKENIZERS)


@dataclass(frozen=True)
class LabelScore:
    """Precision, recall and F1 of one label in per cent. `lines` is the number of lines with this label in the
    reference."""

    label: str
    precision: float
    recall: float
    f1: float
    lines: int


@dataclass(frozen=True)
class MetricScore:
    """A score with its sacreBLEU signature.

    `details` has what sacreBLEU adds to BLEU: n-gram precisions, brevity penalty and lengths. The next three are set by
    `compare_systems` only: the mean of the bootstrap samples, half the width of the interval that contains 95 % of
    them, and the p-value against the first system, which has none itself. `labels` are set for F1 by `score_corpus`.
    """

    name: str
    score: float
    signature: str
    details: str = ""
    mean: float | None = None
    confidence: float | None = None
    p_value: float | None = None
    labels: list[LabelScore] | None = None

    def __str__(self) -> str:
        """The line that sacreBLEU's command prints."""
        return f"{self.name}|{self.signature} = {self.score:.1f} {self.details}".rstrip()


class LabelSignature(Signature):
    """A signature that tells whether labels are case-sensitive."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._abbr["case"] = "c"
        self.info["case"] = "lc" if args["lowercase"] else "mixed"


class LabelMetric(Metric):
    """A metric for lines each of which is one label. White space at their ends is ignored.

    Unlike sacreBLEU's own metrics, it accepts only one reference.
    """

    _SIGNATURE_TYPE = LabelSignature

    def __init__(self, lowercase: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lowercase = lowercase

    def _preprocess_segment(self, sent: str) -> str:
        return sent.strip().lower() if self.lowercase else sent.strip()

    def _extract_reference_info(self, refs: Sequence[str]) -> dict[str, Any]:
        if len(refs) > 1:
            raise UsageError(
                f"accuracy and f1 need one reference, and there are {len(refs)}\n  Name one with ",
                *(Option("references"), ", or choose other ", Option("metrics")),
            )
        return {"label": refs[0]}

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[Any]:
        return [hypothesis, ref_kwargs["label"]]

    def _aggregate_and_compute(self, stats: list[list[Any]]) -> Any:
        return self._compute_score_from_stats([sum(column) for column in zip(*stats, strict=True)])


class Accuracy(LabelMetric):
    """The share of lines with the right label, in per cent."""

    def _compute_segment_statistics(self, hypothesis: str, ref_kwargs: dict[str, Any]) -> list[Any]:
        return [int(hypothesis == ref_kwargs["label"]), 1]

    def _compute_score_from_stats(self, stats: list[Any]) -> Score:
        return Score("Accuracy", 100 * stats[0] / stats[1])


class MacroF1(LabelMetric):
    """The mean over labels of F1 = 2 correct / (predicted + expected), in per cent.

    Labels are all that are predicted or expected, as in scikit-learn by default.
    """

    def _extract_corpus_statistics(self, hypotheses: Sequence[str], references: Any) -> list[list[int]]:
        pairs = super()._extract_corpus_statistics(hypotheses, references)
        labels = sorted({label for pair in pairs for label in pair})
        return [
            [
                int(counts)
                for label in labels
                for counts in (predicted == expected == label, predicted == label, expected == label)
            ]
            for predicted, expected in pairs
        ]

    def _compute_score_from_stats(self, stats: list[Any]) -> Score:
        counts = zip(stats[::3], stats[1::3], stats[2::3], strict=True)
        each = [
            200 * correct / (predicted + expected) for correct, predicted, expected in counts if predicted + expected
        ]
        return Score("MacroF1", sum(each) / len(each))

    def score_labels(self, hypotheses: Sequence[str], references: Sequence[str]) -> list[LabelScore]:
        """Scores of every label that is predicted or expected, the most frequent first; a ratio of 0 to 0 is 0."""
        pairs = [
            (self._preprocess_segment(hypothesis), self._preprocess_segment(reference))
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]
        predicted, expected = (Counter(side) for side in zip(*pairs, strict=True))
        correct = Counter(hypothesis for hypothesis, reference in pairs if hypothesis == reference)

        def percent(part: int, whole: int) -> float:
            return 100 * part / whole if whole else 0.0

        return [
            LabelScore(
                label,
                percent(correct[label], predicted[label]),
                percent(correct[label], expected[label]),
                percent(2 * correct[label], predicted[label] + expected[label]),
                expected[label],
            )
            for label in sorted(predicted | expected, key=lambda label: (-expected[label], label))
        ]


LABEL_METRICS = {"accuracy": Accuracy, "f1": MacroF1}


def score_corpus(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
) -> list[MetricScore]:
    """Corpus scores in the order of `metrics`, each equal to what sacreBLEU's command prints for the same lines.

    Every element of `references` is a list of all lines. For BLEU and chrF higher is better, for TER lower.

    Raises:
        DataError: no lines, or a reference with another number of lines, which sacreBLEU would shorten silently.
        UsageError: an unknown metric or tokenizer.
    """
    [lines], reference_lines = prepare_lines([hypotheses], references)
    scores = []
    for metric in make_metrics(metrics, tokenize, lowercase).values():
        score = metric.corpus_score(lines, reference_lines)
        labels = metric.score_labels(lines, reference_lines[0]) if isinstance(metric, MacroF1) else None
        signature = str(metric.get_signature())
        scores.append(MetricScore(score.name, score.score, signature, score._verbose, labels=labels))
    return scores


def score_validation(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str) -> dict[str, float]:
    """BLEU, chrF, accuracy and F1 of translations by the names of these metrics. F1 is the mean over labels."""
    names = "bleu", "chrf", "accuracy"
    scores = score_corpus(hypotheses, [references], names, tokenizer)
    labels = MacroF1().score_labels(hypotheses, references)  # quicker than corpus_score where most lines differ
    f1 = sum(label.f1 for label in labels) / len(labels)
    return {**{name: one.score for name, one in zip(names, scores, strict=True)}, "f1": f1}


def compare_systems(
    systems: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    samples: int = 1000,
) -> list[list[MetricScore]]:
    """Scores of two or more systems by paired bootstrap resampling. The first system is the baseline.

    `samples` samples of all lines, with replacement, are scored for each system and the baseline. With d the
    differences of their scores, and D the difference on all lines, p = (1 + #(|d| - mean |d| > |D|)) / (1 + samples)
    (Koehn 2004, "Statistical significance tests for machine translation evaluation", as sacreBLEU computes it). The
    random seed is 12345 or, as in sacreBLEU, the environment variable SACREBLEU_SEED; it is part of the signature.
    Unlike in sacreBLEU, p is 1 for a system that is equal to the baseline (no |d| exceeds D = 0).
    """
    system_lines, reference_lines = prepare_lines(systems, references)
    test = PairedTest(
        [(str(number), lines) for number, lines in enumerate(system_lines)],
        make_metrics(metrics, tokenize, lowercase),
        reference_lines,
        test_type="bs",
        n_samples=samples,
    )
    signatures, table = test()

    def build_score(name: str, number: int) -> MetricScore:
        result: Any = table[name][number]
        p_value = 1.0 if number and system_lines[number] == system_lines[0] else result.p_value
        mean, confidence = float(result.mean), float(result.ci)
        return MetricScore(name, result.score, str(signatures[name]), "", mean, confidence, p_value)

    return [[build_score(name, number) for name in signatures] for number in range(len(systems))]


def prepare_lines(
    systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Check that all lists have the same number of lines, and strip line ends as sacreBLEU's command does."""
    if not systems[0]:
        raise DataError("there are no lines to score")
    if not references:
        raise DataError("there are no references to score against")
    for lines in (*systems[1:], *references):
        if len(lines) != len(systems[0]):
            raise DataError(
                f"{len(systems[0]):,} translations cannot be scored against {len(lines):,} lines\n"
                "  Line n of one must belong to line n of the other; an empty translation must be an empty line"
            )
    return [[line.rstrip() for line in lines] for lines in systems], [
        [line.rstrip() for line in lines] for lines in references
    ]


def score_systems(
    systems: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    samples: int = 0,
) -> list[list[MetricScore]]:
    """The scores of each system, by `score_corpus` or, if `samples` is not 0, by `compare_systems`."""
    if samples:
        return compare_systems(systems, references, metrics, tokenize, lowercase, samples)
    return [score_corpus(system, references, metrics, tokenize, lowercase) for system in systems]


@cache
def can_use(tokenizer: str) -> bool:
    """Whether a tokenizer works here: some need a library or a download."""
    try:
        BLEU(tokenize=tokenizer)
    except (RuntimeError, ImportError, OSError, AssertionError):
        return False
    return True


def make_metrics(names: Sequence[str], tokenize: str, lowercase: bool) -> dict[str, Metric]:
    """The metrics with these names, each once, with sacreBLEU's defaults for all other arguments."""
    if tokenize not in TOKENIZERS:
        guess = did_you_mean(tokenize, TOKENIZERS)
        raise UsageError(f'there is no tokenizer "{tokenize}"{guess}\n  The tokenizers are {", ".join(TOKENIZERS)}')
    metrics: dict[str, Metric] = {}
    for name in names:
        if name == "bleu":
            try:
                metrics[name] = BLEU(lowercase=lowercase, tokenize=tokenize)
            except (RuntimeError, ImportError, OSError) as error:  # a package or a download is missing
                reason = " ".join(str(error).split())
                raise NmtError(f'the tokenizer "{tokenize}" cannot be used here\n  {reason}') from error
        elif name in ("chrf", "chrf++"):
            metrics[name] = CHRF(lowercase=lowercase, word_order=2 if name == "chrf++" else 0)
        elif name == "ter":
            metrics[name] = TER()
        elif name in LABEL_METRICS:
            metrics[name] = LABEL_METRICS[name](lowercase)
        else:
            guess = did_you_mean(name, METRICS)
            raise UsageError(f'there is no metric "{name}"{guess}\n  The metrics are {", ".join(METRICS)}')
    return metrics
