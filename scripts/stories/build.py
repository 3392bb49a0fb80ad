"""FHIR R4 resources, as small as a reader can do with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
CONTEXT = "urn:caveat:context"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_ROUTES = {"oral": ("26643006", "Oral route"), "intrathecal": ("72607000", "Intrathecal route")}


@dataclass(frozen=True)
class Story:
    """One patient: what a pharmacist would say of them, and the rules that must alert."""

    name: str
    tells: str
    shows: tuple[str, ...]
    resources: tuple[Json, ...]
    kind: str = "collection"


def concept(system: str, code: str, display: str, text: str | None = None) -> Json:
    """A CodeableConcept of one coding."""
    made: Json = {"coding": [{"system": system, "code": code, "display": display}]}
    return made if text is None else {**made, "text": text}


def worded(text: str) -> Json:
    """A CodeableConcept of text alone."""
    return {"text": text}


def quantity(value: float, unit: str) -> Json:
    """A quantity in UCUM."""
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def person(sex: str | None, born: str | None) -> Json:
    """The Patient."""
    made: Json = {"resourceType": "Patient", "id": "patient"}
    if sex:
        made["gender"] = sex
    return {**made, "birthDate": born} if born else made


def dosage(
    dose: float | None = None,
    unit: str = "mg",
    times: int | None = None,
    *,
    route: str | None = "oral",
    rate: tuple[float, str] | None = None,
    text: str | None = None,
) -> Json:
    """A dosage instruction: `times` a day, or a rate."""
    made: Json = {}
    if text:
        made["text"] = text
    if times is not None:
        made["timing"] = {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}
    if route:
        code, display = _ROUTES[route]
        made["route"] = concept(SNOMED, code, display)
    if dose is not None:
        made["doseAndRate"] = [{"doseQuantity": quantity(dose, unit)}]
    elif rate is not None:
        made["doseAndRate"] = [{"rateQuantity": quantity(*rate)}]
    return made


def request(
    what: Json,
    how: Json | None,
    start: str | None = "2024-05-02",
    *,
    status: str | None = "active",
    stop: str | None = None,
    reason: Json | None = None,
    name: str = "baclofen",
    **more: Any,
) -> Json:
    """A MedicationRequest; `stop` is the end of its dosage period."""
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": name,
        "intent": "order",
        "subject": {"reference": "Patient/patient"},
        "medicationCodeableConcept": what,
    }
    if status:
        made["status"] = status
    if start:
        made["authoredOn"] = start
    if how is not None:
        made["dosageInstruction"] = [how]
        if stop:
            timing = made["dosageInstruction"][0].setdefault("timing", {})
            timing.setdefault("repeat", {})["boundsPeriod"] = {"end": stop}
    if reason is not None:
        made["reasonCode"] = [reason]
    return {**made, **more}


TABLET = concept(RXNORM, "1292", "baclofen", "Baclofen 10 MG Oral Tablet")
SUBSTANCE = concept(RXNORM, "1292", "baclofen")
PUMP = concept(RXNORM, "1292", "baclofen", "Baclofen intrathecal solution")


def tablets(dose: float = 10, times: int | None = 3, start: str | None = "2024-05-02", **more: Any) -> Json:
    """Baclofen tablets by mouth."""
    return request(TABLET, dosage(dose, times=times), start, **more)


def pump(
    rate: float | None,
    unit: str = "ug/d",
    start: str | None = "2024-05-02",
    *,
    strength: float | None = 0.5,
    **more: Any,
) -> Json:
    """Baclofen by an implanted pump, from a solution of `strength` mg/mL in a contained Medication."""
    how = dosage(route="intrathecal", rate=None if rate is None else (rate, unit))
    return _solution(request(PUMP, how, start, **more), strength)


def _solution(made: Json, strength: float | None) -> Json:
    """The request with its medicine as a contained Medication."""
    del made["medicationCodeableConcept"]
    part: Json = {"itemCodeableConcept": SUBSTANCE}
    if strength is not None:
        part["strength"] = {"numerator": quantity(strength, "mg"), "denominator": quantity(1, "mL")}
    made["contained"] = [{"resourceType": "Medication", "id": "solution", "code": PUMP, "ingredient": [part]}]
    made["medicationReference"] = {"reference": "#solution"}
    return made


def screening_dose(dose: float | None, unit: str = "ug") -> Json:
    """An intrathecal test dose today; its category says what it is for."""
    how = dosage(dose, unit, route="intrathecal", text="Test dose by lumbar puncture")
    made = request(PUMP, how, "2026-01-15", name="test", category=[worded("Test dose")])
    return _solution(made, 0.05)


def condition(
    code: Json, *, status: str | None = "active", onset: str | None = None, verified: str | None = "confirmed"
) -> Json:
    """A Condition; its id is set when the Bundle is built."""
    made: Json = {"resourceType": "Condition", "subject": {"reference": "Patient/patient"}, "code": code}
    if status:
        made["clinicalStatus"] = concept(_CLINICAL, status, status)
    if verified:
        made["verificationStatus"] = concept(_VERIFIED, verified, verified)
    return {**made, "onsetDateTime": onset} if onset else made


def icd(code: str, display: str, **more: Any) -> Json:
    """A Condition in ICD-10-CM."""
    return condition(concept(ICD, code, display), **more)


def snomed(code: str, display: str, **more: Any) -> Json:
    """A Condition in SNOMED CT."""
    return condition(concept(SNOMED, code, display), **more)


def result(
    code: str, display: str, value: float, unit: str, at: str | None, *, comparator: str | None = None
) -> Json:
    """An Observation by LOINC; an empty unit leaves it out."""
    amount: Json = quantity(value, unit) if unit else {"value": value}
    if comparator:
        amount["comparator"] = comparator
    return {**_observation(concept(LOINC, code, display), at), "valueQuantity": amount}


def _observation(code: Json, at: str | None) -> Json:
    made: Json = {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": "Patient/patient"},
        "code": code,
    }
    return {**made, "effectiveDateTime": at} if at else made


def creatinine(value: float, unit: str = "mg/dL", at: str = "2026-01-05") -> Json:
    """Serum creatinine; a molar unit has its own LOINC code."""
    if unit == "umol/L":
        return result("14682-9", "Creatinine [Moles/volume] in Serum or Plasma", value, unit, at)
    return result("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", value, unit, at)


def weight(value: float, unit: str = "kg", at: str = "2026-01-05") -> Json:
    """Body weight."""
    return result("29463-7", "Body weight", value, unit, at)


def bilirubin(value: float, unit: str = "mg/dL", comparator: str | None = None) -> Json:
    """Total bilirubin."""
    display = "Bilirubin.total [Mass/volume] in Serum or Plasma"
    return result("1975-2", display, value, unit, "2026-01-05", comparator=comparator)


def albumin(value: float, unit: str = "g/dL") -> Json:
    """Serum albumin."""
    return result("1751-7", "Albumin [Mass/volume] in Serum or Plasma", value, unit, "2026-01-05")


def inr(value: float) -> Json:
    """INR."""
    display = "INR in Platelet poor plasma by Coagulation assay"
    return result("6301-6", display, value, "{INR}", "2026-01-05")


def context(code: str, value: bool | str, at: str = "2026-01-05") -> Json:
    """A circumstance: true or false, or for the last refill of a pump its date."""
    key = "valueDateTime" if isinstance(value, str) else "valueBoolean"
    return {**_observation(concept(CONTEXT, code, code.replace("_", " ")), at), key: value}


def allergy(code: Json, *, kind: str | None = "allergy", status: str | None = "active") -> Json:
    """An AllergyIntolerance."""
    made: Json = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/patient"},
        "code": code,
    }
    if kind:
        made["type"] = kind
    return {**made, "clinicalStatus": concept(_ALLERGY, status, status)} if status else made


NO_ALLERGY = allergy(concept(SNOMED, "716186003", "No known allergy"), kind=None)


def whole_list(code: str, display: str, *names: str) -> Json:
    """A List that says that its entries are all there are."""
    return {
        "resourceType": "List",
        "status": "current",
        "mode": "snapshot",
        "code": concept(LOINC, code, display),
        "subject": {"reference": "Patient/patient"},
        "entry": [{"item": {"reference": f"MedicationRequest/{name}"}} for name in names],
    }


def medicines(*names: str) -> Json:
    """All the medicines there are."""
    return whole_list("10160-0", "History of Medication use Narrative", *names)


def bundle(story: Story) -> Json:
    """The Bundle: each resource with an id and a full URL; a transaction has requests too."""
    entries = []
    counts: dict[str, int] = {}
    for resource in story.resources:
        kind = resource["resourceType"]
        counts[kind] = counts.get(kind, 0) + 1
        name = resource.get("id") or f"{kind.lower()}-{counts[kind]}"
        made = {
            "resourceType": kind,
            "id": name,
            **{k: v for k, v in resource.items() if k not in ("resourceType", "id")},
        }
        entry: Json = {"fullUrl": f"urn:story:{story.name}:{kind}/{name}", "resource": made}
        if story.kind == "transaction":
            entry["request"] = {"method": "PUT", "url": f"{kind}/{name}"}
        elif story.kind == "searchset":
            entry["search"] = {"mode": "match"}
        entries.append(entry)
    whole: Json = {"resourceType": "Bundle", "id": story.name, "type": story.kind, "entry": entries}
    return {key: _named(value, story.name) for key, value in whole.items()}


def _named(part: Any, name: str) -> Any:
    """The Bundle with the story's name as the patient's id, so that each story is a patient of its own."""
    if isinstance(part, dict):
        made = {key: _named(value, name) for key, value in part.items()}
        return {**made, "id": name} if part.get("id") == "patient" else made
    if isinstance(part, list):
        return [_named(item, name) for item in part]
    if isinstance(part, str) and part.endswith("Patient/patient"):
        return part.removesuffix("patient") + name
    return part
