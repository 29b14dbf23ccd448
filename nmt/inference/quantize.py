"""Products with constant weights in 8-bit integers: a graph is rewritten, product by product.

    y = x W + b;  x ~ s (q - 128), q from 1 to 255;  W ~ Q diag(t), Q from -64 to 64;  y ~ s t ((q - 128) Q) + b

The scale s is a constant, so a product needs a bound of its operand: it is that of a marker (nmt.inference.trace), of
a function such as tanh, or of an embedding. Products whose operand has no known bound stay in float32. Each column of W
has a scale of its own.

Sums are integers, and exact. So a row of y depends on no other row, and is the same on every CPU. The weights have 7
bits because a CPU without VNNI adds pairs of products in 16 bits: 2 * 255 * 64 fits, 2 * 255 * 127 would not.
"""

# I inputs   O outputs

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from nmt.inference.graphs import BOUNDED, MARKERS
from nmt.inference.recurrence import PRODUCTS, STATE_BOUND, Weights, build_loop

LEVELS = 127  # of an operand on either side of zero
WEIGHT_LEVELS = 64
ZERO = 128
# operators whose outputs consist of numbers of their first input, and those whose outputs lie in [-1, 1]
MOVING = {"Identity", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Slice", "Gather", "Expand", "Split", "Flatten"}
SQUASHING = {"Tanh", "Sigmoid", "Softmax"}

Floats = NDArray[np.float32]


def remove_markers(model: onnx.ModelProto) -> None:
    """Take the markers of bounds out of a graph."""
    names: dict[str, str] = {}
    outputs = {value.name for value in model.graph.output}
    nodes = []
    for node in model.graph.node:
        for number, name in enumerate(node.input):
            node.input[number] = names.get(name, name)
        if node.op_type == BOUNDED and node.output[0] in outputs:
            nodes.append(helper.make_node("Identity", node.input, node.output))
        elif node.op_type == BOUNDED:
            names[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    replace_nodes(model, nodes)
    kept = [opset for opset in model.opset_import if opset.domain != MARKERS]
    del model.opset_import[:]
    model.opset_import.extend(kept)


def replace_nodes(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> None:
    """Give a graph other nodes, and take out the weights that they do not read."""
    nodes = list(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    kept = [weight for weight in model.graph.initializer if weight.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def find_bounds(model: onnx.ModelProto, weights: dict[str, NDArray[Any]]) -> dict[str, float]:
    """The largest absolute value of every tensor of a graph for which it is known."""
    bounds = {
        name: float(np.abs(weight).max())
        for name, weight in weights.items()
        if weight.dtype == np.float32 and np.isfinite(weight).all() and weight.size
    }
    for node in model.graph.node:
        known = [bounds.get(name) for name in node.input]
        bound = None
        if node.op_type == BOUNDED:
            bound = node.attribute[0].f
        elif node.op_type in SQUASHING:
            bound = 1.0
        elif node.op_type in MOVING or node.op_type == "Cast":
            bound = known[0]
        elif node.op_type == "Concat" and None not in known:
            bound = max(known)  # type: ignore[type-var]
        if bound is not None and np.isfinite(bound):
            bounds.update(dict.fromkeys(node.output, bound))
    return bounds


def round_weight(weight_IO: Floats) -> tuple[NDArray[np.int8], Floats]:
    """The levels of a weight and the scale of each column. -> levels_IO, scale_O"""
    scale_O = (np.abs(weight_IO).max(0) / WEIGHT_LEVELS).clip(np.finfo(np.float32).tiny).astype(np.float32)
    return np.rint(weight_IO / scale_O).astype(np.int8), scale_O


def round_recurrence(weight_GD: Floats, bias_G: Floats) -> Weights:
    """What the product of a state with a weight reads in 8 bits: see nmt.inference.recurrence."""
    levels_DG, scales_G = round_weight(weight_GD.T)
    scale, zero = np.array(STATE_BOUND / LEVELS, np.float32), np.array(ZERO, np.uint8)
    return {"levels": levels_DG, "scales": scales_G, "bias": bias_G, "scale": scale, "zero": zero}


def collect_weights(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The constants of a graph by their names."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    for node in model.graph.node:  # of equal weights one is stored
        if node.op_type == "Identity" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    return weights


def quantize_products(model: onnx.ModelProto) -> None:
    """Rewrite the products of a graph, and its GRUs, as far as their operands are bounded. Markers stay.

    The weight `w` becomes `w_levels` and `w_scales`. An embedding that only products read is stored in levels.
    """
    Quantizer(model).rewrite()


class Quantizer:
    """Rewrites one graph, node by node."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.weights = collect_weights(model)
        self.bounds = find_bounds(model, self.weights)
        self.makers = {name: node for node in model.graph.node for name in node.output}
        self.readers = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                self.readers[name].append(node)
        self.added: dict[str, Any] = {"zero": np.uint8(ZERO)}
        self.levels: dict[str, str] = {}  # of operands
        self.nodes: list[onnx.NodeProto] = []

    def rewrite(self) -> None:
        """Give the graph its new nodes and weights."""
        replaced: set[str] = set()  # outputs of nodes that are part of a product now
        for node in self.model.graph.node:
            if node.output[0] in replaced:
                continue
            weight = self.weights.get(node.input[1]) if node.op_type in ("MatMul", "Mul", "GRU") else None
            if weight is None or not self.bounds.get(node.input[0]) or not np.isfinite(weight).all():
                self.nodes.append(node)
            elif node.op_type == "GRU":
                self.add_recurrence(node)
            elif node.op_type == "MatMul" and weight.ndim == 2:
                bias = self.find_bias(node, weight)
                output = node.output[0] if bias is None else self.readers[node.output[0]][0].output[0]
                self.add_product(node.input[0], node.input[1], weight, bias, output)
                replaced.add(output)
            elif self.is_sum_of_products(node, weight):
                (total,) = self.readers[node.output[0]]
                name, output = node.input[1], total.output[0]
                self.add_product(node.input[0], name, weight.reshape(-1, 1), None, f"{output}_column")
                self.added["last_axis"] = np.array([-1])
                self.nodes.append(helper.make_node("Squeeze", [f"{output}_column", "last_axis"], [output]))
                replaced.add(output)
            else:
                self.nodes.append(node)
        self.model.graph.initializer.extend(
            numpy_helper.from_array(np.asarray(value), name) for name, value in self.added.items()
        )
        read = {name for node in self.nodes for name in node.input} | {value.name for value in self.model.graph.output}
        replace_nodes(self.model, [node for node in self.nodes if node.op_type != "Gather" or node.output[0] in read])
        self.model.opset_import.append(helper.make_opsetid(PRODUCTS, 1))

    def find_bias(self, product: onnx.NodeProto, weight_IO: Floats) -> str | None:
        """The bias that alone is added to a product."""
        sums = self.readers[product.output[0]]
        if [node.op_type for node in sums] != ["Add"]:
            return None
        biases = [name for name in sums[0].input if name in self.weights]
        return biases[0] if biases and self.weights[biases[0]].shape == weight_IO.shape[1:] else None

    def is_sum_of_products(self, node: onnx.NodeProto, weight: Floats) -> bool:
        """Whether numbers times one vector are summed along the last axis: a product with one output."""
        sums = self.readers[node.output[0]]
        if weight.size != weight.shape[-1] or [total.op_type for total in sums] != ["ReduceSum"]:
            return False
        options = {option.name: option.i for option in sums[0].attribute}
        axes = self.weights.get(sums[0].input[1], self.read_constant(sums[0].input[1]))
        return options.get("keepdims", 1) == 0 and axes is not None and axes.tolist() == [-1]

    def read_constant(self, name: str) -> NDArray[Any] | None:
        """The value of a node that is a constant."""
        maker = self.makers.get(name)
        is_constant = maker is not None and maker.op_type == "Constant"
        return numpy_helper.to_array(maker.attribute[0].t) if maker is not None and is_constant else None

    def add_product(self, operand: str, name: str, weight_IO: Floats, bias: str | None, output: str) -> None:
        """Add nodes that multiply an operand and a weight in 8 bits."""
        if operand not in self.levels:
            self.add_levels(operand)
        self.added[f"{name}_levels"], self.added[f"{name}_scales"] = round_weight(weight_IO)
        inputs = [self.levels[operand], f"{name}_levels", f"{operand}_scale", f"{name}_scales", "zero", ""]
        inputs += [] if bias is None else [bias]
        self.nodes.append(helper.make_node("MatMulIntegerToFloat", inputs, [output], domain=PRODUCTS))

    def add_recurrence(self, node: onnx.NodeProto) -> None:
        """Add a GRU as torch exports it: of one layer and direction, with a first state of zeros."""
        operand, name, *_, first = node.input
        input_1GI, recurrent_1GD, bias_1X = (self.weights[one] for one in node.input[1:4])
        states, prefix = node.output[0], f"{node.output[0]}/loop"
        of_input_G, of_recurrent_G = np.split(bias_1X[0], 2)
        self.added[f"{prefix}_bias"] = of_input_G
        self.add_product(operand, name, input_1GI[0].T, f"{prefix}_bias", f"{prefix}_gates")
        inputs, products = [f"{prefix}_gates", f"{prefix}_first"], [round_recurrence(recurrent_1GD[0], of_recurrent_G)]
        self.added |= {"first_axis": np.array([0]), "second_axis": np.array([1])}
        self.nodes += [
            helper.make_node("Squeeze", [first, "first_axis"], [f"{prefix}_first"]),
            build_loop(prefix, inputs, f"{prefix}_states", products),
            helper.make_node("Unsqueeze", [f"{prefix}_states", "second_axis"], [states]),
        ]

    def add_levels(self, operand: str) -> None:
        """Add what computes the levels of an operand; those of an embedding are looked up."""
        self.levels[operand] = levels = f"{operand}_levels"
        scale = self.added[f"{operand}_scale"] = np.float32(self.bounds[operand] / LEVELS)
        maker = self.makers.get(operand)
        if maker is not None and maker.op_type == "Gather" and maker.input[0] in self.weights:
            embedding, ids = maker.input
            self.added[f"{embedding}_levels"] = (np.rint(self.weights[embedding] / scale) + ZERO).astype(np.uint8)
            self.nodes.append(helper.make_node("Gather", [f"{embedding}_levels", ids], [levels]))
        else:
            self.nodes.append(helper.make_node("QuantizeLinear", [operand, f"{operand}_scale", "zero"], [levels]))
