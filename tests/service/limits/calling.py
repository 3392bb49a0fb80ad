"""Calls to the middleware before an application of the test's own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from caveat.service.config import Limits
from caveat.service.limits.middleware import Limited

Message = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class State:
    """Keeps what is counted and logged."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.lines: list[tuple[str, dict[str, Any]]] = []
        self.metrics = self.log = self

    def refused(self, code: str) -> None:
        self.codes.append(code)

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))


class Answer:
    """What was sent."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"]) if self.messages else 0

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def code(self) -> str:
        """The code of a problem; empty where the answer is none."""
        if self.status < 400 or not self.messages:
            return ""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["content-length"] == str(len(self.body))
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        return str(problem["errors"][0]["code"])


class Client:
    """Gives the server the parts of a body, then waits as a client that is still there."""

    def __init__(self, parts: Iterable[bytes] = (b"",), *, pause: float = 0.0, leaves: bool = False) -> None:
        self._parts = list(parts)
        self._pause, self._leaves = pause, leaves
        self.given = 0

    async def receive(self) -> Message:
        if self._pause:
            await asyncio.sleep(self._pause)
        if self.given < len(self._parts):
            part = self._parts[self.given]
            self.given += 1
            more = self.given < len(self._parts) or self._leaves
            return {"type": "http.request", "body": part, "more_body": more}
        if not self._leaves:
            await asyncio.sleep(3600)
        return {"type": "http.disconnect"}


def scope_of(path: str = "/cds-services/caveat", headers: Iterable[tuple[str, str]] = ()) -> Message:
    """A POST."""
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "method": "POST", "path": path, "headers": pairs}


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it was given."""
    found = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        found += message["body"]
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": scope["headers"]})
    await send({"type": "http.response.body", "body": found})


def call(
    client: Client | None = None,
    *,
    app: Application = echo,
    path: str = "/cds-services/caveat",
    headers: Iterable[tuple[str, str]] = (),
    state: State | None = None,
    **limits: Any,
) -> Answer:
    """One call through fresh middleware."""
    return asyncio.run(called(Limited(app, Limits(**limits), state), client, path=path, headers=headers))


async def called(
    limited: Limited,
    client: Client | None = None,
    *,
    path: str = "/cds-services/caveat",
    headers: Iterable[tuple[str, str]] = (),
) -> Answer:
    """One call through this middleware."""
    answer = Answer()
    await limited(scope_of(path, headers), (client or Client()).receive, answer.send)
    return answer
