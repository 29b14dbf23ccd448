"""The requests and answers of the server, as pydantic models and as an OpenAPI document."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nmt import __version__


class Translate(BaseModel):
    """A sentence to translate."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="sentence to translate; line ends count as spaces")
    n_best: int = Field(1, ge=1, le=20, description="number of translations by each model, best first")


class Align(BaseModel):
    """A sentence and a given translation of it."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="source sentence; line ends count as spaces")
    target: str = Field(description="translation of the sentence, which every model is forced to generate")


class AnswerView(BaseModel):
    """A translation with the links and the attention of one model."""

    model_config = ConfigDict(extra="forbid")
    model: int = Field(description="number of the model, from 0")
    rank: int = Field(description="0 for a given translation, 1 for the model's best translation, and so on")
    target: str = Field(
        description="words of the translation, separated by spaces, or by U+001F where the text has no space"
    )
    links: list[tuple[int, int]] = Field(
        description="links (source word, target word), from 0: each target word to the source word with most attention"
    )
    is_whole: bool = Field(description="false: only the first 1,000 pieces of the text were read")
    is_finished: bool = Field(description="false: the length limit ended the translation")
    score: float = Field(description="mean log-probability of a target piece")
    entropy: float = Field(description="mean entropy of the attention of a target word, in bits")
    coverage: float = Field(
        description="coverage deviation; 0 if each source word has the attention of one target word"
    )
    unattended: list[int] = Field(description="source words that get almost no attention")
    unsupported: list[int] = Field(description="target words that attend to no source word in particular")


class Answer(BaseModel):
    """A sentence with its translations, or its given translation, and their attention."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(
        description="words of the sentence, separated by spaces, or by U+001F where the text has no space"
    )
    views: list[AnswerView]
    weights: list[str] = Field(
        description="attention of each view in base64: a byte for each target word and source word; 255 stands for 1"
    )


class Refusal(BaseModel):
    """The reason why a request is not answered."""

    model_config = ConfigDict(extra="forbid")
    error: str


def build_openapi(max_characters: int) -> dict[str, Any]:
    """The requests and answers of the server, described in OpenAPI 3.1."""
    models = (Translate, Align, AnswerView, Answer, Refusal)
    at = "#/components/schemas/{model}"
    schemas = {kind.__name__: kind.model_json_schema(ref_template=at) for kind in models}
    for schema in schemas.values():
        schema.pop("$defs", None)

    def describe_json(kind: type[BaseModel], description: str) -> dict[str, Any]:
        reference = {"$ref": at.format(model=kind.__name__)}
        return {"description": description, "content": {"application/json": {"schema": reference}}}

    def describe_post(kind: type[BaseModel], summary: str) -> dict[str, Any]:
        return {
            "post": {
                "summary": summary,
                "requestBody": describe_json(kind, f"texts of at most {max_characters:,} characters")
                | {"required": True},
                "responses": {
                    "200": describe_json(Answer, "the sentence with its translations and their attention"),
                    "400": describe_json(
                        Refusal, "the request is not HTTP/1.1, or its Host is not a name of this server"
                    ),
                    "403": describe_json(Refusal, "the request comes from a page of another site"),
                    "408": describe_json(Refusal, "the request was not complete in time"),
                    "413": describe_json(Refusal, "a text is too long"),
                    "422": describe_json(Refusal, "the request has another form, or cannot be met"),
                    "503": describe_json(Refusal, "too many requests are waiting, or the server is stopping"),
                },
            }
        }

    document = {
        "openapi": "3.1.0",
        "info": {"title": "nmt serve", "version": __version__},
        "paths": {
            "/api/translate": describe_post(
                Translate, "Translate a sentence, and link its words to those of the translation"
            ),
            "/api/align": describe_post(Align, "Link the words of a sentence to those of a given translation"),
        },
        "components": {"schemas": schemas},
    }
    checked: dict[str, Any] = json.loads(json.dumps(document))
    return checked
