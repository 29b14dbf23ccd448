"""How the cost of training grows with batch size, sentence length, state size and vocabulary.

    python tools/benchmarks/measure_growth.py [--compile] [--json FILE] [--plot FILE.png]

One of the four quantities varies at a time. The others stay at 1,780 target tokens a batch, 16 tokens a sentence, a
decoder state of 512 and a vocabulary of 8,000. Batches are random words, in sentences of one length. Each measurement
runs in a process of its own. `beyond` is its peak memory minus the peak after an update with one pair of two tokens, at
which time imports, weights, gradients and Adam's moments are all in memory. It is also printed per source and target
token: where that figure does not grow with the length, memory is linear in source and target length.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from measuring import (
    check_output,
    measure_peak_mib,
    measure_rates,
    run_in_fresh_process,
    run_tool,
    summarize,
    synchronize,
)

from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.settings import ModelSettings, TrainSettings

STANDARD = {"batch_tokens": 1780, "length": 16, "size": 512, "words": 8000}
AXES: dict[str, tuple[str, Sequence[int]]] = {
    "batch_tokens": ("target tokens a batch", [256, 512, 1024, 2048, 4096, 8192]),
    "length": ("source and target length, tokens", [10, 25, 50, 100, 200, 400]),
    "size": ("decoder state, both encoder directions", [128, 256, 512, 1024]),
    "words": ("words in a vocabulary", [2000, 4000, 8000, 16000, 32000, 64000]),
}
WINDOWS = {"warm_updates": 5, "warm_seconds": 2, "window": 5}  # every update has the same shape


def measure(
    batch_tokens: int,
    length: int,
    size: int,
    words: int,
    attention: str,
    training: dict[str, Any],
    precision: str,
    device: str,
    seconds: float,
) -> dict[str, Any]:
    """Rates of windows, and peak memory, of updates with one batch."""
    import torch

    from nmt.data.batches import Batch
    from nmt.ids import EOS
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.update import Updater

    def draw(sentences: int, tokens: int) -> Batch:
        ids_BT = torch.randint(EOS + 1, words, (2, sentences, tokens))
        ids_BT[..., -1] = EOS
        lengths_B, count = torch.full((sentences,), tokens), sentences * tokens
        return Batch(ids_BT[0], lengths_B, ids_BT[1], lengths_B, count, count).to(device)

    torch.manual_seed(1)
    sizes = {"encoder_size": size // 2, "decoder_size": size, "attention_size": size, "readout_size": size}
    network = Seq2Seq(ModelSettings(attention=attention, tie="none", **sizes), words, words)
    settings = TrainSettings(**training)
    updater = Updater(network, settings, device=torch.device(device), precision=getattr(torch, precision))
    updater.update([draw(1, 2)], settings.learning_rate)
    before = measure_peak_mib(device)
    batch = draw(max(1, round(batch_tokens / length)), length)

    def update() -> int:
        return updater.update([batch], settings.learning_rate).tokens

    rates = measure_rates(update, seconds, partial(synchronize, device), **WINDOWS)
    peak = measure_peak_mib(device)
    tokens = batch.source_tokens + batch.target_tokens
    return {
        "target_tokens_per_second": summarize(rates),
        "peak_mib": peak,
        "beyond_mib": peak - before,
        "beyond_kib_per_token": 1024 * (peak - before) / tokens,
    }


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each measurement; the quantity that varies stands first."""
    lines = [
        "| quantity | value | system | target tokens/s (min–max) | peak MiB | beyond, MiB | KiB a token, both sides |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        rate = row["target_tokens_per_second"]
        speed = f"{rate['median']:,.0f} ({rate['min']:,.0f}–{rate['max']:,.0f})"
        memory = f"{row['peak_mib']:,.0f} | {row['beyond_mib']:,.0f} | {row['beyond_kib_per_token']:.1f}"
        axis, value = row["varied"], row[row["varied"]]
        lines.append(f"| {AXES[axis][0]} | {value:,} | {row['system']} | {speed} | {memory} |")
    return "\n".join(lines)


def save_plot(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Draw a panel for each quantity: speed on the left axis, memory on the right axis. Raises UsageError."""
    from nmt.analysis.plots import BLUE, ORANGE, open_figure, style_axes

    with open_figure(path, (11, 7.5)) as figure:
        for number, (axis, (title, values)) in enumerate(AXES.items(), 1):
            speed = figure.add_subplot(2, 2, number)
            memory = speed.twinx()
            style_axes(speed, "")
            for system, line in zip(dict.fromkeys(row["system"] for row in rows), ("-", "--"), strict=False):
                points = [row for row in rows if (row["varied"], row["system"]) == (axis, system)]
                x = [row[axis] for row in points]
                medians = [row["target_tokens_per_second"]["median"] for row in points]
                speed.plot(x, medians, line, color=BLUE, marker="o", markersize=3.5, label=system)
                memory.plot(x, [row["peak_mib"] for row in points], line, color=ORANGE, marker="s", markersize=3.5)
            speed.set_xscale("log")
            speed.set_xticks(values, [f"{value:,}" for value in values])
            speed.minorticks_off()
            speed.set_xlabel(title, fontsize=9)
            speed.set_ylabel("target tokens a second", fontsize=9, color=BLUE)
            memory.set_ylabel("peak memory, MiB", fontsize=9, color=ORANGE)
            memory.tick_params(labelsize=9)
            for axes in (speed, memory):
                axes.set_ylim(bottom=0)
            memory.spines[["top", "left"]].set_visible(False)
            speed.legend(frameon=False, fontsize=8, loc="lower left")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--attention",
        choices=BUILT_IN_ATTENTIONS,
        default="bahdanau",
        help="attention of the model (default: %(default)s)",
    )
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32", help="precision (default: %(default)s)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=5, help="duration of a measurement after its warm-up (default: %(default)s)"
    )
    parser.add_argument(
        "--vary", nargs="+", choices=list(AXES), default=list(AXES), help="quantities to vary (default: all)"
    )
    parser.add_argument("--compile", action="store_true", help="measure the compiled loop too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the figures into this file")
    arguments = parser.parse_args()
    check_output(parser, "--json", arguments.json)
    check_output(parser, "--plot", arguments.plot)
    return arguments


def main() -> None:
    """Measure every point, print the table, write JSON and plot."""
    arguments = parse_arguments()
    rows = []
    for axis in arguments.vary:
        for value in AXES[axis][1]:
            for system in ["nmt fused", *["nmt fused --compile"] * arguments.compile]:
                point = STANDARD | {axis: value}
                found = run_in_fresh_process(
                    __file__,
                    "measure",
                    arguments.threads,
                    **point,
                    attention=arguments.attention,
                    training={"loop": "fused", "compile": "--compile" in system},
                    precision=arguments.precision,
                    device=arguments.device,
                    seconds=arguments.seconds,
                )
                rows.append({"varied": axis, "system": system, **point, **found})
                speed = found["target_tokens_per_second"]["median"]
                print(f"{axis} {value:,}, {system}: {speed:,.0f} tokens/s", file=sys.stderr)
    if arguments.json:
        report = {"attention": arguments.attention, "precision": arguments.precision, "threads": arguments.threads}
        arguments.json.write_text(json.dumps({**report, "rows": rows}, indent=2) + "\n", encoding="utf-8")
    print(format_table(rows))
    if arguments.plot:
        save_plot(arguments.plot, rows)


if __name__ == "__main__":
    run_tool(main, {"measure": measure})
