"""A patient's numbers by name: measured, stated or derived."""

from __future__ import annotations

from fractions import Fraction

from caveat.dates import age_days, completed_months, completed_years
from caveat.errors import CaveatError
from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.measure import Measure, base_interval, unknown
from caveat.facts.observed import days_to_base, extreme, latest, time_since
from caveat.findings.basis import Basis, Missing, merge_basis, merge_missing
from caveat.intervals import Interval
from caveat.units import parse_unit

WEIGHT_LIMIT_ADULT = 365
WEIGHT_LIMIT_CHILD = 90
"""Days that a body weight may be old where a dose or a clearance is computed from it."""

OLDEST = 120
"""Completed years past which an age is noted as unlikely."""

SECONDS = {unit: parse_unit(unit).factor for unit in ("a", "mo", "d")}


def number(
    chart: Chart,
    name: str,
    unit: str,
    pick: str = "latest",
    within: int | None = None,
    using: str | None = None,
) -> Measure:
    """The number as far as it is known, in base units.

    `unit` matters for age alone: completed years (`a`), completed months (`mo`) or days (`d`).
    A name that is no fact is UNKNOWN with that reason.
    """
    key = (name, unit if name == "age" else "", pick, within, using)
    memo = chart.memo
    if key in memo:
        return memo[key]  # type: ignore[no-any-return]
    memo[key] = found = _number(chart, name, unit, pick, within, using)
    return found


def _number(chart: Chart, name: str, unit: str, pick: str, within: int | None, using: str | None) -> Measure:
    from caveat.facts import derived
    from caveat.facts.gestation import gestation

    if name == "age":
        return age(chart, unit)
    if name == "pump_refill_age":
        return _pump(chart)
    if name == "gestation":
        return gestation(chart)
    if name == "creatinine_clearance":
        return derived.creatinine_clearance(chart, within, using or "actual")
    build = derived.BY_NAME.get(name)
    if build is not None:
        return build(chart, within)
    if name.endswith("_age") and name[:-4] in chart.terminology.tables.observations:
        return time_since(chart, name[:-4])
    if number_fact(name, chart.terminology) is None:
        return unknown(name, "no such fact")
    return latest(chart, name, within) if pick == "latest" else extreme(chart, name, pick, within)


def age(chart: Chart, unit: str) -> Measure:
    """Age at `as_of`: completed years, completed months or days, in seconds of that unit.

    A birth date after `as_of` is a problem and the age is UNKNOWN.
    """
    patient = chart.patient
    if patient.birth_date is not None:
        basis = (Basis("age", f"born {patient.birth_date}"),)
        count = {"a": completed_years, "mo": completed_months, "d": age_days}[unit]
        try:
            lived = count(patient.birth_date, chart.as_of)
        except CaveatError:
            chart.problem(
                "impossible-value",
                f"birth date {patient.birth_date} lies after {chart.day}",
                "$.birth_date",
                str(patient.birth_date),
            )
            return unknown("age", "the birth date lies in the future", ("birth_date",), basis)
        if unit == "a" and lived.low is not None and lived.low > OLDEST:
            chart.note("implausible-value", f"an age of {lived.low} years is unlikely", "$.birth_date")
        return Measure(_scaled(lived, unit), basis)
    if patient.age is not None:
        return _stated_age(chart, unit)
    return unknown("age", "not recorded", ("birth_date",))


def _scaled(lived: Interval, unit: str) -> Interval:
    factor = SECONDS[unit]
    return Interval(
        None if lived.low is None else lived.low * factor, None if lived.high is None else lived.high * factor
    )


def _stated_age(chart: Chart, unit: str) -> Measure:
    stated = chart.patient.age
    assert stated is not None
    basis = (Basis("age", str(stated)),)
    try:
        exact = base_interval(stated, "d")
        written = parse_unit(stated.unit).text
    except CaveatError as error:
        chart.problem("unit", f"age {stated} is not understood: {error}", "$.age", str(stated))
        return unknown("age", str(error), (), basis)
    if exact.low is None or exact.high is None:
        return Measure(exact, basis)
    step = SECONDS.get(unit, Fraction(86400))
    last = exact.high
    if stated.comparator is None and stated.upper is None:
        width = {"a": SECONDS["a"], "mo": SECONDS["mo"], "wk": Fraction(7 * 86400)}.get(
            written, Fraction(86400)
        )
        last = exact.high + width - Fraction(86400)
    low, high = exact.low // step, max(exact.low, last) // step
    return Measure(Interval(low * step, high * step), basis)


def years(chart: Chart) -> Measure:
    """Completed years as a plain number, not in seconds."""
    return chart.once("completed years", lambda: _years(chart))


def _years(chart: Chart) -> Measure:
    found = number(chart, "age", "a")
    if found.interval is None:
        return found
    factor = SECONDS["a"]
    low, high = found.interval.low, found.interval.high
    plain = Interval(None if low is None else low / factor, None if high is None else high / factor)
    return Measure(plain, found.basis, found.missing)


def current_weight(chart: Chart) -> Measure:
    """Weight in kg for a computation: no older than a year in adults and 90 days under 18."""
    adult = years(chart).interval
    limit = (
        WEIGHT_LIMIT_ADULT
        if adult is not None and adult.low is not None and adult.low >= 18
        else WEIGHT_LIMIT_CHILD
    )
    return plain(chart, "weight", "kg", limit)


def plain(chart: Chart, name: str, unit: str, within: int | None = None) -> Measure:
    """A number in `unit` itself, as formulas take it."""
    return in_unit(number(chart, name, unit, "latest", within), unit)


def in_unit(found: Measure, unit: str) -> Measure:
    """A measure in base units, in `unit` itself."""
    if found.interval is None:
        return found
    factor = parse_unit(unit).factor
    i = found.interval
    scaled = Interval(
        None if i.low is None else i.low / factor,
        None if i.high is None else i.high / factor,
        i.low_open,
        i.high_open,
    )
    return Measure(scaled, found.basis, found.missing)


def to_base_units(interval: Interval | None, unit: str) -> Interval | None:
    """An interval in `unit`, in base units."""
    if interval is None:
        return None
    factor = parse_unit(unit).factor
    return Interval(
        None if interval.low is None else interval.low * factor,
        None if interval.high is None else interval.high * factor,
        interval.low_open,
        interval.high_open,
    )


def from_inputs(
    name: str, unit: str, interval: Interval | None, inputs: dict[str, Measure], why: str
) -> Measure:
    """A derived measure with the basis of its inputs, or UNKNOWN naming those that are missing."""
    basis = merge_basis([m.basis for m in inputs.values()])
    lacking = merge_missing([m.missing for m in inputs.values()])
    if interval is None or (interval.low is None and interval.high is None):
        names = tuple(dict.fromkeys(m.fact for m in lacking))
        reasons = "; ".join(f"{m.fact}: {m.reason}" for m in lacking) or why
        return Measure(None, basis, (Missing(name, reasons, names),))
    missing: tuple[Missing, ...] = ()
    if lacking:
        names = tuple(dict.fromkeys(m.fact for m in lacking))
        missing = (Missing(name, "; ".join(f"{m.fact}: {m.reason}" for m in lacking), names),)
    return Measure(to_base_units(interval, unit), basis, missing)


def _pump(chart: Chart) -> Measure:
    filled = chart.patient.context.pump_refilled
    if filled is None:
        return unknown("pump_refill_age", "the last refill of the pump is not recorded")
    basis = (Basis("pump_refill_age", f"refilled {filled}", filled.text),)
    if filled.first > chart.as_of:
        return unknown("pump_refill_age", f"the refill of {filled} lies after {chart.day}", (), basis)
    return Measure(days_to_base(max(0, chart.as_of - filled.last), chart.as_of - filled.first), basis)
