"""Columns of any type at all: brought to the schema, or refused with a reason."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from caveat.columns.check import checked
from caveat.columns.conform import conform
from caveat.columns.schema import patients as schema
from caveat.errors import InputError

DAY, MOMENT = dt.date(2026, 1, 5), dt.datetime(2026, 1, 5, 8, 30, tzinfo=dt.UTC)
VALUES: tuple[Any, ...] = (
    *(None, "x", "2026-01-05", "", 0, 7, -1, 2**62, 1.5, float("nan"), float("inf"), True, b"x", b"\xff"),
    *(DAY, MOMENT, Decimal("1.50"), dt.timedelta(days=1), dt.time(8), [], {}),
)
NAMES = (
    "id x_a zz value unit at text codes system code dose orders conditions observations weight age sex "
    "birth_date complete context notes answer ingredients pregnant start"
).split()

leaves = st.sampled_from(VALUES)
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=4), st.lists(inner, max_size=3)
    ),
    max_leaves=8,
)
KNOWN = tuple(schema().names)


def array(values: list[Any]) -> pa.Array | None:
    """The column that these values make, where they can stand in one."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return None


def attempt(batch: pa.RecordBatch) -> tuple[pa.RecordBatch | None, InputError | None]:
    try:
        return conform(batch), None
    except InputError as problem:
        return None, problem


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from((*KNOWN, "x_a", "zz")), nested, min_size=1, max_size=4),
    st.sampled_from(("plain", "dictionary", "null first")),
)
def test_any_column_is_taken_or_refused_with_a_reason(columns: dict[str, Any], how: str) -> None:
    made: dict[str, pa.Array] = {"id": pa.array(["p", "q"])}
    for name, value in columns.items():
        found = array([None, value] if how == "null first" else [value, value])
        if found is None:
            continue
        if how == "dictionary" and not pa.types.is_nested(found.type):
            found = found.dictionary_encode()
        made[name] = found
    batch = pa.RecordBatch.from_arrays(list(made.values()), list(made))
    brought, problem = attempt(batch)
    if brought is None:
        assert problem is not None
        assert problem.path.startswith("$")
        assert problem.message
        return
    assert brought.schema.equals(schema())
    assert brought.num_rows == 2
    seen = checked(brought, lambda row, record: "set aside")
    assert seen.batch.num_rows + len(seen.refused) == 2
