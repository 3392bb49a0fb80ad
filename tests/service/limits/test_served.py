"""Gate and limits behind a real server, seen from the wire."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from caveat.service.config import Limits
from caveat.service.limits.middleware import Limited
from caveat.service.trust.middleware import Trusted
from service.limits.calling import State as Counted
from service.limits.calling import echo
from service.trust.issuer import BASE, SERVICE, Entrance, token
from service.trust.test_middleware import State

LIMITS = Limits(body_bytes=1_000_000, stream_bytes=2_000_000, seconds=0.5, concurrency=4)
OPEN = "/healthz"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a service that says back what it is sent."""
    folder: Path = tmp_path_factory.mktemp("served")
    limited = Limited(echo, LIMITS, Counted())
    app: Any = Trusted(limited, State(Entrance(folder)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def head(path: str, *lines: str, aud: str | None = None) -> bytes:
    """A request up to its body, with a good token."""
    made = token(aud=aud or BASE + path)
    start = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {made}", *lines]
    return ("\r\n".join(start) + "\r\n\r\n").encode()


def answers(port: int, *parts: bytes, pause: float = 0.0) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the first answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        for part in parts:
            try:
                wire.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        found = b""
        while b"\r\n\r\n" not in found:
            found += wire.recv(65536)
        top, _, body = found.partition(b"\r\n\r\n")
        lines = top.decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(headers.get("content-length", 0)):
            body += wire.recv(65536)
    return int(lines[0].split()[1]), headers, body


def code(body: bytes) -> str:
    return str(json.loads(body)["errors"][0]["code"])


def test_good_call(port: int) -> None:
    assert answers(port, head(SERVICE, "Content-Length: 2") + b"{}")[::2] == (200, b"{}")


def test_oversized_body_is_refused_before_it_is_sent(port: int) -> None:
    status, _, body = answers(port, head(SERVICE, "Content-Length: 1000001", "Expect: 100-continue"))
    assert (status, code(body)) == (413, "too-large")


def test_chunked_body_past_the_limit_is_refused(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, _, body = answers(port, head(SERVICE, "Transfer-Encoding: chunked"), *[chunk] * 16)
    assert (status, code(body)) == (413, "too-large")


def test_stranger_is_refused_before_the_body_is_read(port: int) -> None:
    status, headers, body = answers(
        port, head(SERVICE, "Content-Length: 900000", aud="https://elsewhere.example.org")
    )
    assert (status, headers["www-authenticate"], body) == (401, "Bearer", b"")


def test_slow_body_is_given_up(port: int) -> None:
    status, _, body = answers(port, head(SERVICE, "Content-Length: 100"), *[b"x"] * 8, pause=0.1)
    assert (status, code(body)) == (408, "too-slow")


def test_gzip_bomb_is_refused(port: int) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    sent = head(SERVICE, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb
    status, _, body = answers(port, sent)
    assert (status, code(body)) == (413, "too-large")


def test_stream_of_chunks_is_read_past_the_limit_of_a_body(port: int) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    lines = ("Transfer-Encoding: chunked", "Content-Type: application/x-ndjson")
    status, _, body = answers(port, head("/v1/screen", *lines), *[chunk] * 20, b"0\r\n\r\n")
    assert status == 200
    status, _, body = answers(port, head("/v1/screen", *lines), *[chunk] * 31, b"0\r\n\r\n")
    assert (status, code(body)) == (413, "too-large")


def test_calls_past_the_limit_are_sent_away_while_health_is_answered(port: int) -> None:
    waiting = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(4)]
    try:
        for wire in waiting:
            wire.sendall(head(SERVICE, "Content-Length: 2"))
        time.sleep(0.1)
        status, headers, body = answers(port, head(SERVICE, "Content-Length: 2") + b"{}")
        assert (status, headers["retry-after"], code(body)) == (429, "1", "too-many-calls")
        assert answers(port, f"GET {OPEN} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0] == 200
        for wire in waiting:
            wire.sendall(b"{}")
            assert wire.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for wire in waiting:
            wire.close()
    assert answers(port, head(SERVICE, "Content-Length: 2") + b"{}")[0] == 200


def test_huge_header_is_refused(port: int) -> None:
    sent = f"POST {SERVICE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {'a' * 60_000}\r\n\r\n"
    assert answers(port, sent.encode())[0] in (400, 401, 431)
