"""The settings of `nmt prepare`; import them from nmt.settings."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from nmt.errors import Option
from nmt.settings_base import Settings

MOST_PIECES = 10_000_000  # of a vocabulary
SUBWORD_SETTINGS = ("subword", "normalize", "character_coverage", "byte_fallback", "symbols")  # of a model


class PrepareSettings(Settings):
    """How text becomes tokens. Used by nmt.text and nmt.data."""

    vocab_size: int = Field(
        default=8000,
        ge=16,
        le=MOST_PIECES,
        description="subword pieces of each language, or of both when joint; unless it is given, it adapts to the text",
    )
    source_vocab_size: int = Field(
        default=0, ge=0, le=MOST_PIECES, description="subword pieces of the source; 0 for the number of vocab_size"
    )
    target_vocab_size: int = Field(
        default=0, ge=0, le=MOST_PIECES, description="subword pieces of the target; 0 for the number of vocab_size"
    )
    joint: bool = Field(default=False, description="train one subword model for both languages")
    subword: Literal["unigram", "bpe"] = Field(default="unigram", description="type of SentencePiece model")
    normalize: Literal["nfc", "nfkc", "nmt_nfkc", "identity"] = Field(
        default="nfc",
        description="normalization of Unicode: nfc composes accents and makes every blank a space; nfkc also replaces "
        "variants of characters, such as full-width ones; nmt_nfkc also replaces zero-width characters, which Persian "
        "and Khmer need; identity changes only repeated spaces",
    )
    character_coverage: float = Field(
        default=1.0, ge=0.98, le=1, description="share of characters that have their own pieces"
    )
    byte_fallback: bool = Field(
        default=True, description="encode characters without a piece as bytes, so that none is unknown"
    )
    symbols: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(), strict=False, description="strings that are always one piece each"
    )
    sample_lines: int = Field(default=100_000, ge=1, description="largest number of lines to train SentencePiece on")
    max_length: int = Field(
        default=150, ge=1, description="longest side of a training pair in pieces; longer pairs are dropped"
    )
    max_ratio: float = Field(
        default=5.0, ge=1, description="largest ratio of lengths in pieces; other pairs are dropped"
    )
    keep_duplicates: bool = Field(default=True, description="keep training pairs that occur more than once")
    seed: int = Field(default=1, ge=0, description="random seed for the lines that SentencePiece is trained on")

    @model_validator(mode="after")
    def _sizes_fit_together(self) -> "PrepareSettings":
        sizes = self.source_vocab_size, self.target_vocab_size
        if any(0 < size < 16 for size in sizes):
            raise ValueError(
                Option("source_vocab_size"), " and ", Option("target_vocab_size"), " must be 0 or at least 16"
            )
        if self.joint and any(sizes):
            raise ValueError(
                Option("joint", True), " makes one vocabulary, whose size is ", Option("vocab_size"), " alone"
            )
        return self
