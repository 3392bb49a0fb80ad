"""Overrides in REST reports: told beside the alerts, never in their place, and said where not looked up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caveat.service.app import build_app
from caveat.service.config import Config, Storing
from caveat.service.start import build_state
from caveat.service.store.base import StoreAway

RULE = "baclofen.interaction.opioid"
RECORD = {
    "id": "p1",
    "age": "60 a",
    "orders": [
        {"id": "o1", "text": "baclofen 10 mg tablet", "route": "oral", "dose": "10 mg", "frequency": "3 /d"},
        {"id": "o2", "text": "morphine 10 mg tablet", "route": "oral", "dose": "10 mg", "frequency": "3 /d"},
    ],
}


class Silent:
    def __getattr__(self, level: str) -> Any:
        return lambda event, **fields: None


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    from starlette.testclient import TestClient

    store = Storing(url=f"sqlite:///{tmp_path / 'c.sqlite'}", spool=str(tmp_path / "spool"))
    config = Config(production=False, insecure_dev=True, state=str(tmp_path / "state"), store=store)
    state = build_state(config, log=Silent())
    with TestClient(build_app(state)) as client:
        client.state = state
        yield client


def screened(service: Any, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = service.post("/v1/screen", json={**RECORD, **changes}).json()
    return found


def alert(report: dict[str, Any]) -> dict[str, Any]:
    [found] = [one for one in report["alerts"] if one["rule"] == RULE]
    return dict(found)


def overridden(service: Any, **more: Any) -> dict[str, Any]:
    wanted = {
        "patient": "p1",
        "finding": alert(screened(service))["id"],
        "reason": "tolerated-together",
        **more,
    }
    answer = service.post("/v1/overrides", json={"by": "Practitioner/1", **wanted})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_nothing_is_said_where_there_is_nothing_to_say(service: Any) -> None:
    assert "overrides" not in screened(service)


def test_an_override_is_told_and_its_alert_stays(service: Any) -> None:
    made = overridden(service)
    report = screened(service)
    said = report["overrides"]
    assert said["considered"]
    assert [(one["override"], one["finding"], one["suppresses"]) for one in said["active"]] == [
        (made["id"], alert(report)["id"], True)
    ]
    assert "overrides" not in screened(service, id="p2")


def test_a_changed_dose_lapses_it_in_words(service: Any) -> None:
    overridden(service)
    raised = [RECORD["orders"][0], {**RECORD["orders"][1], "dose": "30 mg"}]  # type: ignore[index]
    said = screened(service, orders=raised)["overrides"]
    assert not said["active"]
    assert "30 mg" in said["lapsed"][0]["changed"]


def test_a_store_that_is_away_is_said(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise StoreAway

    overridden(service)
    monkeypatch.setattr(type(service.state.store), "overrides", away)
    report = screened(service)
    assert report["overrides"] == {"considered": False, "active": [], "lapsed": [], "overdue": []}
    assert alert(report)


def test_the_audit_trail_names_the_override_of_an_alert(service: Any) -> None:
    made = overridden(service)
    service.post("/v1/screen", json=RECORD)
    table = service.get("/metrics").text
    assert "caveat_overridden" in table
    assert made["suppresses"]


def test_issues_in_fhir_carry_the_override_as_mitigation(service: Any) -> None:
    overridden(service)
    bundle = service.post("/v1/screen", json=RECORD, headers={"accept": "application/fhir+json"}).json()
    issues = [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "DetectedIssue"]
    assert [one for one in issues if "mitigation" in one]
