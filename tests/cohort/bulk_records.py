"""Small FHIR resources that show one thing each, files of them, and the comparison of the two readers."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from caveat.adapters import Reject, read_records
from caveat.adapters.cohort.bulk import BulkCohort, KnownCodes
from caveat.columns.records import to_batch
from caveat.columns.schema import patients as schema
from caveat.facts.patient import Patient

HEIGHT_ONLY = KnownCodes(frozenset(("8302-2",)))


def read_bulk(
    paths: Sequence[Path], work: Path, *, partitions: int | None = None, bound: KnownCodes | None = None
) -> tuple[list[Patient], list[Reject], BulkCohort]:
    """Everything that a run would be given."""
    cohort = BulkCohort(paths, partitions=partitions, bound=bound)
    cohort.prepare(work, lambda _: None)
    patients = [one for part in range(cohort.parts()) for one in cohort.patients(part)]
    chunks = [chunk for part in range(cohort.parts()) for chunk in cohort.read(part)]
    rejected = [one for chunk in chunks for one in chunk.rejected]
    batches = [chunk.batch for chunk in chunks]
    assert pa.Table.from_batches(batches, schema()).equals(
        pa.Table.from_batches([to_batch(patients)], schema())
    )
    whole = sum(one.patient is not None for one in rejected)
    assert sum(chunk.entered for chunk in chunks) == len(patients) + whole
    return patients, [one.reject for one in rejected], cohort


def ordered(patients: Iterable[Patient]) -> list[Patient]:
    return sorted(patients, key=lambda one: (one.id, one.source or "", repr(one.problems)))


def assert_same(
    paths: Sequence[Path], work: Path, *, partitions: int | None = None, bound: KnownCodes | None = None
) -> list[Patient]:
    """Compares with the single-record reader; returns the patients."""
    expected = list(read_records(paths, bound=bound))
    patients, rejects, _ = read_bulk(paths, work, partitions=partitions, bound=bound)
    assert ordered(patients) == ordered(one for one in expected if isinstance(one, Patient))
    assert Counter(rejects) == Counter(one for one in expected if isinstance(one, Reject))
    return patients


# Resources that show one thing each; what they refer to may be there or not.


def patient(name: str = "a", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1950-02-03", **more}


def about(name: str | None) -> dict[str, Any]:
    return {} if name is None else {"subject": {"reference": name}}


def order(number: int, whose: str | None, **medicine: Any) -> dict[str, Any]:
    medicine = medicine or {"medicationCodeableConcept": {"text": f"Drug {number}"}}
    stated = {"status": "active", "intent": "order", "authoredOn": "2024-05-06"}
    return {"resourceType": "MedicationRequest", "id": f"m{number}", **stated, **about(whose), **medicine}


def lab(number: int, whose: str | None, **more: Any) -> dict[str, Any]:
    code = {"coding": [{"system": "http://loinc.org", "code": ("2160-0", "8302-2")[number % 2]}]}
    value = {"valueQuantity": {"value": 0.9 + number, "unit": "mg/dL", "code": "mg/dL"}}
    stated = {"status": "final", "code": code, "effectiveDateTime": "2024-05-06"}
    return {"resourceType": "Observation", "id": f"o{number}", **stated, **about(whose), **value, **more}


def diagnosis(number: int, whose: str | None, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": f"c{number}", "code": {"text": "CKD"}, **about(whose), **more}


MEDICATION = {"resourceType": "Medication", "id": "x1", "code": {"text": "Baclofen 10 mg"}}
ANOTHER_X1 = {"resourceType": "Medication", "id": "x1", "code": {"text": "Tizanidine 4 mg"}}
MIXTURE = {
    "resourceType": "Medication",
    "id": "x2",
    "ingredient": [{"itemReference": {"reference": "Substance/s1"}}],
}
SUBSTANCE = {"resourceType": "Substance", "id": "s1", "code": {"text": "Baclofen"}}
IDENTIFIED = patient("i", identifier=[{"system": "urn:mrn", "value": "77"}])
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "lost 3"}]}
LIST = {
    "resourceType": "List",
    "status": "current",
    "mode": "working",
    "subject": {"reference": "Patient/a"},
    "code": {"coding": [{"system": "http://loinc.org", "code": "11450-4"}]},
    "entry": [{"item": {"reference": "Condition/c1"}}, {"item": {"reference": "Condition/c9"}}],
}
LIST_OF_LABS = {
    **LIST,
    "id": "l",
    "code": {"coding": [{"system": "http://loinc.org", "code": "30954-2"}]},
    "entry": [{"item": {"reference": "Observation/o1"}}, {"item": {"reference": "Observation/o3"}}],
}
PREGNANT = {
    "resourceType": "Observation",
    "id": "p",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "82810-3"}]},
    "subject": {"reference": "Patient/a"},
    "effectiveDateTime": "2021-05-06",
    "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "77386006"}]},
}
NATIVE = {"id": "a", "sex": "male", "orders": [{"id": "1", "text": "warfarin"}]}


COMPONENT = {
    "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
    "valueQuantity": {"value": 120.5, "unit": "mm[Hg]", "code": "mm[Hg]"},
}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    entries = [
        {"resource": one, "fullUrl": f"urn:uuid:{one.get('id', n)}"} for n, one in enumerate(resources)
    ]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def page(number: int, *, of: int) -> dict[str, Any]:
    links = [{"relation": "self", "url": f"http://x/page/{number}"}]
    if number < of:
        links.append({"relation": "next", "url": f"http://x/page/{number + 1}"})
    return bundle(patient("p"), lab(number, "Patient/p"), link=links)


def lay(story: dict[str, Any], folder: Path, *, packed: bool = False) -> None:
    """Writes the files of a story."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in story.items():
        if content == "list":
            text = json.dumps([patient(), lab(1, "Patient/a"), order(1, None), bundle(patient("l"))])
        elif content == "blank":
            text = "\n" + json.dumps(patient()) + "\r\n\n  \n" + json.dumps(lab(1, "Patient/a")) + "\n\n"
        elif isinstance(content, str):
            text = content
        elif isinstance(content, dict):
            text = json.dumps(content, indent=1)
        else:
            text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in content)
        data = text.encode("latin-1")
        (folder / name).write_bytes(gzip.compress(data) if packed and data else data)
