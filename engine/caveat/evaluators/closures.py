"""Nodes compiled to closures that give a truth and nothing else.

Each closure takes the chart, the judged order, the second order and the allergy. Truths of
patient-level leaves are kept in the chart under the leaf's number, so that a fact that many
rules ask for is looked up once. Cheap parts are asked first; the truth does not depend on it.
"""

from __future__ import annotations

from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.evaluators.closures_of_lists import (
    asks_patient_alone,
    choice_closure,
    condition_closure,
    count_closure,
    daily_sum_closure,
    general,
    indication_closure,
    known_choice_closure,
    known_closure,
    known_of_order_closure,
    once,
)
from caveat.evaluators.closures_of_numbers import (
    QUICK_PROPERTIES,
    Closure,
    dose_multiple_closure,
    number_closure,
    order_is_closure,
    order_number_closure,
    quick_order_closure,
)
from caveat.facts.catalog import CHOICES
from caveat.facts.chart import Chart
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth


class Closures:
    """Compiles nodes; equal leaves share one closure and one number."""

    def __init__(self) -> None:
        self.known: dict[Leaf, Closure] = {}

    def node(self, node: Node) -> Closure:
        """The closure of a tree."""
        if isinstance(node, nodes.All):
            return _all([self.node(part) for part in sorted(node.parts, key=cost)])
        if isinstance(node, nodes.AnyOf):
            return _any([self.node(part) for part in sorted(node.parts, key=cost)])
        if isinstance(node, nodes.AtLeast):
            return _at_least(node.count, [self.node(part) for part in node.parts])
        found = self.known.get(node)
        if found is None:
            self.known[node] = found = self._leaf(node, object())
        return found

    def rest(self, node: Node, guard: Leaf) -> Closure | None:
        """What is left to ask of a tree once `guard` is TRUE; None where that is the whole tree."""
        if node == guard:
            return _constant(TRUE)
        if isinstance(node, nodes.All) and guard in node.parts:
            left = [part for part in node.parts if part != guard]
            return _all([self.node(part) for part in sorted(left, key=cost)]) if left else _constant(TRUE)
        return None

    def _leaf(self, leaf: Leaf, key: object) -> Closure:
        if isinstance(leaf, nodes.Always):
            return _constant(FALSE if leaf.negated else TRUE)
        if isinstance(leaf, nodes.NumberLeaf):
            return number_closure(leaf, key)
        if isinstance(leaf, nodes.OrderNumberLeaf):
            exact = order_number_closure(leaf)
            return quick_order_closure(leaf, exact) if leaf.prop in QUICK_PROPERTIES else exact
        if isinstance(leaf, nodes.ConditionLeaf):
            return condition_closure(leaf, key)
        if isinstance(leaf, nodes.DoseMultipleLeaf):
            return dose_multiple_closure(leaf, general(leaf))
        if isinstance(leaf, nodes.OrderIsLeaf):
            fast = order_is_closure(leaf)
            if fast is not None:
                return fast
        if isinstance(leaf, nodes.ChoiceLeaf):
            return choice_closure(leaf, key)
        if isinstance(leaf, nodes.KnownLeaf):
            if leaf.fact in CHOICES:
                return known_choice_closure(leaf, key)
            if not leaf.fact.startswith("order."):
                return known_closure(leaf, key)
            return known_of_order_closure(leaf) or general(leaf)
        if isinstance(leaf, nodes.IndicationLeaf):
            return indication_closure(leaf)
        if isinstance(leaf, nodes.SumLeaf) and leaf.times == "daily_dose":
            return daily_sum_closure(leaf, key)
        if isinstance(leaf, nodes.CountLeaf):
            return count_closure(leaf, key)
        if asks_patient_alone(leaf):
            return once(leaf, key)
        return general(leaf)


def cost(node: Node) -> int:
    """A guess at what a node costs, to ask the cheap parts first; the truth does not depend on it."""
    if isinstance(node, (nodes.All, nodes.AnyOf, nodes.AtLeast)):
        return 2 + sum(cost(part) for part in node.parts)
    if isinstance(node, (nodes.Always, nodes.OrderIsLeaf, nodes.ChoiceLeaf, nodes.KnownLeaf)):
        return 1
    if isinstance(node, nodes.NumberLeaf):
        return 2 if node.fact == "age" else 4
    if isinstance(node, nodes.OrderNumberLeaf):
        return 3 if node.prop == "daily_dose" else 6
    return 3 if isinstance(node, nodes.ConditionLeaf) else 5


def _constant(value: Truth) -> Closure:
    return lambda chart, first, second, allergy: value


def _all(parts: list[Closure]) -> Closure:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        return _both(*parts)

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


def _both(one: Closure, other: Closure) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        value = one(chart, first, second, allergy)
        if value == FALSE:
            return FALSE
        last = other(chart, first, second, allergy)
        return last if last < value else value

    return run


def _any(parts: list[Closure]) -> Closure:
    if len(parts) == 1:
        return parts[0]

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
