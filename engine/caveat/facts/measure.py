"""A number as far as it is known, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from caveat.errors import UnitError
from caveat.facts.values import Quantity
from caveat.findings.basis import Basis, Missing
from caveat.intervals import Interval
from caveat.units import convert, parse_unit, to_base
from caveat.units.unit import Dimension, Unit


@dataclass(frozen=True, slots=True)
class Measure:
    """`interval` is in base units; None with `missing` is not known at all.

    An interval with `missing` is bounded by what is known. `dimension` is set where it follows
    from the data and not from the fact.
    """

    interval: Interval | None
    basis: tuple[Basis, ...] = ()
    missing: tuple[Missing, ...] = ()
    dimension: Dimension | None = None

    @property
    def is_known(self) -> bool:
        """Whether nothing that it needs is missing."""
        return self.interval is not None and not self.missing


def unknown(fact: str, reason: str, inputs: tuple[str, ...] = (), basis: tuple[Basis, ...] = ()) -> Measure:
    """A number that is not known at all."""
    return Measure(None, basis, (Missing(fact, reason, inputs),))


ZERO = Fraction(0)
_NEVER_WEIGHED: Final = (
    "{} is no unit of {}, which is measured in {}: the number may be right and the unit wrong"
)


def _is_never_weighed(own: Unit, analyte: str | None) -> bool:
    """Whether a result was given as a mass, of an ion that no laboratory gives so.

    6.5 mg/dL of potassium would be 1.7 mmol/L, and both 1.7 and 6.5 mmol/L occur.
    """
    return analyte == "potassium" and any(name == "g" for name, _ in own.dimension)


@lru_cache(maxsize=8192)
def base_interval(value: Quantity, unit: str, analyte: str | None = None, *, floor: bool = True) -> Interval:
    """The quantity as an interval in base units of `unit`.

    A comparator makes it one-sided; with `floor`, `<` is bounded by 0 below, as amounts and
    concentrations are. A number without a unit is a plain number, where `unit` is 1 (an INR). Raises
    UnitError when the unit is not known or measures something else.
    """
    if not value.unit and unit != "1":
        raise UnitError("the unit is not recorded")
    target = parse_unit(unit)
    own = parse_unit(value.unit or "1")
    if _is_never_weighed(own, analyte):
        raise UnitError(_NEVER_WEIGHED.format(value.unit, analyte, target.text))

    def base(number: Decimal) -> Fraction:
        if own.dimension == target.dimension:
            return to_base(number, own)
        return to_base(convert(number, own, target, analyte=analyte), target)

    return as_interval(
        value, base(value.value), None if value.upper is None else base(value.upper), floor=floor
    )


@lru_cache(maxsize=4096)
def factor(unit: str, target: str, analyte: str | None) -> float | None:
    """What a number in `unit` is multiplied by to be in base units of `target`; None when it does not fit."""
    try:
        own, wanted = parse_unit(unit), parse_unit(target)
        if own.offset or wanted.offset or _is_never_weighed(own, analyte):
            return None
        if own.dimension == wanted.dimension:
            return float(own.factor)
        return float(to_base(convert(1, own, wanted, analyte=analyte), wanted))
    except UnitError:
        return None


@lru_cache(maxsize=8192)
def own_interval(value: Quantity) -> tuple[Interval, Dimension]:
    """The quantity in base units of its own dimension. Raises UnitError when the unit is not known."""
    if not value.unit:
        raise UnitError("the unit is not recorded")
    own = parse_unit(value.unit)
    upper = None if value.upper is None else to_base(value.upper, own)
    return as_interval(value, to_base(value.value, own), upper), own.dimension


def as_interval(value: Quantity, low: Fraction, upper: Fraction | None, *, floor: bool = True) -> Interval:
    """The interval that comparator and upper end make of a number."""
    if upper is not None:
        return Interval(min(low, upper), max(low, upper))
    if value.comparator is None:
        return Interval(low, low)
    if value.comparator in ("<", "<="):
        return Interval(ZERO if floor and low >= 0 else None, low, False, value.comparator == "<")
    return Interval(low, None, value.comparator == ">", False)
