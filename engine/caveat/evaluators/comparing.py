"""Numbers against ranges: exactly, and in floating point where a value is not close to an end."""

from __future__ import annotations

from collections.abc import Callable

from caveat.facts.quick import MARGIN
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

OPPOSITE: tuple[Truth, Truth, Truth] = (TRUE, UNKNOWN, FALSE)
"""The truth of a negated leaf, by that of the plain one."""
Bounds = tuple[float, float, float, float]


def in_range(target: Interval) -> Callable[[Interval], Truth]:
    """`inside` for one target: an exact value is compared by whole numbers alone."""
    low = None if target.low is None else (target.low.numerator, target.low.denominator)
    high = None if target.high is None else (target.high.numerator, target.high.denominator)
    low_open, high_open = target.low_open, target.high_open

    def run(value: Interval) -> Truth:
        exact = value.low
        if (
            exact is None
            or (exact is not value.high and exact != value.high)
            or value.low_open
            or value.high_open
        ):
            return inside(value, target)
        above, below = exact.numerator, exact.denominator
        if low is not None:
            left, right = above * low[1], low[0] * below
            if left < right or (low_open and left == right):
                return FALSE
        if high is not None:
            left, right = above * high[1], high[0] * below
            if left > right or (high_open and left == right):
                return FALSE
        return TRUE

    return run


def from_low(target: Interval) -> Callable[[Interval], Truth]:
    """`inside` for one target and values that begin at a known end and are open above."""
    low, high = target.low, target.high
    low_open, high_open = target.low_open, target.high_open

    def run(value: Interval) -> Truth:
        least = value.low
        if least is None or value.low_open:
            return inside(value, target)
        if high is not None:
            left, right = least.numerator * high.denominator, high.numerator * least.denominator
            return FALSE if left > right or (high_open and left == right) else UNKNOWN
        if low is None:
            return TRUE
        left, right = least.numerator * low.denominator, low.numerator * least.denominator
        return TRUE if left > right or (left == right and not low_open) else UNKNOWN

    return run


def margins(target: Interval) -> Bounds:
    """Ends outside which a plain value is not in the range (the outer two), and inside which it is."""
    under = low = float("-inf")
    high = over = float("inf")
    if target.low is not None:
        end = float(target.low)
        margin = max(abs(end) * MARGIN, 1e-300)
        under, low = end - margin, end + margin
    if target.high is not None:
        end = float(target.high)
        margin = max(abs(end) * MARGIN, 1e-300)
        high, over = end - margin, end + margin
    return under, low, high, over


def near(target: Interval) -> Callable[[float], Truth | None]:
    """Whether a plain value lies in the range; None where it is too close to a bound to tell."""
    under, low, high, over = margins(target)

    def run(value: float) -> Truth | None:
        if value < under or value > over:
            return FALSE
        return TRUE if low < value < high else None

    return run


def near_from(target: Interval) -> Callable[[float], Truth | None]:
    """As `near`, for a value that is the least of what it may be, without an upper end."""
    under, low, high, over = margins(target)
    bounded = target.high is not None

    def run(value: float) -> Truth | None:
        if bounded:
            return FALSE if value > over else UNKNOWN if value < high else None
        return TRUE if value > low else UNKNOWN if value < under else None

    return run
