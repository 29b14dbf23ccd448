"""Scores of translations: BLEU, chrF and TER by sacreBLEU, each with the signature that makes it comparable.

What sacreBLEU logs is not printed, because it advises arguments of its own.
"""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from typing import Any, Literal, TypeAlias

from sacrebleu import BLEU, CHRF, TER
from sacrebleu.metrics.base import Metric
from sacrebleu.significance import PairedTest, _bootstrap_resample
from sacrebleu.utils import SACREBLEU_DIR

from nmt.analysis.label_metrics import LABEL_METRICS, LabelScore, MacroF1, make_label_error
from nmt.analysis.metric_settings import MetricSettings
from nmt.arguments import check_text
from nmt.errors import DataError, NmtError, Option, UsageError, did_you_mean
from nmt.progress import format_count
from nmt.text.signs import SUBWORD_MARKS
from nmt.text.words import is_blank

logging.getLogger("sacrebleu").addHandler(logging.NullHandler())

Lines: TypeAlias = Sequence[str]
References: TypeAlias = Sequence[Sequence[str | None]]  # None where a line has no such reference
Test = Literal["none", "confidence", "bootstrap", "randomization"]

METRICS = ("bleu", "chrf", "chrf++", "ter", "accuracy", "f1")
TOKENIZERS = tuple(BLEU.TOKENIZERS)
DEFAULTS = MetricSettings()
TOKENIZED_LINES = 100  # as many as sacreBLEU warns of
LONGEST = 200_000  # characters of a line that is scored: sacreBLEU takes up to 1 kB of memory for each
LONGEST_TER = 10_000  # for TER the memory grows with the square of the length, and so does the time


@dataclass(frozen=True)
class MetricScore:
    """A score with its sacreBLEU signature.

    `details` has what sacreBLEU adds to BLEU: n-gram precisions, brevity penalty and lengths. `mean` and `confidence`
    are set where samples were drawn: the mean of the bootstrap samples, and half the width of the interval that
    contains 95 % of them. `p_value` is set by `compare_systems`: that against the first system, which has none itself.
    `labels` are set for F1 by `score_corpus`. `sentences` are the scores of single lines, where they were asked for.
    """

    name: str
    score: float
    signature: str
    details: str = ""
    mean: float | None = None
    confidence: float | None = None
    p_value: float | None = None
    labels: list[LabelScore] | None = None
    sentences: "list[MetricScore] | None" = None

    def __str__(self) -> str:
        """The line that sacreBLEU's command prints."""
        return self.format()

    def format(self, width: int = 1, *, only_score: bool = False) -> str:
        """The line that sacreBLEU's command prints, with `width` decimals, or only the score in it."""
        figures = f"{self.score:.{width}f}"
        if self.mean:  # sacreBLEU writes none of 0
            figures += f" (μ = {self.mean:.{width}f} ± {self.confidence:.{width}f})"
        return figures if only_score else f"{self.name}|{self.signature} = {figures} {self.details}".rstrip()


def score_corpus(
    hypotheses: Lines,
    references: References,
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    settings: MetricSettings = DEFAULTS,
    *,
    samples: int = 0,
    with_sentences: bool = False,
) -> list[MetricScore]:
    """Corpus scores in the order of `metrics`, each equal to what sacreBLEU's command prints for the same lines.

    Every element of `references` is a list of all lines. A line may have fewer references than others: None is not a
    reference. For BLEU and chrF higher is better, for TER lower. With `samples`, the mean and the interval of 95 % of
    that number of bootstrap samples of the lines (Koehn 2004). `with_sentences` adds the score of each line, which for
    BLEU has an effective order, as in sacreBLEU: n-grams that are longer than a line do not count.

    Raises:
        DataError: no lines, a value that is not a string, a line without reference, a reference with another number
            of lines, which sacreBLEU would shorten silently, or a line that is too long.
        UsageError: an unknown metric or tokenizer.
    """
    [lines], reference_lines = prepare_lines([hypotheses], references, metrics)
    if samples:
        check_seed()
    scores = []
    for name, metric in make_metrics(metrics, tokenize, lowercase, settings).items():
        score: Any = metric.corpus_score(lines, reference_lines)  # type: ignore[arg-type]
        if samples > 1:
            estimate_interval(score, metric, lines, reference_lines, samples)
        signature = str(metric.get_signature())
        mean, confidence = (float(score._mean), float(score._ci)) if samples > 1 else (None, None)
        labels = sentences = None
        if isinstance(metric, MacroF1):
            labels = metric.score_labels(
                lines, [next(filter(is_text, each)) for each in zip(*reference_lines, strict=True)]
            )
        if with_sentences:
            [single] = make_metrics([name], tokenize, lowercase, settings, for_sentences=True).values()
            sentences = list(score_sentences(single, lines, reference_lines))
        scores.append(
            MetricScore(score.name, score.score, signature, score._verbose, mean, confidence, None, labels, sentences)
        )
    return scores


def estimate_interval(score: Any, metric: Metric, lines: Lines, references: References, samples: int) -> None:
    """Give a score of sacreBLEU's the mean and interval of bootstrap samples, as `Metric.corpus_score` does.

    That fails where some samples have a score of 0, a Python number among those of numpy.
    """
    statistics = metric._extract_corpus_statistics(lines, references)  # type: ignore[arg-type]
    metric.n_bootstrap = samples  # for the signature, as is the seed
    metric.seed, drawn = _bootstrap_resample(statistics, metric, samples)
    if len({type(one.score) for one in drawn}) > 1:
        for one in drawn:
            one.score = float(one.score)
    score.estimate_ci(drawn)


def score_sentences(metric: Metric, lines: Lines, references: References) -> Iterator[MetricScore]:
    """The score of each line by itself, each with its own signature: lines may differ in their number of references."""
    for line, *line_references in zip(lines, *references, strict=True):
        score = metric.sentence_score(line, line_references)
        yield MetricScore(score.name, score.score, str(metric.get_signature()), score._verbose)


def score_validation(hypotheses: Sequence[str], references: Sequence[str], tokenizer: str) -> dict[str, float]:
    """BLEU, chrF, accuracy and F1 of translations by the names of these metrics. F1 is the mean over labels.

    A line that is too long to be scored does not end a training: only its beginning is scored.
    """
    hypotheses, references = ([line[:LONGEST] for line in lines] for lines in (hypotheses, references))
    names = "bleu", "chrf", "accuracy", "f1"
    scores = score_corpus(hypotheses, [references], names, tokenizer)
    return {name: one.score for name, one in zip(names, scores, strict=True)}


def compare_systems(
    systems: Sequence[Lines],
    references: References,
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    samples: int = 1000,
    settings: MetricSettings = DEFAULTS,
    *,
    test: Literal["bootstrap", "randomization"] = "bootstrap",
) -> list[list[MetricScore]]:
    """Scores of two or more systems, with the p-value of each against the first, which is the baseline.

    By paired bootstrap resampling, `samples` samples of all lines, with replacement, are scored for each system and the
    baseline. With d the differences of their scores, and D the difference on all lines,
    p = (1 + #(|d| - mean |d| > |D|)) / (1 + samples) (Koehn 2004, "Statistical significance tests for machine
    translation evaluation", as sacreBLEU computes it). By approximate randomization (Riezler and Maxwell 2005), each of
    `samples` trials swaps random lines of the two systems, and p = (1 + #(|d| > |D|)) / (1 + samples).

    The random seed is 12345 or, as in sacreBLEU, the environment variable SACREBLEU_SEED; it is part of the signature.
    Unlike in sacreBLEU, p is 1 for a system whose score is that of the baseline.
    """
    system_lines, reference_lines = prepare_lines(systems, references, metrics)
    check_seed()
    built = make_metrics(metrics, tokenize, lowercase, settings)
    for metric in built.values():
        if isinstance(metric, MacroF1):
            metric.labels = metric.list_labels([*system_lines, *reference_lines])
    given: Any = reference_lines  # sacreBLEU's types have no None
    paired = PairedTest(
        [(str(number), lines) for number, lines in enumerate(system_lines)],
        built,
        given,
        test_type={"bootstrap": "bs", "randomization": "ar"}[test],
        n_samples=samples,
    )
    signatures, table = paired()
    details = [built["bleu"].corpus_score(lines, given)._verbose for lines in system_lines] if "bleu" in built else []

    def build_score(name: str, number: int) -> MetricScore:
        result: Any = table[name][number]
        baseline: Any = table[name][0]
        p_value = 1.0 if number and result.score == baseline.score else result.p_value
        mean, confidence = (None if value is None else float(value) for value in (result.mean, result.ci))
        own = details[number] if name == "BLEU" else ""
        return MetricScore(name, result.score, str(signatures[name]), own, mean, confidence, p_value)

    return [[build_score(name, number) for name in signatures] for number in range(len(systems))]


def check_seed() -> None:
    """Raise UsageError for a random seed that sacreBLEU cannot use."""
    seed = os.environ.get("SACREBLEU_SEED", "none")
    if seed.lower() != "none" and not seed.isdecimal():
        raise UsageError(f"the environment variable SACREBLEU_SEED is {seed!r}\n  It must be a whole number, or none")


def prepare_lines(
    systems: Sequence[Lines], references: References, metrics: Sequence[str]
) -> tuple[list[list[str]], list[list[str | None]]]:
    """Check that the lines can be scored, and strip line ends as sacreBLEU's command does."""
    check_columns(systems, references, metrics)
    refuse_long_lines("translation", systems, metrics)
    refuse_long_lines("reference", references, metrics)
    return [[line.rstrip() for line in lines] for lines in systems], [
        [None if line is None else line.rstrip() for line in lines] for lines in references
    ]


def check_columns(systems: Sequence[Lines], references: References, metrics: Sequence[str]) -> None:
    """Raise DataError where lists differ in their number of lines, or have lines that are no text, and UsageError for
    more references than a metric can use."""
    if not systems[0]:
        raise DataError("there are no lines to score")
    if not references:
        raise DataError("there are no references to score against")
    for lines in (*systems[1:], *references):
        if len(lines) != len(systems[0]):
            raise DataError(
                f"{format_count(len(systems[0]), 'translation')} cannot be scored against "
                f"{format_count(len(lines), 'line')}\n"
                "  Line n of one must belong to line n of the other; an empty translation must be an empty line"
            )
    for what, columns in (("translation", systems), ("reference", references)):
        for lines in columns:
            for number, line in enumerate(lines, 1):
                if not (line is None and what == "reference"):
                    check_text(f"{what} {number:,}", line)
    for number, line_references in enumerate(zip(*references, strict=True), 1):
        count = sum(map(is_text, line_references))
        if not count:
            raise DataError(f"line {number:,} has no reference")
        if count > 1 and not LABEL_METRICS.keys().isdisjoint(metrics):
            raise make_label_error(count)


def refuse_long_lines(what: str, columns: References, metrics: Sequence[str]) -> None:
    """Raise DataError for a line that cannot be scored in little memory. It is called by `what` and its number."""
    longest = LONGEST_TER if "ter" in metrics else LONGEST
    for lines in columns:
        for number, line in enumerate(lines, 1):
            if isinstance(line, str) and len(line) > longest:
                other = [", or leave ter out of ", Option("metrics")] if "ter" in metrics else []
                raise DataError(
                    f"{what} {number:,} has {len(line):,} characters, and at most {longest:,} can be scored"
                    f"{' by ter' * bool(other)}\n  Split the line into sentences, and those that belong to it",
                    *other,
                )


def is_text(line: str | None) -> bool:
    return line is not None


def drop_missing_references(references: References) -> list[list[str | None]]:
    """References in which None stands for each blank line that another reference has text for.

    Such a line has fewer references than others. sacreBLEU's documentation calls for an empty string or None there, but
    sacreBLEU 2.6 takes an empty string for a reference of no words.
    """
    has_text = [any(isinstance(line, str) and not is_blank(line) for line in each) for each in zip_longest(*references)]
    return [
        [
            None if some and line is not None and is_blank(line) else line
            for line, some in zip(lines, has_text, strict=False)
        ]
        for lines in references
    ]


def score_systems(
    systems: Sequence[Lines],
    references: References,
    metrics: Sequence[str] = ("bleu",),
    tokenize: str = "13a",
    lowercase: bool = False,
    samples: int = 1000,
    settings: MetricSettings = DEFAULTS,
    *,
    test: Test = "none",
    with_sentences: bool = False,
) -> list[list[MetricScore]]:
    """The scores of each system, by `score_corpus` or, for tests of significance, by `compare_systems`."""
    if test in ("bootstrap", "randomization"):
        return compare_systems(systems, references, metrics, tokenize, lowercase, samples, settings, test=test)
    drawn = samples if test == "confidence" else 0
    return [
        score_corpus(
            system, references, metrics, tokenize, lowercase, settings, samples=drawn, with_sentences=with_sentences
        )
        for system in systems
    ]


def find_score_warnings(systems: Mapping[str, Lines], metrics: Sequence[str]) -> Iterator[str]:
    """Warnings about translations, by the names of systems, whose scores have little meaning."""
    for name, lines in systems.items():
        tokenized = sum(str(line).rstrip().endswith(" .") for line in lines)
        if "bleu" in metrics and tokenized >= TOKENIZED_LINES:
            yield (
                f"{tokenized:,} of {len(lines):,} lines of {name} end in a full stop after a blank, as tokenized text "
                "does\n  BLEU can be compared only for text as people write it: join punctuation to its words first"
            )
        for has_form, share, (singular, plural), form, advice in WRONG_FORMS:
            count = sum(bool(has_form(str(line))) for line in lines)
            if count and share * count >= len(lines):
                verb = singular if count == 1 else plural
                yield f"{count:,} of {format_count(len(lines), 'line')} of {name} {verb} {form}\n  {advice}"


def is_json(line: str) -> bool:
    """Whether a line seems to be an object of JSON."""
    return line.lstrip().startswith('{"') and line.rstrip().endswith("}")


IS, HAS = ("is", "are"), ("has", "have")
# What translations are not, and which share of the lines is enough to warn of it
WRONG_FORMS: tuple[tuple[Callable[[str], object], int, tuple[str, str], str, str], ...] = (
    (is_blank, 2, IS, "blank", "Look whether the translation has ended early, and whether it is the right file"),
    (
        re.compile(r"\s*\d+ \|\|\| .*\|\|\|").match,
        2,
        IS,
        "of an n-best list: index ||| translation ||| score",
        "Score the translations alone: sed -E 's/^[0-9]+ [|]{3} (.*) [|]{3} .*/\\1/'",
    ),
    (is_json, 2, IS, "JSON", "Score the translations alone: jq -r .text"),
    *(
        (
            kind.find,
            100,
            HAS,
            f"marks of subwords, such as {kind.mark}",
            f"Scores can be compared only for words: join the subwords first, as by {kind.joining}",
        )
        for kind in SUBWORD_MARKS
    ),
)


@cache
def can_use(tokenizer: str) -> bool:
    """Whether a tokenizer works here: some need a library or a download."""
    try:
        BLEU(tokenize=tokenizer)
    except (RuntimeError, ImportError, OSError, AssertionError):
        return False
    return True


def make_metrics(
    names: Sequence[str],
    tokenize: str,
    lowercase: bool,
    settings: MetricSettings = DEFAULTS,
    *,
    for_sentences: bool = False,
) -> dict[str, Metric]:
    """The metrics with these names, each once. `for_sentences` gives BLEU an effective order, as sacreBLEU does."""
    if tokenize not in TOKENIZERS:
        guess = did_you_mean(tokenize, TOKENIZERS)
        raise UsageError(f'there is no tokenizer "{tokenize}"{guess}\n  The tokenizers are {", ".join(TOKENIZERS)}')
    metrics: dict[str, Metric] = {}
    for name in names:
        if name == "bleu":
            bleu = settings.select("smooth") | {"lowercase": lowercase, "effective_order": for_sentences}
            try:
                metrics[name] = BLEU(tokenize=tokenize, force=True, **bleu)  # find_score_warnings warns instead
            except (RuntimeError, ImportError, OSError, SystemExit) as error:  # a package or a download is missing
                reason = " ".join(str(error).split())
                if isinstance(error, OSError | SystemExit):
                    reason = f"sacreBLEU could not download its model to {SACREBLEU_DIR}: {reason}"
                raise NmtError(f'the tokenizer "{tokenize}" cannot be used here\n  {reason}') from error
        elif name in ("chrf", "chrf++"):
            chrf = settings.select("chrf")
            chrf["lowercase"] |= lowercase
            metrics[name] = CHRF(**chrf | ({"word_order": 2} if name == "chrf++" else {}))
        elif name == "ter":
            metrics[name] = TER(**settings.select("ter"))
        elif name in LABEL_METRICS:
            metrics[name] = LABEL_METRICS[name](lowercase)
        else:
            guess = did_you_mean(name, METRICS)
            raise UsageError(f'there is no metric "{name}"{guess}\n  The metrics are {", ".join(METRICS)}')
    return metrics
