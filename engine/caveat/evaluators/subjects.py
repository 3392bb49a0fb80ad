"""What a rule is judged for: one order, two orders, an ended order, an order and an allergy, the patient."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from caveat.compile.program import CompiledRule
from caveat.facts.allergies import AllergyView, allergy_views
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView, overlap
from caveat.truth import FALSE, TRUE, Truth


class Subject(NamedTuple):
    """What one judgement is about.

    `overlaps` is UNKNOWN for a pair whose dates do not say; `listed` is False when the allergy list
    is not known, and then an allergy rule on every order names no order.
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
_NEW = tuple.__new__


def of_orders(orders: tuple[OrderView, ...], overlaps: Truth = TRUE) -> Subject:
    """A subject without an allergy; made in half the time that the class's own constructor takes."""
    return _NEW(Subject, (orders, None, overlaps, True))


@lru_cache(maxsize=4096)
def _members(names: tuple[str, ...]) -> frozenset[str]:
    """The ingredients of a scope as a set, made once: a class may have hundreds."""
    return frozenset(names)


def subjects(rule: CompiledRule, chart: Chart) -> Iterator[Subject]:
    """Every subject the rule is judged for, in the order of the record."""
    first = _members(rule.first)
    if rule.subject == "order":
        for view in chart.current:
            if not first.isdisjoint(view.ingredients):
                yield Subject((view,))
    elif rule.subject == "stopped":
        for view in chart.ended:
            if not first.isdisjoint(view.ingredients):
                yield Subject((view,))
    elif rule.subject == "pair":
        yield from _pairs(rule, first, chart)
    elif rule.subject == "allergy":
        yield from _allergies(rule, first, chart)
    elif not first or any(not first.isdisjoint(view.ingredients) for view in chart.current):
        yield PATIENT


def _pairs(rule: CompiledRule, first: frozenset[str], chart: Chart) -> Iterator[Subject]:
    """Each two orders; both ways round where both fit, since a condition may ask one side only."""
    second = _members(rule.second)
    # an order and its being carried out are no two orders of one ingredient
    current = chart.counted if rule.share else chart.current
    for one in current:
        if not rule.of_any and first.isdisjoint(one.ingredients):
            continue
        for other in current:
            if other is one or not (rule.of_any or not second.isdisjoint(other.ingredients)):
                continue
            if rule.share and not sharing(rule, one, other):
                continue
            together = overlap(one.order, other.order)
            if together != FALSE:
                yield Subject((one, other), overlaps=together)


def sharing(rule: CompiledRule, one: OrderView, other: OrderView) -> bool:
    """Whether two orders share an ingredient of the scope, or none of both sides, as the rule asks."""
    common = set(one.ingredients).intersection(other.ingredients)
    if rule.share == "none":
        return common.isdisjoint(rule.first) or common.intersection(rule.first).isdisjoint(rule.second)
    return not common.isdisjoint(rule.first) if rule.first else bool(common.difference(rule.left_out))


def _allergies(rule: CompiledRule, first: frozenset[str], chart: Chart) -> Iterator[Subject]:
    """An order against each recorded allergy to its ingredient (or to a member of the wider class).

    Where the list is not known each order is a subject without an allergy; a rule on every order has one
    such subject in all, which names no order.
    """
    wider = _members(rule.second)
    listed = allergy_views(chart)
    made: list[Subject] = []
    for view in chart.current:
        judged = judged_of(rule, first, view)
        if not judged:
            continue
        targets = judged | wider
        found = [allergy for allergy in listed or () if not targets.isdisjoint(allergy.ingredients)]
        made += [Subject((view,), allergy) for allergy in found]
        if listed is None or (not found and chart.patient.complete.allergies == "unknown"):
            made.append(Subject((view,), listed=False))
    if rule.of_any and not all(subject.listed for subject in made):
        made = [Subject(listed=False), *(subject for subject in made if subject.listed)]
    yield from made


def judged_of(rule: CompiledRule, first: frozenset[str], view: OrderView) -> frozenset[str]:
    """The ingredients of an order that an allergy rule is about."""
    if rule.of_any:
        return frozenset(view.ingredients).difference(rule.left_out)
    return first.intersection(view.ingredients)
