"""Fetching a key set: bounded, and never led elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from caveat.service.trust import remote
from caveat.service.trust.keys import MOST_BYTES
from caveat.service.trust.remote import https_get


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    asked: ClassVar[list[str]] = []
    stop: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/keys")
            self.end_headers()
            return
        if self.path == "/slow":
            self.stop.wait(5)
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()
        body = b"x" * (MOST_BYTES + 1) if self.path == "/large" else b'{"keys": []}'
        with contextlib.suppress(OSError):  # whoever asked has left
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on loopback."""
    Handler.asked.clear()
    Handler.stop.clear()
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    Handler.stop.set()
    found.shutdown()
    thread.join()
    found.server_close()


def test_key_set_is_fetched(server: str) -> None:
    assert asyncio.run(https_get(server + "/keys")) == b'{"keys": []}'


@pytest.mark.parametrize(("path", "why"), [("/moved", "302"), ("/broken", "500"), ("/large", "too large")])
def test_other_answers_are_errors_and_redirects_are_not_followed(server: str, path: str, why: str) -> None:
    with pytest.raises(OSError, match=why):
        asyncio.run(https_get(server + path))
    assert Handler.asked == [path]


def test_slow_issuer_is_given_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "SECONDS", 0.1)
    import httpx

    with pytest.raises((TimeoutError, httpx.TimeoutException)):
        asyncio.run(https_get(server + "/slow"))
