"""The names of attention that settings accept: the built-in kinds, and those that are registered.

nmt.model.attention.registry adds to them. Nothing here imports torch, so settings are checked without it.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from nmt.errors import SettingsError, did_you_mean

# The kinds in nmt.model.attention.scores, each with the setting whose dimensions its heads share.
BUILT_IN_ATTENTIONS = {
    "bahdanau": "attention_size",
    "luong-dot": "decoder_size",
    "luong-general": "decoder_size",
    "luong-concat": "attention_size",
    "luong-location": "decoder_size",
    "scaled-dot": "attention_size",
    "none": "decoder_size",
}


def require_equal_sizes(settings: Any) -> None:
    """Raise SettingsError unless decoder states and memory have one size. The message follows the name of a kind."""
    if settings.decoder_size != 2 * settings.encoder_size:
        raise SettingsError(
            f"needs decoder_size to be twice encoder_size, not {settings.decoder_size} and {settings.encoder_size}; "
            "luong-general fits any sizes"
        )


# Every known kind and its check of the sizes in ModelSettings, if it has one: see Attention.check_sizes.
KNOWN_ATTENTIONS: dict[str, Callable[[Any], None] | None] = dict.fromkeys(BUILT_IN_ATTENTIONS)
KNOWN_ATTENTIONS["luong-dot"] = require_equal_sizes


def require_known(name: str, *excluded: str) -> str:
    """`name`, if it is a known kind and not excluded. Otherwise pydantic reports an error of type unknown_attention."""
    known = [kind for kind in KNOWN_ATTENTIONS if kind not in excluded]
    if name in known:
        return name
    guess = did_you_mean(name, [kind for kind in known if kind != "none"])
    hint = f"{' If not,' if guess else ';'} register it first: import the module that calls register_attention"
    reason = f"not one of {', '.join(known)}{guess}{hint}"
    raise PydanticCustomError("unknown_attention", "{reason}", {"reason": reason})


AttentionName = Annotated[str, AfterValidator(require_known)]
MixedName = Annotated[str, AfterValidator(lambda name: require_known(name, "none"))]  # of an attention in `mix`
