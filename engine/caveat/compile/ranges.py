"""Ranges as written to intervals in base units, with the unit checked."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from caveat.errors import UnitError
from caveat.intervals import Interval
from caveat.rules.expression import Bound, Range
from caveat.units import Unit, convert, parse_quantity, parse_unit, to_base

_WORDS = {
    "below": "below",
    "at_most": "at most",
    "above": "above",
    "at_least": "at least",
    "equals": "equal to",
}


class RangeError(ValueError):
    """What is wrong with a bound; `key` says which."""

    def __init__(self, key: str, title: str, why: str, hint: str = "") -> None:
        self.key, self.title, self.why, self.hint = key, title, why, hint
        super().__init__(why)


_WORDS_OF = {
    "mg": "a mass",
    "mL": "a volume",
    "d": "a time",
    "1": "a plain number",
    "mg/dL": "a mass concentration",
    "mmol/L": "a molar concentration",
    "meq/L": "an equivalent concentration",
    "mL/min": "a volume per time",
    "mL/min/{1.73_m2}": "a volume per time and body surface",
    "mg/d": "a mass per time",
    "/d": "a count per time",
    "cm": "a length",
    "m2": "an area",
    "kg/m2": "a mass per area",
    "mmol": "an amount of substance",
    "[iU]": "a number of international units",
    "U/L": "an enzyme activity concentration",
    "mm[Hg]": "a pressure",
    "Cel": "a temperature",
}


def in_words(unit: Unit) -> str:
    """What a unit measures, in words where there are some."""
    for text, words in _WORDS_OF.items():
        if parse_unit(text).dimension == unit.dimension:
            return words
    return "something else"


def read_bound(
    key: str, bound: Bound, unit: str | None, analyte: str | None, what: str
) -> tuple[Fraction, str, str]:
    """The bound in base units of its dimension, its unit and its text.

    `unit` None takes any dimension. With an analyte, mass and molar units are brought together.
    Raises RangeError.
    """
    if isinstance(bound, bool) or (isinstance(bound, (int, float)) and unit != "1"):
        example = unit or "mg"
        raise RangeError(key, "number without a unit", f"{what} needs a unit.", f"Write {bound} {example}.")
    try:
        if isinstance(bound, (int, float)):
            value, own = Decimal(str(bound)), "1"
        else:
            read = parse_quantity(bound)
            if read.comparator or read.upper is not None:
                raise RangeError(key, "bound is not one number", f"{bound!r} is a range or has a comparator.")
            value, own = read.value, read.unit
        parsed = parse_unit(own)
    except UnitError as error:
        raise RangeError(key, "quantity cannot be read", str(error)) from None
    text = f"{value} {own}" if own != "1" else f"{value}"
    if unit is None:
        return to_base(value, parsed), own, text
    target = parse_unit(unit)
    if parsed.dimension == target.dimension:
        return to_base(value, parsed), unit, text
    try:
        return to_base(convert(value, parsed, target, analyte=analyte), target), unit, text
    except UnitError:
        why = f"{what} is {in_words(target)} ({unit}); {own} is {in_words(parsed)}."
        raise RangeError(key, "unit does not fit", why, f"Write {unit}.") from None


def read_range(test: Range, unit: str | None, analyte: str | None, what: str) -> tuple[Interval, str, str]:
    """The interval in base units, the unit, and the range in words. Raises RangeError."""
    given = {key: getattr(test, key) for key in _WORDS if getattr(test, key) is not None}
    if not given:
        raise RangeError(
            "",
            "range without a bound",
            f"{what} needs a bound.",
            "Write below, at_most, above, at_least or equals.",
        )
    if "equals" in given and len(given) > 1:
        raise RangeError("equals", "bounds contradict", "equals stands alone.")
    for pair in (("below", "at_most"), ("above", "at_least")):
        if pair[0] in given and pair[1] in given:
            raise RangeError(pair[1], "bounds contradict", f"{pair[0]} and {pair[1]} bound the same side.")
    low = high = None
    low_open = high_open = False
    found_unit = unit
    texts: list[str] = []
    for key, bound in given.items():
        value, own, text = read_bound(key, bound, unit, analyte, what)
        if unit is None:
            if found_unit is not None and parse_unit(found_unit).dimension != parse_unit(own).dimension:
                raise RangeError(
                    key, "unit does not fit", f"{own} and {found_unit} measure different things."
                )
            found_unit = found_unit or own
        if key in ("above", "at_least", "equals"):
            low, low_open = value, key == "above"
        if key in ("below", "at_most", "equals"):
            high, high_open = value, key == "below"
        texts.append(f"{_WORDS[key]} {text}")
    if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
        raise RangeError("", "range is empty", f"no {what} is {' and '.join(texts)}.")
    return Interval(low, high, low_open, high_open), found_unit or "1", " and ".join(texts)
