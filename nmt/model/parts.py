"""The parts of the network by the names that settings have for them, and training without some of them."""

from collections.abc import Collection

from torch import nn

from nmt.settings import PartName

PREFIXES: dict[str, PartName] = {  # of the names of parameters; the first that fits counts
    "source_embedding.": "source-embeddings",
    "target_embedding.": "target-embeddings",
    "encoder.": "encoder",
    "bridge.": "bridge",
    "cell.attention.": "attention",
    "cell.": "decoder",
    "lexical.": "output",
    "output_": "output",
}


def find_part(parameter: str) -> PartName:
    """The part that a parameter belongs to, by its name in the network."""
    return next(part for prefix, part in PREFIXES.items() if parameter.startswith(prefix))


def freeze_parts(model: nn.Module, parts: Collection[PartName]) -> int:
    """Make `parts` of a network constant: no gradients, no optimizer state. -> number of parameters that are left"""
    trained = 0
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(find_part(name) not in parts)
        trained += parameter.requires_grad * parameter.numel()
    return trained
