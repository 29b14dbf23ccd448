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


def build_lightweight(name: str, state: str) -> Update:
    """See nmt.model.minimal.LightweightNetwork; q, k and v are the "input"."""
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


def build_loop(
    name: str,
    inputs: Sequence[str],
    states: str,
    size: int,
    weights: Sequence[Weights],
    gates: Sequence[str] = ("update", "reset"),
) -> onnx.NodeProto:
    """The loop that computes states_SBD from `inputs`: the input's share of the gates, gates_SBG, and the first state,
    first_BD.

    It is that of a GRU if there are `weights`, which are its own, then those of its transitions. Each has what the
    product R s + b reads. In float32 that is the "weight" and the "bias" b. In 8 bits it is the "levels" of R, the
    "scales" of its columns, the "bias", and of s the "scale" and "zero". Without `weights` it is a lightweight network.

    `name` is that of the node that the loop replaces, and `gates` the order of the two gates.
    """
    state = f"{name}/state"
    updates = [build_gru(name, state, weights[0], gates, True) if weights else build_lightweight(name, state)]
    for number, transition in enumerate(weights[1:], start=1):
        updates.append(build_gru(f"{name}/{number}", updates[-1].named("next"), transition, gates, False))
    last = updates[-1].named("next")

    def describe(value: str, width: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(value, TensorProto.FLOAT, ["B", width])

    body = helper.make_graph(
        [*(node for one in updates for node in one.nodes), helper.make_node("Identity", [last], [f"{name}/returned"])],
        name,
        [describe(state, size), describe(f"{name}/input", 3 * size)],
        [describe(last, size), describe(f"{name}/returned", size)],
        [constant for one in updates for constant in one.constants],
    )
    return helper.make_node("Scan", [inputs[1], inputs[0]], [f"{name}/last", states], body=body, num_scan_inputs=1)
