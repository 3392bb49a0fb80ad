"""FHIR resources in the fewest words, for tests."""

from __future__ import annotations

import json
from typing import Any

from caveat.adapters import Reject, read_bundle
from caveat.facts.patient import Patient

UCUM = "http://unitsofmeasure.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"


def person(identity: str = "p1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": identity,
        "gender": "female",
        "birthDate": "1960-05-04",
        **fields,
    }


def request(identity: str = "o1", **fields: Any) -> dict[str, Any]:
    named = "medicationReference" in fields or "medicationCodeableConcept" in fields
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        **({} if named else {"medicationCodeableConcept": {"text": "baclofen 10 mg tablet"}}),
        **fields,
    }


def observation(identity: str = "ob1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": LOINC, "code": "2160-0", "display": "Creatinine"}]},
        "effectiveDateTime": "2026-01-05",
        **fields,
    }


def condition(identity: str = "c1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Condition",
        "id": identity,
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "Epilepsy"},
        **fields,
    }


def allergy(identity: str = "a1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "AllergyIntolerance",
        "id": identity,
        "patient": {"reference": "Patient/p1"},
        "code": {"text": "baclofen"},
        **fields,
    }


def mg(value: float, **fields: Any) -> dict[str, Any]:
    return {"value": value, "unit": "mg", "system": UCUM, "code": "mg", **fields}


def daily(times: int, **fields: Any) -> dict[str, Any]:
    return {"repeat": {"frequency": times, "period": 1, "periodUnit": "d", **fields}}


def dosage(
    dose: dict[str, Any] | None = None, timing: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    found: dict[str, Any] = dict(fields)
    if dose is not None:
        found["doseAndRate"] = [{"doseQuantity": dose}]
    if timing is not None:
        found["timing"] = timing
    return found


def bundle(*resources: dict[str, Any], type: str = "collection", **fields: Any) -> bytes:
    entries = [{"resource": one} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": type, "entry": entries, **fields}).encode()


def read(*resources: dict[str, Any], **options: Any) -> Patient:
    """The one patient that the resources make; a Patient resource is added when there is none."""
    people = [one for one in resources if one["resourceType"] == "Patient"]
    found = read_bundle(bundle(*(() if people else (person(),)), *resources), **options)
    assert len(found) == 1, found
    assert isinstance(found[0], Patient), found
    return found[0]


def order(**fields: Any) -> Any:
    """The one order of a patient with one MedicationRequest."""
    found = read(request(**fields))
    assert found.orders is not None
    assert len(found.orders) == 1
    return found.orders[0]


def codes(entries: Any) -> list[str]:
    """The codes of notes or problems."""
    return [entry.code for entry in entries]


def rejects(found: Any) -> list[Reject]:
    return [one for one in found if isinstance(one, Reject)]


def patients(found: Any) -> list[Patient]:
    return [one for one in found if isinstance(one, Patient)]


SUBJECT = {"reference": "Patient/p1"}


def coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code, **({"display": display} if display else {})}]}


def stated(code: str, at: str | None = "2026-01-05", system: str = LOINC, **value: Any) -> dict[str, Any]:
    """An Observation of a circumstance; its id follows from what it says."""
    made = observation(f"{code}-{at}-{value}", code=coding(system, code), **value)
    made["effectiveDateTime"] = at
    return made


def context(code: str, at: str | None = "2026-01-05", **value: Any) -> dict[str, Any]:
    return stated(code, at, "urn:caveat:context", **value)


def whole(code: str, *references: str, reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """A List in force, of entries or empty for a reason."""
    made: dict[str, Any] = {
        "resourceType": "List",
        "id": f"list-{code}",
        "status": "current",
        "mode": "snapshot",
        "subject": SUBJECT,
        "code": coding(LOINC, code),
    }
    if references:
        made["entry"] = [{"item": {"reference": one}} for one in references]
    if reason is not None:
        made["emptyReason"] = coding("http://terminology.hl7.org/CodeSystem/list-empty-reason", reason)
    return {**made, **fields}


def dispense(
    identity: str = "d1", request: str | None = "MedicationRequest/o1", **fields: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "MedicationDispense",
        "id": identity,
        "status": "completed",
        "subject": SUBJECT,
        "medicationCodeableConcept": {"text": "Baclofen 10 mg  tablet"},
        "whenHandedOver": "2026-01-02",
    }
    if request is not None:
        made["authorizingPrescription"] = [{"reference": request}]
    return {**made, **fields}


def administration(
    identity: str = "m1", at: str = "2026-01-02", request: str | None = "MedicationRequest/o1", **fields: Any
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "resourceType": "MedicationAdministration",
        "id": identity,
        "status": "completed",
        "subject": SUBJECT,
        "medicationCodeableConcept": {"text": "baclofen 10 mg tablet"},
        "effectiveDateTime": at,
    }
    if request is not None:
        made["request"] = {"reference": request}
    return {**made, **fields}


def procedure(code: dict[str, Any], status: str = "completed", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": "pr1",
        "status": status,
        "subject": SUBJECT,
        "code": code,
        "performedDateTime": "2026-01-03",
        **fields,
    }


def encounter(code: str, start: str, identity: str = "e1", **fields: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": identity,
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code},
        "subject": SUBJECT,
        "period": {"start": start},
        **fields,
    }
