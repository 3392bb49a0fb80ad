"""Nodes compiled to closures that give a truth and nothing else.

Each closure takes the chart, the judged order, the second order and the allergy. Truths of
patient-level leaves are kept in the chart under the leaf's number, so that a fact that many
rules ask for is looked up once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan
from typing import Any, cast

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts import quick
from caveat.facts.catalog import PATIENT_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number
from caveat.facts.problems_list import views
from caveat.facts.quick import MARGIN
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit

YEAR = float(parse_unit("a").factor)
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
            exact = _order_number(leaf)
            return _daily_dose(leaf, exact) if leaf.prop == "daily_dose" else exact
        if isinstance(leaf, nodes.ConditionLeaf):
            return _condition(leaf, index)
        if isinstance(leaf, nodes.OrderIsLeaf):
            fast = _order_is(leaf)
            if fast is not None:
                return fast
        if isinstance(leaf, (nodes.KnownLeaf, nodes.ChoiceLeaf)) and leaf.fact == "child_pugh_class":
            return _child_pugh(leaf, index)
        if isinstance(leaf, nodes.KnownLeaf) and not leaf.fact.startswith(("order.", "context.")):
            return _known(leaf, index)
        if _asks_patient_alone(leaf):
            return _once(leaf, index)
        return _general(leaf)


def _asks_patient_alone(leaf: Leaf) -> bool:
    if isinstance(leaf, nodes.KnownLeaf):
        return not leaf.fact.startswith("order.")
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
    if fact == "age" and leaf.unit == "a":
        return _quick_age
    if fact == "creatinine_clearance":
        return lambda chart: quick.clearance(chart, within, using)
    if fact in PATIENT_NUMBERS and PATIENT_NUMBERS[fact].derived:
        return None
    if fact.endswith("_age"):
        concept = fact[:-4]
        return lambda chart: None if concept in quick.entries(chart) else nan
    unit = leaf.unit

    def value(chart: Chart) -> float | None:
        found = number_fact(fact, chart.terminology)
        return None if found is None else quick.latest(chart, fact, unit, found.analyte, within)

    return value


def _quick_age(chart: Chart) -> float | None:
    lived = quick.years(chart)
    return None if lived is None else lived * YEAR


def _number(leaf: nodes.NumberLeaf, index: int) -> Closure:
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
        if index in memo:
            return cast(Truth, memo[index])
        plain = None if estimate is None else estimate(chart)
        value: Truth | None = None
        if plain is not None:
            value = UNKNOWN if plain != plain else decide(plain)
        if value is None:
            measure = number(chart, fact, unit, pick, within, using)
            value = UNKNOWN if measure.interval is None else compare(measure.interval)
        memo[index] = value = cast(Truth, 2 - value if negated else value)
        return value

    return run


def _daily_dose(leaf: nodes.OrderNumberLeaf, exact: Closure) -> Closure:
    """A plain daily dose far from the limit is compared as it is."""
    decide, which, negated = near(leaf.target), leaf.which, leaf.negated
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        view = second if which else first
        memo = chart.memo
        key = ("rate", view.order.id)
        if key in memo:
            found = memo[key]
        else:
            memo[key] = found = quick.dose_rate(view)
        if found is not None and found[1] == dimension:
            value = decide(found[0])
            if value is not None:
                return cast(Truth, 2 - value) if negated else value
        return exact(chart, first, second, allergy)

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


def _known(leaf: nodes.KnownLeaf, index: int) -> Closure:
    exact, fact, negated = _once(leaf, index), leaf.fact, leaf.negated

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        held = quick.known(chart, fact)
        if held is None:
            return exact(chart, first, second, allergy)
        memo[index] = value = TRUE if held != negated else FALSE
        return value

    return run


def _child_pugh(leaf: nodes.KnownLeaf | nodes.ChoiceLeaf, index: int) -> Closure:
    """Without any fact of the liver every class is possible and none is known."""
    exact = _once(leaf, index)
    if isinstance(leaf, nodes.KnownLeaf):
        nothing: Truth = TRUE if leaf.negated else FALSE
    else:
        nothing = UNKNOWN

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        touched = memo["touched"] if "touched" in memo else _touched(chart)
        if quick.no_liver_facts(chart, touched):
            memo[index] = nothing
            return nothing
        return exact(chart, first, second, allergy)

    return run


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


def _condition(leaf: nodes.ConditionLeaf, index: int) -> Closure:
    """Nothing recorded that touches the sets is the usual case and is seen at once."""
    sets = frozenset(leaf.sets)
    asked = _general(leaf) if leaf.during_order else _once(leaf, index)
    absent: Truth | None = None if leaf.negated else FALSE

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        touched = memo["touched"] if "touched" in memo else _touched(chart)
        if touched is not None and absent is not None and sets.isdisjoint(touched):
            return absent
        return asked(chart, first, second, allergy)

    return run


def _touched(chart: Chart) -> frozenset[str] | None:
    """Every value set that a listed condition is or may be in; None where the list says nothing about absence."""
    found: frozenset[str] | None = None
    listed = views(chart)
    if listed is not None and chart.patient.complete.conditions != "unknown":
        found = frozenset().union(*(view.sets for view in listed), *(view.possible for view in listed))
    chart.memo["touched"] = found
    return found


def _general(leaf: Leaf) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        orders = tuple(view for view in (first, second) if view is not None)
        return judge(leaf, chart, Subject(orders, allergy)).truth

    return run
