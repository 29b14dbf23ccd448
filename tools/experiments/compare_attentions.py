"""Kinds of attention compared with each other, each trained with the same budget.

    python tools/experiments/compare_attentions.py --data DIR --source FILE --reference FILE --out DIR
        [--kinds bahdanau local-p …] [--seeds 1 2 3] [--epochs N | --minutes M] [--recipe multi30k]
        [--sample-epochs 10] [--set SECTION.KEY=VALUE …]

For each kind and seed: train on --data, then measure BLEU on --source and --reference, and the entropy of the attention
between them, in bits a target word. The alignment error rate (AER) is that of a small run of the same kind on the
sample corpus, which has gold links, with the recipe `sample`; `--sample-epochs 0` leaves it out. Figures are kept under
--out, so that the same command continues after an interruption and adds further kinds and seeds. Prints a Markdown
table, with medians where there are several seeds, and writes `compared.json` with a row for each kind and seed.

Training rates depend on the machine and on what else it is doing: compare them within one undisturbed run only.
"""

import argparse
import csv
import json
import re
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_kinds import KINDS
from commands import EXACT, VOCABULARY, find_sample, run_nmt, set_options, split_options

from nmt.files import write_atomically

COLUMNS = {
    "parameters": ("parameters", ",.0f"),
    "tokens_per_second": ("target tokens/s", ",.0f"),
    "bleu": ("BLEU", ".1f"),
    "entropy": ("entropy, bits", ".2f"),
    "aer": ("AER on the sample corpus, %", ".1f"),
}


def train(run: Path, data: Path, options: Sequence[object], epochs: int | None, minutes: float | None) -> None:
    """Train a run for its epochs or minutes, or resume it for the rest of them. `options` are those of a new run."""
    limits: list[object] = ["--max-epochs", epochs] if epochs is not None else []
    if not (run / "last").exists():
        if run.exists():
            shutil.rmtree(run)  # it was stopped before its first checkpoint
    else:
        options = ["--resume"]
        if minutes is not None:
            minutes -= read_log(run)[-1]["seconds"] / 60
            if minutes <= 0:
                return
    if minutes is not None:
        limits += ["--max-minutes", minutes]
    run_nmt("train", "--data", data, "--out", run, *options, *limits)


def read_log(run: Path) -> list[dict[str, Any]]:
    """The records of a run's log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]


def measure(kind: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of a kind with a seed."""
    out, name = arguments.out, f"{kind.replace(' ', '-')}-{seed}"
    run = out / "runs" / name
    recipe = ["--recipe", arguments.recipe] if arguments.recipe else []
    options = [*recipe, *set_options([*KINDS[kind], *arguments.settings]), "--seed", seed]
    train(run, arguments.data, options, arguments.epochs, arguments.minutes)
    rates = [record["tokens_per_second"] for record in read_log(run) if record["kind"] == "train"]
    (parameters,) = re.findall(r"parameters +([0-9,]+)", run_nmt("inspect", run))
    texts = ["--source", arguments.source, "--reference", arguments.reference, *EXACT]
    (row,) = json.loads(run_nmt("evaluate", "--model", run, *texts, "--metrics", "bleu", "--format", "json"))["systems"]
    has_attention = kind != "none"
    return {
        "kind": kind,
        "seed": seed,
        "settings": KINDS[kind],
        "parameters": int(parameters.replace(",", "")),
        "tokens_per_second": statistics.median(rates),
        "bleu": row["scores"][0]["score"],
        "entropy": measure_entropy(run, arguments) if has_attention else None,
        "aer": measure_aer(kind, seed, arguments) if has_attention and arguments.sample_epochs else None,
    }


def measure_entropy(run: Path, arguments: argparse.Namespace) -> float:
    """Mean entropy of the attention of a run, in bits a target word."""
    table = run.with_name(f"{run.name}.tsv")
    texts = ["--source", arguments.source, "--target", arguments.reference, *EXACT]
    run_nmt("align", "--model", run, *texts, "--table", table)
    with table.open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    lengths = [len(pair["target"].split()) for pair in pairs]
    bits = sum(float(pair["entropy"]) * length for pair, length in zip(pairs, lengths, strict=True))
    return bits / sum(lengths)


def measure_aer(kind: str, seed: int, arguments: argparse.Namespace) -> float:
    """Alignment error rate, in percent, of a run of the same kind on the sample corpus."""
    prepared, run = arguments.out / "sample", arguments.out / "sample-runs" / f"{kind.replace(' ', '-')}-{seed}"
    if not prepared.exists():
        languages = ["--source-lang", "en", "--target-lang", "de"]
        run_nmt("prepare", *languages, *split_options(), "--vocab-size", VOCABULARY, "--out", prepared)
    options = ["--recipe", "sample", *set_options(KINDS[kind]), "--seed", seed]
    train(run, prepared, options, arguments.sample_epochs, None)
    texts = [
        "--source",
        find_sample("test.en"),
        "--target",
        find_sample("test.de"),
        "--gold",
        find_sample("test.align"),
    ]
    aligned = json.loads(run_nmt("align", "--model", run, *texts, *EXACT, "--format", "json"))
    return 100 * float(aligned["scores"]["forward"]["aer"])


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each kind: medians over its seeds, for BLEU with the lowest and the highest."""
    lines = [f"| attention | {' | '.join(title for title, _ in COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        seeds = [row for row in rows if row["kind"] == kind]
        cells = []
        for column, (_, style) in COLUMNS.items():
            figures = [row[column] for row in seeds if row[column] is not None]
            cell = format(statistics.median(figures), style) if figures else "–"
            if column == "bleu" and len(figures) > 1:
                cell += f" ({min(figures):{style}}–{max(figures):{style}})"
            cells.append(cell)
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared folder to train on")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="sentences to translate")
    parser.add_argument("--reference", type=Path, required=True, metavar="FILE", help="their reference translations")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for runs and figures")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=list(KINDS),
        metavar="KIND",
        default=list(KINDS),
        help=f"(default: all) {', '.join(KINDS)}",
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="random seeds of nmt train (default: 1)")
    parser.add_argument("--epochs", type=int, help="passes over --data for each run")
    parser.add_argument("--minutes", type=float, help="minutes of training for each run")
    parser.add_argument("--recipe", help="recipe of nmt train for --data")
    parser.add_argument(
        "--sample-epochs", type=int, default=10, help="passes over the sample corpus, for AER (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        dest="settings",
        metavar="SECTION.KEY=VALUE",
        help="settings of nmt train for --data",
    )
    arguments = parser.parse_args()
    if arguments.epochs is None and arguments.minutes is None:
        parser.error("give the length of training: --epochs or --minutes")
    if arguments.epochs == 0:  # which nmt train takes for no limit
        parser.error("--epochs must be at least 1")
    return arguments


def main() -> None:
    """Measure what is missing, and print the table."""
    arguments = parse_arguments()
    rows = []
    for seed in arguments.seeds:  # every kind once before any kind twice
        for kind in arguments.kinds:
            path = arguments.out / "figures" / f"{kind.replace(' ', '-')}-{seed}.json"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                print(f"{kind}, seed {seed}", file=sys.stderr)
                figures = measure(kind, seed, arguments)
                with write_atomically(path) as file:
                    json.dump(figures, file)
            rows.append(json.loads(path.read_text("utf-8")))
            with write_atomically(arguments.out / "compared.json") as file:
                json.dump({"rows": rows}, file, indent=2)
    print(format_table(rows))


if __name__ == "__main__":
    main()
