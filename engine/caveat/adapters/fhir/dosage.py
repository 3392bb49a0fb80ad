"""Dose, frequency, route and daily dose of an order, from its dosage instructions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import msgspec

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import sig, timing, values
from caveat.adapters.fhir.rates import Rate, decimal
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
    """One dosage instruction, read. `daily` is the amount of a day where words say so."""

    dose: Quantity | None
    rate: Quantity | None
    often: Rate | None
    as_needed: bool | None
    maximum: Quantity | None
    route: str | None
    daily: Quantity | None = None


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


_EVERY_DAY: Final = Quantity(Decimal(1), "/d", ">=")
"""How often a medicine is taken of which the amount of a day is known: every day, in one part or several."""


def _fields(step: Step) -> dict[str, Any]:
    fields = {
        "dose": step.dose,
        "rate": step.rate,
        "frequency": timing.frequency(step.often),
        "as_needed": step.as_needed,
        "max_per_day": step.maximum,
        "route": step.route,
    }
    if step.daily is not None:
        fields["daily_dose"] = step.daily
        if step.often is None and not step.as_needed:
            fields["frequency"] = _EVERY_DAY
    return fields


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
            if step.daily is not None:
                whole = step.daily
                units.add(whole.unit.removesuffix("/d"))
                high += Fraction(whole.value if whole.upper is None else whole.upper)
                low += Fraction(0) if step.as_needed else Fraction(whole.value)
                continue
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
        return Quantity(decimal(most), unit)
    return Quantity(decimal(least), unit, None, decimal(most))


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
    dose, rate, bare = _dose_and_rate(item, log, path)
    often = timing.per_day(item.timing, log, path + ".timing")
    prn = item.as_needed_boolean
    if item.as_needed_codeable_concept is not None:
        prn = True
    maximum = _per_day(item.max_dose_per_period, log, path + ".maxDosePerPeriod")
    step = Step(dose, rate, often, prn, maximum, route(item.route, log, path + ".route"))
    if rate is not None or (dose is not None and often is not None):
        return step
    text = item.text or item.patient_instruction
    if text and item.sequence is not None and item.sequence > 1:
        text = _THEN.sub("", text, count=1) if _THEN.match(text) else text
    return _with_words(step, text, bare, log, path)


# How the words of a later step begin, which its sequence number says already.
_THEN: Final = re.compile(
    r"\s*(?:and then|then|followed by|dann|danach|puis|ensuite|despu\u00e9s|luego)\b[ ,:]*", re.IGNORECASE
)


def _with_words(step: Step, text: str | None, bare: Sequence[Quantity], log: Ledger, path: str) -> Step:
    """The step with what its text says of dose and frequency, where its data do not.

    A text that is not understood whole, or that says another dose or frequency than the data, gives
    nothing. `bare` are the doses that the data state without a unit.
    """
    if not text:
        return step
    said = sig.read(text)
    if said is None:
        if step.dose is None:
            log.note("dosage-text-only", _UNREAD, path)
        return step
    if _says_another(step, said, bare):
        message = "the words of a dosage differ from its data, so nothing was taken from them"
        log.note("dosage-text-differs", message, path)
        return step
    gained = (
        (step.dose is None and said.dose is not None)
        or (step.often is None and said.often is not None)
        or said.daily is not None
    )
    if gained:
        log.note("dosage-text-read", "dose or frequency was read from the words of the dosage", path)
    if step.dose is None and said.dose is None and said.daily is None:
        log.note("dosage-text-only", _UNREAD_DOSE, path)
    return Step(
        dose=step.dose or said.dose,
        rate=None,
        often=step.often or said.often,
        as_needed=said.as_needed if step.as_needed is None else step.as_needed,
        maximum=step.maximum or said.maximum,
        route=step.route or said.route,
        daily=said.daily,
    )


_UNREAD: Final = (
    "the dosage is given in words that were not understood whole; dose and frequency are not read"
)
_UNREAD_DOSE: Final = "the dosage is given in words that state no dose"


def _says_another(step: Step, said: sig.Said, bare: Sequence[Quantity]) -> bool:
    """Whether words and data cannot both be right; a count of tablets and milligrams are not compared."""
    if step.often is not None and said.often is not None and step.often != said.often:
        return True
    if step.dose is not None:
        if said.daily is not None:
            return True
        return said.dose is not None and _differ(step.dose, said.dose)
    numbers = {(one.value, one.upper) for one in bare}
    if not numbers:
        return False
    return said.daily is not None or (
        said.dose is not None and numbers != {(said.dose.value, said.dose.upper)}
    )


def _differ(one: Quantity, other: Quantity) -> bool:
    """Whether two doses of one kind differ; those of two kinds, such as tablets and mg, are not compared."""
    first, second = values.parsed(one.unit), values.parsed(other.unit)
    if first is None or second is None:
        return True
    if all(len(unit.dimension) == 1 and unit.dimension[0][0].startswith("{") for unit in (first, second)):
        return (one.value, one.upper) != (other.value, other.upper)
    if first.dimension != second.dimension:
        return False
    ends = [
        [None if end is None else Fraction(end) * unit.factor for end in (dose.value, dose.upper)]
        for dose, unit in ((one, first), (other, second))
    ]
    return ends[0] != ends[1]


def _dose_and_rate(
    item: fhir.Dosage, log: Ledger, path: str
) -> tuple[Quantity | None, Quantity | None, list[Quantity]]:
    """Dose and rate, and the doses that were not used for want of a unit."""
    doses: list[Quantity] = []
    bare: list[Quantity] = []
    rates: list[Quantity] = []
    entries = [(f"{path}.doseAndRate[{i}]", one) for i, one in enumerate(item.dose_and_rate or ())]
    if not entries:
        if item.dose is not None:
            item.dose_quantity = item.dose
        plain = fhir.DoseAndRate(
            None, item.dose_quantity, item.dose_range, item.rate_quantity, None, item.rate_ratio
        )
        entries = [(path, plain)]
    for where, one in _chosen(entries):
        dose = values.amount(one.dose_quantity, log, where + ".doseQuantity")
        if dose is None:
            dose = values.span(one.dose_range, log, where + ".doseRange")
        dose = values.positive(dose, log, where, "a dose")
        if dose is not None:
            if dose.unit:
                doses.append(dose)
            else:
                bare.append(dose)
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
    return dose, _one_of(rates, log, path), bare


def _chosen(entries: list[tuple[str, fhir.DoseAndRate]]) -> list[tuple[str, fhir.DoseAndRate]]:
    """Those that were ordered, else those that were calculated, else all."""
    for kind in ("ordered", "calculated"):
        found = [pair for pair in entries if values.first_code(pair[1].type) == kind]
        if found:
            return found
    return entries


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
    return Quantity(decimal(Fraction(top.value) / Fraction(bottom.value)), f"{top.unit}/{bottom.unit}")


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
