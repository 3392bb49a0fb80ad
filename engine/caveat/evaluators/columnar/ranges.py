"""Numbers against the range of a rule, with those too close to a bound to tell in floating point."""

from __future__ import annotations

from typing import Any

from caveat.facts.quick import MARGIN
from caveat.intervals import Interval


def compare(values: Any, target: Interval) -> tuple[Any, Any]:
    """Truths of "lies in the range", and where floating point cannot tell. NaN is UNKNOWN."""
    import numpy as np

    low = float("-inf") if target.low is None else float(target.low)
    high = float("inf") if target.high is None else float(target.high)
    low_margin = 0.0 if target.low is None else max(abs(low) * MARGIN, 1e-300)
    high_margin = 0.0 if target.high is None else max(abs(high) * MARGIN, 1e-300)
    found = np.where((values > low) & (values < high), 2, 0).astype(np.int8)
    missing = np.isnan(values)
    found[missing] = 1
    close = np.zeros(len(values), np.bool_)
    if target.low is not None:
        close |= np.abs(values - low) <= low_margin
    if target.high is not None:
        close |= np.abs(values - high) <= high_margin
    return found, close & ~missing


def compare_whole(values: Any, target: Interval) -> Any:
    """Truths for numbers that are whole in base units, where the bounds are too."""
    import numpy as np

    found = np.full(len(values), 2, np.int8)
    if target.low is not None:
        low = float(target.low)
        found[values <= low if target.low_open else values < low] = 0
    if target.high is not None:
        high = float(target.high)
        found[values >= high if target.high_open else values > high] = 0
    return found


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
