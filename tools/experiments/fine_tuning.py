"""What fine-tuning on a few pairs of another domain gives there, and what it costs on the general text.

    python tools/experiments/fine_tuning.py --model RUN --data DIR --domain PREFIX --general PREFIX --out DIR
        --source-lang LANG --target-lang LANG [--rates 1e-4 3e-4 1e-3] [--epochs 5 20] [--seed N]

RUN is the general run, and --data the pairs of the domain, prepared with `nmt prepare --subwords-from RUN`. Each
learning rate and number of epochs is a training of its own with `nmt train --from RUN`, at a constant rate; its
validation chooses the checkpoint. PREFIX names two files of test pairs. Prints a Markdown table: BLEU on both texts,
the differences from RUN, and minutes of training with validation. Runs that exist under --out are used again.
"""

import argparse
import json
from itertools import product
from pathlib import Path

from commands import EXACT, run_nmt, set_options


def tune(general: Path, data: Path, out: Path, rate: float, epochs: int, seed: int) -> Path:
    """Train from the general run, where that has not been done. -> the run"""
    run = out / f"{rate:g}-{epochs}-{seed}"
    if not (run / "best").exists():
        options = set_options([f"train.learning_rate={rate}", "train.schedule=constant", "train.warmup=0"])
        limits = ["--max-epochs", epochs, "--seed", seed]
        run_nmt("train", "--data", data, "--out", run, "--from", general, *options, *limits)
    return run


def measure(run: Path, prefixes: list[str], languages: tuple[str, str]) -> list[float]:
    """BLEU of a run on each text."""
    scores = []
    for prefix in prefixes:
        source, reference = (f"{prefix}.{language}" for language in languages)
        words = ["--source", source, "--reference", reference, "--metrics", "bleu", *EXACT, "--format", "json"]
        (row,) = json.loads(run_nmt("evaluate", "--model", run, *words))["systems"]
        scores.append(float(row["scores"][0]["score"]))
    return scores


def read_minutes(run: Path) -> float:
    """Minutes of training, with validation."""
    return float(json.loads((run / "log.jsonl").read_text("utf-8").splitlines()[-1])["seconds"]) / 60


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="RUN", help="general run to start from")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared pairs of the domain")
    parser.add_argument("--domain", required=True, metavar="PREFIX", help="test pairs of the domain")
    parser.add_argument("--general", required=True, metavar="PREFIX", help="general test pairs")
    parser.add_argument("--source-lang", required=True, metavar="LANG", help="ending of the source files")
    parser.add_argument("--target-lang", required=True, metavar="LANG", help="ending of the target files")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the runs")
    parser.add_argument("--rates", nargs="+", type=float, default=[1e-4, 3e-4, 1e-3], help="(default: 1e-4 3e-4 1e-3)")
    parser.add_argument("--epochs", nargs="+", type=int, default=[5, 20], help="(default: 5 20)")
    parser.add_argument("--seed", type=int, default=1, help="random seed of nmt train (default: 1)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    texts = [arguments.domain, arguments.general], (arguments.source_lang, arguments.target_lang)
    before = measure(arguments.model, *texts)
    print("| learning rate | epochs | BLEU, domain | gain | BLEU, general | loss | minutes |")
    print("|---|---|---|---|---|---|---|")
    print(f"| the general run | | {before[0]:.1f} | | {before[1]:.1f} | | |", flush=True)
    for rate, epochs in product(arguments.rates, arguments.epochs):
        run = tune(arguments.model, arguments.data, arguments.out, rate, epochs, arguments.seed)
        domain, general = measure(run, *texts)
        gain, loss = domain - before[0], before[1] - general
        figures = f"{domain:.1f} | {gain:+.1f} | {general:.1f} | {loss:.1f} | {read_minutes(run):.1f}"
        print(f"| {rate:g} | {epochs} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
