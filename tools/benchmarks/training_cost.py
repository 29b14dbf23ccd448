"""The matrix products of an update: how many operations they are, and how long they take alone.

They are counted from the sizes of a model and of a mean batch, and timed one by one with random operands.
"""

import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from nmt.settings import ModelSettings

PRODUCT_SECONDS = 0.1  # spent on timing each product and each of its gradients
PARTS = {"gru": 3, "mingru": 2, "lrn": 3}  # what a cell of the encoder computes from its input, in its own size


class Shape(NamedTuple):
    """The mean batch. Lengths count EOS; `tokens` is the number of real target positions."""

    sentences: int
    source: int
    target: int
    tokens: int


class Product(NamedTuple):
    """`times` products (rows, inputs) x (inputs, outputs), one after the other, each for `batch` pairs of matrices.

    The gradient of the first factor takes as many products. That of the second factor is one product over the rows of
    all of them.
    """

    part: str
    rows: int
    inputs: int
    outputs: int
    times: int = 1
    batch: int = 1

    @property
    def flops(self) -> int:
        """Operations forward and for both gradients; a multiplication and its addition are two operations."""
        return 3 * 2 * self.times * self.batch * self.rows * self.inputs * self.outputs


def list_products(model: ModelSettings, vocabulary: int, shape: Shape) -> list[Product]:
    """Every matrix product of an update, for a target vocabulary of this size.

    A readout that is fed back belongs to the recurrence, the output layer to the loss. Element-wise operations are
    not products; the largest of them is the tanh of additive attention.
    """
    sentences, source, target, tokens = shape
    hidden, embedding, state, readout = model.encoder_size, model.embedding_size, model.decoder_size, model.scored_size
    memory, gates = 2 * hidden, 3 * state
    products = [Product("loss", tokens, readout + embedding * model.lexical, vocabulary)]
    for layer in range(model.encoder_layers):
        width = memory if layer else embedding
        for _ in range(2):  # directions
            products += [Product("encoder", sentences * source, width, PARTS[model.encoder_cell] * hidden)]
            recurrences = 1 + model.encoder_transitions if model.encoder_cell == "gru" else 0
            products += [Product("encoder", sentences, hidden, 3 * hidden, times=source)] * recurrences
    if model.bridge != "zeros":
        products += [Product("encoder", sentences, memory, state)]
    attends, is_additive = model.attention != "none", model.attention in ("bahdanau", "luong-concat")
    projects_query = is_additive or model.attention == "scaled-dot"
    attends_first, feeds_back = model.attention == "bahdanau", model.input_feeding and attends
    memory *= attends
    query = model.attention_size if projects_query else state * attends
    if model.attention == "luong-location":
        products += [Product("keys", source, model.attention_size, query)]
    elif attends and model.attention != "luong-dot":
        products += [Product("keys", sentences * source, memory, query)]
    products += [Product("recurrence", sentences * target, embedding, gates)]
    products += [Product("recurrence", sentences, state, gates + query * (projects_query and feeds_back), times=target)]
    products += [Product("recurrence", sentences, state, gates, times=target)] * model.decoder_transitions
    if projects_query and not feeds_back:
        products += [Product("attention", sentences * target, state, query)]
    if feeds_back:
        products += [Product("recurrence", sentences, memory if attends_first else readout, gates, times=target)]
    if attends:
        rows, times = (1, target) if feeds_back else (target, 1)
        if is_additive:
            products += [Product("attention", sentences * source, query, 1, times=target)]
        else:
            products += [Product("attention", rows, query, source, times, sentences)]
        products += [Product("attention", rows, source, memory, times, sentences)]
    if attends_first:
        products += [Product("readout", sentences * target, embedding, readout)]
    if feeds_back and not attends_first:
        products += [Product("recurrence", sentences, memory + state, readout, times=target)]
    if not feeds_back or attends_first or model.decoder_layers > 1:
        products += [Product("readout", sentences * target, memory + state, readout)]
    for _ in range(1, model.decoder_layers):
        products += [Product("upper layers", sentences * target, state + memory, gates)]
        products += [Product("upper layers", sentences, state, gates, times=target)]
    if model.lexical:
        products += [Product("lexical", target, source, embedding, batch=sentences)]
        products += [Product("lexical", sentences * target, embedding, embedding)]
    return products


def time_product(product: Product, device: str, dtype: Any) -> float:
    """Seconds of a product, forward and for both gradients."""
    import torch
    from torch.utils.benchmark import Timer

    _, rows, inputs, outputs, times, batch = product

    def draw(*sizes: int) -> torch.Tensor:
        return torch.randn(*[batch] * (batch > 1), *sizes, dtype=dtype, device=device)

    tensors = {"first": draw(rows, inputs), "second": draw(outputs, inputs), "out": draw(rows, outputs)}
    tensors |= {"all_first": draw(times * rows, inputs), "all_out": draw(times * rows, outputs)}
    statements = {"first @ second.mT": times, "out @ second": times, "all_out.mT @ all_first": 1}
    threads = torch.get_num_threads()
    return sum(
        count * Timer(code, globals=tensors, num_threads=threads).blocked_autorange(min_run_time=PRODUCT_SECONDS).median
        for code, count in statements.items()
    )


def summarize_products(rounds: Sequence[Sequence[tuple[str, int, float]]], tokens: int, rate: float) -> dict[str, Any]:
    """The time that the products of an update take alone, and how near to that limit a training rate comes.

    Each round has the part, the operations and the seconds of every product.
    """
    flops, seconds = Counter[str](), Counter[str]()
    for same_product in zip(*rounds, strict=True):
        part, count, _ = same_product[0]
        flops[part] += count
        seconds[part] += statistics.median(spent for _, _, spent in same_product)
    return {
        "flops_per_token": {part: count / tokens for part, count in flops.items()},
        "ms": {part: 1000 * spent for part, spent in seconds.items()},
        "gflops_per_second": flops.total() / seconds.total() / 1e9,
        "target_tokens_per_second": tokens / seconds.total(),
        "fraction_reached": rate * seconds.total() / tokens,
    }
