"""Sentences per second of translation: each of our precisions, our readable search and the installed peers.

    python tools/benchmarks/benchmark_translate.py --model RUN --source FILE --reference FILE
                                                   [--shortlist FILE] [--peers DIR] [--ctranslate2 PYTHON]
                                                   [--json FILE] …

All systems translate the same sentences with the same number of threads, greedily and with a beam, in batches and one
at a time. `nmt reference` is the model in float32 as it was trained, which scores every word at every step. `nmt
processes` uses one process for each thread; it gets the sentences four times over, because starting processes pays off
for long files only. The peers have the size of a run of 12 M parameters. `ctranslate2` is a Transformer-Tiny with
random weights; see ctranslate2_tiny.py. Each measurement runs in a process of its own,
so its peak memory is its own too (of several processes, the largest times their number). The systems take turns for
`--rounds` rounds. Rates do not include loading; they are medians over passes and rounds, with the slowest and fastest.

It also times whole processes that translate one sentence, from the start of the command to its end.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measuring import (
    MIB,
    check_output,
    check_rounds,
    limit_threads,
    measure_peak_mib,
    run_in_fresh_process,
    run_tool,
    summarize,
)
from peers import PEERS, Installation, add_peer_options, check_peers, measure_translation, train_missing

from nmt.errors import NmtError

PRECISIONS = ["float32", "int8"]
BATCH_SIZES = [64, 1]
WARM_LINES = 64  # translated before the measurement
CTRANSLATE2 = "ctranslate2"
REPETITIONS = 4  # of the sentences, for several processes


class System(NamedTuple):
    """What is measured: one row of the table."""

    system: str
    precision: str
    beam: int
    batch_size: int


def list_systems(
    precisions: Sequence[str],
    beams: Sequence[int],
    batch_sizes: Sequence[int],
    *,
    shortlist: bool,
    peers: bool,
    ctranslate2: bool = False,
) -> list[System]:
    """Every row; rows with the same beam and batch size stand together.

    Several processes are not measured with batches of one sentence, which they cannot share.
    """
    ours = ["nmt", *["nmt shortlist"] * shortlist, "nmt processes"]
    kinds = [(name, precision) for precision in precisions for name in ours]
    kinds += [("nmt reference", "float32"), *((name, "float32") for name in PEERS if peers)]
    kinds += [(CTRANSLATE2, "best")] * ctranslate2
    rows = [System(*kind, beam, size) for beam in beams for size in batch_sizes for kind in kinds]
    return [row for row in rows if (row.system, row.batch_size) != ("nmt processes", 1)]


# Jobs, each of which runs in a process of its own


def translate(
    model: str,
    source: str,
    reference: str,
    shortlist: str | None,
    reference_search: bool,
    precision: str,
    beam: int,
    batch_size: int,
    seconds: float,
) -> dict[str, Any]:
    """Measure one of our systems: rates of passes over the sentences, BLEU and peak memory."""
    import sacrebleu

    from nmt import Translator
    from nmt.text.corpus import read_lines

    translator = Translator.load(
        model, device="cpu", precision=precision, **{"shortlist": shortlist} if shortlist else {}
    )
    if reference_search:
        translator.model = translator.runs[0].model
    lines, references = list(read_lines(source)), list(read_lines(reference))
    options = {"beam": beam, "batch_size": batch_size}
    translator.translate(lines[:WARM_LINES], **options)
    rates, texts = measure_passes(lambda: [one.text for one in translator.translate(lines, **options)], seconds)
    bleu = sacrebleu.corpus_bleu(texts, [references]).score
    return {"rates": rates, "bleu": bleu, "peak_mib": measure_peak_mib("cpu")}


def translate_in_processes(
    model: str, source: str, reference: str, precision: str, beam: int, batch_size: int, seconds: float, processes: int
) -> dict[str, Any]:
    """Measure several processes with one thread each: rates of passes, BLEU and peak memory."""
    import sacrebleu

    from nmt.text.corpus import read_lines
    from nmt.translation.workers import WorkerPool

    lines, references = list(read_lines(source)), list(read_lines(reference))
    options = {"beam": beam, "batch_size": batch_size}
    with WorkerPool(processes, 1, model=model, device="cpu", precision=precision) as pool:
        list(pool.stream(lines, **options))
        rates, texts = measure_passes(
            lambda: [one.text for (one,) in pool.stream(lines * REPETITIONS, **options)], seconds
        )
    peak = processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MIB
    bleu = sacrebleu.corpus_bleu(texts[: len(lines)], [references]).score
    return {"rates": rates, "bleu": bleu, "peak_mib": peak}


def measure_passes(translate: Callable[[], list[str]], seconds: float) -> tuple[list[float], list[str]]:
    """Translate for at least `seconds`, and at least once. -> sentences per second of each pass, the last texts"""
    rates: list[float] = []
    began = since = time.perf_counter()
    while not rates or since - began < seconds:
        texts = translate()
        now = time.perf_counter()
        rates.append(len(texts) / (now - since))
        since = now
    return rates, texts


def time_one_sentence(model: Path, source: Path, threads: int) -> float:
    """Seconds of a whole process that translates the first line."""
    line = source.read_bytes().splitlines(keepends=True)[0]
    command = [sys.executable, "-m", "nmt", "translate", "--model", str(model), "--device", "cpu"]
    began = time.perf_counter()
    subprocess.run(command, input=line, env=limit_threads(threads), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def measure_ctranslate2(python: Path, system: System, lines: int, threads: int, seconds: float) -> dict[str, Any]:
    """Measure CTranslate2 in the environment of a Python interpreter. It has no BLEU."""
    job = {"beam": system.beam, "batch_size": system.batch_size, "lines": lines, "threads": threads, "seconds": seconds}
    script = Path(__file__).with_name("ctranslate2_tiny.py")
    done = subprocess.run(
        [str(python), str(script), json.dumps(job)], env=limit_threads(threads), stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise NmtError(f"{python} cannot run {script.name}, see above: it needs the package ctranslate2")
    return json.loads(done.stdout) | {"bleu": None}


# The benchmark


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every system in turn, in several rounds. -> the content of --json"""
    threads, lines = arguments.threads, len(arguments.source.read_bytes().splitlines())
    peers = Installation(arguments.peers, arguments.peer_scripts, threads)
    if arguments.peers:
        train_missing(peers, arguments.peer_seconds)

    def measure(system: System) -> dict[str, Any]:
        if system.system in PEERS:
            return measure_translation(system.system, system.beam, system.batch_size, peers, lines)
        if system.system == CTRANSLATE2:
            return measure_ctranslate2(arguments.ctranslate2, system, lines, threads, arguments.seconds)
        job = system._asdict()
        kind = job.pop("system")
        for name in "model", "source", "reference":
            job[name] = str(getattr(arguments, name))
        job["seconds"] = arguments.seconds
        if kind == "nmt processes":
            return run_in_fresh_process(__file__, "translate_in_processes", threads, processes=threads, **job)
        job["shortlist"] = str(arguments.shortlist) if kind == "nmt shortlist" else None
        return run_in_fresh_process(__file__, "translate", threads, reference_search=kind == "nmt reference", **job)

    rows = list_systems(
        arguments.precision,
        arguments.beam,
        arguments.batch_size,
        shortlist=bool(arguments.shortlist),
        peers=bool(arguments.peers),
        ctranslate2=bool(arguments.ctranslate2),
    )
    rounds: dict[System, list[dict[str, Any]]] = defaultdict(list)
    seconds_of_one: list[float] = []
    for number in range(arguments.rounds):
        for system in rows:
            rounds[system].append(measure(system))
            rate = rounds[system][-1]["rates"][-1]
            print(f"round {number + 1}: {' '.join(map(str, system))}: {rate:,.1f} sentences/s", file=sys.stderr)
        seconds_of_one.append(time_one_sentence(arguments.model, arguments.source, threads))
    return {
        "threads": threads,
        "rounds": arguments.rounds,
        "lines": lines,
        "one_sentence_seconds": summarize(seconds_of_one),
        "rows": [make_row(system, rounds[system]) for system in rows],
    }


def make_row(system: System, rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one system over all rounds."""
    return {
        **system._asdict(),
        "sentences_per_second": summarize([rate for one in rounds for rate in one["rates"]]),
        "bleu": rounds[-1]["bleu"],
        "peak_mib": max(one["peak_mib"] for one in rounds),
    }


def format_table(rows: Sequence[dict[str, Any]], baselines: Sequence[str]) -> str:
    """A line for each row, with its speed relative to each baseline's at the same beam and batch size."""
    standard = {
        (row["system"], row["beam"], row["batch_size"]): row["sentences_per_second"]["median"]
        for row in rows
        if row["system"] in baselines
    }
    heads = [
        "system",
        "precision",
        "beam",
        "batch size",
        "sentences/s (min–max)",
        *(f"times {name}" for name in baselines),
        "BLEU",
        "peak MiB",
    ]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in rows:
        rate = row["sentences_per_second"]
        cells = [
            row["system"],
            row["precision"],
            str(row["beam"]),
            str(row["batch_size"]),
            f"{rate['median']:,.1f} ({rate['min']:,.1f}–{rate['max']:,.1f})",
            *(f"{rate['median'] / standard[name, row['beam'], row['batch_size']]:.2f}" for name in baselines),
            "–" if row["bleu"] is None else f"{row['bleu']:.2f}",
            f"{row['peak_mib']:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="RUN", help="run folder to translate with")
    parser.add_argument("--source", type=Path, required=True, metavar="FILE", help="sentences, as plain text")
    parser.add_argument("--reference", type=Path, required=True, metavar="FILE", help="their reference translations")
    parser.add_argument("--shortlist", type=Path, metavar="FILE", help="measure our systems with this shortlist too")
    add_peer_options(parser)
    parser.add_argument(
        "--ctranslate2",
        type=Path,
        metavar="PYTHON",
        help="measure CTranslate2 too, which this Python interpreter can import, such as DIR/opennmt/bin/python",
    )
    parser.add_argument(
        "--peer-seconds",
        type=float,
        default=900,
        help="training time of a peer that has no checkpoint yet (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        default=PRECISIONS,
        help="precisions of our systems (default: all)",
    )
    parser.add_argument("--beam", nargs="+", type=int, default=[1, 5], help="beam sizes (default: 1 5)")
    parser.add_argument("--batch-size", nargs="+", type=int, default=BATCH_SIZES, help="batch sizes (default: 64 1)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of each system (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each system (default: %(default)s)")
    parser.add_argument(
        "--seconds",
        type=float,
        default=5,
        help="least duration of a measurement of our systems, in whole passes (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    for path in arguments.source, arguments.reference:
        if not path.is_file():
            parser.error(f"{path} does not exist")
    check_peers(parser, arguments)
    check_rounds(parser, arguments.rounds)
    check_output(parser, "--json", arguments.json)
    if arguments.peers:
        own = arguments.peers / "data" / "test_2016_flickr.en"
        if own.read_bytes() != arguments.source.read_bytes():
            parser.error(f"--source {arguments.source} differs from the text that the peers translate; give {own}")
    return arguments


def main() -> None:
    """Print the table and write the JSON file."""
    arguments = parse_arguments()
    report = run(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    one = report["one_sentence_seconds"]
    print(f"{report['lines']:,} sentences, {report['threads']} threads, {report['rounds']} rounds")
    print(f"one sentence, whole process: {one['median']:.2f} s ({one['min']:.2f}–{one['max']:.2f})")
    baselines = ["nmt reference", *(PEERS if arguments.peers else []), *[CTRANSLATE2] * bool(arguments.ctranslate2)]
    print(f"\n{format_table(report['rows'], baselines)}")


if __name__ == "__main__":
    run_tool(main, {"translate": translate, "translate_in_processes": translate_in_processes})
