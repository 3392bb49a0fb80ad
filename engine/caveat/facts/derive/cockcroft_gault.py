"""Creatinine clearance estimated from serum creatinine, age, weight and sex."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import (
    above_zero,
    at_least_zero,
    divide,
    floor_at_zero,
    informative,
    multiply,
    scale,
)
from caveat.facts.derive.sexes import Sex, by_sex
from caveat.intervals import Interval

ADULT: Final = 18
_FEMALE: Final = Fraction(85, 100)
_SURFACE: Final = Fraction(173, 100)


def cockcroft_gault(
    *, age: Interval, weight: Interval, creatinine: Interval, sex: Sex | None
) -> Interval | None:
    """Creatinine clearance in mL/min: (140 - age) x weight / (72 x creatinine), x 0.85 in women.

    `age` in completed years, `weight` in kg, `creatinine` in mg/dL. Which weight (actual, ideal,
    adjusted) is the caller's stated choice. With the sex unknown the interval holds both results.
    None when an age under 18 is possible (outside the formula's limits) or no bound can be known.
    Past 140 years the clearance is 0. It is not indexed to body surface and never stands for eGFR.

    Source: Cockcroft DW, Gault MH. Prediction of creatinine clearance from serum creatinine.
    Nephron 1976;16:31-41 (249 patients of 18 to 92 years). Limits: stable kidney function.
    """
    age = at_least_zero("age", age)
    weight, creatinine = above_zero("weight", weight), above_zero("creatinine", creatinine)
    if age.low is None or age.low < ADULT:
        return None
    left = floor_at_zero(
        Interval(
            None if age.high is None else 140 - age.high,
            140 - age.low,
            age.high_open and age.high is not None,
            age.low_open,
        )
    )
    male = divide(multiply(left, weight), scale(creatinine, Fraction(72)))
    return by_sex(sex, lambda which: informative(male if which == "male" else scale(male, _FEMALE)))


def indexed(clearance: Interval, body_surface: Interval) -> Interval | None:
    """A clearance in mL/min indexed to 1.73 m2 of body surface, in mL/min/{1.73_m2}.

    `body_surface` in m2. None when no bound can be known.
    """
    clearance = at_least_zero("clearance", clearance)
    return informative(scale(divide(clearance, above_zero("body surface", body_surface)), _SURFACE))
