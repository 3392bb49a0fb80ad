"""A real hook call, and `caveat` called in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from caveat.service.answers import answer
from caveat.service.live import Live
from caveat.service.question import Question
from caveat.service.store.base import Caller
from service.store.making import KEY, question, run, store

CALLER = Caller("https://ehr.example", "", "app-1")


def order_sign(creatinine: float = 4.0, **more: Any) -> Question:
    """Baclofen for somebody whose kidneys fail."""
    patient = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-01-01"}
    draft = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"text": "baclofen"},
        "dosageInstruction": [{"route": {"text": "oral"}}],
    }
    observed = [
        {
            "resourceType": "Observation",
            "id": code,
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "subject": {"reference": "Patient/p1"},
            "effectiveDateTime": "2026-01-10",
            "valueQuantity": {
                "value": value,
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": unit,
            },
        }
        for code, value, unit in (("2160-0", creatinine, "mg/dL"), ("29463-7", 60, "kg"))
    ]
    body = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/u1",
            "patientId": "p1",
            "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]},
        },
        "prefetch": {
            "patient": patient,
            "observations": {
                "resourceType": "Bundle",
                "type": "searchset",
                "entry": [{"resource": one} for one in observed],
            },
        },
    }
    return replace(question(), body=json.dumps(body).encode(), **more)


def kept(folder: Path, live: Live, *asked: Question) -> None:
    """The questions answered and recorded, as the service does."""

    async def work() -> None:
        opened = store(folder)
        for one in asked:
            told = answer(one, live)
            said = await opened.record(
                one, told, CALLER, ruleset=live.rules.digest, microseconds=5, policy=live.rules.policy
            )
            assert said == "stored"
        await opened.close()

    run(work())
    (folder / "audit.key").write_bytes(KEY + b"\n")


def options(folder: Path) -> list[str]:
    """What names that store on the command line."""
    return ["--store", f"sqlite:///{folder / 'store.sqlite'}", "--key", str(folder / "audit.key")]
