"""What each kind of attention contributes as sentences grow: copying, reversing and sorting random symbols.

    python tools/experiments/long_range.py --out DIR [--kinds bahdanau none …] [--tasks copy reverse sort] [--seeds 1 2]
        [--updates N | --minutes M] [--trained-to 200] [--lengths 10 25 50 …] [--set NAME=VALUE …]

A small model learns each task from random sentences of 1 to --trained-to symbols, all of one length in an update. Then
it translates sentences of each of --lengths greedily; these may be longer than any in training. Accuracy is the share
of symbols that are correct at their position; all kinds get the same sentences. Writes `long_range.json`, with a row
for each task, kind, seed and length, and `long_range.png`, and prints a Markdown table for each task. Figures are kept
under --out, so that the same command continues after an interruption and adds further kinds, tasks and seeds.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from attention_kinds import KINDS

from nmt.data.batches import Batch
from nmt.errors import NmtError, Option
from nmt.files import write_atomically
from nmt.ids import EOS
from nmt.model.seq2seq import Seq2Seq
from nmt.search.beam import beam_search
from nmt.settings import resolve_settings
from nmt.training.optim import compute_learning_rate
from nmt.training.update import Updater

# B sentences   S source and target positions

SMALL = ["model.embedding_size=64", "model.encoder_size=64", "model.decoder_size=128", "model.attention_size=128"]
SMALL += ["model.readout_size=128", "model.tie=none", "model.dropout=0.0", "train.label_smoothing=0.0"]
TASKS = {
    "copy": lambda ids_BS: ids_BS,
    "reverse": lambda ids_BS: ids_BS.flip(1),
    "sort": lambda ids_BS: ids_BS.sort(1)[0],
}


def draw(task: str, sentences: int, length: int, symbols: int, generator: torch.Generator) -> Batch:
    """Random sentences of one length, and their translations."""
    ids_BS = torch.randint(EOS + 1, EOS + 1 + symbols, (sentences, length), generator=generator)
    ends_BS = torch.full((sentences, 1), EOS)
    lengths_B, tokens = torch.full((sentences,), length + 1), sentences * (length + 1)
    source_BS, target_BS = (torch.cat((side_BS, ends_BS), 1) for side_BS in (ids_BS, TASKS[task](ids_BS)))
    return Batch(source_BS, lengths_B, target_BS, lengths_B, tokens, tokens)


def measure(task: str, kind: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one model. -> its accuracy at each length"""
    settings = resolve_settings(None, None, [*SMALL, *KINDS[kind], *arguments.settings])
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    vocabulary = EOS + 1 + arguments.symbols
    updater = Updater(
        Seq2Seq(settings.model, vocabulary, vocabulary),
        settings.train,
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    began, updates, recent = time.monotonic(), 0, [0.0]
    while updates < arguments.updates and time.monotonic() - began < 60 * arguments.minutes:
        updates += 1
        length = int(torch.randint(1, arguments.trained_to + 1, (), generator=generator))
        batch = draw(task, -(-settings.train.max_tokens // length), length, arguments.symbols, generator)
        figures = updater.update([batch], compute_learning_rate(settings.train, updates, 0, 0))
        recent = [*recent[-99:], float(figures.nll) / figures.tokens]
    updater.model.eval()
    accuracy = {length: measure_accuracy(updater.model, task, length, arguments) for length in arguments.lengths}
    facts = {"task": task, "kind": kind, "seed": seed, "updates": updates, "seconds": time.monotonic() - began}
    return {**facts, "loss": statistics.mean(recent), "accuracy": accuracy}


def measure_accuracy(model: Seq2Seq, task: str, length: int, arguments: argparse.Namespace) -> float:
    """The share of symbols that are correct at their position, in greedy translations of a length."""
    batch = draw(task, arguments.sentences, length, arguments.symbols, torch.Generator().manual_seed(length))
    options = {"beam": 1, "normalization": "none", "alpha": 0.0, "max_length_ratio": 1.0, "max_length_extra": 1}
    found = beam_search(model, batch.source_BS.numpy(), batch.source_lengths_B.numpy(), **options)
    references: list[list[int]] = batch.target_BT[:, :-1].tolist()
    correct = sum(
        symbol == expected
        for (best,), reference in zip(found, references, strict=True)
        for symbol, expected in zip(best.tokens, reference, strict=False)
    )
    return correct / (arguments.sentences * length)


def find_medians(rows: Sequence[dict[str, Any]], task: str, kind: str) -> dict[int, float]:
    """The median accuracy over the seeds at each length."""
    by_length: dict[int, list[float]] = {}
    for row in rows:
        if (row["task"], row["kind"]) == (task, kind):
            by_length.setdefault(row["length"], []).append(row["accuracy"])
    return {length: statistics.median(values) for length, values in by_length.items()}


def format_table(rows: Sequence[dict[str, Any]], task: str) -> str:
    """A line for each kind, a column for each length: accuracy in percent."""
    lengths = sorted({row["length"] for row in rows})
    lines = [f"| {task} | {' | '.join(map(str, lengths))} |", "|---" * (len(lengths) + 1) + "|"]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        medians = find_medians(rows, task, kind)
        cells = [f"{100 * medians[length]:.1f}" if length in medians else "–" for length in lengths]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return "\n".join(lines)


def save_plot(path: Path, rows: Sequence[dict[str, Any]], trained_to: int) -> None:
    """Draw a panel for each task, with a line for each kind; a dotted line marks the longest sentences of training."""
    from matplotlib import colormaps

    from nmt.analysis.plots import GRAY, open_figure, style_axes

    tasks, kinds = (list(dict.fromkeys(row[key] for row in rows)) for key in ("task", "kind"))
    with open_figure(path, (4.6 * len(tasks) + 2, 4.2)) as figure:
        for panel, task in enumerate(tasks, 1):
            axes = figure.add_subplot(1, len(tasks), panel)
            style_axes(axes, task)
            axes.axvline(trained_to, color=GRAY, linestyle=":", linewidth=1)
            for number, kind in enumerate(kinds):
                medians = find_medians(rows, task, kind)
                color = (
                    {"color": "black", "linestyle": "--"}
                    if kind == "none"
                    else {"color": colormaps["tab20"](number % 20)}
                )
                axes.plot(list(medians), list(medians.values()), marker="o", markersize=3, label=kind, **color)
            axes.set_ylim(0, 1.02)
            axes.set_xlabel("symbols", fontsize=9)
            axes.set_ylabel("share correct at its position", fontsize=9)
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))


def write_flag(option: Option) -> str:
    """The settings that a message names, as they are given on the command line."""
    return "--set" if option.value is None else f"--set {option.value}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for figures")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=list(KINDS),
        metavar="KIND",
        default=list(KINDS),
        help=f"(default: all) {', '.join(KINDS)}",
    )
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="(default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1], help="random seeds (default: 1)")
    parser.add_argument(
        "--updates", type=int, default=2000, help="updates of each model, at most (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=float("inf"),
        help="minutes of training each model, at most (default: no limit)",
    )
    parser.add_argument(
        "--trained-to",
        type=int,
        default=200,
        metavar="LENGTH",
        help="length of the longest sentence in training (default: %(default)s)",
    )
    parser.add_argument(
        "--lengths",
        nargs="+",
        type=int,
        default=[10, 25, 50, 100, 150, 200],
        help="lengths of the sentences to translate (default: 10 25 50 100 150 200)",
    )
    parser.add_argument("--symbols", type=int, default=20, help="number of different symbols (default: %(default)s)")
    parser.add_argument(
        "--sentences", type=int, default=50, help="sentences to translate at each length (default: %(default)s)"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        default=[],
        dest="settings",
        metavar="SECTION.KEY=VALUE",
        help="settings of model and training",
    )
    return parser.parse_args()


def main() -> None:
    """Train what is missing, then write and print all figures of the arguments."""
    arguments = parse_arguments()
    rows = []
    for seed in arguments.seeds:
        for task in arguments.tasks:
            for kind in arguments.kinds:
                path = arguments.out / "figures" / f"{task}-{kind.replace(' ', '-')}-{seed}.json"
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    try:
                        figures = measure(task, kind, seed, arguments)
                    except NmtError as error:
                        sys.exit(f"{Path(__file__).name}: error: {error.message(write_flag)}")
                    with write_atomically(path) as file:
                        json.dump(figures, file)
                facts = json.loads(path.read_text("utf-8"))
                accuracy = {int(length): value for length, value in facts.pop("accuracy").items()}
                shown = ", ".join(f"{length}: {value:.1%}" for length, value in accuracy.items())
                print(f"{task}, {kind}, seed {seed}, {facts['updates']:,} updates: {shown}", file=sys.stderr)
                rows += [{**facts, "length": length, "accuracy": value} for length, value in accuracy.items()]
                with write_atomically(arguments.out / "long_range.json") as file:
                    json.dump({"trained_to": arguments.trained_to, "rows": rows}, file, indent=2)
    save_plot(arguments.out / "long_range.png", rows, arguments.trained_to)
    print("\n\n".join(format_table(rows, task) for task in arguments.tasks))


if __name__ == "__main__":
    main()
