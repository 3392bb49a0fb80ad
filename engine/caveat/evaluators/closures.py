"""Nodes compiled to closures that give a truth and nothing else.

Each closure takes the chart, the judged order, the second order and the allergy. Truths of
patient-level leaves are kept in the chart under the leaf's number, so that a fact that many
rules ask for is looked up once. Cheap parts are asked first; the truth does not depend on it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.evaluators.closures_of_lists import (
    asks_patient_alone,
    choice_closure,
    condition_closure,
    flag_closure,
    general,
    indication_closure,
    known_choice_closure,
    known_closure,
    known_list_closure,
    known_of_order_closure,
    once,
    stated_flag,
)
from caveat.evaluators.closures_of_numbers import (
    Closure,
    Scale,
    bounds,
    known_and_closure,
    number_closure,
    number_scale,
)
from caveat.evaluators.closures_of_orders import (
    QUICK_PROPERTIES,
    dose_multiple_closure,
    order_is_closure,
    order_number_closure,
    order_scale,
    quick_order_closure,
)
from caveat.evaluators.closures_of_totals import count_closure, total_closure
from caveat.evaluators.comparing import OPPOSITE, Bounds
from caveat.evaluators.leaves import asks_order
from caveat.facts.catalog import CHOICES, CLOSED_LISTS, LISTS, PATIENT_NUMBERS
from caveat.facts.chart import Chart
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth


class Closures:
    """Compiles nodes; equal leaves share one closure and one number."""

    def __init__(self) -> None:
        self.known: dict[Leaf, Closure] = {}
        self.kept: dict[Leaf, Hashable] = {}
        """Under what the chart keeps the truth of a leaf that asks the patient alone, once it was asked."""
        self.scales: dict[Hashable, Scale] = {}
        self._bounds: dict[Node, Bounds] = {}

    def node(self, node: Node) -> Closure:
        """The closure of a tree."""
        if isinstance(node, nodes.All):
            fused = self.fused(node.parts)
            if fused is not None:
                return fused
            return _all([self.node(part) for part in sorted(node.parts, key=cost)])
        if isinstance(node, nodes.AnyOf):
            return _any([self.node(part) for part in sorted(node.parts, key=cost)])
        if isinstance(node, nodes.AtLeast):
            return _at_least(node.count, [self.node(part) for part in node.parts], node.each)
        found = self.known.get(node)
        if found is None:
            plain, key = affirmed(node), object()
            self.known[node] = found = self._leaf(node, key) if plain is None else _opposite(self.node(plain))
            if plain is None and (isinstance(node, nodes.NumberLeaf) or asks_patient_alone(node)):
                self.kept[node] = key
        return found

    def fused(self, parts: tuple[Node, ...]) -> Closure | None:
        """One question for "known, and in a range" of one measured number; None for any other parts."""
        if len(parts) != 2:
            return None
        for known, asked in (parts, parts[::-1]):
            if isinstance(known, nodes.KnownLeaf) and isinstance(asked, nodes.ChoiceLeaf):
                flag = stated_flag(known.fact)
                if flag is not None and known.fact == asked.fact and not known.negated:
                    return flag_closure(asked, flag, unstated=FALSE)
        for known, number in (parts, parts[::-1]):
            if isinstance(known, nodes.KnownLeaf) and isinstance(number, nodes.NumberLeaf):
                plain = not (known.negated or number.negated) and number.within is None
                measured = known.fact not in PATIENT_NUMBERS and not known.fact.endswith("_age")
                if known.fact == number.fact and plain and measured and number_scale(number) is not None:
                    return known_and_closure(number, _both(self.node(known), self.node(number)))
        return None

    def scale(self, node: Node) -> tuple[Hashable, Scale] | None:
        """The plain number that a leaf compares with one range, read once a chart for all such leaves."""
        found = None
        if isinstance(node, nodes.NumberLeaf):
            found = number_scale(node)
        elif isinstance(node, nodes.OrderNumberLeaf):
            found = order_scale(node)
        return None if found is None else (found[0], self.scales.setdefault(*found))

    def bounds(self, node: Node) -> Bounds:
        """The range of a leaf that has a scale; equal leaves share it."""
        found = self._bounds.get(node)
        if found is None:
            self._bounds[node] = found = bounds(node)
        return found

    def _where(self, leaf: nodes.CountLeaf | nodes.SumLeaf) -> Closure | None:
        """The condition on each order that a count or a sum goes over."""
        return None if leaf.where is None else self.node(leaf.where)

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
        if isinstance(leaf, (nodes.ChoiceLeaf, nodes.KnownLeaf)):
            flag = stated_flag(leaf.fact)
            if flag is not None:
                return flag_closure(leaf, flag)
        if isinstance(leaf, nodes.ChoiceLeaf):
            return choice_closure(leaf, key)
        if isinstance(leaf, nodes.KnownLeaf):
            if leaf.fact in CHOICES:
                return known_choice_closure(leaf, key)
            if leaf.fact in LISTS or leaf.fact in CLOSED_LISTS:
                return known_list_closure(leaf)
            if asks_patient_alone(leaf):
                return known_closure(leaf, key)
            return known_of_order_closure(leaf) or general(leaf)
        if isinstance(leaf, nodes.IndicationLeaf):
            return indication_closure(leaf)
        if isinstance(leaf, nodes.SumLeaf):
            return total_closure(leaf, key, self._where(leaf))
        if isinstance(leaf, nodes.CountLeaf):
            return count_closure(leaf, key, self._where(leaf))
        if asks_patient_alone(leaf):
            return once(leaf, key)
        return general(leaf)


class ClosuresOfNobody(Closures):
    """Closures for a subject that names no order: what asks one is UNKNOWN."""

    def _leaf(self, leaf: Leaf, key: object) -> Closure:
        return _constant(UNKNOWN) if asks_order(leaf) else super()._leaf(leaf, key)

    def _where(self, leaf: nodes.CountLeaf | nodes.SumLeaf) -> Closure | None:
        """What the orders that are counted are asked, as in any rule."""
        return None if leaf.where is None else Closures().node(leaf.where)


def cost(node: Node) -> int:
    """A guess at what a node costs, to ask the cheap parts first; the truth does not depend on it."""
    if isinstance(node, (nodes.All, nodes.AnyOf, nodes.AtLeast)):
        return 2 + sum(cost(part) for part in node.parts)
    if isinstance(node, nodes.KnownLeaf):
        return 2 if node.fact in PATIENT_NUMBERS and PATIENT_NUMBERS[node.fact].derived else 1
    if isinstance(node, (nodes.Always, nodes.OrderIsLeaf, nodes.ChoiceLeaf)):
        return 1
    if isinstance(node, nodes.NumberLeaf):
        return 2 if node.fact == "age" else 4
    if isinstance(node, nodes.OrderNumberLeaf):
        return 3 if node.prop == "daily_dose" else 6
    return 3 if isinstance(node, nodes.ConditionLeaf) else 5


def affirmed(leaf: Leaf) -> Leaf | None:
    """The leaf of the patient alone that a negated one is the opposite of; None for any other."""
    if not (isinstance(leaf, (nodes.ChoiceLeaf, nodes.KnownLeaf)) and leaf.negated):
        return None
    if not asks_patient_alone(leaf) or stated_flag(leaf.fact) is not None:
        return None
    return replace(leaf, negated=False)


def _opposite(plain: Closure) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        return OPPOSITE[plain(chart, first, second, allergy)]

    return run


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


def _at_least(count: int, parts: list[Closure], each: tuple[int, ...]) -> Closure:
    worth = tuple(zip(parts, each, strict=True))

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        true = unknown = 0
        for part, points in worth:
            value = part(chart, first, second, allergy)
            if value == TRUE:
                true += points
            elif value == UNKNOWN:
                unknown += points
        if true >= count:
            return TRUE
        return UNKNOWN if true + unknown >= count else FALSE

    return run
