"""Fast translation on a CPU: a step model that runs a trained network's graphs with ONNX Runtime.

It computes what `Seq2Seq` computes. A row depends on no other: neither on the sentences beside it nor on their order.
"""

# B sentences   K rows of a sentence   N = B * K rows   S source positions   V target words
# C words that are scored, or the most probable words of a row   H parts of attention

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from threading import Lock
from typing import Literal, NamedTuple

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from nmt.ids import EOS, PAD
from nmt.inference.graphs import AXES, MEMORY, Graphs
from nmt.inference.output import ALL, Ending, OutputWeights, count_words, end_with, read_output_weights
from nmt.step import Array, StepOut

Arrays = dict[str, Array]

CACHED = 1 << 19  # numbers of attention in a block: two megabytes of them stay in a core's cache
WHOLE = [slice(None)]  # a batch that is one block
SMALL_SHARE = 8  # a batch whose lists have at most one in so many words scores these alone, in 8 bits
MULTIPLE = 8  # the padded length of sources is a multiple of this, so that sums over them do not depend on it


class State(NamedTuple):
    """A batch in the middle of decoding: the memory of its sentences, and the carry of their rows."""

    memory: Arrays
    carry: Arrays
    source_length: int
    is_first: bool


class Engine:
    """A step model that runs the graphs of a network. Threads can share it; each of its steps is computed by one."""

    is_single_threaded = True

    def __init__(self, graphs: Graphs) -> None:
        self.graphs = graphs
        self.vocabulary = count_words(graphs.step)
        self.encoder = Session(graphs.encoder)
        self.steps: dict[tuple[Ending, bool], Session] = {}
        self.making = Lock()

    def start(self, source_BS: Array, lengths_B: Array) -> State:
        """See nmt.step.StepModel."""
        length = source_BS.shape[1]
        padded_BS = np.pad(source_BS, ((0, 0), (0, -length % MULTIPLE)), constant_values=PAD)
        inputs = {"source": padded_BS, "lengths": lengths_B}
        out = self.encoder.run(inputs, split_batch(len(padded_BS), padded_BS.shape[1]))
        memory = {name: out.pop(name) for name in MEMORY if name in out}
        return State(memory, out, length, True)

    def step(self, previous_N: Array, state: State) -> StepOut:
        """See nmt.step.StepModel."""
        return self.run_step(previous_N, state, ALL, {})

    def run_step(self, previous_N: Array, state: State, ending: Ending, inputs: Mapping[str, Array]) -> StepOut:
        """A step whose ending may need more inputs; see nmt.inference.output."""
        memory, carry, length, is_first = state
        B, K = carry["hidden"].shape[:2]
        session = self.choose_step(ending, is_first)
        blocks = split_batch(B, K * memory["keys"].shape[1] * memory["keys"].shape[2])
        out = session.run({"previous": previous_N.reshape(B, K), **memory, **carry, **inputs}, blocks)
        carry = carry | {name: out[returned] for name, returned in session.carried}
        parts_BKHS, words_BKC = out.get("parts"), out.get("words")
        return StepOut(
            flatten_rows(out["log_probs"]),
            State(memory, carry, length, False),
            flatten_rows(out["attention"][..., :length]),
            parts_NHS=None if parts_BKHS is None else flatten_rows(parts_BKHS[..., :length]),
            words_NC=None if words_BKC is None else flatten_rows(words_BKC),
        )

    def choose_step(self, ending: Ending, is_first: bool) -> "Session":
        """The session of a step, which is made when it is needed first."""
        is_first = is_first and self.graphs.first is not None
        session = self.steps.get((ending, is_first))
        if session is not None:
            return session
        with self.making:
            session = self.steps.get((ending, is_first))  # perhaps another thread has made it
            if session is None:
                graph = self.graphs.first if is_first else self.graphs.step
                assert graph is not None
                session = self.steps[ending, is_first] = Session(end_with(graph, ending))
        return session

    def select(self, state: State, rows_BK: Array) -> State:
        """See nmt.step.StepModel. Memory is copied only when sentences have left the batch."""
        memory, carry, length, is_first = state
        sentences, width = carry["hidden"].shape[:2]
        if len(rows_BK) != sentences:
            kept_B = rows_BK[:, 0] // width
            memory = {name: part[kept_B] for name, part in memory.items()}
        carry = {name: part.reshape(sentences * width, *part.shape[2:])[rows_BK] for name, part in carry.items()}
        return State(memory, carry, length, is_first)

    def with_best(self, count: int, forbidden_ids: Sequence[int]) -> "NarrowEngine":
        """A step model that returns the `count` most probable words of each row alone, or more.

        Of those it returns, the forbidden ones have no probability.
        """
        return NarrowEngine(self, {}).with_best(count, forbidden_ids)

    def with_shortlist(self, allowed_BV: Array) -> "NarrowEngine":
        """A step model for one batch that generates only the words allowed in its sentences.

        Words that no sentence allows are not scored. But where the others are many, a product in 8 bits with all
        vectors, which have been arranged for it, is faster than one with theirs.
        """
        words_C: Array = np.flatnonzero(allowed_BV.any(0) | (np.arange(self.vocabulary) <= EOS))
        weights = self.output_weights
        if weights.scale_V is not None and (len(words_C) * SMALL_SHARE > self.vocabulary or not weights.is_exact):
            return NarrowEngine(self, {}, allowed_B1C=allowed_BV[:, None])
        return NarrowEngine(self, weights.list_words(words_C), words_C, allowed_BV[:, None, words_C])

    @cached_property
    def output_weights(self) -> OutputWeights:
        """The weights of the product that scores words."""
        return read_output_weights(self.graphs.step)


def flatten_rows(part_BK: Array) -> Array:
    """(B, K, …) -> (N, …)"""
    return part_BK.reshape(part_BK.shape[0] * part_BK.shape[1], *part_BK.shape[2:])


class NarrowState(NamedTuple):
    """The state of a `NarrowEngine`."""

    inner: State
    allowed_B1C: NDArray[np.bool_] | None


class NarrowEngine:
    """An engine that returns some words alone: the most probable ones, those of a shortlist, or both.

    With a shortlist it serves one batch, which has a list for each sentence. Probabilities are a softmax over the
    sentence's own list, so they do not depend on the other sentences.
    """

    def __init__(
        self,
        engine: Engine,
        inputs: Arrays,
        words_C: Array | None = None,
        allowed_B1C: NDArray[np.bool_] | None = None,
        forbidden_ids: Sequence[int] = (),
    ) -> None:
        """`inputs` has the weights of `words_C`, where these alone are scored, and the `count` of best words."""
        self.engine = engine
        self.vocabulary = engine.vocabulary
        self.inputs = inputs
        self.words_C = words_C
        self.allowed_B1C = allowed_B1C
        words: Literal["all", "allowed"] = "all" if allowed_B1C is None else "allowed"
        self.ending = Ending(words if words_C is None else "listed", "count" in inputs)
        self.is_forbidden_V = np.zeros(self.vocabulary, bool)
        self.is_forbidden_V[list(forbidden_ids)] = True

    def with_best(self, count: int, forbidden_ids: Sequence[int]) -> "NarrowEngine":
        """See `Engine.with_best`."""
        scored = self.vocabulary if self.words_C is None else len(self.words_C)
        count_1 = np.array([min(count + len(forbidden_ids), scored)])
        inputs = self.inputs | {"count": count_1}
        return NarrowEngine(self.engine, inputs, self.words_C, self.allowed_B1C, forbidden_ids)

    def start(self, source_BS: Array, lengths_B: Array) -> NarrowState:
        """See nmt.step.StepModel."""
        return NarrowState(self.engine.start(source_BS, lengths_B), self.allowed_B1C)

    def step(self, previous_N: Array, state: NarrowState) -> StepOut:
        """See nmt.step.StepModel."""
        inner, allowed_B1C = state
        inputs = self.inputs if allowed_B1C is None else self.inputs | {"allowed": allowed_B1C}
        out = self.engine.run_step(previous_N, inner, self.ending, inputs)
        out = out._replace(state=NarrowState(out.state, allowed_B1C))
        if out.words_NC is None:
            return out._replace(words_V=self.words_C)
        words_NC = out.words_NC if self.words_C is None else self.words_C[out.words_NC]
        out.log_probs_NV[self.is_forbidden_V[words_NC]] = -np.inf
        return out._replace(words_NC=words_NC)

    def select(self, state: NarrowState, rows_BK: Array) -> NarrowState:
        """See nmt.step.StepModel."""
        inner, allowed_B1C = state
        sentences, width = inner.carry["hidden"].shape[:2]
        if allowed_B1C is not None and len(rows_BK) != sentences:
            allowed_B1C = allowed_B1C[rows_BK[:, 0] // width]
        return NarrowState(self.engine.select(inner, rows_BK), allowed_B1C)


class Session:
    """A graph that is run by one thread, for blocks of sentences: what a block computes stays in the core's cache."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, and not also printed
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), options, ["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs() if value.name != "readout"]
        self.carried = [(name.removesuffix("_out"), name) for name in self.outputs if name.endswith("_out")]

    def run(self, inputs: Mapping[str, Array], blocks: Sequence[slice]) -> Arrays:
        """The outputs for some inputs, by name; inputs that the graph does not read are left out."""
        inputs = {name: inputs[name] for name in self.inputs}
        if len(blocks) == 1:
            return dict(zip(self.outputs, self.run_at_once(inputs), strict=True))
        parts = zip(
            *(
                self.run_at_once({name: part[block] if name in AXES else part for name, part in inputs.items()})
                for block in blocks
            ),
            strict=True,
        )
        return {name: np.concatenate(part) for name, part in zip(self.outputs, parts, strict=True)}

    def run_at_once(self, inputs: Arrays) -> list[Array]:
        """The outputs for some inputs. Raises MemoryError where ONNX Runtime has an error of its own for it."""
        try:
            outputs: list[Array] = self.session.run(self.outputs, inputs)
        except Exception as error:
            if re.search("allocate memory|bad_alloc", str(error)):
                raise MemoryError("ONNX Runtime cannot allocate memory") from error
            raise
        return outputs


def split_batch(sentences: int, numbers: int) -> list[slice]:
    """Blocks of a batch's sentences; a step computes `numbers` for each sentence at once."""
    blocks = min(sentences, -(-sentences * numbers // CACHED))
    if blocks <= 1:
        return WHOLE
    bounds = np.linspace(0, sentences, blocks + 1).astype(int).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]
