"""The web application of `nmt serve`: a page that translates while the user types, and a JSON API.

An answer has the content that the attention page shows.
"""

import asyncio
import re
from functools import partial
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nmt.analysis.page import AttentionView, Page, describe_sentence, encode_weights, fit_view
from nmt.errors import NmtError
from nmt.server.protocol import REQUEST_SECONDS
from nmt.server.schema import Align, Translate, build_openapi
from nmt.text.corpus import Pair
from nmt.text.units import AUTO
from nmt.text.words import split_words
from nmt.translation.forced_pairs import force_pairs
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run
from nmt.translation.views import build_forced_view, build_translation_view

BYTES_PER_CHARACTER = 12  # at most: JSON may write a character as two escapes of six bytes
LONGEST_MESSAGE = 500  # characters: a message may quote the request
PORT = re.compile(":[0-9]*$")


def build_app(
    translators: list[Translator], names: list[str], max_characters: int, max_waiting: int, hosts: list[str]
) -> Starlette:
    """The application: the page, the two API functions and their description. It answers one request at a time.

    The Host header of a request must be one of `hosts`, so that a page of another site cannot reach a local server by
    another host name. With the right host name it cannot either, because the browser sends the site as the Origin.
    """

    info = translators[0].runs[0].info
    source, target = choose_units_of_run(AUTO, translators[0].runs[0])
    page = Page("nmt serve", info.source_lang, info.target_lang, names, max_characters, (source.name, target.name))
    html = page.html("'self'")
    document = build_openapi(max_characters)
    too_large = f"the request is too large: a text may have at most {max_characters:,} characters"
    turn, waiting = CapacityLimiter(1), CapacityLimiter(max_waiting)

    async def serve_page(request: Request) -> Response:
        return HTMLResponse(html)

    async def serve_description(request: Request) -> Response:
        return JSONResponse(document)

    async def answer(request: Request, kind: type[Translate] | type[Align]) -> Response:
        for origin in request.headers.getlist("origin"):
            if origin.partition("://")[2] != request.headers.get("host"):
                return refuse(403, f"requests from pages of {origin} are not allowed, only from this server's own page")
        most = BYTES_PER_CHARACTER * 2 * max_characters + 1000
        content = bytearray()
        try:
            with fail_after(REQUEST_SECONDS):
                if int(request.headers.get("content-length", 0)) > most:  # the protocol has checked that it is a number
                    return refuse(413, too_large)
                async for part in request.stream():
                    content += part
                    if len(content) > most:
                        return refuse(413, too_large)
        except (TimeoutError, ClientDisconnect):
            return refuse(408, f"the request was not complete within {REQUEST_SECONDS} seconds")
        try:
            fields = kind.model_validate_json(bytes(content))
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            return refuse(422, "; ".join(problems))
        for name, text in fields.model_dump(include={"source", "target"}).items():
            if len(text) > max_characters:
                return refuse(413, f"{name} has {len(text):,} characters; at most {max_characters:,} are allowed")
        if waiting.available_tokens < 1:
            return refuse(503, f"{max_waiting} requests are waiting already; try again later")
        try:
            async with waiting, turn:
                if await request.is_disconnected():
                    return refuse(408, "the client has disconnected")
                found = await to_thread.run_sync(answer_request, translators, fields, abandon_on_cancel=True)
        except NmtError as error:
            return refuse(422, str(error))
        except asyncio.CancelledError:
            return refuse(503, "the server is stopping")
        return JSONResponse(found)

    async def handle_error(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return refuse(error.status_code, f"{request.method} {request.scope['path']}: {error.detail}")
        return refuse(500, "this is an error in nmt, not in your request: the server has written it to its log")

    return Starlette(
        routes=[
            Route("/", serve_page),
            Route("/api/openapi.json", serve_description),
            Route("/api/translate", partial(answer, kind=Translate), methods=["POST"]),
            Route("/api/align", partial(answer, kind=Align), methods=["POST"]),
        ],
        middleware=[Middleware(KnownHosts, hosts=hosts)],
        exception_handlers={HTTPException: handle_error, Exception: handle_error},
    )


def answer_request(translators: list[Translator], fields: Translate | Align) -> dict[str, Any]:
    """The answer to a request, with the views of every model."""

    source = join_lines(fields.source)
    first = translators[0].runs[0]
    units = choose_units_of_run(AUTO, first)
    views: list[AttentionView] = []
    words: list[str] = []  # those that the first model reads
    for number, translator in enumerate(translators):
        if isinstance(fields, Translate):
            search = translator.runs[0].settings.search
            beam = max(search.beam, fields.n_best * search.groups)
            (found,) = translator.stream([source], n_best=fields.n_best, batch_size=1, beam=beam, units=units)
            views += [build_translation_view(number, rank, one) for rank, one in enumerate(found, 1)]
            words = words or found[0].source_words
        else:
            run = translator.runs[0]
            pair = Pair(source, join_lines(fields.target))
            subwords = run.source_subword, run.target_subword
            (forced,) = force_pairs(translator.model, *subwords, [pair], device=translator.device, units=units)
            views.append(build_forced_view(number, forced))
            words = words or forced.source.words
    views = [fit_view(view, len(words)) for view in views]
    facts = describe_sentence(words, views, source_text=source)
    shown = [{"is_whole": True, "is_finished": True} | view for view in facts["views"]]
    return facts | {"views": shown, "weights": encode_weights(views)}


def join_lines(text: str) -> str:
    """A text as one line, with a single space between words."""
    return " ".join(split_words(" ".join(text.splitlines())))


def refuse(status: int, message: str) -> JSONResponse:
    """The answer to a request that is not met: a status and, as JSON, the reason."""
    shown = message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"
    return JSONResponse({"error": shown}, status, {"Retry-After": "1"} if status == 503 else None)


class KnownHosts:
    """An application that refuses requests whose Host header is none of `hosts`. "*" stands for every host."""

    def __init__(self, app: ASGIApp, hosts: list[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application answer it."""
        host = PORT.sub("", Headers(scope=scope).get("host", ""))
        if "*" in self.hosts or host in self.hosts:
            await self.app(scope, receive, send)
        else:
            await refuse(400, f"the Host header is {host!r}, not {', '.join(self.hosts)}")(scope, receive, send)
