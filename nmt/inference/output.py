"""How the graph of a step ends: log-probabilities of all words, of the most probable ones, or of those of a list."""

# B sentences   K rows of a sentence   R readout   V target words   C words that are scored, or returned

from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Scores = Literal["all", "best", "listed"]

WEIGHTS = ("output", "output_levels", "output_scales", "output_bias")  # by column: one for each word


def add_logits(step: onnx.ModelProto, vectors_RV: NDArray[np.float32], bias_V: NDArray[np.float32]) -> None:
    """Append the product that computes the logits of words from the readout."""
    add_weights(step, output=vectors_RV, output_bias=bias_V)
    step.graph.node.append(helper.make_node("MatMul", ["readout", "output"], ["products"]))
    step.graph.node.append(helper.make_node("Add", ["products", "output_bias"], ["logits"]))


def end_with(step: onnx.ModelProto, scores: Scores) -> onnx.ModelProto:
    """A step that returns log-probabilities: of "all" words; of the `count` "best" words, and which words those are; or
    of the words whose weights it reads, "listed", as far as they are allowed in their sentence.
    """
    model = onnx.ModelProto()
    model.CopyFrom(step)
    logits, log_probs = "logits", "log_probs"
    if scores == "listed":
        for weight in [weight for weight in model.graph.initializer if weight.name in WEIGHTS]:
            model.graph.initializer.remove(weight)
            shape = [*weight.dims[:-1], "C"]
            model.graph.input.append(helper.make_tensor_value_info(weight.name, weight.data_type, shape))
        model.graph.input.append(helper.make_tensor_value_info("allowed", TensorProto.BOOL, ["B", 1, "C"]))
        add_weights(model, nothing=np.float32(-np.inf))
        model.graph.node.append(helper.make_node("Where", ["allowed", logits, "nothing"], ["listed"]))
        logits = "listed"
    if scores == "best":
        log_probs = "every"
        model.graph.input.append(helper.make_tensor_value_info("count", TensorProto.INT64, [1]))
    model.graph.node.append(helper.make_node("LogSoftmax", [logits], [log_probs]))
    model.graph.output.append(helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["B", "K", "C"]))
    if scores == "best":
        model.graph.node.append(helper.make_node("TopK", [log_probs, "count"], ["log_probs", "words"]))
        model.graph.output.append(helper.make_tensor_value_info("words", TensorProto.INT64, ["B", "K", "C"]))
    return model


def read_output_weights(step: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """The weights of a step that have a column for each word."""
    return {weight.name: numpy_helper.to_array(weight) for weight in step.graph.initializer if weight.name in WEIGHTS}


def add_weights(model: onnx.ModelProto, **weights: Any) -> None:
    """Add constants to a graph."""
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items())
