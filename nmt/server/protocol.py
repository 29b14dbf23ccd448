"""HTTP with limits on the time of a request and on the number of connections."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 10  # time in which a request must arrive completely
MAX_CONNECTIONS = 200  # largest number of open connections


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

    def check_time(self) -> None:
        """Close the connection if its request is late, otherwise check again later."""
        if self.since and self.loop.time() - self.since >= REQUEST_SECONDS:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(REQUEST_SECONDS, self.check_time)
