"""The graphs of a trained network in a precision, from its trace to products in 8 bits."""

import numpy as np
import onnx
import torch

from nmt.ids import BOS, EOS, PAD
from nmt.inference.engine import Engine
from nmt.inference.graphs import RECURRENCE, Graphs, UntraceableError, is_own
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
from nmt.step import Array, StepModel

MAX_ERROR = 1e-3  # of log-probabilities and attention in float32


@torch.no_grad()
def build_graphs(model: Seq2Seq, precision: str) -> Graphs:
    """The graphs of a network in a precision: float32 or int8.

    Raises UntraceableError for a network with an attention from elsewhere that has no correct graph.
    """
    if not is_own(model.settings):
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

    def run_steps(stepping: StepModel) -> list[Array]:
        source_BS = np.array([[EOS + 1, EOS], [EOS, PAD], [EOS + 1, EOS]]).repeat(4, 1)
        source_BS[:, 4:][source_BS[:, 4:] == EOS] = PAD
        lengths_B = (source_BS != PAD).sum(1)
        state = stepping.start(source_BS, lengths_B)
        state = stepping.select(state, np.arange(3)[:, None].repeat(2, 1))
        found = []
        for token in (BOS, EOS + 1, EOS):
            out = stepping.step(np.full(6, token), state)
            found += [out.log_probs_NV, out.attention_NS]
            state = out.state
        return found

    pairs = zip(run_steps(model), run_steps(engine), strict=True)
    return float(np.max([np.abs(one - other).max() for one, other in pairs if one.size]))  # NaN if one of them is
