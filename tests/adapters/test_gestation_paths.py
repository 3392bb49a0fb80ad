"""The length of a pregnancy is the same by every way in: FHIR alone, FHIR in bulk, OMOP, CSV, columns."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest

import caveat
from adapters.builder import LOINC, bundle, coding, condition, observation, person, request
from caveat.adapters import read_bundle
from caveat.adapters.cohort.bulk import KnownCodes
from caveat.adapters.fhir.prefetch import read_prefetch
from caveat.adapters.table import rows
from caveat.columns.records import to_batch, to_patient
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.facts.patient import Patient
from caveat.service.prefetch.templates import templates
from cohort.bulk_records import lay, read_bulk
from columnar.agreement import differences
from omop import builder as omop
from strategies import vocabulary as v

TODAY = "2026-01-15"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"

# What is recorded, and the first and last day of the pregnancy that it makes today; None is not known.
WAYS: list[tuple[str, str, str, tuple[int, int] | None]] = [
    ("11885-1", "2026-01-01", "20 wk", (154, 160)),
    ("18185-9", "2026-01-01", "143 d", (157, 157)),
    ("49051-6", "2026-01-01", "20 wk", (154, 160)),
    ("11884-4", "2026-01-01", "20.5 wk", (157, 157)),
    ("18185-9", "2025-01-01", "20 wk", None),
    ("11778-8", "2025-12-20", "2026-05-07", (168, 168)),
    ("11779-6", "2025-12-20", "2026-05", (144, 174)),
    ("8665-2", "2025-12-20", "2025-07-31", (168, 168)),
    ("8665-2", "2025-12-20", "2024-07-31", None),
    ("Z3A.20", "2026-01-01", "", (154, 160)),
    ("Z3A.20", "2024-01-01", "", None),
]


def known() -> KnownCodes:
    return KnownCodes(frozenset(v.terminology().tables.loinc))


def length(patient: Patient) -> tuple[int, int] | None:
    chart = Chart(patient, v.terminology(), as_of=dt.date.fromisoformat(TODAY).toordinal())
    found = number(chart, "gestation", "wk").interval
    if found is None:
        return None
    assert found.low is not None
    assert found.high is not None
    return int(found.low / 86400), int(found.high / 86400)


def resource(code: str, at: str, value: str, **more: Any) -> dict[str, Any]:
    if code.startswith("Z"):
        return condition(code=coding(ICD, code), onsetDateTime=at, **more)
    size, _, unit = value.partition(" ")
    said: dict[str, Any] = {"valueDateTime": value}
    if unit:
        said = {"valueQuantity": {"value": float(size), "unit": unit, "code": unit}}
    return observation(code=coding(LOINC, code), effectiveDateTime=at, **said, **more)


def omop_tables(code: str, at: str, value: str) -> dict[str, omop.Rows]:
    if code.startswith("Z"):
        row = omop.condition(condition_source_value=code, condition_start_date=at)
        return {"condition_occurrence": [row]}
    size, _, unit = value.partition(" ")
    row = {
        "observation_id": 1,
        "person_id": 1,
        "observation_concept_id": 0,
        "observation_date": at,
        "observation_source_value": code,
        "value_as_number": size if unit else "",
        "value_as_string": "" if unit else value,
        "unit_source_value": unit,
    }
    return {"observation": [row]}


@pytest.mark.parametrize(("code", "at", "value", "expected"), WAYS)
def test_every_reader(
    code: str, at: str, value: str, expected: tuple[int, int] | None, tmp_path: Path
) -> None:
    one = resource(code, at, value)
    (alone,) = read_bundle(bundle(person(), one), bound=known())
    assert isinstance(alone, Patient)
    assert length(alone) == expected

    lay({"x.ndjson": [person(), one]}, tmp_path / "in")
    (together,), _, _ = read_bulk([tmp_path / "in"], tmp_path / "work", bound=known())
    assert length(together) == expected
    assert (together.observations, together.conditions) == (alone.observations, alone.conditions)

    database = omop.folder(tmp_path / "omop", person=[omop.person()], **omop_tables(code, at, value))
    assert length(omop.Read(database, bound=known()).one) == expected

    assert length(to_patient(to_batch([alone]), 0)) == expected


@pytest.mark.parametrize(("code", "at", "value", "expected"), WAYS)
def test_a_prefetch(code: str, at: str, value: str, expected: tuple[int, int] | None) -> None:
    """What the template asks for is read as the fact."""
    rules = caveat.load()
    asked = templates(rules)
    key = "conditions" if code.startswith("Z") else "measurements"
    assert code.startswith("Z") or code in asked[key]
    parts = {"patient": bundle(person()), key: bundle(resource(code, at, value))}
    found = read_prefetch(parts, None, "p1", bound=known(), lists=asked).patient
    assert length(found) == expected


def test_a_table() -> None:
    lines = (
        "patient_id,sex,observations,conditions\n"
        "1,female,loinc|18185-9 = 143 d @ 2026-01-01,\n"
        "2,female,estimated_delivery_date = 2026-05-07 @ 2025-12-20,\n"
        "3,female,last_menstrual_period = 2025-07-31,\n"
        "4,female,,icd10cm|Z3A.20 [onset=2026-01-01]\n"
    )
    found = [one for one in rows(io.BytesIO(lines.encode())) if isinstance(one, Patient)]
    assert [length(one) for one in found] == [(157, 157), (168, 168), (168, 168), (154, 160)]


def test_the_rules_of_nsaids_go_by_the_week_in_columns_and_alone() -> None:
    """From an expected day of delivery alone; the findings are the same one by one and in columns."""
    first, last = "nsaid.pregnancy.from-20-weeks", "nsaid.pregnancy.from-28-weeks"
    told = {
        "2026-06-11": set(),  # 19 weeks
        "2026-06-04": {(first, "fires")},
        "2026-04-09": {(last, "fires")},
        "2025-11-01": {(first, "cannot-assess"), (last, "cannot-assess")},  # over for long
    }
    records = []
    for number_, due in enumerate(told):
        (one,) = read_bundle(
            bundle(
                person(birthDate="1995-05-04"),
                resource("11778-8", "2025-12-20", due),
                observation(
                    "s", code=coding(LOINC, "82810-3"), valueCodeableConcept=coding(LOINC, "LA15173-0")
                ),
                request(medicationCodeableConcept={"text": "ibuprofen 400 mg tablet"}),
            ),
            bound=known(),
        )
        assert isinstance(one, Patient)
        records.append(one.model_copy(update={"id": f"p{number_}"}))
    differing, screened = differences(records, caveat.load(), TODAY, because=True)
    assert not differing, differing[0]
    shown: list[set[tuple[str, str]]] = [set() for _ in told]
    for row in screened.findings.to_pylist():
        if row["rule"] in (first, last):
            shown[row["row"]].add((row["rule"], row["status"]))
    assert shown == list(told.values())
