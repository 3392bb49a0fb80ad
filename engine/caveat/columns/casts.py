"""Single values of other types as the schema has them: text, dates, numbers, yes and no."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from caveat.columns.build import DATES

_FIRST_SECOND: Final = -62_135_596_800
_LAST_SECOND: Final = 253_402_300_799
_EXAMPLES: Final = {
    "age": "{value: 70, unit: 'a'}",
    "gestation": "{value: 20, unit: 'wk'}",
    "frequency": "{value: 3, unit: '/d'}",
    "weight": "{value: {value: 70, unit: 'kg'}, at: '2026-01-15'}",
    "height": "{value: {value: 170, unit: 'cm'}, at: '2026-01-15'}",
    "serum_creatinine": "{value: {value: 0.9, unit: 'mg/dL'}, at: '2026-01-15'}",
    "creatinine_clearance": "{value: {value: 60, unit: 'mL/min'}, at: '2026-01-15'}",
    "egfr": "{value: {value: 60, unit: 'mL/min/{1.73_m2}'}, at: '2026-01-15'}",
}


class CannotCast(Exception):
    """There is no cast without guessing; the text says how to mend the column."""


def leaf(found: Any, wanted: Any, name: str) -> Callable[[Any], Any]:
    """The cast of a field from the type found to the one wanted. Raises CannotCast with a hint."""
    import pyarrow as pa

    t = pa.types
    if found == wanted:
        return lambda array: array
    if t.is_string(wanted):
        return _text(found, name)
    if t.is_floating(wanted):
        return _number(found)
    if t.is_boolean(wanted):
        raise CannotCast(
            "Write true, false or null: value = 1 makes a flag of a number"
            if t.is_integer(found) or t.is_floating(found)
            else "Write true, false or null"
        )
    if t.is_integer(wanted):
        if t.is_integer(found):
            return lambda array: array.cast(wanted)
        raise CannotCast("Write a whole number")
    if t.is_list(wanted):
        if _is_text(found):
            raise CannotCast("Write a list, not its text: JSON and joined text are not taken apart")
        raise CannotCast("Write a list, with one entry where there is one")
    if _is_quantity(wanted):
        example = _EXAMPLES.get(name, "{value: 10, unit: 'mg'}")
        raise CannotCast(f"A quantity needs its unit: write a struct, such as {example}")
    raise CannotCast(f"Write a struct with {', '.join(field.name for field in wanted)}")


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    t = pa.types
    return bool(t.is_string(kind) or t.is_large_string(kind) or t.is_string_view(kind))


def _is_quantity(wanted: Any) -> bool:
    names = [field.name for field in wanted]
    return "unit" in names or names[:2] == ["value", "at"]


def _text(found: Any, name: str) -> Callable[[Any], Any]:
    import pyarrow as pa

    t = pa.types
    if _is_text(found):
        return lambda array: array.cast(pa.string())
    if name in DATES:
        if t.is_date32(found):
            return lambda array: array.cast(pa.string())
        if t.is_date64(found):
            return _days
        if t.is_timestamp(found):
            return _instants
        raise CannotCast("Write a date, a timestamp, or text such as 2026-01-15, 2026-01 or 2026")
    if name == "id" and t.is_integer(found):
        return lambda array: array.cast(pa.string())
    if name == "code" and (t.is_integer(found) or t.is_floating(found)):
        raise CannotCast("Write codes as text: a number has lost its leading zeros")
    if t.is_binary(found) or t.is_large_binary(found) or t.is_binary_view(found):
        raise CannotCast("Write text: mark the column as UTF-8 (logical type STRING)")
    raise CannotCast("Write text")


def _days(array: Any) -> Any:
    """ISO text of dates in milliseconds; one beyond the calendar is text that no reader takes for a date."""
    import numpy as np
    import pyarrow as pa

    limits = np.iinfo(np.int32)
    days = np.clip(_floored(array, 86_400_000), limits.min, limits.max).astype(np.int32)
    return pa.array(days, pa.date32(), mask=_nulls(array)).cast(pa.string())


def _instants(array: Any) -> Any:
    """ISO text of timestamps: the day and the time as the clock on the wall showed them.

    With a zone the offset is written; without one there is none, and midnight is the day alone.
    What lies outside the years 1 to 9999, such as the infinity of a database, is text that no reader
    takes for a date.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    seconds = _floored(array, {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[array.type.unit])
    outside = (seconds < _FIRST_SECOND) | (seconds > _LAST_SECOND)
    if array.type.unit == "ns":  # whose ends lie within the calendar, and stand for no moment all the same
        outside |= np.isin(_floored(array, 1), (np.iinfo(np.int64).min, np.iinfo(np.int64).max))
    plain = pa.array(np.where(outside, 0, seconds), pa.int64(), mask=_nulls(array))
    moments = plain.cast(pa.timestamp("s", array.type.tz))
    if array.type.tz is None:
        text = pc.strftime(moments, format="%Y-%m-%dT%H:%M:%S")
        text = pc.replace_substring_regex(text, pattern="T00:00:00$", replacement="")
    else:
        text = pc.strftime(moments, format="%Y-%m-%dT%H:%M:%S%z")
        text = pc.replace_substring_regex(text, pattern=r"([+-]\d\d)(\d\d)$", replacement=r"\1:\2")
    if not outside.any():
        return text
    return pc.if_else(
        pc.and_(pa.array(outside), text.is_valid()), f"beyond the calendar ({array.type})", text
    )


def _floored(array: Any, step: int) -> Any:
    """Whole steps before each moment; 0 where there is none."""
    import pyarrow as pa

    return array.cast(pa.int64()).fill_null(0).to_numpy() // step


def _nulls(array: Any) -> Any:
    return array.is_null().to_numpy(zero_copy_only=False)


def _number(found: Any) -> Callable[[Any], Any]:
    """Through text where binary rounding would show: 24.3 as float32 or decimal stays 24.3."""
    import pyarrow as pa

    t = pa.types
    if t.is_integer(found):
        return lambda array: array.cast(pa.float64(), safe=False)
    if t.is_decimal(found):
        return lambda array: array.cast(pa.string()).cast(pa.float64())
    if t.is_floating(found):
        return lambda array: array.cast(pa.float32()).cast(pa.string()).cast(pa.float64())
    if _is_text(found):
        raise CannotCast("Write a number; what stands before it, such as <, goes into comparator")
    raise CannotCast("Write a number")
