"""`nmt serve`: translation as one types, in a browser and over HTTP.

Joins runs to the page of attention and to a small web server; what an answer holds is what the page shows.
"""

import asyncio
import json
import os
import socket
import sys
import threading
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmt import __version__
from nmt.cli.align import load, name_runs, refuse_other_languages, say
from nmt.cli.options import precision_option
from nmt.cli.translate import Translator
from nmt.errors import NmtError, UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from uvicorn.protocols.http.h11_impl import H11Protocol

    from nmt.analysis.page import AttentionView

LOOPBACK = ("127.0.0.1", "localhost", "::1")
LITERALS = ("[::1]", "[")  # what Starlette, new and old, takes for the host of "[::1]:8000"; neither can be a name
PATIENCE = 10  # seconds in which a request must have arrived
CONNECTIONS = 200  # that are open at a time
FAREWELL = 2  # seconds in which requests may still be answered when the server is told to end
BYTES = 12  # that a character may take in a request, as JSON may escape it


class Translate(BaseModel):
    """What to translate."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="a sentence; line ends count as blanks")
    n_best: int = Field(1, ge=1, le=20, description="translations by each model, best first")


class Align(BaseModel):
    """A sentence and a translation of it that is given."""

    model_config = ConfigDict(extra="forbid", strict=True)
    source: str = Field(description="a sentence; line ends count as blanks")
    target: str = Field(description="its translation, which every model is made to say")


class AnswerView(BaseModel):
    """A target as one model sees it."""

    model_config = ConfigDict(extra="forbid")
    model: int = Field(description="which of the models, from 0")
    rank: int = Field(description="0: the target was given; 1: the model's best translation, and so on")
    target: str = Field(description="words, one blank between them")
    links: list[tuple[int, int]] = Field(description="source word, target word, from 0: where it looked most")
    score: float = Field(description="log-probability of a target piece, on average")
    entropy: float = Field(description="of the attention, in bits, on average over the target words")
    coverage: float = Field(description="0 where each source word gets the attention of one target word")
    unattended: list[int] = Field(description="source words that get almost no attention")
    unsupported: list[int] = Field(description="target words that look nowhere in particular")


class Answer(BaseModel):
    """A sentence and what became of it."""

    model_config = ConfigDict(extra="forbid")
    source: str = Field(description="words, one blank between them")
    views: list[AnswerView]
    weights: list[str] = Field(description="a view each, in base64: bytes, target words by source words, 255 being all")


class Refusal(BaseModel):
    """Why there is no answer."""

    model_config = ConfigDict(extra="forbid")
    error: str


@click.command()
@click.option("--model", "runs", multiple=True, required=True, metavar="RUN", help="run folder; repeat to compare")
@click.option("--host", default="127.0.0.1", metavar="NAME", help="address to listen at  [default: this machine only]")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="N",
    help="port to listen at; 0 is any free one  [default: 8000]",
)
@click.option(
    "--max-characters",
    type=click.IntRange(1),
    default=1000,
    metavar="N",
    help="longest text that is taken  [default: 1000]",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(1),
    default=16,
    metavar="N",
    help="requests at a time; what comes above is sent away  [default: 16]",
)
@click.option("--checkpoint", default="best", metavar="NAME", help="best, last, update-000500 …  [default: best]")
@click.option("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 …  [default: auto]")
@precision_option
def command(
    runs: tuple[str, ...],
    host: str,
    port: int,
    max_characters: int,
    max_waiting: int,
    checkpoint: str,
    device: str,
    precision: str,
) -> None:
    """Translate in the browser as one types, and over HTTP.

    The page shows where each word of the translation looked; edit the translation to see where yours would. Programs
    post JSON to /api/translate and /api/align, which /api/openapi.json describes. Nobody else's machine can reach it
    unless --host says so; there is no password. Ctrl-C ends it.
    """
    if not (find_spec("starlette") and find_spec("uvicorn")):
        raise NmtError('nmt serve needs the extra that answers: pip install "nmt[serve]"')
    import uvicorn

    translators = [load(run, checkpoint, device, precision) for run in runs]
    for other in translators[1:]:
        refuse_other_languages(translators[0], other)
    if not host:
        raise UsageError("--host is empty\n  Leave it out, or say 0.0.0.0 where all addresses are meant")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(
            f"{host}, port {port} cannot be listened at: {error.strerror}\n"
            "  Name another --host or --port; port 0 is any free one"
        ) from error
    address = listener.getsockname()[0]
    hosts = [*LOOPBACK, *LITERALS, address] if ip_address(address).is_loopback else ["*"]
    app = build_app(translators, name_runs(runs), max_characters, max_waiting, hosts)
    info = translators[0].runs[0].info
    name = f"[{host}]" if ":" in host else host
    say(
        f"http://{name}:{listener.getsockname()[1]} translates {info.source_lang} to {info.target_lang}; Ctrl-C ends it"
    )
    config = uvicorn.Config(
        app,
        http=build_protocol(),
        ws="none",
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=FAREWELL,
    )
    with suppress(KeyboardInterrupt):  # which uvicorn raises when it has ended, except where SIGINT is ignored
        uvicorn.Server(config).run(sockets=[listener])
    say("ended")
    if threading.active_count() > 1:  # a sentence is still translated, which nobody waits for any more
        sys.stderr.flush()
        os._exit(0)


def build_protocol() -> "type[H11Protocol]":
    """HTTP for a server whose clients may be slow, or many: uvicorn's, which by itself waits for ever for a first line.

    Beyond CONNECTIONS, and where the head of a request is not whole within PATIENCE to twice that, it hangs up.
    """
    import h11
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class TimeoutProtocol(H11Protocol):
        since: float | None  # when what is not yet the head of a request began

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.since = self.loop.time()
            if len(self.connections) > CONNECTIONS:
                transport.close()
            self.loop.call_later(PATIENCE, self.watch)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            begun = self.conn.their_state is h11.IDLE
            self.since = (self.since or self.loop.time()) if begun else None

        def watch(self) -> None:
            if self.since and self.loop.time() - self.since >= PATIENCE:
                self.transport.close()
            elif not self.transport.is_closing():
                self.loop.call_later(PATIENCE, self.watch)

    return TimeoutProtocol


def build_app(
    translators: list[Translator], names: list[str], max_characters: int, max_waiting: int, hosts: list[str]
) -> "Starlette":
    """The page, the two answers and their description. One request is worked on at a time; the others wait.

    A request must name one of `hosts` as its own, so that no foreign page can reach a server on this machine under a
    name of its making; nor can it under the right name, because a browser says which page asks.
    """
    from anyio import CapacityLimiter, fail_after, to_thread
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import ClientDisconnect
    from starlette.responses import HTMLResponse, JSONResponse
    from starlette.routing import Route

    from nmt.analysis.page import Page

    info = translators[0].runs[0].info
    html = Page("nmt serve", info.source_lang, info.target_lang, names, max_characters).html("'self'")
    document = openapi(max_characters)
    turn, waiting = CapacityLimiter(1), CapacityLimiter(max_waiting)

    async def page(request: "Request") -> "Response":
        return HTMLResponse(html)

    async def description(request: "Request") -> "Response":
        return JSONResponse(document)

    async def answer(request: "Request", kind: type[Translate] | type[Align]) -> "Response":
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return refuse(403, f"a page of {origin} asks: only this server's own may")
        content = bytearray()
        try:
            with fail_after(PATIENCE):
                async for part in request.stream():
                    content += part
                    if len(content) > BYTES * 2 * max_characters + 1000:
                        most = f"a text may have {max_characters:,} characters"
                        return refuse(413, f"{most}, so this request is too large")
        except (TimeoutError, ClientDisconnect):
            return refuse(408, f"the request was not whole within {PATIENCE} seconds")
        try:
            asked = kind.model_validate_json(bytes(content))
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            return refuse(422, "; ".join(problems))
        for name, text in asked.model_dump(include={"source", "target"}).items():
            if len(text) > max_characters:
                return refuse(413, f"{name} has {len(text):,} characters; at most {max_characters:,} are taken")
        if waiting.available_tokens < 1:
            return refuse(503, f"{max_waiting} requests are waiting already; try again")
        try:
            async with waiting, turn:
                if await request.is_disconnected():
                    return refuse(408, "nobody waits for the answer")
                found = await to_thread.run_sync(work, translators, asked, abandon_on_cancel=True)
        except NmtError as error:
            return refuse(422, str(error))
        except asyncio.CancelledError:
            return refuse(503, "the server ends")
        return JSONResponse(found)

    async def explain(request: "Request", error: Exception) -> "Response":
        assert isinstance(error, HTTPException)
        return refuse(error.status_code, f"{request.method} {request.url.path}: {error.detail}")

    def refuse(status: int, message: str) -> "JSONResponse":
        return JSONResponse({"error": message}, status, {"Retry-After": "1"} if status == 503 else None)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/api/openapi.json", description),
            Route("/api/translate", partial(answer, kind=Translate), methods=["POST"]),
            Route("/api/align", partial(answer, kind=Align), methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)],
        exception_handlers={HTTPException: explain},
    )


def work(translators: list[Translator], asked: Translate | Align) -> dict[str, Any]:
    """The answer to a request, in which every model has its say."""
    from nmt.analysis.page import describe, forced_view, packed_weights, translation_view
    from nmt.text.corpus import Pair
    from nmt.translation.forced import force_pairs

    source = " ".join(asked.source.split())
    views: list[AttentionView] = []
    for number, translator in enumerate(translators):
        if isinstance(asked, Translate):
            own = translator.runs[0].settings.search
            beam = max(own.beam, asked.n_best * own.groups)
            (found,) = translator.stream([source], n_best=asked.n_best, batch_size=1, beam=beam)
            views += [translation_view(number, rank, one) for rank, one in enumerate(found, 1)]
        else:
            run = translator.runs[0]
            pair = Pair(source, " ".join(asked.target.split()))
            subwords = run.source_subword, run.target_subword
            (given,) = force_pairs(translator.model, *subwords, [pair], device=translator.device)
            views.append(forced_view(number, given))
    return describe(source.split(), views) | {"weights": packed_weights(views)}


def openapi(max_characters: int) -> dict[str, Any]:
    """What the server takes and gives, as OpenAPI 3.1 has it."""
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
                    "200": json_of(Answer, "what became of it"),
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
            "/api/translate": post(Translate, "Translate a sentence, and say which word came from where"),
            "/api/align": post(Align, "Say which word of a given translation came from where"),
        },
        "components": {"schemas": schemas},
    }
    checked: dict[str, Any] = json.loads(json.dumps(document))
    return checked
