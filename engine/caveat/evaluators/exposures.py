"""On how many of the last days an order of a class ran."""

from __future__ import annotations

from caveat.compile import nodes
from caveat.evaluators.subjects import Subject
from caveat.evaluators.totals import EVERY, NO_LIST, Judge, holds, medicine
from caveat.facts.chart import Chart
from caveat.facts.clinical import Order
from caveat.facts.identify import OrderView
from caveat.facts.observed import days_to_base
from caveat.facts.problems_list import Answer
from caveat.findings.basis import Basis, Missing, merge_missing, of_order
from caveat.intervals import inside
from caveat.truth import FALSE, UNKNOWN

_NEVER_RAN = ("entered-in-error", "cancelled", "proposed")

Days = tuple[int, int] | None
"""A first and a last day, both in it."""


def exposure(leaf: nodes.ExposureLeaf, chart: Chart, judge: Judge) -> Answer:
    """Whether the days of the window before `as_of` on which an order of the scope ran are in the range.

    What surely ran gives the fewest days and what may have run the most. On a list that is not closed earlier
    orders may be missing, so that any day may be one.
    """
    if chart.patient.orders is None:
        return NO_LIST
    first, last = chart.as_of - leaf.window, chart.as_of - 1
    members = set(leaf.ingredients)
    sure: list[tuple[int, int]] = []
    maybe: list[tuple[int, int]] = []
    basis: list[Basis] = []
    missing: list[tuple[Missing, ...]] = []
    for view in chart.views:
        ran = _within(_may_have_run(view.order, last), first, last)
        if ran is None:
            continue
        if view.resolution.unrecognised:
            maybe.append(ran)
            missing.append((Missing("orders", f"{view.name!r} is not recognised"),))
        if members.isdisjoint(view.ingredients):
            continue
        held = EVERY if leaf.where is None else holds(leaf.where, chart, Subject((view,)), judge)
        if held.truth == FALSE:
            continue
        maybe.append(ran)
        about = medicine(view, members)
        basis += of_order((_basis(view),), about)
        surely = _within(_surely_ran(view.order, last), first, last)
        if held.truth == UNKNOWN:
            missing.append(of_order(held.missing, about))
        elif surely is not None:
            sure.append(surely)
        if surely != ran:
            why = f"when {view.name!r} ran is not known to the day"
            missing.append((Missing("start", why, ("stop",), (about,)),))
    closed = chart.patient.complete.orders == "closed"
    if not closed:
        missing.append((Missing("orders", "earlier orders may not be listed"),))
    most = _count(maybe) if closed else leaf.window
    days = days_to_base(_count(sure), most)
    truth = inside(days, leaf.target)
    return Answer(truth, tuple(basis), merge_missing(missing) if truth == UNKNOWN else ())


def _basis(view: OrderView) -> Basis:
    order = view.order
    return Basis("order", f"{view.name}, {order.start or '?'} to {order.stop or '?'}", None, order.source)


def _surely_ran(order: Order, last: int) -> Days:
    """The days on which it ran whatever is not known of it; one of unknown status may never have run."""
    if order.status in (*_NEVER_RAN, None, "unknown") or order.start is None:
        return None
    begin = order.start.last
    if order.stop is not None:
        return begin, order.stop.first
    if order.origin == "dispense":
        return None
    running = order.status == "active" and order.origin != "administration"
    return begin, (last if running else begin)


def _may_have_run(order: Order, last: int) -> Days:
    if order.status in _NEVER_RAN:
        return None
    begin = -1 if order.start is None else order.start.first
    if order.stop is not None:
        return begin, order.stop.last
    if order.origin == "administration" and order.start is not None:
        return begin, order.start.last
    return begin, last


def _within(days: Days, first: int, last: int) -> Days:
    if days is None:
        return None
    begin, end = max(days[0], first), min(days[1], last)
    return (begin, end) if begin <= end else None


def _count(spans: list[tuple[int, int]]) -> int:
    """How many days lie in any of them."""
    total, reached = 0, -1
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached + 1) + 1)
        reached = max(reached, end)
    return total
