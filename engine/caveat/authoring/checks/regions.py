"""Sets of numbers as lists of intervals: what a range leaves, and where two of them meet."""

from __future__ import annotations

from fractions import Fraction

from caveat.intervals import Interval

Region = tuple[Interval, ...]


def region(target: Interval, negated: bool = False) -> Region:
    """The numbers in a range, or those outside it."""
    if not negated:
        return (target,)
    found = []
    if target.low is not None:
        found.append(Interval(None, target.low, False, not target.low_open))
    if target.high is not None:
        found.append(Interval(target.high, None, not target.high_open, False))
    return tuple(found)


def meet(first: Region, second: Region) -> Region:
    """The numbers in both."""
    found = (crossing(a, b) for a in first for b in second)
    return tuple(item for item in found if item is not None)


def crossing(a: Interval, b: Interval) -> Interval | None:
    """The numbers in both ranges, or None when there are none."""
    low, low_open = _inner((a.low, a.low_open), (b.low, b.low_open), lower=True)
    high, high_open = _inner((a.high, a.high_open), (b.high, b.high_open), lower=False)
    if low is not None and high is not None and (low > high or (low == high and (low_open or high_open))):
        return None
    return Interval(low, high, low_open, high_open)


def _inner(
    a: tuple[Fraction | None, bool], b: tuple[Fraction | None, bool], *, lower: bool
) -> tuple[Fraction | None, bool]:
    if a[0] is None or b[0] is None:
        return b if a[0] is None else a
    if a[0] == b[0]:
        return a[0], a[1] or b[1]
    return a if (a[0] > b[0]) == lower else b


def between(lower: Interval, upper: Interval) -> Interval | None:
    """What lies after `lower` and before `upper`, or None when nothing does."""
    if lower.high is None or upper.low is None:
        return None
    if lower.high > upper.low:
        return None
    if lower.high == upper.low and not (lower.high_open and upper.low_open):
        return None
    return Interval(lower.high, upper.low, not lower.high_open, not upper.low_open)
