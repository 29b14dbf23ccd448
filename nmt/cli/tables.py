"""Scores as the tables and JSON that commands print."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.analysis.alignment import AlignmentScore
    from nmt.analysis.label_metrics import LabelScore
    from nmt.analysis.metrics import MetricScore

COLUMNS = 100  # of text that commands print
LABEL_COLUMNS = ["precision", "recall", "F1", "lines"]


def tabulate_links(scores: "Mapping[str, AlignmentScore]") -> str:
    """A table of alignment error rate, precision, recall and F1 in percent, with a row for each name."""
    rows = [[name, *(f"{100 * value:.1f}" for value in score)] for name, score in scores.items()]
    return tabulate([["percent", "AER", "precision", "recall", "F1"], *rows])


def build_columns(rows: "Sequence[list[MetricScore]]", width: int = 1) -> list[list[str]]:
    """The headings of a table of systems, and the cells of each: `33.2`, or `33.2 ± 1.1` where samples were drawn.

    A metric has a second column, for p-values, where systems were compared.
    """
    has_p_values = any(score.p_value is not None for row in rows for score in row)
    headings = [name for score in rows[0] for name in ([score.name, "p"] if has_p_values else [score.name])]
    table = [headings]
    for row in rows:
        cells = []
        for score in row:
            interval = "" if score.confidence is None else f" ± {score.confidence:.{width}f}"
            cells.append(f"{score.score:.{width}f}{interval}")
            if has_p_values:
                cells.append("" if score.p_value is None else format_p_value(score.p_value, width))
        table.append(cells)
    return table


def format_p_value(value: float, width: int) -> str:
    """`0.0312`, with four decimals as by sacreBLEU or with `width` if that is more; `<0.0001` for what would be 0."""
    decimals = max(4, width)
    figure = f"{value:.{decimals}f}"
    return figure if float(figure) else f"<{10**-decimals:.{decimals}f}"


def explain_scores(rows: "Sequence[list[MetricScore]]", baseline: str) -> str:
    """The text below a table: the signature of each metric, and the meaning of ± and p."""
    meanings = []
    if rows[0][0].confidence is not None:
        meanings.append("±: half the interval with 95% of the samples")
    if any(row[0].p_value is not None for row in rows):
        meanings.append(f"p: p-value against {baseline}")
    lines = ["", *(f"{score.name}|{score.signature}" for score in rows[0])]
    return "\n".join([*lines, "; ".join(meanings)] if meanings else lines)


def format_label_cells(score: "LabelScore") -> list[str]:
    """A row of the table of labels."""
    figures = score.precision, score.recall, score.f1
    return [score.label or '""', *(f"{figure:.1f}" for figure in figures), f"{score.lines:,}"]


def to_json(row: "Sequence[MetricScore]") -> list[dict[str, Any]]:
    """Scores as JSON objects, without what is not set."""
    facts = [asdict(replace(score, sentences=None)) for score in row]
    for one, score in zip(facts, row, strict=True):
        one["sentences"] = score.sentences and to_json(score.sentences)
    return [{key: value for key, value in one.items() if value is not None} for one in facts]


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
