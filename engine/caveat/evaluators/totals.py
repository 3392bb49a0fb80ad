"""Counts and sums over current orders, with a condition on each order that is gone over."""

from __future__ import annotations

from collections.abc import Callable, Container
from fractions import Fraction
from typing import Final

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.evaluators.subjects import Subject
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.order_numbers import order_number
from caveat.facts.problems_list import Answer
from caveat.findings.basis import Basis, Medicine, Missing, merge_basis, merge_missing, of_order
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, all_of, any_of, at_least, negate
from caveat.units import parse_unit

Judge = Callable[[Leaf, Chart, Subject], Answer]
EVERY: Final = Answer(TRUE)
NO_LIST: Final = Answer(UNKNOWN, (), (Missing("orders", "no list of medicines is recorded"),))


def holds(node: Node, chart: Chart, subject: Subject, judge: Judge) -> Answer:
    """The truth of a tree for one order; UNKNOWN carries what its UNKNOWN parts miss."""
    if not isinstance(node, (nodes.All, nodes.AnyOf, nodes.AtLeast)):
        return judge(node, chart, subject)
    parts = [holds(part, chart, subject, judge) for part in node.parts]
    truths = [part.truth for part in parts]
    if isinstance(node, nodes.All):
        truth = all_of(truths)
    elif isinstance(node, nodes.AnyOf):
        truth = any_of(truths)
    else:
        truth = at_least(node.count, truths, node.each)
    missing = merge_missing([part.missing for part in parts if part.truth == UNKNOWN])
    basis = merge_basis([part.basis for part in parts if part.truth == truth])
    return Answer(truth, basis, missing if truth == UNKNOWN else ())


def chosen(
    leaf: nodes.CountLeaf | nodes.SumLeaf, chart: Chart, judge: Judge
) -> list[tuple[OrderView, Answer]]:
    """The counted orders in scope of which the leaf's `where` is not FALSE, each with its truth."""
    members = set(leaf.ingredients if isinstance(leaf, nodes.CountLeaf) else dict(leaf.weights))
    found = []
    for view in chart.counted:
        if members.isdisjoint(view.ingredients):
            continue
        held = EVERY if leaf.where is None else holds(leaf.where, chart, Subject((view,)), judge)
        if held.truth != FALSE:
            found.append((view, held))
    return found


def medicine(view: OrderView, asked: Container[str]) -> Medicine:
    """An order as a medicine to name, with those of its ingredients that are asked about."""
    drugs = tuple([name for name in view.ingredients if name in asked])
    return Medicine(view.order.id, view.name, view.ingredients, drugs)


def order_basis(view: OrderView, asked: Container[str]) -> Basis:
    """That an order is taken."""
    return Basis("order", view.name, None, view.order.source, (medicine(view, asked),))


def count(leaf: nodes.CountLeaf, chart: Chart, judge: Judge) -> Answer:
    """How many orders or ingredients are in the scope; unrecognised orders may be among them."""
    listed = chosen(leaf, chart, judge)
    sure = [view for view, held in listed if held.truth == TRUE]
    found, most = _number(leaf, sure), _number(leaf, [view for view, _ in listed])
    doubtful = sum(1 for view in chart.counted if view.resolution.unrecognised)
    basis = tuple(order_basis(view, leaf.ingredients) for view, _ in listed)
    if chart.patient.orders is None:
        return NO_LIST
    high = None if chart.patient.complete.orders == "unknown" else Fraction(most + doubtful)
    truth = no_more_than_listed(inside(Interval(Fraction(found), high), leaf.target), leaf, chart)
    if truth != UNKNOWN:
        return Answer(truth, basis)
    unsure = [of_order(held.missing, medicine(view, leaf.ingredients)) for view, held in listed]
    if doubtful:
        unsure.append((Missing("orders", "some medicines are not recognised"),))
    lacking = merge_missing(unsure) or (Missing("orders", "the list of medicines is not closed"),)
    return Answer(truth, basis, lacking)


def _number(leaf: nodes.CountLeaf, views: list[OrderView]) -> int:
    if leaf.by == "order":
        return len(views)
    members = set(leaf.ingredients)
    return len({name for view in views for name in view.ingredients if name in members})


def no_more_than_listed(truth: Truth, leaf: nodes.CountLeaf | nodes.SumLeaf, chart: Chart) -> Truth:
    """The truth of the leaf, negated where it is; "no more than these" is TRUE only on a closed list."""
    truth = negate(truth) if leaf.negated else truth
    bound = leaf.target.low if leaf.negated else leaf.target.high
    if truth == TRUE and bound is not None and chart.patient.complete.orders != "closed":
        return UNKNOWN
    return truth


def total(leaf: nodes.SumLeaf, chart: Chart, judge: Judge) -> Answer:
    """The weighted sum; of a combination product each ingredient adds its own part.

    An order whose part is not known, or of which `where` is UNKNOWN, makes the sum an interval.
    """
    if chart.patient.orders is None:
        return NO_LIST
    summed, bases, missing = added(leaf, chart, judge)
    truth = no_more_than_listed(inside(summed, leaf.target), leaf, chart)
    open_ = merge_missing(missing) or (Missing("orders", "the list of medicines may not be complete"),)
    return Answer(truth, merge_basis(bases), open_ if truth == UNKNOWN else ())


def added(
    leaf: nodes.SumLeaf, chart: Chart, judge: Judge
) -> tuple[Interval, list[tuple[Basis, ...]], list[tuple[Missing, ...]]]:
    """The sum from what it surely is to what it may be, what it rests on, and what is missing."""
    taken = chart.places
    weights = {name: weight.low or Fraction(0) for name, weight in leaf.weights if name in taken}
    low, high = Fraction(0), Fraction(0)
    open_high = chart.patient.complete.orders == "unknown"
    bases: list[tuple[Basis, ...]] = []
    missing: list[tuple[Missing, ...]] = []
    for view in chart.counted:
        if view.resolution.unrecognised:
            open_high = True
            missing.append((Missing("orders", f"{view.name!r} is not recognised"),))
    for view, held in chosen(leaf, chart, judge):
        names = [name for name in view.ingredients if weights.get(name)]
        if held.truth == UNKNOWN and names:
            missing.append(of_order(held.missing, medicine(view, names)))
        for name in names:
            part, basis, lacking = _part(leaf, chart, view, name)
            bases.append(of_order(basis, medicine(view, (name,))))
            missing.append(of_order(lacking, medicine(view, (name,))))
            if held.truth == TRUE:
                low += weights[name] * (part.low or 0)
            if part.high is None:
                open_high = True
            else:
                high += weights[name] * part.high
    return Interval(low, None if open_high else high), bases, missing


def _part(
    leaf: nodes.SumLeaf, chart: Chart, view: OrderView, name: str
) -> tuple[Interval, tuple[Basis, ...], tuple[Missing, ...]]:
    """What one ingredient of an order adds before its weight, what that rests on, and what is missing."""
    if leaf.times is None:
        return Interval(Fraction(1), Fraction(1)), (order_basis(view, (name,)),), ()
    dose = order_number(chart, view, leaf.times, (name,))
    if dose.interval is None or dose.dimension != parse_unit(leaf.unit).dimension:
        why = f"{view.name!r} is not measured in {leaf.unit}"
        return Interval(Fraction(0), None), dose.basis, dose.missing or (Missing(leaf.times, why),)
    if dose.interval.high is None:
        why = f"{view.name!r} has no highest amount on record"
        return dose.interval, dose.basis, dose.missing or (Missing(leaf.times, why),)
    return dose.interval, dose.basis, dose.missing
