"""The graphs of a trained network in a precision, from its trace to products in 8 bits."""

import onnx
import torch

from nmt.ids import BOS, EOS, PAD
from nmt.inference.engine import Engine
from nmt.inference.graphs import RECURRENCE, Graphs
from nmt.inference.output import add_logits
from nmt.inference.quantize import (
    collect_weights,
    quantize_products,
    remove_markers,
    replace_nodes,
    round_recurrence,
)
from nmt.inference.recurrence import build_loop
from nmt.inference.trace import trace_graphs
from nmt.model.seq2seq import Seq2Seq
from nmt.step import StepModel

MAX_ERROR = 1e-3  # of log-probabilities and attention in float32


class UntraceableError(Exception):
    """A registered attention whose trace depends on the example that it was traced with."""


@torch.no_grad()
def build_graphs(model: Seq2Seq, precision: str) -> Graphs:
    """The graphs of a network in a precision: float32 or int8.

    Raises UntraceableError for a network with an attention from elsewhere that has no correct graph.
    """
    if not is_own(model):
        try:
            agrees = compute_error(model, Engine(finish_graphs(model, "float32"))) < MAX_ERROR
        except Exception as error:  # whatever a trace of someone's code, or its graph, may raise
            raise UntraceableError from error
        if not agrees:
            raise UntraceableError
    return finish_graphs(model, precision)


def build_engine(model: Seq2Seq, precision: str = "float32") -> Engine:
    """A network's engine, from graphs that are made now."""
    return Engine(build_graphs(model, precision))


def is_own(model: Seq2Seq) -> bool:
    """Whether every part of the attention is one of this package or of torch."""
    return {type(part).__module__.split(".")[0] for part in model.cell.attention.modules()} <= {"nmt", "torch"}


def finish_graphs(model: Seq2Seq, precision: str) -> Graphs:
    """Trace a network; steps end with the logits of all words."""
    graphs = trace_graphs(model)
    vectors_RV = model.output_vectors.detach().float().t().contiguous().numpy()
    bias_V = model.output_bias.detach().float().numpy()
    for graph in filter(None, graphs):
        if graph is not graphs.encoder:
            add_logits(graph, vectors_RV, bias_V)
        build_recurrences(graph, precision)
        if precision == "int8":
            quantize_products(graph)
        remove_markers(graph)
    return graphs


def build_recurrences(graph: onnx.ModelProto, precision: str) -> None:
    """Put loops in place of the nodes that stand for them, with products in a precision: float32 or int8."""
    weights = collect_weights(graph)
    nodes = []
    for node in graph.graph.node:
        if node.op_type == RECURRENCE:
            parameters = [weights[name] for name in node.input[2:]]
            pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
            if precision == "int8":
                products = [round_recurrence(*pair) for pair in pairs]
            else:
                products = [{"weight": weight_GD.T, "bias": bias_G} for weight_GD, bias_G in pairs]
            states, cell = node.output[0], node.attribute[0].s.decode()
            node = build_loop(f"{states}/loop", node.input[:2], states, products, cell, ("reset", "update"))
        nodes.append(node)
    replace_nodes(graph, nodes)


def compute_error(model: Seq2Seq, engine: Engine) -> float:
    """The largest difference between a network and its engine, in three steps of sentences of several lengths."""

    def run_steps(stepping: StepModel) -> list[torch.Tensor]:
        source_BS = torch.tensor([[EOS + 1, EOS], [EOS, PAD], [EOS + 1, EOS]]).repeat_interleave(4, 1)
        source_BS[:, 4:] = torch.where(source_BS[:, 4:] == EOS, PAD, source_BS[:, 4:])
        lengths_B = (source_BS != PAD).sum(1)
        state = stepping.start(source_BS, lengths_B)
        state = stepping.select(state, torch.arange(3)[:, None].expand(-1, 2))
        found = []
        for token in (BOS, EOS + 1, EOS):
            out = stepping.step(torch.full((6,), token), state)
            found += [out.log_probs_NV, out.attention_NS]
            state = out.state
        return found

    pairs = zip(run_steps(model), run_steps(engine), strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs if one.numel())
