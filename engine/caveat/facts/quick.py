"""Plain values in floating point, to decide comparisons that are not close.

A quick value is given only where the record holds one simple number: one latest day, no
comparator, a known unit, a possible value. NAN says that the number is not known at all; None
says "ask the exact way". A caller compares with a margin and asks the exact way inside it, so
that the answer is the same and only sooner.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import nan
from typing import Any

from caveat.errors import UnitError
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.identify import OrderView
from caveat.facts.numbers import WEIGHT_LIMIT_ADULT, WEIGHT_LIMIT_CHILD
from caveat.facts.observed import STATED, concept_of, observed
from caveat.facts.values import Quantity
from caveat.intervals import Interval
from caveat.units import convert, parse_unit, to_base
from caveat.units.unit import Dimension

MARGIN = 1e-9
_MOST_SPANS = 2_048
_MG_DL = float(parse_unit("mg/dL").factor)
_KG = float(parse_unit("kg").factor)
_ML_MIN = float(parse_unit("mL/min").factor)
_PER_TIME = parse_unit("/d").dimension
_TIME = parse_unit("d").dimension


@lru_cache(maxsize=4096)
def factor(unit: str, target: str, analyte: str | None) -> float | None:
    """What a number in `unit` is multiplied by to be in base units of `target`; None when it does not fit."""
    try:
        own, wanted = parse_unit(unit), parse_unit(target)
        if own.offset or wanted.offset:
            return None
        if own.dimension == wanted.dimension:
            return float(own.factor)
        return float(to_base(convert(1, own, wanted, analyte=analyte), wanted))
    except UnitError:
        return None


@lru_cache(maxsize=4096)
def own_factor(unit: str) -> tuple[float, Dimension] | None:
    """The size of a unit in its own base units, with its dimension; None when it is not known."""
    try:
        found = parse_unit(unit) if unit else None
    except UnitError:
        return None
    return None if found is None or found.offset else (float(found.factor), found.dimension)


def entries(chart: Chart) -> dict[str, list[tuple[Any, Quantity | None]]]:
    """Dates and values by concept. Anything odd is found here and makes the exact index be built."""
    memo = chart.memo
    if "quick" in memo:
        return memo["quick"]  # type: ignore[no-any-return]
    found: dict[str, list[tuple[Any, Quantity | None]]] = {}
    odd = False
    patient = chart.patient
    for name in STATED:
        stated = getattr(patient, name)
        if stated is not None:
            found.setdefault(name, []).append((stated.at or chart.as_of, stated.value))
            odd = odd or _odd(chart, name, stated.value)
    if patient.observations:
        odd = _collect(chart, found) or odd
    memo["quick"] = found
    if odd:
        memo["odd"] = True
        observed(chart)
    return found


def _collect(chart: Chart, found: dict[str, list[tuple[Any, Quantity | None]]]) -> bool:
    odd = False
    today = chart.as_of
    spans = _spans(chart)
    for entry in chart.patient.observations or ():
        concept = concept_of(chart, entry)
        if concept is None:
            continue
        at = entry.at
        if at is not None and at.first > today:
            odd = True
            continue
        value = entry.value
        if not odd and not _is_plain(spans, concept, value):
            odd = _odd(chart, concept, value)
        kept = found.get(concept)
        if kept is None:
            found[concept] = [(at, value)]
        else:
            kept.append((at, value))
    return odd


def _is_plain(
    spans: dict[tuple[str, str], tuple[float, float] | None], concept: str, value: Quantity | None
) -> bool:
    """Whether a value is known to be neither impossible nor unlikely; `spans` are bounds in its own unit."""
    if value is None or value.comparator is not None or value.upper is not None:
        return False
    span = spans.get((concept, value.unit))
    return span is not None and span[0] < float(value.value) < span[1]


def _spans(chart: Chart) -> dict[tuple[str, str], tuple[float, float] | None]:
    """Bounds of plain values by concept and unit, kept with the terminology."""
    return chart.terminology.remember("quick spans", dict)


def _learn(chart: Chart, concept: str, unit: str) -> None:
    """Keep the bounds of a concept in a unit that is not yet known."""
    spans = _spans(chart)
    if (concept, unit) in spans or len(spans) >= _MOST_SPANS:
        return
    limits = chart.terminology.remember(("quick limits", concept), lambda: _limits(chart, concept))
    size = factor(unit, limits[2], limits[3]) if limits is not None and unit else None
    if limits is not None and size is not None and size > 0:
        spans[concept, unit] = _narrowed(limits[0] / size, 1), _narrowed(limits[1] / size, -1)
    else:
        spans[concept, unit] = None


def _odd(chart: Chart, concept: str, value: Quantity | None) -> bool:
    """Whether the exact index has to say something: impossible, unlikely, unknown concept."""
    if value is not None:
        _learn(chart, concept, value.unit)
    limits = chart.terminology.remember(("quick limits", concept), lambda: _limits(chart, concept))
    if limits is None:
        return True
    if value is None:
        return False
    low, high, unit, analyte = limits
    size = factor(value.unit, unit, analyte) if value.unit else None
    if size is None or value.comparator is not None or value.upper is not None:
        return size is not None
    number = float(value.value) * size
    return not low <= number <= high


def _limits(chart: Chart, concept: str) -> tuple[float, float, str, str | None] | None:
    """The bounds inside which a value is neither impossible nor unlikely, a little narrowed."""
    fact = number_fact(concept, chart.terminology)
    if fact is None:
        return None
    size = float(parse_unit(fact.unit).factor)
    if concept not in chart.terminology.tables.observations:
        return 1e-300, float("inf"), fact.unit, fact.analyte
    limits = chart.terminology.observation(concept)
    lows = [end for end in (limits.plausible[0], limits.possible[0]) if end is not None]
    highs = [end for end in (limits.plausible[1], limits.possible[1]) if end is not None]
    low = _narrowed(max(lows) * size, 1) if lows else -float("inf")
    high = _narrowed(min(highs) * size, -1) if highs else float("inf")
    return low, high, fact.unit, fact.analyte


def _narrowed(end: float, sign: int) -> float:
    return end + sign * abs(end) * MARGIN


def latest(chart: Chart, concept: str, unit: str, analyte: str | None, within: int | None) -> float | None:
    """The latest value in base units; NAN when there is none or it is too old, None when it is not simple."""
    kept = entries(chart).get(concept)
    if kept is None:
        return nan
    if "odd" in chart.memo:
        return None
    at, value = kept[0]
    if len(kept) > 1:
        newest = -1
        for when, quantity in kept:
            day = -1 if when is None else _day(when)
            if day < 0 or day == newest:
                return None
            if day > newest:
                newest, at, value = day, when, quantity
    if value is None or not value.unit or value.comparator is not None or value.upper is not None:
        return None
    if within is not None:
        if at is None:
            return None
        first, last = (at, at) if at.__class__ is int else (at.first, at.last)
        if first < chart.as_of - within:
            return nan if last < chart.as_of - within else None
    size = factor(value.unit, unit, analyte)
    return None if size is None else float(value.value) * size


def time_since(chart: Chart, concept: str) -> float | None:
    """Seconds since the latest value of a concept, NAN when there is none or it has no date."""
    kept = entries(chart).get(concept)
    if kept is None:
        return nan
    newest = -1
    for when, _ in kept:
        if when is None:
            return nan if len(kept) == 1 else None
        day = _day(when)
        if day < 0:
            return None
        newest = max(newest, day)
    return (chart.as_of - newest) * 86400.0


def _day(when: Any) -> int:
    """The one day of a date, -1 where it may be several."""
    if when.__class__ is int:
        return when
    return when.first if when.first == when.last else -1


def years(chart: Chart) -> int | None:
    """Completed years from a whole birth date, or as stated; None when not simple."""
    memo = chart.memo
    if "quick years" in memo:
        return memo["quick years"]  # type: ignore[no-any-return]
    memo["quick years"] = found = _years(chart)
    return found


def _years(chart: Chart) -> int | None:
    birth = chart.patient.birth_date
    if birth is not None:
        if birth.first != birth.last or birth.first > chart.as_of:
            return None
        born, today = dt.date.fromordinal(birth.first), dt.date.fromordinal(chart.as_of)
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    stated = chart.patient.age
    if stated is not None and stated.unit == "a" and stated.comparator is None and stated.upper is None:
        whole = int(stated.value)
        return whole if whole == stated.value else None
    return None


def clearance(chart: Chart, within: int | None, using: str | None) -> float | None:
    """Creatinine clearance in base units, as `facts.derived.creatinine_clearance` has it."""
    key = ("quick clearance", within, using)
    memo = chart.memo
    if key not in memo:
        memo[key] = _clearance(chart, within, using)
    return memo[key]  # type: ignore[no-any-return]


def _clearance(chart: Chart, within: int | None, using: str | None) -> float | None:
    known = entries(chart)
    if "creatinine_clearance" in known:
        if "serum_creatinine" in known:
            return None
        measured = latest(chart, "creatinine_clearance", "mL/min", None, within)
        return None if measured is None or measured != measured else measured
    if "serum_creatinine" not in known:
        return nan
    lived = years(chart)
    sex = chart.patient.sex
    if using not in (None, "actual") or lived is None or lived < 18 or lived > 139 or sex is None:
        return None
    creatinine = latest(chart, "serum_creatinine", "mg/dL", "creatinine", within)
    weight = latest(chart, "weight", "kg", None, WEIGHT_LIMIT_ADULT if lived >= 18 else WEIGHT_LIMIT_CHILD)
    if creatinine is None or weight is None:
        return None
    if creatinine != creatinine or weight != weight:
        return nan
    male = (140 - lived) * (weight / _KG) / (72 * (creatinine / _MG_DL))
    return (male if sex == "male" else male * 0.85) * _ML_MIN


def dose(view: OrderView) -> tuple[Fraction, Dimension] | None:
    """The dose of one administration in base units, exactly, where it is one plain amount."""
    stated = view.order.dose
    if stated is None or stated.comparator or stated.upper is not None or len(view.ingredients) != 1:
        return None
    amount = own_factor(stated.unit)
    if amount is None or len(amount[1]) != 1:
        return None
    name, power = amount[1][0]
    if power != 1 or name[0] == "{" or name in ("m", "s"):
        return None
    return in_base(stated.value, stated.unit), amount[1]


def frequency(view: OrderView) -> tuple[Fraction, Dimension] | None:
    """The frequency in base units, exactly, where it is one plain count a time."""
    stated = view.order.frequency
    if stated is None or stated.comparator or stated.upper is not None:
        return None
    times = own_factor(stated.unit)
    if times is None or times[1] != _PER_TIME:
        return None
    return in_base(stated.value, stated.unit), _PER_TIME


def dose_rate(view: OrderView) -> tuple[Fraction, Dimension] | None:
    """The daily dose in base units, exactly, for a plain scheduled or as-needed dose without a ceiling."""
    order = view.order
    if order.daily_dose is not None or order.rate is not None or order.max_per_day is not None:
        return None
    amount, times = dose(view), frequency(view)
    if amount is None or times is None or order.dose is None or order.frequency is None:
        return None
    product = _product(order.dose.value, order.dose.unit, order.frequency.value, order.frequency.unit)
    return product, _rate(amount[1][0][0])


@lru_cache(maxsize=4096)
def in_base(value: Decimal, unit: str) -> Fraction:
    """A number in `unit`, exactly, in base units."""
    return to_base(value, parse_unit(unit))


@lru_cache(maxsize=4096)
def _product(value: Decimal, unit: str, other: Decimal, other_unit: str) -> Fraction:
    return in_base(value, unit) * in_base(other, other_unit)


def treatment_time(chart: Chart, view: OrderView) -> tuple[Interval, Dimension] | None:
    """Time since the first order of the ingredient by this route, where every start is one whole day."""
    first = None
    for other in chart.views:
        if other is not view:
            if other.ingredients != view.ingredients and set(other.ingredients).isdisjoint(view.ingredients):
                continue
            if other.order.status in ("entered-in-error", "cancelled"):
                continue
            if other.route is not None and view.route is not None and other.route != view.route:
                continue
        start = other.order.start
        if start is None or start.first != start.last:
            return None
        first = start.first if first is None else min(first, start.first)
    if first is None:
        return None
    return _lasting(max(0, chart.as_of - first), chart.patient.complete.orders == "closed"), _TIME


@lru_cache(maxsize=4096)
def _lasting(days: int, closed: bool) -> Interval:
    low = Fraction(days * 86400)
    return Interval(low, low if closed else None)


@lru_cache(maxsize=64)
def _rate(name: str) -> Dimension:
    return tuple(sorted(((name, 1), ("s", -1))))
