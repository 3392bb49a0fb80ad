"""Plain numbers of an order: dose, frequency, daily dose, time on treatment.

Each is given where the order states one simple amount, exactly and once more in floating point;
None says "ask the exact way", and the answer is the same.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from caveat.errors import UnitError
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.intervals import Interval
from caveat.units import parse_unit, to_base
from caveat.units.unit import Dimension

_PER_TIME = parse_unit("/d").dimension
_TIME = parse_unit("d").dimension

Amount = tuple[Interval, Dimension, float]
"""A plain number in base units: exactly, its dimension, and in floating point."""


def dose(view: OrderView) -> Amount | None:
    """The dose of one administration, where it is one plain amount."""
    stated = view.order.dose
    if stated is None or stated.comparator or stated.upper is not None or len(view.ingredients) != 1:
        return None
    return _dose(stated.value, stated.unit)


@lru_cache(maxsize=4096)
def _dose(value: Decimal, unit: str) -> Amount | None:
    amount = own_factor(unit)
    if amount is None or len(amount[1]) != 1:
        return None
    name, power = amount[1][0]
    if power != 1 or name[0] == "{" or name in ("m", "s"):
        return None
    return _amount(in_base(value, unit), amount[1])


def frequency(view: OrderView) -> Amount | None:
    """The frequency, where it is one plain count a time."""
    stated = view.order.frequency
    if stated is None or stated.comparator or stated.upper is not None:
        return None
    return _frequency(stated.value, stated.unit)


@lru_cache(maxsize=4096)
def _frequency(value: Decimal, unit: str) -> Amount | None:
    times = own_factor(unit)
    return None if times is None or times[1] != _PER_TIME else _amount(in_base(value, unit), _PER_TIME)


def dose_rate(view: OrderView) -> Amount | None:
    """The daily dose, for a plain scheduled or as-needed dose without a ceiling."""
    order = view.order
    amount, times = order.dose, order.frequency
    if amount is None or times is None or len(view.ingredients) != 1:
        return None
    if order.daily_dose is not None or order.rate is not None or order.max_per_day is not None:
        return None
    if amount.comparator or times.comparator or amount.upper is not None or times.upper is not None:
        return None
    return _dose_rate(amount.value, amount.unit, times.value, times.unit)


@lru_cache(maxsize=4096)
def _dose_rate(value: Decimal, unit: str, times: Decimal, times_unit: str) -> Amount | None:
    amount, often = _dose(value, unit), _frequency(times, times_unit)
    if amount is None or often is None:
        return None
    product = in_base(value, unit) * in_base(times, times_unit)
    return _amount(product, tuple(sorted(((amount[1][0][0], 1), ("s", -1)))))


def _amount(value: Fraction, dimension: Dimension) -> Amount:
    return Interval(value, value), dimension, float(value)


@lru_cache(maxsize=4096)
def in_base(value: Decimal, unit: str) -> Fraction:
    """A number in `unit`, exactly, in base units."""
    return to_base(value, parse_unit(unit))


def treatment_time(chart: Chart, view: OrderView) -> Amount | None:
    """Time since the first order of the ingredient by this route, where every start is one whole day.

    In floating point it is the least that it can be.
    """
    first, mine = None, view.ingredients
    alone = mine[0] if len(mine) == 1 else None
    for other in chart.views:
        order = other.order
        if other is not view:
            theirs = other.ingredients
            if alone is None:
                if theirs != mine and set(theirs).isdisjoint(mine):
                    continue
            elif alone not in theirs:
                continue
            if order.status in ("entered-in-error", "cancelled"):
                continue
            if other.route is not None and view.route is not None and other.route != view.route:
                continue
        start = order.start
        if start is None or start.first != start.last:
            return None
        first = start.first if first is None or start.first < first else first
    if first is None:
        return None
    days = max(0, chart.as_of - first)
    return _lasting(days, chart.patient.complete.orders == "closed"), _TIME, days * 86400.0


@lru_cache(maxsize=4096)
def _lasting(days: int, closed: bool) -> Interval:
    low = Fraction(days * 86400)
    return Interval(low, low if closed else None)


@lru_cache(maxsize=4096)
def own_factor(unit: str) -> tuple[float, Dimension] | None:
    """The size of a unit in its own base units, with its dimension; None when it is not known."""
    try:
        found = parse_unit(unit) if unit else None
    except UnitError:
        return None
    return None if found is None or found.offset else (float(found.factor), found.dimension)
