"""The requests and answers of the server, as pydantic models and as an OpenAPI document."""

import json
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from nmt import __version__
from nmt.documents.texts import TEXT_FORMATS
from nmt.server import DOCUMENT_SECONDS, SENTENCE_SECONDS
from nmt.text.terms import KEPT, CaseRule, Terms, build_entries
from nmt.translation.doubts import Reason, Side

MOST_TEXTS = 1000  # of a request
MOST_TERMS = 500  # of the glossary of a request
LONGEST_TERM = 100  # characters
KEEP = Literal["numbers", "urls", "placeholders", "emails", "emoji"]
assert get_args(KEEP) == tuple(KEPT)
FORMAT = Literal["sentence", "html", "markdown", "xml", "text"]
assert get_args(FORMAT) == ("sentence", *TEXT_FORMATS)


class Term(BaseModel):
    """A term, and a translation that it must have. Several with the same source are alternatives."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(max_length=LONGEST_TERM, description="term, as words of the source")
    target: str = Field(max_length=LONGEST_TERM, description="what its translation contains")
    case: CaseRule = Field(
        default="ignore",
        description="ignore: the term is found in any case; exact: as it is written; follow: in any case, and the "
        "translation may have capitals where the source has them",
    )


class WithTerms(BaseModel):
    """What a translation must contain, in addition to the server's own glossary, whose terms this one replaces."""

    model_config = ConfigDict(extra="forbid", strict=True)
    glossary: list[Term] = Field(default=[], max_length=MOST_TERMS)
    keep: list[KEEP] = Field(
        default=[],
        max_length=10,
        description="what the translation has as the source has it; the server alone sets patterns",
    )

    def build_terms(self) -> Terms:
        """The terms of the request. Raises DataError for those that cannot be used."""
        rows = enumerate(((term.source, term.target, term.case) for term in self.glossary), 1)
        name = "the glossary of the request"
        return Terms.build(build_entries(rows, name, "A term has a source and a target"), self.keep, name)


def check_source(value: Any) -> Any:
    """Raises an error for what is neither a string nor a list of strings."""
    if isinstance(value, list) and len(value) > MOST_TEXTS:
        raise PydanticCustomError("source", f"the list has {len(value):,} texts; at most {MOST_TEXTS:,} are allowed")
    if not all(isinstance(text, str) for text in (value if isinstance(value, list) else [value])):
        raise PydanticCustomError("source", "Input should be a valid string, or a list of strings")
    return value


class Translate(WithTerms):
    """A sentence or a document to translate, or several documents."""

    source: Annotated[str | list[str], BeforeValidator(check_source)] = Field(
        description="sentence to translate, whose line ends count as spaces, or document, or documents"
    )
    format: FORMAT = Field(
        default="sentence",
        description="sentence: the answer has translations with the attention of every model; others: the source is a "
        "document, or a part of one, such as <b>some</b> words, and the answer is the document with its markup",
    )
    n_best: int = Field(
        default=1, ge=1, le=20, description="number of translations of a sentence by each model, best first"
    )
    model: int = Field(
        default=0,
        ge=0,
        description="number of the model that translates documents, from 0; a sentence is translated by every model",
    )
    name: str = Field(
        default="",
        pattern=r"^([\w-]{16,64})?$",
        description="what the client calls its request for documents, to get its progress: 16 to 64 random letters and "
        "digits, which nobody guesses",
    )

    @property
    def texts(self) -> list[str]:
        """The source as a list."""
        return [self.source] if isinstance(self.source, str) else self.source

    @property
    def lengths(self) -> dict[str, int]:
        """The number of characters of what is translated, by its field."""
        return {"source": sum(map(len, self.texts))}

    @model_validator(mode="after")
    def check_format(self) -> "Translate":
        """Raises an error for a list of sentences, and for several translations of a document."""
        if self.format == "sentence" and not isinstance(self.source, str):
            raise PydanticCustomError("format", "a list of texts needs a format, such as text or html")
        if self.format != "sentence" and self.n_best > 1:
            raise PydanticCustomError("format", "n_best is of sentences; a document has one translation")
        return self


class Align(WithTerms):
    """A sentence and a given translation of it."""

    source: str = Field(description="source sentence; line ends count as spaces")
    target: str = Field(description="translation of the sentence, which every model is forced to generate")

    @property
    def lengths(self) -> dict[str, int]:
        """The number of characters of each text, by its field."""
        return {"source": len(self.source), "target": len(self.target)}


class AnswerTerm(BaseModel):
    """A term of a sentence, and whether its translation has it."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["glossary", "keep"]
    term: str = Field(description="the term as the sentence has it")
    required: list[str] = Field(description="its translations, of which one is required")
    used: str | None = Field(description="the one that the translation has; null if it has none")


class AnswerDoubt(BaseModel):
    """A part of the sentence or of its translation to check."""

    model_config = ConfigDict(extra="forbid")
    side: Side
    begin: int = Field(description="its first character in the sentence or the translation, from 0")
    end: int = Field(description="the character after its last one")
    text: str
    reason: Reason


class AnswerView(BaseModel):
    """A translation with the links and the attention of one model."""

    model_config = ConfigDict(extra="forbid")
    model: int = Field(description="number of the model, from 0")
    rank: int = Field(description="0 for a given translation, 1 for the model's best translation, and so on")
    text: str = Field(description="the translation")
    confidence: float = Field(
        description="geometric mean of the probabilities of its pieces, from 0 to 1: translations of one model to "
        "check first have the lowest"
    )
    doubts: list[AnswerDoubt] = Field(description="what to check of it, most urgent first; none of a given translation")
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
    terms: list[AnswerTerm]


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


class WeakTag(BaseModel):
    """A tag whose place in the translation is not sure."""

    model_config = ConfigDict(extra="forbid")
    line: int = Field(description="line of the document where its segment begins, from 1")
    tag: str
    share: float = Field(description="how well the attention supports its place, between 0 and 1")
    source: str = Field(description="the segment, without tags")
    translation: str


class DocumentTerm(AnswerTerm):
    """A term of a sentence of a document."""

    line: int = Field(description="line of the document where the segment of its sentence begins, from 1")
    source: str = Field(description="the sentence")
    translation: str


class DocumentSentence(BaseModel):
    """A sentence of a document."""

    model_config = ConfigDict(extra="forbid")
    line: int = Field(description="line of the document where its segment begins, from 1")
    source: str
    translation: str
    score: float = Field(description="score by which translations are ranked")


class DocumentReport(BaseModel):
    """How a document was translated."""

    model_config = ConfigDict(extra="forbid")
    segments: int = Field(description="paragraphs and other parts that were translated")
    tags: int = Field(description="tags inside segments, of which each is in the translation once")
    weak_tags: list[WeakTag]
    terms: list[DocumentTerm]
    sentences: list[DocumentSentence]
    notes: list[str] = Field(description="what was repaired, or stays as it is")


class DocumentAnswer(BaseModel):
    """Translated documents."""

    model_config = ConfigDict(extra="forbid")
    translation: str | list[str] = Field(description="the document, or the documents as a list where the source is one")
    documents: list[DocumentReport] = Field(description="a report of each document")


class Progress(BaseModel):
    """How far a request for documents is."""

    model_config = ConfigDict(extra="forbid")
    done: int = Field(description="sentences that are translated; 0 for a request that is not known, or is answered")
    total: int = Field(description="sentences of the documents that are read so far")


class Refusal(BaseModel):
    """The reason why a request is not answered."""

    model_config = ConfigDict(extra="forbid")
    error: str


def build_openapi(max_characters: int, max_document: int) -> dict[str, Any]:
    """The requests and answers of the server, described in OpenAPI 3.1."""
    requests = (Term, Translate, Align)
    sentences = (AnswerTerm, AnswerDoubt, AnswerView, Answer)
    documents = (WeakTag, DocumentTerm, DocumentSentence, DocumentReport, DocumentAnswer)
    at = "#/components/schemas/{model}"
    models = (*requests, *sentences, *documents, Progress, Refusal)
    schemas = {kind.__name__: kind.model_json_schema(ref_template=at) for kind in models}
    for schema in schemas.values():
        schema.pop("$defs", None)

    def describe_json(description: str, *kinds: type[BaseModel]) -> dict[str, Any]:
        references = [{"$ref": at.format(model=kind.__name__)} for kind in kinds]
        schema = references[0] if len(kinds) == 1 else {"oneOf": references}
        return {"description": description, "content": {"application/json": {"schema": schema}}}

    def describe_post(summary: str, kind: type[BaseModel], *answers: type[BaseModel]) -> dict[str, Any]:
        return {
            "post": {
                "summary": summary,
                "requestBody": describe_json(
                    f"sentences of at most {max_characters:,} characters, and documents of at most {max_document:,} in "
                    "all",
                    kind,
                )
                | {"required": True},
                "responses": {
                    "200": describe_json("what was requested", *answers),
                    "400": describe_json(
                        "the request is not HTTP/1.1, or its Host is not a name of this server", Refusal
                    ),
                    "403": describe_json("the request comes from a page of another site", Refusal),
                    "408": describe_json("the request was not complete in time", Refusal),
                    "413": describe_json(
                        f"a text is too long, or takes more time than {SENTENCE_SECONDS} seconds for a sentence and "
                        f"{DOCUMENT_SECONDS} for documents, that of other requests not counted",
                        Refusal,
                    ),
                    "422": describe_json("the request has another form, or cannot be met", Refusal),
                    "503": describe_json("too many requests are waiting, or the server is stopping", Refusal),
                },
            }
        }

    document = {
        "openapi": "3.1.0",
        "info": {"title": "nmt serve", "version": __version__},
        "paths": {
            "/api/translate": describe_post(
                "Translate a sentence, and link its words to those of the translation; or translate documents",
                Translate,
                Answer,
                DocumentAnswer,
            ),
            "/api/progress/{name}": {
                "get": {
                    "summary": "Get the progress of a request for documents",
                    "parameters": [{"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}],
                    "responses": {"200": describe_json("how far it is", Progress)},
                }
            },
            "/api/align": describe_post("Link the words of a sentence to those of a given translation", Align, Answer),
        },
        "components": {"schemas": schemas},
    }
    checked: dict[str, Any] = json.loads(json.dumps(document))
    return checked
