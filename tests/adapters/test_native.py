"""The native record: strict in, the same out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters import read_native, to_native
from caveat.errors import InputError
from caveat.facts.clinical import Observation
from caveat.facts.patient import Patient
from caveat.facts.values import Quantity, decimal

FIXTURES = Path(__file__).parents[2] / "fixtures" / "patients"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda p: p.stem)
def test_examples_read_and_round_trip(path: Path) -> None:
    found = read_native(path.read_bytes())
    assert found.id == path.stem
    assert read_native(to_native(found)) == found
    assert read_native(json.dumps(to_native(found))) == found


def test_every_fault_with_its_path_and_a_suggestion() -> None:
    record = {
        "id": "x",
        "sexx": "female",
        "orders": [{"id": "o1", "text": "baclofen", "dose": 10, "frequncy": "3 /d"}],
        "weight": "seventy kg",
    }
    with pytest.raises(InputError) as caught:
        read_native(record)
    message = str(caught.value)
    for expected in (
        "$.orders[0].dose",
        "'frequncy'",
        "did you mean 'frequency'",
        "$.weight",
        "did you mean 'sex'",
    ):
        assert expected in message
    assert caught.value.path.startswith("$.")


@pytest.mark.parametrize(
    ("stated", "path", "found"),
    [
        ({"creatinine_clearance": "-5 mL/min"}, "$.creatinine_clearance", "-5 mL/min"),
        ({"weight": "0 kg"}, "$.weight", "0 kg"),
        ({"age": "-3 a"}, "$.age", "-3 a"),
        ({"sex": "male", "pregnant": True}, "$.pregnant", "true"),
        ({"orders": [{"id": "o1", "text": "baclofen", "dose": "-1 mg"}]}, "$.orders[0].dose", "-1 mg"),
        (
            {"orders": [{"id": "o1", "text": "x", "start": "2026-01-02", "stop": "2025-01-02"}]},
            "$.orders[0].stop",
            "2025-01-02",
        ),
    ],
)
def test_an_impossible_value_is_set_aside_and_the_rest_is_kept(
    stated: dict[str, Any], path: str, found: str
) -> None:
    patient = read_native({"id": "x", "height": "170 cm", **stated})
    assert patient.height is not None
    (problem,) = patient.problems
    assert (problem.code, problem.path) == ("impossible-value", path)
    assert problem.value.lower() == found.lower()


def test_a_value_in_an_unknown_unit_is_kept_as_written() -> None:
    observation = {"concept": "potassium", "value": "4.1 banana", "at": "2026-01-01"}
    patient = read_native({"id": "x", "observations": [observation]})
    assert patient.observations is not None
    assert str(patient.observations[0].value) == "4.1 banana"


@pytest.mark.parametrize(
    ("record", "path", "value"),
    [
        ({"id": "x", "sex": "femal"}, "$.sex", "femal"),
        ({"id": "x", "birth_date": "05/04/1960"}, "$.birth_date", "05/04/1960"),
        ({}, "$.id", ""),
        ({"id": "x", "orders": [{"id": "o1"}]}, "$.orders[0]", ""),
        ({"id": "x", "child_pugh": "D"}, "$.child_pugh", "D"),
    ],
)
def test_place_and_value_of_a_fault(record: dict[str, Any], path: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        read_native(record)
    assert (caught.value.path, caught.value.value) == (path, value)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"5", b"nul", b'{"id": "x"', b'{"id":"x","id":"y"}', b"\xff", b"[" * 9999]
)
def test_what_is_no_record(data: bytes) -> None:
    with pytest.raises(InputError):
        read_native(data)


def test_a_key_that_appears_twice_is_refused_at_any_depth() -> None:
    with pytest.raises(InputError, match="'text' appears twice"):
        read_native(b'{"id": "x", "orders": [{"id": "o1", "text": "baclofen", "text": "warfarin"}]}')


def test_an_unknown_unit_survives_the_round_trip() -> None:
    odd = tuple(
        Observation(text="x", value=Quantity(decimal(value), unit, comparator))
        for value in ("1.50", "-3", "0", "1e-9")
        for unit in ("zorkmids", "", "1", "mg/dL", "{tbl}")
        for comparator in (None, "<")
    )
    patient = Patient(id="x", observations=odd)
    assert read_native(to_native(patient)) == patient
    assert read_native(json.dumps(to_native(patient))) == patient


@pytest.mark.parametrize(
    ("record", "path", "hint"),
    [
        ({"weight": "78"}, "$.weight", "'78 kg'"),
        ({"height": {"value": "172", "at": "2026-01-01"}}, "$.height", "'172 cm'"),
        ({"serum_creatinine": "<0.8"}, "$.serum_creatinine", "mg/dL"),
        ({"egfr": "60"}, "$.egfr", "mL/min/{1.73_m2}"),
        ({"age": "70"}, "$.age", "'70 a'"),
        ({"observations": [{"concept": "weight", "value": "78"}]}, "$.observations[0].value", "'78 kg'"),
    ],
)
def test_a_measurement_without_its_unit_is_refused(record: dict[str, Any], path: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        read_native({"id": "x", **record})
    assert caught.value.path == path
    assert hint in str(caught.value)


def test_a_missing_unit_is_told_with_the_other_faults() -> None:
    with pytest.raises(InputError) as caught:
        read_native({"id": "x", "weight": "78", "sexx": "female"})
    assert "$.weight" in str(caught.value)
    assert "did you mean 'sex'" in str(caught.value)


def test_numbers_that_are_plain_by_nature_are_read() -> None:
    given = {"id": "x", "weight": "78 kg", "observations": [{"concept": "inr", "value": "2.5"}]}
    found = read_native(given)
    assert found.observations is not None
    assert str(found.observations[0].value) == "2.5"


def test_unknown_and_empty_stay_apart() -> None:
    assert to_native(Patient(id="x")) == {"id": "x"}
    assert to_native(Patient(id="x", orders=())) == {"id": "x", "orders": []}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(list(Patient.model_fields)) | st.text(max_size=6)


@given(st.dictionaries(FIELDS, JSON, max_size=5))
def test_any_object_is_a_patient_or_an_input_error(record: dict[str, Any]) -> None:
    try:
        found = read_native(record)
    except InputError as error:
        path = error.path
    else:
        assert read_native(to_native(found)) == found
        return
    assert path.startswith("$")
