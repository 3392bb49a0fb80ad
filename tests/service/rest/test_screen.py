"""POST /v1/screen with one document: forms, refusals, what is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters import read_bundle, read_native
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import screen
from caveat.facts.identify import identify
from caveat.render.json import report_json
from caveat.render.products import current_products, not_covered
from caveat.render.shapes import report_schema
from caveat.service.answers import answer
from caveat.service.live import Live
from caveat.service.rest.schemas import schema
from caveat.service.state import State
from service.rest.conftest import AS_OF, application, kept, limited
from service.rest.test_quick import PLAIN
from strategies.patients import data
from strategies.sources import Drawn

JSON = {"content-type": "application/json"}
FHIR = {"content-type": "application/fhir+json"}


def expected(patient: Any, live: Live, as_of: str = AS_OF) -> dict[str, Any]:
    """The report as the command line gives it."""
    rules: Ruleset = live.rules
    report = screen(patient, rules, as_of=as_of)
    views = [identify(o, rules.terminology, _ordinal(as_of), "active") for o in patient.orders or ()]
    rest = not_covered(current_products(v for v in views if v.current), live.named)
    found: dict[str, Any] = json.loads(
        json.dumps(report_json(report, sources=live.sources, not_covered=rest))
    )
    return found


def _ordinal(day: str) -> int:
    import datetime as dt

    return dt.date.fromisoformat(day).toordinal()


def problem(response: Any, status: int) -> dict[str, Any]:
    """The body of a refusal of that status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    jsonschema.validate(found, schema("problem"))
    assert found["status"] == status
    return found


def codes(response: Any, status: int) -> list[tuple[str, str]]:
    """Code and path of every fault of a refusal."""
    return [(fault["code"], fault.get("path", "")) for fault in problem(response, status)["errors"]]


def test_a_native_record_is_answered_by_its_report(client: Any, live: Live, state: State) -> None:
    response = client.post("/v1/screen", params={"as_of": AS_OF}, json=PLAIN)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-caveat-ruleset"] == live.rules.digest
    assert response.json() == expected(read_native(PLAIN), live)
    jsonschema.validate(response.json(), report_schema())
    ((question, told),) = kept(state).records
    assert question.id == response.headers["x-caveat-evaluation"]
    assert (question.kind, question.as_of, question.body) == ("screen", AS_OF, response.request.content)
    assert told.body == response.content


@given(st.data())
def test_any_record_gives_the_report_of_the_command_line(live: Live, source: st.DataObject) -> None:
    from caveat.service.config import Config
    from caveat.service.question import Question
    from caveat.service.state import site_of

    record = data(Drawn(source.draw))
    question = Question("q", "screen", json.dumps(record).encode(), AS_OF, "", site_of(Config()))
    told = answer(question, live)
    assert json.loads(told.body) == expected(read_native(record), live)
    assert answer(question, live) == told


def test_the_day_is_the_day_of_the_site_unless_given(client: Any) -> None:
    assert client.post("/v1/screen", json=PLAIN).json()["as_of"] == "2026-01-15"
    assert client.post("/v1/screen?as_of=2026-01-02", json=PLAIN).json()["as_of"] == "2026-01-02"


def test_the_selection_of_orders_is_a_parameter(client: Any) -> None:
    ended = {"id": "a", "orders": [{"id": "o", "text": "Baclofen 10 mg tablet", "status": "completed"}]}
    found = [
        client.post("/v1/screen", params={"selection": s}, json=ended).json()["cannot_assess"]
        for s in ("active", "ever")
    ]
    assert len(found[0]) < len(found[1])


@pytest.mark.parametrize("headers", [JSON, FHIR])
def test_a_bundle_is_answered_by_a_list_whatever_the_header_says(
    client: Any, live: Live, fixtures_dir: Path, headers: dict[str, str]
) -> None:
    raw = (fixtures_dir / "fhir" / "stories" / "allergy-brand.json").read_bytes()
    response = client.post("/v1/screen", params={"as_of": AS_OF}, content=raw, headers=headers)
    bound = live.rules.terminology.observation_for
    (patient,) = read_bundle(raw, bound=lambda code: bound(code) is not None)
    assert response.json() == {"reports": [expected(patient, live)], "rejects": []}
    jsonschema.validate(response.json(), schema("screen-bundle"))


def two_and_a_stray() -> dict[str, Any]:
    """A Bundle of two patients, and a medicine that names neither."""
    order = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "baclofen 10 mg tablet"},
    }
    resources = [
        {"resourceType": "Patient", "id": "a"},
        {"resourceType": "Patient", "id": "b"},
        {**order, "id": "m1", "subject": {"reference": "Patient/a"}},
        {**order, "id": "m2"},
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}


def test_what_is_judged_for_nobody_stands_beside_the_reports(client: Any) -> None:
    body = client.post("/v1/screen", json=two_and_a_stray()).json()
    assert [report["patient"] for report in body["reports"]] == ["a", "b"]
    assert [(one["code"], one["path"]) for one in body["rejects"]] == [("no-subject", "entry[3].resource")]
    jsonschema.validate(body, schema("screen-bundle"))


def test_as_lines_a_document_is_one_line_and_the_trailer(client: Any) -> None:
    response = client.post("/v1/screen", json=two_and_a_stray(), headers={"accept": "application/x-ndjson"})
    first, last = (json.loads(line) for line in response.text.splitlines())
    assert len(first["reports"]) == 2
    assert last == {"lines": 1, "reports": 2, "rejected": 0}


def test_as_fhir_it_is_one_bundle_with_a_guidance_response_a_patient(client: Any, state: State) -> None:
    response = client.post("/v1/screen", json=two_and_a_stray(), headers={"accept": "application/fhir+json"})
    assert response.headers["content-type"] == "application/fhir+json"
    body = response.json()
    kinds = [entry["resource"]["resourceType"] for entry in body["entry"]]
    assert kinds.count("GuidanceResponse") == 2
    assert kinds[-1] == "OperationOutcome"
    ids = [entry["resource"]["id"] for entry in body["entry"]]
    assert len(set(ids)) == len(ids)
    ((question, told),) = kept(state).records
    assert answer(question, state.holder.live) == told


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*;q=0.5, application/fhir+json", "application/fhir+json"),
        ("application/json;q=0.2, application/x-ndjson;q=0.3", "application/x-ndjson"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("nonsense", None),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=2", None),
    ],
)
def test_accept_decides_the_form(client: Any, accept: str | None, told: str | None) -> None:
    headers = {} if accept is None else {"accept": accept}
    response = client.post("/v1/screen", json=PLAIN, headers=headers)
    if told is None:
        assert codes(response, 406) == [("accept", "Accept")]
    else:
        assert response.headers["content-type"] == told


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "application/json; charset=latin-1", "application/jsonp"]
)
def test_other_media_types_are_refused(client: Any, state: State, kind: str) -> None:
    response = client.post("/v1/screen", content=json.dumps(PLAIN), headers={"content-type": kind})
    assert codes(response, 415) == [
        ("charset" if "charset" in kind else "media-type", "Content-Type"),
    ]
    assert not kept(state).records


@pytest.mark.parametrize(
    ("raw", "status", "found"),
    [
        (b"", 400, [("not-json", "")]),
        (b"{", 400, [("truncated", "")]),
        (b'{"id": NaN}', 400, [("not-json", "")]),
        (b'{"id": "\xff"}', 400, [("encoding", "")]),
        (b"[{}]", 422, [("not-a-record", "")]),
        (b"null", 422, [("not-a-record", "")]),
        (b'{"id": "a", "id": "b"}', 422, [("duplicate-key", "")]),
        (b'{"resourceType": 3}', 422, [("not-a-record", "$.resourceType")]),
        (b'{"resourceType": "Patient"}', 422, [("not-a-record", "$.resourceType")]),
        (b'{"resourceType": "Bundle"}', 422, [("no-patient", "")]),
        (b'{"resourceType": "Bundle", "entry": 3}', 422, [("bundle", "$.entry")]),
        (
            b'{"id": "a", "sexx": "m", "orders": [{"id": "o"}]}',
            422,
            [("value-error", "$.orders[0]"), ("record", "$.sexx")],
        ),
        (
            b'{"id": "a", "orders": [{"id": "o", "text": "x"}, {"id": "o", "text": "y"}]}',
            409,
            [("value-error", "$")],
        ),
        (b'{"id":' + b"[" * 60 + b"]" * 60 + b"}", 413, [("too-deep", "")]),
        (b"[" * 2000 + b"]" * 2000, 413, [("too-deep", "")]),
    ],
)
def test_what_cannot_be_judged_is_refused_with_every_fault(
    client: Any, state: State, raw: bytes, status: int, found: list[tuple[str, str]]
) -> None:
    response = client.post("/v1/screen", content=raw, headers=JSON)
    assert codes(response, status) == found
    assert not kept(state).records


def test_nothing_judged_lists_each_reject(client: Any) -> None:
    stray = {"resourceType": "Condition", "id": "c", "code": {"text": "x"}, "subject": {"reference": "#p"}}
    bundle = {"resourceType": "Bundle", "entry": [{"resource": stray}, {"resource": {**stray, "id": "d"}}]}
    (fault,) = problem(client.post("/v1/screen", json=bundle), 422)["errors"]
    assert fault["code"] == "no-subject"
    assert "2 of them" in fault["message"]


def test_all_faults_of_the_parameters_at_once(client: Any) -> None:
    response = client.post("/v1/screen?as_of=2026-02-30&selection=all&asof=1&as_of=2026", json=PLAIN)
    found = codes(response, 422)
    assert set(found) == {
        ("unknown-key", "asof"),
        ("duplicate-key", "as_of"),
        ("unknown-value", "selection"),
        ("as-of", "as_of"),
    }
    hints = [fault.get("hint", "") for fault in response.json()["errors"]]
    assert "Did you mean as_of?" in hints


@pytest.mark.parametrize("limit", ["orders", "entries", "depth"])
def test_limits_of_the_site_hold_for_both_kinds(state: State, limit: str) -> None:
    from starlette.testclient import TestClient

    order = {"id": "o1", "text": "baclofen"}
    record = {"id": "a", "orders": [order, {**order, "id": "o2"}], "nonsense": [[[[]]]]}
    bundle = two_and_a_stray()
    bundle["entry"][3]["resource"]["subject"] = {"reference": "Patient/a"}
    client = TestClient(application(limited(state, **{limit: 1})))
    code = {"orders": "too-many-orders", "entries": "too-many-entries", "depth": "too-deep"}[limit]
    if limit != "depth":
        del record["nonsense"]
    for body in (record, bundle):
        assert codes(client.post("/v1/screen", json=body), 413)[0][0] == code


def test_brackets_in_texts_are_no_depth(client: Any) -> None:
    record = {"id": "[" * 200, "orders": [{"id": "o", "text": '\\"' + "{" * 200}], "sex": "x"}
    assert problem(client.post("/v1/screen", json=record), 422)


def test_without_a_caller_nothing_is_done(state: State) -> None:
    from starlette.testclient import TestClient

    response = TestClient(application(state).app).post("/v1/screen", json=PLAIN)
    assert response.status_code == 401
    assert not kept(state).records


def test_nothing_is_told_that_was_not_kept(client: Any, state: State) -> None:
    kept(state).full = True
    response = client.post("/v1/screen", json=PLAIN)
    assert codes(response, 503) == [("audit-refused", "")]
    assert "retry-after" in response.headers


def test_the_audit_keeps_each_finding_with_what_an_override_needs(client: Any, state: State) -> None:
    record = {**PLAIN, "creatinine_clearance": "24 mL/min"}
    body = client.post("/v1/screen", json=record).json()
    ((_, told),) = kept(state).records
    (judged,) = told.judged
    assert judged.patient == "p1"
    assert judged.alerts == len(body["alerts"]) > 0
    assert {(s.finding, s.status) for s in judged.findings} == {
        (one["id"], status)
        for name, status in (
            ("alerts", "fires"),
            ("cannot_assess", "cannot-assess"),
            ("suppressed", "suppressed"),
            ("excepted", "excepted"),
        )
        for one in body[name]
    }
    fired = next(s for s in judged.findings if s.status == "fires")
    assert fired.facts
    assert not judged.is_clear


def test_a_failing_check_is_an_answer_and_never_clear(
    client: Any, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("canary-8c1f")

    monkeypatch.setattr("caveat.service.rest.judging.Chart", broken)
    body = client.post("/v1/screen", json=PLAIN).json()
    assert body["is_clear"] is False
    assert [one["code"] for one in body["errors"]] == ["check-failed"]
    assert "canary" not in json.dumps(body)
