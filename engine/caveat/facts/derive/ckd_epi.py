"""Glomerular filtration rate of adults estimated from serum creatinine, age and sex."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import above_zero, at_least_zero, informative, rounded
from caveat.facts.derive.sexes import Sex, by_sex
from caveat.intervals import Interval

ADULT: Final = 18
_KAPPA: Final = {"female": 0.7, "male": 0.9}
_ALPHA: Final = {"female": -0.241, "male": -0.302}
_FACTOR: Final = {"female": 1.012, "male": 1.0}


def ckd_epi_2021(*, age: Interval, creatinine: Interval, sex: Sex | None) -> Interval | None:
    """eGFR in mL/min/{1.73_m2}: 142 x min(scr/k, 1)^a x max(scr/k, 1)^-1.2 x 0.9938^age, x 1.012 in women.

    k is 0.7 in women and 0.9 in men, a is -0.241 and -0.302. `age` in completed years,
    `creatinine` in mg/dL (IDMS-traceable). With the sex unknown the interval holds both results.
    None when an age under 18 is possible or no bound can be known. It never answers for
    creatinine clearance. Rounded to nine decimals.

    Source: Inker LA et al. New creatinine- and cystatin C-based equations to estimate GFR without
    race. N Engl J Med 2021;385:1737-1749. Limits: adults with stable kidney function.
    """
    age, creatinine = at_least_zero("age", age), above_zero("creatinine", creatinine)
    if age.low is None or age.low < ADULT:
        return None
    youngest = age.low

    def formula(which: Sex) -> Interval | None:
        high = None if not creatinine.low else _point(youngest, creatinine.low, which)
        if creatinine.high is None or age.high is None:
            return informative(Interval(Fraction(0), high))
        if age.exact is not None and creatinine.exact is not None:
            return Interval(high, high)
        return Interval(_point(age.high, creatinine.high, which), high)

    return by_sex(sex, formula)


def _point(age: Fraction, creatinine: Fraction, sex: Sex) -> Fraction:
    return rounded(estimate(float(age), float(creatinine), sex))


def estimate(age: float, creatinine: float, sex: Sex) -> float:
    """The formula on plain numbers, not rounded: years, mg/dL, mL/min/{1.73_m2}."""
    ratio = creatinine / _KAPPA[sex]
    kidney: float = min(ratio, 1.0) ** _ALPHA[sex] * max(ratio, 1.0) ** -1.2
    found: float = 142 * kidney * 0.9938**age * _FACTOR[sex]
    return found
