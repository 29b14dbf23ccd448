"""Target tokens per second of training: our loops and the installed peers, in turn on one machine and one corpus.

    python tools/benchmark_train.py --data data/m30k [--peers DIR] [--attention bahdanau luong-dot/no …] [--json FILE]

Everybody trains the same sizes (12 M parameters, 8,000 pieces) with about 1,780 real target tokens an update; `/no` is
without input feeding. Each measurement is a process of its own, so its peak memory is its own too; the systems take
turns, `--rounds` times. Rates are medians over windows of updates, after a warm-up, with the slowest and the fastest.

For ours it also prints, part by part, the matrix products' operations counted from their shapes, the time they alone
would take at the speed that this machine was seen to multiply just those shapes, and where an update's time went.
"""

import argparse
import functools
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.config import ModelSettings, TrainSettings
from nmt.errors import NmtError, UsageError

# torch is imported by the jobs alone: what this process holds at a fork counts in its children's peak memory.

SIZES = {"tie": "none", "dropout": 0.2}  # beside the defaults
TRAINING = {"max_tokens": 1850, "learning_rate": 1e-3, "label_smoothing": 0.0}  # 1,780 tokens a batch of Multi30k
ATTENTIONS = [name + feeding for name in BUILT_IN_ATTENTIONS for feeding in ("", "/no")]
DEFAULT_ATTENTIONS = ["bahdanau", "luong-general", "luong-dot/no"]
WINDOWS = {"warm_updates": 30, "warm_seconds": 8, "window": 20}  # kernels are built for every shape they meet
PROFILED = 20  # updates
PRODUCT_SECONDS = 0.1  # spent on each product and each of its gradients
MIB = 2**20 if sys.platform == "darwin" else 2**10  # of the system's figures for peak memory
PARTS = "encoder", "keys", "recurrence", "attention", "readout", "loss", "optimizer", "data", "the rest"


class Peer(NamedTuple):
    """How a peer names the scores and input feeding in `run.sh`, and how it logs target tokens a second."""

    name: str
    scores: dict[str, str]
    feeding: tuple[str, str]
    rate: str


PEERS = {
    "opennmt-py": Peer(
        "opennmt",
        {"bahdanau": "mlp", "luong-concat": "mlp", "luong-general": "general", "luong-dot": "general"},
        ("0", "1"),
        r"Step +\d+/.*?/ *(\d+) tok/s",
    ),
    "joeynmt": Peer(
        "joeynmt",
        {"bahdanau": "bahdanau", "luong-concat": "bahdanau", "luong-general": "luong", "luong-dot": "luong"},
        ("False", "True"),
        r"Tokens per Sec: +(\d+)",
    ),
}
WARM_REPORTS, HEAD_START_SECONDS = 2, 90  # of peers: reports, of ten updates each, and time to load and to warm up


class System(NamedTuple):
    """What is measured: one row of the table."""

    system: str
    attention: str
    input_feeding: bool
    precision: str

    @property
    def peer_words(self) -> tuple[str, ...]:
        """Its words for `run.sh`; none for ours."""
        if self.system not in PEERS:
            return ()
        peer = PEERS[self.system]
        return peer.name, "train", peer.scores[self.attention], peer.feeding[self.input_feeding]

    @property
    def settings(self) -> ModelSettings:
        return ModelSettings(attention=self.attention, input_feeding=self.input_feeding, **SIZES)


def systems(attentions: Sequence[str], precisions: Sequence[str], peers: bool, compile: bool) -> list[System]:
    """Every row, those that are compared beside each other."""
    rows = []
    for word in attentions:
        attention, _, without = word.partition("/")
        for name in ["nmt fused", *["nmt fused --compile"] * compile, "nmt reference"]:
            rows += [System(name, attention, not without, precision) for precision in precisions]
        rows += [System(name, attention, not without, "float32") for name in PEERS if peers and attention != "none"]
    return rows


# What an update costs


class Shape(NamedTuple):
    """The mean batch: lengths count EOS. `tokens` are its real target positions."""

    sentences: int
    source: int
    target: int
    tokens: int


class Product(NamedTuple):
    """`times` products (rows, inputs) x (inputs, outputs) one after the other, each of `batch` pairs side by side.

    The gradient of the first factor is as many products; that of the second is one, over the rows of all of them.
    """

    part: str
    rows: int
    inputs: int
    outputs: int
    times: int = 1
    batch: int = 1

    @property
    def flops(self) -> int:
        """Forward and both gradients; a multiplication and its addition are two."""
        return 3 * 2 * self.times * self.batch * self.rows * self.inputs * self.outputs


def products(model: ModelSettings, words: int, shape: Shape) -> list[Product]:
    """Every matrix product of an update with a vocabulary of so many words.

    A readout that is fed back belongs to the recurrence, the output layer to the loss. What is added, multiplied or
    squashed number by number is no product, additive attention's tanh above all.
    """
    sentences, source, target, tokens = shape
    hidden, embedding, state, readout = model.encoder_size, model.embedding_size, model.decoder_size, model.scored_size
    memory, gates = 2 * hidden, 3 * state
    found = [Product("loss", tokens, readout, words)]
    for layer in range(model.encoder_layers):
        width = memory if layer else embedding
        for _ in range(2):  # directions
            found += [Product("encoder", sentences * source, width, 3 * hidden)]
            found += [Product("encoder", sentences, hidden, 3 * hidden, times=source)]
    if model.bridge != "zeros":
        found += [Product("encoder", sentences, memory, state)]
    attends, adds = model.attention != "none", model.attention in ("bahdanau", "luong-concat")
    asks = adds or model.attention == "scaled-dot"  # by a query of its own
    attends_first, loops = model.attention == "bahdanau", model.input_feeding and attends
    memory *= attends
    compared = model.attention_size if asks else state * attends
    if model.attention == "luong-location":
        found += [Product("keys", source, model.attention_size, compared)]
    elif attends and model.attention != "luong-dot":
        found += [Product("keys", sentences * source, memory, compared)]
    found += [Product("recurrence", sentences * target, embedding, gates)]
    found += [Product("recurrence", sentences, state, gates + compared * (asks and loops), times=target)]
    if asks and not loops:
        found += [Product("attention", sentences * target, state, compared)]
    if loops:
        found += [Product("recurrence", sentences, memory if attends_first else readout, gates, times=target)]
    if attends:
        rows, times = (1, target) if loops else (target, 1)
        if adds:
            found += [Product("attention", sentences * source, compared, 1, times=target)]
        else:
            found += [Product("attention", rows, compared, source, times, sentences)]
        found += [Product("attention", rows, source, memory, times, sentences)]
    if attends_first:
        found += [Product("readout", sentences * target, embedding, readout)]
    if loops and not attends_first:
        found += [Product("recurrence", sentences, memory + state, readout, times=target)]
    else:
        found += [Product("readout", sentences * target, memory + state, readout)]
    return found


# Jobs: what runs in a process of its own


def in_fresh_process(threads: int, kind: str, script: str = __file__, **job: Any) -> Any:
    """What a job gives: of this tool, or of `script`, which serves its own. Its messages go to stderr."""
    words = [sys.executable, script, "job", kind, json.dumps(job)]
    done = subprocess.run(words, env=with_threads(threads), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode if done.returncode > 0 else f"{kind} {job} was killed by signal {-done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def with_threads(threads: int) -> dict[str, str]:
    """The environment of a process that computes with so many threads."""
    return os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def serve(main: Callable[[], None], jobs: dict[str, Callable[..., Any]]) -> None:
    """Do the job that the command line asks for and print what it gives, or else what a user calls the tool for."""
    try:
        if sys.argv[1:2] == ["job"]:
            print(json.dumps(jobs[sys.argv[2]](**json.loads(sys.argv[3]))))
        else:
            main()
    except NmtError as error:
        print(f"{Path(sys.argv[0]).name}: error: {error}", file=sys.stderr)
        sys.exit(2)


def peak_mib(device: str) -> float:
    """Most memory that this process held so far: on the host, or of tensors on a GPU."""
    import torch

    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB
    return torch.cuda.max_memory_allocated(device) / 2**20


def synchroniser(device: str) -> Callable[[], None]:
    """A function that returns when the device has done what it was told."""
    import torch

    return functools.partial(torch.cuda.synchronize, device) if device != "cpu" else lambda: None


def survey(data: str, device: str, max_tokens: int) -> dict[str, Any]:
    """The mean batch, the words, and what is held before there is a model."""
    import torch

    from nmt.data.batches import plan_epoch
    from nmt.data.prepared import Prepared
    from nmt.devices import choose_device, describe_device
    from nmt.training.update import Updater

    assert Updater  # imported for its memory
    prepared = Prepared.open(data)
    split = prepared.split("train")
    plan = plan_epoch(split.source_lengths, split.target_lengths, max_tokens, seed=1, epoch=0)
    pairs = len(split)
    source, target = (int(lengths.sum()) + pairs for lengths in (split.source_lengths, split.target_lengths))
    means = pairs / len(plan), source / pairs, target / pairs, target / len(plan)
    where = describe_device(choose_device(device), torch.float32).partition(",")[0]
    return {
        "machine": f"{where}, torch {torch.__version__}",
        "shape": [round(mean) for mean in means],
        "words": prepared.target_subword.size,
        "baseline_mib": peak_mib(device),
    }


def train(
    data: str, device: str, precision: str, model: dict[str, Any], training: dict[str, Any], seconds: float, shape: Any
) -> dict[str, Any]:
    """What one of ours does: rates of windows, peak memory, then its profile and what its products alone take."""
    import torch

    from nmt.data.batches import Cursor, train_batches
    from nmt.data.prepared import Prepared
    from nmt.model.seq2seq import Seq2Seq
    from nmt.training.update import Updater

    settings, model_settings = TrainSettings(**training), ModelSettings(**model)
    prepared = Prepared.open(data)
    words, dtype, begin = prepared.target_subword.size, getattr(torch, precision), Cursor(0, 0)
    torch.manual_seed(settings.seed)
    network = Seq2Seq(model_settings, prepared.source_subword.size, words)
    updater = Updater(network, settings, device=torch.device(device), precision=dtype)
    with closing(train_batches(prepared.split("train"), settings.max_tokens, settings.seed, begin, device)) as batches:

        def fetch() -> Any:
            return next(batches)[1]

        def update() -> int:
            return updater.update([fetch()], settings.learning_rate).tokens

        rates = window_rates(update, seconds, synchroniser(device), **WINDOWS)
        peak = peak_mib(device)
        profile = profile_updates(updater, fetch, synchroniser(device))
    found = products(model_settings, words, Shape(*shape))
    timed = {product: product_seconds(product, device, dtype) for product in set(found)}
    return {
        "rates": rates,
        "peak_mib": peak,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "profile": profile,
        "products": [(product.part, product.flops, timed[product]) for product in found],
    }


def window_rates(
    update: Callable[[], int],
    seconds: float,
    synchronise: Callable[[], None],
    *,
    warm_updates: int,
    warm_seconds: float,
    window: int,
) -> list[float]:
    """Tokens a second of each window of updates for so long, after a warm-up. `update` says how many tokens it took."""
    began, updates = time.perf_counter(), 0
    while updates < warm_updates or time.perf_counter() - began < warm_seconds:
        update()
        updates += 1
    synchronise()
    rates: list[float] = []
    began = since = time.perf_counter()
    while not rates or since - began < seconds:
        tokens = sum(update() for _ in range(window))
        synchronise()
        now = time.perf_counter()
        rates.append(tokens / (now - since))
        since = now
    return rates


def product_seconds(product: Product, device: str, dtype: Any) -> float:
    """How long it takes, forward and both gradients."""
    import torch
    from torch.utils.benchmark import Timer

    _, rows, inputs, outputs, times, batch = product

    def draw(*sizes: int) -> torch.Tensor:
        return torch.randn(*[batch] * (batch > 1), *sizes, dtype=dtype, device=device)

    tensors = {"first": draw(rows, inputs), "second": draw(outputs, inputs), "out": draw(rows, outputs)}
    tensors |= {"all_first": draw(times * rows, inputs), "all_out": draw(times * rows, outputs)}
    ways = {"first @ second.mT": times, "out @ second": times, "all_out.mT @ all_first": 1}
    threads = torch.get_num_threads()
    return sum(
        count * Timer(way, globals=tensors, num_threads=threads).blocked_autorange(min_run_time=PRODUCT_SECONDS).median
        for way, count in ways.items()
    )


# Where an update's time goes


class Profile:
    """Seconds by part, forward and backward. Every moment belongs to one part, so that they add up to the whole.

    A function's time, without that of functions timed inside it, belongs to the part it is timed for; and so does what
    autograd later does about the tensors it made. A GPU is waited for at every change of part.
    """

    def __init__(self, synchronise: Callable[[], None]) -> None:
        self.synchronise = synchronise
        self.spent: Counter[tuple[str, str]] = Counter()
        self.part, self.direction = "the rest", "forward"
        self.since = time.perf_counter()
        self.claimed: set[Any] = set()

    def switch(self, part: str) -> str:
        """From now on it is the time of another part. -> the part before"""
        self.synchronise()
        now = time.perf_counter()
        self.spent[self.part, self.direction] += now - self.since  # type: ignore[assignment]
        before, self.part, self.since = self.part, part, now
        return before

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """`function`, whose time belongs to `part`."""

        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            before = self.switch(part)
            result = function(*arguments, **options)
            self.switch("profiling")
            self.claim(part, result, {tensor.grad_fn for tensor in tensors_in((arguments, *options.values()))})
            self.switch(before)
            return result

        return call

    def claim(self, part: str, result: Any, given: set[Any]) -> None:
        """The nodes that made tensors out of what was given belong to `part`, if nobody has claimed them yet."""
        waiting, met = [tensor.grad_fn for tensor in tensors_in(result)], set(given)
        while waiting:
            node = waiting.pop()
            if node is not None and node not in met:
                met.add(node)
                waiting += [before for before, _ in node.next_functions]
        for node in met - given - self.claimed:
            node.register_prehook(lambda _: self.switch(part) and None)
        self.claimed |= met - given

    def backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.autograd.backward`, which is where directions change."""

        def call(*arguments: Any, **options: Any) -> None:
            before, self.direction = self.switch("the rest"), "backward"
            function(*arguments, **options)
            self.switch(before)
            self.direction = "forward"
            self.claimed.clear()

        return call


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors of nested tuples."""
    if isinstance(value, tuple):
        for part in value:
            yield from tensors_in(part)
    elif hasattr(value, "grad_fn"):
        yield value


def timed_attention() -> list[tuple[Any, str, str]]:
    """Every function of attention inside a fused loop."""
    from nmt.kernels.attention_step import FusedAttention

    kinds = (FusedAttention, *FusedAttention.__subclasses__())
    return [(kind, name, "attention") for kind in kinds for name, value in vars(kind).items() if callable(value)]


def timed_functions(updater: Any) -> list[tuple[Any, str, str]]:
    """What is timed beside the loops: owner, name of the function, part."""
    from torch.nn import utils

    cell = updater.model.cell
    readouts = [layer for name, layer in cell.named_children() if "readout" in name and not cell.fed_size]
    return [
        *timed_attention(),
        *((layer, "forward", "readout") for layer in readouts),
        (updater, "update", "the rest"),
        (updater.model, "encode", "encoder"),
        (cell.attention, "project_keys", "keys"),
        (cell.attention, "forward", "attention"),
        (utils, "get_total_norm", "optimizer"),
        (updater.optimizer, "step", "optimizer"),
    ]


def profile_updates(updater: Any, fetch: Callable[[], Any], synchronise: Callable[[], None]) -> dict[str, Any]:
    """Milliseconds of an update by part, in the mean. Leaves the functions timed: the process has done its work."""
    import torch

    profile = Profile(synchronise)
    for owner, name, part in timed_functions(updater):
        setattr(owner, name, profile.timed(getattr(owner, name), part))
    _, decode, word_loss = updater.loops
    timed = {"decode": profile.timed(decode, "recurrence"), "word_loss": profile.timed(word_loss, "loss")}
    updater.loops = updater.loops._replace(**timed)
    torch.autograd.backward = profile.backward(torch.autograd.backward)  # type: ignore[assignment]
    fetch = profile.timed(fetch, "data")
    profile.switch("the rest")
    profile.spent.clear()
    for _ in range(PROFILED):
        updater.update([fetch()], updater.settings.learning_rate)
    profile.switch("the rest")
    spent = {place: 1000 * seconds / PROFILED for place, seconds in profile.spent.items() if place[0] != "profiling"}
    parts = {part: {way: spent.get((part, way), 0.0) for way in ("forward", "backward")} for part in PARTS}
    return {"update_ms": sum(spent.values()), "parts": parts}


# Peers


def peer_rates(name: str, log: str) -> list[float]:
    """Target tokens a second as a peer reported them, its warm-up left out.

    So is a report that follows a validation: OpenNMT-py counts the validation's seconds in it.
    """
    rates, is_disturbed = [], False
    for line in log.splitlines():
        if match := re.search(PEERS[name].rate, line):
            rates.append(None if is_disturbed else float(match[1]))
            is_disturbed = False
        is_disturbed = is_disturbed or "alidation" in line
    return [rate for rate in rates[WARM_REPORTS:] if rate is not None]


def measure_peer(system: System, scripts: Path, peers: Path, threads: int, seconds: float) -> dict[str, Any]:
    """Rates of a peer, and the peak memory of the largest of its processes."""
    seconds += HEAD_START_SECONDS
    peer, *words = system.peer_words
    command = ["bash", scripts / "run.sh", peers, peer, *words, f"{seconds:.0f}"]
    process = subprocess.Popen(
        command, env=with_threads(threads), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process.stdout:
        log = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    rates = peer_rates(system.system, log)
    if process.returncode or not rates:
        tail = "".join(f"\n  {line}" for line in log.splitlines()[-5:])
        raise UsageError(
            f"{system.system} gave no rate after its warm-up in {seconds:.0f} seconds and ended with code "
            f"{process.returncode}{tail}\n  Give more --seconds, or leave out --peers"
        )
    return {"rates": rates, "peak_mib": usage.ru_maxrss / MIB}


# The run and its report


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure every system in turn, so many rounds. -> what --json writes"""
    threads = arguments.threads
    place = {"data": str(arguments.data), "device": arguments.device}
    surveyed = in_fresh_process(threads, "survey", **place, max_tokens=TRAINING["max_tokens"])

    def measure(system: System) -> dict[str, Any]:
        if system.peer_words:
            return measure_peer(system, arguments.peer_scripts, arguments.peers, threads, arguments.seconds)
        _, loop, *compiled = system.system.split()
        job = {"precision": system.precision, "model": system.settings.model_dump(), "shape": surveyed["shape"]}
        training = TRAINING | {"loop": loop, "compile": bool(compiled)}
        return in_fresh_process(threads, "train", **place, **job, training=training, seconds=arguments.seconds)

    rows = systems(arguments.attention, arguments.precision, bool(arguments.peers), arguments.compile)
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for number in range(arguments.rounds):
        for key, system in {row.peer_words or row: row for row in rows}.items():  # a peer may stand beside two of ours
            found[key].append(measure(system))
            rate = statistics.median(found[key][-1]["rates"])
            print(f"round {number + 1}: {' '.join(map(str, system))}: {rate:,.0f} tokens/s", file=sys.stderr)
    report = []
    for system in rows:
        ours = next(one for one in rows if one[1:3] == system[1:3])
        parameters = found[ours][0]["parameters"]
        report.append(report_row(system, found[system.peer_words or system], parameters, surveyed["shape"][-1]))
    return {**surveyed, "threads": threads, "rounds": arguments.rounds, "rows": report}


def report_row(system: System, found: Sequence[dict[str, Any]], parameters: int, tokens: int) -> dict[str, Any]:
    """One system over all rounds. `weights_mib`: weights, gradients and Adam's two moments in float32."""
    rate = spread([rate for one in found for rate in one["rates"]])
    row = {
        **system._asdict(),
        "target_tokens_per_second": rate,
        "peak_mib": max(one["peak_mib"] for one in found),
        "weights_mib": 4 * 4 * parameters / 2**20,
    }
    if system.peer_words:
        return row | {"run_as": system.peer_words}
    by_update = sorted((one["profile"] for one in found), key=lambda profile: profile["update_ms"])
    return row | {
        "roofline": roofline([one["products"] for one in found], tokens, rate["median"]),
        "profile": by_update[len(found) // 2],
    }


def spread(rates: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(rates), "min": min(rates), "max": max(rates)}


def roofline(found: Sequence[Sequence[tuple[str, int, float]]], tokens: int, rate: float) -> dict[str, Any]:
    """What the products of an update, as each round saw them, alone would take; and how near to that `rate` comes."""
    flops, seconds = Counter[str](), Counter[str]()
    for rounds in zip(*found, strict=True):
        part, count, _ = rounds[0]
        flops[part] += count
        seconds[part] += statistics.median(spent for _, _, spent in rounds)
    return {
        "flops_per_token": {part: count / tokens for part, count in flops.items()},
        "ms": {part: 1000 * spent for part, spent in seconds.items()},
        "gflops_per_second": flops.total() / seconds.total() / 1e9,
        "target_tokens_per_second": tokens / seconds.total(),
        "fraction_reached": rate * seconds.total() / tokens,
    }


def main_table(rows: Sequence[dict[str, Any]], against: str) -> str:
    """A line for each row, and by how much it is faster than `against` in float32 with the same attention."""
    standard = {
        (row["attention"], row["input_feeding"]): row["target_tokens_per_second"]["median"]
        for row in rows
        if row["system"] == against and row["precision"] == "float32"
    }
    lines = [
        f"| system | attention | input feeding | precision | target tokens/s (min–max) | times {against} | of the GEMM "
        "floor | peak MiB | beyond weights and Adam |",
        "|---" * 9 + "|",
    ]
    for row in rows:
        rate, floor = row["target_tokens_per_second"], row.get("roofline")
        times = standard.get((row["attention"], row["input_feeding"]))
        cells = [
            row["system"],
            row["attention"],
            "yes" if row["input_feeding"] else "no",
            row["precision"],
            f"{rate['median']:,.0f} ({rate['min']:,.0f}–{rate['max']:,.0f})",
            f"{rate['median'] / times:.2f}" if times else "",
            f"{floor['fraction_reached']:.0%}" if floor else "",
            f"{row['peak_mib']:,.0f}",
            f"{row['peak_mib'] - row['weights_mib']:,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def part_table(row: dict[str, Any], tokens: int) -> str:
    """Where one system's update goes, beside what its matrix products would take."""
    floor, profile = row["roofline"], row["profile"]
    lines = ["| part | MFLOP a token | products alone, ms | forward, ms | backward, ms |", "|---|---|---|---|---|"]
    sums = [0.0] * 4
    for part in PARTS:
        figures = [floor["flops_per_token"].get(part, 0.0) / 1e6, floor["ms"].get(part, 0.0)]
        figures += profile["parts"][part].values()
        sums = [total + figure for total, figure in zip(sums, figures, strict=True)]
        lines.append(f"| {part} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    lines.append(f"| **in all** | {' | '.join(f'{total:.1f}' for total in sums)} |")
    unwatched = 1000 * tokens / row["target_tokens_per_second"]["median"]
    name = f"{row['system']}, {row['attention']}{'' if row['input_feeding'] else '/no'}, {row['precision']}"
    return (
        f"{name}: products at {floor['gflops_per_second']:,.0f} GFLOP/s; {profile['update_ms']:.0f} ms an update under "
        f"the profile's eyes, {unwatched:.0f} without\n\n" + "\n".join(lines)
    )


def refuse_unusable(parser: argparse.ArgumentParser, arguments: argparse.Namespace, peers: Sequence[str]) -> None:
    """End with a message where peers are not installed, where nothing is to be measured or it could not be kept."""
    scripts = arguments.peer_scripts
    for path in [scripts / "run.sh", *(arguments.peers / peer for peer in peers)] if arguments.peers else []:
        if not path.exists():
            parser.error(f"{path} is not there; run {scripts / 'setup.sh'} {arguments.peers} first")
    if arguments.rounds < 1:
        parser.error(f"--rounds {arguments.rounds}: at least one is needed")
    if arguments.json and not arguments.json.parent.is_dir():
        parser.error(f"--json {arguments.json}: {arguments.json.parent} is no folder; make it first")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="prepared folder")
    parser.add_argument(
        "--peers", type=Path, metavar="DIR", help="where setup.sh of --peer-scripts installed the peers"
    )
    parser.add_argument("--peer-scripts", type=Path, default=Path("../shared/peers"), metavar="DIR", help="%(default)s")
    parser.add_argument("--attention", nargs="+", choices=ATTENTIONS, metavar="NAME", default=DEFAULT_ATTENTIONS)
    parser.add_argument("--precision", nargs="+", choices=["float32", "bfloat16"], default=["float32", "bfloat16"])
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30, help="of a measurement, beside its warm-up")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave compiled loops out")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.peers and arguments.device != "cpu":
        parser.error(f"--peers are set up for a CPU; leave them out with --device {arguments.device}")
    refuse_unusable(parser, arguments, [peer.name for peer in PEERS.values()])
    return arguments


def main() -> None:
    """Print the tables and write the JSON."""
    arguments = parse()
    report = run(arguments)
    rows, baseline = report["rows"], report["baseline_mib"]
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    against = "opennmt-py" if arguments.peers else "nmt reference"
    sentences, source, target, tokens = report["shape"]
    print(
        f"{report['machine']}, mean batch {sentences} pairs of {source} and {target} tokens, {tokens:,} target tokens"
    )
    print(f"torch and the corpus alone hold {baseline:,.0f} MiB; weights and Adam {rows[0]['weights_mib']:,.0f} MiB")
    if not arguments.peers:
        print("No --peers: our plain loop in float32, nmt reference, stands in for them")
    print(f"\n{main_table(rows, against)}")
    for row in rows:
        if "profile" in row:
            print(f"\n{part_table(row, tokens)}")


if __name__ == "__main__":
    serve(main, {"survey": survey, "train": train})
