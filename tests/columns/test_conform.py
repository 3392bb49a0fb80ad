"""What analysts have, brought to the schema; and what is said when it cannot be."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.columns.check import suspicious
from caveat.columns.conform import conform
from caveat.columns.records import to_batch
from caveat.columns.rows import Rows
from caveat.columns.schema import patients as schema
from caveat.errors import InputError
from strategies.patients import datas, patient

DAY = dt.date(2026, 1, 5)


def one(**columns: Any) -> dict[str, Any]:
    """The first row of a table of these columns, conformed."""
    arrays = {name: v if isinstance(v, (pa.Array, pa.ChunkedArray)) else [v] for name, v in columns.items()}
    table = conform(pa.table({"id": ["p"], **arrays}))
    assert table.schema.equals(schema(), check_metadata=True)
    table.validate(full=True)
    row: dict[str, Any] = table.to_pylist()[0]
    return row


@given(st.lists(datas().map(patient), max_size=3))
def test_a_batch_in_the_schema_stays_as_it_is(found: list[Any]) -> None:
    batch = to_batch(found)
    assert conform(batch).equals(batch)
    assert conform(pa.Table.from_batches([batch])).equals(pa.Table.from_batches([batch]))


@given(st.lists(datas().map(patient), min_size=1, max_size=3), st.randoms())
def test_columns_and_fields_in_another_order(found: list[Any], draw: Any) -> None:
    batch = to_batch(found)
    assert conform(shuffled(batch, draw)).equals(batch)


def shuffled(batch: pa.RecordBatch, draw: Any) -> pa.RecordBatch:
    def kind(of: Any) -> Any:
        if pa.types.is_list(of):
            return pa.large_list(kind(of.value_type))
        if pa.types.is_struct(of):
            fields = [(field.name, kind(field.type)) for field in of]
            draw.shuffle(fields)
            return pa.struct(fields)
        return pa.large_string() if pa.types.is_string(of) else of

    names = list(batch.schema.names)
    draw.shuffle(names)
    wanted = pa.schema([(name, kind(batch.schema.field(name).type)) for name in names])
    return pa.RecordBatch.from_pylist(batch.to_pylist(), schema=wanted)


def test_what_is_missing_is_unknown() -> None:
    row = one()
    assert row["orders"] is None
    assert all(value is None for name, value in row.items() if name != "id")
    assert Rows(conform(pa.RecordBatch.from_pylist([{"id": "p"}]))).patient(0).orders is None


TEXTS = [
    pa.array(["male"], pa.large_string()),
    pa.array(["male"], pa.string_view()),
    pa.array(["male"]).dictionary_encode(),
    pa.array(["male"], pa.large_string()).dictionary_encode(),
    pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(["male"])),
    pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["male"])),
]


@pytest.mark.parametrize("text", TEXTS, ids=[str(text.type) for text in TEXTS])
def test_text_of_any_type(text: pa.Array) -> None:
    assert one(sex=text)["sex"] == "male"


def moment(text: str, unit: str, zone: str | None = None) -> pa.Array:
    """One timestamp as the clock on the wall showed it."""
    naive = pa.array([text]).cast(pa.timestamp(unit))
    return naive if zone is None else pc.assume_timezone(naive, zone)


DATES = [
    (pa.array([DAY]), "2026-01-05"),
    (pa.array([DAY], pa.date64()), "2026-01-05"),
    (moment("2026-01-05", "ns"), "2026-01-05"),
    (moment("2026-01-05", "s"), "2026-01-05"),
    (moment("2026-01-05T23:30:01.999999", "us"), "2026-01-05T23:30:01"),
    (moment("1899-12-31T23:59:59.999999", "us"), "1899-12-31T23:59:59"),
    (moment("2026-01-05T23:30:00", "ms", "UTC"), "2026-01-05T23:30:00+00:00"),
    (moment("2026-01-05T23:30:00", "us", "America/New_York"), "2026-01-05T23:30:00-05:00"),
    (moment("2026-07-05T00:30:00", "ns", "Asia/Kolkata"), "2026-07-05T00:30:00+05:30"),
    (pa.array(["2026-01"]), "2026-01"),
    (pa.array([None], pa.null()), None),
]


@pytest.mark.parametrize(("found", "text"), DATES, ids=[f"{a.type} {t}" for a, t in DATES])
def test_dates_keep_the_day_as_written(found: pa.Array, text: str | None) -> None:
    assert one(birth_date=found)["birth_date"] == text
    batch = conform(pa.RecordBatch.from_arrays([pa.array(["p"]), found], ["id", "birth_date"]))
    born = Rows(batch).patient(0).birth_date
    assert (born is None) == (text is None)
    assert born is None or (born.is_exact or text == "2026-01")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_a_moment_beyond_the_calendar_sets_its_row_aside_alone(unit: str, zone: str | None) -> None:
    ends = [2**63 - 1, -(2**63), 0, None]
    found = conform(pa.table({"id": list("abcd"), "birth_date": pa.array(ends, pa.timestamp(unit, zone))}))
    texts = found.column("birth_date").to_pylist()
    assert suspicious(found.to_batches()[0]).tolist() == [True, True, False, False]
    assert texts[2].startswith("1970-01-01")
    assert texts[3] is None


def test_a_day_beyond_the_calendar_sets_its_row_aside_alone() -> None:
    for kind, ends in ((pa.date64(), [2**63 - 1, -(2**63), 0]), (pa.date32(), [2**31 - 1, -(2**31), 0])):
        storage = pa.int64() if kind == pa.date64() else pa.int32()
        days = pa.array(ends, storage).view(kind)
        found = conform(pa.RecordBatch.from_arrays([pa.array(list("abc")), days], ["id", "birth_date"]))
        assert suspicious(found).tolist() == [True, True, False]


def test_a_moment_is_never_taken_for_one_of_another_year() -> None:
    """Years past 9999 do not come round again as years of the calendar."""
    years = [y * 31_556_952 for y in (65_500, 67_400, 132_900, -63_600, 8_100)]
    found = conform(pa.table({"id": list("abcde"), "birth_date": pa.array(years, pa.timestamp("s"))}))
    assert suspicious(found.to_batches()[0]).tolist() == [True] * 5


NUMBERS = [
    pa.array([24], pa.int8()), pa.array([24], pa.uint64()), pa.array([24], pa.int64()), pa.array([24.0]),
    pa.array([24.0], pa.float32()), pa.array([Decimal("24")], pa.decimal128(5, 0)),
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=[str(number.type) for number in NUMBERS])
def test_numbers_of_any_type(number: pa.Array) -> None:
    age = pa.StructArray.from_arrays([number, pa.array(["a"])], ["value", "unit"])
    assert one(age=age)["age"] == {"value": 24.0, "unit": "a", "comparator": None, "upper": None}


@pytest.mark.parametrize(
    "number",
    [
        pa.array([24.3], pa.float32()),
        pa.array([Decimal("24.3")], pa.decimal128(10, 1)),
        pa.array([Decimal("24.300")], pa.decimal256(40, 3)),
    ],
)
def test_a_decimal_part_is_the_one_that_was_written(number: pa.Array) -> None:
    age = pa.StructArray.from_arrays([number, pa.array(["a"])], ["value", "unit"])
    batch = conform(pa.RecordBatch.from_arrays([pa.array(["p"]), age], ["id", "age"]))
    found = Rows(batch).patient(0).age
    assert found is not None
    assert found.value == Decimal("24.3")


def test_lists_of_any_type() -> None:
    item = {"text": "x", "ingredients": ["a"]}
    plain = one(orders=[item])["orders"]
    inner = pa.struct([("ingredients", pa.list_view(pa.string_view())), ("text", pa.string())])
    for kind in (pa.large_list(inner), pa.list_view(inner), pa.large_list_view(inner), pa.list_(inner, 1)):
        assert one(orders=pa.array([[item]], kind))["orders"] == plain


def test_rows_of_a_slice_and_what_lies_below_nulls() -> None:
    table = pa.table(
        {"id": ["a", "b", "c"], "orders": [[{"text": "x"}], None, [{"text": "y"}, {"text": "z"}]]}
    )
    found = conform(table.slice(1)).to_pylist()
    assert [row["id"] for row in found] == ["b", "c"]
    assert found[0]["orders"] is None
    assert [(o["id"], o["text"]) for o in found[1]["orders"]] == [("order-1", "y"), ("order-2", "z")]


def test_order_ids_are_made_only_where_the_table_has_none() -> None:
    orders = one(orders=[{"id": None, "text": "x"}, {"id": "o", "text": "y"}])["orders"]
    assert [order["id"] for order in orders] == [None, "o"]
    assert [order["id"] for order in one(orders=[{"id": 12, "text": "x"}])["orders"]] == ["12"]


def test_values_of_which_nothing_is_given_are_unknown() -> None:
    row = one(
        age={"value": None, "unit": "a"},
        weight={"value": {"value": None, "unit": "kg"}, "at": "2026-01-05"},
        observations=[
            {"text": "x", "value": {"value": None, "unit": None}, "answer": {"text": None}},
            {"text": "y", "value": {"value": 1, "unit": None}, "answer": {"text": "yes"}},
        ],
    )
    assert (row["age"], row["weight"]) == (None, None)
    assert [(o["value"] is None, o["answer"] is None) for o in row["observations"]] == [
        (True, True),
        (False, False),
    ]


def test_sex_that_is_neither_is_unknown_and_systems_have_short_names() -> None:
    sexes = pa.array(["other", "unknown", "", "female", "F", None])
    found = conform(pa.table({"id": list("abcdef"), "sex": sexes})).column("sex").to_pylist()
    assert found == [None, None, None, "female", "F", None]
    codes = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "G35"}, {"system": "local", "code": "1"}]
    assert [c["system"] for c in one(conditions=[{"codes": codes}])["conditions"][0]["codes"]] == [
        "icd10cm",
        "local",
    ]


def test_names_that_begin_with_x_are_left_out_at_any_depth() -> None:
    row = one(x_more=pa.array([b"1"]), orders=[{"text": "x", "x_note": 1.5}])
    assert "x_more" not in row
    assert "x_note" not in row["orders"][0]


def refused(columns: dict[str, Any]) -> str:
    with pytest.raises(InputError) as found:
        conform(pa.table({name: [value] for name, value in columns.items()}), source="a.parquet")
    return str(found.value)


MISFITS: list[dict[str, Any]] = [
    {"age": 70},
    {"weight": 70.5},
    {"orders": [{"text": "x", "dose": "10 mg"}]},
    {"age": {"value": 70}},
    {"age": {"value": "70", "unit": "a"}},
    {"pregnant": 1},
    {"pregnant": "yes"},
    {"birth_date": 19560102},
    {"sex": 1},
    {"sex": b"male"},
    {"source": DAY},
    {"orders": "baclofen"},
    {"orders": {"text": "x"}},
    {"orders": ["x"]},
    {"conditions": [{"codes": [{"system": "ndc", "code": 93}]}]},
    {"medications": [{"text": "x"}]},
    {"Weight": 1},
    {"__index_level_0__": 1},
    {"context": {"moon": 1}},
    {"notes": [{"code": "x", "message": "y", "count": 1.5}]},
]
SAID = Path(__file__).with_name("misfits.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize(("columns", "said"), list(zip(MISFITS, SAID, strict=True)))
def test_a_misfit_says_where_what_and_how_to_mend_it(columns: dict[str, Any], said: str) -> None:
    assert refused({"id": "p", **columns}) == f"a.parquet @ {said}"


def test_all_misfits_are_said_at_once() -> None:
    said = refused({"patient_id": 1, "age": 70, "orders": [{"name": "x", "prn": 1}]}).splitlines()
    assert said[0] == "a.parquet @ $.id: there is no id column. Give each patient an id"
    assert [line.partition(". ")[0] for line in said[1:]] == [
        "  also: $.patient_id: not a column of the schema",
        "  also: $.age: int64 where a quantity (struct of value and unit) is wanted",
        "  also: $.orders[].name: not a column of the schema",
        "  also: $.orders[].prn: not a column of the schema",
    ]


def test_a_column_that_stands_twice() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(["a"]), pa.array(["b"])], ["id", "id"])
    with pytest.raises(InputError, match=r"\$\.id: stands twice\. Keep one of the two"):
        conform(batch)


def test_another_version_of_the_schema() -> None:
    table = pa.table({"id": ["a"]}).replace_schema_metadata({"caveat.patients": "2"})
    with pytest.raises(InputError, match="version 2 of the schema; this release reads version 1"):
        conform(table)


def test_what_is_no_table_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(TypeError, match="not list"):
        conform([{"id": "a"}])
