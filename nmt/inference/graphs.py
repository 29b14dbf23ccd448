"""A network as ONNX graphs: what they are named, what they read and what they return."""

# B sentences   K rows of a sentence   S source positions   M memory   A attention space   D decoder state
# F fed vector   P history of attention   H parts of attention   R readout   C words that are scored
# Z states of the decoder's upper layers   W embedding of a source word

from typing import NamedTuple

import onnx

from nmt.attention_names import BUILT_IN_ATTENTIONS
from nmt.settings import ModelSettings

BOUNDED = "Bounded"  # a marker in a graph: its input lies in [-bound, bound]
RECURRENCE = "Recurrence"  # stands for a loop: reads gates, the first state, weights and biases; names the cell's class
MARKERS = "nmt.markers"  # the domain of markers, which are taken out again by nmt.inference.quantize
AXES = {
    "source": ("B", "S"),
    "lengths": ("B",),
    "previous": ("B", "K"),
    "values": ("B", "S", "M"),
    "keys": ("B", "S", "A"),
    "real": ("B", "S"),
    "embedded": ("B", "S", "W"),
    "hidden": ("B", "K", "D"),
    "fed": ("B", "K", "F"),
    "history": ("B", "K", "P"),
    "upper": ("B", "K", "Z"),
    "readout": ("B", "K", "R"),
    "allowed": ("B", "1", "C"),
    "attention": ("B", "K", "S"),
    "parts": ("B", "K", "H", "S"),
}
MEMORY = ("values", "keys", "real", "embedded")  # in the order of Memory; the last one for a lexical model alone
CARRY = ("hidden", "fed", "history", "upper")  # in the order of nmt.model.cells.Carry


class UntraceableError(Exception):
    """A registered attention whose trace depends on the example that it was traced with."""


def is_own(settings: ModelSettings) -> bool:
    """Whether every attention of a network is one of this package."""
    return {settings.attention, *settings.mix} <= BUILT_IN_ATTENTIONS.keys()


class Graphs(NamedTuple):
    """A network as graphs with markers. `first` is the step before which attention has no history, where it has one."""

    encoder: onnx.ModelProto
    step: onnx.ModelProto
    first: onnx.ModelProto | None
