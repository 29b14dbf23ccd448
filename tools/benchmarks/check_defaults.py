"""How much slower the defaults are than the best explicit choice, for training and translation, on several machines.

    python tools/benchmarks/check_defaults.py --data DIR --model RUN --source FILE [--condition NAME …] [--rounds 2]
                                              [--json FILE]

Machines are this one; this one without its newest instructions, by the variables that torch, oneDNN and MKL heed (ONNX
Runtime heeds none); one core of it; and this one while another program keeps a core busy. On each, the default and
every explicit choice take turns for `--rounds` rounds.

Training: target tokens per second of updates after a warm-up, for each number format, number of threads, and with
compiled kernels or without. The default is what nmt.training.automatic chooses there for a long training.
Translation: whole commands that translate the source, in batches and, its first lines only, one at a time, for each
precision and each number of threads and processes.

The last column is the time of the default divided by that of the fastest choice; the goal is at most 1.2.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from measuring import check_output, check_rounds, measure_rates, run_tool, synchronize

LOWERED = {
    "AVX512_CORE": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "SSE41": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
CONDITIONS = ["as it is", *LOWERED, "one core", "a busy core"]
LINES_ALONE = 100  # lines of the source that are translated one at a time
TRAINING = {"max_tokens": 1850}
WINDOWS = {"warm_updates": 8, "warm_seconds": 3, "window": 5}
Work = Callable[[], float]  # -> seconds


@contextmanager
def keep_core_busy() -> Iterator[None]:
    """Another program that computes all the time."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def run_command(words: list[str], condition: str) -> str:
    """Run a command on a machine. -> what it printed"""
    first_core = {min(os.sched_getaffinity(0))}
    done = subprocess.run(
        [sys.executable, *words],
        env={name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        | LOWERED.get(condition, {}),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=partial(os.sched_setaffinity, 0, first_core) if condition == "one core" else None,
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


# Training


def measure_training(data: str, choice: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Train with a choice of settings; without one, with the default. -> seconds per 1,000 target tokens, settings"""
    import torch

    from nmt.data.batches import Cursor, iterate_train_batches
    from nmt.data.prepared import PreparedCorpus
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings, TrainSettings
    from nmt.training.automatic import choose_automatic, limit_threads
    from nmt.training.update import Updater

    prepared, device = PreparedCorpus.open(data), torch.device("cpu")
    split = prepared.open_split("train")
    torch.manual_seed(1)
    model = Seq2Seq(ModelSettings(), prepared.source_subword.size, prepared.target_subword.size)
    given = TrainSettings(**TRAINING, **choice)
    with closing(iterate_train_batches(split, given.max_tokens, 1, Cursor(0, 0), device)) as batches:
        _, batch = next(batches)
        chosen = choose_automatic(given, model, batch, device, tokens_in_all=float("inf"), note=print)
        with limit_threads(chosen.threads):
            updater = Updater(model, chosen, device=device, precision=getattr(torch, chosen.precision))
            rates = measure_rates(
                lambda: updater.update([next(batches)[1]], 1e-3).tokens, seconds, partial(synchronize, "cpu"), **WINDOWS
            )
    names = ", ".join(f"{name} {getattr(chosen, name)}" for name in ("precision", "threads", "compile"))
    return {"seconds": 1000 / statistics.median(rates), "choice": names}


def list_training(arguments: argparse.Namespace, condition: str, cores: int) -> dict[str, Work]:
    """The default and every explicit choice, as functions that measure them."""
    choices = {
        f"{precision}, {threads} threads" + ", compiled" * compiled: {
            "precision": precision,
            "threads": threads,
            "compile": compiled,
        }
        for precision in ("float32", "bfloat16")
        for threads in sorted({1, cores})
        for compiled in (False, True)
    }

    def measure(choice: Mapping[str, Any]) -> float:
        job = json.dumps({"data": str(arguments.data), "choice": choice, "seconds": arguments.seconds})
        found = json.loads(run_command([__file__, "job", "measure_training", job], condition).splitlines()[-1])
        print(f"  {condition}, training: {found['choice']}: {1000 / found['seconds']:,.0f} tokens/s", file=sys.stderr)
        return float(found["seconds"])

    return {"default": lambda: measure({})} | {name: partial(measure, choice) for name, choice in choices.items()}


# Translation


def list_translation(
    arguments: argparse.Namespace, condition: str, cores: int, source: Path, alone: bool
) -> dict[str, Work]:
    """The default and every explicit choice, as functions that measure whole commands."""
    ways = {f"--threads {threads}" for threads in (1, cores)} | ({f"--processes {cores}"} if not alone else set())
    choices = [f"--precision {precision} {way}" for precision in ("float32", "int8") for way in sorted(ways)]

    def measure(options: str) -> float:
        words = ["-m", "nmt", "translate", "--model", str(arguments.model), str(source), "--device", "cpu", "--quiet"]
        began = time.perf_counter()
        run_command([*words, *options.split(), *["--batch-size", "1"] * alone], condition)
        seconds = time.perf_counter() - began
        print(f"  {condition}, {source.name}: {options or 'default'}: {seconds:.2f} s", file=sys.stderr)
        return seconds

    return {"default": partial(measure, "")} | {choice: partial(measure, choice) for choice in choices}


# The benchmark


def run(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure everything in turn. -> a row for each machine and task"""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        lines = arguments.source.read_bytes().splitlines(keepends=True)
        few = Path(folder) / "one-at-a-time"
        few.write_bytes(b"".join(lines[:LINES_ALONE]))
        for condition in arguments.condition:
            cores = 1 if condition == "one core" else len(os.sched_getaffinity(0))
            tasks = {
                "training": list_training(arguments, condition, cores),
                f"translation, {len(lines):,} lines": list_translation(
                    arguments, condition, cores, arguments.source, alone=False
                ),
                "translation, one at a time": list_translation(arguments, condition, cores, few, alone=True),
            }
            for task, choices in tasks.items():
                if arguments.task and not task.startswith(tuple(arguments.task)):
                    continue
                seconds: dict[str, list[float]] = defaultdict(list)
                for _ in range(arguments.rounds):
                    for name, work in choices.items():
                        with keep_core_busy() if condition == "a busy core" else nullcontext():
                            seconds[name].append(work())
                medians = {name: statistics.median(found) for name, found in seconds.items()}
                best = min(medians, key=lambda name: (medians[name], name == "default"))
                rows.append(
                    {"machine": condition, "task": task, "best": best, "seconds": seconds}
                    | {"ratio": medians["default"] / medians[best]}
                )
    return rows


def main() -> None:
    """Print the table and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared folder to train on")
    parser.add_argument("--model", type=Path, required=True, metavar="RUN", help="run folder to translate with")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="sentences, as plain text")
    parser.add_argument(
        "--condition", nargs="+", choices=CONDITIONS, default=CONDITIONS, help="machines (default: all)"
    )
    parser.add_argument("--task", nargs="+", choices=["training", "translation"], help="tasks (default: both)")
    parser.add_argument("--rounds", type=int, default=2, help="measurements of each choice (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=6, help="least duration of a measurement of training (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    for path in arguments.data, arguments.model, arguments.source:
        if not path.exists():
            parser.error(f"{path} does not exist")
    check_rounds(parser, arguments.rounds)
    check_output(parser, "--json", arguments.json)
    rows = run(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print("| machine | task | fastest choice | time of the default, relative to it |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['machine']} | {row['task']} | {row['best']} | {row['ratio']:.2f} |")


if __name__ == "__main__":
    run_tool(main, {"measure_training": measure_training})
