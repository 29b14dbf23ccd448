"""Check nmt on a GPU: its tests there, and rates, quality and memory of training and translation, in one table.

    tools/check_gpu.sh [--corpus DIR --source-lang en --target-lang de --test test_2016_flickr] [--json FILE]

The parts, each in processes of its own, so that one that fails leaves the others:

- tests: the GPU against the CPU in float64, exact resuming, batches that exceed the memory
- training: target tokens per second and peak memory of our loops, eager and compiled, beside a plain loop over
  `torch.nn.GRUCell` of the same sizes, with small and with large batches
- quality: a run of the recipe `multi30k` for `--minutes`, and its BLEU on the test set
- translation: sentences per second of that run, greedy and with a beam of 5, with several batch sizes

By default it uses `data/sample`; the published table is measured on Multi30k (`tools/corpora/fetch_corpus.py`).
Without a GPU it says so and ends with exit code 0.
"""

import argparse
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
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

ROOT = Path(__file__).parents[2]
TESTS = ["tests/parity/test_gpu.py", "tests/parity/test_cuda_graphs.py", "tests/flow/test_gpu.py"]
TESTS += ["tests/unit/data/test_batches.py"]
MAX_TOKENS = [1850, 16_000]  # of a batch: one of the CPU benchmarks, and one that fills a GPU
DEVICE = "cuda"
RECIPE = "multi30k"
PLAIN = "plain GRUCell"
OURS: dict[str, dict[str, Any]] = {  # settings of training
    "nmt": {},
    "nmt --compile": {"compile": True},
    "nmt, cuda_graphs=false": {"cuda_graphs": False},
    "nmt --compile, cuda_graphs=false": {"compile": True, "cuda_graphs": False},
    "nmt, loop=reference": {"loop": "reference"},
}
LOOPS = [*((loop, "bfloat16") for loop in (*OURS, PLAIN)), *((loop, "float32") for loop in ("nmt", PLAIN))]
WINDOWS = {"warm_seconds": 2, "window": 8}
SEARCHES = [  # device, precision, beam and batch size
    *((DEVICE, "bfloat16", *sizes) for sizes in [(1, 64), (1, 512), (5, 1), (5, 64), (5, 512)]),
    (DEVICE, "float32", 5, 512),
    *(("cpu", "int8", *sizes) for sizes in [(1, 64), (5, 1), (5, 64)]),
]
# of the models whose training is timed; sizes are the defaults
SIZES = {"attention": "bahdanau", "tie": "none", "dropout": 0.2}


# Jobs, each of which runs in a process of its own


def describe_gpu() -> dict[str, Any] | None:
    """The GPU and the versions; None where there is no GPU."""
    import torch

    if not torch.cuda.is_available():
        return None
    card = torch.cuda.get_device_properties(0)
    return {
        "gpu": card.name,
        "memory_gib": round(card.total_memory / 2**30, 1),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
    }


def train(data: str, loop: str, precision: str, max_tokens: int, seconds: float) -> dict[str, Any]:
    """Rates of windows of updates and peak memory of one of the `LOOPS`."""
    import torch

    from nmt.data.batches import Cursor, iterate_train_batches, survey_epoch
    from nmt.data.prepared import PreparedCorpus
    from nmt.settings import TrainSettings

    prepared = PreparedCorpus.open(data)
    settings = TrainSettings(max_tokens=max_tokens, learning_rate=1e-3, label_smoothing=0.0)
    torch.manual_seed(settings.seed)
    build = build_plain_update if loop == PLAIN else partial(build_our_update, loop)
    update = build(prepared, settings, getattr(torch, precision))
    split = prepared.open_split("train")
    warm_updates = (
        2 * survey_epoch(split, max_tokens, settings.seed)[0]
    )  # graphs of most shapes have been recorded then
    with closing(iterate_train_batches(split, max_tokens, settings.seed, Cursor(0, 0), DEVICE)) as batches:
        rates = measure_rates(
            lambda: update(next(batches)[1]),
            seconds,
            partial(synchronize, DEVICE),
            warm_updates=warm_updates if loop != PLAIN else 8,
            **WINDOWS,
        )
    return {"rates": rates, "peak_mib": measure_peak_mib(DEVICE)}


def build_our_update(loop: str, prepared: Any, settings: Any, precision: Any) -> Callable[[Any], int]:
    """An update of our network on a batch. -> its number of target tokens"""
    import torch

    from nmt.model.seq2seq import Seq2Seq
    from nmt.settings import ModelSettings
    from nmt.training.update import Updater

    settings = settings.model_copy(update={"compile": False} | OURS[loop])
    network = Seq2Seq(ModelSettings(**SIZES), prepared.source_subword.size, prepared.target_subword.size)
    updater = Updater(network, settings, device=torch.device(DEVICE), precision=precision)
    return lambda batch: updater.update([batch], settings.learning_rate).tokens


def build_plain_update(prepared: Any, settings: Any, precision: Any) -> Callable[[Any], int]:
    """An update of additive attention written with `torch.nn` alone, of the sizes of our network."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    from nmt.ids import BOS, PAD
    from nmt.settings import ModelSettings

    sizes = ModelSettings(**SIZES)
    E, H, D, A, R = (
        sizes.embedding_size,
        sizes.encoder_size,
        sizes.decoder_size,
        sizes.attention_size,
        sizes.readout_size,
    )

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.source = nn.Embedding(prepared.source_subword.size, E)
            self.target = nn.Embedding(prepared.target_subword.size, E)
            self.encoder = nn.GRU(E, H, batch_first=True, bidirectional=True)
            self.bridge, self.key, self.query = nn.Linear(2 * H, D), nn.Linear(2 * H, A), nn.Linear(D, A)
            self.v = nn.Linear(A, 1, bias=False)
            self.cell = nn.GRUCell(E + 2 * H, D)
            self.readout, self.output = nn.Linear(D + 2 * H + E, R), nn.Linear(R, prepared.target_subword.size)
            self.dropout = nn.Dropout(sizes.dropout)

        def forward(self, batch: Any) -> torch.Tensor:
            memory_BSM, _ = self.encoder(self.dropout(self.source(batch.source_BS)))
            real_BS = batch.source_BS != PAD
            keys_BSA, hidden_BD = self.key(memory_BSM), torch.tanh(self.bridge(memory_BSM.mean(1)))
            before_BT = F.pad(batch.target_BT[:, :-1], (1, 0), value=BOS)
            embedded_BTE = self.dropout(self.target(before_BT))
            parts = []
            for embedded_BE in embedded_BTE.unbind(1):
                scores_BS = self.v(torch.tanh(keys_BSA + self.query(hidden_BD)[:, None])).squeeze(-1)
                weights_BS = scores_BS.masked_fill(~real_BS, float("-inf")).softmax(-1)
                context_BM = torch.bmm(weights_BS[:, None].to(memory_BSM.dtype), memory_BSM).squeeze(1)
                hidden_BD = self.cell(torch.cat((embedded_BE, context_BM), -1), hidden_BD)
                parts.append(torch.cat((hidden_BD, context_BM, embedded_BE), -1))
            return self.output(self.dropout(torch.tanh(self.readout(torch.stack(parts, 1)))))

    network = Plain().to(DEVICE).train()
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)

    def update(batch: Any) -> int:
        with torch.autocast(DEVICE, precision, enabled=precision != torch.float32):
            scores_BTV = network(batch)
        loss = F.cross_entropy(scores_BTV.flatten(0, 1).float(), batch.target_BT.flatten(), ignore_index=PAD)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimizer.step()
        return int(batch.target_tokens)

    return update


def translate(
    run: str, source: str, device: str, precision: str, beam: int, batch_size: int, seconds: float
) -> dict[str, Any]:
    """Sentences per second and peak memory of translating the test set, or with a batch of one its first lines."""
    from nmt import load
    from nmt.text.corpus import read_lines

    translator = load(run, device=device, precision=precision)
    lines = list(read_lines(source))
    lines = lines[:50] if batch_size == 1 else lines
    translator.translate(lines[:batch_size], beam=beam, batch_size=batch_size)
    rates, began = [], time.perf_counter()
    while not rates or time.perf_counter() - began < seconds:
        since = time.perf_counter()
        translator.translate(lines, beam=beam, batch_size=batch_size)
        rates.append(len(lines) / (time.perf_counter() - since))
    return {"rates": rates, "peak_mib": measure_peak_mib(device)}


# Parts of the check


def run_tests() -> dict[str, Any]:
    """Run the tests that need a GPU. -> their counts, and the end of the output if any failed"""
    words = ["-p", "no:cacheprovider", "-p", "no:benchmark", *TESTS]
    if importlib.util.find_spec("xdist"):
        words += ["-n", "4"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, capture_output=True, text=True)
    output = done.stdout + done.stderr
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)", output)}
    return {"counts": counts, **({} if done.returncode == 0 else {"output": output[-6000:]})}


def run_nmt(*words: object) -> str:
    """Run a command of nmt. -> its standard output. Raises CalledProcessError"""
    command = [sys.executable, "-m", "nmt", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
    done.check_returncode()
    return done.stdout


def measure_training(data: Path, seconds: float, max_tokens: Sequence[int]) -> list[dict[str, Any]]:
    """A row for each loop, precision and size of batch."""
    rows = []
    for size in max_tokens:
        for loop, precision in LOOPS:
            job = {"loop": loop, "precision": precision, "max_tokens": size, "seconds": seconds}
            rows.append({**job, **measure("train", f"training {loop} {precision} {size}", {"data": str(data)} | job)})
    return rows


def measure_translation(run: Path, source: Path, seconds: float) -> list[dict[str, Any]]:
    """A row for each precision, beam and size of batch."""
    rows = []
    for device, precision, beam, size in SEARCHES:
        job = {"device": device, "precision": precision, "beam": beam, "batch_size": size, "seconds": seconds}
        paths = {"run": str(run), "source": str(source)}
        rows.append({**job, **measure("translate", f"translation {device} {precision} {beam} {size}", paths | job)})
    return rows


def measure(job: str, title: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The figures of a job, with the median of its rates, or the fact that it failed."""
    try:
        threads = os.cpu_count() if arguments.get("device") == "cpu" else 4
        found = run_in_fresh_process(__file__, job, threads or 4, **arguments)
    except SystemExit as error:
        print(f"{title}: failed", file=sys.stderr)
        return {"failed": str(error.code)}
    print(f"{title}: {statistics.median(found['rates']):,.0f} a second", file=sys.stderr)
    return {"rate": summarize(found["rates"]), "peak_mib": found["peak_mib"]}


def measure_quality(data: Path, run: Path, test: Sequence[Path], minutes: float) -> dict[str, Any]:
    """Train the recipe for a time and score the run. -> BLEU by validation and on the test set, seconds, signature"""
    run_nmt("train", "--data", data, "--out", run, "--recipe", RECIPE, "--max-minutes", minutes, "--device", DEVICE)
    records = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    valid = [(record["seconds"], record["bleu"]) for record in records if record["kind"] == "valid"]
    sides = ["--source", test[0], "--reference", test[1], "--device", DEVICE, "--metrics", "bleu"]
    scores = run_nmt("evaluate", "--model", run, *sides, "--beam", "1", "--beam", "5", "--precision", "float32")
    return {"validations": valid, "test": scores}


# The report


def format_report(report: dict[str, Any]) -> Iterator[str]:
    """The lines of the table."""
    machine = report["machine"]
    yield f"{machine['gpu']}, {machine['memory_gib']} GiB, torch {machine['torch']}, CUDA {machine['cuda']}"
    counts = report["tests"]["counts"]
    yield f"tests on the GPU: {', '.join(f'{count} {word}' for word, count in counts.items()) or 'none ran'}"
    yield ""
    yield "| training | precision | tokens in a batch | target tokens/s (min–max) | peak MiB | times plain |"
    yield "|---|---|---|---|---|---|"
    rows = report["training"]
    plain = {(row["precision"], row["max_tokens"]): row for row in rows if row["loop"] == PLAIN}
    for row in rows:
        other = plain[row["precision"], row["max_tokens"]]
        is_whole = "rate" in row and "rate" in other
        times = f"{row['rate']['median'] / other['rate']['median']:.2f}" if is_whole else ""
        yield f"| {row['loop']} | {row['precision']} | {row['max_tokens']:,} | {format_rate(row, 0)} | {times} |"
    yield ""
    yield "| device | precision | beam | batch size | sentences/s (min–max) | peak MiB |"
    yield "|---|---|---|---|---|---|"
    for row in report["translation"]:
        yield f"| {row['device']} | {row['precision']} | {row['beam']} | {row['batch_size']} | {format_rate(row, 1)} |"
    quality = report["quality"]
    yield ""
    yield "| minutes of training | BLEU on the validation set, greedy |"
    yield "|---|---|"
    for seconds, bleu in quality["validations"]:
        yield f"| {seconds / 60:.1f} | {bleu:.1f} |"
    yield f"\n{quality['test']}"
    yield f"the check took {report['seconds'] / 60:.1f} minutes"


def format_rate(row: dict[str, Any], digits: int) -> str:
    """`median (slowest–fastest) | peak memory`"""
    if "rate" not in row:
        return "failed | "
    median, low, high = (f"{row['rate'][key]:,.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({low}–{high}) | {row['peak_mib']:,.0f}"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--corpus", type=Path, default=ROOT / "data/sample", metavar="DIR", help="folder of text (default: data/sample)"
    )
    parser.add_argument("--source-lang", default="en", help="ending of the source files (default: %(default)s)")
    parser.add_argument("--target-lang", default="de", help="ending of the target files (default: %(default)s)")
    parser.add_argument("--train", default="train", help="name of the training files (default: %(default)s)")
    parser.add_argument("--valid", default="valid", help="name of the validation files (default: %(default)s)")
    parser.add_argument("--test", default="test", help="name of the test files (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=2, help="of training for quality (default: %(default)s)")
    parser.add_argument("--max-tokens", type=int, nargs="+", default=MAX_TOKENS, help="sizes of batches")
    parser.add_argument("--skip-tests", action="store_true", help="measure only")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    check_output(parser, "--json", arguments.json)
    arguments.test_files = [find_text(parser, arguments, side) for side in ("source", "target")]
    return arguments


def find_text(parser: argparse.ArgumentParser, arguments: argparse.Namespace, side: str) -> Path:
    """The test file of a side, compressed or not."""
    path = arguments.corpus / f"{arguments.test}.{getattr(arguments, f'{side}_lang')}"
    for found in path, path.with_name(f"{path.name}.gz"):
        if found.is_file():
            return found
    return parser.error(f"{path} does not exist")


def main() -> None:
    """Run all parts, print the table and write the JSON file."""
    arguments = parse_arguments()
    machine = run_in_fresh_process(__file__, "describe_gpu", 4)
    if machine is None:
        print("no GPU that PyTorch can use: there is nothing to check")
        return
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        data, run = Path(folder) / "data", Path(folder) / "run"
        texts = ["--train", arguments.corpus / arguments.train, "--valid", arguments.corpus / arguments.valid]
        languages = ["--source-lang", arguments.source_lang, "--target-lang", arguments.target_lang]
        run_nmt("prepare", *languages, *texts, "--out", data, "--joint")
        report = {
            "machine": machine,
            "tests": {"counts": {}} if arguments.skip_tests else run_tests(),
            "training": measure_training(data, arguments.seconds, arguments.max_tokens),
            "quality": measure_quality(data, run, arguments.test_files, arguments.minutes),
            "translation": measure_translation(run, arguments.test_files[0], arguments.seconds),
            "seconds": time.monotonic() - began,
        }
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(report["tests"].get("output", ""), *format_report(report), sep="\n")
    has_failed = report["tests"].get("output") or any("failed" in row for row in report["training"])
    sys.exit(1 if has_failed or any("failed" in row for row in report["translation"]) else 0)


if __name__ == "__main__":
    run_tool(main, {"describe_gpu": describe_gpu, "train": train, "translate": translate})
