"""The network as ONNX graphs: the encoder, and one step of the decoder without its last product.

The graphs are traced from the readable network, so every kind of attention has them, registered ones included. A trace
keeps what depends on shapes only where it is written in terms of tensors: `x.shape[0]`, not `len(x)`.
"""

# B sentences   K rows of a sentence   S source positions   M memory   A attention space   D decoder state
# F fed vector   P history of attention   R readout   W embedding of a source word
# Z states of the decoder's upper layers

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from threading import Lock
from typing import Any, NamedTuple

import onnx
import torch
from torch import Tensor, nn

from nmt.ids import BOS, EOS
from nmt.inference.graphs import AXES, BOUNDED, CARRY, MARKERS, MEMORY, RECURRENCE, Graphs
from nmt.model.attention.base import Attention, Memory
from nmt.model.attention.composite import CompositeAttention
from nmt.model.cells import Carry
from nmt.model.gru import GRU
from nmt.model.seq2seq import Seq2Seq

TRACING = Lock()  # torch traces one network at a time
OPSET = 17


class Bounded(torch.autograd.Function):
    """The identity, as a marker in a graph."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bound: float) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def symbolic(graph: Any, values: Any, bound: float) -> Any:
        """The marker's node."""
        return graph.op(f"{MARKERS}::{BOUNDED}", values, bound_f=bound).setType(values.type())


class Recurrence(torch.autograd.Function):
    """One node of a graph that stands for a loop over positions, because a trace repeats the positions of its example.

    It returns numbers in the shape of states, on which nothing in a trace depends.
    """

    @staticmethod
    def forward(ctx: Any, cell: nn.Module, gates_SBG: Tensor, first_BD: Tensor, *weights: Tensor) -> Tensor:
        return gates_SBG[..., : first_BD.shape[1]]

    @staticmethod
    def symbolic(graph: Any, cell: nn.Module, gates: Any, first: Any, *weights: Any) -> Any:
        """The node; weights and biases take turns."""
        states = graph.op(f"{MARKERS}::{RECURRENCE}", gates, first, *weights, cell_s=type(cell).__name__)
        return states.setType(gates.type().with_sizes([None, None, cell.hidden_size]))


class RecurrentCell(nn.Module):
    """A cell of the encoder whose loop is one node of a graph."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.recurrent_weights = cell, cell.recurrent_weights

    def forward(self, inputs_SBE: Tensor, weights: Sequence[Tensor]) -> Tensor:
        """-> states_SBD"""
        first_BD = inputs_SBE.new_zeros(inputs_SBE.shape[1], self.cell.hidden_size)
        pairs = zip(weights, self.cell.recurrent_biases, strict=True)
        states_SBD: Tensor = Recurrence.apply(  # type: ignore[no-untyped-call]
            self.cell, self.cell.project(inputs_SBE), first_BD, *(one for pair in pairs for one in pair)
        )
        return states_SBD


def mark(values: Tensor, bound: float | None) -> Tensor:
    """`values`, marked as bounded where a bound is known."""
    return values if bound is None else Bounded.apply(values, bound)  # type: ignore[no-untyped-call]


class Bounds(NamedTuple):
    """The largest absolute values of a network's tensors; None where no bound is known. States are at most 1."""

    states: float | None  # that the encoder's top layer returns
    values: float | None  # of the memory
    context: float | None
    encoder: tuple[float | None, ...]  # of what each layer of the encoder reads; the first reads embeddings
    layers: tuple[float | None, ...]  # of what each upper layer of the decoder reads, and of what the top layer returns

    @classmethod
    def of(cls, model: Seq2Seq) -> "Bounds":
        """States of a GRU lie in [-1, 1], a residual connection adds one to another, and an average of the memory is
        bounded as the memory is.
        """
        settings, attention = model.settings, model.cell.attention
        states: float | None = float(settings.encoder_layers) if settings.residual else 1.0
        if settings.layer_norm:
            states = None
        elif not settings.encoder_layers:
            states = float(model.source_embedding.weight.detach().abs().max())
        read = [float(depth) if settings.residual else 1.0 for depth in range(1, settings.encoder_layers)]
        encoder = (None, *([None] * len(read) if settings.layer_norm else read))
        values = None if settings.encoder_heads else states
        averages = type(attention).forward in (Attention.forward, CompositeAttention.forward) and attention.heads == 1
        context = (values if averages else None) if attention.memory_size else 0.0
        layers: list[float | None] = [1.0]
        for _ in range(1, settings.decoder_layers):
            below = layers[-1] if settings.residual else 0.0
            layers.append(None if below is None or settings.layer_norm else below + 1.0)
        return cls(states, values, context, encoder, tuple(layers))


class EncoderGraph(nn.Module):
    """What becomes the graph of the encoder."""

    def __init__(self, model: Seq2Seq, bounds: Bounds) -> None:
        super().__init__()
        self.model, self.bounds = model, bounds

    def forward(self, source_BS: Tensor, lengths_B: Tensor) -> tuple[Tensor, ...]:
        """-> values_BSM, keys_BSA, real_BS, embedded_BSW of a lexical model, hidden_B1D, fed_B1F, and upper_B1Z of a
        decoder with upper layers
        """

        def build_memory(values_BSM: Tensor, real_BS: Tensor) -> Memory:
            return self.model.cell.attention.build_memory(mark(values_BSM, self.bounds.values), real_BS)

        memory, carry = self.model.encode(source_BS, lengths_B, build_memory=build_memory)
        upper = () if self.model.cell.upper is None else (carry.upper_BKZ,)
        return (*(part for _, part in list_parts(memory)), carry.hidden_BKD, carry.fed_BKF, *upper)


class StepGraph(nn.Module):
    """What becomes the graph of a step."""

    def __init__(self, model: Seq2Seq, bounds: Bounds) -> None:
        super().__init__()
        self.model, self.bounds = model, bounds
        self.returned: tuple[str, ...] = CARRY

    def forward(self, previous_BK: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        """`parts` are those of the memory that there are, then all of the carry.

        -> readout_BKR, attention_BKS, parts_BKHS if attention has parts, and of the carry what is `returned`
        """
        cell, bounds = self.model.cell, self.bounds
        heads_project = cell.attention.heads > 1
        values_BSM, *others = parts[: -len(CARRY)]
        memory = Memory(mark(values_BSM, None if heads_project else bounds.values), *others)
        hidden_BKD, fed_BKF, history_BKP, upper_BKZ = parts[-len(CARRY) :]
        carry = Carry(mark(hidden_BKD, 1.0), mark(fed_BKF, 1.0), history_BKP, mark(upper_BKZ, 1.0))
        inputs_BKI = cell.project_embedding(self.model.target_embedding(previous_BK))
        out = cell(inputs_BKI, carry, memory)
        readout_BKR = self.model.complete(out.readout_BKR, out.attention_BKS, memory)
        if self.model.lexical is not None:
            readout_BKR = mark(readout_BKR, 1.0)  # the lexical part is a mean of two tanh
        weights = (out.attention_BKS,) if out.parts_BKHS is None else (out.attention_BKS, out.parts_BKHS)
        returned = (part for name, part in zip(CARRY, out.carry, strict=True) if name in self.returned)
        return (readout_BKR, *weights, *returned)


def list_parts(memory: Memory) -> list[tuple[str, Tensor]]:
    """The parts of a memory that there are, with the names of a graph's inputs."""
    return [(name, part) for name, part in zip(MEMORY, memory, strict=True) if part is not None]


@contextmanager
def mark_bounds(model: Seq2Seq, bounds: Bounds) -> Iterator[None]:
    """Mark what the modules of a network read, as far as it is bounded."""

    def mark_first(bound: float | None) -> Any:
        return lambda _module, inputs: (mark(inputs[0], bound), *inputs[1:])

    cell, context = model.cell, bounds.context
    reads: list[tuple[nn.Module | None, float | None]] = [
        (model.bridge, bounds.states),
        (cell.attention, 1.0),
        (cell.from_loop, 1.0 if cell.fed_size else context),
    ]
    joined = [None if one is None or context is None else max(one, context) for one in bounds.layers]
    readouts = {cell.readout: joined[0], cell.output_readout[0]: joined[-1]}  # one and the same without upper layers
    upper = [] if cell.upper is None else [layer.dropout for layer in cell.upper.layers]
    for layers in model.encoder.forwards, model.encoder.backwards:
        reads += zip(layers, bounds.encoder, strict=False)
    reads += [*readouts.items(), *zip(upper, joined, strict=False), *((one, 1.0) for one in cell.transitions)]
    handles = [module.register_forward_pre_hook(mark_first(bound)) for module, bound in reads if module is not None]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def trace_graphs(model: Seq2Seq) -> Graphs:
    """The graphs of a network in evaluation mode, in float32, with markers."""
    shared = {id(weight): weight for weight in model.parameters() if weight.dtype == torch.float32}
    model = deepcopy(model, shared).float()  # a twin, in which modules can be marked and replaced
    for cells in model.encoder.forwards, model.encoder.backwards:
        for depth, cell in enumerate(cells):
            if not isinstance(cell, GRU) or cell.transitions:
                cells[depth] = RecurrentCell(cell)
    bounds = Bounds.of(model)
    encoder, step = EncoderGraph(model, bounds), StepGraph(model, bounds)
    source_BS = torch.tensor([[EOS + 1, EOS + 2, EOS + 1, EOS, 0], [EOS + 2, EOS + 1, EOS + 1, EOS + 2, EOS]])
    lengths_B = torch.tensor([4, 5])
    previous_BK = torch.full((2, 3), BOS)
    with TRACING, mark_bounds(model, bounds):
        memory, start = model.encode(source_BS, lengths_B)
        read = dict(list_parts(memory))
        carry = [part.expand(-1, 3, -1).contiguous() for part in start if part is not None]
        later = step(previous_BK, *read.values(), *carry)[-len(CARRY) :]
        step.returned = tuple(name for name, part in zip(CARRY, later, strict=True) if part.shape[-1])
        names = "previous", *read, *CARRY
        outs = ["readout", "attention", *["parts"] * bool(model.part_names), *step.returned]
        changes_shape = later[2].shape != carry[2].shape
        started = [*read, "hidden", "fed", *["upper"] * (model.cell.upper is not None)]
        return Graphs(
            trace(encoder, (source_BS, lengths_B), ("source", "lengths"), started),
            trace(step, (previous_BK, *read.values(), *later), names, outs),
            trace(step, (previous_BK, *read.values(), *carry), names, outs) if changes_shape else None,
        )


def trace(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str], outs: Sequence[str]) -> onnx.ModelProto:
    """A module as a graph. Outputs that are inputs too have the name of the input and `_out`."""
    axes = {name: dict(enumerate(AXES[name])) for name in names}
    out_names = [f"{name}_out" if name in names else name for name in outs]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is old, and shapes of weights are constants
        torch.onnx.export(
            module,
            tuple(inputs),
            file,  # type: ignore[arg-type]
            input_names=list(names),
            output_names=out_names,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    found = onnx.load_from_string(file.getvalue())
    del found.graph.value_info[:]  # the shapes of this trace
    declare_axes(found.graph.input, dict(zip(names, inputs, strict=True)))
    declare_axes(found.graph.output, {})
    return found


def declare_axes(values: Any, samples: Mapping[str, Tensor]) -> None:
    """Name the axes of a graph's inputs or outputs, other than those of weights."""
    for value in values:
        name = value.name.removesuffix("_out")
        shape = value.type.tensor_type.shape
        sizes = [dim.dim_value for dim in shape.dim]
        del shape.dim[:]
        for axis, size in zip(AXES[name], sizes, strict=False):
            dim = shape.dim.add()
            if size and axis not in "BKSP":
                dim.dim_value = size
            else:
                dim.dim_param = axis
