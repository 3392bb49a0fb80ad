"""Values that facts are made of: quantities, dates and codes, read strictly.

Each is a small frozen class with an annotated type that pydantic models use, so text such as
`"24 mL/min"` or `"2024-03"` is read once, where the record enters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from caveat.dates import When, when
from caveat.errors import CaveatError, UnitError
from caveat.terminology.codes import Code, normalise_system
from caveat.units import parse_quantity, parse_unit

COMPARATORS = ("<", "<=", ">=", ">")


class Record(BaseModel):
    """Base of every fact: frozen, unknown keys refused, unknown is None and never a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", revalidate_instances="never")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit as it was written, perhaps `<0.3` or a range `10-20`.

    `value` is the number, or the lower end when `upper` is given; `unit` is UCUM or an everyday
    spelling that `caveat.units` reads. The unit is kept as written, known or not: a value in an
    unknown unit is judged UNKNOWN and shown, not refused.
    """

    value: Decimal
    unit: str = "1"
    comparator: str | None = None
    upper: Decimal | None = None

    def __str__(self) -> str:
        number = f"{self.value:f}" if self.upper is None else f"{self.value:f}-{self.upper:f}"
        unit = "" if self.unit in ("1", "") else f" {self.unit}"
        return f"{self.comparator or ''}{number}{unit}"


def quantity(value: object) -> Quantity:
    """A Quantity from text, a mapping with `value` and `unit`, or a Quantity.

    A bare number is refused: a quantity without a unit cannot be judged. Raises ValueError,
    which pydantic turns into an error with the field's path.
    """
    if isinstance(value, Quantity):
        return value
    try:
        if isinstance(value, str):
            return _from_text(value)
        if isinstance(value, dict):
            return _from_mapping(value)
    except CaveatError as problem:
        raise ValueError(str(problem)) from None
    if isinstance(value, (int, float, Decimal)):
        raise ValueError(f"a quantity needs its unit: write {value!s} with one, such as '{value!s} mg'")
    raise ValueError("a quantity is text such as '24 mL/min', or a mapping with value and unit")


_IN_ANOTHER_UNIT = re.compile(r"\s*(<=|>=|<|>)?\s*(-?\d+(?:\.\d+)?)\s+(\D.{0,60})", re.ASCII)


def _from_text(text: str) -> Quantity:
    """As `parse_quantity` reads it; a plain number in a unit that is not known keeps the unit as written."""
    try:
        read = parse_quantity(text)
    except UnitError:
        found = _IN_ANOTHER_UNIT.fullmatch(text.strip())
        if found is None or "-" in found[3] or _names_a_unit(found[3]):
            raise
        return Quantity(decimal(found[2]), found[3].strip(), found[1])
    return Quantity(read.value, read.unit, read.comparator, read.upper)


def _names_a_unit(text: str) -> bool:
    """Whether the unit is understood, so that the quantity is unreadable for another reason."""
    try:
        parse_unit(text.strip())
    except UnitError:
        return False
    return True


def _from_mapping(value: dict[str, Any]) -> Quantity:
    unknown = set(value) - {"value", "unit", "comparator", "upper"}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; a quantity has value, unit, comparator, upper")
    if "unit" not in value or not isinstance(value["unit"], str):
        raise ValueError("a quantity needs its unit: add unit, such as 'mg' ('1' for a plain number)")
    comparator = value.get("comparator")
    if comparator is not None and comparator not in COMPARATORS:
        raise ValueError(f"comparator {comparator!r} is not one of {', '.join(COMPARATORS)}")
    upper = value.get("upper")
    return Quantity(
        decimal(value.get("value")), value["unit"], comparator, None if upper is None else decimal(upper)
    )


IMPOSSIBLE = "impossible_value"
"""Type of the error for a value that cannot be: readers set it aside and judge the rest."""


def impossible(message: str) -> PydanticCustomError:
    """The error for a value that is readable and cannot be true."""
    return PydanticCustomError(IMPOSSIBLE, "{why}", {"why": message})


def decimal(value: object) -> Decimal:
    """An exact decimal from a number or its text; NaN, infinities and booleans are refused."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise ValueError(f"a number is needed, not {type(value).__name__}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!s} is not a finite number")
    if number and not -30 <= number.adjusted() <= 30:
        raise ValueError(f"{str(value)[:40]!r} is too large or too small to be a measurement")
    return number


def _when(value: object) -> When:
    if isinstance(value, (str, date, When)):
        try:
            return when(value)
        except CaveatError as problem:
            raise ValueError(str(problem)) from None
    raise ValueError("a date is text such as '2026-01-15', '2026-01' or '2026'")


def _code(value: object) -> Code:
    if isinstance(value, Code):
        return value
    if isinstance(value, dict):
        unknown = set(value) - {"system", "code", "display"}
        if unknown:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r}; a code has system, code and display")
        system, code, display = value.get("system"), value.get("code"), value.get("display", "")
        if isinstance(system, str) and isinstance(code, str) and code and isinstance(display, str):
            return Code(normalise_system(system), code.strip(), display)
    if isinstance(value, str) and "|" in value:
        system, _, code = value.rpartition("|")
        if system and code:
            return Code(normalise_system(system), code.strip())
    raise ValueError("a code is 'system|code', or a mapping with system and code")


_QUANTITY_SCHEMA = {
    "anyOf": [
        {"type": "string", "examples": ["24 mL/min", "<0.3 mg/dL", "10-20 mg"]},
        {
            "type": "object",
            "properties": {
                "value": {"type": ["number", "string"]},
                "unit": {"type": "string"},
                "comparator": {"enum": list(COMPARATORS)},
                "upper": {"type": ["number", "string"]},
            },
            "required": ["value", "unit"],
            "additionalProperties": False,
        },
    ]
}
_CODE_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^.+\|.+$", "examples": ["icd10cm|G40.909", "rxnorm|1292"]},
        {
            "type": "object",
            "properties": {k: {"type": "string"} for k in ("system", "code", "display")},
            "required": ["system", "code"],
            "additionalProperties": False,
        },
    ]
}

QuantityField = Annotated[
    Quantity, PlainValidator(quantity), PlainSerializer(str), WithJsonSchema(_QUANTITY_SCHEMA)
]
WhenField = Annotated[
    When,
    PlainValidator(_when),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["2026-01-15", "2026-01", "2026-01-15T08:30:00Z"]}),
]
CodeField = Annotated[
    Code,
    PlainValidator(_code),
    PlainSerializer(
        lambda c: {"system": c.system, "code": c.code, **({"display": c.display} if c.display else {})}
    ),
    WithJsonSchema(_CODE_SCHEMA),
]
