"""Recurrences as loops over their equations: those that ONNX has no operator for, and GRUs in 8-bit integers.

ONNX Runtime's own GRU computes in float32.
"""

# S positions   B sentences   D state   G = 3 * D gates

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PRODUCTS = "com.microsoft"  # the domain of ONNX Runtime's own operators
STATE_BOUND = 1.0  # of the absolute values of states: each is tanh of something, or an average of such values and zero

Weights = Mapping[str, NDArray[Any]]


class Update:
    """The nodes that compute "next" from "state", and their constants. Within the graph, names begin with `name`."""

    def __init__(self, name: str, state: str) -> None:
        self.name, self.state = name, state
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def named(self, one: str) -> str:
        """The name of a value in the graph."""
        return self.state if one == "state" else one and f"{self.name}/{one}"

    def add(self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **options: Any) -> None:
        """Add a node."""
        names = list(map(self.named, inputs)), list(map(self.named, outputs))
        self.nodes.append(helper.make_node(kind, *names, **options))

    def keep(self, **constants: NDArray[Any]) -> None:
        """Add constants."""
        self.constants += [numpy_helper.from_array(value, self.named(key)) for key, value in constants.items()]


def build_gru(name: str, state: str, weights: Weights, gates: Sequence[str], has_input: bool) -> Update:
    """z = sigmoid(x_z + h_z)   r = sigmoid(x_r + h_r)   n = tanh(x_n + r h_n)   s' = n + z (s - n)

    x are the shares of "input", or zero without it, and h = R s + b, as in torch.nn.GRU. `gates` is the order of z, the
    "update", and r, the "reset". For other arguments see `build_loop`.
    """
    update = Update(name, state)
    update.keep(**weights)
    if "levels" in weights:
        update.add("QuantizeLinear", ["state", "scale", "zero"], ["state_levels"])
        product = ["state_levels", "levels", "scale", "scales", "zero", "", "bias"]
        update.add("MatMulIntegerToFloat", product, ["recurrent"], domain=PRODUCTS)
    else:
        update.add("MatMul", ["state", "weight"], ["product"])
        update.add("Add", ["product", "bias"], ["recurrent"])
    size = len(weights["bias"]) // 3
    update.keep(widths=np.array([2 * size, size]))
    sums, new_sum = "recurrent_gates", "remembered"
    update.add("Split", ["recurrent", "widths"], [sums, "recurrent_new"], axis=1)
    if has_input:
        update.add("Split", ["input", "widths"], ["input_gates", "input_new"], axis=1)
        update.add("Add", ["input_gates", sums], ["sums"])
        sums = "sums"
    update.add("Sigmoid", [sums], ["gates"])
    update.add("Split", ["gates"], gates, axis=1)
    update.add("Mul", ["reset", "recurrent_new"], [new_sum])
    if has_input:
        update.add("Add", ["input_new", new_sum], ["new_sum"])
        new_sum = "new_sum"
    update.add("Tanh", [new_sum], ["new"])
    update.add("Sub", ["state", "new"], ["difference"])
    update.add("Mul", ["update", "difference"], ["kept"])
    update.add("Add", ["new", "kept"], ["next"])
    return update


def build_minimal(name: str, state: str) -> Update:
    """The equations of nmt.model.minimal.MinimalGRU; what z and n depend on is the "input"."""
    update = Update(name, state)
    update.add("Split", ["input"], ["keep_sum", "new_sum"], axis=1)
    update.add("Sigmoid", ["keep_sum"], ["keep"])
    update.add("Tanh", ["new_sum"], ["new"])
    update.add("Sub", ["state", "new"], ["difference"])
    update.add("Mul", ["keep", "difference"], ["kept"])
    update.add("Add", ["new", "kept"], ["next"])
    return update


def build_lightweight(name: str, state: str) -> Update:
    """The equations of nmt.model.minimal.LightweightNetwork; q, k and v are the "input"."""
    update = Update(name, state)
    update.add("Split", ["input"], ["query", "key", "value"], axis=1)
    update.add("Sub", ["query", "state"], ["forget_sum"])
    update.add("Add", ["key", "state"], ["input_sum"])
    for gate, taken, part in (("forget", "state", "kept"), ("input", "value", "new")):
        update.add("Sigmoid", [f"{gate}_sum"], [f"{gate}_gate"])
        update.add("Mul", [f"{gate}_gate", taken], [part])
    update.add("Add", ["kept", "new"], ["sum"])
    update.add("Tanh", ["sum"], ["next"])
    return update


WITHOUT_PRODUCTS = {"MinimalGRU": build_minimal, "LightweightNetwork": build_lightweight}  # by names of classes


def build_updates(name: str, cell: str, weights: Sequence[Weights], gates: Sequence[str]) -> list[Update]:
    """All that happens to the state in one step of a loop: see `build_loop`."""
    state = f"{name}/state"
    if cell in WITHOUT_PRODUCTS:
        return [WITHOUT_PRODUCTS[cell](name, state)]
    updates = [build_gru(name, state, weights[0], gates, True)]
    for number, transition in enumerate(weights[1:], start=1):
        updates.append(build_gru(f"{name}/{number}", updates[-1].named("next"), transition, gates, False))
    return updates


def build_loop(
    name: str,
    inputs: Sequence[str],
    states: str,
    weights: Sequence[Weights] = (),
    cell: str = "GRU",
    gates: Sequence[str] = ("update", "reset"),
) -> onnx.NodeProto:
    """The loop that computes states_SBD from `inputs`: what steps read of the input, gates_SBG, and the first state,
    first_BD.

    `cell` is the name of a class. `weights` are those of a GRU, then those of its transitions. Each has what the
    product R s + b reads. In float32 that is the "weight" and the "bias" b. In 8 bits it is the "levels" of R, the
    "scales" of its columns, the "bias", and of s the "scale" and "zero". `gates` is the order of the two gates.

    `name` is that of the node that the loop replaces.
    """
    updates = build_updates(name, cell, weights, gates)
    last = updates[-1].named("next")

    def describe(value: str, axis: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(value, TensorProto.FLOAT, ["B", axis])

    body = helper.make_graph(
        [*(node for one in updates for node in one.nodes), helper.make_node("Identity", [last], [f"{name}/returned"])],
        name,
        [describe(f"{name}/state", "D"), describe(f"{name}/input", "G")],
        [describe(last, "D"), describe(f"{name}/returned", "D")],
        [constant for one in updates for constant in one.constants],
    )
    return helper.make_node("Scan", [inputs[1], inputs[0]], [f"{name}/last", states], body=body, num_scan_inputs=1)
