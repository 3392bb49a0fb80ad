"""Closures of numbers and of properties of one order."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, cast

from caveat.compile import nodes
from caveat.facts import quick
from caveat.facts.catalog import PATIENT_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number
from caveat.facts.quick import MARGIN
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit
from caveat.units.unit import Dimension

Closure = Callable[[Chart, Any, Any, Any], Truth]


def in_range(target: Interval) -> Callable[[Interval], Truth]:
    """`inside` for one target: an exact value is compared by whole numbers alone."""
    low = None if target.low is None else (target.low.numerator, target.low.denominator)
    high = None if target.high is None else (target.high.numerator, target.high.denominator)
    low_open, high_open = target.low_open, target.high_open

    def run(value: Interval) -> Truth:
        exact = value.low
        if (
            exact is None
            or (exact is not value.high and exact != value.high)
            or value.low_open
            or value.high_open
        ):
            return inside(value, target)
        above, below = exact.numerator, exact.denominator
        if low is not None:
            left, right = above * low[1], low[0] * below
            if left < right or (low_open and left == right):
                return FALSE
        if high is not None:
            left, right = above * high[1], high[0] * below
            if left > right or (high_open and left == right):
                return FALSE
        return TRUE

    return run


def from_low(target: Interval) -> Callable[[Interval], Truth]:
    """`inside` for one target and values that begin at a known end and are open above."""
    low, high = target.low, target.high
    low_open, high_open = target.low_open, target.high_open

    def run(value: Interval) -> Truth:
        least = value.low
        if least is None or value.low_open:
            return inside(value, target)
        if high is not None:
            left, right = least.numerator * high.denominator, high.numerator * least.denominator
            return FALSE if left > right or (high_open and left == right) else UNKNOWN
        if low is None:
            return TRUE
        left, right = least.numerator * low.denominator, low.numerator * least.denominator
        return TRUE if left > right or (left == right and not low_open) else UNKNOWN

    return run


def near(target: Interval) -> Callable[[float], Truth | None]:
    """Whether a plain value lies in the range; None where it is too close to a bound to tell."""
    low = float("-inf") if target.low is None else float(target.low)
    high = float("inf") if target.high is None else float(target.high)
    low_margin = 0.0 if target.low is None else max(abs(low) * MARGIN, 1e-300)
    high_margin = 0.0 if target.high is None else max(abs(high) * MARGIN, 1e-300)
    under, over = low - low_margin, high + high_margin
    inner_low, inner_high = low + low_margin, high - high_margin

    def run(value: float) -> Truth | None:
        if value < under or value > over:
            return FALSE
        return TRUE if inner_low < value < inner_high else None

    return run


def _quick(leaf: nodes.NumberLeaf) -> Callable[[Chart], float | None] | None:
    """How to get the number as a plain value, or None where only the exact way is known."""
    fact, within, using = leaf.fact, leaf.within, leaf.using
    if leaf.pick != "latest":
        return None
    if fact == "creatinine_clearance":
        return lambda chart: quick.clearance(chart, within, using)
    if fact in PATIENT_NUMBERS and PATIENT_NUMBERS[fact].derived:
        return None
    if fact.endswith("_age"):
        concept = fact[:-4]
        return lambda chart: quick.time_since(chart, concept)
    unit = leaf.unit

    def value(chart: Chart) -> float | None:
        found = number_fact(fact, chart.terminology)
        return None if found is None else quick.latest(chart, fact, unit, found.analyte, within)

    return value


def _age_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    """Completed years are whole, so the range is one of whole numbers."""
    exact = _number_closure(leaf, key)
    low, high = _whole_years(leaf.target)
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        lived = memo["quick years"] if "quick years" in memo else quick.years(chart)
        if lived is None:
            return exact(chart, first, second, allergy)
        return yes if low <= lived <= high else no

    return run


def _whole_years(target: Interval) -> tuple[float, float]:
    """The least and the greatest whole number of years in the range."""
    year = parse_unit("a").factor
    low, high = float("-inf"), float("inf")
    if target.low is not None:
        least = ceil(target.low / year)
        low = least + 1 if target.low_open and least * year == target.low else least
    if target.high is not None:
        most = floor(target.high / year)
        high = most - 1 if target.high_open and most * year == target.high else most
    return low, high


def number_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    if leaf.fact == "age" and leaf.unit == "a" and leaf.pick == "latest":
        return _age_closure(leaf, key)
    return _number_closure(leaf, key)


def _number_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    estimate, decide = _quick(leaf), near(leaf.target)
    compare = in_range(leaf.target)
    fact, unit, pick, within, using, negated = (
        leaf.fact,
        leaf.unit,
        leaf.pick,
        leaf.within,
        leaf.using,
        leaf.negated,
    )

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        plain = None if estimate is None else estimate(chart)
        value: Truth | None = None
        if plain is not None:
            value = UNKNOWN if plain != plain else decide(plain)
        if value is None:
            measure = number(chart, fact, unit, pick, within, using)
            value = UNKNOWN if measure.interval is None else compare(measure.interval)
        memo[key] = value = cast(Truth, 2 - value if negated else value)
        return value

    return run


def quick_order_closure(leaf: nodes.OrderNumberLeaf, exact: Closure) -> Closure:
    """A plain number of an order is compared as it stands; the same answer, sooner."""
    which, negated, prop = leaf.which, leaf.negated, leaf.prop
    compare, decide, begin = in_range(leaf.target), near(leaf.target), from_low(leaf.target)
    slot = f"quick {prop}"
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        view = second if which else first
        memo = chart.memo
        kept = memo.get(slot)
        if kept is None:
            memo[slot] = kept = {}
        if view in kept:
            found = kept[view]
        else:
            kept[view] = found = _quick_order(chart, view, prop)
        if found is None or (found[1] is not dimension and found[1] != dimension):
            return exact(chart, first, second, allergy)
        value = None if found[2] is None else decide(found[2])
        if value is None:
            value = begin(found[0]) if found[0].high is None else compare(found[0])
        return 2 - value if negated else value  # type: ignore[return-value]

    return run


QUICK_PROPERTIES = ("daily_dose", "dose", "frequency", "treatment_time")


def _quick_order(chart: Chart, view: OrderView, prop: str) -> tuple[Interval, Dimension, float | None] | None:
    """The number with its dimension, and once more in floating point where it is one plain value."""
    if prop == "treatment_time":
        times = quick.treatment_time(chart, view)
        return None if times is None else (*times, None)
    if prop == "daily_dose":
        found = quick.dose_rate(view)
    else:
        found = quick.dose(view) if prop == "dose" else quick.frequency(view)
    return None if found is None else (Interval(found[0], found[0]), found[1], float(found[0]))


def dose_multiple_closure(leaf: nodes.DoseMultipleLeaf, exact: Closure) -> Closure:
    """A plain dose is divided by the step."""
    which, step = leaf.which, leaf.step.low
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        found = quick.dose(second if which else first)
        if found is None or found[1] != dimension or step is None:
            return exact(chart, first, second, allergy)
        return yes if (found[0] / step).denominator == 1 else no

    return run


def order_number_closure(leaf: nodes.OrderNumberLeaf) -> Closure:
    compare = in_range(leaf.target)
    prop, which, negated = leaf.prop, leaf.which, leaf.negated
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        measure: Measure = order_number(chart, second if which else first, prop)
        if measure.interval is None or measure.dimension != dimension:
            return UNKNOWN
        value = compare(measure.interval)
        return cast(Truth, 2 - value) if negated else value

    return run


def order_is_closure(leaf: nodes.OrderIsLeaf) -> Closure | None:
    values, which = frozenset(leaf.values), leaf.which
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    if leaf.prop == "route":

        def route(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            found = (second if which else first).route
            return UNKNOWN if found is None else yes if found in values else no

        return route
    if leaf.prop == "ingredient":

        def ingredient(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            return no if values.isdisjoint((second if which else first).ingredients) else yes

        return ingredient
    if leaf.prop in ("status", "as_needed", "tapered"):
        prop = leaf.prop

        def stated(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            found = getattr((second if which else first).order, prop)
            if found is None or found == "unknown":
                return UNKNOWN
            if found.__class__ is bool:
                found = "true" if found else "false"
            return yes if found in values else no

        return stated
    if leaf.prop == "purpose":

        def purpose(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            return yes if ((second if which else first).order.purpose or "treatment") in values else no

        return purpose
    return None
