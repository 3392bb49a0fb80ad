"""What one call may cost, held before the application sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from caveat.service.config import Limits
from caveat.service.limits.inflate import Body, body_of
from caveat.service.limits.refusal import send_refusal
from caveat.service.problems import Fault, Refused

Scope = Any
Receive = Any
Send = Any
FREE: Final = frozenset(("/healthz", "/readyz", "/metrics"))
"""Answered however much is under way: whoever watches the service must see it."""
STREAMS: Final = frozenset(("/v1/screen",))
STREAMED: Final = frozenset(("application/x-ndjson", "application/ndjson"))
IDLE_SECONDS: Final = 60.0
"""A stream from which nothing comes for this long is ended."""


class Limited:
    """Refuses, as problem+json, a call that is too large (413), too slow to arrive (408), encoded in a way
    that is not read (415) or wrong (400), one too many (429), or not answered in time (503).

    A body is read whole and decoded before the application is called; a stream is passed on as it
    comes. An answer that has begun is not cut off. Streams hold at most half of the places.
    """

    def __init__(self, app: Any, limits: Limits, state: Any = None) -> None:
        self._app, self._limits, self._state = app, limits, state
        self._under_way = self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        stream = _is_stream(scope)
        most = max(1, self._limits.concurrency // 2)
        if self._under_way >= self._limits.concurrency or (stream and self._streams >= most):
            await self._refuse(send, _too_many())
            return
        self._under_way += 1
        self._streams += stream
        try:
            await self._admitted(scope, receive, send, stream)
        finally:
            self._under_way -= 1
            self._streams -= stream

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, stream: bool) -> None:
        begun = False

        async def told(message: dict[str, Any]) -> None:
            nonlocal begun
            if not begun and not stream:
                patience.reschedule(None)
            begun = True
            await send(message)

        seconds = self._limits.stream_seconds if stream else self._limits.seconds
        most = self._limits.stream_bytes if stream else self._limits.body_bytes
        patience = asyncio.timeout(None)
        try:
            arriving = _Arriving(receive, body_of(_values(scope, b"content-encoding")), most)
            arriving.announced(_values(scope, b"content-length"))
            if stream:
                given: Receive = arriving.message
                _decoded(scope, None)
            else:
                body = await arriving.whole(seconds)
                given = _replayed(body, receive)
                _decoded(scope, len(body))
            async with patience:
                patience.reschedule(asyncio.get_running_loop().time() + seconds)
                await self._app(scope, given, told)
        except TimeoutError:
            if begun or not patience.expired():
                raise
            await self._refuse(send, _too_long(seconds))
        except Refused as error:
            if begun:
                raise
            await self._refuse(send, error)
        except _Gone:
            return

    async def _refuse(self, send: Send, refused: Refused) -> None:
        code = refused.faults[0].code if refused.faults else str(refused.status)
        if self._state is not None:
            self._state.metrics.refused(code)
            self._state.log.warning("limit", reason=code, status=refused.status)
        await send_refusal(send, refused)


class _Gone(Exception):
    """The client went away before its body was whole."""


class _Arriving:
    """A body on its way in: counted as it was sent and as it was meant, neither past the limit."""

    def __init__(self, receive: Receive, body: Body, most: int) -> None:
        self._receive, self._body, self._most = receive, body, most
        self._sent = self._meant = 0
        self._pieces: Iterator[bytes] = iter(())
        self._ended = self._told = False

    def announced(self, lengths: list[str]) -> None:
        """Refuse by what `Content-Length` says, before anything is read."""
        if not lengths:
            return
        if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdigit()):
            raise Refused(
                400, "Content-Length is no length", (Fault("content-length", "one number is needed"),)
            )
        if len(lengths[0]) > 18 or int(lengths[0]) > self._most:
            raise _too_large(self._most)

    async def whole(self, seconds: float) -> bytes:
        """All of it. Refused (408) when it does not come in time."""
        found = bytearray()
        try:
            async with asyncio.timeout(seconds):
                while (piece := await self._next()) is not None:
                    found += piece
        except TimeoutError:
            raise _too_slow(seconds) from None
        return bytes(found)

    async def message(self) -> dict[str, Any]:
        """The next part of a stream, in the form of an ASGI message."""
        if self._told:
            return await self._receive()  # type: ignore[no-any-return]
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                piece = await self._next()
        except TimeoutError:
            raise _too_slow(IDLE_SECONDS) from None
        except _Gone:
            self._told = True
            return {"type": "http.disconnect"}
        self._told = piece is None
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def _next(self) -> bytes | None:
        """The next piece as it was meant; None at the end."""
        while True:
            for piece in self._pieces:
                self._meant += len(piece)
                if self._meant > self._most:
                    raise _too_large(self._most)
                return piece
            if self._ended:
                return None
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            data = message.get("body", b"")
            self._sent += len(data)
            if self._sent > self._most:
                raise _too_large(self._most)
            self._pieces = self._body.feed(data)
            if not message.get("more_body", False):
                self._ended = True
                self._pieces = _then_end(self._pieces, self._body)


def _then_end(pieces: Iterator[bytes], body: Body) -> Iterator[bytes]:
    yield from pieces
    body.end()


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once, and then what the server has to say."""
    given = False

    async def replay() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()  # type: ignore[no-any-return]
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def _is_stream(scope: Scope) -> bool:
    kind = "".join(_values(scope, b"content-type")[:1]).partition(";")[0].strip().lower()
    return scope["path"] in STREAMS and kind in STREAMED


def _decoded(scope: Scope, length: int | None) -> None:
    """Make the headers say what the application is given: a decoded body of this length."""
    told = (b"content-encoding", b"content-length", b"transfer-encoding")
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in told]
    if length:
        scope["headers"].append((b"content-length", str(length).encode()))


def _too_many() -> Refused:
    return Refused(
        429,
        "too many calls are under way",
        (Fault("too-many-calls", "this call was not looked at", hint="Send it again after Retry-After"),),
        (("Retry-After", "1"),),
    )


def _too_large(most: int) -> Refused:
    return Refused(
        413,
        "the body is too large",
        (Fault("too-large", f"at most {most} bytes are read, before and after decoding"),),
    )


def _too_slow(seconds: float) -> Refused:
    return Refused(
        408,
        "the body did not arrive in time",
        (Fault("too-slow", f"{seconds:g} s passed; nothing was checked"),),
        (("Connection", "close"),),
    )


def _too_long(seconds: float) -> Refused:
    return Refused(
        503,
        "the check took too long, review manually",
        (Fault("out-of-time", f"{seconds:g} s passed and nothing can be said"),),
        (("Retry-After", "1"),),
    )
