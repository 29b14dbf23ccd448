"""How good translations are: BLEU, chrF and TER by sacreBLEU, each with the signature that makes it comparable.

Also accuracy and F1 of lines that are labels, in sacreBLEU's frame, so that the same tests of significance hold.

The only importer of sacrebleu. It reads lists of lines; where they came from is not its business.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric, Score, Signature
from sacrebleu.significance import PairedTest

from nmt.errors import DataError, NmtError, Option, UsageError, did_you_mean

METRICS = ("bleu", "chrf", "chrf++", "ter", "accuracy", "f1")
TOKENIZERS = tuple(BLEU.TOKENIZERS)


@dataclass(frozen=True)
class LabelScore:
    """How well one label was found; in per cent. `lines` counts those that the reference gives it."""

    label: str
    precision: float
    recall: float
    f1: float
    lines: int


@dataclass(frozen=True)
class MetricScore:
    """A score and its passport.

    `details` is what sacreBLEU adds for BLEU: n-gram precisions, brevity penalty and lengths. The next three are set by
    `compare_systems` only: mean of the bootstrap samples, half the width of the interval that holds 95 % of them, and
    the p-value against the first system, which itself has none. `labels` come with F1 from `score_corpus`.
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
        """The line that sacreBLEU's own command prints."""
        return f"{self.name}|{self.signature} = {self.score:.1f} {self.details}".rstrip()


class LabelSignature(Signature):
    """Says whether the case of labels counted."""

    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__(args)
        self._abbr["case"] = "c"
        self.info["case"] = "lc" if args["lowercase"] else "mixed"


class LabelMetric(Metric):
    """A score of lines that are labels as a whole, white space at their ends apart.

    Unlike sacreBLEU's own metrics, it takes one reference only.
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
                f"accuracy and f1 compare with one label a line, and there are {len(refs)} references\n  Name one in ",
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
    """The mean over labels of F1 = 2 right / (said + meant), in per cent.

    Labels are those that were said or meant, as scikit-learn has them by default.
    """

    def _extract_corpus_statistics(self, hypotheses: Sequence[str], references: Any) -> list[list[int]]:
        pairs = super()._extract_corpus_statistics(hypotheses, references)
        labels = sorted({label for pair in pairs for label in pair})
        return [
            [int(is_it) for label in labels for is_it in (said == meant == label, said == label, meant == label)]
            for said, meant in pairs
        ]

    def _compute_score_from_stats(self, stats: list[Any]) -> Score:
        counts = zip(stats[::3], stats[1::3], stats[2::3], strict=True)
        each = [200 * right / (said + meant) for right, said, meant in counts if said + meant]
        return Score("MacroF1", sum(each) / len(each))

    def each_label(self, said: Sequence[str], meant: Sequence[str]) -> list[LabelScore]:
        """Every label that was said or meant, the most frequent first; a ratio of nothing is 0."""
        pairs = [
            (self._preprocess_segment(one), self._preprocess_segment(two)) for one, two in zip(said, meant, strict=True)
        ]
        says, means = (Counter(side) for side in zip(*pairs, strict=True))
        rights = Counter(one for one, two in pairs if one == two)

        def percent(right: int, of: int) -> float:
            return 100 * right / of if of else 0.0

        return [
            LabelScore(
                label,
                percent(rights[label], says[label]),
                percent(rights[label], means[label]),
                percent(2 * rights[label], says[label] + means[label]),
                means[label],
            )
            for label in sorted(says | means, key=lambda label: (-means[label], label))
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

    Every element of `references` is a whole set of lines. BLEU and chrF are better when higher, TER when lower.

    Raises:
        DataError: no lines, or another number of them in a reference; sacreBLEU would cut the longer side silently.
        UsageError: an unknown metric or tokenizer.
    """
    [lines], reference_lines = prepare_lines([hypotheses], references)
    scores = []
    for metric in make_metrics(metrics, tokenize, lowercase).values():
        score = metric.corpus_score(lines, reference_lines)
        labels = metric.each_label(lines, reference_lines[0]) if isinstance(metric, MacroF1) else None
        signature = str(metric.get_signature())
        scores.append(MetricScore(score.name, score.score, signature, score._verbose, labels=labels))
    return scores


def compare_systems(
    systems: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    samples: int = 1000,
) -> list[list[MetricScore]]:
    """Scores of two or more systems, the first being the baseline, by paired bootstrap resampling.

    The same `samples` draws of as many lines as there are, with replacement, are scored for a system and the baseline.
    With d their differences and D that on all lines, p = (1 + #(|d| - mean |d| > |D|)) / (1 + samples)
    (Koehn 2004, "Statistical significance tests for machine translation evaluation", as sacreBLEU computes it). The
    draws are seeded with 12345, or with the environment's SACREBLEU_SEED as sacreBLEU does; signatures name it. Where
    sacreBLEU calls a system significantly different from its own copy (no |d| exceeds D = 0), p is 1 here.
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

    def describe(name: str, number: int) -> MetricScore:
        result: Any = table[name][number]
        p_value = 1.0 if number and system_lines[number] == system_lines[0] else result.p_value
        mean, confidence = float(result.mean), float(result.ci)
        return MetricScore(name, result.score, str(signatures[name]), "", mean, confidence, p_value)

    return [[describe(name, number) for name in signatures] for number in range(len(systems))]


def prepare_lines(
    systems: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Check that every list has as many lines, and drop white space at line ends as sacreBLEU's command does."""
    if not systems[0]:
        raise DataError("there are no lines to score")
    if not references:
        raise DataError("there is no reference to score against")
    for lines in (*systems[1:], *references):
        if len(lines) != len(systems[0]):
            raise DataError(
                f"{len(systems[0]):,} translations cannot be scored against {len(lines):,} lines\n"
                "  Line n of one must belong to line n of the other; an empty translation is an empty line"
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
    """A row of scores for each system: `score_corpus`, or `compare_systems` by that many `samples` where not 0."""
    if samples:
        return compare_systems(systems, references, metrics, tokenize, lowercase, samples)
    return [score_corpus(system, references, metrics, tokenize, lowercase) for system in systems]


def make_metrics(names: Sequence[str], tokenize: str, lowercase: bool) -> dict[str, Metric]:
    """sacreBLEU's scorers by name, each once, with its defaults for all that is not asked for here."""
    if tokenize not in TOKENIZERS:
        raise UsageError(
            f'no tokenizer "{tokenize}"{did_you_mean(tokenize, TOKENIZERS)}\n  There are {", ".join(TOKENIZERS)}'
        )
    metrics: dict[str, Metric] = {}
    for name in names:
        if name == "bleu":
            try:
                metrics[name] = BLEU(lowercase=lowercase, tokenize=tokenize)
            except (RuntimeError, ImportError, OSError) as error:  # a package or a download that is missing
                reason = " ".join(str(error).split())
                raise NmtError(f'the tokenizer "{tokenize}" cannot be used here\n  {reason}') from error
        elif name in ("chrf", "chrf++"):
            metrics[name] = CHRF(lowercase=lowercase, word_order=2 if name == "chrf++" else 0)
        elif name == "ter":
            metrics[name] = TER()
        elif name in LABEL_METRICS:
            metrics[name] = LABEL_METRICS[name](lowercase)
        else:
            raise UsageError(f'no metric "{name}"{did_you_mean(name, METRICS)}\n  There are {", ".join(METRICS)}')
    return metrics
