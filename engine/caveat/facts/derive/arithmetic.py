"""Interval arithmetic on quantities that cannot be negative, for formulas that name each input once.

Each operation is monotone in each operand, so the ends of the result come from the ends of the
operands and nothing is lost or added.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.intervals import Interval

_PLACES: Final = 10**9


def at_least_zero(name: str, value: Interval) -> Interval:
    """`value`, with 0 in the place of an unknown lower end; ValueError when it can be negative."""
    if (value.low is not None and value.low < 0) or (value.high is not None and value.high < 0):
        raise ValueError(f"{name} is below zero: {_shown(value)}. Leave an impossible value out as unknown")
    return Interval(Fraction(0), value.high, False, value.high_open) if value.low is None else value


def above_zero(name: str, value: Interval) -> Interval:
    """As `at_least_zero`, with 0 itself left out: what a formula divides by, or a body has."""
    value = at_least_zero(name, value)
    if value.high == 0:
        raise ValueError(f"{name} is zero: {_shown(value)}. Leave an impossible value out as unknown")
    return Interval(value.low, value.high, value.low_open or value.low == 0, value.high_open)


def multiply(first: Interval, second: Interval) -> Interval:
    """The products of two non-negative intervals."""
    low, low_open = _product(first.low, first.low_open, second.low, second.low_open)
    high, high_open = _product(first.high, first.high_open, second.high, second.high_open)
    return Interval(low if low is not None else Fraction(0), high, low_open, high_open)


def divide(first: Interval, second: Interval) -> Interval:
    """The quotients of a non-negative interval by a positive one."""
    low = Fraction(0) if second.high is None else 1 / second.high
    high = 1 / second.low if second.low else None
    inverse = Interval(
        low, high, second.high is None or second.high_open, high is not None and second.low_open
    )
    return multiply(first, inverse)


def scale(value: Interval, factor: Fraction) -> Interval:
    """`value` times a positive number."""
    low = None if value.low is None else value.low * factor
    high = None if value.high is None else value.high * factor
    return Interval(low, high, value.low_open, value.high_open)


def add(first: Interval, second: Interval) -> Interval:
    """The sums of two intervals."""
    low = None if first.low is None or second.low is None else first.low + second.low
    high = None if first.high is None or second.high is None else first.high + second.high
    return Interval(
        low,
        high,
        low is not None and (first.low_open or second.low_open),
        high is not None and (first.high_open or second.high_open),
    )


def lesser(first: Interval, second: Interval) -> Interval:
    """The smaller of one number from each."""
    low, low_open = first.low, first.low_open
    if low is None or second.low is None:
        low, low_open = None, False
    elif second.low < low or (second.low == low and low_open):
        low, low_open = second.low, second.low_open
    high, high_open = first.high, first.high_open
    if high is None or (second.high is not None and second.high < high):
        high, high_open = second.high, second.high_open
    elif second.high == high:
        high_open = high_open or second.high_open
    return Interval(low, high, low_open, high_open)


def floor_at_zero(value: Interval) -> Interval:
    """`value` with everything below 0 taken as 0."""
    low, low_open = value.low, value.low_open
    if low is None or low < 0:
        low, low_open = Fraction(0), False
    high, high_open = value.high, value.high_open
    if high is not None and high <= 0:
        return Interval(Fraction(0), Fraction(0))
    return Interval(low, high, low_open, high_open)


def root(value: Interval) -> Interval:
    """The square roots of a non-negative interval, rounded to nine decimals."""
    low, high = (None if end is None else rounded(float(end) ** 0.5) for end in (value.low, value.high))
    return Interval(low, high)


def rounded(value: float) -> Fraction:
    """A computed real number as a fraction of nine decimals."""
    return Fraction(round(value * _PLACES), _PLACES)


def informative(value: Interval) -> Interval | None:
    """`value`, or None when it says no more than that a quantity is not negative."""
    return None if value.high is None and not value.low else value


def _product(
    a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool
) -> tuple[Fraction | None, bool]:
    """The product of two ends; a zero that is reached stays reached whatever it multiplies."""
    if (a == 0 and not a_open) or (b == 0 and not b_open):
        return Fraction(0), False
    if a is None or b is None:
        return None, False
    return a * b, a_open or b_open


def _shown(value: Interval) -> str:
    low, high = ("..." if end is None else str(end) for end in (value.low, value.high))
    return f"{low} to {high}"
