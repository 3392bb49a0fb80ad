"""Formulas that differ by sex: both results are kept when the sex is unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from caveat.intervals import Interval, hull

Sex = Literal["male", "female"]


def by_sex(sex: Sex | None, formula: Callable[[Sex], Interval | None]) -> Interval | None:
    """The result for `sex`, or the interval that holds both results when it is None.

    None when either result is unknown. ValueError for any other word.
    """
    if sex is None:
        male, female = formula("male"), formula("female")
        return None if male is None or female is None else hull(male, female)
    if sex not in ("male", "female"):
        raise ValueError(f"sex is {sex!r}. Write male, female, or None for unknown")
    return formula(sex)
