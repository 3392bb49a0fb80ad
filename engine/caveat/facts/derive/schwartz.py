"""Glomerular filtration rate of children estimated from height and serum creatinine."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import above_zero, divide, informative, scale
from caveat.intervals import Interval, inside
from caveat.truth import Truth

_CONSTANT: Final = Fraction(413, 1000)
_LIMITS: Final = Interval(Fraction(1), Fraction(18), high_open=True)


def schwartz_bedside(*, height: Interval, creatinine: Interval) -> Interval | None:
    """eGFR in mL/min/{1.73_m2}: 0.413 x height / creatinine.

    `height` in cm, `creatinine` in mg/dL (enzymatic). Computed at any age; ask `within_limits`
    whether the age is one the formula was made for. None when no bound can be known. It never
    answers for creatinine clearance.

    Source: Schwartz GJ et al. New equations to estimate GFR in children with CKD. J Am Soc
    Nephrol 2009;20:629-637. Limits: chronic kidney disease, 1 to under
    18 years (the children it was made from were 1 to 16).
    """
    ratio = divide(above_zero("height", height), above_zero("creatinine", creatinine))
    return informative(scale(ratio, _CONSTANT))


def within_limits(age: Interval) -> Truth:
    """Whether an age in years lies from 1 to under 18; UNKNOWN when it may or may not."""
    return inside(age, _LIMITS)
