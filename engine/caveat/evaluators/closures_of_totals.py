"""Closures of counts and weighted sums over the current orders.

Sums are made in floating point, of which each end is told from the limits where it is not close to
one; where it is, the exact way is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from caveat.compile import nodes
from caveat.evaluators.closures_of_lists import once
from caveat.evaluators.closures_of_numbers import Closure
from caveat.evaluators.comparing import OPPOSITE, margins
from caveat.facts import quick_orders
from caveat.facts.chart import Chart, by_ingredient
from caveat.facts.identify import OrderView
from caveat.facts.order_numbers import order_number
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from caveat.units import parse_unit
from caveat.units.unit import Dimension

Span = tuple[float, float]
_ENDLESS = float("inf")
_MOST_SEEN = 4_096


def count_closure(leaf: nodes.CountLeaf, key: object, where: Closure | None) -> Closure:
    """How many orders or ingredients; orders that may count as well widen the range."""
    target, members = leaf.target, frozenset(leaf.ingredients)
    by_order, settle = leaf.by == "order", _settle(leaf)
    seen: dict[tuple[int, int, str], Truth] = {}

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        taken, doubtful, listed = memo["taken"] if "taken" in memo else _taken(chart)
        if not listed:
            return UNKNOWN
        common = members.intersection(taken)
        if not by_order and where is None:
            least = most = len(common)
        elif where is None and len(common) < 2:
            least = most = sum([len(taken[name]) for name in common])
        else:
            counted = chart.counted
            sure: set[int | str] = set()
            unsure: set[int | str] = set()
            for name in common:
                for place in taken[name]:
                    held = TRUE if where is None else where(chart, counted[place], None, None)
                    if held:
                        (sure if held == TRUE else unsure).add(place if by_order else name)
            least, most = len(sure), len(sure | unsure)
        most += doubtful
        value = seen.get((least, most, listed))
        if value is None:
            end = None if listed == "unknown" else Fraction(most)
            value = settle(inside(Interval(Fraction(least), end), target), listed)
            if len(seen) < _MOST_SEEN:
                seen[least, most, listed] = value
        memo[key] = value
        return value

    return run


def total_closure(leaf: nodes.SumLeaf, key: object, where: Closure | None) -> Closure:
    """A weighted sum of orders or of their numbers; what is not known widens the range."""
    exact, settle = once(leaf, key), _settle(leaf)
    weights = {name: float(weight.low) for name, weight in leaf.weights if weight.low}
    members = frozenset(weights)
    times, dimension = leaf.times, parse_unit(leaf.unit).dimension
    under, low_in, high_in, over = margins(leaf.target)
    endless = leaf.target.high is None
    whole = times is None and all(weight.is_integer() for weight in weights.values())
    seen: dict[Span, Truth] = {}

    def compare(least: float, most: float) -> Truth | None:
        """The truth of the sum; None where an end is too close to a limit for floating point."""
        if most < under or least > over:
            return FALSE
        if low_in < least and (endless or most < high_in):
            return TRUE
        for end in (least, most):
            if under <= end <= low_in or (not endless and high_in <= end <= over):
                return points(least, most) if whole else None
        return UNKNOWN

    def points(least: float, most: float) -> Truth:
        """The truth of a sum of whole weights, which floating point holds exactly."""
        found = seen.get((least, most))
        if found is None:
            high = None if most == _ENDLESS else Fraction(most)
            found = inside(Interval(Fraction(least), high), leaf.target)
            if len(seen) < _MOST_SEEN:
                seen[least, most] = found
        return found

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        taken, doubtful, listed = memo["taken"] if "taken" in memo else _taken(chart)
        if not listed:
            return UNKNOWN
        least = most = 0.0
        if doubtful or listed == "unknown":
            most = _ENDLESS
        counted = chart.counted
        for name in members.intersection(taken):
            for place in taken[name]:
                view = counted[place]
                held = TRUE if where is None else where(chart, view, None, None)
                if held == FALSE:
                    continue
                low, high = (1.0, 1.0) if times is None else _part(chart, view, name, times, dimension)
                if held == TRUE:
                    least += weights[name] * low
                most += weights[name] * high
        value = compare(least, most)
        if value is None:
            return exact(chart, first, second, allergy)
        memo[key] = value = settle(value, listed)
        return value

    return run


def _taken(chart: Chart) -> tuple[dict[str, list[int]], int, str]:
    """The places of each ingredient among the counted orders, and how many of these are not recognised.

    Last how complete the list is; empty where there is none.
    """
    counted = chart.counted
    places = chart.places if counted is chart.current else by_ingredient(counted)
    doubtful = 0
    for view in chart.doubtful:
        if view.recognised.unrecognised and view in counted:
            doubtful += 1
    patient = chart.patient
    found = places, doubtful, "" if patient.orders is None else patient.complete.orders
    chart.memo["taken"] = found
    return found


def _part(chart: Chart, view: OrderView, name: str, times: str, dimension: Dimension) -> Span:
    """What one ingredient of an order adds before its weight, from nothing to endless where not known."""
    if times == "daily_dose":
        plain = quick_orders.kept(chart, view, times)
        if plain is not None:
            return (plain[2], plain[2]) if plain[1] == dimension else (0.0, _ENDLESS)
    found = order_number(chart, view, times, (name,))
    if found.interval is None or found.dimension != dimension:
        return 0.0, _ENDLESS
    low, high = found.interval.low, found.interval.high
    return 0.0 if low is None else float(low), _ENDLESS if high is None else float(high)


def _settle(leaf: nodes.CountLeaf | nodes.SumLeaf) -> Callable[[Truth, str], Truth]:
    """From the truth of a range to that of the leaf: negated where it is, "no more" on closed lists only."""
    negated = leaf.negated
    bounded = (leaf.target.low if negated else leaf.target.high) is not None

    def settle(found: Truth, listed: str) -> Truth:
        value = OPPOSITE[found] if negated else found
        if value == TRUE and bounded and listed != "closed":
            return UNKNOWN
        return value

    return settle
