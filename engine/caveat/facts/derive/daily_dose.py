"""The most of an ingredient that an order permits in a day."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from caveat.facts.derive.arithmetic import at_least_zero, lesser, multiply
from caveat.intervals import Interval, hull


@lru_cache(maxsize=4096)
def daily_dose(
    *,
    dose: Interval,
    frequency_per_day: Interval | None,
    as_needed: bool | None,
    max_per_day: Interval | None,
) -> Interval:
    """The most the order permits in a day, in the unit of the dose.

    | order                         | result                                                |
    |-------------------------------|-------------------------------------------------------|
    | scheduled                     | dose x frequency; a stated maximum does not lower it  |
    | as needed, both known         | the lesser of dose x frequency and the maximum        |
    | as needed, no frequency       | from one dose (or the maximum, if less) to the maximum|
    | as needed, neither            | from one dose upwards, without end                    |
    | scheduled, frequency unknown  | from 0 to the maximum, or without end                 |
    | as needed or not is unknown   | what either reading permits                           |

    A closed range in the order (10 to 20 mg, two to three times a day) permits its upper value, so
    that value is the dose: a ceiling is judged against what may be given. An open or missing upper
    end (`<20 mg`, `>=10 mg`) is not a range but a bound, and gives an interval. ValueError for a
    negative input. No source is needed; the reading of ranges is a stated choice.
    """
    most = _permitted(at_least_zero("dose", dose))
    times = None if frequency_per_day is None else _permitted(at_least_zero("frequency", frequency_per_day))
    cap = None if max_per_day is None else _permitted(at_least_zero("maximum per day", max_per_day))
    if as_needed is None:
        return hull(_scheduled(most, times, cap), _as_needed(most, times, cap))
    return _as_needed(most, times, cap) if as_needed else _scheduled(most, times, cap)


def _permitted(value: Interval) -> Interval:
    """The upper value where the order states one, else the interval as it is."""
    if value.high is None or value.high_open:
        return value
    return Interval(value.high, value.high)


def _scheduled(dose: Interval, times: Interval | None, cap: Interval | None) -> Interval:
    if times is not None:
        return multiply(dose, times)
    return Interval(Fraction(0), None if cap is None else cap.high, False, cap is not None and cap.high_open)


def _as_needed(dose: Interval, times: Interval | None, cap: Interval | None) -> Interval:
    if times is not None:
        product = multiply(dose, times)
        return product if cap is None else lesser(product, cap)
    one = Interval(dose.low, None, dose.low_open)
    return one if cap is None else lesser(one, cap)
