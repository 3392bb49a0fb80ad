"""Body weight adjusted for obesity."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.facts.derive.arithmetic import above_zero, add, lesser, scale
from caveat.intervals import Interval

FACTOR: Final = Fraction(4, 10)


def adjusted_weight(*, actual: Interval, ideal: Interval, factor: Fraction = FACTOR) -> Interval:
    """Adjusted weight in kg: ideal + factor x (actual - ideal), and never more than the actual weight.

    `actual` and `ideal` in kg. At or under the ideal weight the actual weight is returned: the
    formula would raise it, and with it an estimated clearance. The factor is 0.4 unless stated;
    0.25 to 0.5 are in use. An unbounded input leaves that side unbounded. ValueError for a factor
    outside 0 to 1.

    Source: Bauer LA et al. Influence of weight on aminoglycoside pharmacokinetics in normal weight
    and morbidly obese patients. Eur J Clin Pharmacol 1983;24:643-647. Limits: obese adults.
    """
    if not 0 < factor < 1:
        raise ValueError(f"factor is {factor}. Write a number between 0 and 1, such as 4/10")
    actual, ideal = above_zero("weight", actual), above_zero("ideal weight", ideal)
    return lesser(actual, add(scale(ideal, 1 - factor), scale(actual, factor)))
