"""Seeded patients for the bundled rules: one population takes baclofen, the other is a general one."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from caveat.facts.patient import Patient

AS_OF = "2026-01-15"
TODAY = dt.date.fromisoformat(AS_OF)

_BACLOFEN = (
    ("baclofen 10 mg tablet", "oral", ("5 mg", "10 mg", "15 mg", "20 mg", "25 mg")),
    ("Lioresal 10 mg tablet", "oral", ("10 mg", "20 mg")),
    ("baclofen 20 mg tablet", None, ("20 mg", "40 mg")),
)
_OTHERS = """lisinopril 10 mg tablet|ramipril 5 mg capsule|amlodipine 5 mg tablet|metoprolol 50 mg tablet
hydrochlorothiazide 25 mg tablet|losartan 50 mg tablet|furosemide 40 mg tablet|atorvastatin 20 mg tablet
simvastatin 40 mg tablet|metformin 500 mg tablet|insulin glargine|levothyroxine 50 ug tablet
omeprazole 20 mg capsule|pantoprazole 40 mg tablet|aspirin 81 mg tablet|clopidogrel 75 mg tablet
warfarin 5 mg tablet|apixaban 5 mg tablet|paracetamol 500 mg tablet|ibuprofen 400 mg tablet
naproxen 500 mg tablet|tramadol 50 mg capsule|morphine 10 mg tablet|oxycodone 5 mg tablet
gabapentin 300 mg capsule|pregabalin 75 mg capsule|diazepam 5 mg tablet|lorazepam 1 mg tablet
zolpidem 10 mg tablet|sertraline 50 mg tablet|citalopram 20 mg tablet|amitriptyline 25 mg tablet
mirtazapine 15 mg tablet|quetiapine 25 mg tablet|tizanidine 4 mg tablet|prednisone 5 mg tablet
salbutamol inhaler|amoxicillin 500 mg capsule|ciprofloxacin 500 mg tablet|nitrofurantoin 100 mg capsule
oxybutynin 5 mg tablet|tamsulosin 0.4 mg capsule|folic acid 5 mg tablet|ferrous sulfate 200 mg tablet
cholecalciferol 1000 IU capsule|alendronic acid 70 mg tablet|levetiracetam 500 mg tablet
carbamazepine 200 mg tablet|interferon beta-1a|glatiramer acetate""".replace("\n", "|").split("|")
_CONDITIONS = (
    ("icd10cm", "G35"),
    ("icd10cm", "G80.9"),
    ("icd10cm", "I10"),
    ("icd10cm", "E11.9"),
    ("icd10cm", "N18.30"),
    ("icd10cm", "G40.909"),
    ("icd10cm", "F32.9"),
    ("icd10cm", "K21.9"),
    ("icd10cm", "M54.50"),
    ("icd10cm", "J44.9"),
    ("icd10cm", "I63.9"),
    ("icd10cm", "F20.9"),
    ("snomed", "44054006"),
    ("snomed", "38341003"),
    ("snomed", "24700007"),
    ("snomed", "84757009"),
)
# LOINC code, mean, spread, floor, decimals, unit, how often it is measured.
_LABS: tuple[tuple[str, float, float, float, int, str, float], ...] = (
    ("2160-0", 1.1, 0.45, 0.3, 2, "mg/dL", 0.85),
    ("2823-3", 4.3, 0.5, 2.5, 1, "mmol/L", 0.8),
    ("2951-2", 140, 3, 120, 0, "mmol/L", 0.8),
    ("29463-7", 76, 16, 35, 1, "kg", 0.85),
    ("8302-2", 169, 10, 140, 0, "cm", 0.7),
    ("1742-6", 28, 14, 5, 0, "U/L", 0.6),
    ("1920-8", 27, 12, 5, 0, "U/L", 0.6),
    ("1975-2", 0.7, 0.3, 0.1, 1, "mg/dL", 0.5),
    ("1751-7", 4.1, 0.4, 2, 1, "g/dL", 0.5),
    ("718-7", 13.4, 1.5, 7, 1, "g/dL", 0.6),
    ("4548-4", 6.1, 1, 4, 1, "%", 0.3),
)


def _day(draw: random.Random, least: int, most: int) -> str:
    return (TODAY - dt.timedelta(days=draw.randint(least, most))).isoformat()


def _baclofen(draw: random.Random) -> dict[str, Any]:
    text, route, doses = draw.choice(_BACLOFEN)
    order: dict[str, Any] = {"id": "o0", "text": text, "status": "active"}
    if route is not None:
        order["route"] = route
    if draw.random() < 0.9:
        order["dose"] = draw.choice(doses)
        order["frequency"] = draw.choice(("2 /d", "3 /d", "4 /d"))
    if draw.random() < 0.9:
        order["start"] = _day(draw, 3, 900)
    if draw.random() < 0.6:
        order["indication"] = [{"codes": ["icd10cm|G35"]}]
    return order


def _other(draw: random.Random, index: int, text: str) -> dict[str, Any]:
    order: dict[str, Any] = {"id": f"o{index}", "text": text, "start": _day(draw, 3, 1500)}
    if draw.random() < 0.15:
        return {**order, "status": "completed", "stop": TODAY.isoformat()}
    order["status"] = "active"
    if text.endswith(("tablet", "capsule")) and draw.random() < 0.7:
        order["route"] = "oral"
    return order


def make_patient(draw: random.Random, name: str, orders: int, *, baclofen: bool) -> Patient:
    """One patient: the orders, dated laboratory values of which some are old or absent, problems."""
    texts = draw.sample(_OTHERS, orders - int(baclofen))
    listed = [_baclofen(draw)] if baclofen else []
    listed += [_other(draw, index, text) for index, text in enumerate(texts, len(listed))]
    observations = [
        {
            "codes": [f"loinc|{code}"],
            "value": f"{round(max(floor, draw.gauss(mean, spread)), digits):g} {unit}",
            "at": _day(draw, 1, 60 if draw.random() < 0.8 else 900),
        }
        for code, mean, spread, floor, digits, unit, often in _LABS
        if draw.random() < often
    ]
    conditions = [
        {"codes": [f"{system}|{code}"], "clinical_status": "active", "onset": _day(draw, 30, 5000)}
        for system, code in draw.sample(_CONDITIONS, draw.randint(1, 5))
    ]
    record: dict[str, Any] = {
        "id": name,
        "birth_date": _day(draw, 18 * 366, 92 * 365),
        "sex": draw.choice(("female", "male")),
        "orders": listed,
        "conditions": conditions,
        "allergies": [{"text": "penicillin"}] if draw.random() < 0.15 else [],
        "observations": observations,
        "complete": {"conditions": "closed"} if draw.random() < 0.5 else {},
    }
    return Patient.model_validate(record)


def on_baclofen(count: int, seed: int = 11) -> list[Patient]:
    """`count` patients who all take baclofen, with 4 to 8 orders each."""
    draw = random.Random(seed)
    return [make_patient(draw, f"b{i}", draw.randint(4, 8), baclofen=True) for i in range(count)]


def general(count: int, seed: int = 12) -> list[Patient]:
    """`count` patients with 6 to 10 orders each, of whom each twentieth takes baclofen."""
    draw = random.Random(seed)
    return [make_patient(draw, f"g{i}", draw.randint(6, 10), baclofen=i % 20 == 0) for i in range(count)]
