"""Closures of the numbers of a patient."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from math import ceil, floor
from typing import Any, NamedTuple

from caveat.compile import nodes
from caveat.compile.nodes import Node
from caveat.evaluators.comparing import OPPOSITE, Bounds, in_range, margins, near
from caveat.facts import quick, quick_choices
from caveat.facts.catalog import PATIENT_NUMBERS, described, number_fact
from caveat.facts.chart import Chart
from caveat.facts.numbers import number
from caveat.intervals import Interval
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit

Closure = Callable[[Chart, Any, Any, Any], Truth]
Read = Callable[[Chart, Any], float | None]
"""A number of a chart or of the judged order, as one plain value; NAN is not known, None asks exactly."""


class Scale(NamedTuple):
    """How a plain number is read, and the key under which the chart then keeps it, if it does."""

    read: Read
    kept: Hashable | None = None


def number_scale(leaf: nodes.NumberLeaf) -> tuple[Hashable, Scale] | None:
    """The key of the plain number a leaf compares with one range, and how it is read; None for others."""
    if leaf.negated:
        return None
    if is_age(leaf):
        return "age", Scale(_age, "quick years")
    estimate = _quick(leaf)
    using = None if leaf.using == "actual" else leaf.using
    key = (leaf.fact, leaf.unit, leaf.within, using)
    return None if estimate is None else (key, _once(estimate))


def bounds(leaf: Node) -> Bounds:
    """The range of a leaf that has a scale."""
    assert isinstance(leaf, (nodes.NumberLeaf, nodes.OrderNumberLeaf))
    if isinstance(leaf, nodes.NumberLeaf) and is_age(leaf):
        low, high = whole_years(leaf.target)
        return low - 0.5, low - 0.5, high + 0.5, high + 0.5
    return margins(leaf.target)


def _age(chart: Chart, view: Any) -> float | None:
    memo = chart.memo
    return memo["quick years"] if "quick years" in memo else quick.years(chart)


def _once(estimate: Callable[[Chart], float | None]) -> Scale:
    key = object()

    def read(chart: Chart, view: Any) -> float | None:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        memo[key] = value = estimate(chart)
        return value

    return Scale(read, key)


DERIVED = frozenset(name for name, fact in PATIENT_NUMBERS.items() if fact.derived)


def _quick(leaf: nodes.NumberLeaf) -> Callable[[Chart], float | None] | None:
    """How to get the number as a plain value, or None where only the exact way is known."""
    fact, within, using = leaf.fact, leaf.within, leaf.using
    if leaf.pick != "latest":
        return None
    if fact == "creatinine_clearance":
        return lambda chart: quick.clearance(chart, within, using)
    if fact == "egfr":
        return lambda chart: quick.egfr(chart, within)
    if fact == "bmi":
        return quick.bmi
    if fact == "gestation":
        return quick_choices.gestation
    if fact in quick.NEEDED:
        return lambda chart: quick.if_recorded(chart, fact)
    if fact in PATIENT_NUMBERS and PATIENT_NUMBERS[fact].derived:
        return None
    if fact.endswith("_age"):
        concept = fact[:-4]
        return lambda chart: quick.time_since(chart, concept)
    unit = leaf.unit

    describe = described(fact)

    def value(chart: Chart) -> float | None:
        found = describe(chart.terminology)
        return None if found is None else quick.latest(chart, fact, unit, found.analyte, within)

    return value


def _age_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    """Completed years are whole, so the range is one of whole numbers."""
    exact = _number_closure(leaf, key)
    low, high = whole_years(leaf.target)
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        lived = memo["quick years"] if "quick years" in memo else quick.years(chart)
        if lived is None:
            return exact(chart, first, second, allergy)
        return yes if low <= lived <= high else no

    return run


def whole_years(target: Interval) -> tuple[float, float]:
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


def is_age(leaf: nodes.NumberLeaf) -> bool:
    """Whether a leaf asks completed years, which are whole and need no exact way."""
    return leaf.fact == "age" and leaf.unit == "a" and leaf.pick == "latest"


def number_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    if is_age(leaf):
        return _age_closure(leaf, key)
    return _number_closure(leaf, key)


def _number_closure(leaf: nodes.NumberLeaf, key: object) -> Closure:
    estimate, decide = _quick(leaf), near(leaf.target)
    compare = in_range(leaf.target)
    observed = not leaf.fact.endswith("_age") and leaf.fact not in DERIVED
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
            if value is None and observed:
                value = _close(chart, fact, unit, compare)
        if value is None:
            measure = number(chart, fact, unit, pick, within, using)
            value = UNKNOWN if measure.interval is None else compare(measure.interval)
        memo[key] = value = OPPOSITE[value] if negated else value
        return value

    return run


def known_and_closure(leaf: nodes.NumberLeaf, asked: Closure) -> Closure:
    """A number that is known and in the range: FALSE where it is not known, as `known` is."""
    estimate, decide = _quick(leaf), near(leaf.target)
    assert estimate is not None

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        plain = estimate(chart)
        if plain is None:
            return asked(chart, first, second, allergy)
        value = FALSE if plain != plain else decide(plain)
        return asked(chart, first, second, allergy) if value is None else value

    return run


def _close(chart: Chart, fact: str, unit: str, compare: Callable[[Interval], Truth]) -> Truth | None:
    """A measured value that is too close to a bound in floating point, compared exactly."""
    found = number_fact(fact, chart.terminology)
    exact = None if found is None else quick.exactly(chart, fact, unit, found.analyte)
    return None if exact is None else compare(exact)
