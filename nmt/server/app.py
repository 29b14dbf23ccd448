"""The web application of `nmt serve`: a page that translates while the user types, and a JSON API.

An answer has the content that the attention page shows.
"""

import asyncio
import re
from collections.abc import Collection
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

from nmt.analysis.page import Page
from nmt.errors import NmtError
from nmt.progress import format_count
from nmt.server import DOCUMENT_SECONDS, MAX_DOCUMENT, SENTENCE_SECONDS
from nmt.server.answers import answer_request
from nmt.server.jobs import Job, Turns
from nmt.server.protocol import REQUEST_SECONDS
from nmt.server.schema import LONGEST_TERM, MOST_TERMS, Align, Translate, build_openapi
from nmt.text.terms import Terms
from nmt.text.units import AUTO
from nmt.translation.translator import Translator
from nmt.translation.units import choose_units_of_run

LOOK_SECONDS = 0.25  # between looks at whether a client is still there
BYTES_PER_CHARACTER = 12  # at most: JSON may write a character as two escapes of six bytes
LONGEST_MESSAGE = 500  # characters: a message may quote the request
PORT = re.compile(":[0-9]*$")


class Queue:
    """Requests of one kind: as many as `max_waiting` may be there, and each may take `limit_seconds`.

    They take turns; each has a thread, which waits until then.
    """

    def __init__(self, max_waiting: int, limit_seconds: float) -> None:
        self.waiting, self.threads = CapacityLimiter(max_waiting), CapacityLimiter(max_waiting)
        self.turns, self.limit_seconds = Turns(), limit_seconds


def build_app(
    translators: list[Translator],
    names: list[str],
    max_characters: int,
    max_waiting: int,
    hosts: list[str],
    *,
    public_names: Collection[str] = (),
    max_document: int = MAX_DOCUMENT,
    terms: Terms | None = None,
) -> Starlette:
    """The application: the page, the two API functions and their description.

    Requests for sentences take turns, and beside them those for documents. `terms` are required in every translation.

    The Host header of a request must be one of `hosts`, so that a page of another site cannot reach a local server by
    another host name. With the right host name it cannot either, because the browser sends the site as the Origin. This
    must be the Host, or one of `public_names`, those of proxies that may write another Host into a request. Names are
    in small letters.
    """

    info = translators[0].runs[0].info
    source, target = choose_units_of_run(AUTO, translators[0].runs[0])
    units = source.name, target.name
    page = Page(
        "nmt serve", info.source_lang, info.target_lang, names, max_characters, units, max_document=max_document
    )
    html = page.html("'self'")
    document = build_openapi(max_characters, max_document)
    most = BYTES_PER_CHARACTER * (max(2 * max_characters, max_document) + 2 * MOST_TERMS * LONGEST_TERM) + 1000
    too_large = (
        f"the request is too large: a sentence may have at most {max_characters:,} characters, and documents "
        f"{max_document:,}"
    )
    sentences, documents = Queue(max_waiting, SENTENCE_SECONDS), Queue(max_waiting, DOCUMENT_SECONDS)
    jobs: dict[str, Job] = {}  # those that can be asked about, by the names that their clients gave them

    async def serve_page(request: Request) -> Response:
        return HTMLResponse(html)

    async def serve_description(request: Request) -> Response:
        return JSONResponse(document)

    async def serve_progress(request: Request) -> Response:
        job = jobs.get(request.path_params["name"])
        return JSONResponse({"done": job.done, "total": job.total} if job else {"done": 0, "total": 0})

    async def answer(request: Request, kind: type[Translate] | type[Align]) -> Response:
        for origin in request.headers.getlist("origin"):
            site = origin.partition("://")[2].lower()
            if site != request.headers.get("host", "").lower() and PORT.sub("", site) not in public_names:
                return refuse(403, f"requests from pages of {origin} are not allowed, only from this server's own page")
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
        except asyncio.CancelledError:
            return refuse(503, "the server is stopping")
        try:
            fields = kind.model_validate_json(bytes(content))
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}" for one in error.errors())
            return refuse(422, "; ".join(problems))
        is_document = isinstance(fields, Translate) and fields.format != "sentence"
        limit, queue = (max_document, documents) if is_document else (max_characters, sentences)
        for name, length in fields.lengths.items():
            if length > limit:
                return refuse(413, f"{name} has {length:,} characters; at most {limit:,} are allowed")
        if queue.waiting.available_tokens < 1:
            return refuse(503, f"the queue is full, with {format_count(max_waiting, 'request')}: try again later")
        try:
            async with queue.waiting:
                if await request.is_disconnected():
                    return refuse(408, "the client has disconnected")
                found = await compute(request, fields, queue)
        except TimeoutError:
            return refuse(413, f"the translation takes more than {queue.limit_seconds} seconds; send less at a time")
        except NmtError as error:
            return refuse(422, str(error))
        except asyncio.CancelledError:
            return refuse(503, "the server is stopping")
        return JSONResponse(found)

    async def compute(request: Request, fields: Translate | Align, queue: Queue) -> dict[str, Any]:
        job = Job(queue.turns, queue.limit_seconds)
        name = fields.name if isinstance(fields, Translate) else ""
        if name:
            jobs[name] = job
        work = asyncio.ensure_future(
            to_thread.run_sync(
                answer_request, translators, fields, terms, job, abandon_on_cancel=True, limiter=queue.threads
            )
        )
        try:
            while not (await asyncio.wait([work], timeout=LOOK_SECONDS))[0]:
                job.is_cancelled = await request.is_disconnected()
            return await work
        finally:
            job.is_cancelled = True
            work.cancel()
            if jobs.get(name) is job:
                del jobs[name]

    async def handle_error(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return refuse(error.status_code, f"{request.method} {request.scope['path']}: {error.detail}")
        return refuse(500, "this is an error in nmt, not in your request: the server has written it to its log")

    app = Starlette(
        routes=[
            Route("/", serve_page),
            Route("/api/openapi.json", serve_description),
            Route("/api/progress/{name}", serve_progress),
            Route("/api/translate", partial(answer, kind=Translate), methods=["POST"]),
            Route("/api/align", partial(answer, kind=Align), methods=["POST"]),
        ],
        middleware=[Middleware(KnownHosts, hosts=hosts)],
        exception_handlers={HTTPException: handle_error, Exception: handle_error},
    )
    app.router.redirect_slashes = False  # a redirect names this server, where a proxy has another name for it
    return app


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
        if "*" in self.hosts or host.lower() in self.hosts:
            await self.app(scope, receive, send)
        else:
            await refuse(400, f"the Host header is {host!r}, not {', '.join(self.hosts)}")(scope, receive, send)
