"""Dose and frequency from a dosage instruction in words, where every word of it is understood.

A text is read whole or not at all: one word that is not known, a condition, a step, or two statements
that do not fit together leave all of it unread. Nothing is guessed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Final

from caveat.adapters.fhir import sig_words as vocabulary
from caveat.adapters.fhir.rates import Rate, decimal
from caveat.adapters.fhir.sig_scan import Amount, Parts, scan
from caveat.facts.values import Quantity

_LONGEST: Final = 300
_HOLDING: Final = vocabulary.COUNTED | {"mL"}
"""Units that an amount of medicine is in."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a dosage in words says; None is not said. `daily` is the amount of a day where parts differ."""

    dose: Quantity | None = None
    often: Rate | None = None
    daily: Quantity | None = None
    as_needed: bool | None = None
    maximum: Quantity | None = None
    route: str | None = None


@lru_cache(maxsize=8192)
def read(text: str) -> Said | None:
    """What the text says, or None when a part of it is not understood or it says nothing."""
    plain = _plain(text)
    parts = None if plain is None else scan(plain)
    return None if parts is None else _assembled(parts)


_LETTERS: Final = str.maketrans(
    {"\u00b5": "u", "\u03bc": "u", "\u00d7": "x", "\u00df": "ss", "\u00f8": "o", "\u00e6": "ae"}
    | {"\u00bd": " 1/2", "\u00bc": " 1/4", "\u00be": " 3/4", "\u2013": "-", "\u2014": "-", "\u2019": " "}
    | {"'": " ", "\n": " ; ", "\r": " ", "\t": " ", "\u00a0": " ", "\u2044": "/"}
)
_INITIALS: Final = re.compile(r"\b(?:[a-z]\. ?){1,3}[a-z]\.(?![a-z])")
_THOUSANDS: Final = re.compile(r"[1-9]\d*[.,' ]\d{3}(?!\d)")
_SPELT: Final = re.compile(r"(\d+) ?\((\w+)\)")


def _plain(text: str) -> str | None:
    """The text in small letters without accents; None for a long one, or a number that can be read twice."""
    if len(text) > _LONGEST:
        return None
    spread = unicodedata.normalize("NFKD", text.translate(_LETTERS).lower())
    plain = "".join(c for c in spread if unicodedata.category(c) not in ("Mn", "Cf"))
    if _THOUSANDS.search(plain):
        return None
    plain = re.sub(r"(?<=\d),(?=\d)", ".", plain)
    plain = _INITIALS.sub(lambda found: found[0].replace(".", "").replace(" ", "") + " ", plain)
    plain = vocabulary.NO_STOP.sub(r"\1 ", plain)
    plain = re.sub(r"\((?:s|n|e|en)\)", "", plain)
    plain = re.sub(r"(?<=[a-z)])\.|\.(?=\s|$)", " ; ", plain)
    plain = _SPELT.sub(
        lambda found: found[1] if vocabulary.NUMBERS.get(found[2]) == Fraction(found[1]) else found[0], plain
    )
    plain = re.sub(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", " ", plain)
    return " ".join(plain.split())


def _assembled(parts: Parts) -> Said | None:
    amounts, often = _merged(parts), _often(parts)
    if amounts is None or often is None or len(parts.maxima) > 1 or len(parts.routes) > 1:
        return None
    rate = often[0]
    base = Said(
        as_needed=True if parts.as_needed else None,
        maximum=_maximum(parts, amounts),
        route=next(iter(parts.routes), None),
    )
    if parts.scheme:
        alone = not (amounts or rate or parts.daily)
        return _of_scheme(parts, base) if alone else None
    if parts.daily or parts.divided is not None:
        return _of_day(parts, amounts, rate, base)
    if len(amounts) > 1:
        return _of_times(parts, amounts, base)
    only = amounts[0] if amounts else None
    if only is not None and _may_be_divided(only) and all(weak for _, weak in parts.rates):
        # `2 x 500 mg daily`, `4 tablets a day` may be all at once or divided: the day's amount is the same
        if rate is not None and only.sure and not (parts.events or parts.weekdays):
            return replace(base, daily=only.quantity(f"{only.unit or vocabulary.PIECE}/d"))
        if only.several:
            return None
    dose = only.quantity() if only is not None and only.sure else None
    if dose is None and rate is None and base.maximum is None and base.as_needed is None:
        return None
    return replace(base, dose=dose, often=rate)


def _may_be_divided(amount: Amount) -> bool:
    """Whether `daily` after the amount may be meant of the day as a whole: of two units or more."""
    return amount.several or (amount.high >= 2 and (amount.unit in vocabulary.COUNTED or not amount.unit))


def _merged(parts: Parts) -> list[Amount] | None:
    """The amounts, with those that say one dose twice as one; None when it is not sure that they do.

    `10 mg = 1 tab`, `1 tablet (10 mg)`, `2 tablets (20 mg total)`.
    """
    if parts.equal and len(parts.amounts) != 2:
        return None
    found: list[Amount] = []
    for one in parts.amounts:
        if not found or not (parts.equal or one.inside):
            found.append(one)
            continue
        amount = _one_dose(found[-1], one, equal=parts.equal)
        if amount is None:
            return None
        said = (found.pop(), one)
        parts.groups = [
            (amount if any(own is other for other in said) else own, events) for own, events in parts.groups
        ]
        found.append(amount)
    return found


def _one_dose(first: Amount, second: Amount, *, equal: bool) -> Amount | None:
    """The amount of medicine of two that say one dose; the other counts or measures what holds it."""
    counted, amount = (first, second) if first.unit in _HOLDING else (second, first)
    if counted.unit not in _HOLDING or not amount.unit or amount.unit in _HOLDING:
        return None
    same = equal or second.total or second is counted or counted.unit == "mL"
    return amount if same or counted.low == counted.high == 1 else None


def _often(parts: Parts) -> tuple[Rate | None] | None:
    """How often, in a tuple that may hold None for not said; None when two statements do not fit together."""
    strong = {rate for rate, weak in parts.rates if not weak}
    weak = any(weak for _, weak in parts.rates)
    count = len(parts.events)
    rate = next(iter(strong), None)
    if len(strong) > 1 or (weak and (count > 1 if rate is None else rate.low < 1)):
        return None
    if rate is None:
        rate = Rate(Fraction(count or 1), Fraction(count or 1)) if count or weak else None
    elif count and not (rate.low == rate.high and (rate.low == count or (count == 1 and rate.low <= 1))):
        return None
    if not parts.weekdays:
        return (rate,)
    share = Fraction(len(parts.weekdays), 7)
    if rate is None or rate == Rate(share, share):
        return (Rate(share, share),)
    return (Rate(rate.low * share, rate.high * share),) if rate.low >= 1 else None


def _of_scheme(parts: Parts, base: Said) -> Said | None:
    given = [one for one in parts.scheme if one]
    if not given or parts.events:
        return None
    unit = parts.scheme_unit or vocabulary.PIECE
    times = Fraction(len(given))
    dose = Amount(min(given), max(given), unit).quantity()
    total = Quantity(decimal(sum(given, Fraction(0))), f"{unit}/d") if len(set(given)) > 1 else None
    return replace(base, dose=dose, often=Rate(times, times), daily=total)


def _of_day(parts: Parts, amounts: list[Amount], rate: Rate | None, base: Said) -> Said | None:
    """`30 mg/day`, `30 mg daily in 3 divided doses`."""
    stated = parts.daily
    if not stated and parts.rates and all(weak for _, weak in parts.rates) and not parts.events:
        stated, amounts, rate = amounts, [], None
    if len(stated) != 1 or amounts or rate is not None or not stated[0].unit:
        return None
    times = None if parts.divided is None else Rate(Fraction(parts.divided), Fraction(parts.divided))
    only = stated[0]
    if times is None and only.sure and only.low == only.high <= 1 and only.unit in vocabulary.COUNTED:
        return replace(base, dose=only.quantity(), often=Rate(Fraction(1), Fraction(1)))
    return replace(base, daily=stated[0].quantity(f"{stated[0].unit}/d"), often=times)


def _of_times(parts: Parts, amounts: list[Amount], base: Said) -> Said | None:
    """`2 tablets in the morning and 1 at night`: each amount with its own times of the day."""
    if parts.rates or parts.weekdays or [one for one, _ in parts.groups] != amounts:
        return None
    units = {one.unit for one in amounts if one.unit}
    events = [event for _, group in parts.groups for event in group]
    if len(units) > 1 or len(set(events)) < len(events) or not (units or all(one.sure for one in amounts)):
        return None
    unit = units.pop() if units else vocabulary.PIECE
    low = sum((one.low * len(group) for one, group in parts.groups), Fraction(0))
    high = sum((one.high * len(group) for one, group in parts.groups), Fraction(0))
    dose = Amount(min(one.low for one in amounts), max(one.high for one in amounts), unit).quantity()
    times = Fraction(len(events))
    total = None if dose.upper is None else Amount(low, high, unit).quantity(f"{unit}/d")
    return replace(base, dose=dose, often=Rate(times, times), daily=total)


def _maximum(parts: Parts, amounts: list[Amount]) -> Quantity | None:
    if not parts.maxima:
        return None
    one = parts.maxima[0]
    unit = one.unit or next((amount.unit for amount in amounts if amount.unit in vocabulary.COUNTED), "")
    return one.quantity(f"{unit}/d") if unit else None
