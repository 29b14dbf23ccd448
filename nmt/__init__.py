"""Attention-GRU machine translation: train, translate, score, and see which source word each target word came from.

The public API. What needs torch is imported when it is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nmt.version import __version__ as __version__

if TYPE_CHECKING:
    from nmt import errors as errors
    from nmt import settings as settings
    from nmt.api import align as align
    from nmt.api import load as load
    from nmt.data.prepare import prepare as prepare
    from nmt.distillation.distill import distill as distill
    from nmt.documents.api import translate_documents as translate_documents
    from nmt.documents.texts import translate_texts as translate_texts
    from nmt.model.attention.base import Attention as Attention
    from nmt.model.attention.registry import register_attention as register_attention
    from nmt.progress import Progress as Progress
    from nmt.scoring import evaluate as evaluate
    from nmt.scoring import score as score
    from nmt.text.terms import GlossaryEntry as GlossaryEntry
    from nmt.text.terms import Terms as Terms
    from nmt.training_api import resume as resume
    from nmt.training_api import train as train
    from nmt.translation.request import Request as Request
    from nmt.translation.result import Translation as Translation
    from nmt.translation.translator import Translator as Translator
    from nmt.tuning import tune as tune
    from nmt.word_alignment.api import align_texts as align_texts

# A thread of OpenMP that waits for others spins 300,000 times in vain on a core that another program could use. It must
# be set before torch is loaded.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "10000"

HOMES = {
    "Attention": "model.attention.base",
    "GlossaryEntry": "text.terms",
    "Progress": "progress",
    "Request": "translation.request",
    "Terms": "text.terms",
    "Translation": "translation.result",
    "Translator": "translation.translator",
    "align": "api",
    "align_texts": "word_alignment.api",
    "distill": "distillation.distill",
    "evaluate": "scoring",
    "load": "api",
    "prepare": "data.prepare",
    "register_attention": "model.attention.registry",
    "resume": "training_api",
    "score": "scoring",
    "train": "training_api",
    "translate_documents": "documents.api",
    "translate_texts": "documents.texts",
    "tune": "tuning",
}
MODULES = ("errors", "settings")
__all__ = [
    "Attention",
    "GlossaryEntry",
    "Progress",
    "Request",
    "Terms",
    "Translation",
    "Translator",
    "__version__",
    "align",
    "align_texts",
    "distill",
    "errors",
    "evaluate",
    "load",
    "prepare",
    "register_attention",
    "resume",
    "score",
    "settings",
    "train",
    "translate_documents",
    "translate_texts",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"nmt.{name}")
    if name in HOMES:
        return getattr(import_module(f"nmt.{HOMES[name]}"), name)
    raise AttributeError(f"module 'nmt' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
