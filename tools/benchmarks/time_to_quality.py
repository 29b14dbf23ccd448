"""Plot the validation BLEU of trainings against minutes, those of other programs beside those of nmt.

    python tools/benchmarks/time_to_quality.py [NAME=]LOG [[NAME=]LOG …] --out quality.png
                                               [--other "NAME: MINUTES BLEU, MINUTES BLEU, …"]

LOG is a run folder of nmt or its log.jsonl, or a log of OpenNMT-py that was trained with `valid_metrics: [BLEU]`. The
minutes come from the log and include training and validation.
"""

import argparse
import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from nmt.analysis.plots import open_figure, style_axes

PEER_LINE = re.compile(r"\[(\S+ \S+),\d+ \w+\] (.*)")  # of OpenNMT-py's log: time, level and text
PEER_START, PEER_BLEU = "Start training loop", "validation BLEU: "


class Curve(NamedTuple):
    """Minutes with their BLEU."""

    name: str
    points: list[tuple[float, float]]
    is_ours: bool = False


def read_curve(text: str) -> Curve:
    """The validations of `[NAME=]LOG`. The name is by default that of the folder or file. Raises ArgumentTypeError."""
    name, _, place = text.rpartition("=")
    path = Path(place)
    try:
        lines = (path / "log.jsonl" if path.is_dir() else path).read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{path} cannot be read: {error}") from error
    is_ours = bool(lines) and lines[0].startswith("{")
    points = read_own_log(lines) if is_ours else read_peer_log(lines)
    if not points:
        raise argparse.ArgumentTypeError(f"{path} has no BLEU of a validation set")
    own_name = path.parent.name if path.name == "log.jsonl" else path.stem
    return Curve(name or own_name, points, is_ours)


def read_own_log(lines: Sequence[str]) -> list[tuple[float, float]]:
    """Minutes and greedy BLEU at each validation of a run."""
    records = map(json.loads, lines)
    return [(record["seconds"] / 60, record["bleu"]) for record in records if record["kind"] == "valid"]


def read_peer_log(lines: Sequence[str]) -> list[tuple[float, float]]:
    """Minutes since its training began and BLEU at each validation of OpenNMT-py."""
    points: list[tuple[float, float]] = []
    start = None
    for found in filter(None, map(PEER_LINE.search, lines)):
        time, text = datetime.fromisoformat(found[1]), found[2]
        if text.startswith(PEER_START):
            start, points = time, []
        elif text.startswith(PEER_BLEU) and start:
            points.append(((time - start).total_seconds() / 60, float(text.removeprefix(PEER_BLEU))))
    return points


def parse_curve(text: str) -> Curve:
    """A curve from the command line. Raises ArgumentTypeError."""
    name, _, figures = text.rpartition(":")
    try:
        points = [(float(minutes), float(bleu)) for minutes, bleu in (pair.split() for pair in figures.split(","))]
    except ValueError:
        points = []
    if not name or not points:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME: MINUTES BLEU, MINUTES BLEU, …")
    return Curve(name.strip(), points)


def save_plot(path: Path, curves: Sequence[Curve]) -> None:
    """Draw runs of nmt with solid lines, others with dashed lines."""
    with open_figure(path, (7.2, 4.2)) as figure:
        axes = figure.add_subplot()
        style_axes(axes, "BLEU on the validation set, greedy")
        for name, points, is_ours in curves:
            axes.plot(*zip(*points, strict=True), "o-" if is_ours else "s--", markersize=4, label=name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes", fontsize=9)
        axes.legend(frameon=False, fontsize=9, loc="lower right")


def main() -> None:
    """Draw all curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", nargs="+", type=read_curve, metavar="[NAME=]LOG", help="run folders, or logs")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="picture to write: .png, .svg or .pdf")
    parser.add_argument(
        "--other",
        type=parse_curve,
        action="append",
        default=[],
        metavar="FIGURES",
        help='"NAME: MINUTES BLEU, MINUTES BLEU, …"; may be given several times',
    )
    arguments = parser.parse_args()
    save_plot(arguments.out, [*arguments.logs, *arguments.other])


if __name__ == "__main__":
    main()
