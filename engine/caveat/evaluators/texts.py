"""Alert texts completed with a patient's values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from caveat.compile.nodes import Node, SumLeaf, leaves
from caveat.compile.program import Limit
from caveat.evaluators.subjects import Subject
from caveat.facts.catalog import ORDER_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.choices import choice
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import order_number, part_of
from caveat.intervals import Interval
from caveat.truth import FALSE
from caveat.units import format_quantity, parse_unit
from caveat.units.unit import Dimension

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
UNKNOWN_TEXT = "not recorded"
ORDER_TEXTS = ("name", "ingredient", "route", "form", "status", "indication", *ORDER_NUMBERS)
_OWNERS = ("order", "other")
CHOICE_TEXTS = ("sex", "pregnant", "lactating", "child_pugh_class")

_MASS = parse_unit("mg").dimension
_MASS_RATE = parse_unit("mg/d").dimension
_RATE = parse_unit("/d").dimension
_TIME = parse_unit("d").dimension
_CONCENTRATION = parse_unit("mg/mL").dimension


def fill(
    template: str,
    chart: Chart,
    subject: Subject,
    limits: Sequence[Limit] = (),
    scopes: Sequence[tuple[str, ...]] = ((), ()),
    when: Node | None = None,
) -> str:
    """The template with every `{...}` replaced; an unknown value reads "not recorded".

    `{limit}` is what the rule's table allows this patient, `{total}` the sum that its condition `when` makes.
    `scopes` are the ingredients of the rule's two
    orders: amounts of a combination product are those of the one that it is about.
    """

    orders = subject.orders
    parts, named = _parts(template)
    found = list(parts)
    for place, name, index, prop, half in named:
        if index >= 0:
            found[place] = (
                order_text(chart, orders[index], prop, half=half, of=scopes[index])
                if index < len(orders)
                else UNKNOWN_TEXT
            )
        elif name == "limit":
            found[place] = limit_text(limits, chart, subject)
        elif name == "total" and when is not None:
            found[place] = total_text(when, chart)
        else:
            found[place] = value_text(name, chart, subject)
    return "".join(found)


_Named = tuple[int, str, int, str, bool]
"""A placeholder: its place among the parts, its name, and of a property of an order which order
(else -1), which property, and whether half of it is meant."""


@lru_cache(maxsize=8192)
def _parts(template: str) -> tuple[tuple[str, ...], tuple[_Named, ...]]:
    """The text before the first placeholder, the placeholder, the text after it, and so on."""
    parts = tuple(PLACEHOLDER.split(template))
    return parts, tuple(_named(place, parts[place].strip()) for place in range(1, len(parts), 2))


def _named(place: int, name: str) -> _Named:
    owner, _, prop = name.removeprefix("half:").partition(".")
    if owner not in _OWNERS or not prop:
        return place, name, -1, "", False
    return place, name, _OWNERS.index(owner), prop, name.startswith("half:")


def limit_text(limits: Sequence[Limit], chart: Chart, subject: Subject) -> str:
    """What the rows that apply allow; several where a number is not known well enough to tell."""
    from caveat.evaluators.reference import trace

    found = [one.shown or "none" for one in limits if trace(one.where, chart, subject).truth != FALSE]
    distinct = list(dict.fromkeys(found))
    if len(distinct) > 3:
        return f"{distinct[0]} to {distinct[-1]}, by what is not known"
    return " or ".join(distinct) if distinct else UNKNOWN_TEXT


def sums_of(when: Node) -> tuple[SumLeaf, ...]:
    """The different sums that a condition makes, whatever limits it holds them against."""
    kept: list[SumLeaf] = []
    for leaf in leaves(when):
        # compared, not hashed: that would go over every weight each time
        if isinstance(leaf, SumLeaf) and not any(_same_sum(leaf, other) for other in kept):
            kept.append(leaf)
    return tuple(kept)


def _same_sum(leaf: SumLeaf, other: SumLeaf) -> bool:
    return (leaf.times, leaf.weights, leaf.where) == (other.times, other.weights, other.where)


def total_text(when: Node, chart: Chart) -> str:
    """The sum that a condition makes, in the unit of its limit; of several, or without one, not told."""
    from caveat.evaluators.leaves import judge
    from caveat.evaluators.totals import added

    sums = sums_of(when)
    if len(sums) != 1 or chart.patient.orders is None:
        return UNKNOWN_TEXT
    total, _, _ = added(sums[0], chart, judge)
    return (
        UNKNOWN_TEXT if not total.low and total.high is None else _interval_text(total, sums[0].unit, False)
    )


def value_text(name: str, chart: Chart, subject: Subject) -> str:
    """The text of one placeholder: `order.route`, `other.name`, `allergy.name`, a number, `half:...`."""
    half = name.startswith("half:")
    name = name.removeprefix("half:")
    owner, _, prop = name.partition(".")
    if owner in _OWNERS and prop:
        index = _OWNERS.index(owner)
        if index >= len(subject.orders):
            return UNKNOWN_TEXT
        return order_text(chart, subject.orders[index], prop, half=half)
    if name == "allergy.name":
        return subject.allergy.name if subject.allergy else UNKNOWN_TEXT
    if name in CHOICE_TEXTS or owner == "context":
        found = choice(chart, name)
        open_values = ("A", "B", "C") if name == "child_pugh_class" else ("false", "true")
        if found.missing and found.values.issuperset(open_values):
            return UNKNOWN_TEXT
        return " or ".join(sorted(found.values)) if len(found.values) < 4 else UNKNOWN_TEXT
    fact = number_fact(name, chart.terminology)
    if fact is None:
        return UNKNOWN_TEXT
    unit = "a" if name == "age" else fact.unit
    return measure_text(number(chart, name, unit), unit, half=half)


def order_text(
    chart: Chart, view: OrderView, prop: str, *, half: bool = False, of: tuple[str, ...] = ()
) -> str:
    """The text of a property of an order; of a combination product, amounts of its part in `of`."""
    if prop == "name":
        return view.name
    if prop == "ingredient":
        return ", ".join(view.ingredients) or view.name
    if prop == "route":
        return view.route or "route not recorded"
    if prop == "form":
        return view.form or UNKNOWN_TEXT
    if prop == "status":
        return view.order.status or UNKNOWN_TEXT
    if prop == "indication":
        return "; ".join(str(item) for item in view.order.indication or ()) or UNKNOWN_TEXT
    if prop not in ORDER_NUMBERS:
        return UNKNOWN_TEXT
    key = ("text", view.order.id, prop, half, part_of(view, of))
    known: str | None = chart.memo.get(key)
    if known is None:
        measure = order_number(chart, view, prop, of)
        known = chart.memo[key] = _order_number_text(measure.dimension, measure.interval, prop, half)
    return known


@lru_cache(maxsize=4096)
def _order_number_text(dimension: Dimension | None, interval: Interval | None, prop: str, half: bool) -> str:
    return _interval_text(interval, display_unit(dimension, interval, prop), half)


def display_unit(dimension: Dimension | None, interval: Interval | None, prop: str) -> str:
    """The unit people expect to read: mg or ug by size, a day as the time."""
    end = None if interval is None else interval.high if interval.high is not None else interval.low
    if dimension in (_MASS, _MASS_RATE):
        day = Fraction(1) if dimension == _MASS else Fraction(86400)
        small = end is not None and 0 < end * day < Fraction(1, 1000)
        name = "ug" if small else "mg"
        return name if dimension == _MASS else f"{name}/d"
    if dimension == _RATE:
        return "mg/kg/d" if prop.endswith("per_weight") else "/d"
    if dimension == _CONCENTRATION and prop == "strength":
        return "mg/mL"
    if dimension == _TIME:
        return "d"
    if dimension == () and prop.endswith("per_weight"):
        return "mg/kg"
    from caveat.units import normal_unit

    return normal_unit(dimension).text if dimension else "1"


def measure_text(measure: Measure, unit: str, *, half: bool = False) -> str:
    """A measure in a unit: one value, or from one to another."""
    return _interval_text(measure.interval, unit, half)


@lru_cache(maxsize=4096)
def _interval_text(interval: Interval | None, unit: str, half: bool) -> str:
    if interval is None or (interval.low is None and interval.high is None):
        return UNKNOWN_TEXT
    factor = parse_unit(unit).factor * (2 if half else 1)
    if interval.exact is not None:
        return _shown(interval.exact / factor, unit)
    if interval.high is None:
        assert interval.low is not None
        return f"at least {_shown(interval.low / factor, unit)}"
    if interval.low is None or interval.low == 0:
        return f"at most {_shown(interval.high / factor, unit)}"
    return f"{_shown(interval.low / factor, unit)} to {_shown(interval.high / factor, unit)}"


@lru_cache(maxsize=4096)
def _shown(value: Fraction, unit: str) -> str:
    if unit == "a":
        return "1 year" if value == 1 else f"{int(value)} years"
    return format_quantity(_short(value), unit).replace("{1.73_m2}", "1.73 m²")


def _short(value: Fraction) -> Fraction:
    """About three significant digits, enough to read; a number that is not whole is never shown as whole."""
    size, digits = abs(value), 0
    while size and size * 10**digits < 100 and digits < 9:
        digits += 1
    short = Fraction(round(value * 10**digits), 10**digits)
    while short.denominator == 1 and value.denominator != 1 and digits < 4:
        digits += 1
        short = Fraction(round(value * 10**digits), 10**digits)
    return value if short.denominator == 1 else short
