"""Plain numbers of an order: dose, frequency, daily dose, time on treatment.

Each is given where the order states one simple amount, exactly and once more in floating point, and is
`NOT_KNOWN` where it states none at all; None says "ask the exact way", and the answer is the same.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import nan
from typing import Final

from caveat.errors import UnitError
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.intervals import Interval
from caveat.units import parse_unit, to_base
from caveat.units.unit import Dimension

_PER_TIME = parse_unit("/d").dimension
_TIME = parse_unit("d").dimension

PLAIN: Final = ("daily_dose", "dose", "frequency")
"""The numbers that an order states as such."""
Amount = tuple[Interval, Dimension, float]
"""A plain number in base units: exactly, its dimension, and in floating point."""
NOT_KNOWN: Final[Amount] = (Interval(), (), nan)
"""What the order does not state, and nothing else of it gives."""


def kept(chart: Chart, view: OrderView, prop: str) -> Amount | None:
    """The number of that name, looked up once an order."""
    known = view.known
    if prop in known:
        return known[prop]  # type: ignore[no-any-return]
    if prop == "treatment_time":
        found = treatment_time(chart, view)
    elif prop == "daily_dose":
        found = dose_rate(view)
    else:
        found = dose(view) if prop == "dose" else frequency(view)
    known[prop] = found
    return found


def dose(view: OrderView) -> Amount | None:
    """The dose of one administration, where it is one plain amount."""
    stated = view.order.dose
    if stated is None:
        return NOT_KNOWN
    if stated.comparator or stated.upper is not None or len(view.ingredients) != 1:
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
    if stated is None:
        return NOT_KNOWN
    if stated.comparator or stated.upper is not None:
        return None
    return _frequency(stated.value, stated.unit)


@lru_cache(maxsize=4096)
def _frequency(value: Decimal, unit: str) -> Amount | None:
    times = own_factor(unit)
    return None if times is None or times[1] != _PER_TIME else _amount(in_base(value, unit), _PER_TIME)


def dose_rate(view: OrderView) -> Amount | None:
    """The daily dose, for a plain scheduled or as-needed dose without a ceiling."""
    order = view.order
    if order.daily_dose is not None or order.rate is not None:
        return None
    amount, times = order.dose, order.frequency
    if amount is None:
        return NOT_KNOWN
    if times is None or order.max_per_day is not None or len(view.ingredients) != 1:
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
    if len(mine) == 1:
        alone = mine[0]
        same = [other for other in chart.views if alone in other.ingredients]
    else:
        members = set(mine)
        same = [other for other in chart.views if not members.isdisjoint(other.ingredients)]
    for other in same:
        order = other.order
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
