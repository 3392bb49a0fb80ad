"""Numbers of many patients, each from its least to its most, with what floating point leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from caveat.evaluators.columnar.ranges import compare
from caveat.evaluators.columnar.truths import Truths, alone
from caveat.intervals import Interval, inside

if TYPE_CHECKING:
    from caveat.evaluators.columnar.arrays import Bools, Floats


@dataclass(frozen=True, slots=True)
class Span:
    """Least and most: NaN in `low` is UNKNOWN, NaN in `high` open above.

    `hard` are those to be judged one record at a time; `complete` those known with nothing missing.
    `slack` is how far a result may lie from the exact one beyond the precision of the numbers, as
    where a formula rounds.
    """

    low: Floats
    high: Floats
    hard: Bools
    complete: Bools
    slack: float = 0.0
    exactly: Callable[[int], Interval | None] | None = None
    """The number of a patient exactly, None where only the formula can tell."""

    @property
    def impossible(self) -> Bools:
        """Where a body has no such number: below zero, or nothing but zero."""
        found: Bools = (self.low < 0) | (self.high <= 0)
        return found

    def at(self, places: Any) -> Span:
        """Those of some patients."""
        return Span(self.low[places], self.high[places], self.hard[places], self.complete[places], self.slack)

    def scaled(self, factor: float) -> Span:
        """The numbers times a factor."""
        return Span(self.low * factor, self.high * factor, self.hard, self.complete, self.slack * abs(factor))

    def replaced(self, mask: Bools, other: Span, hard: Bools, complete: Any = True) -> Span:
        """With the numbers of `other` where `mask` says so; `hard` is the whole of it.

        Those taken over are complete where they are known and `complete` says so.
        """
        import numpy as np

        return Span(
            np.where(mask, other.low, self.low),
            np.where(mask, other.high, self.high),
            hard,
            np.where(mask, known(other.low) & complete, self.complete),
            max(self.slack, other.slack),
            None if self.exactly is None else _unless(mask, self.exactly),
        )

    def within(self, target: Interval, rows: Any, name: str) -> Truths:
        """The truths of "lies in the range" for some rows."""
        import numpy as np

        truth, close = compare(self.low[rows], self.high[rows], target, self.slack)
        hard = self.hard[rows]
        if self.exactly is not None:
            for place in np.flatnonzero(close & ~hard).tolist():
                held = self.exactly(int(rows[place]))
                if held is not None:
                    truth[place], close[place] = inside(held, target), False
        return alone(truth, hard | close, name)


def known(low: Floats) -> Bools:
    """Where there is a number."""
    import numpy as np

    found: Bools = ~np.isnan(low)
    return found


def nothing(count: int) -> Span:
    """No number of anybody."""
    import numpy as np

    none, no = np.full(count, np.nan), np.zeros(count, np.bool_)
    return Span(none, none, no, no)


def _unless(mask: Bools, exactly: Callable[[int], Interval | None]) -> Callable[[int], Interval | None]:
    """What is exact of those that were not replaced."""
    return lambda row: None if mask[row] else exactly(row)
