"""The Child-Pugh points of the patients of a batch, from what was measured and what is recorded."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from caveat.compile.nodes import ConditionLeaf
from caveat.evaluators.columnar.facts import Facts
from caveat.evaluators.columnar.of_lists import of_everyone
from caveat.evaluators.columnar.of_orders import latest_number
from caveat.evaluators.columnar.ranges import compare
from caveat.evaluators.columnar.spans import Span, known
from caveat.intervals import Interval
from caveat.units import parse_unit, to_base

LIMITS = {
    "bilirubin_total": ("mg/dL", "2", "3"),
    "albumin": ("g/dL", "2.8", "3.5"),
    "inr": ("1", "1.7", "2.3"),
}
"""Between the two limits, both included, a part gives 2 points; see `caveat.facts.derive.child_pugh`."""
CLASSES = {"A": (5, 6), "B": (7, 9), "C": (10, 15)}


def score(facts: Facts, within: int | None) -> Span:
    """The points of the five parts; a part that is not known gives 1 to 3, one that is not plain is hard."""
    import numpy as np

    low, high = np.zeros(facts.count), np.zeros(facts.count)
    hard, complete = np.zeros(facts.count, np.bool_), np.ones(facts.count, np.bool_)
    for concept, (unit, middle, top) in LIMITS.items():
        least, most, rough = latest_number(facts, concept, within)
        limits = Interval(
            to_base(Fraction(middle), parse_unit(unit)), to_base(Fraction(top), parse_unit(unit))
        )
        hard |= rough | compare(least, most, limits)[1] | (least < 0)
        assert limits.low is not None
        assert limits.high is not None
        ends = []
        for value in (least, np.where(np.isnan(most), np.inf, most)):
            points = 1 + (value > float(limits.low)) + (value > float(limits.high))
            ends.append(4 - points if concept == "albumin" else points)
        unknown = np.isnan(least)
        low += np.where(unknown, 1, np.minimum(*ends))
        high += np.where(unknown, 3, np.maximum(*ends))
        complete &= ~unknown
    for name in ("ascites", "hepatic-encephalopathy"):
        truth = of_everyone(ConditionLeaf((name,), "active"), facts).low
        low += np.where(truth == 2, 2, 1)
        high += np.where(truth == 0, 1, 3)
        complete &= truth == 0
    return Span(low, high, hard, complete)


def child_pugh(facts: Facts, within: int | None) -> Span:
    """Points of the stated class or score, else of the five parts."""
    import numpy as np

    given = facts.word("child_pugh", tuple(CLASSES))
    stated = facts.observations.latest("child_pugh_score")
    found, none = score(facts, within), np.zeros(facts.count, np.bool_)
    if stated.recorded.any():
        low, high, rough = latest_number(facts, "child_pugh_score", None)
        # a score that is not one number may have a class that only its very end leaves out
        rough = rough | (known(low) & ~stated.plain)
        own = Span(low, high, rough, none)
        found = found.replaced(stated.recorded, own, np.where(stated.recorded, rough, found.hard))
    classed = given >= 0
    ends = np.array([*CLASSES.values(), (0, 0)], np.float64)[given]
    return found.replaced(classed, Span(ends[:, 0], ends[:, 1], none, none), found.hard & ~classed)


def possible(found: Span) -> dict[str, Any]:
    """Where each class is possible; every one where the points are not known."""
    import numpy as np

    unknown = ~known(found.low)
    high = np.where(np.isnan(found.high), np.inf, found.high)
    return {
        name: unknown | ((found.low <= last) & (high >= first)) for name, (first, last) in CLASSES.items()
    }
