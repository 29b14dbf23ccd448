"""How good translations are: BLEU, chrF and TER by sacreBLEU, each with the signature that makes it comparable.

The only importer of sacrebleu. It reads lists of lines; where they came from is not its business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sacrebleu import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest

from nmt.errors import DataError, NmtError, UsageError, did_you_mean

METRICS = ("bleu", "chrf", "chrf++", "ter")
TOKENIZERS = tuple(BLEU.TOKENIZERS)


@dataclass(frozen=True)
class MetricScore:
    """A score and its passport.

    `details` is what sacreBLEU adds for BLEU: n-gram precisions, brevity penalty and lengths. The last three are set by
    `compare_systems` only: mean of the bootstrap samples, half the width of the interval that holds 95 % of them, and
    the p-value against the first system, which itself has none.
    """

    name: str
    score: float
    signature: str
    details: str = ""
    mean: float | None = None
    confidence: float | None = None
    p_value: float | None = None

    def __str__(self) -> str:
        """The line that sacreBLEU's own command prints."""
        return f"{self.name}|{self.signature} = {self.score:.1f} {self.details}".rstrip()


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
        scores.append(MetricScore(score.name, score.score, str(metric.get_signature()), score._verbose))
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
        else:
            raise UsageError(f'no metric "{name}"{did_you_mean(name, METRICS)}\n  There are {", ".join(METRICS)}')
    return metrics
