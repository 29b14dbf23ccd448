"""`nmt score`: files of translations against references.

Also holds what `nmt evaluate` shares with it: the options that choose metrics, and tables of scores.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmt.errors import DataError, UsageError

if TYPE_CHECKING:
    from nmt.report.metrics import LabelScore, MetricScore

LABEL_COLUMNS = ["precision", "recall", "F1", "lines"]
F = TypeVar("F", bound=Callable[..., Any])


class MetricsCommand(click.Command):
    """A command that takes `--metrics bleu chrf ter` besides `--metrics bleu,chrf,ter` and a repeated `--metrics`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words: list[str] = []
        for word in args:
            if words[-2:-1] == ["--metrics"] and is_metrics(word):
                words.append("--metrics")
            words.append(word)
        return super().parse_args(ctx, words)


def is_metrics(word: str) -> bool:
    from nmt.report.metrics import METRICS

    return all(name in METRICS for name in word.split(","))


def scoring_options(function: F) -> F:
    """The options that say how to score and how to show it."""
    for option in reversed(
        [
            click.option(
                "--metrics",
                multiple=True,
                metavar="NAME...",
                default=("bleu", "chrf", "ter"),
                callback=lambda ctx, parameter, words: [name for word in words for name in word.split(",")],
                help="bleu, chrf, chrf++, ter, accuracy, f1  [default: bleu chrf ter]",
            ),
            click.option(
                "--tokenize",
                default="13a",
                metavar="NAME",
                help="words of BLEU, by sacreBLEU's name for them  [default: 13a]",
            ),
            click.option("--lowercase", is_flag=True, help="ignore case in BLEU and chrF; TER always does"),
            click.option("--significance", is_flag=True, help="paired bootstrap of each row against the first"),
            click.option(
                "--samples",
                type=click.IntRange(1),
                default=1000,
                metavar="N",
                help="draws of the bootstrap  [default: 1000]",
            ),
            click.option(
                "--format", "style", type=click.Choice(["text", "json"]), default="text", help="[default: text]"
            ),
        ]
    ):
        function = option(function)
    return function


@click.command(cls=MetricsCommand)
@click.argument("hypotheses", nargs=-1, metavar="[HYPOTHESIS]...")
@click.option(
    "--reference",
    "references",
    multiple=True,
    required=True,
    metavar="FILE",
    help="right translations; repeat where lines have several",
)
@scoring_options
def command(
    hypotheses: tuple[str, ...],
    references: tuple[str, ...],
    metrics: list[str],
    tokenize: str,
    lowercase: bool,
    significance: bool,
    samples: int,
    style: str,
) -> None:
    """Score translations against references: BLEU, chrF, TER; or labels.

    Lines that are labels are scored by accuracy and f1, the mean F1 of all labels, with a table of each. Reads stdin
    when no HYPOTHESIS is named. The other scores are sacreBLEU's, with the signature that makes them comparable;
    give it detokenised text. Several files give a table.
    """
    hypotheses = hypotheses or ("-",)
    check_scoring(metrics, tokenize, lowercase, significance, len(hypotheses))
    lines = read_parallel([*references, *hypotheses])
    reference_lines, system_lines = lines[: len(references)], lines[len(references) :]
    scores = score_systems(system_lines, reference_lines, metrics, tokenize, lowercase, samples if significance else 0)
    if style == "json":
        systems = [{"name": name, "scores": to_json(row)} for name, row in zip(hypotheses, scores, strict=True)]
        document = {"references": list(references), "lines": len(lines[0]), "systems": systems}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    elif len(hypotheses) == 1:
        for score in scores[0]:
            click.echo(score)
            if score.labels is not None:
                click.echo(tabulate([["", *LABEL_COLUMNS], *map(label_cells, score.labels)]))
    else:
        rows = [[name, *cells(row)] for name, row in zip(hypotheses, scores, strict=True)]
        click.echo(tabulate([["", *headings(scores[0])], *rows]))
        click.echo(explain(scores[0], hypotheses[0]))


def check_scoring(metrics: Sequence[str], tokenize: str, lowercase: bool, significance: bool, systems: int) -> None:
    """Raise before any work is done what scoring would raise after it."""
    from nmt.report.metrics import make_metrics

    make_metrics(metrics, tokenize, lowercase)
    if significance and systems == 1:
        raise UsageError("--significance compares with the first of several systems, and there is only one")


def read_parallel(paths: Sequence[str]) -> list[list[str]]:
    """The lines of files that belong together line by line, `-` being stdin.

    Raises DataError for files of unequal length, which sacreBLEU would cut silently, and for empty ones.
    """
    from nmt.text.corpus import Side

    if paths.count("-") > 1:
        raise UsageError('standard input can be read only once, and "-" is named more often')
    sides = [Side(Path(path)) for path in paths]
    lines = [list(side) for side in sides]
    names = ["standard input" if path == "-" else path for path in paths]
    for name, side in zip(names, sides, strict=True):
        if side.lines != sides[0].lines:
            raise DataError(
                f"{names[0]} has {sides[0].lines:,} lines and {name} has {side.lines:,}\n"
                "  Line n of one must belong to line n of the other. Look first at empty lines:\n"
                f"  {sides[0].describe_empty()}; {side.describe_empty()}"
            )
    if not sides[0].lines:
        raise DataError(f"{names[0]} is empty: there are no lines in it")
    return lines


def score_systems(
    systems: Sequence[Sequence[str]],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str],
    tokenize: str,
    lowercase: bool,
    samples: int,
) -> "list[list[MetricScore]]":
    """A row of scores for each system, compared with the first by `samples` draws of the bootstrap unless that is 0."""
    from nmt.report.metrics import compare_systems, score_corpus

    if not samples:
        return [score_corpus(system, references, metrics, tokenize, lowercase) for system in systems]
    return compare_systems(systems, references, metrics, tokenize, lowercase, samples)


def headings(row: "list[MetricScore]") -> list[str]:
    """The columns of `cells`."""
    return [name for score in row for name in ([score.name] if score.confidence is None else [score.name, "p"])]


def cells(row: "list[MetricScore]") -> list[str]:
    """`33.2`, or `33.2 ± 1.1` and the p-value where systems were compared."""
    words = []
    for score in row:
        if score.confidence is None:
            words.append(f"{score.score:.1f}")
        else:
            p_value = "" if score.p_value is None else f"{score.p_value:.3f}"
            words += [f"{score.score:.1f} ± {score.confidence:.1f}", p_value]
    return words


def explain(row: "list[MetricScore]", baseline: str) -> str:
    """What stands below a table: one signature a metric, and what the marks in the cells mean."""
    lines = ["", *(f"{score.name}|{score.signature}" for score in row)]
    if row[0].confidence is not None:
        lines.append(f"±: half the interval that holds 95% of the draws; p: of no difference from {baseline}")
    return "\n".join(lines)


def label_cells(score: "LabelScore") -> list[str]:
    """A row of the table of labels."""
    figures = score.precision, score.recall, score.f1
    return [score.label, *(f"{figure:.1f}" for figure in figures), f"{score.lines:,}"]


def to_json(row: "list[MetricScore]") -> list[dict[str, Any]]:
    return [{key: value for key, value in asdict(score).items() if value is not None} for score in row]


def tabulate(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equal length as text: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            word.rjust(width) if number else word.ljust(width)
            for number, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
