"""How often a dose is given, from FHIR Timing."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import sig, values
from caveat.adapters.fhir.rates import Rate, decimal
from caveat.adapters.ledger import Ledger
from caveat.facts.values import Quantity

# Times a day, of the codes that HL7 v3 GTSAbbreviation defines and of the same words as text.
PER_DAY: Final[dict[str, Fraction]] = {
    "BID": Fraction(2),
    "TID": Fraction(3),
    "QID": Fraction(4),
    "QD": Fraction(1),
    "OD": Fraction(1),
    "AM": Fraction(1),
    "PM": Fraction(1),
    "BED": Fraction(1),
    "QHS": Fraction(1),
    "QOD": Fraction(1, 2),
    "WK": Fraction(1, 7),
    "MO": Fraction(12, 1) / Fraction("365.25"),
} | {f"Q{hours}H": Fraction(24, hours) for hours in (1, 2, 3, 4, 6, 8, 12, 24)}
# "OD" is once daily on prescriptions but "right eye" too: read from a code alone, never from text.
_NOT_FROM_TEXT: Final = frozenset({"OD", "AM", "PM", "WK", "MO"})

UNIT_DAYS: Final[dict[str, Fraction]] = {
    "s": Fraction(1, 86400),
    "min": Fraction(1, 1440),
    "h": Fraction(1, 24),
    "d": Fraction(1),
    "wk": Fraction(7),
    "mo": Fraction("365.25") / 12,
    "a": Fraction("365.25"),
}
# Events that happen once a day; meals in general (C, AC, PC) and offsets from them do not say how often.
_ONCE_A_DAY: Final = frozenset(
    "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE "
    "CM CD CV ACM ACD ACV PCM PCD PCV".split()
)


def per_day(timing: fhir.Timing | None, log: Ledger, path: str) -> Rate | None:
    """Times a day, or None when the timing does not say, or says it in a way that can be read twice.

    A code and structured data that disagree give the span of both, with a note.
    """
    if timing is None:
        return None
    coded = _from_code(timing.code)
    structured = None if timing.repeat is None else _from_repeat(timing.repeat, log, path + ".repeat")
    if coded is None and structured is None and timing.code is not None:
        log.note("frequency-unread", "a timing code that is not known does not say how often", path + ".code")
    if coded is None or structured is None:
        return structured or coded
    if coded != structured:
        log.note("frequency-conflict", "a timing code and its structured data disagree; both are kept", path)
    return Rate(min(coded.low, structured.low), max(coded.high, structured.high))


def _from_code(concept: fhir.Concept | None) -> Rate | None:
    if concept is None:
        return None
    for coding in concept.coding or ():
        local = coding.system is not None and "GTSAbbreviation" not in coding.system
        times = PER_DAY.get((coding.code or "").strip().upper())
        if times is not None and not local:
            return Rate(times, times)
    for word in (concept.text, *(coding.display for coding in concept.coding or ())):
        found = _from_words(word)
        if found is not None:
            return found
    return None


def _from_words(text: str | None) -> Rate | None:
    """How often, from words that say nothing of a dose."""
    word = (text or "").strip().upper().replace(".", "")
    if not word:
        return None
    times = None if word in _NOT_FROM_TEXT else PER_DAY.get(word)
    if times is not None:
        return Rate(times, times)
    said = sig.read(text or "")
    return None if said is None or said.dose is not None or said.daily is not None else said.often


def _from_repeat(repeat: fhir.Repeat, log: Ledger, path: str) -> Rate | None:
    days = len(set(repeat.day_of_week)) if repeat.day_of_week else None
    clock = len(set(repeat.time_of_day)) if repeat.time_of_day else None
    if repeat.period is None and repeat.frequency is None:
        return _from_lists(repeat, days, clock, log, path)
    if repeat.period is None:
        log.note("frequency-unclear", "a frequency without its period was not used", path)
        return None
    unit = UNIT_DAYS.get(repeat.period_unit or "")
    counts = (repeat.frequency, repeat.frequency_max, repeat.period, repeat.period_max)
    if unit is None or any(n is not None and not (n.is_finite() and 0 < n < 10**6) for n in counts):
        shown = f"{repeat.frequency} per {repeat.period} {repeat.period_unit}"
        log.problem("frequency", "a frequency that cannot be read; it was not used", path, shown)
        return None
    often = Fraction(repeat.frequency or 1)
    period = Fraction(repeat.period) * unit
    low, high = often / period, often / period
    if repeat.frequency_max is not None:
        high = max(low, Fraction(repeat.frequency_max) / period)
    if repeat.period_max is not None:
        low = min(low, often / max(period, Fraction(repeat.period_max) * unit))
    listed = _times_listed(repeat, clock)
    if listed is not None and period == 1 and not low <= listed <= high:
        log.note(
            "frequency-conflict", "a frequency and the times of the day listed disagree; both are kept", path
        )
        low, high = min(low, listed), max(high, listed)
    if days is not None and period == 1:
        low, high = low * days / 7, high * days / 7
    return Rate(low, high)


def _times_listed(repeat: fhir.Repeat, clock: int | None) -> Fraction | None:
    """How many times of the day are listed, where each comes once a day; None when they are not counted."""
    if clock is not None:
        return Fraction(clock)
    if repeat.when and set(repeat.when) <= _ONCE_A_DAY:
        return Fraction(len(set(repeat.when)))
    return None


def _from_lists(
    repeat: fhir.Repeat, days: int | None, clock: int | None, log: Ledger, path: str
) -> Rate | None:
    times = clock
    if times is None and repeat.when:
        if not set(repeat.when) <= _ONCE_A_DAY:
            log.note("frequency-unclear", "a timing by meals or other events does not say how often", path)
            return None
        times = len(set(repeat.when))
    if times is None and days is None:
        return None
    often = Fraction(times or 1) * (Fraction(days, 7) if days is not None else 1)
    return Rate(often, often)


def frequency(rate: Rate | None) -> Quantity | None:
    """The rate as a count a day, or a week where only that is a finite decimal."""
    if rate is None:
        return None
    for unit, days in (("/d", 1), ("/wk", 7)):
        if all(_is_finite(end * days) for end in (rate.low, rate.high)):
            return _ranged(rate.low * days, rate.high * days, unit)
    return _ranged(rate.low, rate.high, "/d")


def _ranged(low: Fraction, high: Fraction, unit: str) -> Quantity:
    return Quantity(decimal(low), unit, None, None if high == low else decimal(high))


def _is_finite(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def days(duration: fhir.Amount | None, log: Ledger, path: str, usual: str = "") -> Fraction | None:
    """A Duration in days, or None when its unit is no unit of time; `usual` is meant where none is stated."""
    found = values.amount(duration, log, path)
    if found is None:
        return None
    stated = found.unit or usual
    unit = UNIT_DAYS.get(_TIME_WORDS.get(stated.lower().rstrip("s"), stated))
    if unit is None or found.value < 0 or found.value * 1 > _LONGEST_DAYS:
        log.problem("duration", "a duration that cannot be read; it was not used", path, str(found))
        return None
    return Fraction(found.value) * unit


_LONGEST_DAYS: Final = 100_000
_TIME_WORDS: Final = {
    "day": "d",
    "week": "wk",
    "month": "mo",
    "year": "a",
    "hour": "h",
    "minute": "min",
    "hr": "h",
    **dict.fromkeys(("tag", "tage", "jour", "dia", "d\u00eda", "giorno", "giorni", "dag", "dagen"), "d"),
    **dict.fromkeys(("woche", "wochen", "semaine", "semana", "week", "weken"), "wk"),
}
