"""Patients to rows and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.columns.records import record, to_batch, to_patient
from caveat.columns.rows import Rows
from caveat.columns.schema import patients as schema
from caveat.facts.patient import Patient
from strategies.patients import datas, patient

people = st.lists(datas().map(patient), max_size=5)

FULL: dict[str, Any] = {
    "id": "p1",
    "age": "70 a",
    "sex": "female",
    "pregnant": False,
    "gestation": {"value": "12.5", "unit": "wk", "comparator": "<"},
    "weight": {"value": "70.25 kg", "at": "2026-01", "source": "Observation/1"},
    "creatinine_clearance": {"value": 20, "unit": "mL/min", "upper": 30},
    "orders": [
        {
            "id": "o1",
            "codes": ["rxnorm|1292", {"system": "local", "code": "x", "display": "Baclofen"}],
            "ingredients": ["baclofen"],
            "dose": "10-20 mg",
            "as_needed": False,
            "start": "2026-01-05T08:30:00+02:00",
            "indication": [{"codes": ["icd10cm|G35"], "text": "MS"}, {}],
        },
        {"id": "o2", "text": "Diazepam 5 mg", "ingredients": [], "indication": []},
    ],
    "conditions": [],
    "allergies": [{"text": "codeine", "reactions": ["rash"]}],
    "observations": [
        {"concept": "potassium", "value": "4.1 mmol/L", "at": "2026", "preliminary": True},
        {"codes": ["loinc|82810-3"], "answer": {"codes": ["loinc|LA15173-0"]}},
        {"text": "qtc", "answer": {}},
    ],
    "context": {"care_setting": "home", "pump_refilled": "2026-01-02", "fall_risk": True},
    "complete": {"conditions": "closed"},
    "notes": [{"code": "a", "message": "b", "count": 3}],
    "problems": [{"code": "c", "message": "d", "path": "$.e", "value": "f"}],
    "source": "a.json:4",
}


@given(people)
def test_rows_give_the_patients_back(found: list[Patient]) -> None:
    batch = to_batch(found)
    assert batch.schema.equals(schema(), check_metadata=True)
    batch.validate(full=True)
    assert [to_patient(batch, row) for row in range(len(found))] == found
    assert [Rows(batch).patient(row) for row in range(len(found))] == found
    assert Rows(batch).patients(range(len(found))) == found


def test_every_field_comes_back() -> None:
    whole, bare = Patient.model_validate(FULL), Patient(id="p2")
    batch = to_batch([bare, whole, bare])
    read = Rows(batch)
    for given_back in (to_patient(batch, 1), read.patient(1)):
        assert given_back == whole
        assert hash(given_back) == hash(whole)
        assert given_back.model_dump_json() == whole.model_dump_json()
        assert given_back.orders is not None
        assert (given_back.orders[0].indication, given_back.orders[1].indication) != (None, None)
        assert given_back.orders[1].ingredients == ()
    assert (read.patient(0), read.patient(2)) == (bare, bare)
    assert read.patient(1).model_copy(update={"source": None}).source is None


def test_a_list_that_is_unknown_differs_from_one_that_is_empty() -> None:
    batch = to_batch([Patient(id="a"), Patient(id="b", orders=())])
    assert batch.column("orders").to_pylist() == [None, []]
    assert [Rows(batch).patient(row).orders for row in (0, 1)] == [None, ()]


def test_rows_of_a_slice_and_of_another_block_size() -> None:
    found = [Patient.model_validate({**FULL, "id": f"p{i}", "age": f"{i + 1} a"}) for i in range(10)]
    part = to_batch(found).slice(3, 5)
    for size in (1, 2, 5, 100):
        assert [Rows(part, block=size).patient(row).id for row in (4, 0, 2)] == ["p7", "p3", "p5"]
    assert Rows(part).patients([4, 0]) == [found[7], found[3]]
    assert len(Rows(part)) == 5
    with pytest.raises(IndexError):
        Rows(part).patient(5)
    with pytest.raises(IndexError):
        Rows(part).patient(-1)


def test_no_rows() -> None:
    batch = to_batch([])
    assert (batch.num_rows, batch.schema) == (0, schema())
    assert Rows(batch).patients([]) == []


@pytest.mark.parametrize("number", ["0.1", "24.3", "123456789012345", "1E-20", "1E+20", "0.000123456789012"])
def test_fifteen_digits_are_kept(number: str) -> None:
    order = {"id": "o", "text": "t", "dose": {"value": number, "unit": "mg"}}
    batch = to_batch([Patient.model_validate({"id": "p", "orders": [order]})])
    for read in (to_patient(batch, 0), Rows(batch).patient(0)):
        assert read.orders is not None
        assert read.orders[0].dose is not None
        assert read.orders[0].dose.value == Decimal(number)


def test_a_record_names_what_is_known() -> None:
    batch = to_batch([Patient.model_validate({"id": "p", "weight": "70 kg", "orders": []})])
    known = {"id": "p", "weight": {"value": 70, "unit": "kg"}, "orders": []}
    assert {k: v for k, v in record(batch, 0).items() if k in known} == known


def test_a_row_that_is_no_record_is_refused() -> None:
    batch = pa.RecordBatch.from_pylist([{"id": "p", "sex": "man"}], schema=schema())
    with pytest.raises(ValueError, match="female"):
        to_patient(batch, 0)
