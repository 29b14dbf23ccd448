"""What deeper networks cost in training: the CPU time of an update, beside that of one layer on each side.

    python tools/benchmarks/measure_depth.py [--updates N] [--precision bfloat16]

All networks are in one process with one thread, and take turns at updates with the same batch of random words: 64 pairs
of 14 tokens, in a vocabulary of 8,000. CPU time does not depend on what else the machine does, except for its caches.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

from measuring import run_tool

PAIRS, LENGTH, WORDS = 64, 14, 8000
NETWORKS = (
    "",
    "decoder_layers=2",
    "decoder_layers=2 residual=true layer_norm=true",
    "layer_norm=true",
    "decoder_transitions=1",
    "encoder_layers=2",
    "encoder_transitions=1",
    "encoder_cell=mingru",
    "encoder_cell=mingru encoder_layers=2",
    "encoder_cell=lrn",
    "encoder_cell=lrn encoder_layers=2",
    "lexical=true",
)
SIZES: tuple[str, ...] = ("attention=bahdanau",)  # sizes are the defaults


def measure(networks: Sequence[str], updates: int, precision: str) -> list[dict[str, Any]]:
    """The number of weights of each network, and the median CPU time of its updates after the first, in seconds."""
    import torch

    from nmt.data.batches import Batch
    from nmt.ids import EOS
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import TrainSettings, resolve_settings
    from nmt.training.update import Updater

    torch.set_num_threads(1)
    torch.manual_seed(1)
    ids_BT = torch.randint(EOS + 1, WORDS, (2, PAIRS, LENGTH))
    ids_BT[..., -1] = EOS
    lengths_B, tokens = torch.full((PAIRS,), LENGTH), PAIRS * LENGTH
    batch = Batch(ids_BT[0], lengths_B, ids_BT[1], lengths_B, tokens, tokens)
    training = TrainSettings(loop="fused", compile=False)
    updaters, seconds = [], [list[float]() for _ in networks]
    for words in networks:
        settings = resolve_settings(overrides=[f"model.{word}" for word in (*SIZES, *words.split())])
        network = Seq2Seq(settings.model, WORDS, WORDS)
        updaters.append(Updater(network, training, device=torch.device("cpu"), precision=getattr(torch, precision)))
    for _ in range(updates + 1):
        for updater, spent in zip(updaters, seconds, strict=True):
            began = time.process_time()
            updater.update([batch], 1e-3)
            spent.append(time.process_time() - began)
    return [
        {
            "network": words or "one layer each",
            "weights": sum(parameter.numel() for parameter in updater.model.parameters()),
            "seconds": statistics.median(spent[1:]),
        }
        for words, updater, spent in zip(networks, updaters, seconds, strict=True)
    ]


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each network, and its time in parts of that of the first one."""
    lines = ["| `model.…` | weights | CPU ms an update | in parts of the first |", "|---|---|---|---|"]
    for row in rows:
        times = row["seconds"] / rows[0]["seconds"]
        lines.append(f"| {row['network']} | {row['weights'] / 1e6:.1f} M | {1000 * row['seconds']:.0f} | {times:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=20, help="updates of each network (default: %(default)s)")
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16"], default="float32", help="precision (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.updates < 1:
        parser.error(f"--updates {arguments.updates}: at least one update is needed")
    print(format_table(measure(NETWORKS, arguments.updates, arguments.precision)))


if __name__ == "__main__":
    run_tool(main, {})
