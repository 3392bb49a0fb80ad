"""The OpenAPI document is complete: a fuzzer that reads it finds nothing; and the published schemas."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.native import read_native
from caveat.errors import InputError
from caveat.service.config import Config
from caveat.service.live import Live
from caveat.service.rest.described.operations import OPERATIONS
from caveat.service.rest.schemas import KINDS, schema
from caveat.service.state import State
from service.rest.conftest import Known, application, state_of
from strategies.patients import data
from strategies.sources import Drawn, Seeded

TOKEN = b"Bearer good"
FULL = os.environ.get("CAVEAT_SCHEMATHESIS") == "full"


class Asking(Known):
    """A gate that takes one token, as the service's own would: a bare 401 for any other."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        free = scope["type"] != "http" or scope["path"] in ("/healthz", "/readyz", "/openapi.json")
        if not free and [v for k, v in scope["headers"] if k == b"authorization"] != [TOKEN]:
            headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 401, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await super().__call__(scope, receive, send)


@pytest.fixture
def secured(live: Live, tmp_path: Path) -> State:
    """The state of a service that asks for tokens."""
    return state_of(live, tmp_path, Config())


def failures(
    app: Any, *, examples: int, coverage: bool, paths: list[str] | None = None
) -> tuple[int, list[str]]:
    """How many cases were tried, and what was found wrong."""
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.engine import events, from_schema

    config = SchemathesisConfig.from_dict(
        {
            "seed": 20260115,
            "headers": {"Authorization": TOKEN.decode()},
            "generation": {"deterministic": True, "max-examples": examples, "database": "none"},
            "phases": {"coverage": {"enabled": coverage}},
            "continue-on-failure": True,
        }
    )
    api = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    if paths is not None:
        api = api.include(path=paths)
    found: list[str] = []
    tried = 0
    for event in from_schema(api).execute():
        if isinstance(event, events.ScenarioFinished):
            tried += len(event.recorder.cases)
            for case, checks in event.recorder.checks.items():
                found += [
                    f"{event.phase} {event.label} {check.name}: {check.failure_info.failure}\n"
                    f"{event.recorder.cases[case].value.body!r}"[:2000]
                    for check in checks
                    if check.failure_info is not None
                ]
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            found.append(str(getattr(event, "value", None) or getattr(event, "exception", event)))
    return tried, found


def test_a_fuzzer_that_knows_the_document_finds_nothing(secured: State) -> None:
    app = Asking(application(secured).app)
    tried, found = failures(app, examples=400 if FULL else 40, coverage=FULL)
    assert found == []
    assert tried > 200


def test_every_boundary_of_the_document_holds(secured: State) -> None:
    app = Asking(application(secured).app)
    paths = ["/v1/screen", "/v1/rules", "/v1/rules/{rule}", "/healthz", "/readyz", "/metrics"]
    tried, found = failures(app, examples=1, coverage=True, paths=paths)
    assert found == []
    assert tried > 2000


@pytest.mark.parametrize("path", ["/v1/screen", "/v1/rules"])
def test_the_fuzzer_would_find_a_document_that_is_wrong(secured: State, path: str) -> None:
    inner = application(secured).app
    document = inner.openapi()
    document["components"]["schemas"]["NativeRecord"]["properties"]["id"] = {"type": ["string", "integer"]}
    (limit,) = (one for one in document["paths"]["/v1/rules"]["get"]["parameters"] if one["name"] == "limit")
    limit["schema"]["maximum"] = 100_000
    _, found = failures(Asking(inner), examples=40, coverage=False, paths=[path])
    assert found


def test_every_route_is_described(state: State) -> None:
    from starlette.routing import Route

    from caveat.service.rest.routes import router

    document = application(state).app.openapi()
    routes = [route for route in router(state).routes if isinstance(route, Route)]
    assert {route.path for route in routes} == OPERATIONS.keys() == document["paths"].keys()
    for route in routes:
        assert {m.lower() for m in route.methods or ()} - {"head"} == document["paths"][route.path].keys()


def test_every_reference_leads_somewhere_in_the_document(state: State) -> None:
    document = application(state).app.openapi()
    names = set(re.findall(r'"\$ref": "([^"]*)"', json.dumps(document)))
    assert names
    assert {name.partition("#/components/schemas/")[2] for name in names} <= document["components"][
        "schemas"
    ].keys()


def test_a_token_is_needed_but_where_none_is_asked_for(state: State, secured: State) -> None:
    document = application(secured).app.openapi()
    assert document["security"] == [{"bearerAuth": []}]
    free = {
        path for path, one in document["paths"].items() for op in one.values() if op.get("security") == []
    }
    assert free == {"/healthz", "/readyz"}
    assert all(
        "401" in op["responses"]
        for p, one in document["paths"].items()
        for op in one.values()
        if p not in free
    )
    assert "bearer" not in json.dumps(application(state).app.openapi()).lower()


def test_no_page_loads_anything_from_elsewhere(client: Any) -> None:
    assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]
    assert "http" not in re.sub(
        r"https?://(json-schema\.org|127\.0\.0\.1)", "", client.get("/openapi.json").text
    )


@pytest.mark.parametrize("kind", KINDS)
def test_published_schemas_are_those_of_the_types(root: Path, kind: str) -> None:
    file = root / "docs" / "schema" / f"rest-{kind}.schema.json"
    found = schema(kind)
    jsonschema.Draft202012Validator.check_schema(found)
    assert json.loads(file.read_text("utf-8")) == found, f"caveat schema rest-{kind} > {file.name}"
    for example in found.get("examples", ()):
        jsonschema.Draft202012Validator(found).validate(example)


FITS = jsonschema.Draft202012Validator(schema("screen-request"))


@given(st.data())
def test_what_the_schema_of_records_takes_the_reader_takes(source: st.DataObject) -> None:
    record = data(Drawn(source.draw))
    for order in record.get("orders", ()):
        order["route"] = source.draw(st.sampled_from([order.get("route"), 3, None]))
    if FITS.is_valid(record):
        read_native(record)


def test_the_schema_of_records_takes_most_of_what_the_reader_takes() -> None:
    records = [data(Seeded(seed)) for seed in range(200)]
    for record in records:
        read_native(record)
    assert sum(map(FITS.is_valid, records)) > 150


def test_the_schema_of_records_refuses_what_the_reader_refuses() -> None:
    for wrong in (
        {},
        {"id": 3},
        {"id": "a", "x": 1},
        {"id": "a", "weight": "70"},
        {"id": "a", "weight": 70},
        {"id": "a", "age": "70 a", "birth_date": "1955"},
        {"id": "a", "orders": [{"id": "o"}]},
        {"id": "a", "orders": [{"id": "o", "text": "x", "start": "2026-13"}]},
        {"id": "a", "observations": [{"concept": "potassium", "value": 4}]},
    ):
        assert not FITS.is_valid(wrong), wrong
        with pytest.raises(InputError):
            read_native(wrong)
