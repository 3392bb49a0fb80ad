"""Body mass index from height and weight."""

from __future__ import annotations

from fractions import Fraction

from caveat.facts.derive.arithmetic import above_zero, divide, informative, multiply, scale
from caveat.intervals import Interval


def body_mass_index(*, height: Interval, weight: Interval) -> Interval | None:
    """Body mass index in kg/m2: weight / height squared.

    `height` in cm, `weight` in kg. None when no bound can be known.

    Source: Keys A et al. Indices of relative weight and obesity. J Chronic Dis 1972;25:329-343
    (the index of Quetelet, 1832). Limits: cut-offs differ in children, which this does not judge.
    """
    metres = scale(above_zero("height", height), Fraction(1, 100))
    return informative(divide(above_zero("weight", weight), multiply(metres, metres)))
