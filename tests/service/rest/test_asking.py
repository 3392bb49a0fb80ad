"""POST /v1/explain and /v1/what-if."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from caveat.adapters.native import read_native
from caveat.authoring.explain import explain
from caveat.authoring.explain_text import explanation_data
from caveat.authoring.whatif import tipping_points
from caveat.authoring.whatif_text import whatif_data
from caveat.service.answers import answer
from caveat.service.live import Live
from caveat.service.rest.schemas import schema
from caveat.service.state import State
from service.rest.conftest import AS_OF, kept
from service.rest.test_screen import codes, problem, two_and_a_stray

RULE = "baclofen.renal.crcl-below-30"


@pytest.fixture
def record(fixtures_dir: Path) -> dict[str, Any]:
    """A record on which a rule fires for a creatinine clearance of 24 mL/min."""
    raw = (fixtures_dir / "patients" / "baclofen-clearance-24.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(raw)
    return found


def test_an_explanation_is_the_one_of_the_command_line(
    client: Any, live: Live, state: State, record: dict[str, Any]
) -> None:
    body = {"record": record, "rule": RULE, "as_of": AS_OF, "order": record["orders"][0]["id"]}
    response = client.post("/v1/explain", json=body)
    found = explain(RULE, read_native(record), live.rules, AS_OF)
    assert response.json() == {**explanation_data(found, live.rules.terminology), "rejects": []}
    jsonschema.validate(response.json(), schema("explain"))
    jsonschema.validate(body, schema("explain-request"))
    ((question, told),) = kept(state).records
    assert answer(question, live) == told
    assert [(s.rule, s.status) for s in told.judged[0].findings] == [(RULE, "fires")]
    assert told.judged[0].alerts == 0


def test_the_record_may_be_a_bundle_of_one_patient(client: Any, fixtures_dir: Path) -> None:
    raw = json.loads((fixtures_dir / "fhir" / "stories" / "allergy-brand.json").read_text("utf-8"))
    found = client.post("/v1/explain", json={"record": raw, "rule": "baclofen.allergy.hypersensitivity"})
    assert found.json()["subjects"][0]["status"] == "fires"
    several = {"record": two_and_a_stray(), "rule": RULE}
    assert codes(client.post("/v1/explain", json=several), 422) == [("several-patients", "$.record")]


@pytest.mark.parametrize(
    ("change", "status", "found"),
    [
        ({"rule": RULE[:-1]}, 404, [("unknown-rule", "$.rule")]),
        ({"order": "o9"}, 404, [("unknown-order", "$.order")]),
        ({"rule": 3, "order": ""}, 422, [("not-text", "$.rule"), ("not-text", "$.order")]),
        ({"rule": None}, 422, [("missing", "$.rule")]),
        ({"record": 3}, 422, [("not-a-record", "$.record")]),
        (
            {"record": {"id": "a", "x": 1}, "rule": ""},
            422,
            [("unknown-key", "$.record.x"), ("not-text", "$.rule")],
        ),
        ({"as_of": "2026", "selection": "x"}, 422, [("unknown-value", "$.selection"), ("as-of", "$.as_of")]),
        ({"as_of": 3}, 422, [("not-text", "$.as_of")]),
        ({"rules": RULE}, 422, [("unknown-key", "$.rules")]),
    ],
)
def test_what_is_wrong_with_an_explanation(
    client: Any, record: dict[str, Any], change: dict[str, Any], status: int, found: list[tuple[str, str]]
) -> None:
    response = client.post("/v1/explain", json={"record": record, "rule": RULE, **change})
    assert codes(response, status) == found


@pytest.mark.parametrize(
    ("raw", "status", "found"),
    [
        (b"", 400, "not-json"),
        (b"[]", 422, "not-an-object"),
        (b"{}", 422, "missing"),
        (b'{"record": {"id": "a"}, "rule": "x", "rule": "y"}', 422, "duplicate-key"),
        (b'{"record": {"id": "a", "id": "b"}, "rule": "' + RULE.encode() + b'"}', 422, "duplicate-key"),
        (b'{"record": ' + b"[" * 50 + b"]" * 50 + b', "rule": "x"}', 413, "too-deep"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/explain", "/v1/what-if"])
def test_a_body_that_is_no_object_of_these_fields(
    client: Any, state: State, path: str, raw: bytes, status: int, found: str
) -> None:
    response = client.post(path, content=raw, headers={"content-type": "application/json"})
    assert found in {code for code, _ in codes(response, status)} or (path, found) == (
        "/v1/what-if",
        "duplicate-key",
    )
    assert not kept(state).records


def test_tipping_points_are_those_of_the_rules(
    client: Any, live: Live, state: State, record: dict[str, Any]
) -> None:
    body = {"record": record, "facts": ["creatinine_clearance"], "as_of": AS_OF}
    response = client.post("/v1/what-if", json=body)
    found = response.json()
    points = tipping_points(read_native(record), live.rules, AS_OF, ["creatinine_clearance"])
    assert {name: found[name] for name in ("patient", "as_of", "facts", "not_varied")} == json.loads(
        json.dumps(whatif_data(points))
    )
    assert found["facts"][0]["points"][0]["value"] == "30 mL/min"
    plain = client.post("/v1/screen", params={"as_of": AS_OF}, json=record).json()
    assert found["report"] == plain
    jsonschema.validate(found, schema("what-if"))
    jsonschema.validate(body, schema("what-if-request"))
    question, told = kept(state).records[0]
    assert answer(question, live) == told


def test_facts_are_set_before_anything_is_judged(client: Any, record: dict[str, Any]) -> None:
    body = {"record": record, "facts": [], "set": {"creatinine_clearance": "64 mL/min"}, "as_of": AS_OF}
    found = client.post("/v1/what-if", json=body).json()
    assert found["set"] == body["set"]
    assert found["facts"] == []
    assert RULE not in [alert["rule"] for alert in found["report"]["alerts"]]


@pytest.mark.parametrize(
    ("change", "status", "found"),
    [
        ({"set": {"creatinine_clearance": 35}}, 422, [("not-facts", "$.set")]),
        ({"set": [], "facts": {}}, 422, [("not-facts", "$.set"), ("not-facts", "$.facts")]),
        (
            {"set": {"crcl": "35 mL/min", "weight": "3 banana"}},
            422,
            [("what-if-fact", "$.set.crcl"), ("what-if-value", "$.set.weight")],
        ),
        ({"facts": ["nonsense"]}, 422, [("what-if-fact", "$.facts.nonsense")]),
        ({"facts": ["orders[o9].dose"]}, 404, [("unknown-order", "$.facts.orders[o9].dose")]),
        ({"set": {"orders[o9].dose": "5 mg"}}, 404, [("unknown-order", "$.set.orders[o9]")]),
        (
            {"record": {"id": "a", "x": 1}, "facts": 3},
            422,
            [("unknown-key", "$.record.x"), ("not-facts", "$.facts")],
        ),
    ],
)
def test_what_is_wrong_with_a_what_if(
    client: Any, record: dict[str, Any], change: dict[str, Any], status: int, found: list[tuple[str, str]]
) -> None:
    assert codes(client.post("/v1/what-if", json={"record": record, **change}), status) == found


@pytest.mark.parametrize("path", ["/v1/explain", "/v1/what-if"])
def test_forms_and_media_types_are_json_alone(client: Any, record: dict[str, Any], path: str) -> None:
    body = json.dumps({"record": record, "rule": RULE})
    fhir = client.post(path, content=body, headers={"content-type": "application/fhir+json"})
    assert problem(fhir, 415)
    json_only = {"content-type": "application/json", "accept": "application/fhir+json"}
    assert problem(client.post(path, content=body, headers=json_only), 406)
    assert codes(client.post(path + "?as_of=2026-01-01", json={}), 422) == [("unknown-key", "as_of")]
