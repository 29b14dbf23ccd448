"""Plot the validation BLEU of runs against minutes of training, with figures of other programs beside them.

    python tools/benchmarks/time_to_quality.py RUN [RUN …] --out quality.png
                                               [--other "NAME: MINUTES BLEU, MINUTES BLEU, …"]

The minutes of a run come from its log and include training and validation.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from nmt.analysis.plots import open_figure, style_axes

Curve = tuple[str, list[tuple[float, float]]]  # a name, and minutes with their BLEU


def read_run(run: Path) -> Curve:
    """Minutes and greedy BLEU at each validation of a run."""
    records = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return run.name, [(record["seconds"] / 60, record["bleu"]) for record in records if record["kind"] == "valid"]


def parse_curve(text: str) -> Curve:
    """A curve from the command line. Raises ArgumentTypeError."""
    name, _, figures = text.rpartition(":")
    try:
        points = [(float(minutes), float(bleu)) for minutes, bleu in (pair.split() for pair in figures.split(","))]
    except ValueError:
        points = []
    if not name or not points:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME: MINUTES BLEU, MINUTES BLEU, …")
    return name.strip(), points


def save_plot(path: Path, runs: Sequence[Curve], others: Sequence[Curve]) -> None:
    """Draw the runs with solid lines, the others with dashed lines."""
    with open_figure(path, (7.2, 4.2)) as figure:
        axes = figure.add_subplot()
        style_axes(axes, "BLEU on the validation set, greedy")
        for curves, line in ((runs, "o-"), (others, "s--")):
            for name, points in curves:
                axes.plot(*zip(*points, strict=True), line, markersize=4, label=name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes", fontsize=9)
        axes.legend(frameon=False, fontsize=9, loc="lower right")


def main() -> None:
    """Draw all curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
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
    save_plot(arguments.out, [read_run(run) for run in arguments.runs], arguments.other)


if __name__ == "__main__":
    main()
