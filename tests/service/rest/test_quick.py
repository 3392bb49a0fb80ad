"""The fast reader of native records gives what the strict one gives, or leaves the record to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.native import read_native, to_native
from caveat.errors import InputError
from caveat.facts.patient import Patient
from caveat.service.rest.quick import read_quick
from strategies.patients import data
from strategies.sources import Drawn, Seeded

PLAIN: dict[str, Any] = {
    "id": "p1",
    "birth_date": "1955-03-04",
    "sex": "female",
    "weight": {"value": "70 kg", "at": "2026-01-01"},
    "orders": [
        {
            "id": "o1",
            "text": "Baclofen 10 mg tablet",
            "codes": [
                "rxnorm|1292",
                {"system": "http://www.whocc.no/atc", "code": "M03BX01", "display": "x"},
            ],
            "dose": "10 mg",
            "frequency": {"value": 3, "unit": "/d"},
            "start": "2025-12",
            "status": "active",
            "indication": ["Spasticity", {"codes": ["icd10cm|G35"]}],
        }
    ],
    "conditions": [{"codes": ["icd10cm|N18.4"], "onset": "2020"}],
    "allergies": [{"text": "codeine", "reactions": ["rash"], "severity": "mild"}],
    "observations": [
        {"codes": ["loinc|2160-0"], "value": "1.1 mg/dL", "at": "2026-01-02T08:00:00Z"},
        {"concept": "potassium", "value": {"value": "4.10", "unit": "mmol/L", "comparator": "<"}},
    ],
    "complete": {"orders": "closed"},
    "context": {"care_setting": "home"},
}


def strictly(raw: bytes) -> Patient | str:
    """What the strict reader gives, a fault as its text."""
    try:
        return read_native(raw)
    except InputError as error:
        return str(error)


def agree(raw: bytes) -> bool:
    """Whether the fast reader read it; it must then agree in every field, and in what they are written as."""
    found = read_quick(raw)
    if found is None:
        return False
    other = strictly(raw)
    assert isinstance(other, Patient), other
    assert found == other
    assert to_native(found) == to_native(other)
    assert found.model_dump() == other.model_dump()
    assert found.model_fields_set == other.model_fields_set
    return True


def test_a_plain_record_is_read_fast() -> None:
    assert agree(json.dumps(PLAIN).encode())
    assert agree(json.dumps(PLAIN, ensure_ascii=False, indent=2).encode())


@given(st.data())
def test_generated_records_read_the_same(source: st.DataObject) -> None:
    agree(json.dumps(data(Drawn(source.draw))).encode())


def test_most_generated_records_are_read_fast() -> None:
    read = [agree(json.dumps(data(Seeded(seed))).encode()) for seed in range(300)]
    assert sum(read) > 200


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        [
            "",
            "5",
            "5 mg",
            "<5 mg",
            "10-20 mg",
            "-5 mg",
            "0 kg",
            "banana",
            "2026",
            "2026-13",
            "male",
            "true",
            "a|b",
        ]
    )
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["value", "unit", "at", "source", "codes", "text", "x"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)


@given(st.data())
def test_a_record_with_anything_anywhere_reads_the_same(source: st.DataObject) -> None:
    record = json.loads(json.dumps(PLAIN))
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:
        for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
            places.append((part, key))
            walk(part[key])

    walk(record)
    names = sorted({*Patient.model_fields, "text", "dose", "stop", "answer", "preliminary", "nonsense"})
    for _ in range(source.draw(st.integers(1, 3))):
        holder, key = source.draw(st.sampled_from(places))
        if isinstance(holder, dict) and source.draw(st.booleans()):
            key = source.draw(st.sampled_from(names))
        holder[key] = source.draw(VALUES)
    agree(json.dumps(record).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id": "a", "id": "b"}',
        b'{"id": "a", "orders": [{"id": "o", "text": "x", "text": "y:"}]}',
        b'{"id": "a:\\u003ab", "id": "c"}',
        b'{"id": "a", "weight": {"value": 123456789012345678901234567890, "unit": "kg"}}',
        b'{"id": "a", "weight": {"value": {"value": 1, "unit": "kg", "upper": 1234567890123456789}}}',
        b'{"id": "a", "age": "70"}',
        b'{"id": "a", "observations": [{"concept": "weight", "value": "70"}]}',
        b'{"id": "a", "age": "70 a", "birth_date": "1955"}',
        b'{"id": "a", "sex": "male", "pregnant": true}',
        b'{"id": "a", "orders": [{"id": "o", "text": "x"}, {"id": "o", "text": "y"}]}',
        b'{"id": "a", "orders": [{"text": "x"}]}',
        b'{"id": "a", "orders": [{"id": "o"}]}',
        b'{"id": "a", "orders": [{"id": "o", "text": "x", "dose": "0 mg"}]}',
        b'{"id": "a", "orders": [{"id": "o", "text": "x", "start": "2026-01-02", "stop": "2025"}]}',
        b'{"id": "a", "notes": null}',
        b'{"id": "a", "context": null}',
        b'{"id": "a", "orders": [{"id": "o", "text": "x", "as_needed": "yes"}]}',
        b'{"resourceType": "Bundle"}',
        b"[]",
        b"{",
        b"",
        b'{"id": "\\ud800"}',
        b"[" * 5000,
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_strict_reader(raw: bytes) -> None:
    assert read_quick(raw) is None
