"""HTTP with limits on the time of a request and on the number of connections. Every refusal is in JSON."""

import asyncio
import json
import re

import h11
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10  # time in which a request must arrive completely
MAX_CONNECTIONS = 200  # largest number of open connections
NOT_HTTP = json.dumps({"error": "the request is not HTTP/1.1, or its headers contradict each other"}).encode()
LONGEST_MESSAGE = 500  # characters: a message may quote the request
PORT = re.compile(":[0-9]*$")


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


class TimeoutProtocol(H11Protocol):
    """uvicorn's HTTP protocol with time limits; uvicorn itself waits for the head of a request without limit.

    It closes connections beyond MAX_CONNECTIONS, and those on which the head of a request is not complete after
    REQUEST_SECONDS, or at the latest after twice that time.
    """

    since: float | None  # time since which the head of a request is incomplete, or None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
        self.loop.call_later(REQUEST_SECONDS, self.check_time)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_incomplete = self.conn.their_state is h11.IDLE
        self.since = (self.since or self.loop.time()) if is_incomplete else None

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, unless an answer has begun, and close the connection."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {len(NOT_HTTP)}\r\n"
            self.transport.write(f"{head}connection: close\r\n\r\n".encode() + NOT_HTTP)
            self.conn.send_failed()  # h11 sends nothing more
        if self.cycle is not None:  # whose head was good, so that the application is about to answer it
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()

    def check_time(self) -> None:
        """Close the connection if its request is late, otherwise check again later."""
        if self.since and self.loop.time() - self.since >= REQUEST_SECONDS:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(REQUEST_SECONDS, self.check_time)
