"""What the server accepts and answers, as models of JSON and as an OpenAPI document."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nmt import __version__


class Translate(BaseModel):
    """A sentence to translate."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="a sentence; line ends count as blanks")
    n_best: int = Field(1, ge=1, le=20, description="translations by each model, best first")


class Align(BaseModel):
    """A sentence and a given translation of it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="a sentence; line ends count as blanks")
    target: str = Field(description="its translation, which every model is forced to generate")


class AnswerView(BaseModel):
    """A target, its links and the attention of one model."""

    model_config = ConfigDict(extra="forbid")
    model: int = Field(description="number of the model, from 0")
    rank: int = Field(description="0: the target was given; 1: the model's best translation, and so on")
    target: str = Field(description="words, one blank between them")
    links: list[tuple[int, int]] = Field(
        description="source word, target word, from 0: each target word and the source word with most of its attention"
    )
    score: float = Field(description="log-probability of a target piece, on average")
    entropy: float = Field(description="of the attention, in bits, on average over the target words")
    coverage: float = Field(description="0 where each source word gets the attention of one target word")
    unattended: list[int] = Field(description="source words that get almost no attention")
    unsupported: list[int] = Field(description="target words that attend to no source word in particular")


class Answer(BaseModel):
    """A sentence, its translations or its given translation, and their attention."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(description="words, one blank between them")
    views: list[AnswerView]
    weights: list[str] = Field(description="a view each, in base64: bytes, target words by source words, 255 being all")


class Refusal(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(extra="forbid")
    error: str


def build_openapi(max_characters: int) -> dict[str, Any]:
    """The requests and answers of the server, described in OpenAPI 3.1."""
    models = (Translate, Align, AnswerView, Answer, Refusal)
    at = "#/components/schemas/{model}"
    schemas = {kind.__name__: kind.model_json_schema(ref_template=at) for kind in models}
    for schema in schemas.values():
        schema.pop("$defs", None)

    def json_of(kind: type[BaseModel], description: str) -> dict[str, Any]:
        reference = {"$ref": at.format(model=kind.__name__)}
        return {"description": description, "content": {"application/json": {"schema": reference}}}

    def post(kind: type[BaseModel], summary: str) -> dict[str, Any]:
        return {
            "post": {
                "summary": summary,
                "requestBody": json_of(kind, f"texts of at most {max_characters:,} characters") | {"required": True},
                "responses": {
                    "200": json_of(Answer, "the sentence with its targets and their attention"),
                    "403": json_of(Refusal, "a page of another site asks"),
                    "408": json_of(Refusal, "the request did not arrive whole in time"),
                    "413": json_of(Refusal, "a text is too long"),
                    "422": json_of(Refusal, "the request is not of this form, or cannot be met"),
                    "503": json_of(Refusal, "too many requests are waiting, or the server ends"),
                },
            }
        }

    document = {
        "openapi": "3.1.0",
        "info": {"title": "nmt serve", "version": __version__},
        "paths": {
            "/api/translate": post(Translate, "Translate a sentence, and link its words to those of the translation"),
            "/api/align": post(Align, "Link the words of a sentence to those of a given translation"),
        },
        "components": {"schemas": schemas},
    }
    checked: dict[str, Any] = json.loads(json.dumps(document))
    return checked
