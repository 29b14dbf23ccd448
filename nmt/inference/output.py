"""How the graph of a step ends: with log-probabilities of which words, and of how many of them."""

# B sentences   K rows of a sentence   R readout   V target words   C words that are scored, or returned

from typing import Any, Literal, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from nmt.inference.quantize import LEVELS, WEIGHT_LEVELS, replace_nodes
from nmt.inference.recurrence import PRODUCTS

INTEGERS = 1 << 24  # float32 has every integer up to this one
BLOCK = 64  # words of which the best one is found in a fast pass


class Ending(NamedTuple):
    """Of which words a step returns log-probabilities.

    They are of "all" words; of the "allowed" ones, of which each sentence has a mask; or of those of the "listed" words
    that are allowed. Weights of listed words are inputs of the step, which scores no others. The softmax is over the
    words that are not masked. With `best`, the `count` most probable words are returned, and which they are.
    """

    words: Literal["all", "allowed", "listed"]
    best: bool


ALL = Ending("all", best=False)


class OutputWeights(NamedTuple):
    """The weights of the product that scores words. With `scale_V` their vectors are levels in 8 bits."""

    vectors_VR: NDArray[Any]
    bias_V: NDArray[np.float32]
    scale_V: NDArray[np.float32] | None  # of a sum of products of levels

    @property
    def is_exact(self) -> bool:
        """Whether a sum of products of levels is exact in float32 too."""
        return int(self.vectors_VR.shape[1]) * LEVELS * WEIGHT_LEVELS <= INTEGERS

    def list_words(self, words_C: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """The inputs of a step that scores these words."""
        inputs = {"listed_vectors": self.vectors_VR[words_C].astype(np.float32), "listed_bias": self.bias_V[words_C]}
        return inputs if self.scale_V is None else inputs | {"listed_scales": self.scale_V[words_C]}


def add_logits(step: onnx.ModelProto, vectors_RV: NDArray[np.float32], bias_V: NDArray[np.float32]) -> None:
    """Append the product that computes the logits of words from the readout."""
    add_weights(step, output=vectors_RV, output_bias=bias_V)
    step.graph.node.append(helper.make_node("MatMul", ["readout", "output"], ["products"]))
    step.graph.node.append(helper.make_node("Add", ["products", "output_bias"], ["logits"]))


def end_with(step: onnx.ModelProto, ending: Ending) -> onnx.ModelProto:
    """A step that returns log-probabilities, and with `best` the ids of words, or their places on the list."""
    model = onnx.ModelProto()
    model.CopyFrom(step)
    logits, log_probs = "logits", "every" if ending.best else "log_probs"
    if ending.words == "listed":
        score_listed_words(model)
    if ending.words != "all":
        add_input(model, "allowed", TensorProto.BOOL, "B", 1, "C")
        add_weights(model, nothing=np.float32(-np.inf))
        model.graph.node.append(helper.make_node("Where", ["allowed", logits, "nothing"], ["permitted"]))
        logits = "permitted"
    model.graph.node.append(helper.make_node("LogSoftmax", [logits], [log_probs]))
    model.graph.output.append(helper.make_tensor_value_info("log_probs", TensorProto.FLOAT, ["B", "K", "C"]))
    if ending.best:
        add_input(model, "count", TensorProto.INT64, 1)
        if ending.words == "listed":
            model.graph.node.append(helper.make_node("TopK", [log_probs, "count"], ["log_probs", "words"]))
        else:
            choose_from_blocks(model, log_probs, count_words(step))
        model.graph.output.append(helper.make_tensor_value_info("words", TensorProto.INT64, ["B", "K", "C"]))
    return model


def choose_from_blocks(model: onnx.ModelProto, every: str, words: int) -> None:
    """Append what TopK computes, faster: the best words are in the blocks with the best maxima.

    Of equally good blocks the first ones are chosen, and they are put in order, so that of equally good words those
    with the smallest ids come first.
    """
    add_weights(
        model,
        last_axis=np.array([-1]),
        block=np.array(BLOCK),
        block_count=np.array([-(-words // BLOCK)]),
        by_block=np.array([0, 0, -1, BLOCK]),
        by_row=np.array([0, 0, -1]),
    )

    def add(kind: str, inputs: list[str], *outputs: str, **options: Any) -> None:
        model.graph.node.append(helper.make_node(kind, inputs, outputs, **options))

    if words % BLOCK:
        add_weights(model, margin=np.array([0, 0, 0, 0, 0, -words % BLOCK]), improbable=np.float32(-np.inf))
        add("Pad", [every, "margin", "improbable"], "whole_blocks")
        every = "whole_blocks"
    add("Reshape", [every, "by_block"], "blocks")
    add("ReduceMax", ["blocks"], "maxima", axes=[-1], keepdims=0)
    add("Min", ["count", "block_count"], "block_count_needed")
    add("TopK", ["maxima", "block_count_needed"], "best_maxima", "best_blocks")
    add("TopK", ["best_blocks", "block_count_needed"], "chosen", "order", largest=0)
    add("Unsqueeze", ["chosen", "last_axis"], "chosen_rows")
    add("GatherND", ["blocks", "chosen_rows"], "chosen_blocks", batch_dims=2)
    add("Reshape", ["chosen_blocks", "by_row"], "candidates")
    add("TopK", ["candidates", "count"], "log_probs", "places")
    add("Div", ["places", "block"], "which")
    add("GatherElements", ["chosen", "which"], "block_of_word", axis=2)
    add("Sub", ["block_of_word", "which"], "moved")
    add("Mul", ["moved", "block"], "moved_words")
    add("Add", ["places", "moved_words"], "words")


def score_listed_words(model: onnx.ModelProto) -> None:
    """Replace the product with the vectors of all words by one with vectors that the step reads.

    Levels in 8 bits are multiplied in float32, to the same sums: ONNX Runtime rearranges weights in 8 bits that are not
    constant at every step, which takes many times as long as the product.
    """
    makers = {node.output[0]: node for node in model.graph.node}
    old = makers["logits"]
    add_input(model, "listed_vectors", TensorProto.FLOAT, "C", "R")
    add_input(model, "listed_bias", TensorProto.FLOAT, "C")
    if old.op_type == "Add":
        replaced = [old, makers[old.input[0]]]
        new = [helper.make_node("FusedMatMul", ["readout", "listed_vectors"], ["sums"], domain=PRODUCTS, transB=1)]
        scaled = "sums"
        model.opset_import.append(helper.make_opsetid(PRODUCTS, 1))
    else:
        replaced = [old]
        levels, zero, scaled = old.input[0], old.input[4], "scaled"
        add_input(model, "listed_scales", TensorProto.FLOAT, "C")
        new = [
            helper.make_node("Cast", [levels], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [zero], ["number_of_zero"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["numbers", "number_of_zero"], ["centred"]),
            helper.make_node("FusedMatMul", ["centred", "listed_vectors"], ["sums"], domain=PRODUCTS, transB=1),
            helper.make_node("Mul", ["sums", "listed_scales"], [scaled]),
        ]
    new.append(helper.make_node("Add", [scaled, "listed_bias"], ["logits"]))
    replace_nodes(model, [*(node for node in model.graph.node if node not in replaced), *new])


def count_words(step: onnx.ModelProto) -> int:
    """V of a step."""
    return next(int(weight.dims[0]) for weight in step.graph.initializer if weight.name == "output_bias")


def read_output_weights(step: onnx.ModelProto) -> OutputWeights:
    """The weights that `add_logits` added to a step, also where `quantize_products` has rewritten them."""
    weights = {weight.name: numpy_helper.to_array(weight) for weight in step.graph.initializer}
    vectors_RV, scale_V = weights.get("output"), None
    if vectors_RV is None:
        product = next(node for node in step.graph.node if node.output[0] == "logits")
        vectors_RV, scale_V = weights["output_levels"], weights[product.input[2]] * weights["output_scales"]
    return OutputWeights(np.ascontiguousarray(vectors_RV.T), weights["output_bias"], scale_V)


def add_input(model: onnx.ModelProto, name: str, kind: Any, *shape: int | str) -> None:
    """Let a graph read one more array."""
    model.graph.input.append(helper.make_tensor_value_info(name, kind, shape))


def add_weights(model: onnx.ModelProto, **weights: Any) -> None:
    """Add constants to a graph."""
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items())
