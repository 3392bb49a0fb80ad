"""Records grouped by patient in Spark hold the facts that one machine finds in the same files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from caveat.adapters import Reject, read_records
from caveat.adapters.spark import fhir
from caveat.adapters.spark.built import Built
from caveat.columns.records import to_batch
from caveat.facts.patient import Patient

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def _subject(name: str) -> dict[str, Any]:
    return {"subject": {"reference": name}}


def _order(identity: str, whose: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationRequest", "id": identity, "status": "active", "intent": "order"} | (
        _subject(whose) | more
    )


PEOPLE: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "a", "gender": "female", "birthDate": "1950-02-03"},
    {
        "resourceType": "Patient",
        "id": "b",
        "gender": "male",
        "birthDate": "1940",
        "identifier": [{"system": "urn:mrn", "value": "17"}],
        "text": {"status": "generated", "div": "<div>Zoë " + "x" * 3000 + "</div>"},
    },
    {"resourceType": "Patient", "id": "c", "gender": "f", "birthDate": 1950},  # a field of another type
]
RECORDS: list[dict[str, Any]] = [
    _order("o1", "Patient/a", medicationReference={"reference": "Medication/m1"}),
    {
        "resourceType": "Medication",
        "id": "m1",
        "ingredient": [{"itemReference": {"reference": "Substance/s1"}}],
    },
    _order(
        "o2", "Patient?identifier=urn:mrn|17", medicationCodeableConcept={"text": "baclofen 10 mg tablet"}
    ),
    {"resourceType": "Substance", "id": "s1", "code": {"text": "baclofen"}},
    {
        "resourceType": "Observation",
        "id": "crcl",
        "status": "final",
        **_subject("https://example.org/fhir/Patient/a/_history/3"),
        "code": {"coding": [{"system": "http://loinc.org", "code": "2160-0"}]},
        "valueQuantity": {"value": 1.30, "unit": "mg/dL"},
        "effectiveDateTime": "2026-01-10",
    },
    {
        "resourceType": "Observation",
        "id": "steps",
        "status": "final",
        **_subject("Patient/a"),
        "code": {"coding": [{"system": "http://loinc.org", "code": "41950-7"}]},
        "valueQuantity": {"value": 5000, "unit": "/d"},
    },
    _order("o3", "Patient/b", medicationReference={"reference": "Medication/nowhere"}),
    {
        "resourceType": "Condition",
        "id": "k1",
        "code": {"text": "epilepsy"},
        **_subject("Patient/never-given"),
    },
    {"resourceType": "Condition", "id": "k2", "code": {"text": "of nobody"}},
    {"resourceType": "Condition", "id": "k3", "clinicalStatus": "active", **_subject("Patient/a")},
    {"resourceType": "Procedure", "id": "p1", "status": "completed", "code": {"text": "haemodialysis"}}
    | _subject("Patient/c"),
    {"resourceType": "Practitioner", "id": "dr"},
    {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "part is missing"}]},
    _order("o1", "Patient/a", medicationReference={"reference": "Medication/m1"}),  # sent twice
]
NATIVE: list[dict[str, Any]] = [
    {"id": "n1", "age": "70 a", "orders": [{"id": "o1", "text": "baclofen"}]},
    {"id": "n2", "age": "70"},
    {"id": "a", "age": "75 a"},
]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory, fixtures_dir: Path) -> Path:
    """The sample export and records of every kind, unsorted, over several files, one of them packed."""
    folder = tmp_path_factory.mktemp("export")
    for file in (fixtures_dir / "fhir/bulk").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    lines = [json.dumps(one, ensure_ascii=False).encode() for one in RECORDS]
    lines.insert(5, b'{"resourceType": "Observation", "id": "cut", "subj')
    lines.insert(2, b"")
    (folder / "records with a space.ndjson").write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    (folder / "zz.ndjson.gz").write_bytes(gzip.compress(b"\n".join(json.dumps(o).encode() for o in PEOPLE)))
    (folder / "native.json").write_bytes(b"\n".join(json.dumps(one).encode() for one in NATIVE) + b"\n")
    return folder


@pytest.fixture(scope="module")
def built(spark: SparkSession, export: Path, rules: Any, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """In blocks of 2,000 bytes, so that files are cut in the middle of lines."""
    spark.conf.set("spark.sql.files.maxPartitionBytes", "4000")
    spark.conf.set("spark.sql.files.openCostInBytes", "4000")
    try:
        work = str(tmp_path_factory.mktemp("work") / "lines")
        return fhir(spark, str(export), work=work, terminology=rules.terminology)
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")
        spark.conf.unset("spark.sql.files.openCostInBytes")


@pytest.fixture(scope="module")
def alone(export: Path, rules: Any) -> list[Patient | Reject]:
    """What the reader of one machine makes of the folder."""
    known = rules.terminology.observation_for
    return list(read_records([export], bound=lambda code: known(code) is not None))


def _by_id(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((row["id"], json.dumps(row, sort_keys=True, default=str)) for row in rows)


def test_the_facts_are_those_of_one_machine(built: Built, alone: list[Patient | Reject]) -> None:
    expected = _by_id(to_batch(one for one in alone if isinstance(one, Patient)).to_pylist())
    found = _by_id(built.patients.toArrow().to_pylist())
    assert [name for name, _ in found] == [name for name, _ in expected]
    for (name, here), (_, there) in zip(found, expected, strict=True):
        assert json.loads(here) == json.loads(there), name
    ids = [name for name, _ in found]
    assert {"b", "c", "n1", "never-given"} <= set(ids)
    assert ids.count("a") == 2  # FHIR and a native record of one id, which says so


def test_what_is_set_aside_names_its_line(built: Built, alone: list[Patient | Reject], export: Path) -> None:
    expected = {(one.source, one.line, one.code) for one in alone if isinstance(one, Reject)}
    rows = [row.asDict() for row in built.rejects.collect()]
    found = {(row["file"], row["line"], row["code"]) for row in rows}
    assert len(rows) == len(found)
    assert {one for one in found if one[2] != "no-patient"} == {
        one for one in expected if one[2] != "no-patient"
    }
    native = next(row for row in rows if row["file"].endswith("native.json"))
    assert (native["patient"], native["line"], native["field"]) == ("n2", 2, "$.age")


def test_a_patient_is_in_one_row_in_any_number_of_partitions(
    spark: SparkSession, export: Path, built: Built, rules: Any, tmp_path: Path
) -> None:
    paths = [
        str(export / name) for name in sorted(file.name for file in export.iterdir()) if name != "LICENSE"
    ]
    other = fhir(spark, paths, work=str(tmp_path / "lines"), terminology=rules.terminology, partitions=1)
    assert _by_id(other.patients.toArrow().to_pylist()) == _by_id(built.patients.toArrow().to_pylist())
