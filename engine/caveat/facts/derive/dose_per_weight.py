"""A dose in relation to body weight."""

from __future__ import annotations

from caveat.facts.derive.arithmetic import above_zero, at_least_zero, divide, informative
from caveat.intervals import Interval


def dose_per_weight(*, dose: Interval, weight: Interval) -> Interval | None:
    """The dose (or daily dose) per kg, in the unit of the dose per kg.

    `weight` in kg. None when no bound can be known. A plain quotient; no source is needed.
    """
    return informative(divide(at_least_zero("dose", dose), above_zero("weight", weight)))
