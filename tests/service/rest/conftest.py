"""The REST routes in an application of their own: bundled rules, a store in memory, no gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from caveat.compile.ruleset import load
from caveat.service.config import Config
from caveat.service.live import Holder, Live
from caveat.service.metrics import Metrics
from caveat.service.question import Answer, Question
from caveat.service.state import State, site_of
from caveat.service.store.base import AuditRefused, Caller

AS_OF = "2026-01-15"
NOW = dt.datetime(2026, 1, 15, 23, 30, tzinfo=dt.UTC)


@dataclass
class Kept:
    """A store in memory: what was kept, in order. `full` lets it refuse."""

    records: list[tuple[Question, Answer]] = field(default_factory=list)
    full: bool = False
    state: dict[str, Any] = field(
        default_factory=lambda: {"database": "ok", "spooled": 0, "spool_limit": 10_000}
    )

    async def record(
        self,
        question: Question,
        answer: Answer,
        caller: Caller,
        *,
        ruleset: str,
        microseconds: int,
        **more: Any,
    ) -> str:
        if self.full:
            raise AuditRefused
        self.records.append((question, answer))
        return "stored"

    async def ready(self) -> dict[str, Any]:
        return self.state

    async def overrides(self, patient: str, at: str, tenant: str = "") -> tuple[Any, ...]:
        return ()

    async def close(self) -> None:
        return None


class Silent:
    """A log of what would have been logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Callable[..., None]:
        return lambda event, **fields: self.lines.append((event, fields))


class Known:
    """Says who calls, as the gate would."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})["caller"] = Caller("test")
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def live() -> Live:
    """The bundled rules."""
    return Live.of(load(), origin="bundled")


@pytest.fixture
def state(live: Live, tmp_path: Path) -> Iterator[State]:
    """A worker's state on 2026-01-15, with its store in memory."""
    found = state_of(live, tmp_path)
    yield found
    found.metrics.close()


def state_of(live: Live, folder: Path, config: Config | None = None) -> State:
    """A worker's state without gate and fetcher."""
    config = config or Config(production=False, insecure_dev=True)
    return State(
        config=config,
        holder=Holder(live),
        store=cast("Any", Kept()),
        clock=lambda: NOW,
        gate=cast("Any", None),
        fetcher=cast("Any", None),
        metrics=Metrics(folder),
        site=site_of(config),
        log=Silent(),
    )


def application(state: State) -> Any:
    """The REST routes with the refusals of the whole application."""
    from fastapi import FastAPI
    from starlette.exceptions import HTTPException

    from caveat.service.app import _http, _refused
    from caveat.service.openapi import customise
    from caveat.service.problems import Refused
    from caveat.service.rest.routes import router

    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False, openapi_url="/openapi.json")
    app.state.caveat = state
    app.include_router(router(state))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http)
    customise(app)
    return Known(app)


@pytest.fixture
def client(state: State) -> Iterator[Any]:
    """A caller of the application."""
    from starlette.testclient import TestClient

    with TestClient(application(state)) as found:
        yield found


def kept(state: State) -> Kept:
    """The store in memory."""
    return cast("Kept", state.store)


def limited(state: State, **limits: int) -> State:
    """The same state at a site with other limits."""
    return replace(state, site=replace(state.site, **limits))
