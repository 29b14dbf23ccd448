"""CUDA graphs: all kernels of a batch's gradient are started at once, not one after the other by Python.

A small batch has thousands of kernels, which a GPU finishes sooner than Python starts them. A graph computes with
tensors of one shape, so batches are padded to few shapes, and their numbers are copied into the tensors of a graph.

https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

# B sentences   T target positions   S source positions

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from nmt.data.batches import Batch
from nmt.ids import EOS, PAD

MOST_SHAPES = 128  # whose graphs are kept; Multi30k has 80 shapes of batches

# Add the gradient of a batch, divided by a number of target tokens and with a weight of guided attention. -> its sums
Accumulate = Callable[[Batch, Tensor, Tensor], tuple[Tensor, ...]]


@dataclass
class Recording:
    """The tensors of a shape, which are filled anew for each batch, and its graph once that is recorded."""

    batch: Batch
    tokens: Tensor
    guided_weight: Tensor
    graph: torch.cuda.CUDAGraph | None = None
    sums: tuple[Tensor, ...] = ()

    def fill(self, batch: Batch, tokens: int, guided_weight: float) -> None:
        """Copy a batch, which has at most the sentences and positions of this shape, and two numbers."""
        fill_padded(self.batch, batch)
        self.tokens.fill_(tokens)
        self.guided_weight.fill_(guided_weight)


class GraphedGradients:
    """Computes gradients as `accumulate` does. The first batch of a shape is computed as usual, the second is recorded.

    Where recording fails, everything is computed as usual from then on, with the same numbers, and `note` gets why. The
    same holds once a batch has not fitted in memory, because graphs have memory of their own. All share it; where less
    is free than torch holds already, nothing more is recorded.
    """

    def __init__(
        self, accumulate: Accumulate, parameters: Sequence[Tensor], device: torch.device, note: Callable[[str], None]
    ) -> None:
        self.accumulate, self.parameters, self.device, self.note = accumulate, parameters, device, note
        self.recordings: dict[tuple[int, ...], Recording] = {}  # the one that was used last is the last
        self.addresses: list[int] = []
        self.can_record = True
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, batch: Batch, tokens: int, guided_weight: float) -> tuple[Tensor, ...]:
        """Add the gradient of a batch to those of the parameters. -> its sums"""
        if self.addresses != (addresses := self._list_addresses()):
            self.clear()
        self.addresses = addresses
        batch = batch if guided_weight else batch._replace(guide_BTS=None)
        shape = pad_shape(batch)
        recording = self.recordings.pop(shape, None)
        is_new = recording is None
        if recording is None:
            if len(self.recordings) == MOST_SHAPES:
                del self.recordings[next(iter(self.recordings))]
            tokens_0 = torch.zeros((), dtype=torch.int64, device=self.device)
            weight_0 = torch.zeros((), dtype=self.parameters[0].dtype, device=self.device)
            recording = Recording(allocate(batch, shape), tokens_0, weight_0)
        self.recordings[shape] = recording
        recording.fill(batch, tokens, guided_weight)
        if recording.graph is None and not is_new and self.can_record and has_room(self.device):
            self._record(recording)
        if recording.graph is None:
            sums = self.accumulate(recording.batch, recording.tokens, recording.guided_weight)
            self.addresses = self._list_addresses()  # the first backward pass of all allocates the gradients
            return sums
        recording.graph.replay()
        return tuple(one.clone() for one in recording.sums)

    def clear(self) -> None:
        """Forget all graphs and free their memory."""
        self.recordings.clear()

    def stop(self, reason: str) -> None:
        """Record nothing from now on."""
        if self.can_record:
            self.note(f"CUDA graphs are not used from now on: {reason}")
        self.can_record = False
        self.clear()

    def _record(self, recording: Recording) -> None:
        graph = torch.cuda.CUDAGraph()
        generator = torch.cuda.default_generators[self.device.index or 0]
        state = generator.clone_state()
        try:
            # other threads, such as the one that makes batches, may use the GPU meanwhile
            with keep_garbage(), warnings.catch_warnings(), torch.cuda.stream(torch.cuda.current_stream()):
                warnings.filterwarnings("ignore", "The CUDA Graph is empty")  # where it fails
                with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):
                    recording.sums = self.accumulate(recording.batch, recording.tokens, recording.guided_weight)
            recording.graph = graph
        except RuntimeError as error:
            generator.graphsafe_set_state(state)  # a recording that failed leaves a generator that draws no more
            reason = str(error.__context__ or error).strip().partition("\n")[0]
            self.stop(f"recording one failed: {reason}")

    def _list_addresses(self) -> list[int]:
        """Where parameters and gradients are: a graph is of no use once they have moved."""
        gradients = (parameter.grad for parameter in self.parameters)
        return [one.data_ptr() for one in (*self.parameters, *gradients) if one is not None]


def has_room(device: torch.device) -> bool:
    """Whether a recording surely fits: it begins by freeing what no tensor uses, and needs what torch held."""
    free, _ = torch.cuda.mem_get_info(device)
    return free >= torch.cuda.memory_allocated(device)  # free + (held - allocated) >= held


@contextmanager
def keep_garbage() -> Iterator[None]:
    """Collect no garbage: a graph that is deleted while another is recorded makes that fail."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def pad_shape(batch: Batch) -> tuple[int, ...]:
    """Sentences, source and target positions that a batch is padded to, and whether it has known word links."""
    sizes = (*batch.source_BS.shape, batch.target_BT.shape[1])
    return *map(round_up, sizes), int(batch.guide_BTS is not None)


def round_up(size: int) -> int:
    """The next of a few sizes: 4, 8, …, 64, 72, …, 128, 144, …, at most an eighth more than a large `size`.

    >>> [round_up(size) for size in (1, 62, 65, 129)]
    [4, 64, 72, 144]
    """
    step = max(4, 1 << size.bit_length() >> 4)
    return -(-size // step) * step


def allocate(like: Batch, shape: tuple[int, ...]) -> Batch:
    """A batch of a shape, with undefined numbers."""
    B, S, T, is_guided = shape
    return Batch(
        like.source_BS.new_empty(B, S),
        like.source_lengths_B.new_empty(B),
        like.target_BT.new_empty(B, T),
        like.target_lengths_B.new_empty(B),
        0,
        0,
        like.guide_BTS.new_empty(B, T, S) if is_guided and like.guide_BTS is not None else None,
    )


def fill_padded(padded: Batch, batch: Batch) -> None:
    """Copy a batch into a larger one. Sentences that it has not consist of an EOS, and have no target."""
    padded.source_BS.fill_(PAD)[:, 0] = EOS
    padded.target_BT.fill_(PAD)
    padded.source_lengths_B.fill_(1)
    padded.target_lengths_B.fill_(1)
    pairs = [(padded.source_BS, batch.source_BS), (padded.target_BT, batch.target_BT)]
    pairs += [(padded.source_lengths_B, batch.source_lengths_B), (padded.target_lengths_B, batch.target_lengths_B)]
    if padded.guide_BTS is not None and batch.guide_BTS is not None:
        pairs.append((padded.guide_BTS.zero_(), batch.guide_BTS))
    for large, small in pairs:
        large[tuple(map(slice, small.shape))] = small
