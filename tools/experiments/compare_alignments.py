"""Alignment error rate of each attention on the sample corpus, which has gold links.

    python tools/experiments/compare_alignments.py --out DIR [--attention bahdanau luong-dot …] [--seeds 1 2]
                                                   [--set SECTION.KEY=VALUE …] [--threshold 0.3]

Trains each attention in both directions with the recipe `sample`, aligns the test set by forced decoding, and prints a
Markdown table: the alignment error rate (AER) of each direction and of their combinations, and BLEU of the forward run.
With several seeds, figures are medians. Runs that exist under --out are used again. The gold links of the training
pairs are prepared too, so that `--set train.guided_weight=1` trains with guided attention.
"""

import argparse
import json
import re
import statistics
from collections import defaultdict
from pathlib import Path

from commands import EXACT, VOCABULARY, find_sample, run_nmt, set_options, split_options

ATTENTIONS = ["bahdanau", "luong-dot", "luong-general", "luong-concat"]
DIRECTIONS = [("en", "de"), ("de", "en")]


def train(out: Path, attention: str, seed: int, settings: list[str]) -> list[Path]:
    """Prepare and train both directions, where that has not been done. -> the two runs"""
    runs = []
    for source, target in DIRECTIONS:
        prepared, run = out / f"{source}-{target}", out / f"{attention}-{source}-{target}-{seed}"
        if not prepared.exists():
            texts = [*split_options(), "--train-alignments", find_links(source, out)]
            languages = ["--source-lang", source, "--target-lang", target]
            run_nmt("prepare", *languages, *texts, "--vocab-size", VOCABULARY, "--out", prepared)
        if not run.exists():
            options = set_options([f"model.attention={attention}", *settings])
            run_nmt("train", "--data", prepared, "--out", run, "--recipe", "sample", "--seed", seed, *options)
        runs.append(run)
    return runs


def find_links(source: str, out: Path) -> Path:
    """The links of the training pairs for a source language. Those of the corpus are en-de; others are turned round."""
    links = find_sample("train.align")
    if source == "en":
        return links
    reversed_links = out / f"train.{source}.align"
    reversed_links.write_text(re.sub(r"(\d+)([-sp?])(\d+)", r"\3\2\1", links.read_text("utf-8")), "utf-8")
    return reversed_links


def measure(forward: Path, reverse: Path, threshold: list[str]) -> dict[str, float]:
    """AER of each direction and combination, and BLEU, in percent."""
    texts = [
        "--source",
        find_sample("test.en"),
        "--target",
        find_sample("test.de"),
        "--gold",
        find_sample("test.align"),
    ]
    runs = ["--model", forward, "--reverse", reverse]
    aligned = json.loads(run_nmt("align", *runs, *texts, *threshold, *EXACT, "--format", "json"))
    figures = {name: 100 * score["aer"] for name, score in aligned["scores"].items()}
    texts = ["--source", find_sample("test.en"), "--reference", find_sample("test.de"), "--metrics", "bleu"]
    (row,) = json.loads(run_nmt("evaluate", "--model", forward, *texts, *EXACT, "--format", "json"))["systems"]
    return figures | {"BLEU": row["scores"][0]["score"]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder for what is prepared and trained"
    )
    parser.add_argument("--attention", nargs="+", default=ATTENTIONS, help=f"(default: {' '.join(ATTENTIONS)})")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="random seeds of nmt train (default: 1)")
    parser.add_argument(
        "--set", nargs="+", default=[], dest="settings", metavar="SECTION.KEY=VALUE", help="settings of nmt train"
    )
    parser.add_argument("--threshold", type=float, help="link threshold of nmt align")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    threshold = [] if arguments.threshold is None else ["--threshold", str(arguments.threshold)]
    for number, attention in enumerate(arguments.attention):
        by_name: dict[str, list[float]] = defaultdict(list)
        for seed in arguments.seeds:
            runs = train(arguments.out, attention, seed, arguments.settings)
            for name, figure in measure(*runs, threshold).items():
                by_name[name].append(figure)
        if number == 0:
            print("| attention |", " | ".join(by_name), "|")
            print("|---" * (len(by_name) + 1) + "|")
        figures = [f"{statistics.median(values):.1f}" for values in by_name.values()]
        print(f"| {attention} |", " | ".join(figures), "|", flush=True)


if __name__ == "__main__":
    main()
