"""HTTP with bounds on what comes before any check: request line, headers and trailers, and the wait for them.

The server counts none of these, and a stranger needs no token to send them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncio import TimerHandle

MOST_BYTES: Final = 64 * 1024
"""Bytes of a request line with its headers, or of trailers."""
MOST_HEADERS: Final = 200
SECONDS: Final = 20.0
"""How long a client may take until its headers are whole, from the connection or from their first byte."""
NAME: Final = "caveat.service.limits.protocol:Bounded"
"""The protocol as uvicorn is told of it: by its name, so that every worker can import it."""
_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class TooManyHeaders(Exception):
    """Raised within the parser, which then gives the request up."""


def bounded(
    most_bytes: int = MOST_BYTES, most_headers: int = MOST_HEADERS, seconds: float = SECONDS
) -> type[Any]:
    """Uvicorn's protocol with these bounds: past a size 431, past the time the connection is closed."""
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    class Bounded(HttpToolsProtocol):
        """`_unseen` counts bytes since the last headers, body or message that was whole."""

        _unseen = 0
        _named = _named_bytes = 0
        _heading = True
        _waiting: TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._no_longer_wait()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._unseen += len(data)
            super().data_received(data)
            if self._heading and self._unseen and self._waiting is None:
                self._wait()
            if self._unseen > most_bytes and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()

        def on_message_begin(self) -> None:
            self._named = self._named_bytes = 0
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            self._named += 1
            self._named_bytes += len(name) + len(value)
            if self._named > most_headers or self._named_bytes > most_bytes:
                raise TooManyHeaders
            if self._heading:  # a trailer is no header: it came when the call had been let in
                super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._unseen, self._heading = 0, False
            self._no_longer_wait()
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._unseen = 0
            super().on_body(body)

        def on_message_complete(self) -> None:
            self._unseen, self._heading = 0, True
            super().on_message_complete()

        def _wait(self) -> None:
            self._waiting = self.loop.call_later(seconds, self._given_up)

        def _no_longer_wait(self) -> None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None

        def _given_up(self) -> None:
            self._waiting = None
            if not self._heading or self.transport.is_closing():
                return
            cycle: Any = self.cycle
            if cycle is None or cycle.response_complete:
                self.transport.close()
            else:
                self._wait()  # an answer to the call before is on its way

    return Bounded


def __getattr__(name: str) -> type[Any]:
    if name == "Bounded":
        return bounded()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
