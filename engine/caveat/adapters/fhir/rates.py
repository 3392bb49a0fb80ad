"""Times a day, and fractions as decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

_PRECISION: Final = 12


@dataclass(frozen=True, slots=True)
class Rate:
    """Times a day, from `low` to `high`."""

    low: Fraction
    high: Fraction


def decimal(value: Fraction) -> Decimal:
    """The decimal of a fraction: exact where it ends, else rounded to 12 digits."""
    quotient = Decimal(value.numerator) / Decimal(value.denominator)
    if Fraction(quotient) == value:
        plain = quotient.normalize()
        return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain
    return Decimal(f"{quotient:.{_PRECISION}g}")
