"""Kinds of attention side by side, each trained with the same budget.

    python tools/experiments/compare_attentions.py \\
        --data DIR --source FILE --reference FILE --out DIR [--kinds bahdanau local-p …]
                                [--seeds 1 2 3] [--epochs N | --minutes M] [--recipe multi30k] [--sample-epochs 10]
                                [--set SECTION.KEY=VALUE …]

For each kind and seed: `nmt train` on --data, then BLEU on --source and --reference, and the entropy of the attention
that links them, in bits a target word. AER is that of a small run of the same kind on the sample corpus, which has gold
links, by the recipe `sample`; `--sample-epochs 0` leaves it out. What is measured is kept under --out, so that the same
command goes on after a break and takes in further kinds and seeds. Prints a Markdown table, with medians where there
are several seeds, and writes `compared.json` with a row for each kind and seed.

Rates are of this machine, with whatever else it was doing: compare them within one undisturbed run only.
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

import compare_alignments
from attention_kinds import KINDS
from compare_alignments import EXACT, nmt

from nmt.files import write_atomically

VOCABULARY = 800  # pieces a side of the sample corpus
COLUMNS = {
    "parameters": ("parameters", ",.0f"),
    "tokens_per_second": ("target tokens/s", ",.0f"),
    "bleu": ("BLEU", ".1f"),
    "entropy": ("entropy, bits", ".2f"),
    "aer": ("AER on the sample corpus, %", ".1f"),
}


def train(run: Path, data: Path, words: Sequence[object], epochs: int | None, minutes: float | None) -> None:
    """A run that has had its epochs or minutes, gone on with where it is there already. `words` are for a new one."""
    limits: list[object] = ["--max-epochs", epochs] if epochs is not None else []
    if not (run / "last").exists():
        if run.exists():
            shutil.rmtree(run)  # stopped before there was anything to go on from
    else:
        words = ["--resume"]
        if minutes is not None:
            minutes -= log_of(run)[-1]["seconds"] / 60
            if minutes <= 0:
                return
    if minutes is not None:
        limits += ["--max-minutes", minutes]
    nmt("train", "--data", data, "--out", run, *words, *limits)


def log_of(run: Path) -> list[dict[str, Any]]:
    """The records of a run's log."""
    return [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]


def measure(kind: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures of a kind with a seed."""
    out, name = arguments.out, f"{kind.replace(' ', '-')}-{seed}"
    run, small, prepared = out / "runs" / name, out / "sample-runs" / name, out / "sample"
    own = [word for setting in KINDS[kind] for word in ("--set", setting)]
    more = [word for setting in arguments.settings for word in ("--set", setting)]
    recipe = ["--recipe", arguments.recipe] if arguments.recipe else []
    train(run, arguments.data, [*recipe, *own, *more, "--seed", seed], arguments.epochs, arguments.minutes)
    rates = [record["tokens_per_second"] for record in log_of(run) if record["kind"] == "train"]
    (parameters,) = re.findall(r"parameters +([0-9,]+)", nmt("inspect", run))
    texts = ["--source", arguments.source, "--reference", arguments.reference, *EXACT]
    (row,) = json.loads(nmt("evaluate", "--model", run, *texts, "--metrics", "bleu", "--format", "json"))["systems"]
    figures = {
        "kind": kind,
        "seed": seed,
        "settings": KINDS[kind],
        "parameters": int(parameters.replace(",", "")),
        "tokens_per_second": statistics.median(rates),
        "bleu": row["scores"][0]["score"],
        "entropy": None,
        "aer": None,
    }
    if kind == "none":
        return figures
    table = out / "runs" / f"{name}.tsv"
    texts = ["--source", arguments.source, "--target", arguments.reference, *EXACT]
    nmt("align", "--model", run, *texts, "--table", table)
    with table.open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    words = [len(pair["target"].split()) for pair in pairs]
    bits = sum(float(pair["entropy"]) * count for pair, count in zip(pairs, words, strict=True))
    figures["entropy"] = bits / sum(words)
    if not arguments.sample_epochs:
        return figures

    sample = compare_alignments.SAMPLE
    if not prepared.exists():
        splits = [word for split in ("train", "valid") for word in (f"--{split}", sample / split)]
        nmt(
            "prepare",
            "--source-lang",
            "en",
            "--target-lang",
            "de",
            *splits,
            "--vocab-size",
            VOCABULARY,
            "--out",
            prepared,
        )
    train(small, prepared, ["--recipe", "sample", *own, "--seed", seed], arguments.sample_epochs, None)
    texts = ["--source", sample / "test.en", "--target", sample / "test.de", "--gold", sample / "test.align"]
    aligned = json.loads(nmt("align", "--model", small, *texts, *EXACT, "--format", "json"))
    figures["aer"] = 100 * aligned["scores"]["forward"]["aer"]
    return figures


def table_of(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each kind: medians over its seeds, of BLEU with the lowest and highest."""
    lines = [f"| attention | {' | '.join(title for title, _ in COLUMNS.values())} |", "|---" * (len(COLUMNS) + 1) + "|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        mine = [row for row in rows if row["kind"] == kind]
        cells = []
        for column, (_, style) in COLUMNS.items():
            figures = [row[column] for row in mine if row[column] is not None]
            cell = format(statistics.median(figures), style) if figures else "–"
            if column == "bleu" and len(figures) > 1:
                cell += f" ({min(figures):{style}}–{max(figures):{style}})"
            cells.append(cell)
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="prepared folder")
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), metavar="KIND", default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--recipe", help="of nmt train, for --data")
    parser.add_argument("--sample-epochs", type=int, default=10)
    parser.add_argument("--set", nargs="+", default=[], dest="settings")
    arguments = parser.parse_args()
    if arguments.epochs is None and arguments.minutes is None:
        parser.error("say how long to train: --epochs or --minutes")
    if arguments.epochs == 0:  # which nmt train takes for no limit
        parser.error("--epochs is at least 1")
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
    print(table_of(rows))


if __name__ == "__main__":
    main()
