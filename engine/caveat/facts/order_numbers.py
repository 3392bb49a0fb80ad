"""Numbers of one order: dose, daily dose, dose by weight, times since.

The amounts of a combination product are those of one of its ingredients, its `part`: a count of units
or a volume, times the strength of that ingredient.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from fractions import Fraction

from caveat.errors import CaveatError
from caveat.facts.chart import Chart
from caveat.facts.derive.daily_dose import daily_dose as permitted
from caveat.facts.derive.dose_per_weight import dose_per_weight
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure, own_interval, unknown
from caveat.facts.numbers import current_weight
from caveat.facts.observed import days_to_base
from caveat.facts.values import Quantity, quantity
from caveat.findings.basis import Basis, Missing, merge_basis, merge_missing
from caveat.intervals import Interval
from caveat.units import parse_unit
from caveat.units.unit import Dimension

_DAY = Fraction(86400)
_TIME = parse_unit("d").dimension
_PER_TIME = parse_unit("/d").dimension
_VOLUME = parse_unit("mL").dimension
_NUMBER = parse_unit("1").dimension
_OVER = re.compile(r"/(\d+(?:\.\d+)?) ([a-z]+)$")


def order_number(chart: Chart, view: OrderView, prop: str, of: Collection[str] = ()) -> Measure:
    """The number in base units with its dimension, or UNKNOWN naming what is missing.

    Amounts of a combination product are those of the one ingredient of it that is in `of`; where none
    or several are, they are UNKNOWN.
    """
    memo = chart.memo
    part = part_of(view, of)
    key = (view.order.id, prop, part) if part else (view.order.id, prop)
    if key in memo:
        return memo[key]  # type: ignore[no-any-return]
    memo[key] = found = BY_PROP[prop](chart, view, part)
    return found


def part_of(view: OrderView, of: Collection[str]) -> str:
    """The one ingredient of a combination product that is in `of`; empty for all else."""
    names = view.ingredients
    if len(names) < 2 or not of:
        return ""
    chosen = [name for name in names if name in of]
    return chosen[0] if len(chosen) == 1 else ""


Build = Callable[[Chart, OrderView, str], Measure]
"""How a number of an order is found; the text is the ingredient whose part is meant, or empty."""


def _stated(view: OrderView, prop: str, value: Quantity | None) -> Measure:
    if value is None:
        return unknown(prop, "not recorded")
    basis = (Basis(prop, str(value), None, view.order.source),)
    try:
        interval, dimension = own_interval(value)
    except CaveatError as error:
        return unknown(prop, f"{value}: {error}" if value.unit else f"{value} has no unit", (), basis)
    return Measure(interval, basis, (), dimension)


def _dose(chart: Chart, view: OrderView, part: str) -> Measure:
    """The amount of one administration; a count of units or a volume is multiplied by the strength."""
    return _amount(chart, view, "dose", _stated(view, "dose", view.order.dose), part)


def _amount(chart: Chart, view: OrderView, prop: str, found: Measure, part: str) -> Measure:
    """What was stated as an amount of one ingredient."""
    if found.interval is None or found.dimension is None:
        return found
    counted = not _is_amount(_without_time(found.dimension))
    if len(view.ingredients) > 1 and not (part and counted):
        return unknown(prop, f"the dose is of a combination ({', '.join(view.ingredients)})", (), found.basis)
    return _times_strength(chart, view, prop, found, part) if counted else found


def _without_time(dimension: Dimension) -> Dimension:
    return tuple(one for one in dimension if one[0] != "s")


def _times_strength(chart: Chart, view: OrderView, prop: str, found: Measure, part: str) -> Measure:
    """A count of units or a volume, times the strength."""
    assert found.interval is not None
    assert found.dimension is not None
    shown = found.basis[0].value if found.basis else prop
    if found.dimension in (_NUMBER, _PER_TIME):
        return unknown(prop, f"{shown} has no unit", (), found.basis)
    strength = _strength(chart, view, part)
    if strength.interval is None or strength.dimension is None:
        of = f" of {part} in the combination" if part else ""
        why = f"{shown} is a count or a volume, and the strength{of} is not known"
        return unknown(prop, why, ("strength",), found.basis)
    counted = tuple(one for one in found.dimension if one[0].startswith("{"))
    dimension = found.dimension
    if counted and _is_amount(strength.dimension):
        dimension = tuple(one for one in dimension if one not in counted)
    combined = _combine(dimension, strength.dimension)
    amount = _without_time(combined)
    if not _is_amount(amount) or [power for _, power in amount] != [1]:
        return unknown(prop, f"{shown} does not fit the strength", ("strength",), found.basis)
    interval = _product(found.interval, strength.interval)
    return Measure(interval, merge_basis([found.basis, strength.basis]), (), combined)


def _is_amount(dimension: Dimension) -> bool:
    """Whether a dimension is an amount of substance as such: mass, moles, units, equivalents."""
    return dimension not in (_VOLUME, _NUMBER) and not any(name.startswith("{") for name, _ in dimension)


def _combine(first: Dimension, second: Dimension) -> Dimension:
    powers = dict(first)
    for name, power in second:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _product(first: Interval, second: Interval) -> Interval:
    low = None if first.low is None or second.low is None else first.low * second.low
    high = None if first.high is None or second.high is None else first.high * second.high
    return Interval(low, high, first.low_open or second.low_open, first.high_open or second.high_open)


def _strength(chart: Chart, view: OrderView, part: str) -> Measure:
    """The amount a unit or a volume, as stated, else as the product's name says it; of a part its own."""
    if part:
        text = dict(view.resolution.shares).get(part)
        why = f"the strength of {part} in the combination is not recorded"
        return unknown("strength", why) if text is None else _read(view, text)
    if view.order.strength is not None:
        return _stated(view, "strength", view.order.strength)
    texts = view.resolution.strength
    if len(texts) != 1 or len(view.ingredients) != 1:
        return unknown("strength", "not recorded")
    return _read(view, texts[0])


def _read(view: OrderView, text: str) -> Measure:
    """A strength as the product's name says it."""
    try:
        # `325 mg/15 ml` is one unit to the reader of units where it is written together
        interval, dimension = own_interval(quantity(_OVER.sub("/\\1\\2", text)))
    except (ValueError, CaveatError):
        return unknown("strength", f"{text!r} in the product's name is not understood")
    return Measure(interval, (Basis("strength", f"{text} ({view.name})"),), (), dimension)


def _frequency(chart: Chart, view: OrderView, part: str) -> Measure:
    found = _stated(view, "frequency", view.order.frequency)
    if found.dimension == _TIME and found.interval is not None and found.interval.exact:
        inverse = 1 / found.interval.exact
        return Measure(Interval(inverse, inverse), found.basis, (), _PER_TIME)
    if found.interval is not None and found.dimension != _PER_TIME:
        return unknown(
            "frequency", f"{view.order.frequency} is not a count a time, such as 3 /d", (), found.basis
        )
    return found


def _daily_dose(chart: Chart, view: OrderView, part: str) -> Measure:
    """As stated, else the rate of an infusion, else dose x frequency (`facts.derive.daily_dose`)."""
    order = view.order
    for value in (order.daily_dose, order.rate):
        if value is not None:
            return _daily(chart, view, value, part)
    dose = _dose(chart, view, part)
    if dose.interval is None or dose.dimension is None:
        return Measure(None, dose.basis, (Missing("daily_dose", f"dose: {_why(dose)}", ("dose",)),))
    frequency = order_number(chart, view, "frequency")
    if ("s", -1) in dose.dimension:
        return _worn(dose, frequency)
    cap, cap_missing = _cap(chart, view, dose.dimension, part)
    per_day = None if frequency.interval is None else _scaled(frequency.interval, _DAY)
    amount = permitted(
        dose=dose.interval, frequency_per_day=per_day, as_needed=order.as_needed, max_per_day=cap
    )
    missing: tuple[Missing, ...] = ()
    lacking = merge_missing([frequency.missing if per_day is None else (), cap_missing])
    if amount.exact is None and lacking:
        inputs = tuple(dict.fromkeys(m.fact for m in lacking))
        missing = (Missing("daily_dose", "; ".join(f"{m.fact}: {m.reason}" for m in lacking), inputs),)
    per_second = _scaled(amount, 1 / _DAY)
    basis = merge_basis([dose.basis, frequency.basis])
    if order.max_per_day is not None:
        basis = (*basis, Basis("max_per_day", str(order.max_per_day)))
    return Measure(per_second, basis, missing, _combine(dose.dimension, _PER_TIME))


def _worn(dose: Measure, frequency: Measure) -> Measure:
    """A dose that is a rate (a patch of 25 ug/h): its own daily dose while it is worn without a break.

    So it is where it is changed less often than once a day. Else it may be taken off for a part of the
    day, and the rate is the most.
    """
    assert dose.interval is not None
    per_day = None if frequency.interval is None else _scaled(frequency.interval, _DAY)
    basis = merge_basis([dose.basis, frequency.basis])
    if per_day is not None and per_day.high is not None and per_day.high < 1:
        return Measure(dose.interval, basis, (), dose.dimension)
    reason = "how long a patch is worn is not known: no frequency of less than once a day"
    most = Interval(Fraction(0), dose.interval.high, False, dose.interval.high_open)
    return Measure(most, basis, (Missing("daily_dose", reason, ("frequency",)),), dose.dimension)


def _why(found: Measure) -> str:
    return "; ".join(m.reason for m in found.missing) or "not known"


def _cap(
    chart: Chart, view: OrderView, dimension: Dimension, part: str
) -> tuple[Interval | None, tuple[Missing, ...]]:
    """The stated ceiling a day in base units of the dose."""
    value = view.order.max_per_day
    if value is None:
        return None, ()
    found = _amount(chart, view, "max_per_day", _stated(view, "max_per_day", value), part)
    if found.interval is not None and found.dimension == dimension:
        return found.interval, ()
    if found.interval is not None and found.dimension == _combine(dimension, _PER_TIME):
        return _scaled(found.interval, _DAY), ()
    return None, found.missing or (Missing("max_per_day", f"{value} does not fit the dose"),)


def _daily(chart: Chart, view: OrderView, value: Quantity, part: str) -> Measure:
    """A stated amount a time; an amount without a time is taken as a day's."""
    found = _stated(view, "daily_dose", value)
    if found.interval is None or found.dimension is None:
        return found
    if dict(found.dimension).get("s", 0) == 0:
        scaled = _scaled(found.interval, 1 / _DAY)
        found = Measure(scaled, found.basis, (), _combine(found.dimension, _PER_TIME))
    return _amount(chart, view, "daily_dose", found, part)


def _scaled(value: Interval, factor: Fraction) -> Interval:
    low = None if value.low is None else value.low * factor
    high = None if value.high is None else value.high * factor
    return Interval(low, high, value.low_open, value.high_open)


def _per_weight(prop: str) -> Build:
    def build(chart: Chart, view: OrderView, part: str) -> Measure:
        name = f"{prop}_per_weight"
        dose = order_number(chart, view, prop, (part,) if part else ())
        weight = current_weight(chart)
        lacking = merge_missing([dose.missing, weight.missing])
        basis = merge_basis([dose.basis, weight.basis])
        inputs = tuple(dict.fromkeys(m.fact for m in lacking))
        reason = "; ".join(f"{m.fact}: {m.reason}" for m in lacking) or "no bound"
        if dose.interval is None or weight.interval is None or dose.dimension is None:
            return unknown(name, reason, inputs, basis)
        # weight is in kg; the base unit of mass is the gram
        grams = _scaled(weight.interval, Fraction(1000))
        interval = dose_per_weight(dose=dose.interval, weight=grams)
        if interval is None:
            return unknown(name, reason, inputs, basis)
        missing = (Missing(name, reason, inputs),) if lacking else ()
        return Measure(interval, basis, missing, _combine(dose.dimension, (("g", -1),)))

    return build


def _since(prop: str, attribute: str) -> Build:
    def build(chart: Chart, view: OrderView, part: str) -> Measure:
        when = getattr(view.order, attribute)
        if when is None:
            if attribute == "start" and view.order.status == "proposed":
                return Measure(days_to_base(0, 0), (Basis(prop, "proposed"),), (), _TIME)
            return unknown(prop, f"the {attribute} date is not recorded", (attribute,))
        basis = (Basis(prop, f"{attribute} {when}", when.text, view.order.source),)
        low, high = max(0, chart.as_of - when.last), max(0, chart.as_of - when.first)
        return Measure(days_to_base(low, high), basis, (), _TIME)

    return build


def _duration(chart: Chart, view: OrderView, part: str) -> Measure:
    order = view.order
    if order.start is None or order.stop is None:
        name = "start" if order.start is None else "stop"
        return unknown("duration", f"the {name} date is not recorded", (name,))
    basis = (Basis("duration", f"{order.start} to {order.stop}", None, order.source),)
    low, high = max(0, order.stop.first - order.start.last), order.stop.last - order.start.first
    return Measure(days_to_base(low, high), basis, (), _TIME)


def _treatment_time(chart: Chart, view: OrderView, part: str) -> Measure:
    """Time since the first order of the same ingredient by the same route.

    Exact on a closed order list; on an open one earlier treatment may be missing, so it is only a
    lower bound. A route that is not known may be the same.
    """
    starts = []
    for other in chart.views:
        if not set(other.ingredients) & set(view.ingredients):
            continue
        if other.order.status in ("entered-in-error", "cancelled"):
            continue
        if other.route is not None and view.route is not None and other.route != view.route:
            continue
        starts.append(other)
    own = order_number(chart, view, "since_start")
    dated = [order_number(chart, other, "since_start") for other in starts]
    basis = merge_basis([m.basis for m in dated])
    closed = chart.patient.complete.orders == "closed"
    lows = [m.interval.low for m in dated if m.interval is not None and m.interval.low is not None]
    if not lows:
        return unknown("treatment_time", "the start date is not recorded", ("start",))
    low = max(lows)
    if closed and all(m.interval is not None for m in dated):
        high = max(m.interval.high for m in dated if m.interval is not None and m.interval.high is not None)
        return Measure(Interval(low, high), basis, (), _TIME)
    reason = "earlier treatment may not be listed" if not closed else "a start date is not recorded"
    missing = (Missing("treatment_time", reason, ("orders",)),)
    return Measure(Interval(low, None), basis or own.basis, missing, _TIME)


def dose_multiple(
    chart: Chart, view: OrderView, step: Interval, of: Collection[str] = ()
) -> tuple[bool | None, Measure]:
    """Whether the dose is a whole multiple of `step` (base units); None when it is not known."""
    dose = order_number(chart, view, "dose", of)
    if dose.interval is None or dose.interval.exact is None or step.low is None:
        return None, dose
    return (dose.interval.exact / step.low).denominator == 1, dose


BY_PROP: dict[str, Build] = {
    "dose": _dose,
    "daily_dose": _daily_dose,
    "dose_per_weight": _per_weight("dose"),
    "daily_dose_per_weight": _per_weight("daily_dose"),
    "frequency": _frequency,
    "strength": _strength,
    "since_start": _since("since_start", "start"),
    "since_stop": _since("since_stop", "stop"),
    "duration": _duration,
    "treatment_time": _treatment_time,
}
