"""How good runs were on their validation set after so many minutes, in one plot with figures of other programs.

    python tools/benchmarks/time_to_quality.py \\
        RUN [RUN …] --out quality.png [--other "NAME: MINUTES BLEU, MINUTES BLEU, …"]

Minutes of a run are those of its log, training and validation together.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from nmt.analysis.plots import drawing, style

Curve = tuple[str, list[tuple[float, float]]]


def of_run(run: Path) -> Curve:
    """Minutes and greedy BLEU at each validation of a run."""
    records = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    return run.name, [(each["seconds"] / 60, each["bleu"]) for each in records if each["kind"] == "valid"]


def figures(words: str) -> Curve:
    """A name and its figures as they stand on the command line. Raises ValueError where they do not read so."""
    name, _, said = words.rpartition(":")
    pairs = [tuple(map(float, pair.split())) for pair in said.split(",")]
    if not name or any(len(pair) != 2 for pair in pairs):
        raise ValueError(words)
    return name.strip(), [(minutes, bleu) for minutes, bleu in pairs]


def save_plot(path: Path, ours: Sequence[Curve], others: Sequence[Curve]) -> None:
    """Ours with full lines, the others' dashed."""
    with drawing(path, (7.2, 4.2)) as figure:
        axes = figure.add_subplot()
        style(axes, "BLEU on the validation set, greedy")
        for curves, look in ((ours, "o-"), (others, "s--")):
            for name, points in curves:
                axes.plot(*zip(*points, strict=True), look, markersize=4, label=name)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes", fontsize=9)
        axes.legend(frameon=False, fontsize=9, loc="lower right")


def main() -> None:
    """Draw all that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--other", type=figures, action="append", default=[], metavar="FIGURES")
    arguments = parser.parse_args()
    save_plot(arguments.out, [of_run(run) for run in arguments.runs], arguments.other)


if __name__ == "__main__":
    main()
