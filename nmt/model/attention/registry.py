"""Kinds of attention by name: those of this package, and those that `register_attention` adds.

Settings accept a name as soon as it is registered here.
"""

import re
from typing import Literal, NamedTuple, get_args

from nmt.attention_names import KNOWN_ATTENTIONS
from nmt.errors import RegistrationError, SettingsError, did_you_mean
from nmt.metadata import parse_toml
from nmt.model.attention.base import Attention
from nmt.model.attention.composite import CompositeAttention
from nmt.model.attention.scores import (
    AdditiveAttention,
    ConcatAttention,
    DotAttention,
    GeneralAttention,
    LocationAttention,
    NoAttention,
    ScaledDotAttention,
)
from nmt.settings import ModelSettings

Wiring = Literal["before", "after"]


class RegisteredAttention(NamedTuple):
    """A kind of attention, and whether it attends before or after the decoder's GRU update unless settings choose."""

    kind: type[Attention]
    wiring: Wiring


REGISTERED_ATTENTIONS: dict[str, RegisteredAttention] = {}


def register_attention(name: str, kind: type[Attention], *, wiring: Wiring) -> None:
    """Make a kind of attention known by `name`, as a value of `model.attention` and `model.mix`.

    `wiring` is where it attends: "before" the decoder's GRU update as in Bahdanau et al. 2015, or "after" it as in
    Luong et al. 2015. A class that is defined again, as in a notebook, takes the place of the one of the same name.

    Raises RegistrationError when the name is no word or reads as a value such as true, when another class has it, when
    `kind` is no subclass of Attention, or when the wiring is neither.
    """
    if not (isinstance(name, str) and re.fullmatch(r"\S+", name)) or is_toml_value(name):
        raise RegistrationError(
            f"an attention cannot be registered as {name!r}: its name must be a word, and no value such as true or nan"
        )
    if not (isinstance(kind, type) and issubclass(kind, Attention) and kind is not Attention):
        raise RegistrationError(f'"{name}" cannot be registered: {kind!r} is not a subclass of Attention')
    if wiring not in get_args(Wiring):
        wirings = get_args(Wiring)
        raise RegistrationError(
            f'"{name}" cannot be registered: wiring = "{wiring}" is not one of {", ".join(wirings)}'
            f"{did_you_mean(str(wiring), wirings)}"
        )
    known = REGISTERED_ATTENTIONS.get(name)
    if known and full_name(known.kind) != full_name(kind):
        raise RegistrationError(
            f'the attention "{name}" is registered already: it is {full_name(known.kind)}\n  Register another name'
        )
    REGISTERED_ATTENTIONS[name] = RegisteredAttention(kind, wiring)
    KNOWN_ATTENTIONS[name] = kind.check_sizes


def is_toml_value(name: str) -> bool:
    """Whether settings read a name as something else than a string: `nan`, `true` or `3`."""
    try:
        parse_toml(f"value = {name}")
    except ValueError:
        return False
    return True


register_attention("bahdanau", AdditiveAttention, wiring="before")
register_attention("luong-dot", DotAttention, wiring="after")
register_attention("luong-general", GeneralAttention, wiring="after")
register_attention("luong-concat", ConcatAttention, wiring="after")
register_attention("luong-location", LocationAttention, wiring="after")
register_attention("scaled-dot", ScaledDotAttention, wiring="after")
register_attention("none", NoAttention, wiring="after")


def full_name(kind: type) -> str:
    """`package.module.Class`"""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_built_in(kind: type[Attention]) -> bool:
    """Whether a kind is one of this package."""
    return kind.__module__.split(".")[0] == "nmt"


def plugin_modules() -> list[str]:
    """The modules that registered kinds come from, other than this package: what another process has to import."""
    kinds = (registered.kind for registered in REGISTERED_ATTENTIONS.values())
    return sorted({kind.__module__ for kind in kinds if not is_built_in(kind)} - {"__main__"})


def build_attention(settings: ModelSettings) -> Attention:
    """The attention that settings describe. Raises SettingsError for parts that a registered kind cannot be part of."""
    names = settings.attention, *settings.mix
    sizes = settings.decoder_size, 2 * settings.encoder_size, settings.attention_size
    scores = [REGISTERED_ATTENTIONS[name].kind(*sizes) for name in names]  # type: ignore[call-arg]
    if not settings.is_composite:
        return scores[0]
    for name, score in zip(names, scores, strict=True):
        kind = type(score)
        if kind.forward is not Attention.forward or kind.build_memory is not Attention.build_memory:
            raise SettingsError(
                f"{name} does not only score source positions: its class defines forward or build_memory\n"
                "  Leave out heads, window, normalizer, content_gate, coverage and mix, which need a score"
            )
        if score.key_size % settings.heads:
            raise SettingsError(
                f"{settings.heads} heads cannot share the {score.key_size} dimensions of {name} evenly\n"
                "  Choose other model.heads, or other sizes"
            )
    return CompositeAttention(settings, scores)
