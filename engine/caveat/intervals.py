"""A number known exactly, within bounds, or not at all.

An exact value is an interval whose two ends are equal. Ends are `Fraction`, so a conversion
between units never moves a value across a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from caveat.truth import FALSE, TRUE, UNKNOWN, Truth


@dataclass(frozen=True, slots=True)
class Interval:
    """Every number from `low` to `high`; None is unbounded, an open end is not itself included."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False

    @property
    def exact(self) -> Fraction | None:
        """The one value, or None when there is more than one."""
        if self.low is not None and self.low == self.high and not (self.low_open or self.high_open):
            return self.low
        return None

    @property
    def is_bounded(self) -> bool:
        """Whether at least one end is known."""
        return self.low is not None or self.high is not None


ANYTHING = Interval()


def exactly(value: Fraction | int) -> Interval:
    """The interval that holds `value` alone."""
    number = Fraction(value)
    return Interval(number, number)


def inside(value: Interval, target: Interval) -> Truth:
    """TRUE when all of `value` lies in `target`, FALSE when none of it does, else UNKNOWN."""
    if _below(value, target) or _above(value, target):
        return FALSE
    return TRUE if _contains(target, value) else UNKNOWN


def _below(value: Interval, target: Interval) -> bool:
    """Whether all of `value` lies under the lower end of `target`."""
    if target.low is None or value.high is None:
        return False
    if value.high == target.low:
        return value.high_open or target.low_open
    return value.high < target.low


def _above(value: Interval, target: Interval) -> bool:
    """Whether all of `value` lies over the upper end of `target`."""
    if target.high is None or value.low is None:
        return False
    if value.low == target.high:
        return value.low_open or target.high_open
    return value.low > target.high


def _contains(target: Interval, value: Interval) -> bool:
    if target.low is not None:
        if value.low is None or value.low < target.low:
            return False
        if value.low == target.low and target.low_open and not value.low_open:
            return False
    if target.high is not None:
        if value.high is None or value.high > target.high:
            return False
        if value.high == target.high and target.high_open and not value.high_open:
            return False
    return True


def hull(first: Interval, second: Interval) -> Interval:
    """The smallest interval that holds both."""
    low, low_open = _outer(first.low, first.low_open, second.low, second.low_open, lower=True)
    high, high_open = _outer(first.high, first.high_open, second.high, second.high_open, lower=False)
    return Interval(low, high, low_open, high_open)


def _outer(
    a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool, *, lower: bool
) -> tuple[Fraction | None, bool]:
    if a is None or b is None:
        return None, False
    if a == b:
        return a, a_open and b_open
    return (a, a_open) if (a < b) == lower else (b, b_open)
