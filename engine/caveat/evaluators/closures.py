"""Nodes compiled to closures that give a truth and nothing else.

Each closure takes the chart, the judged order, the second order and the allergy. Truths of
patient-level leaves are kept in the chart under the leaf's number, so that a fact that many
rules ask for is looked up once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit

Closure = Callable[[Chart, Any, Any, Any], Truth]


class Closures:
    """Compiles nodes; equal leaves share one closure and one number."""

    def __init__(self) -> None:
        self.known: dict[Leaf, Closure] = {}

    def node(self, node: Node) -> Closure:
        """The closure of a tree."""
        if isinstance(node, nodes.All):
            return _all([self.node(part) for part in node.parts])
        if isinstance(node, nodes.AnyOf):
            return _any([self.node(part) for part in node.parts])
        if isinstance(node, nodes.AtLeast):
            return _at_least(node.count, [self.node(part) for part in node.parts])
        found = self.known.get(node)
        if found is None:
            self.known[node] = found = self._leaf(node, len(self.known))
        return found

    def _leaf(self, leaf: Leaf, index: int) -> Closure:
        if isinstance(leaf, nodes.Always):
            return _constant(FALSE if leaf.negated else TRUE)
        if isinstance(leaf, nodes.NumberLeaf):
            return _number(leaf, index)
        if isinstance(leaf, nodes.OrderNumberLeaf):
            return _order_number(leaf)
        if isinstance(leaf, nodes.OrderIsLeaf):
            fast = _order_is(leaf)
            if fast is not None:
                return fast
        if _asks_patient_alone(leaf):
            return _once(leaf, index)
        return _general(leaf)


def _asks_patient_alone(leaf: Leaf) -> bool:
    if isinstance(leaf, nodes.KnownLeaf):
        return not leaf.fact.startswith("order.")
    if isinstance(leaf, nodes.ConditionLeaf):
        return not leaf.during_order
    return isinstance(leaf, (nodes.ChoiceLeaf, nodes.CountLeaf, nodes.SumLeaf))


def _constant(value: Truth) -> Closure:
    return lambda chart, first, second, allergy: value


def _all(parts: list[Closure]) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        lowest: Truth = TRUE
        for part in parts:
            value = part(chart, first, second, allergy)
            if value == FALSE:
                return FALSE
            if value == UNKNOWN:
                lowest = UNKNOWN
        return lowest

    return run


def _any(parts: list[Closure]) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        highest: Truth = FALSE
        for part in parts:
            value = part(chart, first, second, allergy)
            if value == TRUE:
                return TRUE
            if value == UNKNOWN:
                highest = UNKNOWN
        return highest

    return run


def _at_least(count: int, parts: list[Closure]) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        true = unknown = 0
        for part in parts:
            value = part(chart, first, second, allergy)
            if value == TRUE:
                true += 1
            elif value == UNKNOWN:
                unknown += 1
        if true >= count:
            return TRUE
        return UNKNOWN if true + unknown >= count else FALSE

    return run


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


def _number(leaf: nodes.NumberLeaf, index: int) -> Closure:
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
        if index in memo:
            return cast(Truth, memo[index])
        measure = number(chart, fact, unit, pick, within, using)
        value = UNKNOWN if measure.interval is None else compare(measure.interval)
        memo[index] = value = cast(Truth, 2 - value if negated else value)
        return value

    return run


def _order_number(leaf: nodes.OrderNumberLeaf) -> Closure:
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


def _order_is(leaf: nodes.OrderIsLeaf) -> Closure | None:
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
    if leaf.prop == "purpose":

        def purpose(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            return yes if ((second if which else first).order.purpose or "treatment") in values else no

        return purpose
    return None


def _once(leaf: Leaf, index: int) -> Closure:
    """A leaf that asks the patient alone: judged once a chart."""
    nobody = Subject()

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        memo[index] = value = judge(leaf, chart, nobody).truth
        return value

    return run


def _general(leaf: Leaf) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        orders = tuple(view for view in (first, second) if view is not None)
        return judge(leaf, chart, Subject(orders, allergy)).truth

    return run
