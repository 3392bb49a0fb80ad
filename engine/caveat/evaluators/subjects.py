"""What a rule is judged for: one order, two orders, an ended order, an order and an allergy, the patient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from caveat.compile.program import CompiledRule
from caveat.facts.allergies import AllergyView, allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, overlap
from caveat.truth import FALSE, TRUE, Truth


class Subject(NamedTuple):
    """What one judgement is about.

    `overlaps` is UNKNOWN for a pair whose dates do not say; `listed` is False when the allergy list
    is not known.
    """

    orders: tuple[OrderView, ...] = ()
    allergy: AllergyView | None = None
    overlaps: Truth = TRUE
    listed: bool = True

    @property
    def order_ids(self) -> tuple[str, ...]:
        """Ids of the orders, the judged one first."""
        orders = self.orders
        return (orders[0].order.id,) if len(orders) == 1 else tuple([view.order.id for view in orders])

    @property
    def allergy_ids(self) -> tuple[str, ...]:
        """The id of the allergy, when there is one."""
        return () if self.allergy is None else (self.allergy.id,)


PATIENT = Subject()


def subjects(rule: CompiledRule, chart: Chart) -> Iterator[Subject]:
    """Every subject the rule is judged for, in the order of the record."""
    first = frozenset(rule.first)
    if rule.subject == "order":
        for view in chart.current:
            if not first.isdisjoint(view.ingredients):
                yield Subject((view,))
    elif rule.subject == "stopped":
        for view in chart.ended:
            if not first.isdisjoint(view.ingredients):
                yield Subject((view,))
    elif rule.subject == "pair":
        yield from _pairs(first, frozenset(rule.second), chart)
    elif rule.subject == "allergy":
        yield from _allergies(first, frozenset(rule.second), chart)
    elif not first or any(not first.isdisjoint(view.ingredients) for view in chart.current):
        yield PATIENT


def _pairs(first: frozenset[str], second: frozenset[str], chart: Chart) -> Iterator[Subject]:
    """Each two orders; both ways round where both fit, since a condition may ask one side only."""
    for one in chart.current:
        if first.isdisjoint(one.ingredients):
            continue
        for other in chart.current:
            if other is one or second.isdisjoint(other.ingredients):
                continue
            together = overlap(one.order, other.order)
            if together != FALSE:
                yield Subject((one, other), overlaps=together)


def _allergies(first: frozenset[str], wider: frozenset[str], chart: Chart) -> Iterator[Subject]:
    """An order against each recorded allergy to its ingredient (or to a member of the wider class)."""
    for view in chart.current:
        judged = first.intersection(view.ingredients)
        if not judged:
            continue
        listed = allergy_views(chart)
        if listed is None:
            yield Subject((view,), listed=False)
            continue
        targets = judged | wider
        found = [allergy for allergy in listed if not targets.isdisjoint(allergy.ingredients)]
        yield from (Subject((view,), allergy) for allergy in found)
        if not found and chart.patient.complete.allergies == "unknown":
            yield Subject((view,), listed=False)
