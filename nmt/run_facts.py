"""The facts that the JSON files of a run folder hold: run.json, and checkpoint.json of each checkpoint."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nmt.metadata import Count


class StartingPoint(BaseModel):
    """A checkpoint whose weights a run began with: the name of its run's folder, and the SHA-256 of its weights."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: str
    checkpoint: str
    update: Count
    sha256: str


class EmbeddingOrigin(BaseModel):
    """The file of word vectors that embeddings began with, and the number of pieces that have a vector in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str
    pieces: Count


class RunInfo(BaseModel):
    """The content of a run folder's `run.json`, besides its checksum.

    `is_source_unspaced` is whether the text has no blanks between words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format_version: int
    source_lang: str
    target_lang: str
    joint: bool
    source_fingerprint: str
    target_fingerprint: str
    data_fingerprint: str
    is_source_unspaced: bool | None = None  # None: the run is older than this field
    is_target_unspaced: bool | None = None
    corpus: str | None = None  # the prepared folder, as it was named; older runs do not have this and what follows
    pairs: Count | None = None  # of training
    created: Annotated[float, Field(ge=0, lt=2**37)] | None = None  # seconds since 1970
    nmt_version: str | None = None
    torch_version: str | None = None
    start: StartingPoint | None = None  # None: random weights
    source_embeddings: EmbeddingOrigin | None = None
    target_embeddings: EmbeddingOrigin | None = None


class CheckpointInfo(BaseModel):
    """The content of a checkpoint's `checkpoint.json`, besides its checksum. All other facts are scores by name."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, float | None]

    sha256: dict[Literal["weights.safetensors", "training.safetensors"], str]
    update: Count
    place: dict[str, int | float | str | None] | None = None  # where training stands, in a checkpoint to resume from
    average_of: list[str] | None = None
    average_decay: float | None = None  # of the moving average that the weights are, if they are one
