"""Closures of numbers and properties of one order."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from caveat.compile import nodes
from caveat.evaluators.closures_of_numbers import Closure, Scale
from caveat.evaluators.comparing import OPPOSITE, from_low, in_range, near, near_from
from caveat.facts import quick_orders
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.order_numbers import order_number
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit
from caveat.units.unit import Dimension

QUICK_PROPERTIES = (*quick_orders.PLAIN, "treatment_time")


def order_scale(leaf: nodes.OrderNumberLeaf) -> tuple[Hashable, Scale] | None:
    """As `number_scale`, for a number of the judged order."""
    if leaf.negated or leaf.which or leaf.prop not in quick_orders.PLAIN:
        return None
    dimension, prop = parse_unit(leaf.unit).dimension, leaf.prop
    return (prop, dimension), Scale(lambda chart, view: _plain(chart, view, prop, dimension))


def _plain(chart: Chart, view: OrderView, prop: str, dimension: Dimension) -> float | None:
    found = quick_orders.kept(chart, view, prop)
    if found is None or (
        found[1] is not dimension and found[1] != dimension and found is not quick_orders.NOT_KNOWN
    ):
        return None
    return found[2]


def quick_order_closure(leaf: nodes.OrderNumberLeaf, exact: Closure) -> Closure:
    """A plain number of an order is compared as it stands; the same answer, sooner."""
    which, negated, prop = leaf.which, leaf.negated, leaf.prop
    compare, decide = in_range(leaf.target), near(leaf.target)
    begin, least = from_low(leaf.target), near_from(leaf.target)
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        found = quick_orders.kept(chart, second if which else first, prop)
        if found is quick_orders.NOT_KNOWN:
            return UNKNOWN
        if found is None or (found[1] is not dimension and found[1] != dimension):
            return exact(chart, first, second, allergy)
        if found[0].high is None:
            value = least(found[2])
            if value is None:
                value = begin(found[0])
        else:
            value = decide(found[2])
            if value is None:
                value = compare(found[0])
        return OPPOSITE[value] if negated else value

    return run


def dose_multiple_closure(leaf: nodes.DoseMultipleLeaf, exact: Closure) -> Closure:
    """A plain dose is divided by the step, once for each dose that is written."""
    which, step = leaf.which, leaf.step.low
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    dimension = parse_unit(leaf.unit).dimension

    @lru_cache(maxsize=1024)
    def fits(value: Decimal, unit: str) -> bool:
        return step is not None and (quick_orders.in_base(value, unit) / step).denominator == 1

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        view = second if which else first
        found, written = quick_orders.kept(chart, view, "dose"), view.order.dose
        if written is None:
            return UNKNOWN
        if found is None or found[1] != dimension or step is None:
            return exact(chart, first, second, allergy)
        return yes if fits(written.value, written.unit) else no

    return run


def order_number_closure(leaf: nodes.OrderNumberLeaf) -> Closure:
    compare = in_range(leaf.target)
    prop, which, negated, of = leaf.prop, leaf.which, leaf.negated, frozenset(leaf.of)
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        measure: Measure = order_number(chart, second if which else first, prop, of)
        if measure.interval is None or measure.dimension != dimension:
            return UNKNOWN
        value = compare(measure.interval)
        return OPPOSITE[value] if negated else value

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
    if leaf.prop == "form":

        def form(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            found = (second if which else first).recognised.form
            return UNKNOWN if found is None else yes if found in values else no

        return form
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
