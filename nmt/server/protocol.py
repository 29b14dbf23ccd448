"""HTTP for a server whose clients may be slow, or many."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10  # seconds in which a request must have arrived
MAX_CONNECTIONS = 200  # connections that are open at a time


class TimeoutProtocol(H11Protocol):
    """uvicorn's HTTP, which by itself waits for ever for the first line of a request.

    It closes connections beyond MAX_CONNECTIONS, and those on which the head of a request is not complete within
    REQUEST_SECONDS to twice that.
    """

    since: float | None  # when what is not yet the head of a request began

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
        self.loop.call_later(REQUEST_SECONDS, self.watch)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        begun = self.conn.their_state is h11.IDLE
        self.since = (self.since or self.loop.time()) if begun else None

    def watch(self) -> None:
        """Close the connection when its request is late, or look again later."""
        if self.since and self.loop.time() - self.since >= REQUEST_SECONDS:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(REQUEST_SECONDS, self.watch)
