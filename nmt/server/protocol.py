"""HTTP with limits on the time of a request and on the number of connections. Every refusal is in JSON."""

import asyncio
import json
import socket

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from nmt.server import SHUTDOWN_SECONDS

REQUEST_SECONDS = 10  # time in which a request must arrive completely
MAX_CONNECTIONS = 200  # largest number of open connections
NOT_HTTP = json.dumps({"error": "the request is not HTTP/1.1, or its headers contradict each other"}).encode()


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


class Server(uvicorn.Server):
    """uvicorn's server, which refuses the requests that it cannot answer in SHUTDOWN_SECONDS after it was stopped.

    uvicorn itself reports them as an error.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(SHUTDOWN_SECONDS, self.close_unread)
        loop.call_later(SHUTDOWN_SECONDS + 0.1, self.cancel_requests)
        await super().shutdown(sockets)

    def close_unread(self) -> None:
        """Close the connections of clients that do not read their answers."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None and transport.get_write_buffer_size():
                transport.abort()

    def cancel_requests(self) -> None:
        """Let the application refuse the requests that are open."""
        for task in self.server_state.tasks:
            task.cancel()
