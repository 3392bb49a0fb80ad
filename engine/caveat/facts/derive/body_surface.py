"""Body surface area from height and weight."""

from __future__ import annotations

from fractions import Fraction

from caveat.facts.derive.arithmetic import above_zero, informative, multiply, root, rounded, scale
from caveat.intervals import Interval


def mosteller(*, height: Interval, weight: Interval) -> Interval | None:
    """Body surface in m2: the square root of height x weight / 3600.

    `height` in cm, `weight` in kg. None when no bound can be known. Rounded to nine decimals.

    Source: Mosteller RD. Simplified calculation of body-surface area. N Engl J Med 1987;317:1098.
    """
    height, weight = above_zero("height", height), above_zero("weight", weight)
    return informative(root(scale(multiply(height, weight), Fraction(1, 3600))))


def dubois(*, height: Interval, weight: Interval) -> Interval | None:
    """Body surface in m2: 0.007184 x height^0.725 x weight^0.425.

    `height` in cm, `weight` in kg. None when no bound can be known. Rounded to nine decimals.

    Source: Du Bois D, Du Bois EF. A formula to estimate the approximate surface area if height and
    weight be known. Arch Intern Med 1916;17:863-871. Limits: nine subjects; adults.
    """
    height, weight = above_zero("height", height), above_zero("weight", weight)
    return informative(
        Interval(_dubois(height.low, weight.low) or Fraction(0), _dubois(height.high, weight.high))
    )


def _dubois(height: Fraction | None, weight: Fraction | None) -> Fraction | None:
    if height is None or weight is None:
        return None
    return rounded(0.007184 * float(height) ** 0.725 * float(weight) ** 0.425)
