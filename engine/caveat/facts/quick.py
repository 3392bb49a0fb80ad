"""Plain values in floating point, to decide comparisons that are not close.

A quick value is given only where the record holds one simple number: one latest day, no
comparator, a known unit, a possible value. NAN says that the number is not known at all; None
says "ask the exact way". A caller compares with a margin and asks the exact way inside it, so
that the answer is the same and only sooner.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from math import nan
from typing import Any, Final

from caveat.facts.catalog import number_fact
from caveat.facts.chart import Chart
from caveat.facts.clinical import Observation
from caveat.facts.derive.ckd_epi import ADULT
from caveat.facts.derive.ckd_epi import estimate as ckd_epi_point
from caveat.facts.measure import base_interval, factor
from caveat.facts.numbers import WEIGHT_LIMIT_ADULT
from caveat.facts.observed import STATED, concept_of, observed
from caveat.facts.values import Quantity
from caveat.intervals import Interval
from caveat.units import parse_unit

MARGIN = 1e-9
_MOST_SPANS = 2_048
_MG_DL = float(parse_unit("mg/dL").factor)
_KG = float(parse_unit("kg").factor)
_ML_MIN = float(parse_unit("mL/min").factor)
_EGFR = float(parse_unit("mL/min/{1.73_m2}").factor)


Entry = tuple[Any, Quantity | None, float]
"""The date, the value, and the number of the value in its own unit (NAN where there is no plain one)."""
Span = tuple[float, float] | None


def entries(chart: Chart) -> dict[str, list[Entry]]:
    """Dates and values by concept. Anything odd is found here and makes the exact index be built."""
    memo = chart.memo
    if "quick" in memo:
        return memo["quick"]  # type: ignore[no-any-return]
    found: dict[str, list[Entry]] = {}
    odd = False
    patient = chart.patient
    for name in STATED:
        stated = getattr(patient, name)
        if stated is not None:
            found.setdefault(name, []).append((stated.at or chart.as_of, stated.value, _plain(stated.value)))
            odd = odd or _odd(chart, name, stated.value)
    if patient.observations:
        odd = _collect(chart, patient.observations, found) or odd
    memo["quick"], memo["plain"] = found, {}
    if odd:
        memo["odd"] = True
        observed(chart)
    return found


def _collect(chart: Chart, listed: tuple[Observation, ...], found: dict[str, list[Entry]]) -> bool:
    """Whether anything of the observations is odd; what is of a bound concept is added to `found`."""
    odd = False
    today = chart.as_of
    spans = _spans(chart)
    tables = chart.terminology.tables
    concepts, loinc = tables.observations, tables.loinc
    for entry in listed:
        said = entry.__dict__  # looked up there in a fifth of the time that a model's attribute takes
        concept = said["concept"]
        if concept is None:
            codes = said["codes"]
            if len(codes) == 1:
                code = codes[0]
                if code.system == "loinc":
                    concept = loinc.get(code.code)
        known = spans.get(concept)
        if known is None and (concept is None or concept not in concepts):
            concept = concept_of(chart, entry)
            if concept is None:
                continue
            known = spans.get(concept)
        at, value = said["at"], said["value"]
        if at is not None and at.first > today:
            odd = True
            continue
        span, plain = None, nan
        if value is not None and value.comparator is None and value.upper is None:
            plain = float(value.value)
            if known is not None:
                span = known.get(value.unit)
        # a value between the bounds is known to be neither impossible nor unlikely
        if (span is None or not span[0] < plain < span[1]) and not odd:
            odd = _odd(chart, concept, value)
        if concept in found:
            found[concept].append((at, value, plain))
        else:
            found[concept] = [(at, value, plain)]
    return odd


def _plain(value: Quantity | None) -> float:
    if value is None or value.comparator is not None or value.upper is not None:
        return nan
    return float(value.value)


def _spans(chart: Chart) -> dict[str, dict[str, Span]]:
    """Bounds of plain values by concept and unit, in that unit, kept with the terminology."""
    return chart.terminology.remember("quick spans", dict)


def _learn(chart: Chart, concept: str, unit: str) -> None:
    """Keep the bounds of a concept in a unit that is not yet known."""
    spans = _spans(chart)
    if unit in spans.get(concept, ()) or sum(map(len, spans.values())) >= _MOST_SPANS:
        return
    limits = chart.terminology.remember(("quick limits", concept), lambda: _limits(chart, concept))
    size = factor(unit, limits[2], limits[3]) if limits is not None and unit else None
    span = None
    if limits is not None and size is not None and size > 0:
        span = _narrowed(limits[0] / size, 1), _narrowed(limits[1] / size, -1)
    spans.setdefault(concept, {})[unit] = span


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
    own = value.unit or (unit if unit == "1" else "")
    size = factor(own, unit, analyte) if own else None
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


Newest = tuple[Quantity | None, int, int, float]
_NONE: Final[Newest] = (None, -1, -1, nan)


def latest(chart: Chart, concept: str, unit: str, analyte: str | None, within: int | None) -> float | None:
    """The latest value in base units; NAN when there is none or it is too old, None when it is not simple."""
    memo = chart.memo
    recorded = memo["quick"] if "quick" in memo else entries(chart)
    if concept not in recorded:
        return nan
    plain = memo["plain"]
    if concept in plain:
        value, first, last, number = plain[concept]
    else:
        plain[concept] = value, first, last, number = _newest(chart, recorded[concept])
    if value is None:
        return None
    if within is not None:
        oldest = chart.as_of - within
        if first < oldest:
            return nan if 0 <= last < oldest else None
    size = factor(value.unit, unit, analyte)
    return None if size is None else number * size


def exactly(chart: Chart, concept: str, unit: str, analyte: str | None) -> Interval | None:
    """The value behind the plain number that `latest` gave, exactly; None where it gave none."""
    value: Quantity | None = chart.memo["plain"].get(concept, (None,))[0]
    return None if value is None else _exactly(value.value, value.unit, unit, analyte)


@lru_cache(maxsize=4096)
def _exactly(value: Decimal, own: str, unit: str, analyte: str | None) -> Interval:
    return base_interval(Quantity(value, own), unit, analyte)


def _newest(chart: Chart, kept: list[Entry]) -> Newest:
    """The latest simple value, None without one, with the first and last day it may be of (-1 undated)."""
    at, value, number = kept[0]
    if len(kept) > 1:
        newest = -1
        for when, quantity, plain in kept:
            day = -1 if when is None else _day(when)
            if day < 0 or day == newest:
                return _NONE
            if day > newest:
                newest, at, value, number = day, when, quantity, plain
    if value is None or number != number or not value.unit or "odd" in chart.memo:
        return _NONE
    if at is None:
        return value, -1, -1, number
    return (value, at, at, number) if at.__class__ is int else (value, at.first, at.last, number)


def time_since(chart: Chart, concept: str) -> float | None:
    """Seconds since the latest value of a concept, NAN when there is none or it has no date."""
    memo = chart.memo
    recorded = memo["quick"] if "quick" in memo else entries(chart)
    if concept not in recorded:
        return nan
    key = ("since", concept)
    if key not in memo:
        memo[key] = _time_since(chart.as_of, recorded[concept])
    return memo[key]  # type: ignore[no-any-return]


def _time_since(as_of: int, kept: list[Entry]) -> float | None:
    newest = -1
    for when, _, _ in kept:
        if when is None:
            return nan if len(kept) == 1 else None
        day = _day(when)
        if day < 0:
            return None
        newest = max(newest, day)
    return (as_of - newest) * 86400.0


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
    key = ("quick clearance", within, None if using == "actual" else using)
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
    if lived is None or sex is None or not 18 <= lived <= 139 or using not in (None, "actual"):
        return None
    creatinine = latest(chart, "serum_creatinine", "mg/dL", "creatinine", within)
    weight = latest(chart, "weight", "kg", None, WEIGHT_LIMIT_ADULT)
    if creatinine is None or weight is None:
        return None
    if creatinine != creatinine or weight != weight:
        return nan
    male = (140 - lived) * (weight / _KG) / (72 * (creatinine / _MG_DL))
    return (male if sex == "male" else male * 0.85) * _ML_MIN


def egfr(chart: Chart, within: int | None) -> float | None:
    """Estimated filtration of an adult in base units, as `facts.derived.egfr` has it."""
    key = ("quick egfr", within)
    memo = chart.memo
    if key not in memo:
        memo[key] = _egfr(chart, within)
    return memo[key]  # type: ignore[no-any-return]


def _egfr(chart: Chart, within: int | None) -> float | None:
    known = entries(chart)
    if "egfr" in known:
        if "serum_creatinine" in known and not _as_new(known["egfr"], known["serum_creatinine"]):
            return None
        measured = latest(chart, "egfr", "mL/min/{1.73_m2}", None, within)
        return None if measured is None or measured != measured else measured
    if "serum_creatinine" not in known:
        return nan
    lived, sex = years(chart), chart.patient.sex
    if lived is None or lived < ADULT or sex is None:
        return None
    creatinine = latest(chart, "serum_creatinine", "mg/dL", "creatinine", within)
    if creatinine is None or creatinine != creatinine:
        return creatinine
    found = ckd_epi_point(lived, creatinine / _MG_DL, sex)
    # the exact way rounds to nine decimals, which is less than the margin of one and above
    return None if found < 1.0 else found * _EGFR


def _as_new(these: list[Entry], those: list[Entry]) -> bool:
    """Whether the first entries are all of one day each, and none of the others is later than all of them."""
    days = [0 if when is None else _day(when) for when, _, _ in these]
    last = max(days)
    return min(days) > 0 and all(when is not None and 0 < _day(when) <= last for when, _, _ in those)


def bmi(chart: Chart) -> float | None:
    """Body mass index of an adult in base units, as `facts.derived.bmi` has it."""
    memo = chart.memo
    if "quick bmi" not in memo:
        memo["quick bmi"] = _bmi(chart)
    return memo["quick bmi"]  # type: ignore[no-any-return]


def _bmi(chart: Chart) -> float | None:
    if if_recorded(chart, "bmi") is not None:
        return nan
    lived = years(chart)
    if "bmi" in entries(chart) or lived is None or lived < ADULT:
        return None
    height = latest(chart, "height", "cm", None, None)
    weight = latest(chart, "weight", "kg", None, WEIGHT_LIMIT_ADULT)
    if height is None or weight is None:
        return None
    if height != height or weight != weight:
        return nan
    return weight / (height * height) if height > 0 and weight > 0 else None


NEEDED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "qtc": (("qtc_interval", "qt_interval"),),
    "bmi": (("bmi", "height"), ("bmi", "weight")),
}
"""Observations of which one of each group must be recorded, or the number is not known."""


def if_recorded(chart: Chart, fact: str) -> float | None:
    """NAN for a number of `NEEDED` that nothing recorded can give, else None."""
    known = entries(chart)
    for group in NEEDED[fact]:
        if known.keys().isdisjoint(group):
            return nan
    return None
