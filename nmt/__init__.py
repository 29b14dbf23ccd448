"""Attention-GRU machine translation: train, translate, score, and see which word came from where.

The public API. What needs torch is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.cli.prepare import prepare as prepare
    from nmt.cli.train import train as train
    from nmt.cli.translate import Translator as Translator
    from nmt.cli.translate import load as load

__version__ = "0.1.0"
__all__ = ["Translator", "__version__", "load", "prepare", "train"]

HOMES = {"Translator": "translate", "load": "translate", "prepare": "prepare", "train": "train"}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(f"nmt.cli.{HOMES[name]}"), name)
    raise AttributeError(f"module 'nmt' has no attribute {name!r}")
