"""Quantities as short text for people, never in scientific notation."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import Final

from caveat.units.unit import Dimension, Unit, parse_unit

_SIGNIFICANT: Final = 4
_FINEST: Final = 4
_USUAL: Final = (
    "1 kg cm d mL mmol meq mg/dL mmol/L meq/L mosm/kg mosm/L U/L [iU] [iU]/L mL/min mL/min/{1.73_m2} mg/min "
    "mL/kg mm[Hg] /min m2 kg/m2 Cel mmol/min meq/min mmol/kg"
).split()


_HIGHEST = 9
"""The highest exponent that a unit is written with."""


@lru_cache(maxsize=1024)
def normal_unit(dimension: Dimension) -> Unit:
    """The unit to show a quantity of `dimension` in: the usual clinical one, else the base units."""
    for text in _USUAL:
        unit = parse_unit(text)
        if unit.dimension == dimension:
            return unit
    text = "".join(_powers(name, power) for name, power in sorted(dimension, key=lambda item: item[1] < 0))
    return parse_unit(text.removeprefix(".") or "1")


def _powers(name: str, power: int) -> str:
    sign = "." if power > 0 else "/"
    if name.startswith("{"):
        return f"{sign}{name}" * abs(power)
    nines, rest = divmod(abs(power), _HIGHEST)
    last = f"{sign}{name}{rest if rest > 1 else ''}" if rest else ""
    return f"{sign}{name}{_HIGHEST}" * nines + last


def format_number(value: Decimal | Fraction | int) -> str:
    """`value` as a decimal of four decimals when that is exact, else of four significant digits.

    The whole part is never rounded away, and a number that is not whole is never shown as whole
    from two digits up to four decimals: 29.99999 is shown as 29.9999, not as 30.
    """
    exact = Fraction(value)
    size = abs(exact)
    places = _FINEST
    if (size * 10**_FINEST).denominator != 1:
        if size < 1:
            places = len(str((size.denominator - 1) // size.numerator)) + _SIGNIFICANT - 1
        else:
            places = max(_SIGNIFICANT - len(str(int(size))), 1)
        if size > Fraction(1, 2) and round(exact, places).denominator == 1:
            places, below, step = _FINEST, floor(exact), Fraction(1, 10**_FINEST)
            exact = min(max(exact, below + step), below + 1 - step)
    scaled = round(exact * 10**places)
    sign, digits = ("-" if scaled < 0 else ""), str(abs(scaled)).rjust(places + 1, "0")
    whole, decimals = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def format_quantity(value: Decimal | Fraction | int, unit: Unit | str) -> str:
    """`value` of `unit` as text that `parse_quantity` reads back: `24 mL/min`, `0.0625 mg`, `3`."""
    text = unit.text if isinstance(unit, Unit) else parse_unit(unit).text
    return format_number(value) if text == "1" else f"{format_number(value)} {text}"
