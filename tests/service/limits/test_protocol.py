"""What comes before any check is bounded: request line, headers, trailers, and the wait for them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from uvicorn.importer import import_from_string

from caveat.service.limits.protocol import MOST_BYTES, MOST_HEADERS, NAME, bounded

SECONDS = 0.4


async def said_back(scope: Any, receive: Any, send: Any) -> None:
    """The names of the headers and the length of the body; at `/slow` after twice the time for headers."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    if scope["path"] == "/slow":
        await asyncio.sleep(SECONDS * 2)
    names = b",".join(name for name, _ in scope["headers"])
    body = b"%s %d" % (names, length)
    lines = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app: Any = said_back
    protocol: Any = bounded(seconds=SECONDS)
    settings = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", http=protocol)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def told(port: int, *parts: bytes, pause: float = 0.0) -> tuple[bytes, bool]:
    """What the server says, and whether it closed the connection within a second of the last part."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
        for part in parts:
            try:
                wire.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            while piece := wire.recv(65536):
                found += piece
        except TimeoutError:
            return found, False
        except OSError:
            pass
        return found, True


START = b"POST / HTTP/1.1\r\nHost: x\r\n"
MANY = b"".join(b"X-%d: y\r\n" % number for number in range(MOST_HEADERS + 1))
PIECES = [b"a" * 16_384] * (2 * MOST_BYTES // 16_384)


def test_the_protocol_can_be_had_by_its_name() -> None:
    assert import_from_string(NAME).__name__ == "Bounded"


def test_a_usual_call_is_answered(port: int) -> None:
    found, _ = told(port, START + b"Content-Length: 200000\r\nConnection: close\r\n\r\n" + b"x" * 200_000)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b" 200000")


def test_small_chunks_are_no_headers(port: int) -> None:
    chunks = b"1\r\nx\r\n" * 40_000 + b"0\r\n\r\n"
    found, _ = told(port, START + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b" 40000")


@pytest.mark.parametrize(
    "parts",
    [
        [START, b"X: ", *PIECES],
        [b"GET /", *PIECES],
        [START, MANY],
        [START, *[b"X: %s\r\n" % (b"y" * 16_000)] * 8],
        [START, b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", *PIECES],
    ],
    ids=["one-header", "request-line", "many-headers", "large-headers", "trailer"],
)
def test_what_does_not_end_is_refused(port: int, parts: list[bytes]) -> None:
    found, closed = told(port, *parts, pause=0.01)
    assert closed
    assert not found or found.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))


@pytest.mark.parametrize("parts", [[], [b"G"], [START], [START, b"X: y"]])
def test_who_does_not_finish_headers_is_not_waited_for(port: int, parts: list[bytes]) -> None:
    began = time.monotonic()
    assert told(port, *parts) == (b"", True)
    assert time.monotonic() - began < SECONDS * 2


def test_headers_a_byte_at_a_time_do_not_renew_the_time(port: int) -> None:
    began = time.monotonic()
    found, closed = told(port, START, *[b"x"] * 40, pause=0.05)
    assert (found, closed) == (b"", True)
    assert time.monotonic() - began < 4


def test_a_long_answer_is_not_cut_off(port: int) -> None:
    call = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"
    assert told(port, call)[0].startswith(b"HTTP/1.1 200")
    assert told(port, call, b"\r\n")[0].startswith(b"HTTP/1.1 200")


def test_a_second_call_on_the_connection_has_its_own_bounds(port: int) -> None:
    one = START + b"X: %s\r\nContent-Length: 0\r\n\r\n" % (b"y" * 40_000)
    found, _ = told(port, one, one, one, pause=0.05)
    assert found.count(b"HTTP/1.1 200") == 3


def test_a_trailer_is_no_header(port: int) -> None:
    call = START + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    found, _ = told(port, call + b"1\r\nx\r\n0\r\nAuthorization: Bearer x\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200")
    assert b"authorization" not in found
