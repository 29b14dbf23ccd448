"""Where the time of an update goes: seconds by part of the network, forward and backward.

Functions of the network are replaced by timed ones, and hooks on the nodes of autograd attribute the backward pass.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

PROFILED_UPDATES = 20
PARTS = "encoder", "keys", "recurrence", "attention", "readout", "loss", "optimizer", "data", "the rest"


class Profile:
    """Seconds by part, forward and backward. Every moment belongs to exactly one part, so that they add up.

    The time of a function, without that of timed functions inside it, belongs to its part; so does the backward pass
    through the tensors that it made. A GPU is synchronized at every change of part.
    """

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self.synchronize = synchronize
        self.spent: Counter[tuple[str, str]] = Counter()
        self.part, self.direction = "the rest", "forward"
        self.since = time.perf_counter()
        self.claimed: set[Any] = set()

    def switch(self, part: str) -> str:
        """Attribute the time from now on to another part. -> the part before"""
        self.synchronize()
        now = time.perf_counter()
        self.spent[self.part, self.direction] += now - self.since  # type: ignore[assignment]
        before, self.part, self.since = self.part, part, now
        return before

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """`function`, with its time attributed to `part`."""

        @functools.wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            before = self.switch(part)
            result = function(*arguments, **options)
            self.switch("profiling")
            self.claim(part, result, {tensor.grad_fn for tensor in find_tensors((arguments, *options.values()))})
            self.switch(before)
            return result

        return call

    def claim(self, part: str, result: Any, inputs: set[Any]) -> None:
        """Attribute the autograd nodes between the inputs and the result of a function to `part`.

        Nodes that a function inside it has claimed already stay with that one.
        """
        waiting, found = [tensor.grad_fn for tensor in find_tensors(result)], set(inputs)
        while waiting:
            node = waiting.pop()
            if node is not None and node not in found:
                found.add(node)
                waiting += [before for before, _ in node.next_functions]
        for node in found - inputs - self.claimed:
            node.register_prehook(lambda _: self.switch(part) and None)
        self.claimed |= found - inputs

    def timed_backward(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`torch.autograd.backward`, with its time attributed to the backward direction."""

        def call(*arguments: Any, **options: Any) -> None:
            before, self.direction = self.switch("the rest"), "backward"
            function(*arguments, **options)
            self.switch(before)
            self.direction = "forward"
            self.claimed.clear()

        return call


def find_tensors(value: Any) -> Iterator[Any]:
    """The tensors of nested tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from find_tensors(item)
    elif hasattr(value, "grad_fn"):
        yield value


def list_attention_functions() -> list[tuple[Any, str, str]]:
    """Every function of attention inside a fused loop: owner, name of the function, part."""
    from nmt.kernels.attention_step import FusedAttention

    kinds = (FusedAttention, *FusedAttention.__subclasses__())
    return [(kind, name, "attention") for kind in kinds for name, value in vars(kind).items() if callable(value)]


def list_timed_functions(updater: Any) -> list[tuple[Any, str, str]]:
    """Everything that is timed except for the loops: owner, name of the function, part."""
    from torch.nn import utils

    cell = updater.model.cell
    readouts = [layer for name, layer in cell.named_children() if "readout" in name and not cell.fed_size]
    return [
        *list_attention_functions(),
        *((layer, "forward", "readout") for layer in readouts),
        (updater, "update", "the rest"),
        (updater.model, "encode", "encoder"),
        (cell.attention, "project_keys", "keys"),
        (cell.attention, "forward", "attention"),
        (utils, "get_total_norm", "optimizer"),
        (updater.optimizer, "step", "optimizer"),
    ]


def profile_updates(updater: Any, fetch: Callable[[], Any], synchronize: Callable[[], None]) -> dict[str, Any]:
    """Mean milliseconds of an update by part. The functions stay replaced, so this is the last work of a process."""
    import torch

    profile = Profile(synchronize)
    for owner, name, part in list_timed_functions(updater):
        setattr(owner, name, profile.timed(getattr(owner, name), part))
    _, decode, word_loss, _ = updater.loops
    timed = {"decode": profile.timed(decode, "recurrence"), "word_loss": profile.timed(word_loss, "loss")}
    updater.loops = updater.loops._replace(**timed)
    torch.autograd.backward = profile.timed_backward(torch.autograd.backward)  # type: ignore[assignment]
    fetch = profile.timed(fetch, "data")
    profile.switch("the rest")
    profile.spent.clear()
    for _ in range(PROFILED_UPDATES):
        updater.update([fetch()], updater.settings.learning_rate)
    profile.switch("the rest")
    spent = {
        place: 1000 * seconds / PROFILED_UPDATES for place, seconds in profile.spent.items() if place[0] != "profiling"
    }
    parts = {part: {way: spent.get((part, way), 0.0) for way in ("forward", "backward")} for part in PARTS}
    return {"update_ms": sum(spent.values()), "parts": parts}
