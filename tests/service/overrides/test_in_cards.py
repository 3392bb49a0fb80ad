"""From a card to feedback to the next call: an override moves its alert, a changed fact brings it back."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from uuid import uuid4

import pytest

from caveat.findings.reasons import SYSTEM
from caveat.service.ask import ask
from caveat.service.question import FollowUp, Question
from caveat.service.store.base import Caller, Said, Wanted
from service.overrides.conftest import Service

CALLER = Caller("https://ehr.example", "north")


def clearance(value: float, day: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"lab-{day}",
        "status": "final",
        "code": {
            "coding": [{"system": "http://loinc.org", "code": "2164-2"}],
            "text": "Creatinine clearance",
        },
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": day,
        "valueQuantity": {
            "value": value,
            "unit": "mL/min",
            "system": "http://unitsofmeasure.org",
            "code": "mL/min",
        },
    }


def order(name: str, text: str, status: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": text},
        "authoredOn": "2026-01-15",
        "dosageInstruction": [
            {
                "text": "10 mg three times a day by mouth",
                "route": {"text": "oral"},
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg", "code": "mg"}}],
            }
        ],
    }


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def called(service: Service, draft: str, *current: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """The cards of an order-sign, and the answer that they are part of."""
    patient = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1970-01-01"}
    body = {
        "hook": "order-sign",
        "hookInstance": str(uuid4()),
        "context": {
            "userId": "Practitioner/17",
            "patientId": "p1",
            "draftOrders": bundle(order(draft, "Baclofen 10 mg tablet", "draft")),
        },
        "prefetch": {"patient": patient, "everything": bundle(*current)},
    }
    state = service.state
    held = service.run(state.store.overrides("p1", state.at(), "north"))
    raw = json.dumps(body).encode()
    question = Question(str(uuid4()), "order-sign", raw, state.day(), state.at(), state.site, overrides=held)
    found = service.run(ask(state, question, CALLER))
    assert found.status == 200
    return json.loads(found.body)["cards"], found


@pytest.fixture
def morphine() -> dict[str, Any]:
    return order("o2", "Morphine 10 mg tablet", "active")


@pytest.fixture
def place(tmp_path: Any) -> dict[str, Any]:
    return {"url": f"sqlite:///{tmp_path / 'store.sqlite'}"}


def of_rule(found: Any, rule: str) -> Any:
    return next(one for judged in found.judged for one in judged.findings if one.rule == rule)


def test_from_card_to_feedback_and_back(service: Service, morphine: dict[str, Any]) -> None:
    rule = "baclofen.interaction.opioid"
    _, first = called(service, "draft-1", morphine)
    shown = of_rule(first, rule)
    assert shown.card
    reason = ("given-apart", SYSTEM, "Given at different times")
    said = Said(shown.card, "overridden", "2026-01-15T09:01:00.000000Z", (), reason, "")
    assert service.run(service.state.store.feedback((said,), CALLER, "caveat", service.state.at())) == 1

    cards, second = called(service, "draft-2", morphine)
    again = of_rule(second, rule)
    assert again.finding != shown.finding  # another draft has another id
    assert again.override
    overridden = [card for card in cards if card["source"].get("topic", {}).get("code") == "overridden"]
    assert [card["uuid"] for card in overridden] == [again.card]

    twice = json.loads(json.dumps(morphine))
    twice["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 30
    cards, third = called(service, "draft-3", twice)
    back = of_rule(third, rule)
    assert not back.override
    card = next(card for card in cards if card["uuid"] == back.card)
    assert "morphine 10 mg, 30 mg/d, oral, now morphine 30 mg, 90 mg/d, oral" in card["detail"].replace(
        "\\", ""
    )


def test_a_contraindication_stays(service: Service) -> None:
    rule = "baclofen.renal.crcl-below-30"
    lab = clearance(24, "2026-01-10")
    _, first = called(service, "draft-1", lab)
    shown = of_rule(first, rule)
    reason = ("benefit-outweighs-risk", SYSTEM, "x")
    said = Said(shown.card, "overridden", "2026-01-15T09:01:00.000000Z", (), reason, "palliative")
    service.run(service.state.store.feedback((said,), CALLER, "caveat", service.state.at()))
    cards, second = called(service, "draft-2", lab)
    again = of_rule(second, rule)
    assert again.override
    card = next(card for card in cards if card["uuid"] == again.card)
    assert card["indicator"] == "critical"
    assert card["source"]["topic"]["code"] == "contraindication"


def test_a_promise_that_was_not_kept_is_a_card_after_its_day(
    service: Service, morphine: dict[str, Any]
) -> None:
    _, first = called(service, "draft-1", morphine)
    shown = of_rule(first, "baclofen.interaction.opioid")
    promise = FollowUp("potassium", "2026-02-01", "")
    wanted = Wanted("p1", shown.finding, "will-monitor", "", "Practitioner/17", None, promise)
    service.run(service.state.store.override(wanted, CALLER, service.state.at()))
    before, _ = called(service, "draft-2", morphine)
    assert not [card for card in before if card["source"]["topic"]["code"] == "overdue"]
    service.clock[0] = dt.datetime(2026, 2, 2, 9, 0, tzinfo=dt.UTC)
    after, _ = called(service, "draft-3", morphine)
    [card] = [card for card in after if card["source"]["topic"]["code"] == "overdue"]
    assert card["summary"] == "Overdue: 1 follow-up promised when an alert was overridden"
    assert card["indicator"] == "warning"
    assert "the record has no potassium after" in card["detail"]
