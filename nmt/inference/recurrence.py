"""A GRU in 8-bit integers: ONNX Runtime's own computes in float32, so a loop over its equations takes its place."""

# S positions   B sentences   D state   G = 3 * D gates, in the order of ONNX: update, reset, new state

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PRODUCTS = "com.microsoft"  # the domain of ONNX Runtime's own operators
STATE_BOUND = 1.0  # of the absolute values of states, which are averages of tanh and of zero


def build_loop(name: str, gates: str, first: str, states: str, weights: Mapping[str, NDArray[Any]]) -> onnx.NodeProto:
    """The loop that computes states_SBD from the input's share of the gates, gates_SBG, and the first state, first_BD.

    z = sigmoid(x_z + h_z)   r = sigmoid(x_r + h_r)   n = tanh(x_n + r h_n)   s' = n + z (s - n)

    x are the gates and h = R s + b, as in torch.nn.GRU. `weights` has what the product R s + b reads: "levels" of R,
    "scales" of its columns, the "bias" b, and of s the "scale" and "zero". `name` is that of the node that the loop
    replaces: names within the loop begin with it.
    """
    size = weights["levels"].shape[0]

    def named(one: str) -> str:
        return one and f"{name}/{one}"

    def add(kind: str, inputs: list[str], outputs: list[str], **options: Any) -> None:
        nodes.append(helper.make_node(kind, list(map(named, inputs)), list(map(named, outputs)), **options))

    def describe(one: str, width: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(named(one), TensorProto.FLOAT, ["B", width])

    nodes: list[onnx.NodeProto] = []
    add("QuantizeLinear", ["state", "scale", "zero"], ["state_levels"])
    product = ["state_levels", "levels", "scale", "scales", "zero", "", "bias"]
    add("MatMulIntegerToFloat", product, ["recurrent"], domain=PRODUCTS)
    for part in "input", "recurrent":
        add("Split", [part, "widths"], [f"{part}_gates", f"{part}_new"], axis=1)
    add("Add", ["input_gates", "recurrent_gates"], ["sums"])
    add("Sigmoid", ["sums"], ["gates"])
    add("Split", ["gates"], ["update", "reset"], axis=1)
    add("Mul", ["reset", "recurrent_new"], ["remembered"])
    add("Add", ["input_new", "remembered"], ["new_sum"])
    add("Tanh", ["new_sum"], ["new"])
    add("Sub", ["state", "new"], ["difference"])
    add("Mul", ["update", "difference"], ["kept"])
    add("Add", ["new", "kept"], ["next"])
    add("Identity", ["next"], ["returned"])
    constants = {**weights, "widths": np.array([2 * size, size])}
    body = helper.make_graph(
        nodes,
        name,
        [describe("state", size), describe("input", 3 * size)],
        [describe("next", size), describe("returned", size)],
        [numpy_helper.from_array(value, named(key)) for key, value in constants.items()],
    )
    return helper.make_node("Scan", [first, gates], [named("last"), states], body=body, num_scan_inputs=1)
