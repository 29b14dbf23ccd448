"""Microseconds of one step of translation on one thread: the graph, the step model around it, and the search alone.

    python tools/benchmarks/benchmark_step.py [--attention KIND …] [--vocabulary 8000] [--rounds 200] [--json FILE]

The network has the default sizes and random weights (12 M parameters with the default kind and vocabulary), and 14
source positions. "graph" is ONNX Runtime alone, "step" is nmt.inference.engine's step with the graph in it. "search" is
nmt.search.beam around a step model that returns prepared numbers. Each figure is a median over rounds; the encoder's is
that of all its positions, for a whole batch.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import check_output, check_rounds, run_tool

POSITIONS = 14
LENGTH_LIMIT = 40
BATCHES = [(beam, sentences) for sentences in (1, 64) for beam in (1, 5)]


def time_median(work: Callable[[], Any], rounds: int) -> float:
    """The median time of a call in microseconds, after a warm-up."""
    seconds = []
    for number in range(rounds + rounds // 4):
        began = time.perf_counter()
        work()
        if number >= rounds // 4:
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1e6


def measure_network(kind: str, precision: str, vocabulary: int, rounds: int) -> list[dict[str, Any]]:
    """Times of the encoder, the graph of a step, and a step, for each number of sentences and rows."""
    import torch

    from nmt.inference.build import build_engine
    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings

    torch.manual_seed(1)
    engine = build_engine(Seq2Seq(ModelSettings(attention=kind), vocabulary, vocabulary), precision)
    found = []
    for beam, sentences in BATCHES:
        source_BS = np.random.default_rng(1).integers(4, vocabulary, (sentences, POSITIONS))
        lengths_B = np.full(sentences, POSITIONS)
        model = engine.with_best(beam, (0, 1, 2))
        state = model.select(model.start(source_BS, lengths_B), np.arange(sentences)[:, None].repeat(beam, 1))
        previous_N = np.full(sentences * beam, 4)
        state = model.step(previous_N, state).state  # from here on the graph is that of later steps
        session = engine.choose_step(model.ending, is_first=False)
        inner = state.inner
        inputs = {"previous": previous_N.reshape(sentences, beam), **inner.memory, **inner.carry, **model.inputs}
        inputs = {name: inputs[name] for name in session.inputs}
        fewer = max(1, rounds // sentences)
        found.append(
            {"attention": kind, "precision": precision, "beam": beam, "sentences": sentences}
            | {"graph_us": time_median(lambda: session.run_at_once(inputs), fewer)}  # noqa: B023
            | {"step_us": time_median(lambda: model.step(previous_N, state), fewer)}  # noqa: B023
            | {"encoder_us": time_median(lambda: engine.start(source_BS, lengths_B), fewer)}  # noqa: B023
        )
    return found


class PreparedSteps:
    """A step model without a network: its numbers are drawn once, and no sentence ends before its limit."""

    def __init__(self, vocabulary: int, rows: int) -> None:
        self.vocabulary = vocabulary
        self.rows = rows
        self.steps = 0

    def with_best(self, count: int, forbidden_ids: tuple[int, ...]) -> "PreparedSteps":
        """See nmt.inference.engine.Engine."""
        count += len(forbidden_ids)
        random = np.random.default_rng(1)
        self.log_probs_NC = np.sort(-1 - random.random((self.rows, count), np.float32), 1)[:, ::-1]
        self.words_NC = random.integers(4, self.vocabulary, (self.rows, count))
        self.attention_NS = np.full((self.rows, POSITIONS), 1 / POSITIONS, np.float32)
        return self

    def start(self, source_BS: Any, lengths_B: Any) -> None:
        """See nmt.step.StepModel."""

    def step(self, previous_N: Any, state: None) -> Any:
        """See nmt.step.StepModel."""
        from nmt.step import StepOut

        self.steps += 1
        some = slice(len(previous_N))
        return StepOut(self.log_probs_NC[some], None, self.attention_NS[some], words_NC=self.words_NC[some])

    def select(self, state: None, rows_BK: Any) -> None:
        """See nmt.step.StepModel."""


def measure_search(beam: int, sentences: int, vocabulary: int, rounds: int) -> float:
    """The time of the search alone, per step."""
    from nmt.search.beam import beam_search

    model = PreparedSteps(vocabulary, sentences * beam)
    sources = np.full((sentences, POSITIONS), 4), np.full(sentences, POSITIONS)
    limits = [LENGTH_LIMIT] * sentences
    options: dict[str, Any] = {"normalization": "wu", "alpha": 1.0, "max_length_ratio": 2.0, "max_length_extra": 10}
    whole = time_median(
        lambda: beam_search(model, *sources, beam=beam, limits=limits, **options), max(4, rounds // LENGTH_LIMIT)
    )
    return whole / LENGTH_LIMIT


def main() -> None:
    """Print the tables and write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attention", nargs="+", default=["bahdanau"], metavar="KIND", help="(default: bahdanau)")
    parser.add_argument("--vocabulary", type=int, default=8000, help="target words (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=200, help="measurements of each figure (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    check_rounds(parser, arguments.rounds)
    check_output(parser, "--json", arguments.json)
    import torch

    torch.set_num_threads(1)
    search = {batch: measure_search(*batch, arguments.vocabulary, arguments.rounds) for batch in BATCHES}
    rows = [
        row | {"search_us": search[row["beam"], row["sentences"]]}
        for kind in arguments.attention
        for precision in ("int8", "float32")
        for row in measure_network(kind, precision, arguments.vocabulary, arguments.rounds)
    ]
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    print("| attention | precision | sentences | beam | encoder, µs | graph of a step, µs | step, µs | search, µs |")
    print("|---" * 8 + "|")
    for row in rows:
        times = " | ".join(f"{row[name]:,.0f}" for name in ("encoder_us", "graph_us", "step_us", "search_us"))
        print(f"| {row['attention']} | {row['precision']} | {row['sentences']} | {row['beam']} | {times} |")


if __name__ == "__main__":
    run_tool(main, {})
