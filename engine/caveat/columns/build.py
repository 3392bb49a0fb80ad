"""Columns from records, one leaf of the schema at a time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final

from caveat.columns import schema

if TYPE_CHECKING:
    import pyarrow as pa

DATES: Final = frozenset(
    ("birth_date", "at", "start", "stop", "onset", "abatement", "recorded", "pump_refilled")
)
"""Names of the text fields that hold a date, wherever they stand."""


def column(values: Sequence[Any], wanted: pa.DataType, name: str) -> pa.Array:
    """The array of a field's values: None, plain values, facts or tuples of facts, as a record holds them."""
    import pyarrow as pa

    if not len(values) or _blank(values):
        return pa.nulls(len(values), wanted)
    if pa.types.is_list(wanted):
        return _lists(values, wanted, name)
    if pa.types.is_struct(wanted):
        return _structs(values, wanted)
    if name in DATES:
        return pa.array([None if value is None else value.text for value in values], wanted)
    return pa.array(values, wanted)


def _blank(values: Sequence[Any]) -> bool:
    return not any(values) and values.count(None) == len(values)


def _lists(values: Sequence[Any], wanted: pa.DataType, name: str) -> pa.Array:
    import pyarrow as pa

    offsets = [0, *accumulate([len(value) if value else 0 for value in values])]
    items = list(chain.from_iterable([value for value in values if value]))
    absent = [value is None for value in values]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        column(items, wanted.value_type, name),
        type=wanted,
        mask=pa.array(absent) if True in absent else None,
    )


def _structs(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    import pyarrow as pa

    present = [value for value in values if value is not None]
    # A list a field, never a tuple a record: a million short-lived tuples wake the garbage collector.
    if wanted == schema.quantity():
        columns: list[Sequence[Any]] = [
            [float(one.value) for one in present],
            [one.unit for one in present],
            [one.comparator for one in present],
            [None if one.upper is None else float(one.upper) for one in present],
        ]
    elif wanted == schema.code():
        columns = [
            [one.system for one in present],
            [one.code for one in present],
            [one.display or None for one in present],
        ]
    else:
        held = [one.__dict__ for one in present]
        columns = [[one[field.name] for one in held] for field in wanted]
    absent = None
    if len(present) != len(values):
        missing = [value is None for value in values]
        columns = [_spread(one, missing) for one in columns]
        absent = pa.array(missing)
    children = [column(one, field.type, field.name) for one, field in zip(columns, wanted, strict=True)]
    return pa.StructArray.from_arrays(children, fields=list(wanted), mask=absent)


def _spread(values: Sequence[Any], missing: Sequence[bool]) -> list[Any]:
    """The values with None put back where a record has none."""
    each = iter(values)
    return [None if gone else next(each) for gone in missing]
