"""Requests as an embedding system sends them: order-select with about 20 KB of prefetch, and native records.

Drawn from a seed. A part of the patients are given baclofen, the others other common medicines, so
that some calls give alerts, some cannot be assessed and some are about nothing that a rule knows.
"""

from __future__ import annotations

import json
import random
import uuid
from typing import Any

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
MEDICINES = (
    ("29046", "lisinopril"),
    ("83367", "atorvastatin"),
    ("6809", "metformin"),
    ("17767", "amlodipine"),
    ("7646", "omeprazole"),
    ("6918", "metoprolol"),
    ("52175", "losartan"),
    ("25480", "gabapentin"),
    ("36437", "sertraline"),
    ("10737", "trazodone"),
    ("3322", "diazepam"),
    ("7804", "oxycodone"),
    ("1292", "baclofen"),
)
BACLOFEN = MEDICINES[-1]
CONDITIONS = (
    ("59621000", "Essential hypertension"),
    ("44054006", "Diabetes mellitus type 2"),
    ("84757009", "Epilepsy"),
    ("24700007", "Multiple sclerosis"),
    ("433144002", "Chronic kidney disease stage 3"),
    ("195967001", "Asthma"),
)
LABS = (
    ("2160-0", "Creatinine", "mg/dL", 0.6, 3.0),
    ("1975-2", "Bilirubin", "mg/dL", 0.3, 2.5),
    ("1751-7", "Albumin", "g/dL", 2.5, 4.8),
    ("29463-7", "Body weight", "kg", 45, 120),
)


def order_select(seed: int, size: int = 20_000) -> bytes:
    """One order-select call of about `size` bytes, without authorization of its own."""
    draw = random.Random(seed)
    patient = f"p{seed}"
    taking = draw.sample(MEDICINES[:-1], draw.randint(3, 8))
    drafted = BACLOFEN if draw.random() < 0.3 else draw.choice(MEDICINES[:-1])
    draft = _order("d1", drafted, patient, "draft", draw)
    prefetch: dict[str, Any] = {
        "patient": {
            "resourceType": "Patient",
            "id": patient,
            "gender": draw.choice(("male", "female")),
            "birthDate": f"{draw.randint(1935, 2005)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}",
        },
        "medications": _bundle([_order(f"m{i}", m, patient, "active", draw) for i, m in enumerate(taking)]),
        "statements": None,
        "conditions": _bundle(
            [
                _condition(f"c{i}", c, patient)
                for i, c in enumerate(draw.sample(CONDITIONS, draw.randint(1, 4)))
            ]
        ),
        "allergies": _bundle([]),
        "procedures": None,
        "vitals": _bundle([_lab("v0", LABS[3], patient, draw, 0)]),
    }
    labs: list[dict[str, Any]] = []
    body = b""
    while len(body) < size:
        labs += [_lab(f"l{len(labs) + i}", lab, patient, draw, len(labs)) for i, lab in enumerate(LABS[:3])]
        prefetch["labs"] = _bundle(labs)
        body = json.dumps(
            {
                "hook": "order-select",
                "hookInstance": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
                "context": {
                    "userId": "Practitioner/1",
                    "patientId": patient,
                    "selections": ["MedicationRequest/d1"],
                    "draftOrders": _bundle([draft]),
                },
                "prefetch": prefetch,
            },
            separators=(",", ":"),
        ).encode()
    return body


def native(seed: int, baclofen: float = 0.01) -> bytes:
    """One native record as a line of NDJSON; `baclofen` is the share of patients who take it."""
    draw = random.Random(seed)
    taking = draw.sample(MEDICINES[:-1], draw.randint(2, 8))
    if draw.random() < baclofen:
        taking.append(BACLOFEN)
    orders = [
        {
            "id": f"o{i}",
            "text": f"{name} {draw.choice((5, 10, 20, 40))} mg tablet",
            "codes": [f"rxnorm|{code}"],
            "route": "oral",
            "dose": f"{draw.choice((5, 10, 20))} mg",
            "frequency": f"{draw.randint(1, 3)} /d",
            "start": f"2025-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
            "status": "active",
        }
        for i, (code, name) in enumerate(taking)
    ]
    record = {
        "id": f"n{seed}",
        "birth_date": f"{draw.randint(1935, 2005)}-05-17",
        "sex": draw.choice(("male", "female")),
        "orders": orders,
        "conditions": [
            {"codes": [f"snomed|{code}"], "text": text, "clinical_status": "active"}
            for code, text in draw.sample(CONDITIONS, draw.randint(0, 3))
        ],
        "allergies": [],
        "observations": [
            {
                "concept": "serum_creatinine",
                "value": f"{draw.uniform(0.6, 3):.2f} mg/dL",
                "at": f"2026-01-{draw.randint(1, 14):02}",
            },
            {"concept": "weight", "value": f"{draw.uniform(45, 120):.1f} kg", "at": "2025-12-20"},
        ],
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"https://ehr.example/{r['resourceType']}/{r['id']}", "resource": r} for r in resources
    ]
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    if entries:
        found["entry"] = entries
    return found


def _order(
    identity: str, medicine: tuple[str, str], patient: str, status: str, draw: random.Random
) -> dict[str, Any]:
    code, name = medicine
    return {
        "resourceType": "MedicationRequest",
        "id": identity,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": RXNORM, "code": code, "display": name}],
            "text": name,
        },
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": f"2026-01-{draw.randint(1, 14):02}T08:30:00Z",
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": draw.randint(1, 3), "period": 1, "periodUnit": "d"}},
                "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
                "doseAndRate": [
                    {"doseQuantity": {"value": draw.choice((5, 10, 20)), "unit": "mg", "code": "mg"}}
                ],
            }
        ],
    }


def _condition(identity: str, condition: tuple[str, str], patient: str) -> dict[str, Any]:
    code, text = condition
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "id": identity,
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "code": {
            "coding": [{"system": "http://snomed.info/sct", "code": code, "display": text}],
            "text": text,
        },
        "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": "2020-03-01",
    }


def _lab(
    identity: str, lab: tuple[str, str, str, float, float], patient: str, draw: random.Random, age: int
) -> dict[str, Any]:
    code, text, unit, low, high = lab
    month, year = 12 - age % 12, 2025 - age // 12
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code, "display": text}], "text": text},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"{max(year, 2010)}-{month:02}-{draw.randint(1, 28):02}T07:10:00Z",
        "valueQuantity": {
            "value": round(draw.uniform(low, high), 2),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    }
