"""Calls as clients make them, from small parts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from caveat.service.hooks.request import read
from caveat.service.question import Question
from service.hooks.fakes import AS_OF, INSTANCE, SITE

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ORAL = {"coding": [{"system": "http://snomed.info/sct", "code": "26643006", "display": "Oral route"}]}
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1962-03-04"}
STORIES = Path(__file__).resolve().parents[3] / "fixtures" / "fhir" / "stories"
EXAMPLES = Path(__file__).resolve().parents[3] / "fixtures" / "hooks"


def order(
    name: str, text: str, *, dose: float = 10, times: int = 3, status: str = "draft", **more: Any
) -> Any:
    """A MedicationRequest by the words of a prescriber."""
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "authoredOn": "2026-01-10",
        "medicationCodeableConcept": {"text": text},
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
                "route": ORAL,
                "doseAndRate": [
                    {
                        "doseQuantity": {
                            "value": dose,
                            "unit": "mg",
                            "system": "http://unitsofmeasure.org",
                            "code": "mg",
                        }
                    }
                ],
            }
        ],
        **more,
    }


def bundle(*resources: Any, kind: str = "collection") -> dict[str, Any]:
    """A Bundle of them."""
    found: dict[str, Any] = {"resourceType": "Bundle", "type": kind}
    if resources:
        found["entry"] = [{"resource": one} for one in resources]
    return found


def creatinine(value: float = 80, unit: str = "umol/L", at: str = "2026-01-12") -> dict[str, Any]:
    """A serum creatinine."""
    return {
        "resourceType": "Observation",
        "id": "creatinine-1",
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "14682-9"}]},
        "effectiveDateTime": at,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def allergy() -> dict[str, Any]:
    """An allergy to baclofen."""
    return {
        "resourceType": "AllergyIntolerance",
        "id": "i",
        "patient": {"reference": "Patient/p1"},
        "code": {"text": "Baclofen"},
    }


def prefetch(**named: Any) -> dict[str, Any]:
    """Everything that discovery asks for, said to be none, but for what is named."""
    keys = ("medications", "statements", "conditions", "procedures", "allergies")
    keys += ("labs", "vitals", "measurements", "history", "circumstances", "scores")
    return {"patient": copy.deepcopy(PATIENT), **dict.fromkeys(keys), **named}


def call(
    hook: str = "order-select", *, drafts: Any = (), selected: Any = None, **named: Any
) -> dict[str, Any]:
    """The body of a call. `drafts` are resources or a whole Bundle; by default the first is selected."""
    given = named.pop("prefetch", None)
    context: dict[str, Any] = {"userId": "Practitioner/7", "patientId": "p1"}
    if hook != "patient-view":
        context["draftOrders"] = drafts if isinstance(drafts, dict) else bundle(*drafts)
    if hook == "order-select":
        first = [f"{one['resourceType']}/{one['id']}" for one in list(drafts)[:1] if isinstance(one, dict)]
        context["selections"] = list(selected) if selected is not None else first
    return {
        "hook": hook,
        "hookInstance": INSTANCE,
        "context": context,
        "prefetch": prefetch() if given is None else given,
        **named,
    }


def question(body: Any, **named: Any) -> Question:
    """The question that a body comes to, without looking anything up."""
    found = read(body if isinstance(body, bytes) else json.dumps(body).encode())
    return Question(
        **{
            "id": "0b1e2d3c-0000-4000-8000-000000000001",
            "kind": found.hook,
            "body": found.question(),
            "as_of": AS_OF,
            "at": f"{AS_OF}T09:30:00.000Z",
            "site": SITE,
            **named,
        }
    )


def story(name: str) -> dict[str, list[Any]]:
    """The resources of a story by type."""
    found: dict[str, list[Any]] = {}
    for entry in json.loads((STORIES / f"{name}.json").read_text("utf-8"))["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found
