"""Strong Kleene truth: FALSE, UNKNOWN, TRUE are 0, 1, 2.

`and` is the minimum, `or` the maximum, `not` is 2 - x, so the same three numbers serve one
record and an array of a million.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Final, Literal, cast

Truth = Literal[0, 1, 2]

FALSE: Final[Truth] = 0
UNKNOWN: Final[Truth] = 1
TRUE: Final[Truth] = 2

NAMES: Final = ("false", "unknown", "true")


def all_of(values: Iterable[Truth]) -> Truth:
    """The minimum; TRUE for no values, as an empty conjunction is."""
    return min(values, default=TRUE)


def any_of(values: Iterable[Truth]) -> Truth:
    """The maximum; FALSE for no values, as an empty disjunction is."""
    return max(values, default=FALSE)


def negate(value: Truth) -> Truth:
    """TRUE and FALSE change places; UNKNOWN stays UNKNOWN."""
    return cast(Truth, 2 - value)


def at_least(count: int, values: Iterable[Truth], points: Iterable[int] | None = None) -> Truth:
    """TRUE when `count` values are TRUE, FALSE when they can no longer be, else UNKNOWN.

    With `points` each value counts as many as it is worth.
    """
    true = unknown = 0
    for value, worth in zip(values, repeat(1) if points is None else points, strict=False):
        if value == TRUE:
            true += worth
        elif value == UNKNOWN:
            unknown += worth
    if true >= count:
        return TRUE
    return UNKNOWN if true + unknown >= count else FALSE


def from_bool(value: bool | None) -> Truth:
    """None is UNKNOWN."""
    return UNKNOWN if value is None else TRUE if value else FALSE
