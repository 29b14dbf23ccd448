"""Target tokens per second of training: our training loops and the installed peers, on one machine and one corpus.

    python tools/benchmarks/benchmark_train.py --data data/m30k [--peers DIR] [--json FILE]
                                               [--attention bahdanau luong-dot/no …]

All systems train the same sizes (12 M parameters, 8,000 pieces) with about 1,780 real target tokens an update; `/no`
stands for "without input feeding". Each measurement runs in a process of its own, so its peak memory is its own too.
The systems take turns for `--rounds` rounds. Rates are medians over windows of updates after a warm-up, with the
slowest and the fastest window.

For our loops it also prints, part by part: the number of operations in matrix products, counted from their shapes; the
time that these products take alone on this machine; and the time that each part of an update takes.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from measuring import (
    check_output,
    check_rounds,
    measure_peak_mib,
    measure_rates,
    run_in_fresh_process,
    run_tool,
    synchronize,
)
from peers import PEERS, Installation, add_peer_options, check_peers, measure_training
from training_cost import Shape, list_products, time_product
from training_profile import profile_updates
from training_report import format_profile, format_table, make_row

from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.settings import ModelSettings, TrainSettings

SIZES = {"tie": "none", "dropout": 0.2}  # all other sizes are the defaults
TRAINING = {"max_tokens": 1850, "learning_rate": 1e-3, "label_smoothing": 0.0}  # 1,780 tokens a batch of Multi30k
ATTENTIONS = [name + feeding for name in BUILT_IN_ATTENTIONS for feeding in ("", "/no")]
DEFAULT_ATTENTIONS = ["bahdanau", "luong-general", "luong-dot/no"]
WINDOWS = {"warm_updates": 30, "warm_seconds": 8, "window": 20}  # kernels are built for every new shape


class System(NamedTuple):
    """What is measured: one row of the table."""

    system: str
    attention: str
    input_feeding: bool
    precision: str

    @property
    def peer_arguments(self) -> tuple[str, ...]:
        """Its arguments of run.sh; none for our systems."""
        if self.system not in PEERS:
            return ()
        return PEERS[self.system].training_arguments(self.attention, self.input_feeding)

    @property
    def settings(self) -> ModelSettings:
        return ModelSettings(attention=self.attention, input_feeding=self.input_feeding, **SIZES)


def list_systems(attentions: Sequence[str], precisions: Sequence[str], peers: bool, compile: bool) -> list[System]:
    """Every row; rows with the same attention stand together."""
    rows = []
    for word in attentions:
        attention, _, without_feeding = word.partition("/")
        for name in ["nmt fused", *["nmt fused --compile"] * compile, "nmt reference"]:
            rows += [System(name, attention, not without_feeding, precision) for precision in precisions]
        if peers and attention != "none":
            rows += [System(name, attention, not without_feeding, "float32") for name in PEERS]
    return rows


# Jobs, each of which runs in a process of its own


def describe_corpus(data: str, device: str, max_tokens: int) -> dict[str, Any]:
    """The machine, the mean batch, the size of the target vocabulary, and the memory before there is a model."""
    import torch

    from nmt.data.batches import plan_epoch
    from nmt.data.prepared import PreparedCorpus
    from nmt.devices import choose_device, describe_device
    from nmt.training.update import Updater

    assert Updater  # its imports count in the memory
    prepared = PreparedCorpus.open(data)
    split = prepared.open_split("train")
    plan = list(plan_epoch(split, max_tokens, seed=1, epoch=0))
    pairs = len(split)
    source, target = (int(lengths.sum()) + pairs for lengths in (split.source_lengths, split.target_lengths))
    means = pairs / len(plan), source / pairs, target / pairs, target / len(plan)
    hardware = describe_device(choose_device(device), torch.float32).partition(",")[0]
    return {
        "machine": f"{hardware}, torch {torch.__version__}",
        "shape": [round(mean) for mean in means],
        "words": prepared.target_subword.size,
        "baseline_mib": measure_peak_mib(device),
    }


def train(
    data: str, device: str, precision: str, model: dict[str, Any], training: dict[str, Any], seconds: float, shape: Any
) -> dict[str, Any]:
    """Measure one of our systems: rates of windows, peak memory, profile, and the time of its matrix products."""
    import torch

    from nmt.data.batches import Cursor, iterate_train_batches
    from nmt.data.prepared import PreparedCorpus
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.update import Updater

    settings, model_settings = TrainSettings(**training), ModelSettings(**model)
    prepared = PreparedCorpus.open(data)
    vocabulary, dtype, start = prepared.target_subword.size, getattr(torch, precision), Cursor(0, 0)
    torch.manual_seed(settings.seed)
    network = Seq2Seq(model_settings, prepared.source_subword.size, vocabulary)
    updater = Updater(network, settings, device=torch.device(device), precision=dtype)
    with closing(
        iterate_train_batches(prepared.open_split("train"), settings.max_tokens, settings.seed, start, device)
    ) as batches:

        def fetch() -> Any:
            return next(batches)[1]

        def update() -> int:
            return updater.update([fetch()], settings.learning_rate).tokens

        rates = measure_rates(update, seconds, partial(synchronize, device), **WINDOWS)
        peak = measure_peak_mib(device)
        profile = profile_updates(updater, fetch, partial(synchronize, device))
    products = list_products(model_settings, vocabulary, Shape(*shape))
    timed = {product: time_product(product, device, dtype) for product in set(products)}
    return {
        "rates": rates,
        "peak_mib": peak,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "profile": profile,
        "products": [(product.part, product.flops, timed[product]) for product in products],
    }


# The benchmark


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every system in turn, in several rounds. -> the content of --json"""
    threads = arguments.threads
    place = {"data": str(arguments.data), "device": arguments.device}
    corpus = run_in_fresh_process(__file__, "describe_corpus", threads, **place, max_tokens=TRAINING["max_tokens"])

    def measure(system: System) -> dict[str, Any]:
        if system.peer_arguments:
            peers = Installation(arguments.peers, arguments.peer_scripts, threads)
            return measure_training(system.system, system.peer_arguments, peers, arguments.seconds)
        _, loop, *compiled = system.system.split()
        job = {"precision": system.precision, "model": system.settings.model_dump(), "shape": corpus["shape"]}
        training = TRAINING | {"loop": loop, "compile": bool(compiled)}
        return run_in_fresh_process(
            __file__, "train", threads, **place, **job, training=training, seconds=arguments.seconds
        )

    rows = list_systems(arguments.attention, arguments.precision, bool(arguments.peers), arguments.compile)
    rounds: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for number in range(arguments.rounds):
        for key, system in {row.peer_arguments or row: row for row in rows}.items():  # two rows may share a peer
            rounds[key].append(measure(system))
            rate = statistics.median(rounds[key][-1]["rates"])
            print(f"round {number + 1}: {' '.join(map(str, system))}: {rate:,.0f} tokens/s", file=sys.stderr)
    report = []
    for system in rows:
        ours = next(row for row in rows if row[1:3] == system[1:3])
        run_as = {"run_as": system.peer_arguments} if system.peer_arguments else {}
        figures = make_row(
            rounds[system.peer_arguments or system], rounds[ours][0]["parameters"], tokens=corpus["shape"][-1]
        )
        report.append({**system._asdict(), **figures, **run_as})
    return {**corpus, "threads": threads, "rounds": arguments.rounds, "rows": report}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared folder")
    add_peer_options(parser)
    parser.add_argument(
        "--attention",
        nargs="+",
        choices=ATTENTIONS,
        metavar="NAME",
        default=DEFAULT_ATTENTIONS,
        help=f"attentions to measure (default: {' '.join(DEFAULT_ATTENTIONS)})",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=["float32", "bfloat16"],
        default=["float32", "bfloat16"],
        help="precisions of our systems (default: both)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 … (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of each system (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each system (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=30, help="duration of a measurement after its warm-up (default: %(default)s)"
    )
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave out compiled loops")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    if arguments.peers and arguments.device != "cpu":
        parser.error(f"the peers are set up for a CPU; leave out --peers with --device {arguments.device}")
    check_peers(parser, arguments)
    check_rounds(parser, arguments.rounds)
    check_output(parser, "--json", arguments.json)
    return arguments


def main() -> None:
    """Print the tables and write the JSON file."""
    arguments = parse_arguments()
    report = run(arguments)
    rows, loaded = report["rows"], report["baseline_mib"]
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    baseline = "opennmt-py" if arguments.peers else "nmt reference"
    sentences, source, target, tokens = report["shape"]
    print(
        f"{report['machine']}, mean batch {sentences} pairs of {source} and {target} tokens, {tokens:,} target tokens"
    )
    print(f"Memory of torch and the corpus: {loaded:,.0f} MiB; weights and Adam: {rows[0]['weights_mib']:,.0f} MiB")
    if not arguments.peers:
        print("Without --peers, speeds are compared with nmt reference, our readable loop, in float32")
    print(f"\n{format_table(rows, baseline)}")
    for row in rows:
        if "profile" in row:
            print(f"\n{format_profile(row, tokens)}")


if __name__ == "__main__":
    run_tool(main, {"describe_corpus": describe_corpus, "train": train})
