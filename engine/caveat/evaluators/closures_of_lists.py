"""Closures of conditions, counts, sums and stated facts: leaves that ask lists of the record."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from caveat.compile import nodes
from caveat.compile.nodes import Leaf
from caveat.evaluators.closures_of_numbers import Closure, in_range
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts import quick
from caveat.facts.chart import Chart
from caveat.facts.problems_list import views
from caveat.intervals import Interval
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit


def known_closure(leaf: nodes.KnownLeaf, index: int) -> Closure:
    exact, fact, negated = once(leaf, index), leaf.fact, leaf.negated

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


def child_pugh_closure(leaf: nodes.KnownLeaf | nodes.ChoiceLeaf, index: int) -> Closure:
    """Without any fact of the liver every class is possible and none is known."""
    exact = once(leaf, index)
    if isinstance(leaf, nodes.KnownLeaf):
        nothing: Truth = TRUE if leaf.negated else FALSE
    else:
        nothing = UNKNOWN

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        if quick.no_liver_facts(chart, touched(chart)):
            memo[index] = nothing
            return nothing
        return exact(chart, first, second, allergy)

    return run


def daily_sum_closure(leaf: nodes.SumLeaf, index: int) -> Closure:
    """A sum of plain daily doses of recognised orders."""
    exact, compare, negated = once(leaf, index), in_range(leaf.target), leaf.negated
    weights = {name: weight.low or Fraction(0) for name, weight in leaf.weights}
    dimension = parse_unit(leaf.unit).dimension

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        if chart.patient.orders is None or chart.patient.complete.orders == "unknown":
            return exact(chart, first, second, allergy)
        total = Fraction(0)
        for view in chart.counted:
            if view.resolution.unrecognised:
                return exact(chart, first, second, allergy)
            weight = sum(weights[name] for name in view.ingredients if name in weights)
            if weight:
                found = quick.dose_rate(view)
                if found is None or found[1] != dimension:
                    return exact(chart, first, second, allergy)
                total += weight * found[0]
        value = compare(Interval(total, total))
        memo[index] = value = cast(Truth, 2 - value if negated else value)
        return value

    return run


def count_closure(leaf: nodes.CountLeaf, index: int) -> Closure:
    """A count of recognised orders on a list that was given."""
    exact, compare = once(leaf, index), in_range(leaf.target)
    members, by_order = frozenset(leaf.ingredients), leaf.by == "order"

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        patient = chart.patient
        if leaf.negated or patient.orders is None or patient.complete.orders == "unknown":
            return exact(chart, first, second, allergy)
        names: set[str] = set()
        orders = 0
        for view in chart.counted:
            if view.resolution.unrecognised:
                return exact(chart, first, second, allergy)
            inside_scope = members.intersection(view.ingredients)
            if inside_scope:
                orders += 1
                names |= inside_scope
        found = Fraction(orders if by_order else len(names))
        memo[index] = value = compare(Interval(found, found))
        return value

    return run


def once(leaf: Leaf, index: int) -> Closure:
    """A leaf that asks the patient alone: judged once a chart."""
    nobody = Subject()

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if index in memo:
            return cast(Truth, memo[index])
        memo[index] = value = judge(leaf, chart, nobody).truth
        return value

    return run


def condition_closure(leaf: nodes.ConditionLeaf, index: int) -> Closure:
    """Nothing recorded that touches the sets is the usual case and is seen at once."""
    sets = frozenset(leaf.sets)
    asked = general(leaf) if leaf.during_order else once(leaf, index)
    absent: Truth | None = None if leaf.negated else FALSE

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        recorded = memo["touched"] if "touched" in memo else touched(chart)
        if recorded is not None and absent is not None and sets.isdisjoint(recorded):
            return absent
        return asked(chart, first, second, allergy)

    return run


def touched(chart: Chart) -> frozenset[str] | None:
    """Every value set that a listed condition is or may be in; None where absence is not known."""
    if "touched" in chart.memo:
        return chart.memo["touched"]  # type: ignore[no-any-return]
    found: frozenset[str] | None = None
    listed = views(chart)
    if listed is not None and chart.patient.complete.conditions != "unknown":
        found = frozenset().union(*(view.sets for view in listed), *(view.possible for view in listed))
    chart.memo["touched"] = found
    return found


def general(leaf: Leaf) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        orders = tuple(view for view in (first, second) if view is not None)
        return judge(leaf, chart, Subject(orders, allergy)).truth

    return run


def asks_patient_alone(leaf: Leaf) -> bool:
    if isinstance(leaf, nodes.KnownLeaf):
        return not leaf.fact.startswith("order.")
    return isinstance(leaf, (nodes.ChoiceLeaf, nodes.CountLeaf, nodes.SumLeaf))
