"""The routes of overrides in an application of their own: bundled rules, a real store, no gate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from caveat.compile.ruleset import load
from caveat.service.live import Holder, Live
from caveat.service.metrics import Metrics
from caveat.service.question import Answer, Judged, Question, Shown
from caveat.service.state import State, site_of
from caveat.service.store.base import Caller
from caveat.service.store.sql import SqlStore
from service.store.fixtures import place, postgres
from service.store.making import KEY, config

__all__ = ["place", "postgres"]

NOW = dt.datetime(2026, 1, 15, 9, 0, tzinfo=dt.UTC)
AT = "2026-01-15T09:00:00.000Z"
CARD = "11111111-2222-4333-8444-555555555555"


class Silent:
    """A log of what would have been logged."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: self.lines.append((event, fields))


class Known:
    """Says who calls, as the gate would: the tenant is that of the X-Tenant header."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            tenant = headers.get(b"x-tenant", b"north").decode()
            scope.setdefault("state", {})["caller"] = Caller("https://ehr.example", tenant, "app")
        await self.app(scope, receive, send)


@dataclass
class Service:
    """An application, its state and a clock that tests set."""

    client: Any
    state: State
    clock: list[dt.datetime]

    def show(
        self, *findings: Shown, patient: str = "p1", tenant: str = "north", user: str = "Practitioner/17"
    ) -> None:
        """Record an evaluation that showed these findings."""
        import json
        from uuid import uuid4

        context = {"patientId": patient, "userId": user}
        body = {"hook": "order-sign", "hookInstance": str(uuid4()), "context": context}
        question = Question(
            str(uuid4()), "order-sign", json.dumps(body).encode(), "2026-01-15", AT, self.state.site
        )
        answer = Answer(200, "application/json", b"{}", (Judged(patient, findings),))
        caller = Caller("https://ehr.example", tenant)
        kept = self.run(self.state.store.record(question, answer, caller, ruleset="sha256:0", microseconds=1))
        assert kept == "stored"

    def run(self, work: Any) -> Any:
        """What a coroutine of the store gives, in the loop of the application."""
        return self.client.portal.call(lambda: work)


def shown(number: int = 0, **more: Any) -> Shown:
    """A finding that fired on a card."""
    given: dict[str, Any] = {
        "finding": f"{number:020x}",
        "rule": "baclofen.interaction.opioid",
        "kind": "interaction",
        "status": "fires",
        "severity": "major",
        "tier": "interruptive",
        "drugs": ("baclofen", "morphine"),
        "card": CARD,
        "facts": (("potassium", "4.1 mmol/L", "2026-01-10", "Observation/canary"),),
    }
    return Shown(**{**given, **more})


@pytest.fixture(scope="session")
def live() -> Live:
    """The bundled rules."""
    return Live.of(load(), origin="bundled")


@pytest.fixture
def service(live: Live, tmp_path: Path, place: dict[str, Any]) -> Iterator[Service]:
    """The application on an empty database of either kind."""
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from starlette.exceptions import HTTPException
    from starlette.testclient import TestClient

    from caveat.service.app import _http, _refused, _unfit
    from caveat.service.openapi import customise
    from caveat.service.overrides.routes import router
    from caveat.service.problems import Refused

    asked = config(tmp_path, **place).model_copy(update={"insecure_dev": True})
    clock = [NOW]
    state = State(
        config=asked,
        holder=Holder(live),
        store=SqlStore(asked, KEY),
        clock=lambda: clock[0],
        gate=cast("Any", None),
        fetcher=cast("Any", None),
        metrics=Metrics(tmp_path),
        site=site_of(asked),
        log=Silent(),
    )
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.caveat = state
    app.include_router(router(state))
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _http)
    customise(app)
    with TestClient(Known(app), raise_server_exceptions=True) as client:
        found = Service(client, state, clock)
        yield found
        client.portal.call(state.store.close)
