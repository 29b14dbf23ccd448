"""`nmt score`: files of translations against references, and of word links against gold.

Also holds what `nmt evaluate` and `nmt align` share with it: the options that choose metrics, gold links, and
tables of scores.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nmt.errors import DataError, UsageError

if TYPE_CHECKING:
    from nmt.analysis.alignment import AlignmentScore
    from nmt.analysis.metrics import LabelScore, MetricScore
    from nmt.text.links import GoldLinks

LABEL_COLUMNS = ["precision", "recall", "F1", "lines"]
F = TypeVar("F", bound=Callable[..., Any])
GOLD = click.option(
    "--gold",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="links to compare with: 1-2 is sure, 1p2 possible; or NAACL's",
)
GOLD_BASE = click.option(
    "--gold-base", type=click.IntRange(0, 1), metavar="N", help="number of the first word  [default: 0; NAACL's: 1]"
)


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
    from nmt.analysis.metrics import METRICS

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
    metavar="FILE",
    help="right translations; repeat where lines have several",
)
@GOLD
@GOLD_BASE
@scoring_options
def command(
    hypotheses: tuple[str, ...],
    references: tuple[str, ...],
    gold: str | None,
    gold_base: int | None,
    metrics: list[str],
    tokenize: str,
    lowercase: bool,
    significance: bool,
    samples: int,
    style: str,
) -> None:
    """Score translations against references: BLEU, chrF, TER; or labels, or word links against --gold.

    Lines that are labels are scored by accuracy and f1, the mean F1 of all labels, with a table of each. Reads stdin
    when no HYPOTHESIS is named. The other scores are sacreBLEU's, with the signature that makes them comparable;
    give it detokenised text. Several files give a table.

    With --gold in place of --reference every HYPOTHESIS is a file of word links in Pharaoh format, as `nmt align` or
    any other aligner writes them, counted from 0; their alignment error rate, precision, recall and F1 are those of
    `nmt align --gold`.
    """
    hypotheses = hypotheses or ("-",)
    if not (gold or references):
        raise click.UsageError("Missing option '--reference', or '--gold' for word links.")
    if gold and references:
        raise UsageError("--reference is for translations and --gold for word links: leave one out")
    if gold:
        score_link_files(hypotheses, gold, gold_base, style)
        return
    if gold_base is not None:
        raise UsageError("--gold-base is of --gold: name its file")
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


def score_link_files(systems: Sequence[str], gold: str, base: int | None, style: str) -> None:
    """How well files of links match gold, as a table or as JSON. Raises DataError for what is no link."""
    from nmt.analysis.alignment import alignment_error_rate
    from nmt.text.links import parse_gold

    lines = read_parallel(systems)
    golds = read_gold(gold, len(lines[0]), base)
    warn_about_gold(gold, golds, (any(map(str.strip, of_pair)) for of_pair in zip(*lines, strict=True)))
    scores = {}
    for path, system in zip(systems, lines, strict=True):
        found = [parse_gold(line, f"{path}, line {number:,}").possible for number, line in enumerate(system, 1)]
        scores[path] = alignment_error_rate(found, golds)
    if style == "json":
        rows = [{"name": name, **score._asdict()} for name, score in scores.items()]
        click.echo(json.dumps({"gold": gold, "lines": len(golds), "systems": rows}, ensure_ascii=False, indent=2))
    else:
        click.echo(tabulate_links(scores))


def tabulate_links(scores: "Mapping[str, AlignmentScore]") -> str:
    """Error rates and their kin in percent, a row for each name."""
    rows = [[name, *(f"{100 * value:.1f}" for value in score)] for name, score in scores.items()]
    return tabulate([["percent", "AER", "precision", "recall", "F1"], *rows])


def read_gold(
    path: str, pairs: int, base: int | None, words: Sequence[tuple[int, int]] | None = None
) -> "list[GoldLinks]":
    """Gold links: one line a pair in Pharaoh format, or one line a link in that of NAACL 2003, told by the first line.

    `words` are how many a pair has on each side.

    Raises DataError for another number of lines, for what is no link, and for words that a sentence does not have.
    """
    from nmt.analysis.alignment import NAACL, parse_naacl
    from nmt.text.corpus import read_lines
    from nmt.text.links import check_link_bounds, line_count_error, parse_gold

    lines = list(read_lines(path))
    is_naacl = NAACL.fullmatch(next(filter(str.strip, lines), "")) is not None
    base = int(is_naacl) if base is None else base
    if not is_naacl and len(lines) != pairs:
        raise line_count_error(path, len(lines), pairs)
    if is_naacl:
        places = [f"{path}, sentence {number:,}" for number in range(1, pairs + 1)]
        golds = parse_naacl(lines, pairs, path, base)
    else:
        places = [f"{path}, line {number:,}" for number in range(1, len(lines) + 1)]
        golds = [parse_gold(line, place, base) for line, place in zip(lines, places, strict=True)]
    hint = f"--gold-base {1 - base} counts from {1 - base}"
    for place, gold, counts in zip(places, golds, words or repeat(None, pairs), strict=True):
        check_link_bounds(gold, counts, place, hint, base)
    return golds


def warn_about_gold(path: str, golds: "Sequence[GoldLinks]", is_linked: Iterable[bool]) -> None:
    """Say on stderr what makes scores mean less than they seem to; `is_linked` says where links are to be expected."""
    places = [number for number, (gold, there) in enumerate(zip(golds, is_linked, strict=True), 1) if there]
    bare = [number for number in places if not golds[number - 1].possible]
    if bare:
        click.echo(
            f"nmt: {path} has no link for {len(bare):,} of {len(golds):,} pairs, the first being {bare[0]:,}: "
            "whatever is linked there counts as wrong",
            err=True,
        )
    if not any(gold.sure for gold in golds):
        click.echo(f"nmt: {path} has no sure link: recall says nothing", err=True)


def check_scoring(metrics: Sequence[str], tokenize: str, lowercase: bool, significance: bool, systems: int) -> None:
    """Raise before any work is done what scoring would raise after it."""
    from nmt.analysis.metrics import make_metrics

    make_metrics(metrics, tokenize, lowercase)
    if significance and systems == 1:
        raise UsageError("--significance compares with the first of several systems, and there is only one")


def read_parallel(paths: Sequence[str]) -> list[list[str]]:
    """The lines of files that belong together line by line, `-` being stdin.

    Raises DataError for files of unequal length, which sacreBLEU would cut silently, and for empty ones.
    """
    from nmt.text.corpus import CountedLines

    if paths.count("-") > 1:
        raise UsageError('standard input can be read only once, and "-" is named more often')
    sides = [CountedLines(Path(path)) for path in paths]
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
    from nmt.analysis.metrics import compare_systems, score_corpus

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
    return [score.label or '""', *(f"{figure:.1f}" for figure in figures), f"{score.lines:,}"]


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
