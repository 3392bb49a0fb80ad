"""Numbers against the range of a rule, with those too close to a bound to tell in floating point."""

from __future__ import annotations

from typing import Any

from caveat.facts.quick import MARGIN
from caveat.intervals import Interval


def compare(low: Any, high: Any, target: Interval, slack: float = 0.0) -> tuple[Any, Any]:
    """Truths of "lies in the range" for closed spans, and where floating point cannot tell.

    NaN in `low` is UNKNOWN, NaN in `high` open above. `slack` is how far the ends may be off beyond
    the precision of the numbers.
    """
    import numpy as np

    close = np.zeros(len(low), np.bool_)
    for bound in (target.low, target.high):
        if bound is None:
            continue
        margin = max(abs(float(bound)) * MARGIN, 1e-300) + slack
        close |= np.abs(low - float(bound)) <= margin
        close |= np.abs(high - float(bound)) <= margin
    return compare_span(low, high, target), close & ~np.isnan(low)


def compare_span(low: Any, high: Any, target: Interval) -> Any:
    """Truths for closed spans, exact in floating point; NaN in `high` is open, NaN in `low` unknown.

    TRUE when the whole span lies in the range, FALSE when none of it does.
    """
    import numpy as np

    count = len(low)
    inside, outside = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    if target.low is not None:
        bound = float(target.low)
        inside &= low > bound if target.low_open else low >= bound
        outside |= high <= bound if target.low_open else high < bound
    if target.high is not None:
        bound = float(target.high)
        inside &= high < bound if target.high_open else high <= bound
        outside |= low >= bound if target.high_open else low > bound
    found = np.where(outside, 0, np.where(inside, 2, 1)).astype(np.int8)
    found[np.isnan(low)] = 1
    return found
