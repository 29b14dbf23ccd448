"""The ends of steps: the best words of blocks are the best of all words."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from nmt.inference.output import BLOCK, Ending, end_with
from nmt.inference.trace import OPSET


def make_step(words):
    """A step whose logits are its input."""
    logits = helper.make_tensor_value_info("given", TensorProto.FLOAT, ["B", "K", words])
    bias = numpy_helper.from_array(np.zeros(words, np.float32), "output_bias")
    graph = helper.make_graph([helper.make_node("Identity", ["given"], ["logits"])], "step", [logits], [], [bias])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


def run(step, **inputs):
    session = onnxruntime.InferenceSession(step.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["log_probs", "words"], inputs)


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize(
    ("words", "count"),
    [
        (5, 5),  # less than a block, all of it
        (BLOCK, 3),
        (3 * BLOCK, 7),  # more words than there are blocks
        (10 * BLOCK, 4),
        (10 * BLOCK + 1, 4),  # the last block has one word
        (10 * BLOCK - 1, 40),
    ],
)
def test_the_best_words_are_found_and_equal_ones_in_the_order_of_their_ids(words, count, restricted):
    random = np.random.default_rng(words)
    logits_BKV = random.integers(-3, 4, (3, 2, words)).astype(np.float32)  # many are equal
    logits_BKV[0, 0] = 0
    inputs = {"given": logits_BKV, "count": np.array([count])}
    allowed_B1V = random.random((3, 1, words)) < 0.7
    if restricted:
        inputs["allowed"] = allowed_B1V
        logits_BKV = np.where(allowed_B1V, logits_BKV, -np.inf)
    step = end_with(make_step(words), Ending("allowed" if restricted else "all", best=True))
    onnx.checker.check_model(step)
    log_probs_BKC, words_BKC = run(step, **inputs)
    every_BKV = logits_BKV - np.log(np.exp(logits_BKV).sum(-1, keepdims=True))
    best_BKC = np.argsort(-logits_BKV, axis=-1, kind="stable")[..., :count]
    np.testing.assert_array_equal(words_BKC, best_BKC)
    np.testing.assert_allclose(log_probs_BKC, np.take_along_axis(every_BKV, best_BKC, -1), atol=1e-6)
