"""Options of `nmt score` and `nmt evaluate`, most of them with the names that sacreBLEU's command has for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmt.analysis.metric_settings import AUTO, MetricSettings, check_metric_settings, refuse_without_bleu
from nmt.cli.command import NmtCommand
from nmt.cli.options import combine, given_settings, metric_options, settings_options
from nmt.errors import DataError, Option, UsageError
from nmt.progress import format_count

if TYPE_CHECKING:
    from nmt.analysis.metrics import Lines, MetricScore, References, Test
    from nmt.analysis.test_sets import EvaluationSet

F = TypeVar("F", bound=Callable[..., Any])
FLAGS = {
    name: f"--{name.replace('_', '-')}"
    for name, field in MetricSettings.model_fields.items()
    if field.annotation is bool
}


class MetricsCommand(NmtCommand):
    """A command that accepts `--metrics bleu chrf ter`, `--metrics bleu,chrf,ter` and a repeated `--metrics`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        for word in args:
            if words[-2:-1] in (["--metrics"], ["-m"]) and are_metrics(word):
                words.append("--metrics")
            words.append(word)
        return super().parse_args(ctx, words)


def are_metrics(word: str) -> bool:
    from nmt.analysis.metrics import METRICS

    return all(name in METRICS for name in word.split(","))


@dataclass(frozen=True)
class Scoring:
    """How translations are scored and their scores are printed. Made from options by `scoring_options`."""

    metrics: list[str]
    tokenize: str
    language: str | None
    lowercase: bool
    values: dict[str, Any]
    test: "Test"
    samples: int | None
    sentence_level: bool
    score_only: bool
    width: int
    style: str
    test_sets: list[str]
    language_pair: str | None

    def check(self, systems: int) -> MetricSettings:
        """Raise, before any work is done, the errors that scoring would raise after it."""
        from nmt.analysis.metrics import make_metrics
        from nmt.analysis.tokenizers import FALLBACK

        settings = check_metric_settings(self.values, self.metrics)
        make_metrics(self.metrics, FALLBACK if self.tokenize == AUTO else self.tokenize, self.lowercase, settings)
        refuse_without_bleu(self.metrics, self.tokenize, self.language)
        paired = {"bootstrap": Option("significance"), "randomization": Option("paired_ar")}.get(self.test)
        if paired and systems == 1:
            raise UsageError(
                *(paired, " compares with the first of several systems, and there is only one\n  "),
                *(Option("confidence"), " gives the confidence interval of one system"),
            )
        if self.samples == 1 and self.test == "confidence":
            raise UsageError(Option("confidence"), " needs two samples or more: raise ", Option("samples"))
        if self.samples and self.test == "none":
            raise UsageError(
                *(Option("samples"), " has no effect without "),
                *(Option("confidence"), ", ", Option("significance"), " or ", Option("paired_ar")),
            )
        if self.sentence_level and paired:
            raise UsageError(Option("sentence_level"), " and ", paired, " cannot be combined: leave out one of them")
        if self.sentence_level and systems > 1 and self.style != "json":
            raise UsageError(
                *(Option("sentence_level"), f" prints the scores of one system, and there are {systems}\n  "),
                *(Option("format", "json"), " has those of all"),
            )
        if self.sentence_level and self.test == "confidence" and self.style != "json":
            raise UsageError(
                *(
                    Option("sentence_level"),
                    " prints no ",
                    Option("confidence"),
                    "\n  Leave out one of them, or choose ",
                ),
                *(Option("format", "json"), ", which has both"),
            )
        return settings

    def read_test_sets(self) -> "EvaluationSet | None":
        """The test sets of sacreBLEU's that options name, or None if they name none."""
        from nmt.analysis.test_sets import list_pairs, read_test_sets

        if self.test_sets and self.language_pair:
            return read_test_sets(self.test_sets, self.language_pair)
        if self.test_sets:
            pairs = ", ".join(list_pairs(self.test_sets[0]))
            raise UsageError(
                Option("test_sets"), " needs ", Option("language_pair"), f"\n  {self.test_sets[0]} has {pairs}"
            )
        return None

    def refuse_other_length(self, test_set: "EvaluationSet", name: str, lines: int) -> None:
        """Raise DataError for a text that cannot be a translation of the test set."""
        if len(test_set.source) != lines:
            raise DataError(
                f"{'+'.join(self.test_sets)} has {format_count(len(test_set.source), 'line')} for "
                f"{self.language_pair} and {'standard input' if name == '-' else name} has {lines:,}\n"
                "  Line n of one must belong to line n of the other"
            )

    def name_references(self, files: Sequence[str]) -> dict[str, Any]:
        """The references, as JSON output names them."""
        if self.test_sets:
            return {"test_sets": self.test_sets, "language_pair": self.language_pair}
        return {"references": list(files)}

    def print_warnings(self, systems: "dict[str, Lines]") -> None:
        """Write to standard error what may be wrong with translations."""
        from nmt.analysis.metrics import find_score_warnings

        for warning in find_score_warnings(systems, self.metrics):
            click.echo(f"nmt: {warning}", err=True)

    def score(
        self, systems: "Sequence[Lines]", references: "References", language: str | None = None
    ) -> "list[list[MetricScore]]":
        """The scores of each system. `language` is the target language unless options name one."""
        from nmt.analysis.metrics import score_systems
        from nmt.analysis.tokenizers import resolve_tokenizer

        named = self.language or (self.language_pair or "").partition("-")[2]
        return score_systems(
            systems,
            references,
            self.metrics,
            resolve_tokenizer(self.tokenize, named or language, references),
            self.lowercase,
            self.samples or (10_000 if self.test == "randomization" else 1000),
            self.check(len(systems)),
            test=self.test,
            with_sentences=self.sentence_level,
        )

    def format_sentences(self, row: "list[MetricScore]") -> list[str]:
        """A line for each sentence, with a column for each metric."""
        columns = [
            [one.format(self.width, only_score=self.score_only) for one in score.sentences or []] for score in row
        ]
        return ["\t".join(cells) for cells in zip(*columns, strict=True)]


def choose_test(significance: bool, paired_ar: bool, confidence: bool) -> "Test":
    """The test of significance that options ask for. That by bootstrap computes confidence intervals too."""
    if significance and paired_ar:
        raise UsageError(Option("significance"), " and ", Option("paired_ar"), " are two tests: choose one")
    if confidence and paired_ar:
        raise UsageError(
            *(Option("paired_ar"), " computes no confidence intervals\n  Leave out ", Option("confidence")),
            *(", or compare by ", Option("significance")),
        )
    return "bootstrap" if significance else "randomization" if paired_ar else "confidence" if confidence else "none"


def scoring_options(function: F) -> F:
    """The options of scoring. The command gets them as one argument, `scoring`."""

    @wraps(function)
    def call(
        *arguments: Any,
        metrics: list[str],
        tokenize: str,
        language: str | None,
        lowercase: bool,
        significance: bool,
        paired_ar: bool,
        confidence: bool,
        samples: int | None,
        sentence_level: bool,
        score_only: bool,
        width: int,
        test_sets: list[str],
        language_pair: str | None,
        **others: Any,
    ) -> Any:
        values = given_settings(MetricSettings, others)
        scoring = Scoring(
            metrics,
            tokenize,
            language,
            lowercase,
            values,
            choose_test(significance, paired_ar, confidence),
            samples,
            sentence_level,
            score_only,
            width,
            others["style"],
            test_sets,
            language_pair,
        )
        others = {name: value for name, value in others.items() if name not in MetricSettings.model_fields}
        return function(*arguments, scoring=scoring, **others)

    return decorate(call)  # type: ignore[return-value]


decorate = combine(
    metric_options,
    settings_options(MetricSettings, FLAGS),
    click.option(
        "--test-set",
        "-t",
        "test_sets",
        metavar="NAME",
        callback=lambda ctx, parameter, word: word.split(",") if word else [],
        help="test set of sacreBLEU's in place of files, from its cache; several with commas between them",
    ),
    click.option(
        "--language-pair",
        "-l",
        metavar="PAIR",
        help="languages of --test-set, such as en-de; the second chooses the tokenizer unless --language does",
    ),
    click.option("--sentence-level", is_flag=True, help="print the scores of every sentence, one a line"),
    click.option("--confidence", is_flag=True, help="add the interval of 95% of bootstrap samples to every score"),
    click.option(
        "--significance",
        "--paired-bs",
        "significance",
        is_flag=True,
        help="compare each row with the first by paired bootstrap",
    ),
    click.option("--paired-ar", is_flag=True, help="compare each row with the first by approximate randomization"),
    click.option(
        *("--samples", "--confidence-n", "--paired-bs-n", "--paired-ar-n"),
        "samples",
        type=click.IntRange(1),
        metavar="N",
        help="samples of --confidence and --significance, trials of --paired-ar  [default: 1000; of --paired-ar 10000]",
    ),
    click.option("--score-only", "-b", is_flag=True, help="print scores in text without signatures"),
    click.option(
        "--width",
        "-w",
        type=click.IntRange(0, 15),
        default=1,
        metavar="N",
        help="decimals of scores in text  [default: 1]",
    ),
)
