"""Real exports, whole: no crash, every patient read, every oddity a counted note."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from adapters.builder import patients, rejects
from caveat.adapters import read_bundle, read_native, read_records, to_native

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "fixtures" / "fhir"


@pytest.mark.parametrize(
    "path", sorted((FIXTURES / "synthea").glob("*.json")), ids=lambda p: p.stem.split("_")[0]
)
def test_a_raw_bundle(path: Path) -> None:
    data = path.read_bytes()
    counts = Counter(entry["resource"]["resourceType"] for entry in json.loads(data)["entry"])
    found = read_bundle(data, source=path.name)
    assert len(found) == 1
    patient = patients(found)[0]
    assert len(patient.orders or ()) == counts["MedicationRequest"]
    assert len(patient.conditions or ()) == counts["Condition"]
    assert len(patient.allergies or ()) == counts["AllergyIntolerance"]
    assert len(patient.observations or ()) >= counts["Observation"]
    assert not patient.problems
    assert read_native(to_native(patient)) == patient


def test_the_bulk_files() -> None:
    found = list(read_records([FIXTURES / "bulk"]))
    assert len(patients(found)) == 4
    assert sum(len(one.orders or ()) for one in patients(found)) == 20
    assert sum(len(one.conditions or ()) for one in patients(found)) == 66
    assert sum(len(one.allergies or ()) for one in patients(found)) == 8
    assert all(one.harmless for one in rejects(found))
    assert not any(one.problems for one in patients(found))


def test_everything_in_one_call() -> None:
    found = list(read_records([FIXTURES / "bulk", FIXTURES / "synthea", ROOT / "fixtures" / "patients"]))
    assert len(patients(found)) >= 14
    assert all(one.harmless for one in rejects(found))


def test_all_440_patients(shared_dir: Path) -> None:
    found = list(read_records([shared_dir / "data" / "fhir" / "synthea" / "dev"]))
    assert not rejects(found)
    assert len(patients(found)) == 440
    assert sum(len(one.orders or ()) for one in patients(found)) == 3388
    assert sum(len(one.conditions or ()) for one in patients(found)) == 3235
    assert sum(len(one.allergies or ()) for one in patients(found)) == 254
    assert sum(len(one.observations or ()) for one in patients(found)) >= 35368
    assert not any(one.problems for one in patients(found))


def test_the_bulk_export(shared_dir: Path) -> None:
    found = list(read_records([shared_dir / "data" / "fhir" / "bulk-export-10"]))
    assert all(one.harmless for one in rejects(found))
    assert len(patients(found)) == 13
    assert sum(len(one.orders or ()) for one in patients(found)) == 1745
    assert sum(len(one.conditions or ()) for one in patients(found)) == 555
