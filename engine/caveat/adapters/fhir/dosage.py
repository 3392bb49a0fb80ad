"""Dose, frequency, route and daily dose of an order, from its dosage instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import msgspec

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import timing, values
from caveat.adapters.fhir.timing import Rate
from caveat.adapters.ledger import Ledger
from caveat.facts.values import Quantity

# SNOMED CT route codes of the Global Patient Set, for codes sent without a display.
ROUTES: Final = {
    "26643006": "oral",
    "47625008": "intravenous",
    "78421000": "intramuscular",
    "34206005": "subcutaneous",
    "72607000": "intrathecal",
    "37161004": "rectal",
    "46713006": "nasal",
    "6064005": "topical",
    "16857009": "vaginal",
    "12130007": "intra-articular",
    "38239002": "intraperitoneal",
    "58100008": "intra-arterial",
    "372464004": "intradermal",
}

# Few instructions are given to many: what one says is found out once.
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(fhir.Dosage)
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    """One dosage instruction, read."""

    dose: Quantity | None
    rate: Quantity | None
    often: Rate | None
    as_needed: bool | None
    maximum: Quantity | None
    route: str | None


def dosing(instructions: Sequence[fhir.Dosage] | None, log: Ledger, path: str) -> dict[str, Any]:
    """The fields of an Order that its dosage instructions give; empty for none.

    Several instructions with the same or no sequence number hold together: their daily doses add
    up. Steps with different numbers follow each other: what is kept spans all of them, so the
    highest step counts as permitted. Either is noted.
    """
    if not instructions:
        return {}
    if len(instructions) == 1:
        key = _key(instructions[0])
        if key is None:
            return _fields(_step(instructions[0], log, path + "[0]"))
        fields, said = _known(key)
        said.repeat(log, path + "[0]")
        return fields
    steps = [_step(one, log, f"{path}[{i}]") for i, one in enumerate(instructions)]
    sequences = [one.sequence for one in instructions]
    stepwise = len(set(sequences)) > 1
    if stepwise:
        log.note("dosage-steps", "an order in steps: the span of its steps is kept, the highest counts", path)
    else:
        log.note("dosage-parts", "an order in several parts: their daily doses are added up", path)
    groups: dict[int | None, list[Step]] = {}
    for number, step in zip(sequences, steps, strict=True):
        groups.setdefault(number, []).append(step)
    return _combined(list(groups.values()), steps, log, path)


def _key(instruction: fhir.Dosage) -> bytes | None:
    """The instruction as bytes; None for one that is too long to be kept, or holds too large a number."""
    try:
        key = _ENCODER.encode(instruction)
    except OverflowError:
        return None
    return key if len(key) < _LONGEST else None


@lru_cache(maxsize=4096)
def _known(instruction: bytes) -> tuple[dict[str, Any], Ledger]:
    """The fields of an instruction, and what is to be said of it with paths that begin at it."""
    log = Ledger()
    return _fields(_step(_DECODER.decode(instruction), log, "")), log


def _fields(step: Step) -> dict[str, Any]:
    return {
        "dose": step.dose,
        "rate": step.rate,
        "frequency": timing.frequency(step.often),
        "as_needed": step.as_needed,
        "max_per_day": step.maximum,
        "route": step.route,
    }


def _combined(groups: list[list[Step]], steps: list[Step], log: Ledger, path: str) -> dict[str, Any]:
    routes = {step.route for step in steps if step.route}
    if len(routes) > 1:
        shown = ", ".join(sorted(routes))
        log.problem("routes", "one order with several routes; its route is not used", path, shown)
    needed = {step.as_needed for step in steps}
    daily = _daily_dose(groups)
    if daily is None:
        log.note("dosage-incomplete", "the parts of a dosage do not all state dose and frequency", path)
    often = [_summed(group) for group in groups]
    maxima = [step.maximum for step in steps if step.maximum is not None]
    return {
        "dose": _hull([step.dose for step in steps]),
        "rate": _hull([step.rate for step in steps]),
        "frequency": None
        if any(rate is None for rate in often)
        else timing.frequency(
            Rate(min(r.low for r in often if r is not None), max(r.high for r in often if r is not None))
        ),
        "as_needed": needed.pop() if len(needed) == 1 else False if daily is not None else None,
        "max_per_day": maxima[0] if len(maxima) == len(steps) and len(set(maxima)) == 1 else None,
        "daily_dose": daily,
        "route": routes.pop() if len(routes) == 1 else None,
    }


def _summed(group: list[Step]) -> Rate | None:
    low = high = Fraction(0)
    for step in group:
        if step.often is None:
            return None
        low += Fraction(0) if step.as_needed else step.often.low
        high += step.often.high
    return Rate(low or high, high)


def _daily_dose(groups: list[list[Step]]) -> Quantity | None:
    """What a day may hold, from the least scheduled to the most permitted, or None if a part is open."""
    totals: list[tuple[Fraction, Fraction]] = []
    units: set[str] = set()
    for group in groups:
        low = high = Fraction(0)
        for step in group:
            dose = step.dose
            if dose is None or step.often is None or dose.comparator is not None or not dose.unit:
                return None
            units.add(dose.unit)
            high += Fraction(dose.upper if dose.upper is not None else dose.value) * step.often.high
            low += Fraction(0) if step.as_needed else Fraction(dose.value) * step.often.low
        totals.append((low, high))
    if len(units) != 1:
        return None
    least, most = min(low for low, _ in totals), max(high for _, high in totals)
    unit = units.pop() + "/d"
    if least == most or least == 0:
        return Quantity(timing.decimal(most), unit)
    return Quantity(timing.decimal(least), unit, None, timing.decimal(most))


def _hull(parts: Sequence[Quantity | None]) -> Quantity | None:
    """The span of amounts in one unit; None when one is missing or does not fit the others."""
    known = [part for part in parts if part is not None]
    if not known or len(known) < len(parts) or len({part.unit for part in known}) > 1:
        return None
    if len(set(known)) == 1:
        return known[0]
    if any(part.comparator is not None for part in known):
        return None
    low = min(part.value for part in known)
    high = max(part.value if part.upper is None else part.upper for part in known)
    return Quantity(low, known[0].unit, None, high)


def _step(item: fhir.Dosage, log: Ledger, path: str) -> Step:
    dose, rate = _dose_and_rate(item, log, path)
    often = timing.per_day(item.timing, log, path + ".timing")
    if dose is None and rate is None and item.text:
        log.note(
            "dosage-text-only", "the dosage is given as text only; dose and frequency are not read", path
        )
    prn = item.as_needed_boolean
    if item.as_needed_codeable_concept is not None:
        prn = True
    maximum = _per_day(item.max_dose_per_period, log, path + ".maxDosePerPeriod")
    return Step(dose, rate, often, prn, maximum, route(item.route, log, path + ".route"))


def _dose_and_rate(item: fhir.Dosage, log: Ledger, path: str) -> tuple[Quantity | None, Quantity | None]:
    doses: list[Quantity] = []
    rates: list[Quantity] = []
    entries = [(f"{path}.doseAndRate[{i}]", one) for i, one in enumerate(item.dose_and_rate or ())]
    if not entries:
        if item.dose is not None:
            item.dose_quantity = item.dose
        plain = fhir.DoseAndRate(
            None, item.dose_quantity, item.dose_range, item.rate_quantity, None, item.rate_ratio
        )
        entries = [(path, plain)]
    ordered = [pair for pair in entries if values.first_code(pair[1].type) == "ordered"]
    for where, one in ordered or entries:
        dose = values.amount(one.dose_quantity, log, where + ".doseQuantity")
        if dose is None:
            dose = values.span(one.dose_range, log, where + ".doseRange")
        dose = values.positive(dose, log, where, "a dose")
        if dose is not None:
            if dose.unit:
                doses.append(dose)
            else:
                log.note("dose-without-unit", "a dose without a unit was not used", where)
        rate = values.amount(one.rate_quantity, log, where + ".rateQuantity")
        if rate is None:
            rate = values.span(one.rate_range, log, where + ".rateRange")
        if rate is None:
            rate = ratio(one.rate_ratio, log, where + ".rateRatio")
        rate = values.positive(rate, log, where, "a rate")
        if rate is not None and rate.unit:
            rates.append(rate)
    dose = _one_of(doses, log, path)
    return dose, _one_of(rates, log, path)


def _one_of(found: list[Quantity], log: Ledger, path: str) -> Quantity | None:
    """The one amount; the span of several in one unit; none, with a problem, when units differ."""
    if len(found) <= 1:
        return found[0] if found else None
    span = _hull(found)
    if span is None:
        shown = ", ".join(str(one) for one in found)
        log.problem("dose-conflict", "one instruction with doses that do not fit together", path, shown)
    return span


def ratio(value: fhir.Ratio | None, log: Ledger, path: str) -> Quantity | None:
    """A ratio of two amounts as one, such as 300 ug in 1 d: `300 ug/d`."""
    if value is None or value.numerator is None:
        return None
    top = values.amount(value.numerator, log, path + ".numerator")
    if top is None or not top.unit:
        return None
    bottom = values.amount(value.denominator, log, path + ".denominator")
    if bottom is None or bottom.value <= 0 or not bottom.unit or "/" in bottom.unit:
        log.problem("ratio", "a ratio without a usable denominator was not used", path, str(top))
        return None
    return Quantity(timing.decimal(Fraction(top.value) / Fraction(bottom.value)), f"{top.unit}/{bottom.unit}")


def _per_day(value: fhir.Ratio | None, log: Ledger, path: str) -> Quantity | None:
    """The most a day, when the period is a day or part of one; a ceiling over longer says less."""
    if value is None or value.numerator is None:
        return None
    top = values.positive(values.amount(value.numerator, log, path), log, path, "a maximum dose")
    period = timing.days(value.denominator, log, path + ".denominator")
    if top is None or not top.unit or not period:
        return None
    if period != 1:
        log.note("maximum-not-per-day", "a maximum dose for another period than a day was not used", path)
        return None
    return Quantity(top.value, f"{top.unit}/d")


def route(concept: fhir.Concept | None, log: Ledger, path: str) -> str | None:
    """The route as a word where its code is a common one, else as worded, else as `system|code`."""
    if concept is None:
        return None
    found = values.codes(concept, log, path)
    for code in found:
        if code.system == "snomed" and code.code in ROUTES:
            return ROUTES[code.code]
    words = values.text(concept, log, path)
    if words:
        return words
    for code in found:
        return code.display or f"{code.system}|{code.code}"
    return None
