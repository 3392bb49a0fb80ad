"""Intervals: what is inside what, judged against single numbers."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from caveat.intervals import ANYTHING, Interval, exactly, hull, inside
from caveat.truth import FALSE, TRUE, UNKNOWN

GRID = [Fraction(n, 2) for n in range(-2, 15)]
ENDS = st.none() | st.integers(0, 6).map(Fraction)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    low, high = draw(ENDS), draw(ENDS)
    if low is not None and high is not None and low > high:
        low, high = high, low
    loose = low is None or high is None or low < high
    return Interval(low, high, loose and draw(st.booleans()), loose and draw(st.booleans()))


def holds(interval: Interval, value: Fraction) -> bool:
    over = interval.low is None or value > interval.low or (value == interval.low and not interval.low_open)
    under = (
        interval.high is None or value < interval.high or (value == interval.high and not interval.high_open)
    )
    return over and under


@given(intervals(), intervals())
def test_inside_is_what_every_number_says(value: Interval, target: Interval) -> None:
    members = {holds(target, number) for number in GRID if holds(value, number)}
    expected = UNKNOWN if len(members) == 2 else TRUE if members == {True} else FALSE
    assert inside(value, target) == expected


@given(intervals(), intervals())
def test_the_hull_is_the_smallest_interval_with_both(first: Interval, second: Interval) -> None:
    both = hull(first, second)
    assert both == hull(second, first)
    for part in (first, second):
        assert all(holds(both, number) for number in GRID if holds(part, number))
    for end, is_open in ((both.low, both.low_open), (both.high, both.high_open)):
        assert end is None or is_open or holds(first, end) or holds(second, end)


def test_the_whole_line_and_one_number() -> None:
    assert exactly(3).exact == 3
    assert ANYTHING.exact is None
    assert not ANYTHING.is_bounded
    assert inside(ANYTHING, exactly(3)) == UNKNOWN
    assert inside(exactly(3), ANYTHING) == TRUE
    assert inside(exactly(30), Interval(None, Fraction(30), high_open=True)) == FALSE
    assert Interval(Fraction(3), Fraction(3), low_open=True).exact is None
