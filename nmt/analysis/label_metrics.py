"""Accuracy and F1 of lines that are labels, as metrics of sacreBLEU, so that its significance tests apply to them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu.metrics.base import Metric, Score, Signature

from nmt.errors import Option, UsageError


@dataclass(frozen=True)
class LabelScore:
    """Precision, recall and F1 of one label in per cent. `lines` is the number of lines with this label in the
    reference."""

    label: str
    precision: float
    recall: float
    f1: float
    lines: int


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
            raise make_label_error(len(refs))
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

    Labels are all that are predicted or expected, as in scikit-learn by default. The statistics of two systems can be
    mixed where both have the same `labels`.
    """

    labels: Sequence[str] = ()

    def list_labels(self, columns: Sequence[Sequence[str | None]]) -> list[str]:
        """The labels in several lists of lines."""
        return sorted({self._preprocess_segment(line) for lines in columns for line in lines if line is not None})

    def corpus_score(self, hypotheses: Sequence[str], references: Any, n_bootstrap: int = 1) -> Score:
        """The score, without statistics of each line, which would be as many numbers as there are labels."""
        labels = count_labels(super()._extract_corpus_statistics(hypotheses, references))
        return Score("MacroF1", sum(label.f1 for label in labels) / len(labels))

    def _extract_corpus_statistics(self, hypotheses: Sequence[str], references: Any) -> list[list[int]]:
        pairs = super()._extract_corpus_statistics(hypotheses, references)
        labels = self.labels or sorted({label for pair in pairs for label in pair})
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
        sides = ([self._preprocess_segment(line) for line in lines] for lines in (hypotheses, references))
        return count_labels(list(zip(*sides, strict=True)))


def make_label_error(references: int) -> UsageError:
    """The error for a line with more than one reference."""
    return UsageError(
        f"accuracy and f1 need one reference, and there are {references}\n  Name one with ",
        *(Option("references"), ", or choose other ", Option("metrics")),
    )


def count_labels(pairs: Sequence[Sequence[str]]) -> list[LabelScore]:
    """Scores of every label in pairs of a predicted and an expected one, the most frequent first."""
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


LABEL_METRICS: dict[str, Callable[[bool], LabelMetric]] = {"accuracy": Accuracy, "f1": MacroF1}
