"""Scores as the tables and JSON that commands print."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.analysis.alignment import AlignmentScore
    from nmt.analysis.metrics import LabelScore, MetricScore

LABEL_COLUMNS = ["precision", "recall", "F1", "lines"]


def tabulate_links(scores: "Mapping[str, AlignmentScore]") -> str:
    """A table of alignment error rate, precision, recall and F1 in percent, with a row for each name."""
    rows = [[name, *(f"{100 * value:.1f}" for value in score)] for name, score in scores.items()]
    return tabulate([["percent", "AER", "precision", "recall", "F1"], *rows])


def build_headings(row: "list[MetricScore]") -> list[str]:
    """The columns of `format_cells`."""
    return [name for score in row for name in ([score.name] if score.confidence is None else [score.name, "p"])]


def format_cells(row: "list[MetricScore]") -> list[str]:
    """`33.2`, or `33.2 ± 1.1` and the p-value where systems were compared."""
    words = []
    for score in row:
        if score.confidence is None:
            words.append(f"{score.score:.1f}")
        else:
            p_value = "" if score.p_value is None else f"{score.p_value:.3f}"
            words += [f"{score.score:.1f} ± {score.confidence:.1f}", p_value]
    return words


def explain_scores(row: "list[MetricScore]", baseline: str) -> str:
    """The text below a table: the signature of each metric, and the meaning of ± and p."""
    lines = ["", *(f"{score.name}|{score.signature}" for score in row)]
    if row[0].confidence is not None:
        lines.append(f"±: half the interval with 95% of the samples; p: p-value against {baseline}")
    return "\n".join(lines)


def format_label_cells(score: "LabelScore") -> list[str]:
    """A row of the table of labels."""
    figures = score.precision, score.recall, score.f1
    return [score.label or '""', *(f"{figure:.1f}" for figure in figures), f"{score.lines:,}"]


def to_json(row: "list[MetricScore]") -> list[dict[str, Any]]:
    return [{key: value for key, value in asdict(score).items() if value is not None} for score in row]


def tabulate(rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column is aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            word.rjust(width) if number else word.ljust(width)
            for number, (word, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
