"""Rows of the published schema with something wrong in them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from caveat.columns.records import to_batch
from caveat.columns.schema import measurement, quantity
from caveat.columns.schema import patients as schema
from strategies.patients import data, patient
from strategies.sources import Source

TEXTS = (
    None, "", " ", "x", "active", "male", "other", "closed", "<", "~", "2026-01-02", "2026-13-01", "1999",
    " 2026-01-02", "2026-01-02 ", "2026-1-2", "1700-01-01", "2026-01-02T10:00:00", "o0", "loinc",
    "http://loinc.org", " loinc", "a|b", "\x1c", "C", "unknown",
)  # fmt: skip
NUMBERS = (
    None,
    float("nan"),
    float("inf"),
    -float("inf"),
    0.0,
    -0.0,
    -1.0,
    5.0,
    1e31,
    9e30,
    1e-31,
    1e300,
    5e-324,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place of a plain row, also those that hold nothing."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [p for name, one in value.items() for p in places(one, (*path, name))]
    elif isinstance(value, list):
        found += [p for i, one in enumerate(value) for p in places(one, (*path, i))]
    return found


def _put(row: Any, path: tuple[Any, ...], value: Any) -> None:
    for step in path[:-1]:
        row = row[step]
    row[path[-1]] = value


def _get(row: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        row = row[step]
    return row


def row(source: Source) -> tuple[dict[str, Any], int]:
    """A plain row and how many of its values were changed."""
    found = to_batch([patient(data(source))]).to_pylist()[0]
    times = source.number(0, 3)
    for _ in range(times):
        path = source.pick(places(found))
        old = _get(found, path)
        if isinstance(old, dict):
            new: Any = source.pick((None, dict.fromkeys(old)))
        elif isinstance(old, list):
            new = source.pick((None, [], [None], [*old, *old[:1]], [*old, None]))
        elif isinstance(old, bool):
            new = source.pick((None, True, False))
        elif isinstance(old, float):
            new = source.pick(NUMBERS)
        elif isinstance(old, int):
            new = source.pick((None, 0, -1, 1))
        else:
            new = source.pick(_of_its_type(path))
        _put(found, path, new)
    return found, times


_QUANTITY = (
    {"value": 5.0, "unit": "mg"},
    {"value": -5.0, "unit": "a"},
    {"value": None, "unit": "mg"},
    {"value": 1.0},
)


def _of_its_type(path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values to put where there is none, or text: each of the type that the schema has there."""
    kind: Any = pa.struct(list(schema()))
    for step in path:
        kind = kind.value_type if isinstance(step, int) else kind.field(step).type
    name = path[-1]
    if pa.types.is_boolean(kind):
        return (None, True, False)
    if pa.types.is_floating(kind):
        return NUMBERS
    if pa.types.is_integer(kind):
        return (None, 0, 1)
    if pa.types.is_string(kind):
        return TEXTS
    if kind == quantity():
        return (None, *_QUANTITY)
    if kind == measurement():
        values = [{"value": one} for one in _QUANTITY]
        return (None, *values, {"at": "2026"}, {"value": _QUANTITY[0], "at": "x"})
    if name == "codes":
        uri = {"system": "http://loinc.org", "code": "1"}
        return ([], [None], [uri], [{"system": "loinc"}], [{"system": "x", "code": ""}])
    if name == "ingredients":
        return ([], [None], ["x"], ["x", None])
    if name in ("indication", "reactions"):
        return ([], [None], [{}], [{"text": "x"}, None], [{"codes": [{"system": "x", "code": " y"}]}])
    if name == "notes":
        return ([{"code": "a", "message": "b", "count": 0}], [{"code": "a"}], [None])
    if name == "problems":
        return ([{"code": "a", "message": "b"}], [{"code": "a"}], [None])
    if pa.types.is_list(kind):
        return ([], [None], [{}], [{"id": "o0", "text": "x"}, {"id": "o0", "text": "y"}], [{"text": ""}])
    if name == "answer":
        return ({}, {"text": "x"}, {"codes": [{"system": "sct", "code": "1"}]})
    if name == "context":
        return ({}, {"care_setting": "moon"}, {"pump_refilled": "soon"})
    return (None, {}, {"orders": "half"})
