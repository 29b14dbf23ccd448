"""Alignment error of every attention on the sample corpus, which has gold links.

    python tools/experiments/compare_alignments.py \\
        --out DIR [--attention bahdanau luong-dot …] [--seeds 1 2] [--set SECTION.KEY=VALUE …]

Trains each attention in both directions with the recipe `sample`, aligns the test set by forced decoding, and prints
a Markdown table: AER of each direction and of their combinations, and BLEU of the forward run. A median stands where
there are several seeds. Runs that are there already are used again. The gold links of the training pairs are there to
guide attention: `--set train.guided_weight=1`.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
ATTENTIONS = ["bahdanau", "luong-dot", "luong-general", "luong-concat"]
DIRECTIONS = [("en", "de"), ("de", "en")]
EXACT = ["--precision", "float32"]  # so that figures do not depend on the machine


def nmt(*words: object) -> str:
    """Run one command of ours and return what it prints."""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def train(out: Path, attention: str, seed: int, settings: list[str]) -> list[Path]:
    """The runs of both directions."""
    runs = []
    for source, target in DIRECTIONS:
        prepared, run = out / f"{source}-{target}", out / f"{attention}-{source}-{target}-{seed}"
        if not prepared.exists():
            splits = [word for split in ("train", "valid") for word in (f"--{split}", SAMPLE / split)]
            splits += ["--train-alignments", links_of(source, out)]
            languages = ["--source-lang", source, "--target-lang", target]
            nmt("prepare", *languages, *splits, "--vocab-size", 800, "--out", prepared)
        if not run.exists():
            words = [word for setting in (f"model.attention={attention}", *settings) for word in ("--set", setting)]
            nmt("train", "--data", prepared, "--out", run, "--recipe", "sample", "--seed", seed, *words)
        runs.append(run)
    return runs


def links_of(source: str, out: Path) -> Path:
    """The links of the training pairs, for that source side; those of the corpus are en-de."""
    links = SAMPLE / "train.align"
    if source == "en":
        return links
    turned = out / f"train.{source}.align"
    turned.write_text(re.sub(r"(\d+)([-sp?])(\d+)", r"\3\2\1", links.read_text("utf-8")), "utf-8")
    return turned


def measure(forward: Path, reverse: Path, threshold: list[str]) -> dict[str, float]:
    """Percentages by name."""
    texts = ["--source", SAMPLE / "test.en", "--target", SAMPLE / "test.de", "--gold", SAMPLE / "test.align"]
    runs = ["--model", forward, "--reverse", reverse]
    aligned = json.loads(nmt("align", *runs, *texts, *threshold, *EXACT, "--format", "json"))
    figures = {name: 100 * score["aer"] for name, score in aligned["scores"].items()}
    translated = ["--source", SAMPLE / "test.en", "--reference", SAMPLE / "test.de", "--metrics", "bleu"]
    (row,) = json.loads(nmt("evaluate", "--model", forward, *translated, *EXACT, "--format", "json"))["systems"]
    return figures | {"BLEU": row["scores"][0]["score"]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--attention", nargs="+", default=ATTENTIONS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--set", nargs="+", default=[], dest="settings")
    parser.add_argument("--threshold", type=float, help="of links, as `nmt align` takes it")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    threshold = [] if arguments.threshold is None else ["--threshold", str(arguments.threshold)]
    for place, attention in enumerate(arguments.attention):
        found: dict[str, list[float]] = defaultdict(list)
        for seed in arguments.seeds:
            runs = train(arguments.out, attention, seed, arguments.settings)
            for name, figure in measure(*runs, threshold).items():
                found[name].append(figure)
        if place == 0:
            print("| attention |", " | ".join(found), "|")
            print("|---" * (len(found) + 1) + "|")
        figures = [f"{statistics.median(values):.1f}" for values in found.values()]
        print(f"| {attention} |", " | ".join(figures), "|", flush=True)


if __name__ == "__main__":
    main()
