"""How far a pregnancy is: as stated for today, else counted on from what was recorded earlier.

A record states it in four ways: a gestational age with its date, an expected day of delivery, the
first day of the last menstruation, and the week that an ICD-10-CM code `Z3A.nn` names. Each is
carried forward to `as_of`. Whole weeks are completed weeks, so `20 wk` is 20 weeks and up to 6 days.
The latest statement counts; those of one day that differ make an interval. What is counted on to more
than 44 weeks, or would begin after `as_of`, is no length of a pregnancy: UNKNOWN.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from caveat.dates import When, parse_when
from caveat.errors import CaveatError, DateError
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.measure import Measure, base_interval, unknown
from caveat.facts.observed import concept_of
from caveat.facts.problems_list import UNSURE, views
from caveat.findings.basis import Basis, Missing
from caveat.intervals import Interval, hull
from caveat.units import parse_unit

AGE: Final = "recorded_gestation"
DELIVERY: Final = "estimated_delivery_date"
MENSTRUATION: Final = "last_menstrual_period"
INPUTS: Final = (AGE, DELIVERY, MENSTRUATION)
"""The observations it is counted from; pregnancy conditions come on top."""

WHOLE: Final = 280
"""Days from the first day of the last menstruation to the expected day of delivery."""
LONGEST: Final = 44 * 7
"""Days past which no pregnancy is taken to go on."""
_DAY: Final = 86400
_WEEK: Final = parse_unit("wk").factor
_IN_WEEKS: Final = ("49051-6",)
"""LOINC codes that have the unit in their name: a plain number is a number of weeks."""
_AFTER_42: Final = (43 * 7, LONGEST)


@dataclass(frozen=True, slots=True)
class _Statement:
    """`length` is in seconds at `as_of`; None with `trouble` is one that cannot be used."""

    at: When | None
    length: Interval | None
    basis: Basis
    trouble: str = ""


def gestation(chart: Chart) -> Measure:
    """The length of the pregnancy at `as_of`, in base units, or UNKNOWN with the reason."""
    stated = chart.patient.gestation
    if stated is not None:
        basis = (Basis("gestation", str(stated)),)
        try:
            return Measure(base_interval(stated, "wk"), basis)
        except CaveatError as error:
            return unknown("gestation", str(error), (), basis)
    return _counted(chart)


def _counted(chart: Chart) -> Measure:
    statements = _latest([*_of_observations(chart), *_of_conditions(chart)])
    usable = [one for one in statements if one.length is not None]
    if any(one.length is None and one.at is None for one in statements):
        usable = []  # without a date it may be the latest
    basis = tuple(dict.fromkeys(one.basis for one in usable or statements))
    if not usable:
        reasons = "; ".join(dict.fromkeys(one.trouble for one in statements)) or "not recorded"
        inputs = tuple(dict.fromkeys(one.basis.fact for one in statements))
        return Measure(None, basis, (Missing("gestation", reasons, inputs),))
    length = usable[0].length
    assert length is not None
    for one in usable[1:]:
        assert one.length is not None
        length = hull(length, one.length)
    return Measure(length, basis)


def _latest(statements: list[_Statement]) -> list[_Statement]:
    """Those that may be the latest; of these a usable one makes up for a dated one that is not."""
    newest = max((one.at.first for one in statements if one.at is not None), default=None)
    if newest is None:
        return statements
    return [one for one in statements if one.at is None or one.at.last >= newest]


def _of_observations(chart: Chart) -> list[_Statement]:
    found = []
    for entry in chart.patient.observations or ():
        concept = concept_of(chart, entry)
        if concept in INPUTS and (entry.at is None or entry.at.first <= chart.as_of):
            found.append(_of_observation(chart, concept, entry))
    return found


def _of_observation(chart: Chart, concept: str, entry: Observation) -> _Statement:
    shown = str(entry.value or entry.answer or "no value")
    basis = Basis(concept, shown, None if entry.at is None else entry.at.text, entry.source)
    name = concept.replace("_", " ")
    try:
        length = _aged(chart, entry) if concept == AGE else _dated(chart, concept, entry)
    except CaveatError as error:
        return _Statement(entry.at, None, basis, f"{name} of {shown}: {error}")
    why = _impossible(length, f"{name} of {shown}", chart)
    return _Statement(entry.at, None if why else _from_zero(length), basis, why)


def _aged(chart: Chart, entry: Observation) -> Interval:
    """A gestational age and the days since. Raises CaveatError where one of both is not known."""
    if entry.value is None:
        raise DateError("it is no length of time")
    if entry.at is None:
        raise DateError("it has no date to count on from")
    value = entry.value
    if value.unit in ("", "1") and any(
        code.system == "loinc" and code.code in _IN_WEEKS for code in entry.codes
    ):
        value = replace(value, unit="wk")
    length = base_interval(value, "wk")
    if length.exact is not None and parse_unit(value.unit).factor == _WEEK:
        weeks = length.exact / _WEEK
        if weeks.denominator == 1:
            length = Interval(length.low, length.exact + 6 * _DAY)
    return _later(length, entry.at, chart.as_of)


def _dated(chart: Chart, concept: str, entry: Observation) -> Interval:
    """Days from the beginning that a date gives. Raises DateError for what is no date."""
    text = entry.answer.text if entry.answer is not None else None
    if not text:
        raise DateError("it is no date")
    day = parse_when(text)
    begun = WHOLE if concept == DELIVERY else 0
    first, last = day.first - begun, day.last - begun
    return _days(chart.as_of - last, chart.as_of - first)


def _of_conditions(chart: Chart) -> list[_Statement]:
    found = []
    for view in views(chart) or ():
        condition = view.condition
        span = next((span for code in condition.codes if (span := week(code.system, code.code))), None)
        if span is None or condition.verification in UNSURE:
            continue
        at = condition.onset or condition.recorded
        shown = view.name
        basis = Basis("condition:pregnancy", shown, None if at is None else at.text, condition.source)
        if at is None:
            found.append(_Statement(None, None, basis, f"{shown}: it has no date to count on from"))
            continue
        length = _later(_days(*span), at, chart.as_of)
        why = _impossible(length, f"{shown} of {at}", chart)
        found.append(_Statement(at, None if why else _from_zero(length), basis, why))
    return found


def week(system: str, code: str) -> tuple[int, int] | None:
    """Days that an ICD-10-CM code of category Z3A allows; None for other codes and an unspecified week."""
    plain = code.upper().replace(".", "")
    if system not in ("icd10cm", "icd10") or not plain.startswith("Z3A") or not plain[3:].isdecimal():
        return None
    number = int(plain[3:])
    if len(plain) != 5 or number == 0:
        return None
    if number == 1:
        return 0, 8 * 7 - 1
    if number == 49:
        return _AFTER_42
    return (number * 7, number * 7 + 6) if 8 <= number <= 42 else None


def _later(length: Interval, at: When, as_of: int) -> Interval:
    """The length on the day `as_of` of what it was on the day `at`."""
    least, most = max(0, as_of - at.last) * _DAY, (as_of - at.first) * _DAY
    return Interval(
        None if length.low is None else length.low + least,
        None if length.high is None else length.high + most,
        length.low_open,
        length.high_open,
    )


def _days(first: int, last: int) -> Interval:
    return Interval(Fraction(first * _DAY), Fraction(last * _DAY))


def _from_zero(length: Interval) -> Interval:
    if length.low is not None and length.low < 0:
        return Interval(Fraction(0), length.high, False, length.high_open)
    return length


def _impossible(length: Interval, shown: str, chart: Chart) -> str:
    """Why it is no length of a pregnancy, or an empty string."""
    if length.low is not None and length.low > LONGEST * _DAY:
        weeks, days = divmod(int(length.low // _DAY), 7)
        return f"{shown} makes {weeks} wk {days} d on {chart.day}, past 44 wk: too old, or wrong"
    if length.high is not None and length.high < 0:
        day = dt.date.fromordinal(chart.as_of - int(length.high // _DAY)).isoformat()
        return f"{shown} puts the beginning on {day} or later, after {chart.day}"
    return ""
