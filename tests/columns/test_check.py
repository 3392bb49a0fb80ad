"""Which rows are doubted, and what is done with them."""

from __future__ import annotations

import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caveat.adapters.native import read_native
from caveat.columns.check import checked, suspicious
from caveat.columns.records import record, to_batch
from caveat.columns.rows import Rows
from caveat.columns.schema import patients as schema
from caveat.errors import InputError
from caveat.facts.patient import Patient
from columns.corrupt import row
from strategies.patients import data, patient
from strategies.sources import Seeded

seeds = st.integers(0, 2**32)


def batch_of(*rows: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=schema())


def strict(batch: pa.RecordBatch, place: int) -> Patient | None:
    try:
        return read_native(record(batch, place))
    except InputError:
        return None


@settings(max_examples=200)
@given(st.lists(seeds, min_size=1, max_size=5))
def test_a_row_that_is_not_doubted_is_the_record_as_it_stands(found: list[int]) -> None:
    batch = batch_of(*(row(Seeded(seed))[0] for seed in found))
    for place, doubted in enumerate(suspicious(batch)):
        if not doubted:
            assert strict(batch, place) == Rows(batch.slice(place, 1)).patient(0)


@settings(max_examples=100)
@given(st.lists(seeds, min_size=1, max_size=6))
def test_every_row_is_kept_in_its_place_or_refused(found: list[int]) -> None:
    batch = batch_of(*({**row(Seeded(seed))[0], "id": f"p{i}"} for i, seed in enumerate(found)))
    expected = [strict(batch, place) for place in range(batch.num_rows)]

    def reread(place: int, record: dict[str, Any] | None) -> Patient | str:
        return expected[place] or "no record"

    result = checked(batch, reread)
    kept = [one for one in expected if one is not None]
    assert [Rows(result.batch).patient(place) for place in range(len(kept))] == kept
    assert [place for place, _ in result.refused] == [i for i, one in enumerate(expected) if one is None]
    assert sorted([*result.rows, *(place for place, _ in result.refused)]) == list(range(batch.num_rows))
    assert not suspicious(result.batch).any()


def test_valid_records_are_hardly_ever_doubted() -> None:
    batch = to_batch([patient(data(Seeded(seed), seed)) for seed in range(500)])
    assert not suspicious(batch).any()


BASE: dict[str, Any] = {"id": "p", "orders": [{"id": "o", "text": "baclofen"}]}
MG = {"value": 5.0, "unit": "mg"}
DOUBTED: list[tuple[str, dict[str, Any]]] = [
    ("no id", {"id": None}),
    ("age and birth date", {"age": {"value": 70.0, "unit": "a"}, "birth_date": "1956"}),
    ("age below zero", {"age": {"value": -1.0, "unit": "a"}}),
    ("sex", {"sex": "F"}),
    ("pregnant man", {"sex": "male", "pregnant": True}),
    ("day that does not exist", {"birth_date": "2026-02-30"}),
    ("blanks around a date", {"birth_date": "1956 "}),
    ("no number", {"gestation": {"value": float("nan"), "unit": "wk"}}),
    ("infinite", {"gestation": {"value": float("inf"), "unit": "wk"}}),
    ("no unit", {"gestation": {"value": 12.0}}),
    ("comparator", {"gestation": {"value": 12.0, "unit": "wk", "comparator": "~"}}),
    ("upper end", {"gestation": {"value": 12.0, "unit": "wk", "upper": float("inf")}}),
    ("weight of nothing", {"weight": {"value": {"value": 0.0, "unit": "kg"}}}),
    ("measurement without value", {"weight": {"at": "2026-01-01"}}),
    ("its date", {"weight": {"value": {"value": 70.0, "unit": "kg"}, "at": "monday"}}),
    ("negative clearance", {"creatinine_clearance": {"value": {"value": -1.0, "unit": "mL/min"}}}),
    ("child-pugh", {"child_pugh": "D"}),
    ("null among orders", {"orders": [None]}),
    ("order without id", {"orders": [{"text": "x"}]}),
    ("order without name", {"orders": [{"id": "o", "text": "", "codes": [], "ingredients": []}]}),
    ("two orders, one id", {"orders": [{"id": "o", "text": "x"}, {"id": "o", "text": "y"}]}),
    ("order status", {"orders": [{"id": "o", "text": "x", "status": "Active"}]}),
    ("order origin", {"orders": [{"id": "o", "text": "x", "origin": "guess"}]}),
    ("order purpose", {"orders": [{"id": "o", "text": "x", "purpose": "fun"}]}),
    ("dose of nothing", {"orders": [{"id": "o", "text": "x", "dose": {"value": 0.0, "unit": "mg"}}]}),
    ("stop before start", {"orders": [{"id": "o", "text": "x", "start": "2026-02", "stop": "2026-01-31"}]}),
    ("null ingredient", {"orders": [{"id": "o", "text": "x", "ingredients": [None]}]}),
    ("null code", {"orders": [{"id": "o", "text": "x", "codes": [None]}]}),
    ("code without system", {"orders": [{"id": "o", "codes": [{"code": "1292"}]}]}),
    ("empty code", {"orders": [{"id": "o", "codes": [{"system": "rxnorm", "code": ""}]}]}),
    ("blank in a code", {"orders": [{"id": "o", "codes": [{"system": "rxnorm", "code": "1292 "}]}]}),
    ("long system", {"orders": [{"id": "o", "codes": [{"system": "http://loinc.org", "code": "1"}]}]}),
    ("null indication", {"orders": [{"id": "o", "text": "x", "indication": [None]}]}),
    ("indication's code", {"orders": [{"id": "o", "text": "x", "indication": [{"codes": [None]}]}]}),
    ("condition without name", {"conditions": [{"clinical_status": "active"}]}),
    ("condition status", {"conditions": [{"text": "x", "clinical_status": "current"}]}),
    ("condition verification", {"conditions": [{"text": "x", "verification": "sure"}]}),
    ("onset", {"conditions": [{"text": "x", "onset": "childhood"}]}),
    ("allergy without name", {"allergies": [{"severity": "mild"}]}),
    ("allergy type", {"allergies": [{"text": "x", "type": "dislike"}]}),
    ("allergy criticality", {"allergies": [{"text": "x", "criticality": "medium"}]}),
    ("null reaction", {"allergies": [{"text": "x", "reactions": [None]}]}),
    ("observation without name", {"observations": [{"value": MG}]}),
    ("answer's code", {"observations": [{"text": "x", "answer": {"codes": [{"code": "1"}]}}]}),
    ("observation date", {"observations": [{"text": "x", "at": "1.2.2026"}]}),
    ("care setting", {"context": {"care_setting": "moon"}}),
    ("pump refilled", {"context": {"pump_refilled": "soon"}}),
    ("complete", {"complete": {"orders": "mostly"}}),
    ("note without message", {"notes": [{"code": "x"}]}),
    ("note counted zero", {"notes": [{"code": "x", "message": "y", "count": 0}]}),
    ("null code of a condition", {"conditions": [{"text": "x", "codes": [None]}]}),
    ("null code of an allergy", {"allergies": [{"text": "x", "codes": [None]}]}),
    ("allergy verification", {"allergies": [{"text": "x", "verification": "sure"}]}),
    ("allergy date", {"allergies": [{"text": "x", "recorded": "once"}]}),
    ("null code of an observation", {"observations": [{"text": "x", "codes": [None]}]}),
    ("observation without unit", {"observations": [{"text": "x", "value": {"value": 4.1}}]}),
    ("code without code", {"orders": [{"id": "o", "codes": [{"system": "rxnorm"}]}]}),
    ("start alone", {"orders": [{"id": "o", "text": "x", "start": "soon"}]}),
    ("stop alone", {"orders": [{"id": "o", "text": "x", "stop": "soon"}]}),
    ("note without code", {"notes": [{"message": "y"}]}),
    ("problem without message", {"problems": [{"code": "x"}]}),
    ("problem without code", {"problems": [{"message": "y"}]}),
]


@pytest.mark.parametrize(("what", "change"), DOUBTED, ids=[what for what, _ in DOUBTED])
def test_each_fault_is_seen_alone_and_among_good_rows(what: str, change: dict[str, Any]) -> None:
    bad = batch_of({**BASE, **change})
    read = strict(bad, 0)
    assert read is None or to_batch([read]) != bad
    assert suspicious(bad).tolist() == [True]
    among = batch_of(BASE, {**BASE, **change}, BASE, {"id": "q", "orders": []}, {"id": "r"})
    assert suspicious(among).tolist() == [False, True, False, False, False]
    assert suspicious(among.slice(1, 2)).tolist() == [True, False]


KEPT: list[dict[str, Any]] = [
    {"orders": [{"id": "o", "text": "x", "dose": {"value": 5.0, "unit": "banana"}}]},
    {"orders": [{"id": "o", "text": "x", "dose": {"value": 0.0, "unit": "mg", "upper": 5.0}}]},
    {"orders": [{"id": "o", "text": "x", "start": "2026-02-28", "stop": "2026-02"}]},
    {"creatinine_clearance": {"value": {"value": 0.0, "unit": "mL/min"}}},
    {"sex": "female", "pregnant": True},
    {"pregnant": True},
    {"birth_date": "2026-01-01T10:00:00+05:30"},
    {"observations": [{"concept": "x", "value": {"value": -3.0, "unit": "mmol/L"}}]},
]


@pytest.mark.parametrize("change", KEPT)
def test_odd_but_valid_rows_are_not_doubted(change: dict[str, Any]) -> None:
    assert suspicious(batch_of({**BASE, **change})).tolist() == [False]


def test_values_hidden_below_a_null_are_not_looked_at() -> None:
    order = schema().field("orders").type
    values = pa.array([{"id": None, "text": None}], order.value_type)
    hidden = pa.ListArray.from_arrays(pa.array([0, 1]), values, type=order, mask=pa.array([True]))
    columns = [pa.array(["p"]) if f.name == "id" else pa.nulls(1, f.type) for f in schema()]
    columns[schema().get_field_index("orders")] = hidden
    batch = pa.RecordBatch.from_arrays(columns, schema=schema())
    assert suspicious(batch).tolist() == [False]
    assert Rows(batch).patient(0).orders is None


def test_text_that_is_not_utf8_is_set_aside_alone() -> None:
    good = to_batch([Patient(id="a"), Patient(id="b"), Patient(id="c")])
    broken = pa.array([b"x", b"\xff\xfe", None], pa.binary()).view(pa.string())
    place = good.schema.get_field_index("source")
    batch = pa.RecordBatch.from_arrays(
        [broken if i == place else column for i, column in enumerate(good.columns)], schema=schema()
    )
    found = checked(batch, lambda row, record: "not UTF-8" if record is None else "other")
    assert found.refused == ((1, "not UTF-8"),)
    assert found.batch.column("id").to_pylist() == ["a", "c"]


def test_a_clean_batch_is_given_back_as_it_is() -> None:
    batch = to_batch([Patient(id="a")])
    assert checked(batch, lambda row, record: "x").batch is batch


def test_all_rows_refused_leave_an_empty_batch() -> None:
    found = checked(batch_of({"id": "a", "sex": "F"}, {"id": "b", "sex": "F"}), lambda row, record: row)
    assert found.batch.num_rows == 0
    assert found.batch.schema == schema()
    assert found.refused == ((0, 0), (1, 1))


def test_many_rows_with_faults_strewn_among_them() -> None:
    draw = random.Random(5)
    rows = [{**BASE, "id": f"p{i}"} for i in range(2000)]
    bad = sorted(draw.sample(range(2000), 40))
    for place in bad:
        rows[place] |= draw.choice(DOUBTED)[1]
    assert [i for i, one in enumerate(suspicious(batch_of(*rows))) if one] == bad
