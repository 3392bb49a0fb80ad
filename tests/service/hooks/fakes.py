"""A service made of the hooks' own router: real rules and answers, a store and a FHIR server in memory."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import caveat
from caveat.service.config import Config
from caveat.service.fetch.failed import Failed
from caveat.service.live import Holder, Live
from caveat.service.question import Answer, Override, Question, Site
from caveat.service.state import State, site_of
from caveat.service.store.base import AuditRefused, Caller, Said, StoreAway

AS_OF = "2026-01-15"
NOW = dt.datetime(2026, 1, 15, 9, 30, tzinfo=dt.UTC)
INSTANCE = "5b0b8f6e-4d2f-4a55-9a8e-0c6f7d3e2a11"
CALLER = Caller("https://ehr.example/", "north")


@lru_cache(maxsize=1)
def live() -> Live:
    """The bundled rules."""
    return Live.of(caveat.load())


@dataclass
class Memory:
    """A store that keeps everything; `away` and `full` make it fail as a real one does."""

    away: bool = False
    full: bool = False
    held: tuple[Override, ...] = ()
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    recorded: list[tuple[Question, Answer, Caller]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)

    async def record(
        self,
        question: Question,
        answer: Answer,
        caller: Caller,
        *,
        ruleset: str,
        microseconds: int,
        policy: str = "",
    ) -> str:
        if self.full:
            raise AuditRefused
        self.recorded.append((question, answer, caller))
        return "spooled" if self.away else "stored"

    async def overrides(self, patient: str, at: str, tenant: str = "") -> tuple[Override, ...]:
        if self.away:
            raise StoreAway
        self.asked.append((patient, at, tenant))
        return self.held

    async def feedback(self, said: tuple[Said, ...], caller: Caller, service: str, at: str) -> int:
        if self.away:
            raise StoreAway
        new = [one for one in said if one not in self.said]
        self.said += new
        return len(new)

    async def ready(self) -> dict[str, Any]:
        return {"database": "away" if self.away else "ok", "spooled": 0, "spool_limit": 1}

    async def close(self) -> None:
        return None


@dataclass
class Server:
    """A FHIR server that is allowed at one address and answers by key."""

    base: str = "https://fhir.example/r4"
    answers: dict[str, bytes | Failed] = field(default_factory=dict)
    calls: list[tuple[str, str | None, dict[str, str]]] = field(default_factory=list)

    def allows(self, base: str | None) -> bool:
        return base == self.base

    async def fetch(
        self, base: str, token: str | None, wanted: Mapping[str, str]
    ) -> dict[str, bytes | Failed]:
        self.calls.append((base, token, dict(wanted)))
        return {key: self.answers.get(key, Failed("status", 404)) for key in wanted}

    async def close(self) -> None:
        return None


class Quiet:
    """Metrics and log that keep what they were told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        def note(*values: Any, **named: Any) -> None:
            self.lines.append((name, values, named))

        return note


@dataclass
class Service:
    """The service, its parts, and a client."""

    state: State
    store: Memory
    server: Server
    log: Quiet
    client: Any

    def post(self, body: Any, path: str = "/cds-services/caveat", **named: Any) -> Any:
        """The response to a JSON body."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **named.pop("headers", {})}
        return self.client.post(path, content=raw, headers=headers, **named)

    def cards(self, body: Any) -> list[dict[str, Any]]:
        """The cards of a call that is answered."""
        response = self.post(body)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["cards"]
        return found


def service(
    *, caller: Caller | None = CALLER, rules: Live | None = None, config: Config | None = None, **store: Any
) -> Service:
    """A service with an application of the hooks' router alone."""
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    from caveat.service.app import refusal
    from caveat.service.hooks.routes import router
    from caveat.service.problems import Refused

    chosen = config or Config(insecure_dev=True, production=False)
    memory, server, log = Memory(**store), Server(), Quiet()
    state = State(
        config=chosen,
        holder=Holder(rules or live()),
        store=memory,
        clock=lambda: NOW,
        gate=None,  # type: ignore[arg-type]
        fetcher=server,  # type: ignore[arg-type]
        metrics=log,  # type: ignore[arg-type]
        site=site_of(chosen),
        log=log,
    )
    app = FastAPI()
    app.include_router(router(state))

    async def refused(request: Any, error: Exception) -> Any:
        assert isinstance(error, Refused)
        return refusal(error)

    app.add_exception_handler(Refused, refused)

    async def gated(scope: Any, receive: Any, send: Any) -> None:
        if caller is not None:
            scope.setdefault("state", {})["caller"] = caller
        await app(scope, receive, send)

    return Service(state, memory, server, log, TestClient(gated, raise_server_exceptions=True))


def run(coroutine: Any) -> Any:
    """What a coroutine comes to."""
    return asyncio.run(coroutine)


SITE = Site("https://cds.example")


@lru_cache(maxsize=1)
def suggesting() -> Live:
    """The bundled rules, each on orders proposing a dose, another medicine and a cancellation."""
    from dataclasses import replace

    from caveat.compile.program import Program, Suggestion

    proposed = (
        Suggestion("less", "dose", "Start with 5 mg three times a day", dose="5 mg", frequency="3 /d"),
        Suggestion("other", "alternative", "Use tizanidine instead", ingredient="tizanidine"),
        Suggestion("none", "cancel", "Do not give it"),
    )
    rules = live().rules
    changed = tuple(
        replace(rule, suggestions=proposed) if rule.subject in ("order", "pair") else rule
        for rule in rules.program.rules
    )
    program = Program(rules.program.version, changed, "sha256:suggesting")
    return Live.of(replace(rules, program=program))
